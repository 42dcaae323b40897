package promptorchestra_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var goBlock = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

// fragmentImports is what a block that is no whole file may use, besides ctx,
// client and agentID.
var fragmentImports = map[string]string{
	"context.": `"context"`, "errors.": `"errors"`, "fmt.": `"fmt"`, "slog.": `"log/slog"`, "http.": `"net/http"`,
	"os.": `"os"`, "time.": `"time"`, "log.": `"log"`, "testing.": `"testing"`,
	"promptorchestra.": `promptorchestra "github.com/prompt-orchestra/promptorchestra-go"`,
	"orchestratest.":   `"github.com/prompt-orchestra/promptorchestra-go/orchestratest"`,
}

// Every Go block of the documents compiles, and the README's program runs.
func TestDocumentsCompile(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs")
	}
	documents, err := filepath.Glob("*.md")
	require.NoError(t, err)
	more, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	for _, document := range append(documents, more...) {
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		for i, match := range goBlock.FindAllSubmatch(text, -1) {
			t.Run(fmt.Sprintf("%s/%d", document, i+1), func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "block.go")
				require.NoError(t, os.WriteFile(file, wholeFile(match[1]), 0o600))
				out, err := exec.CommandContext(t.Context(), "go", "vet", file).CombinedOutput()
				require.NoError(t, err, "%s", out)
				if document == "README.md" && i == 0 {
					out, err := exec.CommandContext(t.Context(), "go", "run", file).CombinedOutput()
					require.NoError(t, err, "%s", out)
					assert.Regexp(t, `^run run_\w+ answered "Greet Ada in one sentence."\n$`, string(out))
				}
			})
		}
	}
}

// wholeFile makes a file of a block that is only the inside of a function.
func wholeFile(block []byte) []byte {
	if bytes.HasPrefix(block, []byte("package ")) {
		return block
	}
	var b strings.Builder
	b.WriteString("package block\n\nimport (\n")
	for use, path := range fragmentImports {
		if regexp.MustCompile(`\b`+regexp.QuoteMeta(use)).Match(block) || use == "context." || use == "promptorchestra." {
			fmt.Fprintf(&b, "\t%s\n", path)
		}
	}
	b.WriteString(")\n\nvar agentID string\n\n")
	b.WriteString("func _(ctx context.Context, client *promptorchestra.Client) error {\n{\n")
	b.Write(block)
	b.WriteString("}\nreturn nil\n}\n")
	return []byte(b.String())
}

// Each promise names tests, and they exist.
func TestReliabilityNamesItsTests(t *testing.T) {
	var sources strings.Builder
	for _, pattern := range []string{"*_test.go", "internal/faulttest/*_test.go", "internal/transport/*_test.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			source, err := os.ReadFile(file)
			require.NoError(t, err)
			sources.Write(source)
		}
	}
	text, err := os.ReadFile("docs/reliability.md")
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
