package promptorchestra_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
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
				if lacksEvidence(tt.op, doc) {
					require.ErrorContains(t, err, "the response is not recognizable", "%s", doc)
					return map[string]string{}
				}
				require.NoError(t, err, "%s", doc)
				return leavesOf(record)
			})
		})
	}
}

// lacksEvidence tells of a document of a record with an identity whether it is without one.
func lacksEvidence(op string, doc []byte) bool {
	type identity struct{ ID json.RawMessage }
	var record struct {
		identity
		Run json.RawMessage
	}
	_ = json.Unmarshal(doc, &record)
	lacks := func(i identity) bool {
		return len(i.ID) == 0 || strings.ContainsAny(string(i.ID[:1]), "{[n")
	}
	switch op {
	case "Agents.Get", "Agents.Create", "Prompts.Get", "Prompts.Create", "Skills.Get", "Skills.Create":
		return lacks(record.identity)
	case "AgentRuns.Get", "AgentRuns.Wait":
		var run identity
		_ = json.Unmarshal(record.Run, &run)
		return lacks(run)
	}
	return false
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
			if len(got) == 0 {
				return // its identity is gone
			}
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
	for _, body := range []string{
		`[]`, `{"runs":[],"count":0}`, `{"success":true,"errors":[],"messages":[],"result":[]}`, `{"data":[],"included":[],"meta":{"fields":["id"]}}`,
	} {
		client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
		runs, err := client.Runs.List(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []promptorchestra.Run{}, runs)
		for _, err := range client.Runs.All(t.Context()) {
			t.Error("there is no element", err)
		}
	}
}

// A list inside of an object is not taken for empty because an array next to it is.
func TestNestedListIsNotEmpty(t *testing.T) {
	const body = `{"messages":[],"result":{"items": [ {"id":"run_1"}]}}`
	client := apitest.NewClient(t, apitest.Respond(200, body))
	_, err := client.Runs.List(t.Context())
	require.ErrorContains(t, err, "exactly one array")
	_, errs := collect(client.Runs.All(t.Context()))
	require.Len(t, errs, 1)
	require.ErrorContains(t, errs[0], "exactly one array")
}

