package promptorchestra_test

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The layout in docs/architecture.md has every folder of internal and every module, and no other.
func TestArchitectureNamesTheFolders(t *testing.T) {
	layout := blocks(documents(t)["docs/architecture.md"], "text")[1]
	var listed, exist []string
	for _, match := range regexp.MustCompile(`(?m)^(\S+)/? `).FindAllStringSubmatch(layout, -1)[1:] {
		listed = append(listed, strings.TrimSuffix(match[1], "/"))
	}
	for _, pattern := range []string{"internal/*", "*/go.mod", "jobs/*/go.mod", "cmd", "examples", "jobs", "orchestratest"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, name := range found {
			exist = append(exist, filepath.ToSlash(strings.TrimSuffix(name, string(filepath.Separator)+"go.mod")))
		}
	}
	assert.ElementsMatch(t, exist, listed)
}

// The code imports of this module only what the arrows in docs/architecture.md allow.
func TestDependenciesPointOneWay(t *testing.T) {
	const path = "github.com/prompt-orchestra/promptorchestra-go"
	for folder, allowed := range map[string]string{
		".":                            `/internal/(failure|jsonscan|lenient|redact|transport)`,
		"internal/transport":           `/internal/redact`,
		"internal/failure":             `/internal/(jsonscan|redact)`,
		"internal/lenient":             `/internal/jsonscan`,
		"internal/jsonscan":            `nothing`,
		"internal/redact":              `nothing`,
		"orchestratest":                ``,
		"jobs":                         ``,
		"otel":                         ``,
		"cmd/promptorchestra-emulator": `/orchestratest`,
	} {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		require.NoError(t, err)
		require.NotEmpty(t, files, folder)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
			require.NoError(t, err)
			for _, spec := range parsed.Imports {
				imported, err := strconv.Unquote(spec.Path.Value)
				require.NoError(t, err)
				if rest, own := strings.CutPrefix(imported, path); own {
					assert.Regexp(t, "^"+allowed+"$", rest, "%s imports %s", file, imported)
				}
			}
		}
	}
}

// CONTRIBUTING.md has a row for each gate of .ci/run, and for no other.
func TestContributingNamesTheGates(t *testing.T) {
	script, err := os.ReadFile(".ci/run")
	require.NoError(t, err)
	all := regexp.MustCompile(`(?m)^all=\((.*)\)$`).FindSubmatch(script)
	require.NotNil(t, all)
	var named []string
	_, table, _ := strings.Cut(documents(t)["CONTRIBUTING.md"], "| gate |")
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*?) \\|").FindAllStringSubmatch(table, -1) {
		named = append(named, strings.Split(strings.ReplaceAll(row[1], "`", ""), ", ")...)
	}
	assert.ElementsMatch(t, strings.Fields(string(all[1])), named)
}

// The Go releases that the documents name are those of go.mod and of the CI.
func TestDocumentsNameTheGoReleases(t *testing.T) {
	find := func(file, expression string) string {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		match := regexp.MustCompile(expression).FindSubmatch(text)
		require.NotNil(t, match, "%s: %s", file, expression)
		return string(match[1])
	}
	oldest := find("go.mod", `(?m)^go (\d+\.\d+)`)
	newest := find(".ci/run", `(?m)^newest_go=(\d+\.\d+)`)
	older := find(".github/workflows/ci.yml", `go: \["(\S+)", "`+newest+`"\]`)
	assert.Equal(t, oldest, find("README.md", `It needs Go (\S+)`))
	assert.Equal(t, older, find("CONTRIBUTING.md", `You need Go (\S+)`))
	assert.Equal(t, older, find("README.md", `are Go (\S+) and `+newest+`\.\n`))
	assert.Equal(t, older, find("docs/versioning.md", `\| `+newest+` \| .*\n\| (\S+) \|`))
	assert.Equal(t, older, find("otel/go.mod", `(?m)^go (\d+\.\d+)`))
}
