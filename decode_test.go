package promptorchestra_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest/apidocs"
)

// leaves returns every value of a record by its path in JSON ("steps.0.stepKey"), as text, "" when it is zero.
func leaves(v reflect.Value, path string, into map[string]string) {
	set := func(text string) {
		if v.IsZero() {
			text = ""
		}
		into[path] = text
	}
	switch x := v.Interface().(type) {
	case promptorchestra.RawJSON:
		set(string(x))
		return
	case promptorchestra.Timestamp:
		set(x.String())
		return
	case promptorchestra.Secret:
		set(x.Reveal())
		return
	case promptorchestra.Opt[bool]:
		set(fmt.Sprint(x))
		return
	}
	under := func(name string) string { return strings.TrimPrefix(path+"."+name, ".") }
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			set("")
		} else {
			leaves(v.Elem(), path, into)
		}
	case reflect.Slice:
		if v.Len() == 0 {
			set("")
		}
		for i := range v.Len() {
			leaves(v.Index(i), under(strconv.Itoa(i)), into)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			switch {
			case name == "-":
			case field.Anonymous:
				leaves(v.Field(i), path, into)
			default:
				leaves(v.Field(i), under(name), into)
			}
		}
	default:
		set(fmt.Sprint(v.Interface()))
	}
}

func leavesOf(record any) map[string]string {
	all := map[string]string{}
	v := reflect.ValueOf(record)
	if v.Kind() == reflect.Slice {
		v = v.Index(0)
	}
	leaves(v, "", all)
	return all
}

// callFor returns a method that answers the record, and whether it answers a list of it.
func callFor(t *testing.T, record string) (wireTest, bool) {
	t.Helper()
	for _, m := range apidocs.Methods(reflect.TypeFor[promptorchestra.Client]()) {
		if m.IsWrapper() || m.Record().Name() != record {
			continue
		}
		for _, tt := range wireTests {
			if tt.op == m.Op {
				return tt, m.IsList()
			}
		}
	}
	require.Fail(t, "no method answers a "+record)
	return wireTest{}, false
}

// eachDocument runs a test for each captured document, with a function that answers a document through the real
// client and returns the record's leaves.
func eachDocument(t *testing.T, test func(t *testing.T, doc []byte, answer func(doc []byte) map[string]string)) {
	for _, name := range apidocs.Records(t) {
		t.Run(name, func(t *testing.T) {
			tt, isList := callFor(t, apidocs.TypeOf(name))
			var body []byte
			client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }))
			test(t, apidocs.Record(t, name), func(doc []byte) map[string]string {
				body = doc
				if isList {
					body = fmt.Appendf(nil, "[%s]", doc)
				}
				record, err := tt.call(t.Context(), client)
				require.NoError(t, err, "%s", doc)
				return leavesOf(record)
			})
		})
	}
}

func TestCapturedDocumentsLeaveNoFieldZero(t *testing.T) {
	eachDocument(t, func(t *testing.T, doc []byte, answer func([]byte) map[string]string) {
		for path, value := range answer(doc) {
			assert.NotEmpty(t, value, path)
		}
	})
}

func TestRecordsOfAnotherTimeStillDecode(t *testing.T) {
	replacements := map[string]any{
		"null":                 nil,
		"a value of next year": "a value of next year", // an unknown enum value, a malformed time, a string for a number
		"a number":             json.Number("4711.5"),
		"a huge number":        json.Number("1e400"),
		"a boolean":            true,
		"an object":            map[string]any{"deep": map[string]any{"deeper": []any{1}}},
		"a list":               []any{1, "two", nil, map[string]any{}},
	}
	eachDocument(t, func(t *testing.T, doc []byte, answer func([]byte) map[string]string) {
		tree := decodeTree(t, doc)
		want := answer(encodeTree(t, tree))
		same := func(got map[string]string, but, what string) {
			for path := range maps.Keys(got) {
				if _, known := want[path]; !known && !related(path, but) {
					assert.Fail(t, "a new member", "%s after %s at %s", path, what, but)
				}
			}
			for path, value := range want {
				if !related(path, but) {
					assert.Equal(t, value, got[path], "%s after %s at %s", path, what, but)
				}
			}
		}
		mutations := 0
		var visit func(node any, path string)
		mutate := func(path string, old any, put func(any)) {
			for what, value := range replacements {
				put(value)
				same(answer(encodeTree(t, tree)), path, what)
				mutations++
			}
			put(old)
			for leaf := range want {
				if strings.HasPrefix(leaf, path+".") { // typed inside, not the caller's own data
					visit(old, path)
					return
				}
			}
		}
		visit = func(node any, path string) {
			under := func(name string) string { return strings.TrimPrefix(path+"."+camelCase(name), ".") }
			switch node := node.(type) {
			case map[string]any:
				node["aMemberOfNextYear"] = []any{map[string]any{"id": 1}}
				same(answer(encodeTree(t, tree)), "-", "an unknown member in "+path)
				delete(node, "aMemberOfNextYear")
				for _, name := range slices.Sorted(maps.Keys(node)) {
					mutate(under(name), node[name], func(v any) { node[name] = v })
				}
			case []any:
				for i := range node {
					mutate(under(strconv.Itoa(i)), node[i], func(v any) { node[i] = v })
				}
			}
		}
		visit(tree, "")
		assert.Equal(t, want, answer(encodeTree(t, tree)), "the test must leave the document as it was")
		t.Logf("%d mutations", mutations)
	})
}

