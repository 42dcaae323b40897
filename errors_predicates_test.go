package promptorchestra_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// Every row of the table in docs/reliability.md, through a real server: what the three
// questions answer for a call that may be repeated and for an execution.
func TestWhatToDoWithAnError(t *testing.T) {
	const (
		no      = "no"
		again   = "again"   // IsRetryable
		unknown = "unknown" // OutcomeUnknown
	)
	fault := func(f orchestratest.Fault) func(*testing.T, *orchestratest.Server, string) (context.Context, *promptorchestra.Client) {
		return func(t *testing.T, srv *orchestratest.Server, op string) (context.Context, *promptorchestra.Client) {
			srv.Fail(op, f)
			return t.Context(), srv.Client()
		}
	}
	// net/http itself repeats a GET whose connection was reused and dropped.
	drop := func(f orchestratest.Fault) func(*testing.T, *orchestratest.Server, string) (context.Context, *promptorchestra.Client) {
		return func(t *testing.T, srv *orchestratest.Server, op string) (context.Context, *promptorchestra.Client) {
			srv.Fail(op, f)
			return t.Context(), srv.Client(promptorchestra.WithTransport(&http.Transport{DisableKeepAlives: true}))
		}
	}
	for _, row := range []struct {
		name            string
		meet            func(t *testing.T, srv *orchestratest.Server, op string) (context.Context, *promptorchestra.Client)
		read, execution string
		retryAfter      time.Duration
	}{
		{name: "408", meet: fault(orchestratest.Status(408, "")), read: again, execution: no},
		{
			name: "500", meet: fault(orchestratest.Status(500, `{"error":"failed","message":"upstream"}`)),
			read: again, execution: unknown,
		},
		{name: "501", meet: fault(orchestratest.Status(501, "")), read: no, execution: unknown},
		{name: "502", meet: fault(orchestratest.HTML(502)), read: again, execution: unknown},
		{
			name: "503", meet: fault(orchestratest.Status(503, "").WithHeader("Retry-After", "7")), read: again,
			execution: unknown, retryAfter: 7 * time.Second,
		},
		{name: "504", meet: fault(orchestratest.Status(504, "")), read: again, execution: unknown},
		{
			name: "5xx that says it is final",
			meet: fault(orchestratest.Status(503, `{"code":"x","why":"y","retryable":false}`)), read: no,
			execution: unknown,
		},
		{
			name: "429", meet: fault(orchestratest.RateLimited(90 * time.Second)), read: again, execution: again,
			retryAfter: 90 * time.Second,
		},
		{
			name: "429 that says it is final",
			meet: fault(orchestratest.Status(429, `{"error":"quota","retryable":false}`)), read: no, execution: no,
		},
		{
			name: "429 that names a run",
			meet: fault(orchestratest.Status(429, `{"error":"slow down","runId":"run_1"}`)), read: again,
			execution: unknown,
		},
		{
			name: "302", meet: fault(orchestratest.Status(302, "").WithHeader("Location", "/login")), read: no,
			execution: no,
		},
		{
			name: "303", meet: fault(orchestratest.Status(303, "").WithHeader("Location", "/api/runs/run_1")), read: no,
			execution: unknown,
		},
		{name: "999", meet: fault(orchestratest.Status(999, "")), read: no, execution: unknown},
		{
			name: "400", meet: fault(orchestratest.Status(400, `{"error":"organizationId is required"}`)), read: no,
			execution: no,
		},
		{
			name: "401", meet: fault(orchestratest.Status(401, `{"error":"x","code":"AUTH_MISSING"}`)), read: no,
			execution: no,
		},
		{name: "402", meet: fault(orchestratest.NoSeats()), read: no, execution: no},
		{name: "403", meet: fault(orchestratest.Status(403, `{"error":"x"}`)), read: no, execution: no},
		{name: "404", meet: fault(orchestratest.Status(404, `{"error":"x"}`)), read: no, execution: no},
		{name: "409", meet: fault(orchestratest.Status(409, `{"error":"x"}`)), read: no, execution: no},
		{
			name: "402 that names a run", meet: fault(orchestratest.Status(402, `{"error":"no credits left","runId":"run_1"}`)),
			read: no, execution: unknown,
		},
		{name: "422", meet: fault(orchestratest.Status(422, `{"error":"x"}`)), read: no, execution: no},
		{
			name: "no answer, the effect did not happen", meet: drop(orchestratest.DropBefore()), read: again,
			execution: unknown,
		},
		{name: "no answer, the effect happened", meet: drop(orchestratest.DropAfter()), read: again, execution: unknown},
		{name: "2xx cut short", meet: fault(orchestratest.CutBody(15)), read: again, execution: unknown},
		{name: "2xx without a body", meet: fault(orchestratest.Status(200, "")), read: no, execution: unknown},
		{name: "2xx that is HTML", meet: fault(orchestratest.HTML(200)), read: no, execution: unknown},
		{name: "2xx that is not JSON", meet: fault(orchestratest.Status(200, "OK")), read: no, execution: unknown},
		{
			name: "the attempt's timeout",
			meet: func(t *testing.T, srv *orchestratest.Server, op string) (context.Context, *promptorchestra.Client) {
				srv.Fail(op, orchestratest.Delay(time.Minute))
				return t.Context(), srv.Client(promptorchestra.WithTimeout(time.Second)) // time enough to send it
			},
			read: again, execution: unknown,
		},
		{
			name: "the context's deadline",
			meet: func(t *testing.T, srv *orchestratest.Server, op string) (context.Context, *promptorchestra.Client) {
				srv.Fail(op, orchestratest.Delay(time.Minute))
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				t.Cleanup(cancel)
				return ctx, srv.Client()
			},
			read: no, execution: unknown,
		},
		{
			name: "cancelled under way",
			meet: func(t *testing.T, srv *orchestratest.Server, op string) (context.Context, *promptorchestra.Client) {
				srv.Fail(op, orchestratest.Delay(time.Minute))
				ctx, cancel := context.WithCancel(t.Context())
				return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { cancel() }}), srv.Client()
			},
			read: no, execution: unknown,
		},
		{
			name: "cancelled before",
			meet: func(t *testing.T, srv *orchestratest.Server, _ string) (context.Context, *promptorchestra.Client) {
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				return ctx, srv.Client()
			},
			read: no, execution: no,
		},
		{
			name: "nobody listens",
			meet: func(t *testing.T, srv *orchestratest.Server, _ string) (context.Context, *promptorchestra.Client) {
				gone := httptest.NewServer(http.NotFoundHandler())
				gone.Close()
				return t.Context(), srv.Client(promptorchestra.WithBaseURL(gone.URL))
			},
			read: again, execution: again,
		},
		{
			name: "a certificate that does not verify",
			meet: func(t *testing.T, srv *orchestratest.Server, _ string) (context.Context, *promptorchestra.Client) {
				other := httptest.NewUnstartedServer(http.NotFoundHandler())
				other.Config.ErrorLog = log.New(io.Discard, "", 0)
				other.StartTLS()
				t.Cleanup(other.Close)
				return t.Context(), srv.Client(promptorchestra.WithBaseURL(other.URL))
			},
			read: no, execution: no,
		},
		{
			name: "a token source that fails",
			meet: func(t *testing.T, srv *orchestratest.Server, _ string) (context.Context, *promptorchestra.Client) {
				return t.Context(), srv.Client(promptorchestra.WithAccessTokenSource(func(context.Context, string) (string, error) {
					return "", errors.New("the vault is sealed")
				}))
			},
			read: no, execution: no,
		},
		{
			name: "a token source that times out",
			meet: func(t *testing.T, srv *orchestratest.Server, _ string) (context.Context, *promptorchestra.Client) {
				return t.Context(), srv.Client(promptorchestra.WithAccessTokenSource(func(context.Context, string) (string, error) {
					return "", fmt.Errorf("asking the vault: %w", os.ErrDeadlineExceeded)
				}))
			},
			read: again, execution: again,
		},
		{
			name: "the context's deadline had passed",
			meet: func(t *testing.T, srv *orchestratest.Server, _ string) (context.Context, *promptorchestra.Client) {
				ctx, cancel := context.WithTimeout(t.Context(), -time.Second)
				t.Cleanup(cancel)
				return ctx, srv.Client()
			},
			read: no, execution: no,
		},
		{
			name: "rejected by the SDK before sending",
			meet: func(t *testing.T, srv *orchestratest.Server, _ string) (context.Context, *promptorchestra.Client) {
				return t.Context(), srv.Client().InOrganization("")
			},
			read: no, execution: no,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			check := func(want string, err error) {
				t.Helper()
				require.Error(t, err)
				assert.Equal(t, want == again, promptorchestra.IsRetryable(err), "IsRetryable: %v", err)
				assert.Equal(t, want == unknown, promptorchestra.OutcomeUnknown(err), "OutcomeUnknown: %v", err)
				wait, given := promptorchestra.RetryAfter(err)
				assert.Equal(t, row.retryAfter, wait)
				assert.Equal(t, row.retryAfter > 0, given)
			}
			srv := newEmulator(t)
			promptID, _ := publishedPrompt(t, srv.Client())
			ctx, client := row.meet(t, srv, "Prompts.Get")
			_, err := client.Prompts.Get(ctx, promptID, promptorchestra.WithoutRetry())
			check(row.read, err)
			ctx, client = row.meet(t, srv, "Prompts.Run")
			_, err = client.Prompts.Run(ctx, promptID, promptorchestra.PromptRunParams{}, promptorchestra.WithoutRetry())
			check(row.execution, err)
		})
	}
}