func TestPartOfAList(t *testing.T) {
	client := apitest.NewClient(t, apitest.Respond(206, `[{"id":"run_1"}]`))
	_, err := client.Runs.List(t.Context())
	require.ErrorIs(t, err, promptorchestra.ErrMorePages)
	runs, errs := collect(client.Runs.All(t.Context()))
	assert.Len(t, runs, 1)
	require.Len(t, errs, 1)
	require.ErrorIs(t, errs[0], promptorchestra.ErrMorePages)
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

// each runs a call of every kind, and returns their results and errors.
func each(t *testing.T, c *promptorchestra.Client, test func(op string, result any, err error)) {
	t.Helper()
	ctx := t.Context()
	run, err := c.Prompts.Run(ctx, "prm_1", promptorchestra.PromptRunParams{})
	test("Prompts.Run", run, err)
	agent, err := c.Agents.Get(ctx, "agt_1")
	test("Agents.Get", agent, err)
	published, err := c.Agents.Publish(ctx, "agt_1", promptorchestra.AgentPublishParams{})
	test("Agents.Publish", published, err)
	read, err := c.AgentRuns.Get(ctx, "run_1")
	test("AgentRuns.Get", read, err)
	skill, err := c.Skills.Run(ctx, "skl_1", promptorchestra.SkillRunParams{})
	test("Skills.Run", skill, err)
	var record promptorchestra.RunDetail
	err = c.Do(ctx, promptorchestra.Request{Method: "GET", Path: "/api/runs/run_1"}, &record)
	test("Do", record, err)
	var own struct {
		Name string `json:"name"`
	}
	err = c.Do(ctx, promptorchestra.Request{Method: "POST", Path: "/api/x"}, &own)
	test("Do into a struct", own, err)
}

func eachList(t *testing.T, c *promptorchestra.Client, test func(op string, results any, err error)) {
	t.Helper()
	runs, err := c.Runs.List(t.Context())
	test("Runs.List", runs, err)
	var streamed []promptorchestra.Run
	var failed error
	for run, err := range c.Runs.All(t.Context()) {
		if err != nil {
			failed = err
			break
		}
		streamed = append(streamed, run)
	}
	test("Runs.All", streamed, failed)
	steps, err := c.Agents.SaveSteps(t.Context(), "ver_1", promptorchestra.AgentStepsParams{})
	test("Agents.SaveSteps", steps, err)
}

// A failure with a status of success is no empty record: the caller would take a paid run for done.
func TestFailuresWithAStatusOfSuccess(t *testing.T) {
	for body, text := range map[string]string{
		`{"error":"organizationId is required"}`:                                                "organizationId is required",
		`{"error":"failed","message":"Prompt execution failed upstream"}`:                       "Prompt execution failed upstream",
		`{"error":"Graph validation failed","code":"X","details":[{"code":"c","message":"m"}]}`: "Graph validation failed",
		`{"code":"X","title":"No","category":"c","why":"No seats"}`:                             "No seats",
		`{"code":"X","why":"No seats"}`:                                                         "No seats",
		`{"code":7,"title":"No seats"}`:                                                         "No seats",
		`{"success":false,"errors":[{"message":"No seats"}]}`:                                   "",
		`{"status":false,"message":"No seats","data":[]}`:                                       "No seats",
		`{"success":false,"message":"No seats"}`:                                                "No seats",
		`{"errors":[{"message":"No seats"}],"data":null}`:                                       "No seats",
		`{"issues":[{"path":["a"],"message":"No seats"}]}`:                                      "No seats",
		`{"Errors":["No seats"],"requestId":"r"}`:                                               "No seats",
		`{"error":{"message":"No seats"},"status":"failed"}`:                                    "No seats",
		`{"error":["No seats"],"details":null,"requestId":"r"}`:                                 "No seats",
		"\ufeff" + `{"Error":"No seats","runs":null}`:                                           "No seats",
		`{"success":"false","data":{"id":"run_1"}}`:                                             "",
		` {"status":"error","requestId":"x","error" : true} `:                                   "",
		`{"error":"No seats","id":null,"runId":null,"name":null}`:                               "No seats",
		`{"details":[{"message":"a"}],"error":"No seats"}`:                                      "No seats",
		`{"error":"failed","message":"No ` + apitest.Token + ` seats","traceId":"x"}`:           "[redacted] seats",
	} {
		client := apitest.NewClient(t, apitest.Respond(200, body))
		check := func(op string, result any, err error) {
			var e *promptorchestra.DecodeError
			require.ErrorAs(t, err, &e, "%s: %s", op, body)
			assert.Contains(t, err.Error(), text, op)
			assert.NotContains(t, err.Error(), apitest.Token)
			assert.Equal(t, strings.ReplaceAll(strings.TrimPrefix(body, "\ufeff"), apitest.Token, "[redacted]"), strings.TrimPrefix(string(e.Body), "\ufeff"), op)
			assert.Equal(t, op == "Prompts.Run" || op == "Agents.Publish" || op == "Skills.Run" || op == "Do into a struct" || op == "Agents.SaveSteps",
				promptorchestra.OutcomeUnknown(err), op)
			assert.False(t, promptorchestra.IsRetryable(err), op)
			assert.True(t, reflect.ValueOf(result).IsZero() || strings.HasPrefix(op, "Do") || op == "Runs.All", op)
		}
		each(t, client, check)
		eachList(t, client, check)
	}
}

func TestWhatOnlyLooksLikeAFailure(t *testing.T) {
	for body, test := range map[string]func(c *promptorchestra.Client) any{
		`{"error":"x","message":"y","runId":"run_1"}`: func(c *promptorchestra.Client) any {
			r, err := c.Prompts.Run(t.Context(), "p", promptorchestra.PromptRunParams{})
			require.NoError(t, err)
			return r.RunID
		},
		`{"code":"run_1","message":"y","category":"c"}`: func(c *promptorchestra.Client) any {
			r, err := c.Runs.Get(t.Context(), "r")
			require.NoError(t, err)
			assert.Empty(t, r.ID)
			return "run_1"
		},
		`{"ok":false,"error":"run_1"}`: func(c *promptorchestra.Client) any {
			_, err := c.Setup.Verify(t.Context())
			require.NoError(t, err)
			return "run_1"
		},
		`{"error":"run_1"}`: func(c *promptorchestra.Client) any {
			var v struct{ Error string }
			require.NoError(t, c.Do(t.Context(), promptorchestra.Request{Method: "GET", Path: "/api/x"}, &v))
			return v.Error
		},
		`{"code":"run_1","title":"t"}`: func(c *promptorchestra.Client) any {
			var v struct{ Code, Error string }
			require.NoError(t, c.Do(t.Context(), promptorchestra.Request{Method: "GET", Path: "/api/x"}, &v))
			return v.Code
		},
		`{"error":"run_1","a":1}`: func(c *promptorchestra.Client) any {
			var v map[string]any
			require.NoError(t, c.Do(t.Context(), promptorchestra.Request{Method: "GET", Path: "/api/x"}, &v))
			return v["error"]
		},
		`{"error":null,"runs":[{"id":"run_1"}],"warnings":["w"],"errors":[]}`: func(c *promptorchestra.Client) any {
			runs, err := c.Runs.List(t.Context())
			require.NoError(t, err)
			for run, err := range c.Runs.All(t.Context()) {
				require.NoError(t, err)
				assert.Equal(t, runs[0], run)
			}
			return runs[0].ID
		},
		`{"error":"","success":true,"data":{"id":"run_1"}}`: func(c *promptorchestra.Client) any {
			run, err := c.Runs.Get(t.Context(), "r")
			require.NoError(t, err)
			return run.ID
		},
	} {
		assert.Equal(t, "run_1", test(apitest.NewClient(t, apitest.Respond(200, body))), body)
	}
}

func TestRecordsInEnvelopes(t *testing.T) {
	for body, want := range map[string]string{
		`{"data":{"id":"run_1"}}`:                                              "run_1",
		`{"run":{"prompt_id":"p","id":"run_1"},"meta":{"took":1}}`:             "run_1",
		`{"status":"success","message":"","data":{"id":"run_1"}}`:              "run_1",
		`{"success":true,"result":{"id":"run_1","steps":[{"step_type":"x"}]}}`: "run_1",
		`{"id":"run_1","data":{"id":"run_2"}}`:                                 "run_1",
		`{"id":null,"data":{"id":"run_1"}}`:                                    "run_1",
		`{"a":{"id":"run_1"},"b":{"id":"run_2"}}`:                              "",
		`{"data":{"inner":{"id":"run_1"}}}`:                                    "",
		`{"data":[{"id":"run_1"}]}`:                                            "",
		`{}`:                                                                   "",
		`{"somethingElse":1}`:                                                  "",
	} {
		client := apitest.NewClient(t, apitest.Respond(200, body))
		var into promptorchestra.RunDetail
		run, err := client.Runs.Get(t.Context(), "run_1", promptorchestra.WithInto(&into))
		require.NoError(t, err, body)
		assert.Equal(t, want, run.ID, body)
		assert.Equal(t, *run, into, body)
		var done promptorchestra.RunDetail
		require.NoError(t, client.Do(t.Context(), promptorchestra.Request{Method: "GET", Path: "/api/x"}, &done))
		assert.Equal(t, *run, done, body)
	}
	client := apitest.NewClient(t, apitest.Respond(200, `{"data":{"run":{"id":"run_1","status":"completed"},"validation":{}}}`))
	run, err := client.AgentRuns.Wait(t.Context(), "run_1")
	require.NoError(t, err)
	assert.Equal(t, "run_1", run.Run.ID)
}

// Members that envelopes have too do not make an envelope the record.
func TestMembersOfEnvelopesIdentifyNoRecord(t *testing.T) {
	for _, name := range []string{"code", "message", "details", "status"} {
		client := apitest.NewClient(t, apitest.Respond(200, `{"`+name+`":"x","data":{"id":"a"}}`))
		var out struct {
			ID, Code, Message, Details, Status string
		}
		require.NoError(t, client.Do(t.Context(), promptorchestra.Request{Method: "GET", Path: "/api/x"}, &out), name)
		assert.Equal(t, "a", out.ID, name)
	}
}

// What no source tells the response of is not refused for what it lacks.
func TestSavedSteps(t *testing.T) {
	step := promptorchestra.WorkflowStep{StepKey: "a"}
	for body, want := range map[string][]promptorchestra.WorkflowStep{
		`{}`:                         {},
		`{"ok":true,"id":"ver_1"}`:   {},
		`[{"step_key":"a"}]`:         {step},
		`{"data":[{"stepKey":"a"}]}`: {step},
		`{"steps":[{"stepKey":"a"}],"transitions":[]}`:               {step},
		`{"transitions":[],"others":[]}`:                             {},
		`{"steps":[{"stepKey":"a"}],"transitions":[{"source":"a"}]}`: {step},
	} {
		steps, err := apitest.NewClient(t, apitest.Respond(200, body)).Agents.SaveSteps(t.Context(), "ver_1", promptorchestra.AgentStepsParams{})
		require.NoError(t, err, body)
		assert.Equal(t, want, steps, body)
	}
	for _, body := range []string{"", "7", "null", `{"a":[}`} {
		_, err := apitest.NewClient(t, apitest.Respond(200, body)).Agents.SaveSteps(t.Context(), "ver_1", promptorchestra.AgentStepsParams{})
		var e *promptorchestra.DecodeError
		require.ErrorAs(t, err, &e, body)
	}
}

func TestByteOrderMark(t *testing.T) {
	client := apitest.NewClient(t, apitest.Respond(200, "\ufeff"+`{"id":"a","name":"a","runId":"a","run":{"id":"a"},"versionId":"a"}`))
	each(t, client, func(op string, result any, err error) {
		require.NoError(t, err, op)
		assert.False(t, reflect.Indirect(reflect.ValueOf(result)).IsZero(), op)
	})
	client = apitest.NewClient(t, apitest.Respond(200, "\ufeff"+` [{"id":"a","stepKey":"a"}]`))
	eachList(t, client, func(op string, results any, err error) {
		require.NoError(t, err, op)
		assert.Equal(t, 1, reflect.ValueOf(results).Len(), op)
	})
	client = apitest.NewClient(t, apitest.Respond(200, "\ufeff"))
	eachList(t, client, func(op string, _ any, err error) {
		var e *promptorchestra.DecodeError
		require.ErrorAs(t, err, &e, op)
	})
}

func TestNumbersAndIDsOfOtherTypes(t *testing.T) {
	body := `{"id":4711,"estimatedCost":"0.0123","inputTokens":"1520","outputTokens":3.0,"stepCount":1.52e3,"latencyMs":"12.5",` +
		`"createdAt":"1764115200","completedAt":"2026-11-26T00:00:00+0000","steps":"","status":7}`
	client := apitest.NewClient(t, apitest.Respond(200, body))
	run, err := client.Runs.Get(t.Context(), "run_1")
	require.NoError(t, err)
	assert.Equal(t, "4711", run.ID)
	assert.Equal(t, promptorchestra.RunStatus("7"), run.Status)
	assert.InDelta(t, 0.0123, run.EstimatedCost, 0)
	assert.InDelta(t, 12.5, run.LatencyMS, 0)
	assert.Equal(t, []int{1520, 3, 1520}, []int{run.InputTokens, run.OutputTokens, run.StepCount})
	assert.Equal(t, "2025-11-26T00:00:00Z", run.CreatedAt.Format("2006-01-02T15:04:05Z07:00"))
	assert.Equal(t, "2026-11-26T00:00:00Z", run.CompletedAt.Format("2006-01-02T15:04:05Z07:00"))
	assert.Nil(t, run.Steps)

	client = apitest.NewClient(t, apitest.Respond(200, "["+body+","+body+"]"))
	runs, err := client.Runs.List(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []promptorchestra.Run{run.Run, run.Run}, runs)
	for streamed, err := range client.Runs.All(t.Context()) {
		require.NoError(t, err)
		assert.Equal(t, run.Run, streamed)
	}

	skill, err := apitest.NewClient(t, apitest.Respond(200, `{"id":"skl_1","versions":[{"isPublished":"true","executionReadiness":[],"versionNumber":"2"},{"isPublished":1,"executionReadiness":{"runnable":"1"}}]}`)).
		Skills.Get(t.Context(), "skl_1")
	require.NoError(t, err)
	assert.Equal(t, []promptorchestra.SkillVersion{
		{IsPublished: true, VersionNumber: 2}, {IsPublished: true, ExecutionReadiness: &promptorchestra.ExecutionReadiness{Runnable: true}},
	}, skill.Versions)
}

// A diagnostic of any form is read, and one that says nothing is none.
func TestDiagnosticsOfRecords(t *testing.T) {
	for value, want := range map[string]*promptorchestra.Diagnostic{
		`null`: nil, `""`: nil, `[]`: nil, `false`: nil, `0`: nil,
		`"No seats"`:                    {Why: "No seats"},
		`{"why":["No seats"],"code":7}`: {Why: "No seats", Code: "7"},
	} {
		client := apitest.NewClient(t, apitest.Respond(200, `{"run":{"id":"r","status":"failed"},"diagnostic":`+value+`,"decisionTrace":[{"step":"s"}]}`))
		run, err := client.AgentRuns.Get(t.Context(), "r")
		require.NoError(t, err, value)
		assert.Equal(t, want, run.Diagnostic, value)
		assert.Equal(t, "s", run.DecisionTrace[0].Step, value)
	}
}

func TestSecretsInOtherForms(t *testing.T) {
	for body, want := range map[string]string{
		`{"client_secret":"ek_1","runId":"r"}`:                                  "ek_1",
		`{"clientSecret":{"value":"ek_1","expires_at":1764115200},"runId":"r"}`: "ek_1",
		`{"clientSecret":4711,"runId":"r"}`:                                     "4711",
		`{"clientSecret":"[redacted]","runId":"r"}`:                             "",
		`{"clientSecret":["ek_1"],"runId":"r"}`:                                 "",
		`{"clientSecret":true,"runId":"r"}`:                                     "",
	} {
		session, err := apitest.NewClient(t, apitest.Respond(200, body)).VoiceAgents.CreateSession(t.Context(), "agt_1")
		require.NoError(t, err, body)
		assert.Equal(t, want, session.ClientSecret.Reveal(), body)
		assert.Equal(t, "r", session.RunID, body)
		assert.Equal(t, want == "", session.ClientSecret == promptorchestra.Secret{}, body)
	}
}

// A member that cannot be read is logged by its name, whichever way the response is decoded.
func TestMisfitsAreLogged(t *testing.T) {
	for _, body := range []string{
		`{"id":"agt_1","entryStepKey":"a","steps":[{"stepKey":"a","positionIndex":{"PRIVATE":1}}],"versionNumber":"PRIVATE"}`,
		`{"data":{"id":7,"entry_step_key":"a","steps":[{"step_key":"a","position_index":["PRIVATE"]},{"position_index":"PRIVATE"}],"version_number":[1]}}`,
	} {
		var out bytes.Buffer
		client := apitest.NewClient(t, apitest.Respond(200, body), promptorchestra.WithLogger(slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))))
		agent, err := client.Agents.Get(t.Context(), "agt_1")
		require.NoError(t, err)
		assert.Equal(t, "a", agent.EntryStepKey)
		assert.Equal(t, "a", agent.Steps[0].StepKey)
		assert.Equal(t, 1, strings.Count(out.String(), `"member":"steps.positionIndex"`), out.String())
		assert.Equal(t, 1, strings.Count(out.String(), `"member":"versionNumber"`))
		assert.NotContains(t, out.String(), "PRIVATE")
	}
	var out bytes.Buffer
	client := apitest.NewClient(t, apitest.Respond(200, `[{"id":"a","stepCount":"x"},{"id":"b","step_count":[1]}]`),
		promptorchestra.WithLogger(slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	var more struct{ ID []int }
	for run, err := range client.Runs.All(t.Context(), promptorchestra.WithInto(&more)) {
		require.NoError(t, err)
		assert.NotEmpty(t, run.ID)
	}
	assert.Equal(t, 2, strings.Count(out.String(), `"member":"stepCount"`))
	assert.Equal(t, 2, strings.Count(out.String(), `"member":"ID"`))
}

// respell gives the members of a record, but not of the user's data in it, names in snake_case.
func respell(t reflect.Type, tree any) any {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch node := tree.(type) {
	case []any:
		if t.Kind() == reflect.Slice && t != reflect.TypeFor[promptorchestra.RawJSON]() {
			for i := range node {
				node[i] = respell(t.Elem(), node[i])
			}
		}
	case map[string]any:
		if t.Kind() != reflect.Struct {
			return tree
		}
		renamed := map[string]any{}
		for name, value := range node {
			for _, f := range reflect.VisibleFields(t) {
				if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag == name {
					value = respell(f.Type, value)
					name = upper.ReplaceAllStringFunc(name, func(s string) string { return "_" + strings.ToLower(s) })
					break
				}
			}
			renamed[name] = value
		}
		return renamed
	}
	return tree
}

func TestEveryRecordReadsBothSpellings(t *testing.T) {
	eachRecord(t, func(t *testing.T, record any) {
		if reflect.TypeOf(record) == reflect.TypeFor[promptorchestra.Diagnostic]() {
			return
		}
		doc, err := json.Marshal(record)
		require.NoError(t, err)
		if !twoWords.Match(doc) {
			return // every name has one spelling
		}
		snake := encodeTree(t, respell(reflect.TypeOf(record), decodeTree(t, doc)))
		assert.NotEqual(t, string(doc), string(snake))
		client := apitest.NewClient(t, apitest.Respond(200, string(snake)))
		got := reflect.New(reflect.TypeOf(record))
		require.NoError(t, client.Do(t.Context(), promptorchestra.Request{Method: "GET", Path: "/api/x"}, got.Interface()))
		want := reflect.New(reflect.TypeOf(record))
		require.NoError(t, json.Unmarshal(encodeTree(t, decodeTree(t, doc)), want.Interface()))
		assert.Equal(t, want.Elem().Interface(), got.Elem().Interface(), "%s", snake)
	})
}

var (
	upper    = regexp.MustCompile(`[A-Z]+`)
	twoWords = regexp.MustCompile(`[a-z][A-Z]\w*":`)
)

// eachRecord runs a test for a record of each type, with no field zero where the API's documents have it.
func eachRecord(t *testing.T, test func(t *testing.T, record any)) {
	t.Helper()
	types := map[string]reflect.Type{}
	for _, m := range apidocs.Methods(reflect.TypeFor[promptorchestra.Client]()) {
		if !m.IsWrapper() {
			types[m.Record().Name()] = m.Record()
		}
	}
	for _, name := range apidocs.Records(t) {
		record := reflect.New(types[apidocs.TypeOf(name)])
		client := apitest.NewClient(t, apitest.Respond(200, string(apidocs.Record(t, name))))
		require.NoError(t, client.Do(t.Context(), promptorchestra.Request{Method: "GET", Path: "/api/x"}, record.Interface()))
		t.Run(name, func(t *testing.T) { test(t, record.Elem().Interface()) })
	}
	extra := map[string]promptorchestra.RawJSON{"condition": promptorchestra.RawJSON(`{"step_key":"<a>"}`), "label": promptorchestra.RawJSON(`null`)}
	step := promptorchestra.WorkflowStep{StepKey: "a", Name: "A", StepType: promptorchestra.StepTypeCondition, PositionIndex: 1, Extra: extra}
	transition := promptorchestra.WorkflowTransition{FromStepKey: "a", ToStepKey: "b", TransitionType: promptorchestra.TransitionTypeConditionTrue, Extra: extra}
	prompt := promptorchestra.PromptAttachment{PromptID: "p", AttachmentMode: promptorchestra.AttachmentModePinnedVersion, VersionNumber: 1, Extra: extra}
	for _, record := range []any{
		step, transition, prompt,
		promptorchestra.ToolAttachment{ToolID: "t", PositionIndex: 2, Extra: extra},
		promptorchestra.SkillPromptCompositionItem{PromptAttachment: prompt, PromptVersionID: "v", Section: promptorchestra.PromptSectionExamples},
		promptorchestra.Workflow{
			EntryStepKey: "a", Steps: []promptorchestra.WorkflowStep{step}, Extra: extra,
			Transitions: []promptorchestra.WorkflowTransition{transition},
		},
	} {
		t.Run(reflect.TypeOf(record).Name(), func(t *testing.T) { test(t, record) })
	}
}

// A record may be kept as JSON, in a cache or a queue: what it was comes back, but for secrets.
func TestRecordsSurviveJSON(t *testing.T) {
	eachRecord(t, func(t *testing.T, record any) {
		for _, v := range []reflect.Value{reflect.ValueOf(record), reflect.Zero(reflect.TypeOf(record))} {
			doc, err := json.Marshal(v.Interface())
			require.NoError(t, err)
			back := reflect.New(v.Type())
			require.NoError(t, json.Unmarshal(doc, back.Interface()))
			again, err := json.Marshal(back.Interface())
			require.NoError(t, err)
			assert.Equal(t, string(doc), string(again))
			want, got := leavesOf(v.Interface()), leavesOf(back.Elem().Interface())
			for path, text := range want {
				if strings.HasPrefix(text, "an example of a") { // secrets
					text = ""
				}
				if json.Valid([]byte(text)) && json.Valid([]byte(got[path])) && text != "" {
					assert.JSONEq(t, text, got[path], path)
				} else {
					assert.Equal(t, text, got[path], path)
				}
			}
		}
	})
	var run promptorchestra.AgentRunDetail
	require.NoError(t, json.Unmarshal([]byte(`{"run":{"id":"a","output":null},"contractTrace":{}}`), &run))
	doc, err := json.Marshal(run)
	require.NoError(t, err)
	var back promptorchestra.AgentRunDetail
	require.NoError(t, json.Unmarshal(doc, &back))
	assert.Equal(t, run, back)
	assert.Equal(t, "null", back.Run.Output.String())
	assert.Nil(t, back.ContractTrace.ActualBoundInput)

	key := promptorchestra.ServiceKey{Key: promptorchestra.NewSecret("sk_1")}
	doc, err = json.Marshal(key)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(doc, &key))
	assert.Equal(t, promptorchestra.ServiceKey{}, key)
}

