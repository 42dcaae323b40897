package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/jobs"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func status(code int, body string) orchestratest.Fault { return orchestratest.Status(code, body) }

// What comes of a call, through a real server.
func TestAfterRun(t *testing.T) {
	t.Parallel()
	const lookUp, retry, park = jobs.LookUp, jobs.Retry, jobs.Park
	comment := readComment(t, "AfterRun", "AfterCall")
	for _, test := range []struct {
		name   string
		row    string // of the comment
		fault  orchestratest.Fault
		action jobs.Action
		after  time.Duration
		ran    jobs.Execution
		says   string
	}{
		{"it runs", "a status that Succeeded", orchestratest.Fault{}, jobs.Done, 0, jobs.Executed, ""},
		{"completed, without output", "a status that Succeeded", status(200, `{"runId":"run_1","status":"completed"}`), jobs.Done, 0, jobs.Executed, ""},
		{"output without a status", "output without a status", status(200, `{"runId":"run_1","output":{"a":1}}`), jobs.Done, 0, jobs.Executed, ""},
		{"text without a status", "output without a status", status(200, `{"runId":"run_1","outputText":"a"}`), jobs.Done, 0, jobs.Executed, ""},
		{"a run that failed", "a status that Failed", status(200, `{"runId":"run_1","status":"failed","output":null}`), park, 0, jobs.Executed, `run "run_1" is paid for and failed`},
		{"a run that failed, with output", "a status that Failed", status(200, `{"runId":"run_1","status":"Failed","output":"partial"}`), park, 0, jobs.Executed, "failed"},
		{"a run that goes on, with output", "a status that is Pending", status(200, `{"runId":"run_1","status":"running","output":"partial"}`), lookUp, 0, jobs.Executed, "running"},
		{"a status that nobody knows", "any other response", status(200, `{"runId":"run_1","status":"aborted","output":"x"}`), lookUp, 0, jobs.Unknown, "aborted"},
		{"output and a diagnostic, without a status", "a sign of failure", status(200, `{"runId":"run_1","output":"x","diagnostic":{"code":"C","why":"the tool is missing"}}`), park, 0, jobs.Executed, "failed: the tool is missing"},
		{"completed, with a diagnostic", "a status that Succeeded", status(200, `{"runId":"run_1","status":"completed","diagnostic":{"code":"C","why":"x"}}`), jobs.Done, 0, jobs.Executed, ""},
		{"output and missing variables, without a status", "a sign of failure", status(200, `{"runId":"run_1","output":"x","missingVariables":["name"]}`), park, 0, jobs.Executed, `failed: missing variables: ["name"]`},
		{"completed, with missing variables", "a status that Succeeded", status(200, `{"runId":"run_1","status":"completed","missingVariables":["name"]}`), jobs.Done, 0, jobs.Executed, ""},
		{"an id alone", "any other response", status(200, `{"runId":"run_1"}`), lookUp, 0, jobs.Unknown, "run_1"},
		{"outputs that are none", "any other response", status(200, `{"runId":"run_1","output":[ ],"outputText":""}`), lookUp, 0, jobs.Unknown, "run_1"},

		{"no response, not executed", "OutcomeUnknown, or not the SDK's error", orchestratest.DropBefore(), lookUp, 0, jobs.Unknown, "Prompts.Run"},
		{"no response, executed", "OutcomeUnknown, or not the SDK's error", orchestratest.DropAfter(), lookUp, 0, jobs.Unknown, "Prompts.Run"},
		{"a response that is cut", "OutcomeUnknown, or not the SDK's error", orchestratest.CutBody(20), lookUp, 0, jobs.Unknown, "Prompts.Run"},
		{"HTML", "OutcomeUnknown, or not the SDK's error", status(200, "<html>hello</html>"), lookUp, 0, jobs.Unknown, "Prompts.Run"},
		{"500", "OutcomeUnknown, or not the SDK's error", status(500, `{"error":"failed"}`), lookUp, 0, jobs.Unknown, "500"},
		{"503 not retryable", "OutcomeUnknown, or not the SDK's error", status(503, `{"error":"x","retryable":false}`), lookUp, 0, jobs.Unknown, "503"},
		{"402 that names a run", "OutcomeUnknown, or not the SDK's error", status(402, `{"error":"no credits left","runId":"run_x"}`), lookUp, 0, jobs.Unknown, "402"},
		{"422 that names a run", "OutcomeUnknown, or not the SDK's error", status(422, `{"error":"contract","run":{"id":"run_x","status":"failed"}}`), lookUp, 0, jobs.Unknown, "422"},
		{"429 that names a run", "OutcomeUnknown, or not the SDK's error", status(429, `{"error":"slow down","runId":"run_x"}`), lookUp, 0, jobs.Unknown, "429"},

		{"429", "IsRetryable: it was not sent, or 429", orchestratest.RateLimited(90 * time.Second), retry, 90 * time.Second, jobs.NotExecuted, "429"},
		{"429 without a time", "IsRetryable: it was not sent, or 429", status(429, `{"error":"slow down"}`), retry, 0, jobs.NotExecuted, "429"},
		{"402", "402", orchestratest.NoFeature("ai"), retry, jobs.UpgradeWait, jobs.NotExecuted, "402"},
		{"402 with a time", "402", orchestratest.NoFeature("ai").WithHeader("Retry-After", "60"), retry, time.Minute, jobs.NotExecuted, "402"},

		{"429 not retryable", "any other error", status(429, `{"error":"quota","retryable":false}`), park, 0, jobs.NotExecuted, "429"},
		{"302", "any other error", status(302, "").WithHeader("Location", "/login"), park, 0, jobs.NotExecuted, "302"},
		{"400", "any other error", status(400, `{"error":"organizationId is required"}`), park, 0, jobs.NotExecuted, "400"},
		{"401", "any other error", status(401, `{"error":"x","code":"AUTH_INVALID_TOKEN"}`), park, 0, jobs.NotExecuted, "401"},
		{"403", "any other error", status(403, `{"error":"x","code":"AUTH_SCOPE_MISSING"}`), park, 0, jobs.NotExecuted, "403"},
		{"404", "any other error", status(404, `{"error":"not_found"}`), park, 0, jobs.NotExecuted, "404"},
		{"408", "any other error", status(408, `{"error":"timeout"}`), park, 0, jobs.NotExecuted, "408"},
		{"409", "any other error", status(409, `{"error":"conflict"}`), park, 0, jobs.NotExecuted, "409"},
		{"422", "any other error", status(422, `{"error":"invalid"}`), park, 0, jobs.NotExecuted, "422"},
	} {
		comment.says(t, test.row, test.action)
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			srv := orchestratest.NewServer()
			t.Cleanup(srv.Close)
			promptID := srv.PublishPrompt("Greet {{name}}.")
			srv.Fail("Prompts.Run", test.fault)
			run, err := srv.Client().Prompts.Run(t.Context(), promptID, promptorchestra.PromptRunParams{}, promptorchestra.WithoutRetry())
			d := jobs.AfterRun(t.Context(), run, err)
			assert.Equal(t, test.action, d.Action)
			assert.Equal(t, test.after, d.After)
			assert.Equal(t, test.ran, d.Execution)
			assert.Contains(t, d.Reason, test.says)
			assert.Equal(t, promptorchestra.KindOf(err), d.Kind)
			assert.Equal(t, d.Action == jobs.Done, d.Reason == "", "%q", d.Reason)
		})
	}
	comment.isTested(t, "AfterRun")
}

