package promptorchestra_test

import (
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

// Nothing of a bad call is sent, and the error names the argument.
func TestBadArguments(t *testing.T) {
	var seen apitest.Recorder
	client := apitest.NewClient(t, &seen)
	ctx := t.Context()
	do := func(r promptorchestra.Request, out any, opts ...promptorchestra.CallOption) error {
		return client.Do(ctx, r, out, opts...)
	}
	get := func(opts ...promptorchestra.CallOption) error {
		_, err := client.Agents.Get(ctx, "agt_1", opts...)
		return err
	}
	create := func(opts ...promptorchestra.CallOption) error {
		_, err := client.Agents.Create(ctx, promptorchestra.AgentCreateParams{Name: "x"}, opts...)
		return err
	}
	run := func(variables any) error {
		_, err := client.Prompts.Run(ctx, "prm_1", promptorchestra.PromptRunParams{Variables: variables})
		return err
	}
	path := func(p string) error { return do(promptorchestra.Request{Method: "GET", Path: p}, nil) }
	var nilPointer *apitest.Echoed
	//nolint:staticcheck // a nil context is one of the rows
	for name, row := range map[string]struct {
		err      error
		argument string
	}{
		"no id":                 {apitest.ErrorOf(client.Agents.Get(ctx, "")), "agentId"},
		"a dot":                 {apitest.ErrorOf(client.Agents.Get(ctx, ".")), "agentId"},
		"two dots":              {apitest.ErrorOf(client.Agents.DiffVersion(ctx, "agt_1", "..", "agv_1")), "versionId"},
		"a control character":   {apitest.ErrorOf(client.Agents.Get(ctx, "a\r\nb")), "agentId"},
		"no required query":     {apitest.ErrorOf(client.AgentRuns.Compare(ctx, "arun_1", "")), "rightRunId"},
		"no required member":    {apitest.ErrorOf(client.Agents.Create(ctx, promptorchestra.AgentCreateParams{})), "name"},
		"nil context":           {apitest.ErrorOf(client.Agents.Get(nil, "agt_1")), "ctx"},
		"nil option":            {get(nil), "CallOption"},
		"into nil":              {get(promptorchestra.WithInto(nil)), "WithInto"},
		"into no pointer":       {get(promptorchestra.WithInto(apitest.Echoed{})), "WithInto"},
		"into a nil pointer":    {get(promptorchestra.WithInto(nilPointer)), "WithInto"},
		"nil response":          {get(promptorchestra.WithResponse(nil)), "WithResponse"},
		"no timeout":            {get(promptorchestra.WithTimeout(0)), "WithTimeout"},
		"own header":            {get(promptorchestra.WithHeader("authorization", "x")), "WithHeader"},
		"header injection":      {get(promptorchestra.WithHeader("X-A", "a\r\nX-B: b")), "WithHeader"},
		"extra body of a GET":   {get(promptorchestra.WithExtraBody(map[string]any{"a": 1})), "WithExtraBody"},
		"extra query twice":     {get(promptorchestra.WithExtraQuery("publicContract", "0")), "WithExtraQuery"},
		"extra organization":    {get(promptorchestra.WithExtraQuery("organizationId", "org_2")), "WithExtraQuery"},
		"organization in POST":  {create(promptorchestra.WithExtraQuery("organizationId", "org_2")), "WithExtraQuery"},
		"extra query no key":    {get(promptorchestra.WithExtraQuery("", "x")), "WithExtraQuery"},
		"extra member twice":    {create(promptorchestra.WithExtraBody(map[string]any{"name": "y"})), "WithExtraBody"},
		"extra member unset":    {create(promptorchestra.WithExtraBody(map[string]any{"description": "y"})), "WithExtraBody"},
		"extra member casing":   {create(promptorchestra.WithExtraBody(map[string]any{"Name": "y"})), "WithExtraBody"},
		"extra member spelling": {apitest.ErrorOf(client.Agents.Publish(ctx, "agt_1", promptorchestra.AgentPublishParams{}, promptorchestra.WithExtraBody(map[string]any{"version_id": "v"}))), "WithExtraBody"},
		"extra tenant":          {create(promptorchestra.WithExtraBody(map[string]any{"organizationId": "org_2"})), "WithExtraBody"},
		"extra channel":         {create(promptorchestra.WithExtraBody(map[string]any{"c": make(chan int)})), "body"},
		"idempotency key":       {create(promptorchestra.WithHeader("idempotency-key", "x")), "WithHeader"},
		"x idempotency key":     {create(promptorchestra.WithHeader("X-Idempotency-Key", "x")), "WithHeader"},
		"variables channel":     {run(map[string]any{"c": make(chan int)}), "body"},
		"variables NaN":         {run(map[string]any{"n": math.NaN()}), "body"},
		"variables text":        {run("text"), "variables"},
		"variables list":        {run([]string{"a"}), "variables"},
		"variables raw list":    {run(promptorchestra.RawJSON(`[1]`)), "variables"},
		"variables broken":      {run(promptorchestra.RawJSON(`{"a":`)), "body"},
		"Do absolute":           {path("https://evil.example/api/x"), "Path"},
		"Do no prefix":          {path("/other"), "Path"},
		"Do dots":               {path("/api/../x"), "Path"},
		"Do escaped dots":       {path("/api/%2e%2E/x"), "Path"},
		"Do empty segment":      {path("/api//x"), "Path"},
		"Do query":              {path("/api/x?a=1"), "Path"},
		"Do fragment":           {path("/api/x#a"), "Path"},
		"Do not escaped":        {path("/api/a b"), "Path"},
		"Do line break":         {path("/api/a\r\nb"), "Path"},
		"Do bad escape":         {path("/api/%zz"), "Path"},
		"Do backslash":          {path(`/api/..\x`), "Path"},
		"Do no method":          {do(promptorchestra.Request{Path: "/api/x"}, nil), "Method"},
		"Do odd method":         {do(promptorchestra.Request{Method: "get", Path: "/api/x"}, nil), "Method"},
		"Do body of a GET":      {do(promptorchestra.Request{Method: "GET", Path: "/api/x", Body: 1}, nil), "Body"},
		"Do no object":          {do(promptorchestra.Request{Method: "POST", Path: "/api/x", Body: 1}, nil), "body"},
		"Do tenant":             {do(promptorchestra.Request{Method: "POST", Path: "/api/x", Body: map[string]any{"organizationId": "org_2"}}, nil), "organizationId"},
		"Do tenant in query":    {do(promptorchestra.Request{Method: "POST", Path: "/api/x", Query: url.Values{"organizationId": {"org_2"}}}, nil), "organizationId"},
		"Do out no pointer":     {do(promptorchestra.Request{Method: "GET", Path: "/api/x"}, apitest.Echoed{}), "out"},
		"Do out nil pointer":    {do(promptorchestra.Request{Method: "GET", Path: "/api/x"}, nilPointer), "out"},
		"Do idempotency key":    {do(promptorchestra.Request{Method: "POST", Path: "/api/x"}, nil, promptorchestra.WithHeader("Idempotency-Key", "x")), "WithHeader"},
		"zero client":           {(&promptorchestra.Client{}).Do(ctx, promptorchestra.Request{Method: "GET", Path: "/api/x"}, nil), "client"},
	} {
		t.Run(name, func(t *testing.T) {
			var e *promptorchestra.ArgumentError
			require.ErrorAs(t, row.err, &e)
			assert.Equal(t, row.argument, e.Argument)
			assert.NotEmpty(t, e.Reason)
			assert.False(t, promptorchestra.IsRetryable(row.err))
			assert.False(t, promptorchestra.OutcomeUnknown(row.err))
		})
	}
	assert.Empty(t, seen.All(), "nothing was sent")
}

func TestWithResponse(t *testing.T) {
	var got promptorchestra.Response
	client := apitest.NewClient(t, http.HandlerFunc(apitest.Echo))
	_, err := client.Tools.Get(t.Context(), "tol_1", promptorchestra.WithResponse(&got))
	require.NoError(t, err)
	assert.Equal(t, 200, got.StatusCode)
	assert.Equal(t, "req_echo", got.RequestID)
	assert.Equal(t, 1, got.Attempts)
	assert.Equal(t, "req_echo", got.Header.Get("X-Request-Id"))
	assert.Contains(t, string(got.Body), `"method":"GET"`)

	failing := apitest.NewClient(t, apitest.Respond(http.StatusServiceUnavailable, `{"error":"x"}`))
	_, err = failing.Agents.Get(t.Context(), "agt_1", promptorchestra.WithResponse(&got))
	require.Error(t, err)
	assert.Equal(t, 503, got.StatusCode)
	assert.Equal(t, 4, got.Attempts)
	assert.JSONEq(t, `{"error":"x"}`, string(got.Body))
}

func TestArgumentsAreCheckedBeforeAnythingIsSent(t *testing.T) {
	client := apitest.NewClient(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("something was sent") }))
	ctx := t.Context()
	for _, tt := range []struct {
		argument string
		call     func() (any, error)
	}{
		{"name", func() (any, error) { return client.Agents.Create(ctx, promptorchestra.AgentCreateParams{}) }},
		{"name", func() (any, error) {
			return client.Prompts.Create(ctx, promptorchestra.PromptCreateParams{PromptKey: "k"})
		}},
		{"versionId", func() (any, error) { return client.Prompts.Publish(ctx, "p", promptorchestra.PromptPublishParams{}) }},
		{"toolId", func() (any, error) { return client.Prompts.AttachTool(ctx, "v", "") }},
		{"promptVersionId", func() (any, error) { return client.Prompts.AttachTool(ctx, "..", "t") }},
		{"stepKey", func() (any, error) { return client.AgentRuns.RerunFromStep(ctx, "r", "") }},
		{"leftRunId", func() (any, error) { return client.AgentRuns.Compare(ctx, "", "r") }},
		{"rightRunId", func() (any, error) { return client.AgentRuns.Compare(ctx, "r", "") }},
		{"againstVersionId", func() (any, error) { return client.Agents.DiffVersion(ctx, "a", "v", "") }},
		{"versionId", func() (any, error) { return client.Agents.DiffVersion(ctx, "a", "", "v") }},
		{"runId", func() (any, error) { return client.AgentRuns.Wait(ctx, "") }},
		{"skillKey", func() (any, error) { return client.Skills.Create(ctx, promptorchestra.SkillCreateParams{Name: "N"}) }},
		{"name", func() (any, error) {
			return client.Skills.Create(ctx, promptorchestra.SkillCreateParams{SkillKey: "k"})
		}},
		{"toolKey", func() (any, error) {
			return client.Tools.Create(ctx, promptorchestra.ToolCreateParams{Name: "N", Type: promptorchestra.ToolTypeHTTP})
		}},
		{"name", func() (any, error) {
			return client.Tools.Create(ctx, promptorchestra.ToolCreateParams{ToolKey: "k", Type: promptorchestra.ToolTypeHTTP})
		}},
		{"type", func() (any, error) {
			return client.Tools.Create(ctx, promptorchestra.ToolCreateParams{ToolKey: "k", Name: "N"})
		}},
		{"promptVersionId", func() (any, error) {
			return client.VoiceAgents.CreateVersion(ctx, "a", promptorchestra.VoiceAgentVersionCreateParams{})
		}},
		{"name", func() (any, error) {
			return client.ServiceKeys.Create(ctx, promptorchestra.ServiceKeyCreateParams{Preset: promptorchestra.ServiceKeyPresetFullControl})
		}},
		{"preset", func() (any, error) {
			return client.ServiceKeys.Create(ctx, promptorchestra.ServiceKeyCreateParams{Name: "N"})
		}},
		{"prompts[1].versionNumber", func() (any, error) {
			return client.Skills.ReplacePrompts(ctx, "v", []promptorchestra.PromptAttachment{
				{PromptID: "p"}, {PromptID: "p", AttachmentMode: promptorchestra.AttachmentModePinnedVersion},
			})
		}},
		{"prompts[0].versionNumber", func() (any, error) {
			return client.Skills.ReplacePrompts(ctx, "v", []promptorchestra.PromptAttachment{
				{PromptID: "p", AttachmentMode: promptorchestra.AttachmentModeFloatingLatestPublished, VersionNumber: 2},
			})
		}},
		{"prompts[0].promptId", func() (any, error) {
			return client.Skills.ReplacePrompts(ctx, "v", []promptorchestra.PromptAttachment{{}})
		}},
		{"tools[0].toolId", func() (any, error) { return client.Skills.ReplaceTools(ctx, "v", []promptorchestra.ToolAttachment{{}}) }},
		{"variables", func() (any, error) {
			return client.Skills.Run(ctx, "s", promptorchestra.SkillRunParams{Variables: []int{1}})
		}},
		{"variables", func() (any, error) {
			return client.Prompts.Run(ctx, "p", promptorchestra.PromptRunParams{Variables: promptorchestra.RawJSON(`[1]`)})
		}},
		{"body", func() (any, error) {
			return client.Agents.Run(ctx, "a", promptorchestra.AgentRunParams{Variables: map[string]any{"x": math.NaN()}})
		}},
		{"body", func() (any, error) {
			return client.Tools.CreateVersion(ctx, "t", promptorchestra.ToolVersionCreateParams{Config: make(chan int)})
		}},
	} {
		record, err := tt.call()
		var refused *promptorchestra.ArgumentError
		if assert.ErrorAs(t, err, &refused, tt.argument) {
			assert.Equal(t, tt.argument, refused.Argument)
		}
		assert.True(t, reflect.ValueOf(record).IsNil(), "a failed call returns nothing")
	}
}

