package promptorchestra_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

// A timeout that is over before anything is sent will be so again: it must not eat the budget that others need.
func TestTimeoutTooShortToSendAnything(t *testing.T) {
	var seen atomic.Int32
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if seen.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, apitest.Agent)
	}))
	for range 200 {
		require.ErrorIs(t, apitest.Get(t.Context(), client, promptorchestra.WithTimeout(time.Nanosecond)), context.DeadlineExceeded)
	}
	assert.Zero(t, seen.Load())
	require.NoError(t, apitest.Get(t.Context(), client), "a retry is left")
}

// The way to a stream's headers is bounded by a timeout like any other.
func TestTimeoutOfAStream(t *testing.T) {
	var seen atomic.Int32
	client := apitest.NewClient(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen.Add(1)
		<-r.Context().Done()
	}), promptorchestra.WithTimeout(150*time.Millisecond))
	for _, err := range client.Agents.All(t.Context()) {
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, context.Canceled, "it was not the caller")
		assert.ErrorContains(t, err, "the attempt took longer than 150ms")
		assert.True(t, promptorchestra.IsRetryable(err))
	}
	assert.EqualValues(t, 4, seen.Load())
}

// However a protocol puts it: the caller cancelled.
func TestStreamCancelledWithACause(t *testing.T) {
	for _, protocol := range []string{"HTTP/1", "HTTP/2"} {
		t.Run(protocol, func(t *testing.T) {
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, "["+apitest.Agent+",")
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			}))
			srv.EnableHTTP2 = protocol == "HTTP/2"
			srv.StartTLS()
			defer srv.Close()
			client := apitest.NewClientAt(t, srv.URL, promptorchestra.WithHTTPClient(srv.Client()))
			left := errors.New("the user left")
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			var last error
			for _, err := range client.Agents.All(ctx) {
				last = err
				cancel(left)
			}
			require.ErrorIs(t, last, context.Canceled)
			require.ErrorIs(t, last, left)
			assert.False(t, promptorchestra.IsRetryable(last))
		})
	}
}

// The headers of a stream come just when its time is up: it is the timeout all the same.
func TestStreamWhoseHeadersComeLate(t *testing.T) {
	late := apitest.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(failingReader{r.Context()}), Request: r}, nil
	})
	for _, err := range apitest.NewClientAt(t, "http://127.0.0.1", promptorchestra.WithTransport(late), promptorchestra.WithTimeout(10*time.Millisecond)).Agents.All(t.Context()) {
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, context.Canceled)
	}
}

type failingReader struct{ ctx context.Context } //nolint:containedctx // it fails as ctx does

func (f failingReader) Read([]byte) (int, error) { return 0, f.ctx.Err() }