// Calls that were not sent, and errors that say nothing of a call.
func TestAfterCall(t *testing.T) {
	t.Parallel()
	srv := orchestratest.NewServer()
	t.Cleanup(srv.Close)
	promptID := srv.PublishPrompt("Greet {{name}}.")
	run := func(ctx context.Context, promptID string, opts ...promptorchestra.Option) error {
		_, err := srv.Client(opts...).Prompts.Run(ctx, promptID, promptorchestra.PromptRunParams{}, promptorchestra.WithoutRetry())
		return err
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	refusing := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}}
	comment := readComment(t, "AfterCall")
	for _, test := range []struct {
		name   string
		row    string          // of the comment
		ctx    context.Context //nolint:containedctx // a table
		err    error
		action jobs.Action
		ran    jobs.Execution
	}{
		{"no error", "no error", t.Context(), nil, jobs.Done, jobs.Executed},
		{"no connection", "IsRetryable: it was not sent, or 429", t.Context(), run(t.Context(), promptID, promptorchestra.WithTransport(refusing)), jobs.Retry, jobs.NotExecuted},
		{"402", "402", t.Context(), orchestratest.Error("Prompts.Run", 402, `{"error":"plan"}`), jobs.Retry, jobs.NotExecuted},
		{"an argument that the SDK rejects", "any other error", t.Context(), run(t.Context(), ""), jobs.Park, jobs.NotExecuted},
		{"a context that had ended", "any other error, if ctx has ended", ended, run(ended, promptID), jobs.Retry, jobs.NotExecuted},
		{"wrapped", "any other error, if ctx has ended", ended, fmt.Errorf("greeting: %w", run(ended, promptID)), jobs.Retry, jobs.NotExecuted},
		{"an error of somebody else", "OutcomeUnknown, or not the SDK's error", t.Context(), errors.New("timeout"), jobs.LookUp, jobs.Unknown},
		{"somebody else's, with a context that has ended", "OutcomeUnknown, or not the SDK's error", ended, context.Canceled, jobs.LookUp, jobs.Unknown},
		{
			"an unknown outcome, and a context that has ended", "OutcomeUnknown, or not the SDK's error", ended,
			&promptorchestra.TransportError{OutcomeUnknown: true, Err: context.Canceled}, jobs.LookUp, jobs.Unknown,
		},
	} {
		comment.says(t, test.row, test.action)
		t.Run(test.name, func(t *testing.T) {
			d := jobs.AfterCall(test.ctx, test.err)
			assert.Equal(t, test.action, d.Action)
			assert.Equal(t, test.ran, d.Execution)
		})
	}
	assert.Empty(t, srv.Requests("Prompts.Run"))
	comment.isTested(t, "AfterCall")
}

