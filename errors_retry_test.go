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
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

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