func TestDo(t *testing.T) {
	client := apitest.NewClient(t, http.HandlerFunc(apitest.Echo))
	for name, row := range map[string]struct {
		request promptorchestra.Request
		opts    []promptorchestra.CallOption
		want    apitest.Echoed
	}{
		"GET": {
			promptorchestra.Request{Method: "GET", Path: "/api/new%2Fthing/1", Query: url.Values{"b": {"2", ""}, "a": {"x y"}}},
			nil,
			apitest.Echoed{Method: "GET", URI: "/api/new%2Fthing/1?organizationId=org_1&a=x+y&b=2&b="},
		},
		"POST": {
			promptorchestra.Request{Method: "POST", Path: "/api/x", Body: map[string]any{"a": "<b>"}},
			nil,
			apitest.Echoed{Method: "POST", URI: "/api/x", Body: `{"organizationId":"org_1","a":"<b>"}`, Type: "application/json"},
		},
		"DELETE without a body": {
			promptorchestra.Request{Method: "DELETE", Path: "/api/x"},
			nil,
			apitest.Echoed{Method: "DELETE", URI: "/api/x", Body: `{"organizationId":"org_1"}`, Type: "application/json"},
		},
		"raw JSON": {
			promptorchestra.Request{Method: "PUT", Path: "/api/x", Body: json.RawMessage(` { "a" : 1 } `)},
			nil,
			apitest.Echoed{Method: "PUT", URI: "/api/x", Body: `{"organizationId":"org_1","a":1}`, Type: "application/json"},
		},
		"extras": {
			promptorchestra.Request{Method: "POST", Path: "/api/x", Body: struct{ A int }{1}},
			[]promptorchestra.CallOption{
				promptorchestra.WithExtraBody(map[string]any{"z": []byte(`[1]`), "b": 2}), promptorchestra.WithExtraQuery("q", "&"),
			},
			apitest.Echoed{Method: "POST", URI: "/api/x?q=%26", Body: `{"organizationId":"org_1","A":1,"b":2,"z":[1]}`, Type: "application/json"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got apitest.Echoed
			require.NoError(t, client.Do(t.Context(), row.request, &got, row.opts...))
			assert.Equal(t, row.want, got)
			require.NoError(t, client.Do(t.Context(), row.request, nil, row.opts...))
		})
	}
}

// A guess at an unknown endpoint's answer that is wrong must not look like no results.
func TestDoIntoAnotherTypeThanTheAnswer(t *testing.T) {
	client := apitest.NewClient(t, apitest.Respond(200, `{"id":"a","n":"x","list":[{"n":1},{"n":"x"}]}`))
	var list []string
	var text string
	var number *int
	for _, out := range []any{&list, &text, &number} {
		err := client.Do(t.Context(), promptorchestra.Request{Method: "GET", Path: "/api/x"}, out)
		var e *promptorchestra.DecodeError
		require.ErrorAs(t, err, &e)
		assert.ErrorContains(t, err, "JSON object")
		assert.Contains(t, string(e.Body), `"id":"a"`)
	}
	var thing struct {
		ID   string
		N    int
		List []struct{ N int }
	}
	require.NoError(t, client.Do(t.Context(), promptorchestra.Request{Method: "GET", Path: "/api/x"}, &thing), "one member is no reason")
	var tree recursive
	require.NoError(t, client.Do(t.Context(), promptorchestra.Request{Method: "GET", Path: "/api/x"}, &tree), "nor one of the same type")
	assert.Equal(t, "a", thing.ID)
	assert.Len(t, thing.List, 2)
}

type recursive map[string]recursive
