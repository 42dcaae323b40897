package promptorchestra_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

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
			if field.Anonymous {
				leaves(v.Field(i), path, into)
			} else {
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

func TestToolsDecodeFromBothSpellings(t *testing.T) {
	for _, tt := range []struct{ name, doc, key, schema string }{
		{"snake_case", `{"tool_key":"k","input_schema":{"a":1}}`, "k", `{"a":1}`},
		{"camelCase", `{"toolKey":"k","inputSchema":{"a":1}}`, "k", `{"a":1}`},
		{"the one that is not empty wins", `{"tool_key":"k","toolKey":"","input_schema":{"a":1},"inputSchema":{}}`, "k", `{"a":1}`},
		{"and the other way round", `{"tool_key":"","toolKey":"k","input_schema":null,"inputSchema":{"a":1}}`, "k", `{"a":1}`},
		{"camelCase where both say something", `{"tool_key":"old","toolKey":"k","inputSchema":{"a":1},"input_schema":{"b":2}}`, "k", `{"a":1}`},
		{"one of another type", `{"tool_key":7,"toolKey":"k","input_schema":{"a":1}}`, "k", `{"a":1}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var tool promptorchestra.ToolRecord
			require.NoError(t, json.Unmarshal([]byte(tt.doc), &tool))
			assert.Equal(t, tt.key, tool.ToolKey)
			assert.JSONEq(t, tt.schema, string(tool.InputSchema))
			again, err := json.Marshal(tool)
			require.NoError(t, err)
			var back promptorchestra.ToolRecord
			require.NoError(t, json.Unmarshal(again, &back))
			assert.Equal(t, tool.ToolKey, back.ToolKey)
			assert.JSONEq(t, string(tool.InputSchema), string(back.InputSchema))
		})
	}
	var version promptorchestra.ToolVersion
	require.NoError(t, json.Unmarshal([]byte(`{"version_number":3,"versionNumber":0,"capability":{"riskLevel":"safe"}}`), &version))
	assert.Equal(t, promptorchestra.ToolVersion{VersionNumber: 3, Capability: &promptorchestra.ToolCapability{RiskLevel: promptorchestra.ToolRiskSafe}}, version)
	for _, raw := range []string{`{"url":"https://x/?a=1&b=<2>",  "n": 1}`, "\"\u2028 < \\u003c\"", "[1 , 2]"} {
		require.NoError(t, json.Unmarshal([]byte(`{"tool_key":"k","config":`+raw+`}`), &version))
		assert.Equal(t, raw, version.Config.String(), "raw JSON is what the server sent")
	}
	for _, odd := range []string{`null`, `7`, `"text"`, `[]`, `{"id":{}}`} {
		require.NoError(t, json.Unmarshal([]byte(odd), &version), "an element of an unexpected type costs no list")
	}
}

// Whatever a timestamp decodes to can be encoded again: one member must not cost a record.
func TestTimestampForms(t *testing.T) {
	for text, want := range map[string]string{
		`"2026-01-02T03:04:05.5Z"`:         `"2026-01-02T03:04:05.5Z"`,
		`"2026-01-02T03:04:05\u002b02:00"`: `"2026-01-02T01:04:05Z"`,
		`"2026-01-02 03:04:05+00"`:         `"2026-01-02T03:04:05Z"`,
		`"2026-01-02"`:                     `"2026-01-02T00:00:00Z"`,
		`1767323045`:                       `"2026-01-02T03:04:05Z"`,
		`1767323045000`:                    `"2026-01-02T03:04:05Z"`,
		`"yesterday"`:                      `null`,
		`"9999-12-31T23:59:59-05:00"`:      `null`,
		`"0000-01-01T00:00:00+05:00"`:      `null`,
		`-100000000000000`:                 `null`,
		`1e300`:                            `null`,
		`{}`:                               `null`,
	} {
		var v promptorchestra.Timestamp
		require.NoError(t, json.Unmarshal([]byte(text), &v))
		again, err := json.Marshal(v)
		require.NoError(t, err, text)
		assert.Equal(t, want, string(again), text)
	}
}

func TestSecretsOfRecordsStaySecret(t *testing.T) {
	var key promptorchestra.ServiceKey
	var session promptorchestra.VoiceAgentSession
	require.NoError(t, json.Unmarshal(apidocs.Record(t, "ServiceKey"), &key))
	require.NoError(t, json.Unmarshal(apidocs.Record(t, "VoiceAgentSession"), &session))
	assert.Equal(t, "an example of a raw key", key.Key.Reveal())
	assert.Equal(t, "an example of a client secret", session.ClientSecret.Reveal())

	var printed bytes.Buffer
	for _, record := range []any{key, &key, session, &session} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&printed, verb, record)
		}
		require.NoError(t, json.NewEncoder(&printed).Encode(record))
		slog.New(slog.NewTextHandler(&printed, nil)).Info("made", "record", record)
		slog.New(slog.NewJSONHandler(&printed, nil)).Info("made", "record", record)
	}
	assert.NotContains(t, printed.String(), "an example of")
	assert.NotContains(t, printed.String(), fmt.Sprintf("%x", "an example of"))
	assert.Contains(t, printed.String(), "[redacted]")
}

var snake = regexp.MustCompile(`_\w`)

// camelCase spells snake_case as camelCase.
func camelCase(name string) string {
	return snake.ReplaceAllStringFunc(name, func(s string) string { return strings.ToUpper(s[1:]) })
}
