package promptorchestra

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest/apidocs"
)

func TestRouteTableIsTheDocumentedOne(t *testing.T) {
	documented := apidocs.Routes(t)
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
			assert.Equal(t, want.Auth == "user", r.traits&userOnly != 0)
			assert.Equal(t, want.PublicContract, r.traits&publicContract != 0)
			assert.Equal(t, want.Replay == "never", r.traits&notIdempotent != 0)
			assert.Equal(t, want.Stability == "stable", r.traits&stable != 0)
			assert.Equal(t, want.Stability == "beta", r.traits&beta != 0)
			assert.Equal(t, want.Stability == "classic", r.traits&classic != 0)
			assert.Equal(t, want.Org == "query", r.method == "GET")
			if r.traits&execution != 0 {
				assert.NotZero(t, r.traits&notIdempotent, "an execution must not run twice")
			}
			filled := r.fixed[0]
			for i, name := range r.params {
				filled += "{" + name + "}" + r.fixed[i+1]
			}
			assert.Equal(t, r.path, filled)
		})
	}
}

func TestMethodsAndRoutesMatch(t *testing.T) {
	table := map[string]*route{}
	for _, r := range routes {
		table[r.op] = r
	}
	for _, m := range apidocs.Methods(reflect.TypeFor[Client]()) {
		if m.IsWrapper() {
			continue
		}
		r := table[m.Op]
		if !assert.NotNil(t, r, "%s has no route", m.Op) {
			continue
		}
		delete(table, m.Op)
		f := m.Type
		require.Equal(t, 2, f.NumOut(), m.Op)
		assert.Contains(t, []reflect.Kind{reflect.Pointer, reflect.Slice}, f.Out(0).Kind(), m.Op)
		assert.Equal(t, reflect.TypeFor[error](), f.Out(1), m.Op)
		assert.Equal(t, reflect.TypeFor[context.Context](), f.In(1), m.Op)
		assert.True(t, f.IsVariadic(), m.Op)
		assert.Equal(t, reflect.TypeFor[[]CallOption](), f.In(f.NumIn()-1), m.Op)
		for i := range r.params {
			assert.Equal(t, reflect.String, f.In(2+i).Kind(), "%s: path id %d", m.Op, i)
		}
	}
	assert.Empty(t, table, "routes without a method")
}

func TestEveryListHasAStreamingTwin(t *testing.T) {
	lists := 0
	for _, m := range apidocs.Methods(reflect.TypeFor[Client]()) {
		if m.IsWrapper() || !m.IsList() || m.Op == "Agents.SaveSteps" {
			continue
		}
		lists++
		twin, found := m.Receiver.MethodByName(strings.Replace(m.Name, "List", "All", 1))
		if !assert.True(t, found, "%s has none", m.Op) {
			continue
		}
		for i := range m.Type.NumIn() {
			assert.Equal(t, m.Type.In(i), twin.Type.In(i), "%s and its twin differ in argument %d", m.Op, i)
		}
		pair := twin.Type.Out(0).In(0)
		assert.Equal(t, m.Record(), pair.In(0), m.Op)
		assert.Equal(t, reflect.TypeFor[error](), pair.In(1), m.Op)
	}
	assert.Equal(t, 8, lists)
}

func TestEveryRecordHasACapturedDocument(t *testing.T) {
	var records []string
	for _, m := range apidocs.Methods(reflect.TypeFor[Client]()) {
		if !m.IsWrapper() {
			records = append(records, m.Record().Name())
		}
	}
	slices.Sort(records)
	var captured []string
	for _, name := range apidocs.Records(t) {
		captured = append(captured, apidocs.TypeOf(name))
	}
	assert.Equal(t, slices.Compact(records), slices.Compact(captured))
}
