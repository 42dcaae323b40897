package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const source = `package p

//mutelist:check
var noDoc = map[string]int{"a": 1, ` + "`b`" + `: 2}

// nested is marked.
//
//mutelist:check . ./internal/faulttest
var nested = [][]string{{"c", "d"}, {x}}

// f is marked.
//
//mutelist:check
func f(s string) bool {
	switch s {
	case "e", "f":
		return true
	}
	return s == "not an entry"
}

var other = []string{"not marked"}
`

func TestListsOfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.go")
	require.NoError(t, os.WriteFile(path, []byte(source), 0o600))
	lists, err := find(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, lists, 3)
	for i, want := range []struct {
		name     string
		entries  []string
		packages int
	}{
		{"noDoc", []string{`"a"`, "`b`"}, 1},
		{"nested", []string{`"c"`, `"d"`}, 3},
		{"f", []string{`"e"`, `"f"`}, 1},
	} {
		var entries []string
		for _, e := range lists[i].entries {
			entries = append(entries, e.Value)
			muted := string(lists[i].without(e))
			assert.NotContains(t, muted, e.Value)
			assert.Contains(t, muted, "muted")
		}
		assert.Equal(t, want.name, lists[i].name)
		assert.Equal(t, want.entries, entries)
		assert.Len(t, lists[i].packages, want.packages)
	}
}