// related reports whether one path holds the other.
func related(a, b string) bool {
	return a == b || strings.HasPrefix(a, b+".") || strings.HasPrefix(b, a+".")
}

func decodeTree(t *testing.T, doc []byte) (tree any) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	require.NoError(t, dec.Decode(&tree))
	return tree
}

func encodeTree(t *testing.T, tree any) []byte {
	t.Helper()
	doc, err := json.Marshal(tree)
	require.NoError(t, err)
	return doc
}

var snake = regexp.MustCompile(`_\w`)

// camelCase spells snake_case as camelCase.
func camelCase(name string) string {
	return snake.ReplaceAllStringFunc(name, func(s string) string { return strings.ToUpper(s[1:]) })
}

func TestListFormsAndWithInto(t *testing.T) {
	for _, form := range []string{"array", "envelope"} {
		t.Run(form, func(t *testing.T) {
			data, err := os.ReadFile("testdata/lists/" + form + ".json")
			require.NoError(t, err)
			client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data) }))
			want := []promptorchestra.AgentListItem{
				{ID: "agt_1", Name: "Refund desk", Status: "active"},
				{ID: "agt_2", Name: "Order status", Status: "paused"},
				{ID: "agt_3", Name: "Night shift", Status: "a status of next year"},
			}

			var whole json.RawMessage
			agents, err := client.Agents.List(t.Context(), promptorchestra.WithInto(&whole))
			require.NoError(t, err)
			assert.Equal(t, want, agents)
			assert.JSONEq(t, string(data), string(whole))

			var element struct{ Labels []string }
			var streamed []promptorchestra.AgentListItem
			var labels [][]string
			for agent, err := range client.Agents.All(t.Context(), promptorchestra.WithInto(&element)) {
				require.NoError(t, err)
				streamed = append(streamed, agent)
				labels = append(labels, element.Labels)
			}
			assert.Equal(t, want, streamed)
			assert.Equal(t, [][]string{{"claims"}, {}, nil}, labels)
		})
	}
}

// One v may serve many calls: nothing of the answer before stays in it.
func TestWithIntoBeginsAtZero(t *testing.T) {
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"runs":[{"id":"run_1"}]}`)) }))
	list, more := []promptorchestra.Run{{ID: "old"}}, struct{ Count int }{7}
	_, err := client.Runs.List(t.Context(), promptorchestra.WithInto(&list))
	require.NoError(t, err)
	assert.Empty(t, list, "v gets the whole answer, which is no list here")
	_, err = client.Runs.List(t.Context(), promptorchestra.WithInto(&more))
	require.NoError(t, err)
	assert.Zero(t, more.Count)
}

func TestWithIntoReachesUndocumentedMembers(t *testing.T) {
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(apidocs.Record(t, "ToolRecord"))
	}))
	var more struct {
		IsArchived *bool
		Config     struct{ Allowlist []string }
	}
	tool, err := client.Tools.Get(t.Context(), "tol_8", promptorchestra.WithInto(&more))
	require.NoError(t, err)
	assert.Equal(t, "lookup_order", tool.ToolKey)
	require.NotNil(t, more.IsArchived)
	assert.False(t, *more.IsArchived)
	assert.Equal(t, []string{"shop.example"}, more.Config.Allowlist)
}

func TestNoElementsAreAnEmptyList(t *testing.T) {
	for _, body := range []string{`[]`, `{"runs":[],"count":0}`} {
		client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
		runs, err := client.Runs.List(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []promptorchestra.Run{}, runs)
		for _, err := range client.Runs.All(t.Context()) {
			t.Error("there is no element", err)
		}
	}
}

// What a value held before does not stay.
func TestValuesDecodedAnew(t *testing.T) {
	key := promptorchestra.NewSecret("old")
	require.NoError(t, json.Unmarshal([]byte(`""`), &key))
	assert.True(t, key.IsZero())
	o := promptorchestra.Set(7)
	require.NoError(t, json.Unmarshal([]byte(`"x"`), &o))
	assert.True(t, o.IsZero())
	o = promptorchestra.Set(7)
	require.NoError(t, json.Unmarshal([]byte(`null`), &o))
	v, _ := o.Get()
	assert.Zero(t, v)
	var ts promptorchestra.Timestamp
	require.NoError(t, json.Unmarshal([]byte(`-1767323045000`), &ts))
	assert.Equal(t, 1913, ts.Year())
	require.NoError(t, json.Unmarshal([]byte(`"2026-01-02T03:04:05+02:00"`), &ts))
	assert.Equal(t, time.UTC, ts.Location())
}
