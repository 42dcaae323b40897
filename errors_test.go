package promptorchestra_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest/apidocs"
)

// failWith returns the error of a call that a real server answers so.
func failWith(t *testing.T, status int, header map[string]string, body string) *promptorchestra.APIError {
	t.Helper()
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	agent, err := client.Agents.Publish(t.Context(), "agt_1", promptorchestra.AgentPublishParams{VersionID: "agv_1"}, promptorchestra.WithoutRetry())
	require.Error(t, err)
	assert.Nil(t, agent)
	var apiErr *promptorchestra.APIError
	require.ErrorAs(t, err, &apiErr)
	return apiErr
}

// The first three rows are the bodies of the API's own error page.
func TestErrorBodies(t *testing.T) {
	graph := []promptorchestra.ErrorDetail{{
		Code: "missing_entry_step", Message: "Entry step is required",
		Raw: promptorchestra.RawJSON(`{ "code": "missing_entry_step", "message": "Entry step is required" }`),
	}}
	for _, row := range []struct {
		name    string
		status  int
		body    string // a file of testdata/errors when it has an ending
		kind    promptorchestra.Kind
		shape   promptorchestra.Shape
		code    string
		message string
		summary string
		details []promptorchestra.ErrorDetail
	}{
		{"error", 400, "page-error.json", promptorchestra.KindMissingOrganization, promptorchestra.ShapeError, "", "organizationId is required", "", nil},
		{"error and message", 500, "page-error-message.json", promptorchestra.KindServer, promptorchestra.ShapeErrorMessage, "", "Prompt execution failed upstream", "failed", nil},
		{"error, code and details", 422, "page-error-details.json", promptorchestra.KindInvalidGraph, promptorchestra.ShapeErrorDetails, "AGENT_GRAPH_INVALID", "Graph validation failed", "", graph},
		{
			"diagnostic with error and message", 403, "diagnostic.json", promptorchestra.KindPermission, promptorchestra.ShapeDiagnostic, "AUTH_SCOPE_MISSING", "This key may not write skills.", "Forbidden",
			[]promptorchestra.ErrorDetail{{Code: "missing_scope", Message: "skills:write", Raw: promptorchestra.RawJSON(`{ "code": "missing_scope", "message": "skills:write" }`)}},
		},
		{"diagnostic alone", 400, "diagnostic-bare.json", promptorchestra.KindMissingOrganization, promptorchestra.ShapeDiagnostic, "bad_request", "Bad request: organizationId is missing from the query.", "", nil},
		{"HTML", 502, "gateway.html", promptorchestra.KindServer, promptorchestra.ShapeText, "", "502 Bad Gateway 502 Bad Gateway nginx/1.27.0", "", nil},
		{"HTML 404 is no API's", 404, "gateway.html", promptorchestra.KindUnknown, promptorchestra.ShapeText, "", "502 Bad Gateway 502 Bad Gateway nginx/1.27.0", "", nil},
		{"text", 503, "proxy.txt", promptorchestra.KindServer, promptorchestra.ShapeText, "", "upstream connect error or disconnect/reset before headers", "", nil},
		{"text 403 is no API's", 403, "proxy.txt", promptorchestra.KindUnknown, promptorchestra.ShapeText, "", "upstream connect error or disconnect/reset before headers", "", nil},
		{"nothing", 402, "", promptorchestra.KindEntitlement, promptorchestra.ShapeEmpty, "", "Payment Required", "", nil},
		{"white space", 402, " \r\n", promptorchestra.KindEntitlement, promptorchestra.ShapeEmpty, "", "Payment Required", "", nil},
		{"cut in the middle", 422, "cut.json", promptorchestra.KindInvalidGraph, promptorchestra.ShapeErrorDetails, "AGENT_GRAPH_INVALID", "Graph validation failed", "", []promptorchestra.ErrorDetail{{Code: "missing_ent"}}},
		{"cut in the message", 500, `{"error":"failed","message":"Prompt exec\u00e`, promptorchestra.KindServer, promptorchestra.ShapeErrorMessage, "", "Prompt exec", "failed", nil},
		{"error as an object", 429, "provider.json", promptorchestra.KindRateLimited, promptorchestra.ShapeError, "rate_limit_exceeded", "Rate limit reached", "", nil},
		{"message alone", 403, "gateway-message.json", promptorchestra.KindPermission, promptorchestra.ShapeOther, "", "Forbidden", "", nil},
		{"problem details", 406, "problem.json", promptorchestra.KindInvalidRequest, promptorchestra.ShapeOther, "", "Not Acceptable: no such media type", "", nil},
		{"error as an array", 400, `{"error":["a","b"]}`, promptorchestra.KindInvalidRequest, promptorchestra.ShapeError, "", "a; b", "", nil},
		{"error as a number", 500, `{"error":17}`, promptorchestra.KindServer, promptorchestra.ShapeError, "", "17", "", nil},
		{"numeric code", 400, `{"error":"x","code":1234}`, promptorchestra.KindInvalidRequest, promptorchestra.ShapeError, "1234", "x", "", nil},
		{"another casing", 402, `{"Error":"No seats","MESSAGE":"All 3 seats are taken"}`, promptorchestra.KindEntitlement, promptorchestra.ShapeErrorMessage, "", "All 3 seats are taken", "No seats", nil},
		{"a name twice", 400, `{"error":"first","error":"second"}`, promptorchestra.KindInvalidRequest, promptorchestra.ShapeError, "", "first; second", "", nil},
		{"invalid UTF-8", 400, "{\"error\":\"a\xffb\"}", promptorchestra.KindInvalidRequest, promptorchestra.ShapeError, "", "a\uFFFDb", "", nil},
		{
			"details as a string", 422, `{"error":"x","code":"C","details":"why"}`, promptorchestra.KindValidation, promptorchestra.ShapeErrorDetails, "C", "x", "",
			[]promptorchestra.ErrorDetail{{Message: "why", Raw: promptorchestra.RawJSON(`"why"`)}},
		},
		{
			"details as strings", 422, `{"error":"x","details":["a","b"]}`, promptorchestra.KindValidation, promptorchestra.ShapeErrorDetails, "", "x", "",
			[]promptorchestra.ErrorDetail{{Message: "a", Raw: promptorchestra.RawJSON(`"a"`)}, {Message: "b", Raw: promptorchestra.RawJSON(`"b"`)}},
		},
		{
			"details as one object", 422, `{"error":"x","details":{"code":"c","message":"m","path":["steps",2,"promptId"]}}`, promptorchestra.KindValidation, promptorchestra.ShapeErrorDetails, "", "x", "",
			[]promptorchestra.ErrorDetail{{Code: "c", Message: "m", Path: "steps[2].promptId", Raw: promptorchestra.RawJSON(`{"code":"c","message":"m","path":["steps",2,"promptId"]}`)}},
		},
		{
			"details by field", 422, `{"error":"x","details":{"name":"too long"}}`, promptorchestra.KindValidation, promptorchestra.ShapeErrorDetails, "", "x", "",
			[]promptorchestra.ErrorDetail{{Path: "name", Message: "too long", Raw: promptorchestra.RawJSON(`"too long"`)}},
		},
		{"text in brackets", 403, "[error] upstream timed out", promptorchestra.KindUnknown, promptorchestra.ShapeText, "", "[error] upstream timed out", "", nil},
		{"text in braces", 502, "{upstream} said no", promptorchestra.KindServer, promptorchestra.ShapeText, "", "{upstream} said no", "", nil},
		{"an array of numbers", 500, "[1, 2]", promptorchestra.KindServer, promptorchestra.ShapeOther, "", "1; 2", "", []promptorchestra.ErrorDetail{
			{Message: "1", Raw: promptorchestra.RawJSON(`1`)}, {Message: "2", Raw: promptorchestra.RawJSON(`2`)},
		}},
		{"HTML with references", 502, "<p>one&#10;two&#x1b;[31m &lt;b&gt;</p>", promptorchestra.KindServer, promptorchestra.ShapeText, "", "one two [31m <b>", "", nil},
		{"other JSON", 500, `{"detail":"boom"}`, promptorchestra.KindServer, promptorchestra.ShapeOther, "", "boom", "", nil},
		{"a JSON string", 409, `"taken"`, promptorchestra.KindConflict, promptorchestra.ShapeOther, "", "taken", "", []promptorchestra.ErrorDetail{{Message: "taken", Raw: promptorchestra.RawJSON(`"taken"`)}}},
		{"null", 409, `null`, promptorchestra.KindConflict, promptorchestra.ShapeOther, "", "Conflict", "", nil},
		{"bad_request about something else", 400, `{"error":"name is required","code":"bad_request"}`, promptorchestra.KindInvalidRequest, promptorchestra.ShapeError, "bad_request", "name is required", "", nil},
		{"the code decides before the status", 400, `{"error":"x","code":"AUTH_INVALID_TOKEN"}`, promptorchestra.KindAuthentication, promptorchestra.ShapeError, "AUTH_INVALID_TOKEN", "x", "", nil},
		{"a redirect", 302, ``, promptorchestra.KindUnknown, promptorchestra.ShapeEmpty, "", "Found", "", nil},
		{"an unknown status", 599, ``, promptorchestra.KindServer, promptorchestra.ShapeEmpty, "", "", "", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			body := row.body
			if strings.HasSuffix(body, ".json") || strings.HasSuffix(body, ".html") || strings.HasSuffix(body, ".txt") {
				body = string(apidocs.File(t, "errors/"+body))
			}
			e := failWith(t, row.status, map[string]string{"X-Request-Id": "req_1"}, body)
			assert.Equal(t, row.status, e.StatusCode)
			assert.Equal(t, row.kind, e.Kind)
			assert.Equal(t, row.shape, e.Shape)
			assert.Equal(t, row.code, e.Code)
			assert.Equal(t, row.message, e.Message)
			assert.Equal(t, row.summary, e.Summary)
			assert.Equal(t, row.details, e.Details)
			assert.Equal(t, body, string(e.RawBody))
			assert.Equal(t, "req_1", e.RequestID)
			assert.Equal(t, row.shape == promptorchestra.ShapeDiagnostic, e.Diagnostic != nil)
			assert.Equal(t, row.kind == promptorchestra.KindMissingOrganization, errors.Is(e, promptorchestra.ErrMissingOrganization))
		})
	}
}

