package promptorchestra_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An example compiles when it is copied into another module, or its comment says that it does not. Of
// one that does not, the files that share nothing with the other examples are all that the copy has.
func TestExamplesCanBeCopied(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs")
	}
	root, err := os.Getwd()
	require.NoError(t, err)
	sums, err := os.ReadFile("go.sum")
	require.NoError(t, err)
	const path = "github.com/prompt-orchestra/promptorchestra-go"
	scratch := t.TempDir()
	write := func(name, text string) {
		name = filepath.Join(scratch, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	}
	write("go.mod", "module copied\n\ngo 1.25.0\n\nrequire "+path+" v0.0.0\n\nreplace "+path+" => "+strconv.Quote(root)+"\n")
	write("go.sum", string(sums))

	examples, err := filepath.Glob("examples/*/main.go")
	require.NoError(t, err)
	copied := 0
	for _, example := range examples {
		dir := filepath.Dir(example)
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			continue // a module of its own: its replace directive has to be changed or removed
		}
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		require.NoError(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			comment, _, _ := strings.Cut(string(text), "\npackage ")
			shares := strings.Contains(string(text), path+"/examples/internal/")
			assert.Equal(t, shares, strings.Contains(strings.Join(strings.Fields(comment), " "), "compiles in this repository only"), file)
			if !shares {
				copied++
				name, err := filepath.Rel("examples", file)
				require.NoError(t, err)
				// Without its main.go it is a package for another program to use.
				if filepath.Base(file) != "main.go" {
					text = []byte(strings.Replace(string(text), "package main\n", "package copied\n", 1))
				}
				write(name, string(text))
			}
		}
	}
	require.GreaterOrEqual(t, copied, 3, "the quickstart, and two files of the service")
	command := exec.CommandContext(t.Context(), "go", "vet", "-mod=mod", "./...")
	command.Dir = scratch
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
