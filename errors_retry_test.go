package promptorchestra_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
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
	client := apitest.NewClient(t, hanging, apitest.OwnPool(t), promptorchestra.WithTimeout(20*time.Millisecond))
	err := apitest.Get(t.Context(), client, promptorchestra.WithoutRetry())
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.True(t, promptorchestra.IsRetryable(err))
	assert.Equal(t, promptorchestra.KindTimeout, promptorchestra.KindOf(err))
	err = apitest.Run(t.Context(), client, promptorchestra.WithoutRetry())
	assert.False(t, promptorchestra.IsRetryable(err))
	assert.True(t, promptorchestra.OutcomeUnknown(err))
}

// A wait that ends with its context is not worth another one.
func TestWaitThatEndedIsNotRetryable(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := apitest.NewClient(t, apitest.Respond(200, `{"run":{"status":"running"}}`)).AgentRuns.Wait(ctx, "arun_1")
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