func TestErrorDescribesItsCall(t *testing.T) {
	e := failWith(t, 422, map[string]string{"X-Request-Id": "req_1"}, string(apidocs.File(t, "errors/page-error-details.json")))
	assert.Equal(t, "Agents.Publish", e.Op)
	assert.Equal(t, http.MethodPost, e.Method)
	assert.Equal(t, "/api/agents/{agentId}/publish", e.Path)
	assert.Equal(t, apitest.Organization, e.Organization)
	assert.Equal(t, map[string]string{"agentId": "agt_1", "versionId": "agv_1"}, e.Resource)
	assert.Equal(t, 1, e.Attempts)
	assert.False(t, e.Repeatable)
	assert.Equal(t, "promptorchestra: Agents.Publish: 422 Unprocessable Entity (AGENT_GRAPH_INVALID): "+
		"Graph validation failed: missing_entry_step: Entry step is required [request_id=req_1]", e.Error())
}

func TestDiagnosticIsKeptWhole(t *testing.T) {
	d := failWith(t, 403, nil, string(apidocs.File(t, "errors/diagnostic.json"))).Diagnostic
	require.NotNil(t, d)
	assert.Equal(t, "Scope missing", d.Title)
	assert.Equal(t, "authorization", d.Category)
	assert.Equal(t, "The API key lacks the scope skills:write.", d.Why)
	assert.JSONEq(t, `{"route":"POST /api/skills","credential":"api_key"}`, d.Where.String())
	assert.Equal(t, []string{"authorization"}, d.AffectedFields)
	assert.JSONEq(t, `"Create a key with the authoring_ci preset."`, d.Recovery.String())
	assert.Equal(t, promptorchestra.Set(false), d.Retryable)
	assert.JSONEq(t, `"api-keys#scopes"`, d.DocsHint.String())
	assert.JSONEq(t, `[{"code":"missing_scope","message":"skills:write"}]`, d.Details.String())
}

