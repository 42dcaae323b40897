package promptorchestra_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

// Whatever an id is, it is one segment of the path that the route has.
func TestIDsInPaths(t *testing.T) {
	var target string
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		target = r.RequestURI
		_, _ = w.Write([]byte(apitest.Agent))
	})
	for id, escaped := range map[string]string{
		"agt_1":                "agt_1",
		"a/b":                  "a%2Fb",
		"../../admin?x=1#y":    "..%2F..%2Fadmin%3Fx=1%23y",
		"..\\admin":            "..%5Cadmin",
		"%2e%2e":               "%252e%252e",
		"%2e%2e%2f":            "%252e%252e%252f",
		"...":                  "...",
		".a":                   ".a",
		"a b":                  "a%20b",
		" ":                    "%20",
		"a+b&c=d;e,f@g:h$":     "a+b&c=d%3Be%2Cf@g:h$",
		"ä€😀":                  "%C3%A4%E2%82%AC%F0%9F%98%80",
		"\u202e\u200b":         "%E2%80%AE%E2%80%8B",
		"\xff\xfe":             "%FF%FE",
		"http://other.example": "http:%2F%2Fother.example",
		"//other.example":      "%2F%2Fother.example",
		"*":                    "%2A",
		"a\"<>^`{|}":           "a%22%3C%3E%5E%60%7B%7C%7D",
	} {
		for _, base := range []string{"", "/base", "/b%2Fc/", "/b%2F", "/!"} {
			srv := apitest.NewConnectionCounter(t, handler)
			client := apitest.NewClientAt(t, srv.URL+base, apitest.OwnPool(t))
			require.NoError(t, apitest.ErrorOf(client.Agents.Get(t.Context(), id)))
			path, _, _ := strings.Cut(target, "?")
			assert.Equal(t, strings.TrimSuffix(base, "/")+"/api/agents/"+escaped, path)
			_, err := client.Agents.DiffVersion(t.Context(), id, "v1", id)
			require.NoError(t, err)
			path, _, _ = strings.Cut(target, "?")
			assert.Equal(t, strings.TrimSuffix(base, "/")+"/api/agents/"+escaped+"/versions/v1/diff", path)
			srv.Close()
		}
	}
}

func TestIDsThatAreRefused(t *testing.T) {
	srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool { r.Respond(200, apitest.Anything, -1); return true })
	client := apitest.NewClientAt(t, srv.URL)
	for id, reason := range map[string]string{
		"": "must not be empty", ".": "steps in a path", "..": "steps in a path",
		"a\nb": "control character", "a\x00": "control character", "\x7f": "control character", "\r\n": "control character",
	} {
		var e *promptorchestra.ArgumentError
		require.ErrorAs(t, apitest.ErrorOf(client.Agents.Get(t.Context(), id)), &e, "%q", id)
		assert.Equal(t, "agentId", e.Argument)
		assert.Contains(t, e.Reason, reason)
		_, err := client.Agents.DiffVersion(t.Context(), "agt_1", id, "v1")
		require.ErrorAs(t, err, &e, "%q", id)
		assert.Equal(t, "versionId", e.Argument)
		for _, err := range client.Evaluations.AllCases(t.Context(), id) {
			require.ErrorAs(t, err, &e, "%q", id)
		}
		_, err = client.Agents.Run(t.Context(), id, promptorchestra.AgentRunParams{})
		require.ErrorAs(t, err, &e, "%q", id)
		assert.False(t, promptorchestra.OutcomeUnknown(err))
	}
	assert.Zero(t, srv.Connections.Load())
}

func TestPathsOfDo(t *testing.T) {
	var target string
	client := apitest.NewClient(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { target = r.RequestURI }))
	call := func(path string) error {
		target = ""
		return client.Do(t.Context(), promptorchestra.Request{Method: http.MethodPut, Path: path}, nil)
	}
	for _, path := range []string{"/api/new", "/api/a%2Fb/c", "/api/a%20b", "/api/%C3%A4", "/api/a:b@c;d=e", "/api/...", "/api/!*()", "/api/%21"} {
		require.NoError(t, call(path), path)
		assert.Equal(t, path, target)
	}
	for _, path := range []string{
		"", "/", "api/new", "/apis", "/admin", "/api/../admin", "/api/%2e%2e/admin", "/api/.", "/api//x", "/api/", "/api/x/",
		"/api/x?y=z", "/api/x#y", "/api/a b", "/api/a\nb", "/api/ä", "/api/%zz", "/api/a%2", "/api/a\\b", "//other.example/api/", "https://other.example/api/",
	} {
		var e *promptorchestra.ArgumentError
		require.ErrorAs(t, call(path), &e, path)
		assert.Equal(t, "Path", e.Argument)
		assert.Empty(t, target, path)
	}
}