func TestWithIntoATypeThatEmbedsARecord(t *testing.T) {
	body := `{"id":"a","tool_key":"k","stepKey":"s","promptId":"p","toolId":"t","entryStepKey":"e","runId":"r","own_field":"mine","steps":[{"step_key":"s","condition":{"a":1},"label":"l"}],"extra":1}`
	client := apitest.NewClient(t, apitest.Respond(200, body))
	type tool struct {
		promptorchestra.ToolRecord
		OwnField string `json:"ownField"`
	}
	type run struct {
		*promptorchestra.RunDetail
		OwnField string `json:"own_field"`
	}
	type step struct {
		promptorchestra.WorkflowStep
		OwnField  string         `json:"ownField"`
		Label     string         `json:"label"`
		Condition map[string]int `json:"condition"`
	}
	type steps struct {
		Steps []step `json:"steps"`
	}
	type summary struct {
		promptorchestra.AgentVersionSummary
		OwnField string
	}
	type workflow struct {
		*promptorchestra.Workflow
		OwnField string
	}
	type item struct {
		promptorchestra.SkillPromptCompositionItem
		OwnField string
	}
	get := func(into any) {
		_, err := client.Tools.Get(t.Context(), "t", promptorchestra.WithInto(into))
		require.NoError(t, err)
	}
	var a tool
	get(&a)
	assert.Equal(t, []string{"a", "k", "mine"}, []string{a.ID, a.ToolKey, a.OwnField})
	var b run
	get(&b)
	assert.Equal(t, []string{"a", "mine"}, []string{b.ID, b.OwnField})
	assert.Len(t, b.Steps, 1)
	var c step
	get(&c)
	assert.Equal(t, []string{"s", "mine"}, []string{c.StepKey, c.OwnField})
	assert.Equal(t, promptorchestra.RawJSON("1"), c.Extra["extra"])
	var d steps
	get(&d)
	require.Len(t, d.Steps, 1)
	assert.Equal(t, "s", d.Steps[0].StepKey)
	assert.Equal(t, "l", d.Steps[0].Label)
	assert.Equal(t, map[string]int{"a": 1}, d.Steps[0].Condition)
	var e summary
	get(&e)
	assert.Equal(t, "mine", e.OwnField)
	assert.Equal(t, "l", mustText(t, e.Steps[0].Extra["label"]))
	var f workflow
	get(&f)
	assert.Equal(t, []string{"e", "mine"}, []string{f.EntryStepKey, f.OwnField})
	var g item
	get(&g)
	assert.Equal(t, []string{"p", "mine"}, []string{g.PromptID, g.OwnField})

	list := apitest.NewClient(t, apitest.Respond(200, `[{"tool_key":"k","own_field":"mine"}]`))
	var elements []tool
	_, err := list.Tools.List(t.Context(), promptorchestra.WithInto(&elements))
	require.NoError(t, err)
	assert.Equal(t, []tool{{promptorchestra.ToolRecord{ToolKey: "k"}, "mine"}}, elements)
	var element tool
	for _, err := range list.Tools.All(t.Context(), promptorchestra.WithInto(&element)) {
		require.NoError(t, err)
	}
	assert.Equal(t, elements[0], element)
}