func TestStatusHelpers(t *testing.T) {
	type helper struct {
		status   int
		method   func(*promptorchestra.APIError) bool
		function func(error) bool
	}
	helpers := map[string]helper{
		"IsBadRequest":   {400, (*promptorchestra.APIError).IsBadRequest, promptorchestra.IsBadRequest},
		"IsUnauthorized": {401, (*promptorchestra.APIError).IsUnauthorized, promptorchestra.IsUnauthorized},
		"IsEntitlement":  {402, (*promptorchestra.APIError).IsEntitlement, promptorchestra.IsEntitlement},
		"IsForbidden":    {403, (*promptorchestra.APIError).IsForbidden, promptorchestra.IsForbidden},
		"IsNotFound":     {404, (*promptorchestra.APIError).IsNotFound, promptorchestra.IsNotFound},
		"IsConflict":     {409, (*promptorchestra.APIError).IsConflict, promptorchestra.IsConflict},
		"IsValidation":   {422, (*promptorchestra.APIError).IsValidation, promptorchestra.IsValidation},
		"IsRateLimited":  {429, (*promptorchestra.APIError).IsRateLimited, promptorchestra.IsRateLimited},
		"IsServer":       {503, (*promptorchestra.APIError).IsServer, promptorchestra.IsServer},
	}
	for name, h := range helpers {
		t.Run(name, func(t *testing.T) {
			err := failWith(t, h.status, nil, `{"error":"x"}`)
			assert.True(t, h.method(err))
			assert.True(t, h.function(err))
			assert.True(t, h.function(fmt.Errorf("publishing: %w", err)))
			assert.True(t, h.function(errors.Join(errors.New("other"), err)))
			other := &promptorchestra.APIError{StatusCode: 418}
			assert.False(t, h.method(other))
			assert.False(t, h.function(other))
			assert.True(t, h.function(errors.Join(other, err)), "not only the first of a tree")
			assert.False(t, h.function(nil))
			assert.False(t, h.function(errors.New("other")))
			var none *promptorchestra.APIError
			assert.False(t, h.method(none))
			assert.False(t, h.function(none))
			for otherName, o := range helpers {
				assert.Equal(t, name == otherName, o.function(err), otherName)
			}
		})
	}
}