func TestOptionalMembersAreLeftOut(t *testing.T) {
	var got string
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = r.URL.RawQuery + string(body)
		_, _ = io.WriteString(w, map[bool]string{true: "[]", false: apitest.Anything}[r.Method == http.MethodGet || strings.HasSuffix(r.URL.Path, "/steps")])
	}))
	ctx := t.Context()
	for _, tt := range []struct {
		want string
		call func() (any, error)
	}{
		{`publicContract=1{"organizationId":"org_1","name":"N"}`, func() (any, error) { return client.Agents.Create(ctx, promptorchestra.AgentCreateParams{Name: "N"}) }},
		{`publicContract=1{"organizationId":"org_1"}`, func() (any, error) { return client.Agents.Update(ctx, "a", promptorchestra.AgentUpdateParams{}) }},
		{`publicContract=1{"organizationId":"org_1","variables":{}}`, func() (any, error) { return client.Agents.Run(ctx, "a", promptorchestra.AgentRunParams{}) }},
		{`{"organizationId":"org_1","steps":[]}`, func() (any, error) { return client.Agents.SaveSteps(ctx, "v", promptorchestra.AgentStepsParams{}) }},
		{`{"organizationId":"org_1","name":"N"}`, func() (any, error) { return client.Prompts.Create(ctx, promptorchestra.PromptCreateParams{Name: "N"}) }},
		{`{"organizationId":"org_1"}`, func() (any, error) {
			return client.Prompts.CreateVersion(ctx, "p", promptorchestra.PromptVersionCreateParams{})
		}},
		{`{"organizationId":"org_1","prompts":[]}`, func() (any, error) { return client.Skills.ReplacePrompts(ctx, "v", nil) }},
		{`{"organizationId":"org_1","tools":[]}`, func() (any, error) { return client.Skills.ReplaceTools(ctx, "v", nil) }},
		{`{"organizationId":"org_1"}`, func() (any, error) {
			return client.Tools.CreateVersion(ctx, "t", promptorchestra.ToolVersionCreateParams{})
		}},
		{
			`{"organizationId":"org_1","toolKey":"k","name":"N","type":"manual_stub","config":{},"inputSchema":{}}`,
			func() (any, error) {
				return client.Tools.Create(ctx, promptorchestra.ToolCreateParams{ToolKey: "k", Name: "N", Type: promptorchestra.ToolTypeManualStub, Config: promptorchestra.RawJSON(nil)})
			},
		},
		{`{"organizationId":"org_1"}`, func() (any, error) {
			return client.Evaluations.CreateCase(ctx, "s", promptorchestra.EvaluationCaseCreateParams{})
		}},
		{`organizationId=org_1`, func() (any, error) { return client.Models.List(ctx, promptorchestra.ModelListParams{}) }},
		{`organizationId=org_1&modalities=text`, func() (any, error) {
			return client.Models.List(ctx, promptorchestra.ModelListParams{Modalities: []string{"text"}})
		}},
	} {
		_, err := tt.call()
		require.NoError(t, err)
		assert.Equal(t, tt.want, got)
	}
}

func TestVariablesThatMarshalThemselves(t *testing.T) {
	_, err := apitest.NewClient(t, apitest.Respond(200, `{"runId":"r"}`)).Prompts.Run(t.Context(), "prm_1", promptorchestra.PromptRunParams{Variables: marshaler{1}})
	require.NoError(t, err)
}

type marshaler []int

func (marshaler) MarshalJSON() ([]byte, error) { return []byte(`{"a":1}`), nil }

func TestExtraQueryOfTheCallsOwn(t *testing.T) {
	var seen apitest.Recorder
	_, err := apitest.NewClient(t, &seen).AgentRuns.Compare(t.Context(), "a", "b", promptorchestra.WithExtraQuery("leftRunId", "c"))
	var e *promptorchestra.ArgumentError
	require.ErrorAs(t, err, &e)
	assert.Empty(t, seen.All())
}

