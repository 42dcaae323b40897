package faulttest

import (
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

// refusing refuses the first requests, after it sent them or without sending them, as a circuit breaker does.
func refusing(times int32, sends bool, refusal error) promptorchestra.Option {
	return promptorchestra.WithTransportWrapper(func(below http.RoundTripper) http.RoundTripper {
		var n atomic.Int32
		return apitest.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			if n.Add(1) > times {
				return below.RoundTrip(r)
			}
			if sends {
				resp, err := below.RoundTrip(r)
				if err != nil {
					return nil, err
				}
				_ = resp.Body.Close()
			} else if r.Body != nil {
				_ = r.Body.Close()
			}
			return nil, refusal
		})
	})
}

// An error that wraps ErrNotSent says that nothing was sent: an execution is retried. One of a RoundTripper that did send
// the request is not believed, and without it the outcome is unknown.
func TestRoundTripperThatRefuses(t *testing.T) {
	open := errors.New("the circuit is open")
	wrapped := fmt.Errorf("%w: %w", open, promptorchestra.ErrNotSent)
	own := promptorchestra.WithTransport(&http.Transport{DisableKeepAlives: true})
	for name, row := range map[string]struct {
		refusal  error
		sends    bool
		arrived  int32
		attempts int
		fails    bool
	}{
		"ErrNotSent":                 {refusal: promptorchestra.ErrNotSent, arrived: 1, attempts: 3},
		"wrapped":                    {refusal: wrapped, arrived: 1, attempts: 3},
		"joined":                     {refusal: errors.Join(open, promptorchestra.ErrNotSent), arrived: 1, attempts: 3},
		"another error":              {refusal: open, arrived: 0, attempts: 1, fails: true},
		"ErrNotSent, though it sent": {refusal: wrapped, sends: true, arrived: 1, attempts: 1, fails: true},
		"another, and it sent":       {refusal: open, sends: true, arrived: 1, attempts: 1, fails: true},
	} {
		for around, opts := range map[string][]promptorchestra.Option{"the default transport": nil, "one of the user's": {own}} {
			t.Run(name+" around "+around, func(t *testing.T) {
				var arrived atomic.Int32
				client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					arrived.Add(1)
					_, _ = w.Write([]byte(`{"runId":"run_1"}`))
				}), append([]promptorchestra.Option{refusing(2, row.sends, row.refusal)}, opts...)...)
				var r promptorchestra.Response
				err := apitest.Run(t.Context(), client, promptorchestra.WithResponse(&r))
				assert.Equal(t, row.arrived, arrived.Load())
				assert.Equal(t, row.attempts, r.Attempts)
				assert.Equal(t, row.fails, promptorchestra.OutcomeUnknown(err), "%v", err)
				if row.fails {
					require.ErrorIs(t, err, open)
					assert.False(t, promptorchestra.IsRetryable(err))
				} else {
					require.NoError(t, err)
				}
			})
		}
	}
}

// One that refuses for good: the attempts end, and the error says that it may be retried.
func TestRoundTripperThatRefusesForGood(t *testing.T) {
	client := apitest.NewClient(t, apitest.Respond(200, "{}"), refusing(1000, false, promptorchestra.ErrNotSent))
	for _, call := range []apitest.Call{apitest.Get, apitest.Run} {
		var r promptorchestra.Response
		err := call(t.Context(), client, promptorchestra.WithResponse(&r))
		require.ErrorIs(t, err, promptorchestra.ErrNotSent)
		assert.Equal(t, 4, r.Attempts)
		assert.False(t, promptorchestra.OutcomeUnknown(err))
		assert.True(t, promptorchestra.IsRetryable(err))
	}
}
