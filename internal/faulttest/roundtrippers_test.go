package faulttest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

// A RoundTripper may send a request again that got a response, as net/http documents GetBody for it. Over HTTP/2 nobody
// can tell that from what net/http does by itself after a reset: it is refused.
func TestRoundTripperThatRenewsItsToken(t *testing.T) {
	for _, protocol := range []string{"HTTP/1", "HTTP/1 over TLS", "HTTP/2"} {
		t.Run(protocol, func(t *testing.T) {
			var posts atomic.Int32
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				posts.Add(1)
				if r.Header.Get("X-Gateway") == "" {
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				_, _ = io.WriteString(w, apitest.Agent)
			}))
			srv.EnableHTTP2 = protocol == "HTTP/2"
			if protocol == "HTTP/1" {
				srv.Start()
			} else {
				srv.StartTLS()
			}
			defer srv.Close()
			below := srv.Client().Transport
			renewing := apitest.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
				resp, err := below.RoundTrip(r)
				if err != nil || resp.StatusCode != http.StatusUnauthorized {
					return resp, err
				}
				resp.Body.Close()
				again := r.Clone(r.Context())
				again.Header.Set("X-Gateway", "new")
				if again.Body, err = r.GetBody(); err != nil {
					return nil, err
				}
				return below.RoundTrip(again)
			})
			err := apitest.Run(t.Context(), apitest.NewClientAt(t, srv.URL, promptorchestra.WithTransport(renewing)))
			if protocol == "HTTP/2" {
				assert.ErrorContains(t, err, "sent already and is not idempotent")
				assert.EqualValues(t, 1, posts.Load())
				return
			}
			require.NoError(t, err)
			assert.EqualValues(t, 2, posts.Load())
		})
	}
}

// An idle connection that dies before anything is written is net/http's to replace, through a transport of the user's too.
func TestConnectionThatDiesUnwritten(t *testing.T) {
	for _, secure := range []bool{false, true} {
		var posts atomic.Int32
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				posts.Add(1)
			}
			_, _ = io.WriteString(w, apitest.Agent)
		}))
		if secure {
			srv.StartTLS()
		} else {
			srv.Start()
		}
		var newest atomic.Pointer[brokenConn]
		pool := srv.Client().Transport.(*http.Transport)
		pool.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			broken := &brokenConn{Conn: conn}
			newest.Store(broken)
			return broken, err
		}
		client := apitest.NewClientAt(t, srv.URL, promptorchestra.WithTransport(pool))
		require.NoError(t, apitest.Get(t.Context(), client))
		newest.Load().broken.Store(true)
		require.NoError(t, apitest.Run(t.Context(), client))
		assert.EqualValues(t, 1, posts.Load())
		srv.Close()
	}
}

// brokenConn takes nothing to write, once it is broken.
type brokenConn struct {
	net.Conn
	broken atomic.Bool
}

func (c *brokenConn) Write(p []byte) (int, error) {
	if c.broken.Load() {
		return 0, errors.New("broken pipe")
	}
	return c.Conn.Write(p)
}

// A RoundTripper of the user's own may be sloppy: no answer and no error, no body, no header.
func TestSloppyRoundTrippers(t *testing.T) {
	client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) { return nil, nil }, apitest.FastRetries)
	for _, call := range []apitest.Call{apitest.Get, apitest.Run} {
		var e *promptorchestra.TransportError
		require.ErrorAs(t, call(t.Context(), client), &e)
	}
	for _, status := range []int{0, 101, 200, 204, 302, 404, 999} {
		client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: status}, nil }, apitest.FastRetries)
		for _, call := range []apitest.Call{apitest.Get, apitest.Run, apitest.Post} {
			var last promptorchestra.Response
			err := call(t.Context(), client, promptorchestra.WithResponse(&last))
			assert.Equal(t, status, last.StatusCode)
			assert.Equal(t, status == 204, err == nil)
		}
		for _, err := range client.Agents.All(t.Context()) {
			assert.Error(t, err)
		}
	}
}

// A transport without tracing that read the body may have sent it.
func TestRoundTripperThatTellsNothing(t *testing.T) {
	client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) { return nil, errors.New("connection lost") }, apitest.FastRetries)
	var r promptorchestra.Response
	err := apitest.Run(t.Context(), client, promptorchestra.WithResponse(&r))
	assert.Equal(t, 1, r.Attempts)
	assert.True(t, promptorchestra.OutcomeUnknown(err))
}

// A RoundTripper may go on with a request that it gave up: whatever it reads then is that request's own.
func TestRoundTripperThatKeepsItsRequest(t *testing.T) {
	var kept sync.WaitGroup
	var n atomic.Int32
	keeping := apitest.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		kept.Go(func() {
			for range 20 {
				call, _ := promptorchestra.Operation(r.Context())
				assert.NotEmpty(t, call.Op)
				r.Header.Set("X-Late", "1")
				_ = r.Header.Get("Authorization")
				if r.GetBody != nil {
					_, _ = r.GetBody()
				}
				if r.Body != nil {
					_, _ = r.Body.Read(make([]byte, 3))
				}
				_, _ = r.URL.String(), r.ContentLength
				time.Sleep(100 * time.Microsecond)
			}
		})
		if n.Add(1)%3 != 0 {
			return apitest.Response(429, `{"error":"slow down"}`), nil
		}
		return apitest.Response(200, `{"id":"agt_1","runId":"run_1"}`), nil
	})
	client := apitest.NewClientAt(t, "http://127.0.0.1", promptorchestra.WithTransport(keeping))
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() {
			for range 10 {
				_ = apitest.Get(t.Context(), client, promptorchestra.WithHeader("X-A", "b"))
				_ = apitest.Run(t.Context(), client, promptorchestra.WithTimeout(time.Minute))
			}
		})
	}
	calls.Wait()
	kept.Wait()
}

