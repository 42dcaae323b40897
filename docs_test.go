package promptorchestra_test

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest/apidocs"
)

var (
	fencedBlock = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")
	declaration = regexp.MustCompile(`(?m)^func `)
	finalReturn = regexp.MustCompile(`(?m)^return .*\n\z`)
)

// blockImports is what a block that is no whole file may use, besides ctx, client and agentID.
var blockImports = map[string]string{
	"context.": `"context"`, "errors.": `"errors"`, "fmt.": `"fmt"`, "slog.": `"log/slog"`, "http.": `"net/http"`,
	"os.": `"os"`, "time.": `"time"`, "log.": `"log"`, "testing.": `"testing"`, "net.": `"net"`, "url.": `"net/url"`,
	"tls.": `"crypto/tls"`, "x509.": `"crypto/x509"`, "sync.": `"sync"`, "atomic.": `"sync/atomic"`, "httptest.": `"net/http/httptest"`, "synctest.": `"testing/synctest"`,
	"httptrace.": `"net/http/httptrace"`, "json.": `"encoding/json"`, "iter.": `"iter"`,
	"bytes.": `"bytes"`, "cmp.": `"cmp"`, "io.": `"io"`, "maps.": `"maps"`, "slices.": `"slices"`, "strings.": `"strings"`,
	"promptorchestra.": `promptorchestra "github.com/prompt-orchestra/promptorchestra-go"`,
	"orchestratest.":   `"github.com/prompt-orchestra/promptorchestra-go/orchestratest"`,
}

// documents returns the text of every document by its name.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		names, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, name := range names {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			texts[filepath.ToSlash(name)] = string(text)
		}
	}
	require.Greater(t, len(texts), 8)
	return texts
}

// blocks returns the fenced blocks of a language.
func blocks(text, language string) (found []string) {
	for _, match := range fencedBlock.FindAllStringSubmatch(text, -1) {
		if match[1] == language {
			found = append(found, match[2])
		}
	}
	return found
}

// Every Go block of the documents compiles, in a module that uses this one. A block that is a program
// of its own is a package, and the others of a document are one together. Where testdata/documents
// has a test for a document, it passes. The blocks that need other modules stand in internal/recipes,
// word for word, with their tests.
func TestDocumentsCompile(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs")
	}
	root, err := os.Getwd()
	require.NoError(t, err)
	module, err := os.ReadFile("go.mod")
	require.NoError(t, err)
	sums, err := os.ReadFile("go.sum")
	require.NoError(t, err)
	const path = "github.com/prompt-orchestra/promptorchestra-go"
	scratch := t.TempDir()
	write := func(name string, text []byte) {
		name = filepath.Join(scratch, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, text, 0o600))
	}
	write("go.mod", []byte(strings.Replace(string(module), "module "+path, "module documents", 1)+
		"\nrequire "+path+" v0.0.0\n\nreplace "+path+" => "+strconv.Quote(root)+"\n"))
	write("go.sum", sums)
	elsewhere := recipes(t)
	found := 0
	for name, text := range documents(t) {
		for i, block := range blocks(text, "go") {
			found++
			if elsewhere[block] != "" {
				delete(elsewhere, block)
				continue
			}
			dir := regexp.MustCompile(`\W+`).ReplaceAllString(name, "_")
			file := fmt.Sprintf("block%d.go", i+1)
			if strings.Contains(block, "\nfunc Test") {
				file = fmt.Sprintf("block%d_test.go", i+1)
			}
			if strings.HasPrefix(block, "package ") {
				dir = fmt.Sprintf("%s_%d", dir, i+1)
			}
			write(filepath.Join(dir, file), wholeFile(block))
		}
	}
	for _, file := range elsewhere {
		assert.NotContains(t, file, "block_", "no document has it")
	}
	tests, err := filepath.Glob("testdata/documents/*_test.go")
	require.NoError(t, err)
	for _, name := range tests {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		write(filepath.Join(strings.TrimSuffix(filepath.Base(name), "_test.go"), "more_test.go"), text)
	}
	require.Greater(t, found, 5)
	for _, check := range []string{"vet", "test"} {
		command := exec.CommandContext(t.Context(), "go", check, "-mod=mod", "./...")
		command.Dir = scratch
		out, err := command.CombinedOutput()
		require.NoError(t, err, "go %s\n%s", check, out)
	}
}