func TestOrganizationSpelledOtherwiseIsRefused(t *testing.T) {
	var seen apitest.Recorder
	client := apitest.NewClient(t, &seen)
	for _, body := range []string{`{"organization\u0049d":"org_2"}`, `{"OrganizationID":"org_2"}`, `{"organizationid":"org_2"}`} {
		err := client.Do(t.Context(), promptorchestra.Request{Method: "POST", Path: "/api/x", Body: promptorchestra.RawJSON(body)}, nil)
		var e *promptorchestra.ArgumentError
		require.ErrorAs(t, err, &e, body)
	}
	assert.Empty(t, seen.All())
}

// sent returns the body that a call sends, without the organization.
func sent(t *testing.T, call func(ctx context.Context, c *promptorchestra.Client) error) string {
	t.Helper()
	var body []byte
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		_, _ = io.WriteString(w, apitest.Anything)
	}))
	require.NoError(t, call(t.Context(), client))
	const organization = `{"organizationId":"` + apitest.Organization + `"`
	require.True(t, strings.HasPrefix(string(body), organization), "%s", body)
	return "{" + strings.TrimPrefix(strings.TrimPrefix(string(body), organization), ",")
}

type rawBytes []byte

func TestValuesOfAnyType(t *testing.T) {
	type schema struct {
		Type string `json:"type"`
	}
	var noSchema *schema
	text := "text"
	for _, row := range []struct {
		value                    any
		schema, variables, extra string // as they are sent; "" for left out
	}{
		{nil, "", `{}`, `null`},
		{map[string]any(nil), "", `{}`, ""},
		{map[string]string(nil), "", `{}`, ""},
		{noSchema, "", `{}`, ""},
		{promptorchestra.RawJSON(nil), "", `{}`, ""},
		{json.RawMessage{}, "", `{}`, ""},
		{[]byte(nil), "", `{}`, ""},
		{new(promptorchestra.RawJSON), "", `{}`, ""},
		{new(json.RawMessage), "", `{}`, ""},
		{new(map[string]any), "", `{}`, ""},
		{new(*schema), "", `{}`, ""},
		{promptorchestra.RawJSON("null"), `null`, `{}`, `null`},
		{json.RawMessage(" null\n"), `null`, `{}`, `null`},
		{[]byte(`{"a":"<b>"}`), `{"a":"<b>"}`, `{"a":"<b>"}`, `{"a":"<b>"}`},
		{rawBytes(`{"a":1}`), `{"a":1}`, `{"a":1}`, `{"a":1}`},
		{&[]promptorchestra.RawJSON{promptorchestra.RawJSON(`{"a":1}`)}[0], `{"a":1}`, `{"a":1}`, `{"a":1}`},
		{map[string]any{}, `{}`, `{}`, `{}`},
		{&schema{"<x> & y"}, `{"type":"<x> & y"}`, `{"type":"<x> & y"}`, `{"type":"<x> & y"}`},
		{map[string]*string{"a": &text, "b": nil}, `{"a":"text","b":null}`, `{"a":"text","b":null}`, `{"a":"text","b":null}`},
	} {
		without := func(body string) string { return strings.TrimPrefix(body, `{"label":"l"`) }
		want := func(name, value string) string {
			if value == "" {
				return "}"
			}
			return `,"` + name + `":` + value + "}"
		}
		assert.Equal(t, want("input", row.schema), without(sent(t, func(ctx context.Context, c *promptorchestra.Client) error {
			return apitest.ErrorOf(c.Evaluations.CreateCase(ctx, "skl_1", promptorchestra.EvaluationCaseCreateParams{Label: "l", Input: row.value}))
		})), "%#v", row.value)
		assert.Equal(t, `{"variables":`+row.variables+"}", sent(t, func(ctx context.Context, c *promptorchestra.Client) error {
			return apitest.ErrorOf(c.Agents.Run(ctx, "agt_1", promptorchestra.AgentRunParams{Variables: row.value}))
		}), "%#v", row.value)
		assert.Equal(t, want("more", row.extra), without(sent(t, func(ctx context.Context, c *promptorchestra.Client) error {
			return apitest.ErrorOf(c.Evaluations.CreateCase(ctx, "skl_1", promptorchestra.EvaluationCaseCreateParams{Label: "l"},
				promptorchestra.WithExtraBody(map[string]any{"more": row.value})))
		})), "%#v", row.value)
		assert.Equal(t, row.variables, sent(t, func(ctx context.Context, c *promptorchestra.Client) error {
			return c.Do(ctx, promptorchestra.Request{Method: "POST", Path: "/api/x", Body: row.value}, nil)
		}), "%#v", row.value)
	}
}

