package promptorchestra_test

import (
	"io"
	"net/http"
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
	srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool { r.Respond(200, "{}", -1); return true })
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
		_, _ = io.WriteString(w, map[bool]string{true: "[]", false: "{}"}[r.Method == http.MethodGet || strings.HasSuffix(r.URL.Path, "/steps")])
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
