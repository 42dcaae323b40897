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
	for _, test := range []struct {
		name   string
		fault  orchestratest.Fault
		action jobs.Action
		after  time.Duration
		ran    jobs.Execution
		says   string
	}{
		{"it runs", orchestratest.Fault{}, jobs.Done, 0, jobs.Executed, ""},
		{"completed, without output", status(200, `{"runId":"run_1","status":"completed"}`), jobs.Done, 0, jobs.Executed, ""},
		{"output without a status", status(200, `{"runId":"run_1","output":{"a":1}}`), jobs.Done, 0, jobs.Executed, ""},
		{"text without a status", status(200, `{"runId":"run_1","outputText":"a"}`), jobs.Done, 0, jobs.Executed, ""},
		{"a run that failed", status(200, `{"runId":"run_1","status":"failed","output":null}`), park, 0, jobs.Executed, `run "run_1" is paid for and failed`},
		{"a run that failed, with output", status(200, `{"runId":"run_1","status":"Failed","output":"partial"}`), park, 0, jobs.Executed, "failed"},
		{"a run that goes on, with output", status(200, `{"runId":"run_1","status":"running","output":"partial"}`), lookUp, 0, jobs.Executed, "running"},
		{"a status that nobody knows", status(200, `{"runId":"run_1","status":"aborted","output":"x"}`), lookUp, 0, jobs.Unknown, "aborted"},
		{"output and a diagnostic, without a status", status(200, `{"runId":"run_1","output":"x","diagnostic":{"code":"C","why":"the tool is missing"}}`), park, 0, jobs.Executed, "failed: the tool is missing"},
		{"completed, with a diagnostic", status(200, `{"runId":"run_1","status":"completed","diagnostic":{"code":"C","why":"x"}}`), jobs.Done, 0, jobs.Executed, ""},
		{"an id alone", status(200, `{"runId":"run_1"}`), lookUp, 0, jobs.Unknown, "run_1"},
		{"outputs that are none", status(200, `{"runId":"run_1","output":[ ],"outputText":""}`), lookUp, 0, jobs.Unknown, "run_1"},

		{"no response, not executed", orchestratest.DropBefore(), lookUp, 0, jobs.Unknown, "Prompts.Run"},
		{"no response, executed", orchestratest.DropAfter(), lookUp, 0, jobs.Unknown, "Prompts.Run"},
		{"a response that is cut", orchestratest.CutBody(20), lookUp, 0, jobs.Unknown, "Prompts.Run"},
		{"HTML", status(200, "<html>hello</html>"), lookUp, 0, jobs.Unknown, "Prompts.Run"},
		{"500", status(500, `{"error":"failed"}`), lookUp, 0, jobs.Unknown, "500"},
		{"503 not retryable", status(503, `{"error":"x","retryable":false}`), lookUp, 0, jobs.Unknown, "503"},
		{"429 that names a run", status(429, `{"error":"slow down","runId":"run_x"}`), lookUp, 0, jobs.Unknown, "429"},

		{"429", orchestratest.RateLimited(90 * time.Second), retry, 90 * time.Second, jobs.NotExecuted, "429"},
		{"429 without a time", status(429, `{"error":"slow down"}`), retry, 0, jobs.NotExecuted, "429"},
		{"402", orchestratest.NoFeature("ai"), retry, jobs.UpgradeWait, jobs.NotExecuted, "402"},
		{"402 with a time", orchestratest.NoFeature("ai").WithHeader("Retry-After", "60"), retry, time.Minute, jobs.NotExecuted, "402"},

		{"429 not retryable", status(429, `{"error":"quota","retryable":false}`), park, 0, jobs.NotExecuted, "429"},
		{"302", status(302, "").WithHeader("Location", "/login"), park, 0, jobs.NotExecuted, "302"},
		{"400", status(400, `{"error":"organizationId is required"}`), park, 0, jobs.NotExecuted, "400"},
		{"401", status(401, `{"error":"x","code":"AUTH_INVALID_TOKEN"}`), park, 0, jobs.NotExecuted, "401"},
		{"403", status(403, `{"error":"x","code":"AUTH_SCOPE_MISSING"}`), park, 0, jobs.NotExecuted, "403"},
		{"404", status(404, `{"error":"not_found"}`), park, 0, jobs.NotExecuted, "404"},
		{"408", status(408, `{"error":"timeout"}`), park, 0, jobs.NotExecuted, "408"},
		{"409", status(409, `{"error":"conflict"}`), park, 0, jobs.NotExecuted, "409"},
		{"422", status(422, `{"error":"invalid"}`), park, 0, jobs.NotExecuted, "422"},
	} {
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
	for _, test := range []struct {
		name   string
		ctx    context.Context //nolint:containedctx // a table
		err    error
		action jobs.Action
		ran    jobs.Execution
	}{
		{"no error", t.Context(), nil, jobs.Done, jobs.Executed},
		{"no connection", t.Context(), run(t.Context(), promptID, promptorchestra.WithTransport(refusing)), jobs.Retry, jobs.NotExecuted},
		{"an argument that the SDK rejects", t.Context(), run(t.Context(), ""), jobs.Park, jobs.NotExecuted},
		{"a context that had ended", ended, run(ended, promptID), jobs.Retry, jobs.NotExecuted},
		{"wrapped", ended, fmt.Errorf("greeting: %w", run(ended, promptID)), jobs.Retry, jobs.NotExecuted},
		{"an error of somebody else", t.Context(), errors.New("timeout"), jobs.LookUp, jobs.Unknown},
		{"somebody else's, with a context that has ended", ended, context.Canceled, jobs.LookUp, jobs.Unknown},
		{
			"an unknown outcome, and a context that has ended", ended,
			&promptorchestra.TransportError{OutcomeUnknown: true, Err: context.Canceled}, jobs.LookUp, jobs.Unknown,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := jobs.AfterCall(test.ctx, test.err)
			assert.Equal(t, test.action, d.Action)
			assert.Equal(t, test.ran, d.Execution)
		})
	}
	assert.Empty(t, srv.Requests("Prompts.Run"))
}