// A call that was paid for has a result, whatever the caller's own type makes of it.
func TestWithIntoATypeThatRefuses(t *testing.T) {
	client := apitest.NewClient(t, apitest.Respond(200, `{"runId":"run_1","createdAt":"yesterday","n":"7"}`))
	var into struct {
		CreatedAt time.Time
		N         int
	}
	run, err := client.Prompts.Run(t.Context(), "prm_1", promptorchestra.PromptRunParams{}, promptorchestra.WithInto(&into))
	require.NoError(t, err)
	assert.Equal(t, "run_1", run.RunID)
	assert.Equal(t, 7, into.N)
	assert.Zero(t, into.CreatedAt)
	require.Error(t, client.Do(t.Context(), promptorchestra.Request{Method: "GET", Path: "/api/x"}, &into), "the type is the caller's own, and so is its verdict")

	client = apitest.NewClient(t, apitest.Respond(200, `[{"id":"a","createdAt":"yesterday"},{"id":"b","n":1}]`))
	ids := ""
	for run, err := range client.Runs.All(t.Context(), promptorchestra.WithInto(&into)) {
		require.NoError(t, err)
		ids += run.ID + strconv.Itoa(into.N)
	}
	assert.Equal(t, "a0b1", ids)
}

func mustText(t *testing.T, raw promptorchestra.RawJSON) (text string) {
	t.Helper()
	require.NoError(t, raw.Decode(&text))
	return text
}