func TestErrorIsOneCleanLine(t *testing.T) {
	for name, body := range map[string]string{
		"forged log line": `{"error":"a\nlevel=ERROR msg=\"b\"\u2028c\u001b[31m","code":"x\r\ny","details":[{"code":"\n","message":"\t\u0000"}]}`,
		"huge message":    `{"error":"` + strings.Repeat("ä", 200<<10) + `"}`,
		"many details":    `{"error":"x","details":[` + strings.Repeat(`{"code":"c","message":"`+strings.Repeat("m", 500)+`"},`, 999) + `{"code":"last"}]}`,
		"huge HTML":       "<html>" + strings.Repeat("<p>x</p>\n", 100_000),
	} {
		t.Run(name, func(t *testing.T) {
			e := failWith(t, 422, map[string]string{"X-Request-Id": strings.Repeat("r", 5000)}, body)
			for _, text := range []string{e.Error(), fmt.Sprint(e.LogValue())} {
				assert.Less(t, len(text), 1500)
				assert.NotRegexp(t, `[\x00-\x1f\x7f\x{2028}]`, text)
			}
			assert.LessOrEqual(t, len(e.Error()), 1100)
			assert.LessOrEqual(t, len(e.RawBody), 64<<10)
		})
	}
}

func TestErrorLogValue(t *testing.T) {
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Error("failed", "err",
		failWith(t, 402, map[string]string{"X-Request-Id": "req_1"}, `{"error":"failed","message":"No seats"}`))
	var record struct {
		Err map[string]any `json:"err"`
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &record))
	assert.Equal(t, map[string]any{
		"op": "Agents.Publish", "method": "POST", "path": "/api/agents/{agentId}/publish", "organization": apitest.Organization,
		"attempts": 1.0, "status": 402.0, "kind": "entitlement", "message": "No seats", "details": 0.0, "request_id": "req_1",
	}, record.Err)
}

func TestRetryAfterOfAnError(t *testing.T) {
	e := failWith(t, 429, map[string]string{"Retry-After": "86400"}, `{"error":"slow down"}`)
	wait, ok := promptorchestra.RetryAfter(fmt.Errorf("wrapped: %w", e))
	assert.True(t, ok)
	assert.Equal(t, 24*time.Hour, wait)
	_, ok = promptorchestra.RetryAfter(failWith(t, 429, map[string]string{"Retry-After": "soon"}, ``))
	assert.False(t, ok)
	_, ok = promptorchestra.RetryAfter(nil)
	assert.False(t, ok)
}

