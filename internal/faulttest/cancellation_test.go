package faulttest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

// errPatience is a cause of the caller's own.
var errPatience = errors.New("the user closed the window")

func TestCancelInAWait(t *testing.T) {
	inTheWait := func() {}
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "50")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"error":"failed","message":"down for now"}`))
	}), promptorchestra.WithLogger(slog.New(apitest.OnRetry(func() { inTheWait() }))))
	for name, cause := range map[string]error{"cancelled": nil, "with a cause": errPatience} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			var cancelled atomic.Int64
			inTheWait = func() {
				time.AfterFunc(20*time.Millisecond, func() { cancelled.Store(time.Now().UnixNano()); cancel(cause) })
			}
			err := apitest.Get(ctx, client)
			assert.Less(t, time.Since(time.Unix(0, cancelled.Load())), 20*time.Second, "the wait is much longer")
			var transport *promptorchestra.TransportError
			require.ErrorAs(t, err, &transport)
			require.ErrorIs(t, err, context.Canceled)
			if cause != nil {
				require.ErrorIs(t, err, cause)
			}
			var last *promptorchestra.APIError
			require.ErrorAs(t, err, &last)
			assert.Equal(t, "down for now", last.Message)
			assert.True(t, promptorchestra.IsServer(err))
			assert.Equal(t, 1, transport.Attempts)
			assert.False(t, promptorchestra.OutcomeUnknown(err))
			assert.False(t, promptorchestra.IsRetryable(err))
			assert.Contains(t, err.Error(), "down for now")
		})
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errPatience)
	err := apitest.Run(ctx, client)
	require.ErrorIs(t, err, context.Canceled, "before anything is sent")
	require.ErrorIs(t, err, errPatience)
	assert.False(t, promptorchestra.OutcomeUnknown(err))
}

func TestCancelledUnderWayWithACause(t *testing.T) {
	client := apitest.NewClient(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(30*time.Millisecond, func() { cancel(errPatience) })
	err := apitest.Get(ctx, client)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, errPatience)
	assert.False(t, promptorchestra.IsRetryable(err))
}