func TestAfterLookUp(t *testing.T) {
	t.Parallel()
	read := promptorchestra.CallInfo{Op: "Runs.List", Idempotent: true}
	for _, test := range []struct {
		name   string
		run    string // as JSON; "" is none
		err    error
		action jobs.Action
		ran    jobs.Execution
	}{
		{"no run", "", nil, jobs.Retry, jobs.NotExecuted},
		{"completed", `{"status":"completed","outputSnapshot":{"a":1}}`, nil, jobs.Done, jobs.Executed},
		{"completed, without output", `{"status":"completed"}`, nil, jobs.Done, jobs.Executed},
		{"output without a status", `{"outputSnapshot":"a"}`, nil, jobs.Done, jobs.Executed},
		{"failed", `{"status":"failed"}`, nil, jobs.Park, jobs.Executed},
		{"completed, with an error", `{"status":"completed","errorMessage":"x"}`, nil, jobs.Park, jobs.Executed},
		{"output without a status, and a diagnostic", `{"outputSnapshot":"a","diagnostic":{"why":"x"}}`, nil, jobs.Park, jobs.Executed},
		{"completed, with a diagnostic", `{"status":"completed","diagnostic":{"why":"x"}}`, nil, jobs.Done, jobs.Executed},
		{"output without a status, and an error", `{"outputSnapshot":"a","errorMessage":"x"}`, nil, jobs.Park, jobs.Executed},
		{"pending", `{"status":"running","outputSnapshot":"a"}`, nil, jobs.LookUp, jobs.Executed},
		{"in_progress, without output", `{"status":"in_progress"}`, nil, jobs.Park, jobs.Unknown},
		{"aborted, with output", `{"status":"aborted","outputSnapshot":"a"}`, nil, jobs.Park, jobs.Unknown},
		{"neither status nor output", `{}`, nil, jobs.Park, jobs.Unknown},

		{"503", "", &promptorchestra.APIError{CallInfo: read, StatusCode: 503, Kind: promptorchestra.KindServer}, jobs.LookUp, jobs.Unknown},
		{"501", "", &promptorchestra.APIError{CallInfo: read, StatusCode: 501, Kind: promptorchestra.KindServer}, jobs.LookUp, jobs.Unknown},
		{"a certificate", "", &promptorchestra.TransportError{CallInfo: read, Err: errors.New("x509")}, jobs.LookUp, jobs.Unknown},
		{"its context ended", "", fmt.Errorf("waiting: %w", context.DeadlineExceeded), jobs.LookUp, jobs.Unknown},
		{"a list that is not complete", "", &promptorchestra.DecodeError{CallInfo: read, StatusCode: 200, Err: errors.New("more")}, jobs.Park, jobs.Unknown},
		{"403", "", &promptorchestra.APIError{CallInfo: read, StatusCode: 403, Kind: promptorchestra.KindPermission}, jobs.Park, jobs.Unknown},
		{"an error, beside a run", `{"status":"completed"}`, errors.New("x"), jobs.Park, jobs.Unknown},
	} {
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
	limited := &promptorchestra.APIError{CallInfo: read, StatusCode: 429, RetryAfter: time.Minute}
	assert.Equal(t, time.Minute, jobs.AfterLookUp(promptorchestra.RunDetail{}, false, limited).After)
}

// What the server says is one line of bounded length.
func TestReasons(t *testing.T) {
	t.Parallel()
	run := promptorchestra.RunDetail{Run: promptorchestra.Run{ID: "a\nb", Status: "failed", ErrorMessage: "x\x1b[31m\u2028" + strings.Repeat("ü", 5000) + "\xff"}}
	reason := jobs.AfterLookUp(run, true, nil).Reason
	assert.Less(t, len(reason), 1100)
	assert.True(t, strings.HasPrefix(reason, `run "a\nb" is paid for and failed: x [31m üü`), "%.60q", reason)
}
