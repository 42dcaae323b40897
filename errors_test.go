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
