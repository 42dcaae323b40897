package promptorchestra_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

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
		{
			name: "error", status: 400, body: "page-error.json", kind: promptorchestra.KindMissingOrganization,
			shape: promptorchestra.ShapeError, message: "organizationId is required",
		},
		{
			name: "error and message", status: 500, body: "page-error-message.json", kind: promptorchestra.KindServer,
			shape: promptorchestra.ShapeErrorMessage, message: "Prompt execution failed upstream", summary: "failed",
		},
		{
			name: "error, code and details", status: 422, body: "page-error-details.json",
			kind: promptorchestra.KindInvalidGraph, shape: promptorchestra.ShapeErrorDetails,
			code: "AGENT_GRAPH_INVALID", message: "Graph validation failed", details: graph,
		},
		{
			name: "diagnostic with error and message", status: 403, body: "diagnostic.json",
			kind: promptorchestra.KindPermission, shape: promptorchestra.ShapeDiagnostic, code: "AUTH_SCOPE_MISSING",
			message: "This key may not write skills.", summary: "Forbidden",
			details: []promptorchestra.ErrorDetail{{Code: "missing_scope", Message: "skills:write", Raw: promptorchestra.RawJSON(`{ "code": "missing_scope", "message": "skills:write" }`)}},
		},
		{
			name: "diagnostic alone", status: 400, body: "diagnostic-bare.json",
			kind: promptorchestra.KindMissingOrganization, shape: promptorchestra.ShapeDiagnostic,
			code: "bad_request", message: "Bad request: organizationId is missing from the query.",
		},
		{
			name: "HTML", status: 502, body: "gateway.html", kind: promptorchestra.KindServer,
			shape: promptorchestra.ShapeText, message: "502 Bad Gateway 502 Bad Gateway nginx/1.27.0",
		},
		{
			name: "HTML 404 is no API's", status: 404, body: "gateway.html", kind: promptorchestra.KindUnknown,
			shape: promptorchestra.ShapeText, message: "502 Bad Gateway 502 Bad Gateway nginx/1.27.0",
		},
		{
			name: "text", status: 503, body: "proxy.txt", kind: promptorchestra.KindServer,
			shape: promptorchestra.ShapeText, message: "upstream connect error or disconnect/reset before headers",
		},
		{
			name: "text 403 is no API's", status: 403, body: "proxy.txt", kind: promptorchestra.KindUnknown,
			shape: promptorchestra.ShapeText, message: "upstream connect error or disconnect/reset before headers",
		},
		{
			name: "nothing", status: 402, kind: promptorchestra.KindEntitlement, shape: promptorchestra.ShapeEmpty,
			message: "Payment Required",
		},
		{
			name: "white space", status: 402, body: " \r\n", kind: promptorchestra.KindEntitlement,
			shape: promptorchestra.ShapeEmpty, message: "Payment Required",
		},
		{
			name: "cut in the middle", status: 422, body: "cut.json", kind: promptorchestra.KindInvalidGraph,
			shape: promptorchestra.ShapeErrorDetails, code: "AGENT_GRAPH_INVALID", message: "Graph validation failed",
			details: []promptorchestra.ErrorDetail{{Code: "missing_ent"}},
		},
		{
			name: "cut in the message", status: 500, body: `{"error":"failed","message":"Prompt exec\u00e`,
			kind: promptorchestra.KindServer, shape: promptorchestra.ShapeErrorMessage, message: "Prompt exec",
			summary: "failed",
		},
		{
			name: "error as an object", status: 429, body: "provider.json", kind: promptorchestra.KindRateLimited,
			shape: promptorchestra.ShapeError, code: "rate_limit_exceeded", message: "Rate limit reached",
		},
		{
			name: "message alone", status: 403, body: "gateway-message.json", kind: promptorchestra.KindPermission,
			shape: promptorchestra.ShapeOther, message: "Forbidden",
		},
		{
			name: "problem details", status: 406, body: "problem.json", kind: promptorchestra.KindInvalidRequest,
			shape: promptorchestra.ShapeOther, message: "Not Acceptable: no such media type",
		},
		{
			name: "error as an array", status: 400, body: `{"error":["a","b"]}`,
			kind: promptorchestra.KindInvalidRequest, shape: promptorchestra.ShapeError, message: "a; b",
		},
		{
			name: "error as a number", status: 500, body: `{"error":17}`, kind: promptorchestra.KindServer,
			shape: promptorchestra.ShapeError, message: "17",
		},
		{
			name: "numeric code", status: 400, body: `{"error":"x","code":1234}`,
			kind: promptorchestra.KindInvalidRequest, shape: promptorchestra.ShapeError, code: "1234", message: "x",
		},
		{
			name: "another casing", status: 402, body: `{"Error":"No seats","MESSAGE":"All 3 seats are taken"}`,
			kind: promptorchestra.KindEntitlement, shape: promptorchestra.ShapeErrorMessage,
			message: "All 3 seats are taken", summary: "No seats",
		},
		{
			name: "a name twice", status: 400, body: `{"error":"first","error":"second"}`,
			kind: promptorchestra.KindInvalidRequest, shape: promptorchestra.ShapeError, message: "first",
		},
		{
			name: "invalid UTF-8", status: 400, body: "{\"error\":\"a\xffb\"}",
			kind: promptorchestra.KindInvalidRequest, shape: promptorchestra.ShapeError, message: "a\uFFFDb",
		},
		{
			name: "details as a string", status: 422, body: `{"error":"x","code":"C","details":"why"}`,
			kind: promptorchestra.KindValidation, shape: promptorchestra.ShapeErrorDetails, code: "C", message: "x",
			details: []promptorchestra.ErrorDetail{{Message: "why", Raw: promptorchestra.RawJSON(`"why"`)}},
		},
		{
			name: "details as strings", status: 422, body: `{"error":"x","details":["a","b"]}`,
			kind: promptorchestra.KindValidation, shape: promptorchestra.ShapeErrorDetails, message: "x",
			details: []promptorchestra.ErrorDetail{{Message: "a", Raw: promptorchestra.RawJSON(`"a"`)}, {Message: "b", Raw: promptorchestra.RawJSON(`"b"`)}},
		},
		{
			name: "details as one object", status: 422,
			body: `{"error":"x","details":{"code":"c","message":"m","path":["steps",2,"promptId"]}}`,
			kind: promptorchestra.KindValidation, shape: promptorchestra.ShapeErrorDetails, message: "x",
			details: []promptorchestra.ErrorDetail{{Code: "c", Message: "m", Path: "steps[2].promptId", Raw: promptorchestra.RawJSON(`{"code":"c","message":"m","path":["steps",2,"promptId"]}`)}},
		},
		{
			name: "details by field", status: 422, body: `{"error":"x","details":{"name":"too long"}}`,
			kind: promptorchestra.KindValidation, shape: promptorchestra.ShapeErrorDetails, message: "x",
			details: []promptorchestra.ErrorDetail{{Path: "name", Message: "too long", Raw: promptorchestra.RawJSON(`"too long"`)}},
		},
		{
			name: "text in brackets", status: 403, body: "[error] upstream timed out",
			kind: promptorchestra.KindUnknown, shape: promptorchestra.ShapeText,
			message: "[error] upstream timed out",
		},
		{
			name: "text in braces", status: 502, body: "{upstream} said no", kind: promptorchestra.KindServer,
			shape: promptorchestra.ShapeText, message: "{upstream} said no",
		},
		{
			name: "an array of numbers", status: 500, body: "[1, 2]", kind: promptorchestra.KindServer,
			shape: promptorchestra.ShapeOther, message: "1; 2",
			details: []promptorchestra.ErrorDetail{
				{Message: "1", Raw: promptorchestra.RawJSON(`1`)}, {Message: "2", Raw: promptorchestra.RawJSON(`2`)},
			},
		},
		{
			name: "HTML with references", status: 502, body: "<p>one&#10;two&#x1b;[31m &lt;b&gt;</p>",
			kind: promptorchestra.KindServer, shape: promptorchestra.ShapeText, message: "one two [31m <b>",
		},
		{
			name: "other JSON", status: 500, body: `{"detail":"boom"}`, kind: promptorchestra.KindServer,
			shape: promptorchestra.ShapeOther, message: "boom",
		},
		{
			name: "a JSON string", status: 409, body: `"taken"`, kind: promptorchestra.KindConflict,
			shape: promptorchestra.ShapeOther, message: "taken",
			details: []promptorchestra.ErrorDetail{{Message: "taken", Raw: promptorchestra.RawJSON(`"taken"`)}},
		},
		{
			name: "null", status: 409, body: `null`, kind: promptorchestra.KindConflict,
			shape: promptorchestra.ShapeOther, message: "Conflict",
		},
		{
			name: "bad_request about something else", status: 400,
			body: `{"error":"name is required","code":"bad_request"}`, kind: promptorchestra.KindInvalidRequest,
			shape: promptorchestra.ShapeError, code: "bad_request", message: "name is required",
		},
		{
			name: "the code decides before the status", status: 400,
			body: `{"error":"x","code":"AUTH_INVALID_TOKEN"}`, kind: promptorchestra.KindAuthentication,
			shape: promptorchestra.ShapeError, code: "AUTH_INVALID_TOKEN", message: "x",
		},
		{
			name: "a redirect", status: 302, body: ``, kind: promptorchestra.KindUnknown,
			shape: promptorchestra.ShapeEmpty, message: "Found",
		},
		{
			name: "an unknown status", status: 599, body: ``, kind: promptorchestra.KindServer,
			shape: promptorchestra.ShapeEmpty,
		},
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

func TestKindsFromAnywhereInTheBody(t *testing.T) {
	for _, row := range []struct {
		status int
		body   string
		kind   promptorchestra.Kind
	}{
		{422, "\ufeff" + `{"error":"x","code":"AGENT_GRAPH_INVALID"}`, promptorchestra.KindInvalidGraph},
		{400, `{"error":"x","code":"AUTH_MISSING"}`, promptorchestra.KindAuthentication},
		{400, `{"error":"x","code":"auth_mode_invalid"}`, promptorchestra.KindPermission},
		{400, `{"error":"x","code":"AUTH_SCOPE_MISSING"}`, promptorchestra.KindPermission},
		{401, `{"error":"x","code":"AUTH_ORG_MISMATCH"}`, promptorchestra.KindPermission},
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