// A response is the record only if something shows that it is.
func TestEvidenceOfRecords(t *testing.T) {
	ctx := t.Context()
	run := func(c *promptorchestra.Client) (any, error) {
		r, err := c.Prompts.Run(ctx, "prm_1", promptorchestra.PromptRunParams{})
		if err != nil {
			return nil, err
		}
		return r.RunID + "/" + string(r.Status) + "/" + r.Output.String() + r.OutputText, nil
	}
	prompt := func(c *promptorchestra.Client) (any, error) {
		p, err := c.Prompts.Get(ctx, "prm_1")
		if err != nil {
			return nil, err
		}
		return fmt.Sprint(p.ID, "/", p.Name, "/", len(p.Versions)), nil
	}
	agentRun := func(c *promptorchestra.Client) (any, error) {
		r, err := c.AgentRuns.Get(ctx, "arun_1")
		if err != nil {
			return nil, err
		}
		return fmt.Sprint(r.Run.ID, "/", len(r.DecisionTrace)), nil
	}
	created := func(c *promptorchestra.Client) (any, error) {
		a, err := c.Agents.Create(ctx, promptorchestra.AgentCreateParams{Name: "x"})
		if err != nil {
			return nil, err
		}
		return a.ID, nil
	}
	for _, row := range []struct {
		call    func(*promptorchestra.Client) (any, error)
		body    string
		want    any // nil for an error
		unknown bool
	}{
		{prompt, `{"prompt":{"id":"prm_1","name":"Greeting"},"versions":[{"id":"prv_1"}]}`, "prm_1/Greeting/1", false},
		{prompt, `{"id":"env","prompt":{"id":"prm_1"},"name":"E"}`, "env/E/0", false},
		{prompt, `{"data":{"_id":"prm_1"},"name":"N","message":"m","versions":[]}`, "prm_1/N/0", false},
		{prompt, `{"data":{"id":7,"name":"own","versions":null},"name":"E","versions":[{"id":"v"}],"id":null}`, "7/own/1", false},
		{prompt, `{"prompt":{"name":"Greeting"},"versions":[{"id":"prv_1"}]}`, nil, false},
		{prompt, `{"a":{"id":"x"},"b":{"id":"y"}}`, nil, false},
		{prompt, `{"name":"Greeting","promptKey":"k"}`, nil, false},
		{prompt, `{"id":""}`, nil, false},
		{prompt, `{"id":{}}`, nil, false},
		{prompt, `{"id":{"oid":"prm_1"},"name":"Greeting"}`, nil, false},
		{prompt, `{}`, nil, false},
		{created, `{"id":"agt_1"}`, "agt_1", false},
		{created, `{"agent":{"id":"agt_1"},"publishedVersion":{"id":"ver_1"}}`, "agt_1", false},
		{created, `{"accepted":true,"jobId":"job_1"}`, nil, true},
		{run, `{"jobId":"job_1","queued":true}`, nil, true},
		{run, `{"status":"success","jobId":"job_1","id":"x"}`, nil, true},
		{run, `{"status":"success","jobId":null}`, nil, true},
		{run, `{"id":"x","output":"y"}`, `//"y"`, false},
		{run, `{"id":"run_1"}`, nil, true},
		{run, `{"status":"","output":null,"outputText":"","runId":null}`, nil, true},
		{run, `{"status":200,"message":"accepted"}`, nil, true},
		{run, `{"output":{},"images":[]}`, nil, true},
		{run, `{"runId":"run_1","status":"failed","output":null}`, "run_1/failed/null", false},
		{run, `{"run_id":7}`, "7//", false},
		{run, `{"output":0}`, "//0", false},
		{run, `{"output":false}`, "//false", false},
		{run, `{"output_text":"Hi"}`, "//Hi", false},
		{run, `{"status":"queued","jobId":"j"}`, "/queued/", false},
		{run, `{"generatedImage":{"bucket":"b"}}`, "//", false},
		{run, `{"images":[{"url":"https://x/1.png","content_type":"image/png"}],"seed":42}`, "//", false},
		{run, `{"generatedImages":[{"image":{"imageBytes":"aGk="}}]}`, "//", false},
		{run, `{"image":"aGk=","finish_reason":"SUCCESS","seed":343940597}`, "//", false},
		{run, `{"status":"success","data":{"runId":"run_1","output":"x"}}`, `run_1//"x"`, false},
		{run, `{"result":{"output":"x"},"runId":null,"status":"ok"}`, `//"x"`, false},
		{agentRun, `{"run":{"id":"arun_1"},"decisionTrace":[{"step":"a"}]}`, "arun_1/1", false},
		{agentRun, `{"data":{"run":{"id":"arun_1"}},"decisionTrace":[{"step":"a"}]}`, "arun_1/1", false},
		{agentRun, `{"id":"arun_1","state":"running"}`, nil, false},
		{agentRun, `{"run":{"status":"running"}}`, nil, false},
		{agentRun, `{"run":"arun_1"}`, nil, false},
	} {
		got, err := row.call(apitest.NewClient(t, apitest.Respond(200, row.body)))
		if row.want != nil {
			require.NoError(t, err, row.body)
			assert.Equal(t, row.want, got, row.body)
			continue
		}
		var e *promptorchestra.DecodeError
		require.ErrorAs(t, err, &e, row.body)
		assert.Equal(t, row.body, string(e.Body), "the body is kept")
		assert.Equal(t, row.unknown, promptorchestra.OutcomeUnknown(err), row.body)
	}
	_, err := apitest.NewClient(t, apitest.Respond(200, `{"somethingElse":1}`)).Tools.Get(ctx, "tol_1")
	require.NoError(t, err, "other records stay open")
}