// recipes returns what the files of internal/recipes have below their imports, with their names.
func recipes(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("internal/recipes/*_test.go")
	require.NoError(t, err)
	found := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		_, block, _ := strings.Cut(string(text), "\n)\n\n")
		found[block] = file
	}
	return found
}

// wholeFile makes a file of a block that is only some functions, or the inside of one.
func wholeFile(block string) []byte {
	if strings.HasPrefix(block, "package ") {
		return []byte(block)
	}
	functions := declaration.MatchString(block)
	var b strings.Builder
	b.WriteString("package block\n\nimport (\n")
	for use, path := range blockImports {
		if regexp.MustCompile(`\b`+regexp.QuoteMeta(use)).MatchString(block) || !functions && (use == "context." || use == "promptorchestra.") {
			fmt.Fprintf(&b, "\t%s\n", path)
		}
	}
	b.WriteString(")\n\n")
	if functions {
		b.WriteString(block)
	} else {
		b.WriteString("func _(ctx context.Context, client *promptorchestra.Client, agentID string) error {\n")
		if finalReturn.MatchString(block) {
			b.WriteString(block + "}\n")
		} else {
			b.WriteString("{\n" + block + "}\nreturn nil\n}\n")
		}
	}
	return []byte(b.String())
}

// The README's complete program prints what it should.
func TestReadmesProgramRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	for _, block := range blocks(documents(t)["README.md"], "go") {
		if !strings.HasPrefix(block, "package main") || !strings.Contains(block, "orchestratest.NewServer()") {
			continue
		}
		file := filepath.Join(t.TempDir(), "main.go")
		require.NoError(t, os.WriteFile(file, []byte(block), 0o600))
		out, err := exec.CommandContext(t.Context(), "go", "run", file).CombinedOutput()
		require.NoError(t, err, "%s", out)
		assert.Regexp(t, `^run run_\w+ \w+ "Greet Ada in one sentence."\n$`, string(out))
		return
	}
	t.Error("the README has no program that runs on the emulator")
}

// commands are the shell commands of the documents, each with the reason why this test does not run
// it, or "" where it does.
var commands = map[string]string{
	"go run ./examples/quickstart":                          "",
	"go get github.com/prompt-orchestra/promptorchestra-go": "changes the module of the user",
	"go test ./...":          "is what runs this test",
	"bash .ci/run":           "runs this test",
	"bash .ci/run lint race": "runs this test",
	"go run ./internal/mutelists internal/failure":                                                      "takes a minute",
	"go -C otel test -run '^$' -bench Call -benchmem":                                                   "its figures need a machine at rest",
	"scripts/bench.sh 5":                                                                                "takes minutes, and its figures need a machine at rest",
	"go run ./cmd/promptorchestra-emulator -addr 127.0.0.1:8080":                                        "runs until it is ended: the command's own tests start it",
	`curl --json '{"op":"Agents.Run","faults":[{"fault":"dropAfter"}]}' "$EMULATOR_CONTROL_URL/faults"`: "needs the emulator: examples/curl does the same, and its test runs it",
}

func TestCommandsOfTheDocuments(t *testing.T) {
	seen := map[string]bool{}
	for name, text := range documents(t) {
		for _, block := range blocks(text, "sh") {
			for line := range strings.Lines(block) {
				command, _, _ := strings.Cut(line, " #")
				if command = strings.TrimSpace(command); command == "" {
					continue
				}
				reason, known := commands[command]
				if !assert.True(t, known, "%s has the command %q: add it to the table", name, command) || seen[command] {
					continue
				}
				seen[command] = true
				if reason == "" && !testing.Short() {
					words := strings.Fields(command)
					out, err := exec.CommandContext(t.Context(), words[0], words[1:]...).CombinedOutput()
					assert.NoError(t, err, "%s\n%s", command, out)
				}
			}
		}
	}
	for command := range commands {
		assert.True(t, seen[command], "no document has the command %q", command)
	}
}

var (
	linkOfADocument = regexp.MustCompile(`\]\(([^)\s]+)\)|(?m:^\[[^\]]+\]: (\S+)$)`)
	heading         = regexp.MustCompile(`(?m)^#{1,6} (.*)$`)
	codeSpan        = regexp.MustCompile("`[^`\n]*`")
)

// blobs is the address of the repository's files. The README's links to headings begin with it.
const blobs = "https://github.com/prompt-orchestra/promptorchestra-go/blob/main/"

