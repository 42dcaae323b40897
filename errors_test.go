package promptorchestra_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest/apidocs"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
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
		{403, `{"error":"organizationId is that of another tenant"}`, promptorchestra.KindPermission},
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

// retryLoop is the loop that one writes first. It must end with its context.
func retryLoop(ctx context.Context, call func(context.Context) error) (calls int, err error) {
	for calls < 1000 {
		calls++
		if err = call(ctx); !promptorchestra.IsRetryable(err) {
			return calls, err
		}
	}
	return calls, err
}

// hanging is a server that never responds. It reads the body, so that it sees the connection end.
var hanging = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
})

func TestRetryLoopEndsWithItsContext(t *testing.T) {
	for name, handler := range map[string]http.Handler{"a server that hangs": hanging, "one that fails": apitest.Respond(503, "")} {
		for op, call := range map[string]apitest.Call{"read": apitest.Get, "execution": apitest.Run, "stream": func(ctx context.Context, c *promptorchestra.Client, opts ...promptorchestra.CallOption) (err error) {
			for _, err = range c.Agents.All(ctx, opts...) {
			}
			return err
		}, "wait": func(ctx context.Context, c *promptorchestra.Client, opts ...promptorchestra.CallOption) error {
			_, err := c.AgentRuns.Wait(ctx, "arun_1", opts...)
			return err
		}} {
			t.Run(name+" "+op, func(t *testing.T) {
				client := apitest.NewClient(t, handler, apitest.OwnPool(t))
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				calls, err := retryLoop(ctx, func(ctx context.Context) error { return call(ctx, client) })
				require.Error(t, err)
				assert.Less(t, calls, 1000)
				if ctx.Err() != nil {
					assert.False(t, promptorchestra.IsRetryable(err), "%v", err)
				}
			})
		}
	}
}

// The attempt's own timeout is no end of the caller's context.
func TestTimeoutOfAnAttemptIsRetryable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := apitest.NewStubbedClient(t, func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() },
			promptorchestra.WithTimeout(20*time.Millisecond))
		err := apitest.Get(t.Context(), client, promptorchestra.WithoutRetry())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.True(t, promptorchestra.IsRetryable(err))
		assert.Equal(t, promptorchestra.KindTimeout, promptorchestra.KindOf(err))
		err = apitest.Run(t.Context(), client, promptorchestra.WithoutRetry())
		assert.False(t, promptorchestra.IsRetryable(err))
		assert.True(t, promptorchestra.OutcomeUnknown(err))
	})
}

// A wait that ends with its context is not worth another one.
func TestWaitThatEndedIsNotRetryable(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := apitest.NewClient(t, apitest.Respond(200, `{"run":{"id":"arun_1","status":"running"}}`)).AgentRuns.Wait(ctx, "arun_1")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.False(t, promptorchestra.IsRetryable(err))
	assert.False(t, promptorchestra.OutcomeUnknown(err))
	assert.Equal(t, promptorchestra.KindTimeout, promptorchestra.KindOf(err))
}

type slowError struct{}

func (slowError) Error() string { return "too slow" }
func (slowError) Timeout() bool { return true }

// A token source's failure is final unless it says otherwise itself.
func TestFailureOfATokenSource(t *testing.T) {
	refused := httptest.NewServer(http.NotFoundHandler())
	refused.Close()
	_, dial := http.Get(refused.URL) //nolint:noctx // as simple sources do it
	for name, row := range map[string]struct {
		err  error
		kind promptorchestra.Kind
		may  bool
	}{
		"an error":                     {errors.New("the vault is sealed"), promptorchestra.KindTransport, false},
		"a wrapped one":                {fmt.Errorf("asking: %w", errors.New("sealed")), promptorchestra.KindTransport, false},
		"a timeout":                    {fmt.Errorf("asking: %w", slowError{}), promptorchestra.KindTimeout, true},
		"its own deadline":             {fmt.Errorf("asking: %w", context.DeadlineExceeded), promptorchestra.KindTimeout, true},
		"its own cancellation":         {fmt.Errorf("asking: %w", context.Canceled), promptorchestra.KindCanceled, false},
		"a failed dial":                {fmt.Errorf("asking: %w", dial), promptorchestra.KindTransport, true},
		"a lost connection":            {&url.Error{Op: "Get", URL: "https://vault.example", Err: io.EOF}, promptorchestra.KindTransport, true},
		"a name that does not resolve": {&net.DNSError{Err: "server misbehaving", Name: "vault.example", IsTemporary: true}, promptorchestra.KindTransport, true},
		"a certificate":                {&url.Error{Op: "Get", URL: "https://vault.example", Err: x509.UnknownAuthorityError{}}, promptorchestra.KindTransport, false},
		"an API error that may pass":   {&promptorchestra.APIError{StatusCode: 503, CallInfo: promptorchestra.CallInfo{Idempotent: true}}, promptorchestra.KindTransport, true},
		"an API error that stays":      {&promptorchestra.APIError{StatusCode: 401}, promptorchestra.KindTransport, false},
	} {
		t.Run(name, func(t *testing.T) {
			var asked, sent atomic.Int32
			client := apitest.NewClient(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { sent.Add(1) }),
				promptorchestra.WithAccessTokenSource(func(context.Context, string) (string, error) { asked.Add(1); return "", row.err }))
			for _, call := range []apitest.Call{apitest.Get, apitest.Run} {
				asked.Store(0)
				err := call(t.Context(), client)
				var e *promptorchestra.TransportError
				require.ErrorAs(t, err, &e)
				require.ErrorIs(t, err, row.err)
				assert.EqualValues(t, 1, asked.Load(), "the SDK does not retry it")
				assert.Equal(t, row.may, promptorchestra.IsRetryable(err), "%v", err)
				assert.False(t, promptorchestra.OutcomeUnknown(err))
				assert.Equal(t, row.kind, promptorchestra.KindOf(err))
				assert.Contains(t, err.Error(), "not sent: WithAccessTokenSource: ")
			}
			assert.Zero(t, sent.Load())
		})
	}
}