// The server says that there is more: All yields what came and then says so, List says so alone.
func TestListsWithMorePages(t *testing.T) {
	const runs = `"runs":[{"id":"run_1"}]`
	more := map[string]http.Header{
		`{` + runs + `,"nextCursor":"x"}`: nil, `{"next_page_token":"x",` + runs + `}`: nil, `{` + runs + `,"has_more":true}`: nil, `{` + runs + `,"total":319}`: nil,
		`{"count":2,` + runs + `}`: nil, `{` + runs + `,"next":"https://x/y"}`: nil, `{` + runs + `,"links":{"next":{"href":"/2"}}}`: nil,
		`{` + runs + `,"pageInfo":{"hasNextPage":true,"endCursor":"x"}}`: nil, `{` + runs + `,"meta":{"pagination":{"total_count":2}}}`: nil,
		`{` + runs + `,"@odata.nextLink":"https://x/y"}`: nil, `{` + runs + `,"NextMarker":"m"}`: nil, `{` + runs + `,"response_metadata":{"next_cursor":"x"}}`: nil,
		`[{"id":"run_1"}]`:                                {"Link": {`</1>; rel="prev", </3>; rel="next"`}},
		` [{"id":"run_1"}]`:                               {"X-Next-Page": {"2"}},
		`  [{"id":"run_1"}]`:                              {"X-Total-Count": {"2"}},
		`   [{"id":"run_1"}]`:                             {"Content-Range": {"items 0-0/319"}},
		`{` + runs + `,"hasMore":"true","total":1}`:       nil,
		`{` + runs + `,"totalElements":319,"last":false}`: nil, `{` + runs + `,"page":{"totalElements":319}}`: nil, `{` + runs + `,"meta":{"totalResults":2}}`: nil,
		`{` + runs + `,"tags":[],"totalRuns":2}`: nil, `{"tags":[],` + runs + `,"totalRuns":2}`: nil,
		`{"totalItems":2,` + runs + `}`: nil, `{"total_records":2,` + runs + `}`: nil,
		`{` + runs + `,"continuationToken":"x"}`: nil, `{` + runs + `,"hydra:view":{"hydra:next":"/2"}}`: nil, `{` + runs + `,"has_more":1}`: nil, `{` + runs + `,"hasMore":"yes"}`: nil,
		`{` + runs + `,"noMore":false}`: nil, `{` + runs + `,"hasNoNextPage":"false"}`: nil, `{` + runs + `,"IsTruncated":true}`: nil, `{` + runs + `,"incomplete_results":true}`: nil, `{` + runs + `,"partial":true}`: nil,
		`    [{"id":"run_1"}]`:                  {"X-Ms-Continuation": {"x"}},
		`{` + runs + `,"hydra:totalItems":319}`: nil, `{"@odata.count":2,` + runs + `}`: nil, `{` + runs + `,"page":1,"pages":3}`: nil, `{` + runs + `,"last_page":3}`: nil,
		`{` + runs + `,"meta":{"pagination":{"pageCount":3}}}`: nil, `{` + runs + `,"metadata":{"continue":"x"}}`: nil,
		`     [{"id":"run_1"}]`: {"X-Total-Pages": {"3"}},
	}
	whole := map[string]http.Header{
		`{` + runs + `,"nextCursor":null,"has_more":false,"total":1,"count":1}`: nil, `{` + runs + `,"next":"","links":{"next":null,"last":"/1"}}`: nil,
		`{` + runs + `,"pageInfo":{"hasNextPage":false,"endCursor":"x"},"cursor":"y"}`: nil, `{` + runs + `,"quota":{"nextResetAt":"2027"},"totalTokens":5000}`: nil,
		`{` + runs + `,"usage":{"total":319,"perModel":{"count":12}}}`: nil, `{` + runs + `,"continuationToken":null,"truncated":false}`: nil,
		`{` + runs + `,"pages":1,"lastPage":1,"perPage":100,"pageSize":50,"currentPage":1}`: nil, `{` + runs + `,"@odata.count":1,"@odata.context":"x"}`: nil, `{` + runs + `,"webpages":5,"usage":{"pages":7}}`: nil,
		`{` + runs + `,"tags":[]}`: nil, `{` + runs + `,"totalPages":1}`: nil, `{` + runs + `,"links":{"next":{"href":null}}}`: nil, `{` + runs + `,"page":1,"limit":100,"first":false}`: nil,
		`{` + runs + `,"totalCost":5.2,"total_tokens":5000,"totalDurationMs":319,"discount":50,"account":7,"scannedCount":100,"retryCount":3}`: nil,
		`{` + runs + `,"total":-1,"pageNumber":3,"page":{"number":3},"perPage":20,"max_results":50,"skip":20,"year":2026,"size":100}`:          nil,
		`{` + runs + `,"rateLimit":{"remaining":4999,"total":5000},"remaining":9,"shards":{"total":5},"steps":{"count":7}}`:                    nil,
		`{` + runs + `,"job":{"done":false,"last":false},"lastRunFailed":false,"endpoint":false,"pending":false}`:                              nil,
		`{` + runs + `,"nb":9,"totalValue":9,"showMore":true,"learnMoreUrl":"x","partialMatch":true,"supportsPartial":true,"maxCount":9}`:      nil,
		`{` + runs + `,"noMore":true,"hasNoNextPage":true,"nextPage":-1,"next_cursor":"-1","nextOffset":"0"}`:                                  nil,
		`{` + runs + `,"nextSyncToken":"x","nextRunAt":"2027","context":"x","deltaLink":"/a","prevPage":"/a","firstPage":{"href":"/a"}}`:       nil,
		`{` + runs + `,"links":{"self":"/b","first":"/a","prev":"/a","last":"/b"},"offset":"20","after":""}`:                                   nil,
		`[{"id":"run_1"}]`: {"X-Total-Count": {"1"}, "Link": {`</1>; rel="first"`}, "X-Next-Page": {""}, "Content-Range": {"0-0/*"}},
	}

	for body, header := range more {
		eachOfTheList(t, body, header, func(yielded int, err error) {
			require.ErrorIs(t, err, promptorchestra.ErrMorePages, body)
			var e *promptorchestra.DecodeError
			require.ErrorAs(t, err, &e)
			assert.Contains(t, err.Error(), "All")
			assert.False(t, promptorchestra.IsRetryable(err))
		})
	}
	for body, header := range whole {
		eachOfTheList(t, body, header, func(yielded int, err error) {
			require.NoError(t, err, body)
			assert.Equal(t, 1, yielded)
		})
	}
}

// eachOfTheList reads a list both ways.
func eachOfTheList(t *testing.T, body string, header http.Header, test func(yielded int, err error)) {
	t.Helper()
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range header {
			w.Header()[name] = values
		}
		_, _ = w.Write([]byte(body))
	}))
	listed, err := client.Runs.List(t.Context())
	if err != nil {
		assert.Nil(t, listed, body)
	}
	test(len(listed), err)
	streamed, errs := collect(client.Runs.All(t.Context()))
	assert.Len(t, streamed, 1, body)
	var last error
	if len(errs) > 0 {
		last = errs[len(errs)-1]
	}
	assert.LessOrEqual(t, len(errs), 1)
	test(len(streamed), last)
}

// A null is no record: the others are yielded, and then it is an error.
func TestListsWithANull(t *testing.T) {
	for _, body := range []string{`[null,{"id":"run_1"}]`, `[{"id":"run_1"}, null]`, `{"runs":[null,null,{"id":"run_1"}]}`} {
		eachOfTheList(t, body, nil, func(_ int, err error) {
			var e *promptorchestra.DecodeError
			require.ErrorAs(t, err, &e, body)
			assert.ErrorContains(t, err, "null")
		})
	}
}