func TestErrorsThatATestBuilt(t *testing.T) {
	again := &promptorchestra.APIError{StatusCode: 503, CallInfo: promptorchestra.CallInfo{Idempotent: true}}
	not := &promptorchestra.APIError{StatusCode: 402}
	assert.False(t, promptorchestra.IsRetryable(errors.Join(again, not)))
	assert.False(t, promptorchestra.IsRetryable(errors.Join(not, again)))
	for _, err := range []error{
		&promptorchestra.APIError{StatusCode: 503, CallInfo: promptorchestra.CallInfo{Idempotent: true}, Err: context.Canceled},
		&promptorchestra.DecodeError{StatusCode: 200, CallInfo: promptorchestra.CallInfo{Idempotent: true}, Err: fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, context.Canceled)},
		&promptorchestra.TransportError{CallInfo: promptorchestra.CallInfo{Idempotent: true}, Err: context.Canceled},
	} {
		assert.False(t, promptorchestra.IsRetryable(err), "%T", err)
	}
	cut := &promptorchestra.APIError{StatusCode: 429, Err: io.ErrUnexpectedEOF}
	assert.False(t, promptorchestra.IsRetryable(cut))
	assert.True(t, promptorchestra.OutcomeUnknown(cut))
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

func TestKindOfErrorsThatATestBuilt(t *testing.T) {
	seats := &promptorchestra.APIError{StatusCode: 402, Kind: promptorchestra.KindEntitlement}
	for _, row := range []struct {
		err  error
		kind promptorchestra.Kind
	}{
		{nil, ""},
		{errors.New("disk full"), promptorchestra.KindUnknown},
		{io.EOF, promptorchestra.KindUnknown},
		{context.Canceled, promptorchestra.KindCanceled},
		{fmt.Errorf("giving up: %w", context.DeadlineExceeded), promptorchestra.KindTimeout},
		{seats, promptorchestra.KindEntitlement},
		{fmt.Errorf("running: %w", seats), promptorchestra.KindEntitlement},
		{errors.Join(errors.New("other"), seats, &promptorchestra.ArgumentError{}), promptorchestra.KindEntitlement},
		{&promptorchestra.APIError{StatusCode: 429}, promptorchestra.KindRateLimited}, // without a Kind: by its status
		{&promptorchestra.APIError{StatusCode: 403, Code: "AUTH_INVALID_TOKEN"}, promptorchestra.KindAuthentication},
		{&promptorchestra.APIError{StatusCode: 503, Err: context.Canceled}, promptorchestra.KindServer},
		{&promptorchestra.TransportError{}, promptorchestra.KindTransport},
		{&promptorchestra.TransportError{Err: io.EOF}, promptorchestra.KindTransport},
		{&promptorchestra.TransportError{Err: context.Canceled}, promptorchestra.KindCanceled},
		{&promptorchestra.TransportError{Err: fmt.Errorf("read: %w", os.ErrDeadlineExceeded)}, promptorchestra.KindTimeout},
		{&promptorchestra.TransportError{Err: fmt.Errorf("%w; before that: %w", context.Canceled, seats)}, promptorchestra.KindEntitlement},
		{&promptorchestra.TransportError{Err: fmt.Errorf("%w; before that: %w", context.Canceled, &promptorchestra.TransportError{Err: io.EOF})}, promptorchestra.KindTransport},
		{&promptorchestra.DecodeError{StatusCode: 200, Err: io.ErrUnexpectedEOF}, promptorchestra.KindDecode},
		{&promptorchestra.DecodeError{StatusCode: 200, Err: fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, context.Canceled)}, promptorchestra.KindCanceled},
		{&promptorchestra.ArgumentError{Err: promptorchestra.ErrMissingOrganization}, promptorchestra.KindArgument},
		{(*promptorchestra.APIError)(nil), promptorchestra.KindUnknown},
		{(*promptorchestra.TransportError)(nil), promptorchestra.KindUnknown},
		{(*promptorchestra.DecodeError)(nil), promptorchestra.KindUnknown},
		{(*promptorchestra.ArgumentError)(nil), promptorchestra.KindUnknown},
	} {
		assert.Equal(t, row.kind, promptorchestra.KindOf(row.err), "%T", row.err)
	}
	_, err := promptorchestra.New(promptorchestra.WithBaseURL("ftp://example.com"), promptorchestra.WithAccessToken(""))
	assert.Equal(t, promptorchestra.KindArgument, promptorchestra.KindOf(err))
}