// What a user's own test may build.
func TestErrorsCanBeBuilt(t *testing.T) {
	for name, row := range map[string]struct {
		err       error
		text      string
		retryable bool
		unknown   bool
	}{
		"zero APIError":        {&promptorchestra.APIError{}, "promptorchestra: 0", false, false},
		"402":                  {&promptorchestra.APIError{StatusCode: 402}, "promptorchestra: 402 Payment Required", false, false},
		"503 of a read":        {&promptorchestra.APIError{StatusCode: 503, CallInfo: promptorchestra.CallInfo{Repeatable: true}}, "promptorchestra: 503 Service Unavailable", true, false},
		"503 of an execution":  {&promptorchestra.APIError{StatusCode: 503}, "promptorchestra: 503 Service Unavailable", false, true},
		"429 of an execution":  {&promptorchestra.APIError{StatusCode: 429}, "promptorchestra: 429 Too Many Requests", true, false},
		"429 that names a run": {&promptorchestra.APIError{StatusCode: 429, RawBody: []byte(`{"runId":"run_1"}`)}, "promptorchestra: 429 Too Many Requests", false, true},
		"429 that is final": {
			&promptorchestra.APIError{StatusCode: 429, CallInfo: promptorchestra.CallInfo{Repeatable: true}, Diagnostic: &promptorchestra.Diagnostic{Retryable: promptorchestra.Set(false)}},
			"promptorchestra: 429 Too Many Requests", false, false,
		},
		"nothing sent":          {&promptorchestra.TransportError{Err: errors.New("refused")}, "promptorchestra: no answer: refused", true, false},
		"dropped execution":     {&promptorchestra.TransportError{CallInfo: promptorchestra.CallInfo{Op: "Agents.Run"}, OutcomeUnknown: true, Err: errors.New("reset")}, "promptorchestra: Agents.Run: no answer, outcome unknown: reset", false, true},
		"unreadable execution":  {&promptorchestra.DecodeError{StatusCode: 200, Err: errors.New("cut")}, "promptorchestra: answered 200, but the answer cannot be used: cut", false, true},
		"zero TransportError":   {&promptorchestra.TransportError{}, "promptorchestra: no answer", true, false},
		"zero DecodeError":      {&promptorchestra.DecodeError{CallInfo: promptorchestra.CallInfo{Repeatable: true}}, "promptorchestra: answered 0, but the answer cannot be used", false, false},
		"ArgumentError":         {&promptorchestra.ArgumentError{CallInfo: promptorchestra.CallInfo{Op: "Agents.Get"}, Argument: "agentId", Reason: "must not be empty"}, "promptorchestra: Agents.Get: agentId: must not be empty", false, false},
		"joined, one unknown":   {errors.Join(&promptorchestra.APIError{StatusCode: 503, CallInfo: promptorchestra.CallInfo{Repeatable: true}}, &promptorchestra.TransportError{OutcomeUnknown: true}), "", false, true},
		"wrapped":               {fmt.Errorf("x: %w", &promptorchestra.APIError{StatusCode: 503, CallInfo: promptorchestra.CallInfo{Repeatable: true}}), "", true, false},
		"somebody else's error": {errors.New("x"), "", false, false},
		"nil":                   {nil, "", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			if row.text != "" {
				assert.Equal(t, row.text, row.err.Error())
			}
			assert.Equal(t, row.retryable, promptorchestra.IsRetryable(row.err))
			assert.Equal(t, row.unknown, promptorchestra.OutcomeUnknown(row.err))
		})
	}
}

func TestNilErrorsDoNotPanic(t *testing.T) {
	for _, err := range []error{(*promptorchestra.APIError)(nil), (*promptorchestra.TransportError)(nil), (*promptorchestra.DecodeError)(nil), (*promptorchestra.ArgumentError)(nil)} {
		assert.NotPanics(t, func() {
			_ = err.Error()
			_ = errors.Unwrap(err)
			_ = err.(slog.LogValuer).LogValue()
			_ = promptorchestra.IsRetryable(err)
			_ = promptorchestra.OutcomeUnknown(err)
			_, _ = promptorchestra.RetryAfter(err)
			_ = promptorchestra.IsEntitlement(err)
			_ = errors.Is(err, promptorchestra.ErrMissingOrganization)
		})
	}
}