// What internal/failure finds in a body is what RunID returns, and whether a rate limit is retried.
var bodiesOfRuns = []struct {
	body string
	id   string // of RunID
	runs bool   // it names a run or session, so that a rate limit is not retried
}{
	{body: `{"runId":"run_1"}`, id: "run_1", runs: true},
	{body: `{"run-id":"run_1"}`, id: "run_1", runs: true},
	{body: `{"runId":4711}`, id: "4711", runs: true},
	{body: `{"message":"{\"runId\":\"run_1\"}"}`, id: "run_1", runs: true},
	{body: `{"error":"` + strings.Repeat("busy ", 20<<10) + `","runId":"run_1"}`, id: "run_1", runs: true},
	{body: `{"sessionId":"ses_1"}`, runs: true},
	{body: `{"error":"busy"}`},
	{body: `{"error":"no runId was given"}`},
	{body: `{"runs":3,"runCount":4,"maxRuns":"60"}`},
	{body: `{"run":"failed"}`},
	{body: `<html>429 Too Many Requests</html>`},
	{body: ``},
}

func TestRunIDInAnySpelling(t *testing.T) {
	for _, row := range bodiesOfRuns {
		if len(row.body) > 64<<10 {
			continue // beyond RawBody only the decoder sees it
		}
		for name, err := range map[string]error{
			"APIError":       &promptorchestra.APIError{StatusCode: 500, RawBody: []byte(row.body)},
			"DecodeError":    &promptorchestra.DecodeError{StatusCode: 200, Body: []byte(row.body)},
			"TransportError": &promptorchestra.TransportError{Err: fmt.Errorf("%w; before that: %w", context.Canceled, &promptorchestra.APIError{StatusCode: 500, RawBody: []byte(row.body)})},
		} {
			id, ok := promptorchestra.RunID(fmt.Errorf("running: %w", err))
			assert.Equal(t, row.id, id, "%s %s", name, row.body)
			assert.Equal(t, row.id != "", ok, "%s %s", name, row.body)
		}
	}
}

func TestRateLimitThatNamesARunIsNotRetried(t *testing.T) {
	for _, row := range bodiesOfRuns {
		srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool { r.Respond(429, row.body, -1); return true })
		err := apitest.Run(t.Context(), apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t)))
		want := 4
		if row.runs {
			want = 1
		}
		short := row.body[:min(len(row.body), 100)]
		assert.Equal(t, want, srv.Count(http.MethodPost), short)
		assert.Equal(t, row.runs, promptorchestra.OutcomeUnknown(err), short)
		assert.Equal(t, !row.runs, promptorchestra.IsRetryable(err), short)
		id, _ := promptorchestra.RunID(err)
		assert.Equal(t, row.id, id, short)
	}
}

// A response that broke off names its run all the same, unless it broke off within the id.
func TestRunIDOfACutResponse(t *testing.T) {
	const body = `{"runId":"run_1","status":"completed","output":"Hello Ada"}`
	for length := range len(body) {
		client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			_, _ = w.Write([]byte(body[:length]))
		}), apitest.OwnPool(t))
		err := apitest.Run(t.Context(), client)
		require.True(t, promptorchestra.OutcomeUnknown(err), "%v", err)
		id, ok := promptorchestra.RunID(err)
		if named := strings.Contains(body[:length], `"run_1"`); named != ok || ok && id != "run_1" {
			t.Errorf("%q names the run %q", body[:length], id)
		}
	}
}