// trackedBody knows whether it was closed.
type trackedBody struct {
	io.Reader
	open *atomic.Int32
	once sync.Once
}

func (b *trackedBody) Close() error {
	b.once.Do(func() { b.open.Add(-1) })
	return nil
}

// Every body that a transport hands over is closed, whatever becomes of the call.
func TestEveryBodyIsClosed(t *testing.T) {
	var open, handed atomic.Int32
	for name, row := range map[string]struct {
		status int
		body   string
		coding string
	}{
		"a record":            {status: 200, body: `{"id":"agt_1"}`},
		"a list":              {status: 200, body: `[{"id":"agt_1"},{"id":"agt_2"}]`},
		"half of a list":      {status: 200, body: `[{"id":"agt_1"},{"id":`},
		"HTML":                {status: 200, body: "<html>"},
		"nothing":             {status: 204},
		"too much":            {status: 200, body: strings.Repeat(" ", 5000) + "{}"},
		"gzip":                {status: 200, body: string(zip(`[{"id":"agt_1"}]`)), coding: "gzip"},
		"bad gzip":            {status: 200, body: "\x1f\x8bno", coding: "gzip"},
		"another coding":      {status: 200, body: "\x00", coding: "br"},
		"a redirect":          {status: 302, body: "moved"},
		"a failure":           {status: 402, body: `{"error":"No seats"}`},
		"failures":            {status: 503, body: `{"error":"failed"}`},
		"rate limits":         {status: 429, body: strings.Repeat("x", 2<<20)},
		"switching protocols": {status: 101, body: "x"},
		"no status":           {status: 0, body: "x"},
	} {
		t.Run(name, func(t *testing.T) {
			client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
				open.Add(1)
				handed.Add(1)
				resp := apitest.Response(row.status, row.body)
				if row.coding != "" {
					resp.Header.Set("Content-Encoding", row.coding)
				}
				resp.Body = &trackedBody{Reader: strings.NewReader(row.body), open: &open}
				return resp, nil
			}, apitest.FastRetries, promptorchestra.WithMaxResponseBytes(1000))
			for _, call := range []apitest.Call{apitest.Get, apitest.Run, apitest.Post, everyForm["list"], everyForm["stream"]} {
				_ = call(t.Context(), client)
			}
			for _, err := range client.Agents.All(t.Context()) {
				_ = err
				break
			}
			assert.Zero(t, open.Load(), "bodies left open")
		})
	}
	assert.Greater(t, handed.Load(), int32(90))
}

// Callers that cancel all at once, in every phase of a call, get an error that says so, and nothing stays behind.
func TestStormOfCancellations(t *testing.T) {
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.Method == http.MethodGet {
			w.Header().Set("Retry-After", "0.05")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = io.WriteString(w, `{"runId":"arun_1","id":`)
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
		case <-time.After(20 * time.Millisecond):
		}
		_, _ = io.WriteString(w, `"agt_1"}`)
	}))
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithCancelCause(t.Context())
	var calls sync.WaitGroup
	for i := range 64 {
		calls.Go(func() {
			for range 1000 {
				err := []apitest.Call{apitest.Get, apitest.Run, everyForm["stream"]}[i%3](ctx, client)
				if ctx.Err() == nil {
					continue
				}
				if err != nil && !errors.Is(err, context.Canceled) {
					var api *promptorchestra.APIError
					assert.ErrorAs(t, err, &api, "what the server said before counts too")
				}
				break
			}
		})
	}
	time.Sleep(100 * time.Millisecond)
	cancel(errPatience)
	calls.Wait()
	err := apitest.Get(ctx, client)
	require.ErrorIs(t, err, errPatience)
	require.ErrorIs(t, err, context.Canceled)
}

// A RoundTripper may return an error of this package, such as that of another client it asks for something. It says
// nothing of whether the request was sent.
func TestRoundTripperThatReturnsAnErrorOfThisPackage(t *testing.T) {
	for name, failure := range map[string]error{
		"an argument":     &promptorchestra.ArgumentError{Argument: "x", Reason: "y"},
		"not sent":        &promptorchestra.TransportError{Err: errors.New("x")},
		"nil argument":    (*promptorchestra.ArgumentError)(nil),
		"nil APIError":    (*promptorchestra.APIError)(nil),
		"rate limited":    &promptorchestra.APIError{StatusCode: 429},
		"nil DecodeError": (*promptorchestra.DecodeError)(nil),
	} {
		t.Run(name, func(t *testing.T) {
			client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) { return nil, failure }, apitest.FastRetries)
			err := apitest.Run(t.Context(), client)
			var e *promptorchestra.TransportError
			require.ErrorAs(t, err, &e)
			assert.Equal(t, 1, e.Attempts)
			assert.True(t, promptorchestra.OutcomeUnknown(err))
			assert.False(t, promptorchestra.IsRetryable(err))
			assert.NotEmpty(t, client.Diagnose(t.Context(), err).String())
		})
	}
}