func TestEchoedTokenIsRedacted(t *testing.T) {
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_ = json.NewEncoder(w).Encode(map[string]any{"error": "bad header " + r.Header.Get("Authorization")})
	}))
	_, err := client.Agents.List(t.Context())
	var e *promptorchestra.APIError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "bad header Bearer [redacted]", e.Message)
	assert.NotContains(t, string(e.RawBody), apitest.Token)
}

func TestKindsFromAnywhereInTheBody(t *testing.T) {
	for _, row := range []struct {
		status int
		body   string
		kind   promptorchestra.Kind
	}{
		{422, "\ufeff" + `{"error":"x","code":"AGENT_GRAPH_INVALID"}`, promptorchestra.KindInvalidGraph},
		{413, `{}`, promptorchestra.KindInvalidRequest},
		{411, `{}`, promptorchestra.KindInvalidRequest},
		{417, `{}`, promptorchestra.KindInvalidRequest},
		{410, `{}`, promptorchestra.KindUnknown},
		{418, `{}`, promptorchestra.KindUnknown},
		{400, `{"error":"organizationId is required","message":"Bad request"}`, promptorchestra.KindMissingOrganization},
		{400, `{"error":"organization_id is required"}`, promptorchestra.KindMissingOrganization},
		{400, `{"error":"Bad request","details":[{"path":"organizationId","message":"required"}]}`, promptorchestra.KindMissingOrganization},
		{400, `{"code":"x","title":"t","category":"c","why":"w","where":{"query":"organizationId"}}`, promptorchestra.KindMissingOrganization},
		{400, `{"code":"x","title":"t","category":"c","why":"w","affectedFields":["organizationId"]}`, promptorchestra.KindMissingOrganization},
	} {
		assert.Equal(t, row.kind, failWith(t, row.status, nil, row.body).Kind, row.body)
	}
	assert.Equal(t, "insufficient_quota", failWith(t, 429, nil, `{"error":{"type":"insufficient_quota","message":"m"}}`).Code)
}

func TestErrorsAreBounded(t *testing.T) {
	err := apitest.Run(t.Context(), apitest.NewClient(t, apitest.Respond(429, `{"error":"busy","runId":"`+strings.Repeat("r", 300)+`"}`)))
	assert.True(t, promptorchestra.IsRetryable(err))
	e := failWith(t, 502, nil, strings.Repeat("x ", 10_000))
	assert.LessOrEqual(t, len(e.Message), 304)
	var fields strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&fields, `,"f%d":"x"`, i)
	}
	assert.Len(t, failWith(t, 422, nil, `{"error":"x","details":{`+fields.String()[1:]+`}}`).Details, 1000)
}

func TestResourceOfAQuery(t *testing.T) {
	_, err := apitest.NewClient(t, apitest.Respond(404, `{"error":"x"}`)).AgentRuns.Compare(t.Context(), "arun_1", "arun_2")
	var e *promptorchestra.APIError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, map[string]string{"leftRunId": "arun_1", "rightRunId": "arun_2"}, e.Resource)
}

func TestResourceIsBounded(t *testing.T) {
	var steps []promptorchestra.WorkflowStep
	for i := range 500 {
		steps = append(steps, promptorchestra.WorkflowStep{StepKey: fmt.Sprint(i), PromptID: fmt.Sprint("prm_", i)})
	}
	_, err := apitest.NewClient(t, apitest.Respond(404, "{}")).Agents.SaveWorkflow(t.Context(), "agv_1", promptorchestra.Workflow{Steps: steps})
	var e *promptorchestra.APIError
	require.ErrorAs(t, err, &e)
	assert.LessOrEqual(t, len(e.Resource), 101)
}

func TestUserDataIsNoResource(t *testing.T) {
	_, err := apitest.NewClient(t, apitest.Respond(404, "{}")).Prompts.Run(t.Context(), "prm_1", promptorchestra.PromptRunParams{
		Variables: map[string]any{"patientId": "p1", "steps": []map[string]string{{"patientId": "p2"}}},
	})
	var e *promptorchestra.APIError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, map[string]string{"promptId": "prm_1"}, e.Resource)
	err = apitest.NewClient(t, apitest.Respond(404, "{}")).Do(t.Context(), promptorchestra.Request{Method: "POST", Path: "/api/x", Body: map[string]any{
		"rows": []map[string]string{{"patientId": "p2"}},
	}}, nil)
	require.ErrorAs(t, err, &e)
	assert.Empty(t, e.Resource)
}