func TestKindOfErrorsOfCalls(t *testing.T) {
	for name, row := range map[string]struct {
		meet func(t *testing.T, srv *orchestratest.Server) error
		kind promptorchestra.Kind
	}{
		"402": {func(t *testing.T, srv *orchestratest.Server) error {
			srv.Restrict(orchestratest.Seats(3))
			return apitest.Get(t.Context(), srv.Client())
		}, promptorchestra.KindEntitlement},
		"404": {func(t *testing.T, srv *orchestratest.Server) error { return apitest.Get(t.Context(), srv.Client()) }, promptorchestra.KindNotFound},
		"a proxy's 404": {func(t *testing.T, srv *orchestratest.Server) error {
			srv.Fail("*", orchestratest.HTML(404))
			return apitest.Get(t.Context(), srv.Client())
		}, promptorchestra.KindUnknown},
		"nobody listens": {func(t *testing.T, srv *orchestratest.Server) error {
			client := srv.Client(apitest.FastRetries)
			srv.Close()
			return apitest.Get(t.Context(), client)
		}, promptorchestra.KindTransport},
		"cancelled": {func(t *testing.T, srv *orchestratest.Server) error {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return apitest.Get(ctx, srv.Client())
		}, promptorchestra.KindCanceled},
		"the context's deadline": {func(t *testing.T, srv *orchestratest.Server) error {
			ctx, cancel := context.WithTimeout(t.Context(), -time.Second)
			defer cancel()
			return apitest.Get(ctx, srv.Client())
		}, promptorchestra.KindTimeout},
		"the attempt's timeout": {func(t *testing.T, srv *orchestratest.Server) error {
			srv.Fail("*", orchestratest.Delay(time.Minute))
			return apitest.Get(t.Context(), srv.Client(), promptorchestra.WithTimeout(20*time.Millisecond), promptorchestra.WithoutRetry())
		}, promptorchestra.KindTimeout},
		"a page": {func(t *testing.T, srv *orchestratest.Server) error {
			srv.Fail("*", orchestratest.HTML(200))
			return apitest.Get(t.Context(), srv.Client())
		}, promptorchestra.KindDecode},
		"an argument": {func(t *testing.T, srv *orchestratest.Server) error {
			_, err := srv.Client().Agents.Get(t.Context(), "")
			return err
		}, promptorchestra.KindArgument},
		"cancelled in a wait": {func(t *testing.T, srv *orchestratest.Server) error {
			srv.Fail("*", orchestratest.RateLimited(30*time.Second))
			ctx, cancel := context.WithCancel(t.Context())
			return apitest.Get(ctx, srv.Client(promptorchestra.WithLogger(slog.New(apitest.OnRetry(cancel)))))
		}, promptorchestra.KindRateLimited},
	} {
		t.Run(name, func(t *testing.T) {
			err := row.meet(t, orchestratestServer(t))
			require.Error(t, err)
			assert.Equal(t, row.kind, promptorchestra.KindOf(err), "%v", err)
			assert.Equal(t, row.kind, promptorchestra.KindOf(fmt.Errorf("wrapped: %w", err)))
		})
	}
}