func TestRunIDOfAnEmulatedFailure(t *testing.T) {
	srv := newEmulator(t)
	client := srv.Client()
	promptID, _ := publishedPrompt(t, client)
	agentID, versionID := draftAgent(t, client)
	_, err := client.Agents.SaveWorkflow(t.Context(), versionID, promptorchestra.Workflow{EntryStepKey: "greet", Steps: []promptorchestra.WorkflowStep{
		{StepKey: "greet", StepType: promptorchestra.StepTypePrompt, PromptID: promptID},
	}})
	require.NoError(t, err)
	srv.FailExecution(promptID, "the provider is down")
	_, err = client.Agents.Run(t.Context(), agentID, promptorchestra.AgentRunParams{VersionID: versionID})
	id, ok := promptorchestra.RunID(err)
	require.True(t, ok, "%v", err)
	recorded, err := client.AgentRuns.Get(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, promptorchestra.RunStatus("failed"), recorded.Run.Status)

	// A rerun that fails may name the run it began from: that is not its outcome.
	srv.Fail("AgentRuns.RerunFromStep", orchestratest.Status(500, `{"error":"failed","runId":"`+id+`"}`))
	_, err = client.AgentRuns.RerunFromStep(t.Context(), id, "greet")
	_, ok = promptorchestra.RunID(err)
	assert.False(t, ok)
	srv.Fail("AgentRuns.RerunFromStep", orchestratest.Status(500, `{"error":"failed","runId":"`+id+`","run":{"id":"arun_new"}}`))
	_, err = client.AgentRuns.RerunFromStep(t.Context(), id, "greet")
	named, _ := promptorchestra.RunID(err)
	assert.Equal(t, "arun_new", named)
}

func TestRunIDOfOtherErrors(t *testing.T) {
	named := &promptorchestra.APIError{StatusCode: 500, RawBody: []byte(`{"runId":"run_1"}`)}
	for _, err := range []error{
		nil, errors.New(`"runId":"run_1"`), &promptorchestra.ArgumentError{}, &promptorchestra.TransportError{}, &promptorchestra.APIError{},
		(*promptorchestra.APIError)(nil), (*promptorchestra.TransportError)(nil), (*promptorchestra.DecodeError)(nil), (*promptorchestra.ArgumentError)(nil),
	} {
		id, ok := promptorchestra.RunID(err)
		assert.False(t, ok, "%v", err)
		assert.Empty(t, id)
		id, ok = promptorchestra.RunID(errors.Join(err, named))
		assert.True(t, ok)
		assert.Equal(t, "run_1", id)
	}
}

// After a wait that was cut off, the last failure says which run there is.
func TestRunIDAfterAWait(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	client := apitest.NewClient(t, apitest.Respond(503, `{"error":"busy","runId":"run_1"}`), promptorchestra.WithLogger(slog.New(apitest.OnRetry(cancel))),
		promptorchestra.WithRetry(promptorchestra.RetryPolicy{MinWait: time.Minute, MaxWait: time.Minute}))
	err := apitest.Get(ctx, client)
	var e *promptorchestra.TransportError
	require.ErrorAs(t, err, &e)
	id, _ := promptorchestra.RunID(err)
	assert.Equal(t, "run_1", id)
	assert.Equal(t, promptorchestra.KindServer, promptorchestra.KindOf(err))
	assert.False(t, promptorchestra.IsRetryable(err))
}

// A body says that a retry is pointless in any spelling.
func TestBodyThatSaysItIsFinal(t *testing.T) {
	for body, final := range map[string]bool{
		`{"error":"x","retryable":false}`:                          true,
		`{"error":"x","Retryable": "false"}`:                       true,
		`{"error":{"name":"AI_APICallError","isRetryable":false}}`: true,
		`{"error":{"is_retryable":false}}`:                         true,
		`{"retryable":true,"error":{"isRetryable":false}}`:         false,
		`{"retryable":"true","error":{"isRetryable":false}}`:       false,
		`{"error":"x"}`:                      false,
		`{"error":"\"retryable\": no"}`:      false,
		`{"error":"x","notRetryable":false}`: false,
	} {
		srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool { r.Respond(503, body, -1); return true })
		err := apitest.Get(t.Context(), apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t)))
		assert.Equal(t, !final, promptorchestra.IsRetryable(err), body)
		assert.Equal(t, map[bool]int{true: 1, false: 4}[final], srv.Count(http.MethodGet), body)
	}
}
