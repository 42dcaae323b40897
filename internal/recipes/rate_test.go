package recipes

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

// newLimited returns a client with the recipe above a server without sockets that fails as often as
// told.
func newLimited(t *testing.T, limiter *rate.Limiter, failures int32) (*promptorchestra.Client, *atomic.Int32) {
	t.Helper()
	var sent atomic.Int32
	return apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
		if sent.Add(1) <= failures {
			return apitest.Response(http.StatusServiceUnavailable, "{}"), nil
		}
		return apitest.Response(http.StatusOK, apitest.Agent), nil
	}, withRateLimit(limiter)), &sent
}

func TestRateLimitCountsAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, sent := newLimited(t, rate.NewLimiter(rate.Every(10*time.Second), 1), 2)
		began := time.Now()
		for range 3 {
			require.NoError(t, apitest.Get(t.Context(), client))
		}
		assert.EqualValues(t, 5, sent.Load())
		assert.Equal(t, 40*time.Second, time.Since(began).Round(time.Second))
	})
}

// A wait that ends early sent nothing, and says so, of an execution too.
func TestRateLimitThatIsNotWaitedFor(t *testing.T) {
	for name, row := range map[string]struct {
		ctx  func(context.Context) (context.Context, context.CancelFunc)
		opts []promptorchestra.CallOption
		took time.Duration
		want error
	}{
		"cancelled": {ctx: func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Second, cancel)
			return ctx, cancel
		}, took: time.Second, want: context.Canceled},
		"a deadline before its turn": {ctx: func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 10*time.Second)
		}, opts: []promptorchestra.CallOption{promptorchestra.WithoutRetry()}, want: promptorchestra.ErrNotSent},
	} {
		for kind, call := range map[string]apitest.Call{"read": apitest.Get, "execution": apitest.Run} {
			t.Run(name+" "+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					client, sent := newLimited(t, rate.NewLimiter(rate.Every(30*time.Second), 1), 0)
					require.NoError(t, apitest.Get(t.Context(), client))
					ctx, cancel := row.ctx(t.Context())
					defer cancel()
					began := time.Now()
					err := call(ctx, client, row.opts...)
					assert.Equal(t, row.took, time.Since(began))
					require.ErrorIs(t, err, promptorchestra.ErrNotSent)
					require.ErrorIs(t, err, row.want)
					assert.False(t, promptorchestra.OutcomeUnknown(err))
					assert.EqualValues(t, 1, sent.Load())
				})
			})
		}
	}
}