func orchestratestServer(t *testing.T) *orchestratest.Server {
	t.Helper()
	srv := orchestratest.NewServer()
	t.Cleanup(srv.Close)
	return srv
}

func ExampleKindOf() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	srv.Fail("Prompts.Run", orchestratest.NoSeats())

	_, err := srv.Client().Prompts.Run(context.Background(), "prm_1", promptorchestra.PromptRunParams{})
	switch kind := promptorchestra.KindOf(err); {
	case promptorchestra.OutcomeUnknown(err):
		fmt.Println("it may have run: look for the run")
	case kind == promptorchestra.KindEntitlement:
		fmt.Println("the plan must be upgraded")
	case kind == promptorchestra.KindArgument, kind == promptorchestra.KindNotFound:
		fmt.Println("a mistake of ours")
	case err != nil:
		fmt.Println("failed:", kind)
	}
	// Output: the plan must be upgraded
}

// The failure's body names the run that was left behind.
func ExampleRunID() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	srv.Fail("Agents.Run", orchestratest.Status(http.StatusBadGateway, `{"error":"failed","message":"the provider is down","runId":"arun_7"}`))

	_, err := srv.Client().Agents.Run(context.Background(), "agt_1", promptorchestra.AgentRunParams{})
	if id, ok := promptorchestra.RunID(err); ok && promptorchestra.OutcomeUnknown(err) {
		fmt.Println("look at", id)
	}
	// Output: look at arun_7
}
