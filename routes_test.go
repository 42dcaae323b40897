package promptorchestra

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// documentedRoute is a route as testdata/routes.json describes it.
type documentedRoute struct {
	Name           string   `json:"name"`
	Method         string   `json:"method"`
	Path           string   `json:"path"`
	Auth           string   `json:"auth"`
	Scope          string   `json:"scope"`
	Org            string   `json:"org"`
	PublicContract bool     `json:"publicContract"`
	Stability      string   `json:"stability"`
	Replay         string   `json:"replay"`
	Body           []string `json:"body"`
	Query          []string `json:"query"`
}

func documentedRoutes(t *testing.T) map[string]documentedRoute {
	t.Helper()
	data, err := os.ReadFile("testdata/routes.json")
	require.NoError(t, err)
	var file struct {
		Routes []documentedRoute `json:"routes"`
	}
	require.NoError(t, json.Unmarshal(data, &file))
	byName := map[string]documentedRoute{}
	for _, r := range file.Routes {
		byName[r.Name] = r
	}
	require.GreaterOrEqual(t, len(byName), 56, "the documented surface")
	return byName
}

func TestRouteTableIsTheDocumentedOne(t *testing.T) {
	documented := documentedRoutes(t)
	require.Len(t, routes, len(documented))
	seen := map[string]bool{}
	for _, r := range routes {
		t.Run(r.op, func(t *testing.T) {
			want, known := documented[r.op]
			require.True(t, known, "no such documented route")
			require.False(t, seen[r.op], "twice in the table")
			seen[r.op] = true
			assert.Equal(t, want.Method, r.method)
			assert.Equal(t, want.Path, r.path)
			assert.Equal(t, want.Scope, r.scope)
			assert.Equal(t, want.Auth == "user", r.traits.has(userOnly))
			assert.Equal(t, want.PublicContract, r.traits.has(publicContract))
			assert.Equal(t, want.Replay == "never", r.traits.has(once))
			assert.Equal(t, want.Stability == "stable", r.traits.has(stable))
			assert.Equal(t, want.Stability == "beta", r.traits.has(beta))
			assert.Equal(t, want.Stability == "classic", r.traits.has(classic))
			assert.Equal(t, want.Org == "query", r.method == "GET")
			if r.traits.has(execution) {
				assert.True(t, r.traits.has(once), "an execution must not run twice")
			}
			filled := r.fixed[0]
			for i, name := range r.params {
				filled += "{" + name + "}" + r.fixed[i+1]
			}
			assert.Equal(t, r.path, filled)
		})
	}
}

// A method is an exported method of a service of Client.
type method struct {
	op       string
	receiver reflect.Type
	reflect.Method
}

func (m method) isList() bool { return m.Type.Out(0).Kind() == reflect.Slice }

// record is the type that the method returns, or whose slice it returns.
func (m method) record() reflect.Type { return m.Type.Out(0).Elem() }

func serviceMethods() []method {
	var all []method
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Client]()) {
		if !field.IsExported() {
			continue
		}
		for i := range field.Type.NumMethod() {
			m := field.Type.Method(i)
			all = append(all, method{field.Name + "." + m.Name, field.Type, m})
		}
	}
	return all
}

// wrappers have no route of their own: the streaming twins of lists, and waiting.
func isWrapper(m method) bool {
	return m.Name == "All" || m.Name == "AllCases" || m.op == "AgentRuns.Wait"
}

func TestMethodsAndRoutesMatch(t *testing.T) {
	table := map[string]*route{}
	for _, r := range routes {
		table[r.op] = r
	}
	for _, m := range serviceMethods() {
		if isWrapper(m) {
			continue
		}
		r := table[m.op]
		if !assert.NotNil(t, r, "%s has no route", m.op) {
			continue
		}
		delete(table, m.op)
		f := m.Type
		require.Equal(t, 2, f.NumOut(), m.op)
		assert.Contains(t, []reflect.Kind{reflect.Pointer, reflect.Slice}, f.Out(0).Kind(), m.op)
		assert.Equal(t, reflect.TypeFor[error](), f.Out(1), m.op)
		assert.Equal(t, reflect.TypeFor[context.Context](), f.In(1), m.op)
		assert.True(t, f.IsVariadic(), m.op)
		assert.Equal(t, reflect.TypeFor[[]CallOption](), f.In(f.NumIn()-1), m.op)
		for i := range r.params {
			assert.Equal(t, reflect.String, f.In(2+i).Kind(), "%s: path id %d", m.op, i)
		}
	}
	assert.Empty(t, table, "routes without a method")
}

func TestEveryListHasAStreamingTwin(t *testing.T) {
	lists := 0
	for _, m := range serviceMethods() {
		if isWrapper(m) || !m.isList() || m.op == "Agents.SaveSteps" {
			continue
		}
		lists++
		twin, found := m.receiver.MethodByName(strings.Replace(m.Name, "List", "All", 1))
		if !assert.True(t, found, "%s has none", m.op) {
			continue
		}
		for i := range m.Type.NumIn() {
			assert.Equal(t, m.Type.In(i), twin.Type.In(i), "%s and its twin differ in argument %d", m.op, i)
		}
		pair := twin.Type.Out(0).In(0)
		assert.Equal(t, m.record(), pair.In(0), m.op)
		assert.Equal(t, reflect.TypeFor[error](), pair.In(1), m.op)
	}
	assert.Equal(t, 8, lists)
}

func TestEveryRecordHasACapturedDocument(t *testing.T) {
	var records []string
	for _, m := range serviceMethods() {
		if !isWrapper(m) {
			records = append(records, m.record().Name())
		}
	}
	slices.Sort(records)
	var captured []string
	for _, name := range documents(t) {
		captured = append(captured, recordOf(name))
	}
	assert.Equal(t, slices.Compact(records), slices.Compact(captured))
}

// documents returns the names of the captured documents, sorted.
func documents(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/records/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	names := make([]string, 0, len(files))
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".json"))
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(recordOf(a), recordOf(b)) })
	return names
}

// recordOf is the record that a document is one of: ToolVersion.snake_case is a ToolVersion.
func recordOf(document string) string {
	record, _, _ := strings.Cut(document, ".")
	return record
}

func document(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/records/" + name + ".json")
	require.NoError(t, err)
	return data
}