// What a run was started with can be given to another as it was read.
func TestInputsThatWereReadCanBeSent(t *testing.T) {
	for read, want := range map[string]string{
		`{"runId":"r","variables":null}`:                `{"variables":{}}`,
		`{"runId":"r"}`:                                 `{"variables":{}}`,
		`{"runId":"r","variables":{"a":"<b>","c":1.0}}`: `{"variables":{"a":"<b>","c":1.0}}`,
	} {
		inputs, err := apitest.NewClient(t, apitest.Respond(200, read)).AgentRuns.LoadInputs(t.Context(), "run_1")
		require.NoError(t, err)
		assert.Equal(t, want, sent(t, func(ctx context.Context, c *promptorchestra.Client) error {
			return apitest.ErrorOf(c.Agents.Run(ctx, "agt_1", promptorchestra.AgentRunParams{Variables: inputs.Variables}))
		}))
	}
}

func TestNothingIsEscapedForHTML(t *testing.T) {
	assert.Equal(t, `{"name":"<b> & c","description":"<i>"}`, sent(t, func(ctx context.Context, c *promptorchestra.Client) error {
		return apitest.ErrorOf(c.Agents.Update(ctx, "agt_1", promptorchestra.AgentUpdateParams{
			Name: promptorchestra.Set("<b> & c"), Description: promptorchestra.Set("<i>"),
		}))
	}))
	assert.Equal(t, `{"content":"<b>","temperature":0}`, sent(t, func(ctx context.Context, c *promptorchestra.Client) error {
		return apitest.ErrorOf(c.Prompts.CreateVersion(ctx, "prm_1", promptorchestra.PromptVersionCreateParams{Content: "<b>", Temperature: promptorchestra.Set(0.0)}))
	}))
}

// A byte that is no UTF-8 would be sent as another character: the model would read what nobody wrote.
func TestTextsThatAreNotUTF8(t *testing.T) {
	bad := "caf\xe9"
	srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool { r.Respond(200, apitest.Anything, -1); return true })
	c, ctx := apitest.NewClientAt(t, srv.URL), t.Context()
	for want, err := range map[string]error{
		"content":        apitest.ErrorOf(c.Prompts.CreateVersion(ctx, "p", promptorchestra.PromptVersionCreateParams{Content: bad})),
		"name":           apitest.ErrorOf(c.Prompts.Update(ctx, "p", promptorchestra.PromptUpdateParams{Name: promptorchestra.Set(bad)})),
		"variables.text": apitest.ErrorOf(c.Prompts.Run(ctx, "p", promptorchestra.PromptRunParams{Variables: map[string]any{"text": bad}})),
		"variables.a[1]": apitest.ErrorOf(c.Prompts.Run(ctx, "p", promptorchestra.PromptRunParams{Variables: struct {
			A []string `json:"a"`
		}{[]string{"a", bad}}})),
		"variables":     apitest.ErrorOf(c.Prompts.Run(ctx, "p", promptorchestra.PromptRunParams{Variables: json.RawMessage(`{"a":"` + bad + `"}`)})),
		"steps[0].name": apitest.ErrorOf(c.Agents.SaveWorkflow(ctx, "v", promptorchestra.Workflow{Steps: []promptorchestra.WorkflowStep{{Name: bad}}})),
		"more":          apitest.ErrorOf(c.Agents.Create(ctx, promptorchestra.AgentCreateParams{Name: "n"}, promptorchestra.WithExtraBody(map[string]any{"more": bad}))),
		"a":             c.Do(ctx, promptorchestra.Request{Method: "POST", Path: "/api/x", Body: map[string]string{"a": bad}}, nil),
		"input":         apitest.ErrorOf(c.Evaluations.CreateCase(ctx, "s", promptorchestra.EvaluationCaseCreateParams{Input: map[string]string{bad: "x"}})),
	} {
		var e *promptorchestra.ArgumentError
		require.ErrorAs(t, err, &e, want)
		assert.Equal(t, want, e.Argument)
		assert.Contains(t, e.Reason, "UTF-8")
		assert.NotContains(t, err.Error(), "caf")
	}
	assert.Zero(t, srv.Connections.Load())
	for _, good := range []any{
		map[string]string{"a": "\ufffd ä \\ufffd"}, json.RawMessage(`{"a":"\ufffd"}`), map[string]any{"a": "😀\u2028"},
	} {
		require.NoError(t, apitest.ErrorOf(c.Prompts.Run(ctx, "p", promptorchestra.PromptRunParams{Variables: good})))
	}
}

