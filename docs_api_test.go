package promptorchestra_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest/apidocs"
)

// signatures returns what each method takes after its context and returns beside its error, by
// "AgentsService.Get".
func signatures(t *testing.T) (takes, returns map[string]string) {
	t.Helper()
	takes, returns = map[string]string{}, map[string]string{}
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		for _, declaration := range file.Decls {
			f, ok := declaration.(*ast.FuncDecl)
			if !ok || f.Recv == nil || !f.Name.IsExported() {
				continue
			}
			method := strings.TrimPrefix(types.ExprString(f.Recv.List[0].Type), "*") + "." + f.Name.Name
			var args []string
			for _, field := range f.Type.Params.List {
				switch text := types.ExprString(field.Type); {
				case text == "string":
					for _, arg := range field.Names {
						args = append(args, arg.Name)
					}
				case text != "context.Context" && !strings.HasPrefix(text, "..."):
					args = append(args, text)
				}
			}
			takes[method] = strings.Join(args, ", ")
			if f.Type.Results != nil {
				returns[method] = types.ExprString(f.Type.Results.List[0].Type)
			}
		}
	}
	return takes, returns
}

// docs/api.md has a table for each service, with a row for each method, as the code and the
// documented routes have it.
func TestAPIDocument(t *testing.T) {
	text := documents(t)["docs/api.md"]
	routes := apidocs.Routes(t)
	takes, returns := signatures(t)
	rows := 0
	for _, m := range apidocs.Methods(reflect.TypeFor[promptorchestra.Client]()) {
		service, name, _ := strings.Cut(m.Op, ".")
		if strings.HasPrefix(name, "All") {
			continue // stands beside List
		}
		method := m.Receiver.Elem().Name() + "." + name
		op := map[string]string{
			"AgentRuns.Wait": "AgentRuns.Get", "SkillRuns.Wait": "SkillRuns.Get", "Agents.RunAndWait": "Agents.Run", "Runs.Find": "Runs.List",
		}[m.Op]
		if op == "" {
			op = m.Op
		}
		route, ok := routes[op]
		require.True(t, ok, m.Op)
		facts := []string{route.Stability}
		if route.Auth == "user" {
			facts = append(facts, "user")
		} else if route.Scope != "" {
			facts = append(facts, "`"+route.Scope+"`")
		}
		if route.Replay == "safe" {
			facts = append(facts, "idempotent")
		}
		row := fmt.Sprintf("| `%s(%s) %s` | `%s %s` | %s |\n",
			name, takes[method], returns[method], route.Method, route.Path, strings.Join(facts, ", "))
		_, section, found := strings.Cut(text, "\n## "+service+"\n")
		require.True(t, found, "docs/api.md has no heading %s", service)
		section, _, _ = strings.Cut(section, "\n## ")
		if !strings.Contains(section, row) {
			t.Errorf("docs/api.md does not have, under %s:\n%s", service, row)
		}
		rows++
	}
	assert.Equal(t, rows, strings.Count(text, "\n| `"), "docs/api.md has a method that does not exist")
	count := fmt.Sprintf("%d documented endpoints", len(routes))
	for _, name := range []string{"README.md", "docs/api.md"} {
		plain := strings.Join(strings.Fields(documents(t)[name]), " ")
		if !strings.Contains(plain, count) {
			t.Errorf("%s does not say %q", name, count)
		}
	}
}

// docs/api.md has a line for each option, under what it is for, and one for each method of the client.
func TestAPIDocumentNamesTheOptions(t *testing.T) {
	_, options, _ := strings.Cut(documents(t)["docs/api.md"], "\n## Options\n")
	client, options, _ := strings.Cut(options, "For a client or a call:")
	both, options, _ := strings.Cut(options, "For a call:")
	call, _, _ := strings.Cut(options, "\n## ")
	listed := map[string]string{}
	for kind, list := range map[string]string{"Option": client, "SharedOption": both, "CallOption": call} {
		for _, line := range regexp.MustCompile("(?m)^- ((?:`\\w+`(?:, )?)+): \\S").FindAllStringSubmatch(list, -1) {
			for _, name := range strings.Split(strings.ReplaceAll(line[1], "`", ""), ", ") {
				listed[name] = kind
			}
		}
	}
	exported := map[string]string{}
	var methods []string
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		if file.Name.Name != "promptorchestra" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, declaration := range file.Decls {
			f, ok := declaration.(*ast.FuncDecl)
			switch {
			case !ok || !f.Name.IsExported():
			case f.Recv == nil && strings.HasPrefix(f.Name.Name, "With"):
				exported[f.Name.Name] = types.ExprString(f.Type.Results.List[0].Type)
			case f.Recv != nil && types.ExprString(f.Recv.List[0].Type) == "*Client":
				methods = append(methods, f.Name.Name)
			}
		}
	}
	assert.Equal(t, exported, listed)
	require.NotEmpty(t, methods)
	_, section, _ := strings.Cut(documents(t)["docs/api.md"], "\n## The client\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, name := range append(methods, "New", "NewFromEnv") {
		assert.Contains(t, section, "`"+name+"(")
	}
}

var rowOfService = regexp.MustCompile(`\| \[(\w+)\]\(` + regexp.QuoteMeta(blobs) + `docs/api\.md#(\w+)\) \| (.*) \|`)

// The README has a row for each service, with its methods.
func TestREADMENamesTheServices(t *testing.T) {
	methods := map[string][]string{}
	for _, m := range apidocs.Methods(reflect.TypeFor[promptorchestra.Client]()) {
		service, name, _ := strings.Cut(m.Op, ".")
		methods[service] = append(methods[service], "`"+name+"`")
	}
	for _, row := range rowOfService.FindAllStringSubmatch(documents(t)["README.md"], -1) {
		assert.Equal(t, strings.ToLower(row[1]), row[2])
		assert.ElementsMatch(t, methods[row[1]], strings.Split(row[3], ", "), row[1])
		delete(methods, row[1])
	}
	assert.Empty(t, methods, "services without a row")
}
