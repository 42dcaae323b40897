package jobs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/prompt-orchestra/promptorchestra-go/jobs"
)

// A comment has the rows of the tables that go doc shows of functions.
type comment map[string]*commentRow

type commentRow struct {
	function string
	action   jobs.Action
	tested   bool
}

var (
	commentRows = regexp.MustCompile(`(?m)^\t(\S.*?) +(Done|LookUp|Retry|Park)\b`)
	actions     = map[string]jobs.Action{"Done": jobs.Done, "LookUp": jobs.LookUp, "Retry": jobs.Retry, "Park": jobs.Park}
)

func readComment(t *testing.T, functions ...string) comment {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "decision.go", nil, parser.ParseComments)
	require.NoError(t, err)
	read := comment{}
	for _, declaration := range file.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok || !slices.Contains(functions, function.Name.Name) {
			continue
		}
		for _, row := range commentRows.FindAllStringSubmatch(function.Doc.Text(), -1) {
			require.NotContains(t, read, row[1])
			read[row[1]] = &commentRow{function: function.Name.Name, action: actions[row[2]]}
		}
	}
	return read
}

// says asserts that a row is in the comment, with this action.
func (c comment) says(t *testing.T, name string, action jobs.Action) {
	t.Helper()
	row, ok := c[name]
	if assert.True(t, ok, "no comment has the row %q", name) {
		assert.Equal(t, row.action, action, name)
		row.tested = true
	}
}

// isTested asserts that each row of a function's comment was asked for.
func (c comment) isTested(t *testing.T, function string) {
	t.Helper()
	rows := 0
	for name, row := range c {
		if row.function == function {
			rows++
			assert.True(t, row.tested, "no test is of the row %q", name)
		}
	}
	assert.Greater(t, rows, 5)
}