// Another tenant's organization is not sent, however its name is spelled.
func TestOrganizationInAnySpellingIsRejected(t *testing.T) {
	srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool { r.Respond(200, apitest.Anything, -1); return true })
	c, ctx := apitest.NewClientAt(t, srv.URL), t.Context()
	for _, name := range []string{
		"organizationId", "organizationid", "organization_id", "ORGANIZATION_ID", "organizationId[]", "organizationId[0]", "organization-id", "Organization_ID[]", " organizationId",
		"[organizationId]", "organization[id]", "organization\x00Id", "organizationId\x00", "organizationId\t", "organization\u200bId", "organizationId.0", "organization/id",
	} {
		extra := promptorchestra.WithExtraBody(map[string]any{name: "org_2"})
		for what, err := range map[string]error{
			"query of a GET":  apitest.ErrorOf(c.Agents.Get(ctx, "a", promptorchestra.WithExtraQuery(name, "org_2"))),
			"query of a POST": apitest.ErrorOf(c.Prompts.Run(ctx, "p", promptorchestra.PromptRunParams{}, promptorchestra.WithExtraQuery(name, "org_2"))),
			"body":            apitest.ErrorOf(c.Prompts.Run(ctx, "p", promptorchestra.PromptRunParams{}, extra)),
			"query of Do":     c.Do(ctx, promptorchestra.Request{Method: "GET", Path: "/api/x", Query: url.Values{name: {"org_2"}}}, nil),
			"body of Do":      c.Do(ctx, promptorchestra.Request{Method: "POST", Path: "/api/x", Body: map[string]any{name: "org_2"}}, nil),
			"raw body of Do":  c.Do(ctx, promptorchestra.Request{Method: "POST", Path: "/api/x", Body: []byte(`{"` + name + `":"org_2"}`)}, nil),
			"workflow": apitest.ErrorOf(c.Agents.SaveWorkflow(ctx, "v", promptorchestra.Workflow{
				Extra: map[string]promptorchestra.RawJSON{name: promptorchestra.RawJSON(`"org_2"`)},
			})),
		} {
			var e *promptorchestra.ArgumentError
			require.ErrorAs(t, err, &e, "%s: %s", what, name)
		}
	}
	assert.Zero(t, srv.Connections.Load())
	require.NoError(t, apitest.ErrorOf(c.Prompts.Run(ctx, "p", promptorchestra.PromptRunParams{Variables: map[string]string{"organization_id": "org_2"}})))
	require.NoError(t, c.Do(ctx, promptorchestra.Request{Method: "POST", Path: "/api/x", Body: map[string]any{"data": map[string]string{"organizationId": "org_2"}}}, nil))
}

// An organization's id reaches the server as it is, whatever characters it has.
func TestOrganizationsOfAnyCharacters(t *testing.T) {
	var got string
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ OrganizationID, Name string }
		assert.NoError(t, json.NewDecoder(r.Body).Decode(&body))
		assert.Equal(t, "N", body.Name)
		got = body.OrganizationID
		_, _ = io.WriteString(w, `{"id":"agt_1"}`)
	}))
	ids := []string{"\t", "org\t1", `"`, `\`, `\"`, `\u0041`, "</script>&", "\u2028\u2029", "\u00e9\U0001F600", "\ufffd", `a"b\c`}
	for c := ' '; c < 0x7f; c++ {
		ids = append(ids, string(c)+"x")
	}
	for _, id := range ids {
		_, err := client.InOrganization(id).Agents.Create(t.Context(), promptorchestra.AgentCreateParams{Name: "N"})
		require.NoError(t, err, "%q", id)
		assert.Equal(t, id, got)
	}
}
