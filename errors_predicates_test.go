package promptorchestra_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// Every row of the table in docs/errors.md, through a real server: what the three
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
		{"408", fault(orchestratest.Status(408, "")), again, no, 0},
		{"500", fault(orchestratest.Status(500, `{"error":"failed","message":"upstream"}`)), again, unknown, 0},
		{"501", fault(orchestratest.Status(501, "")), no, unknown, 0},
		{"502", fault(orchestratest.HTML(502)), again, unknown, 0},
		{"503", fault(orchestratest.Status(503, "").WithHeader("Retry-After", "7")), again, unknown, 7 * time.Second},
		{"504", fault(orchestratest.Status(504, "")), again, unknown, 0},
		{"5xx that says it is final", fault(orchestratest.Status(503, `{"code":"x","why":"y","retryable":false}`)), no, unknown, 0},
		{"429", fault(orchestratest.RateLimited(90 * time.Second)), again, again, 90 * time.Second},
		{"429 that says it is final", fault(orchestratest.Status(429, `{"error":"quota","retryable":false}`)), no, no, 0},
		{"429 that names a run", fault(orchestratest.Status(429, `{"error":"slow down","runId":"run_1"}`)), again, unknown, 0},
		{"302", fault(orchestratest.Status(302, "").WithHeader("Location", "/login")), no, no, 0},
		{"400", fault(orchestratest.Status(400, `{"error":"organizationId is required"}`)), no, no, 0},
		{"401", fault(orchestratest.Status(401, `{"error":"x","code":"AUTH_MISSING"}`)), no, no, 0},
		{"402", fault(orchestratest.NoSeats()), no, no, 0},
		{"403", fault(orchestratest.Status(403, `{"error":"x"}`)), no, no, 0},
		{"404", fault(orchestratest.Status(404, `{"error":"x"}`)), no, no, 0},
		{"409", fault(orchestratest.Status(409, `{"error":"x"}`)), no, no, 0},
		{"422", fault(orchestratest.Status(422, `{"error":"x"}`)), no, no, 0},
		{"no answer, the effect did not happen", drop(orchestratest.DropBefore()), again, unknown, 0},
		{"no answer, the effect happened", drop(orchestratest.DropAfter()), again, unknown, 0},
		{"2xx cut short", fault(orchestratest.CutBody(15)), again, unknown, 0},
		{"2xx without a body", fault(orchestratest.Status(200, "")), no, unknown, 0},
		{"2xx that is HTML", fault(orchestratest.HTML(200)), no, unknown, 0},
		{"2xx that is not JSON", fault(orchestratest.Status(200, "OK")), no, unknown, 0},
		{"the attempt's timeout", func(t *testing.T, srv *orchestratest.Server, op string) (context.Context, *promptorchestra.Client) {
			srv.Fail(op, orchestratest.Delay(time.Minute))
			return t.Context(), srv.Client(promptorchestra.WithTimeout(250 * time.Millisecond))
		}, again, unknown, 0},
		{"the context's deadline", func(t *testing.T, srv *orchestratest.Server, op string) (context.Context, *promptorchestra.Client) {
			srv.Fail(op, orchestratest.Delay(time.Minute))
			ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
			t.Cleanup(cancel)
			return ctx, srv.Client()
		}, again, unknown, 0},
		{"cancelled under way", func(t *testing.T, srv *orchestratest.Server, op string) (context.Context, *promptorchestra.Client) {
			srv.Fail(op, orchestratest.Delay(time.Minute))
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(250*time.Millisecond, cancel)
			return ctx, srv.Client()
		}, no, unknown, 0},
		{"cancelled before", func(t *testing.T, srv *orchestratest.Server, _ string) (context.Context, *promptorchestra.Client) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return ctx, srv.Client()
		}, no, no, 0},
		{"nobody listens", func(t *testing.T, srv *orchestratest.Server, _ string) (context.Context, *promptorchestra.Client) {
			gone := httptest.NewServer(http.NotFoundHandler())
			gone.Close()
			return t.Context(), srv.Client(promptorchestra.WithBaseURL(gone.URL))
		}, again, again, 0},
		{"a certificate that does not verify", func(t *testing.T, srv *orchestratest.Server, _ string) (context.Context, *promptorchestra.Client) {
			other := httptest.NewUnstartedServer(http.NotFoundHandler())
			other.Config.ErrorLog = log.New(io.Discard, "", 0)
			other.StartTLS()
			t.Cleanup(other.Close)
			return t.Context(), srv.Client(promptorchestra.WithBaseURL(other.URL))
		}, no, no, 0},
		{"a token source that fails", func(t *testing.T, srv *orchestratest.Server, _ string) (context.Context, *promptorchestra.Client) {
			return t.Context(), srv.Client(promptorchestra.WithAccessTokenSource(func(context.Context, string) (string, error) {
				return "", errors.New("the vault is sealed")
			}))
		}, again, again, 0},
		{"refused on our side", func(t *testing.T, srv *orchestratest.Server, _ string) (context.Context, *promptorchestra.Client) {
			return t.Context(), srv.Client().InOrganization("")
		}, no, no, 0},
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
	again := &promptorchestra.APIError{StatusCode: 503, CallInfo: promptorchestra.CallInfo{Repeatable: true}}
	not := &promptorchestra.APIError{StatusCode: 402}
	assert.False(t, promptorchestra.IsRetryable(errors.Join(again, not)))
	assert.False(t, promptorchestra.IsRetryable(errors.Join(not, again)))
	for _, err := range []error{
		&promptorchestra.APIError{StatusCode: 503, CallInfo: promptorchestra.CallInfo{Repeatable: true}, Err: context.Canceled},
		&promptorchestra.DecodeError{StatusCode: 200, CallInfo: promptorchestra.CallInfo{Repeatable: true}, Err: fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, context.Canceled)},
		&promptorchestra.TransportError{CallInfo: promptorchestra.CallInfo{Repeatable: true}, Err: context.Canceled},
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