func TestAfterLookUp(t *testing.T) {
	t.Parallel()
	read := promptorchestra.CallInfo{Op: "Runs.List", Idempotent: true}
	comment := readComment(t, "AfterLookUp")
	for _, test := range []struct {
		name   string
		row    string // of the comment
		run    string // as JSON; "" is none
		err    error
		action jobs.Action
		ran    jobs.Execution
	}{
		{"no run", "no run", "", nil, jobs.Retry, jobs.NotExecuted},
		{"completed", "a status that Succeeded", `{"status":"completed","outputSnapshot":{"a":1}}`, nil, jobs.Done, jobs.Executed},
		{"completed, without output", "a status that Succeeded", `{"status":"completed"}`, nil, jobs.Done, jobs.Executed},
		{"output without a status", "output without a status", `{"outputSnapshot":"a"}`, nil, jobs.Done, jobs.Executed},
		{"failed", "a status that Failed", `{"status":"failed"}`, nil, jobs.Park, jobs.Executed},
		{"completed, with an error", "a status that Succeeded", `{"status":"completed","errorMessage":"x"}`, nil, jobs.Done, jobs.Executed},
		{"output without a status, and missing variables", "a sign of failure", `{"outputSnapshot":"a","missingVariables":{"name":"string"}}`, nil, jobs.Park, jobs.Executed},
		{"output without a status, and a diagnostic", "a sign of failure", `{"outputSnapshot":"a","diagnostic":{"why":"x"}}`, nil, jobs.Park, jobs.Executed},
		{"completed, with a diagnostic", "a status that Succeeded", `{"status":"completed","diagnostic":{"why":"x"}}`, nil, jobs.Done, jobs.Executed},
		{"output without a status, and an error", "a sign of failure", `{"outputSnapshot":"a","errorMessage":"x"}`, nil, jobs.Park, jobs.Executed},
		{"pending", "a status that is Pending", `{"status":"running","outputSnapshot":"a"}`, nil, jobs.LookUp, jobs.Executed},
		{"in_progress, without output", "any other run", `{"status":"in_progress"}`, nil, jobs.Park, jobs.Unknown},
		{"aborted, with output", "any other run", `{"status":"aborted","outputSnapshot":"a"}`, nil, jobs.Park, jobs.Unknown},
		{"neither status nor output", "any other run", `{}`, nil, jobs.Park, jobs.Unknown},

		{"503", "an error that may pass", "", &promptorchestra.APIError{CallInfo: read, StatusCode: 503, Kind: promptorchestra.KindServer}, jobs.LookUp, jobs.Unknown},
		{"501", "an error that may pass", "", &promptorchestra.APIError{CallInfo: read, StatusCode: 501, Kind: promptorchestra.KindServer}, jobs.LookUp, jobs.Unknown},
		{"a certificate", "an error that may pass", "", &promptorchestra.TransportError{CallInfo: read, Err: errors.New("x509")}, jobs.LookUp, jobs.Unknown},
		{"its context ended", "an error that may pass", "", fmt.Errorf("waiting: %w", context.DeadlineExceeded), jobs.LookUp, jobs.Unknown},
		{"a list that is not complete", "any other error", "", &promptorchestra.DecodeError{CallInfo: read, StatusCode: 200, Err: errors.New("more")}, jobs.Park, jobs.Unknown},
		{"403", "any other error", "", &promptorchestra.APIError{CallInfo: read, StatusCode: 403, Kind: promptorchestra.KindPermission}, jobs.Park, jobs.Unknown},
		{"an error, beside a run", "any other error", `{"status":"completed"}`, errors.New("x"), jobs.Park, jobs.Unknown},
	} {
		comment.says(t, test.row, test.action)
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var run promptorchestra.RunDetail
			if test.run != "" {
				require.NoError(t, promptorchestra.RawJSON(test.run).Decode(&run))
			}
			d := jobs.AfterLookUp(run, test.run != "", test.err)
			assert.Equal(t, test.action, d.Action, "%+v", d)
			assert.Equal(t, test.ran, d.Execution)
		})
	}
	comment.isTested(t, "AfterLookUp")
	limited := &promptorchestra.APIError{CallInfo: read, StatusCode: 429, RetryAfter: time.Minute}
	assert.Equal(t, time.Minute, jobs.AfterLookUp(promptorchestra.RunDetail{}, false, limited).After)
}

// What the server says is one line of bounded length.
func TestReasons(t *testing.T) {
	t.Parallel()
	run := promptorchestra.RunDetail{Run: promptorchestra.Run{ID: "a\nb", Status: "failed", ErrorMessage: "x\x1b[31m\u2028\u202e" + strings.Repeat("ü", 5000) + "\xff"}}
	reason := jobs.AfterLookUp(run, true, nil).Reason
	assert.Less(t, len(reason), 1100)
	assert.True(t, strings.HasPrefix(reason, `run "a\nb" is paid for and failed: x [31m  üü`), "%.60q", reason)
}