// A link inside the repository leads to a file that exists, and to a heading in it.
func TestLinksOfTheDocumentsResolve(t *testing.T) {
	texts := documents(t)
	found := 0
	for name, text := range texts {
		plain := codeSpan.ReplaceAllString(fencedBlock.ReplaceAllString(text, ""), "")
		for _, match := range linkOfADocument.FindAllStringSubmatch(plain, -1) {
			target, anchor, _ := strings.Cut(match[1]+match[2], "#")
			file, whole := strings.CutPrefix(target, blobs)
			switch {
			case whole:
			case strings.Contains(target, "://"):
				continue
			case target == "":
				file = name
			default:
				file = path.Join(path.Dir(name), target)
			}
			if name == "README.md" && !whole && target != "" {
				assert.Empty(t, anchor, "pkg.go.dev drops the anchor of a relative link: %s", match[0])
			}
			found++
			_, err := os.Stat(filepath.FromSlash(file))
			if !assert.NoError(t, err, "%s links to %s", name, match[1]) || anchor == "" {
				continue
			}
			assert.Contains(t, anchors(texts[file]), anchor, "%s links to %s", name, match[1])
		}
	}
	assert.Greater(t, found, 10)
}

// anchors returns the headings of a document in the form of links to them.
func anchors(text string) (found []string) {
	for _, match := range heading.FindAllStringSubmatch(fencedBlock.ReplaceAllString(text, ""), -1) {
		plain := regexp.MustCompile(`[^\w\- ]`).ReplaceAllString(strings.ToLower(match[1]), "")
		found = append(found, strings.ReplaceAll(plain, " ", "-"))
	}
	return found
}

// docs/migrating.md names every documented endpoint, and no method that does not exist.
func TestMigratingNamesEveryMethod(t *testing.T) {
	named := map[string]bool{}
	for _, match := range regexp.MustCompile("`([A-Z]\\w+\\.[A-Z]\\w+)(\\(|`)").FindAllStringSubmatch(documents(t)["docs/migrating.md"], -1) {
		named[match[1]] = true
	}
	exists := map[string]bool{"Workflow.Validate": true, "Workflow.Mermaid": true}
	for _, m := range apidocs.Methods(reflect.TypeFor[promptorchestra.Client]()) {
		exists[m.Op] = true
	}
	for name := range named {
		assert.True(t, exists[name], "there is no %s", name)
	}
	for op := range apidocs.Routes(t) {
		assert.True(t, named[op], "%s is not named", op)
	}
}

// Dependabot looks after every module of the repository.
func TestDependabotCoversEveryModule(t *testing.T) {
	settings, err := os.ReadFile(".github/dependabot.yml")
	require.NoError(t, err)
	directories := regexp.MustCompile(`(?m)^      - (/\S*)$`).FindAllStringSubmatch(string(settings), -1)
	modules := 0
	require.NoError(t, filepath.WalkDir(".", func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() != "go.mod" {
			return err
		}
		modules++
		directory := strings.TrimSuffix("/"+strings.TrimPrefix(filepath.ToSlash(filepath.Dir(name)), "."), "/")
		covered := false
		for _, match := range directories {
			matched, err := path.Match(strings.TrimSuffix(match[1], "/"), directory)
			require.NoError(t, err)
			covered = covered || matched
		}
		assert.True(t, covered, "%s", directory)
		return nil
	}))
	assert.GreaterOrEqual(t, modules, 3)
}

// Each promise names tests, and they exist.
func TestReliabilityNamesItsTests(t *testing.T) {
	var sources strings.Builder
	for _, pattern := range []string{"*_test.go", "internal/faulttest/*_test.go", "internal/transport/*_test.go", "internal/transports/*_test.go", "internal/jsonscan/*_test.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			source, err := os.ReadFile(file)
			require.NoError(t, err)
			sources.Write(source)
		}
	}
	text, err := os.ReadFile("internal/faulttest/README.md")
	require.NoError(t, err)
	rows := 0
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| fault") {
			continue
		}
		rows++
		names := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllStringSubmatch(line, -1)
		assert.NotEmpty(t, names, line)
		for _, name := range names {
			assert.Contains(t, sources.String(), "\nfunc "+name[1]+"(", line)
		}
	}
	assert.Greater(t, rows, 40)
}
