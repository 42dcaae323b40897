package transport_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
	"github.com/prompt-orchestra/promptorchestra-go/internal/transport"
)

// trust makes the default transport accept a server's certificate.
func trust(t testing.TB, srv *httptest.Server) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	transport.ChangeDefault(t, func(tr *http.Transport) { tr.TLSClientConfig = &tls.Config{RootCAs: roots} })
}

// One TLS handshake that hangs fails no call: each has a dial of its own, and takes the first connection that is free.
func TestHandshakeThatHangsFailsNoCall(t *testing.T) {
	target := httptest.NewTLSServer(apitest.Respond(200, apitest.Agent))
	defer target.Close()
	trust(t, target)
	hung := make(chan struct{})
	defer close(hung)
	front := apitest.Listen(t, func(conn *net.TCPConn, n int) {
		if n == 1 {
			<-hung // it is accepted, and nothing else
			return
		}
		up, err := net.Dial("tcp", target.Listener.Addr().String())
		if err != nil {
			return
		}
		var copies sync.WaitGroup
		copies.Go(func() { _, _ = io.Copy(up, conn); _ = up.Close() })
		_, _ = io.Copy(conn, up)
		_ = conn.Close()
		copies.Wait()
	})
	client := apitest.NewClientAt(t, "https://"+front.Addr)
	defer client.CloseIdleConnections()
	var calls sync.WaitGroup
	for range 11 {
		calls.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second) // the hung handshake takes longer
			defer cancel()
			var r promptorchestra.Response
			assert.NoError(t, apitest.Get(ctx, client, promptorchestra.WithResponse(&r)))
			assert.Equal(t, 1, r.Attempts)
		})
	}
	calls.Wait()
	assert.Greater(t, front.Connections.Load(), int32(1))
}

// A server, or a proxy, that renews its connections leaves no execution of unknown outcome.
func TestRenewedConnectionsLeaveNoExecutionUnknown(t *testing.T) {
	executions := 3200
	if apitest.RaceEnabled || testing.Short() {
		executions = 800
	}
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprint("TLS ", secure), func(t *testing.T) {
			type countKey struct{}
			var arrived atomic.Int64
			var made atomic.Int64
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				arrived.Add(1)
				if r.Context().Value(countKey{}).(*atomic.Int32).Add(1)%20 == 0 {
					w.Header().Set("Connection", "close")
				}
				_, _ = io.WriteString(w, `{"runId":"run_1"}`)
			}))
			srv.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
				made.Add(1)
				return context.WithValue(ctx, countKey{}, new(atomic.Int32))
			}
			if secure {
				srv.StartTLS()
				trust(t, srv)
			} else {
				srv.Start()
			}
			defer srv.Close()
			client := apitest.NewClientAt(t, srv.URL)
			defer client.CloseIdleConnections()
			succeeded := callAll(t, client, 32, executions)
			assert.EqualValues(t, executions, succeeded)
			assert.EqualValues(t, executions, arrived.Load())
			assert.Greater(t, made.Load(), int64(executions/20), "connections were renewed")
		})
	}
}

// callAll makes so many executions and returns how many succeeded.
func callAll(t *testing.T, client *promptorchestra.Client, callers, executions int) (succeeded int64) {
	t.Helper()
	var next, good atomic.Int64
	var calls sync.WaitGroup
	for range callers {
		calls.Go(func() {
			for next.Add(1) <= int64(executions) {
				err := apitest.Run(t.Context(), client)
				assert.False(t, promptorchestra.OutcomeUnknown(err), "%v", err)
				if err == nil {
					good.Add(1)
				}
			}
		})
	}
	calls.Wait()
	return good.Load()
}

// A server that hangs up idle connections after 5 s, without a word, as Node does: the client lets go of them before.
func TestServerThatHangsUpIdleConnections(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for 10 s")
	}
	srv := httptest.NewUnstartedServer(apitest.Respond(200, `{"runId":"run_1"}`))
	srv.Config.IdleTimeout = 5 * time.Second
	srv.Start()
	defer srv.Close()
	client := apitest.NewClientAt(t, srv.URL)
	defer client.CloseIdleConnections()
	for _, rest := range []time.Duration{0, 4950 * time.Millisecond, 5 * time.Second} {
		time.Sleep(rest)
		assert.EqualValues(t, 64, callAll(t, client, 32, 64))
	}
}

// Connections that went silent, all of the pool: the next attempt of a read gets through, over a new one.
func TestSilentConnectionsCostOneAttempt(t *testing.T) {
	const calls = 8
	var silent atomic.Bool
	var inFlight sync.WaitGroup
	inFlight.Add(calls)
	srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
		switch {
		case !silent.Load():
			inFlight.Done() // all at once, so that there is a connection for each
			inFlight.Wait()
		case r.On > 1:
			_, _ = io.Copy(io.Discard, r.Conn) // an old connection: nothing comes any more
			return false
		}
		r.Respond(200, apitest.Agent, -1)
		return true
	})
	client := apitest.NewClientAt(t, srv.URL, promptorchestra.WithTimeout(2*time.Second))
	defer client.CloseIdleConnections()
	each := func(check func(err error, attempts int)) {
		var all sync.WaitGroup
		for range calls {
			all.Go(func() {
				var r promptorchestra.Response
				err := apitest.Get(t.Context(), client, promptorchestra.WithResponse(&r))
				check(err, r.Attempts)
			})
		}
		all.Wait()
	}
	each(func(err error, attempts int) {
		assert.NoError(t, err)
		assert.Equal(t, 1, attempts)
	})
	silent.Store(true)
	each(func(err error, attempts int) {
		assert.NoError(t, err)
		assert.LessOrEqual(t, attempts, 2, "the second attempt has a connection of its own")
	})
}

// The same below a wrapper, and where there are more silent connections than attempts.
func TestSilentConnectionsBelowAWrapper(t *testing.T) {
	const connections = 8
	var silent atomic.Bool
	var inFlight sync.WaitGroup
	inFlight.Add(connections)
	srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
		switch {
		case !silent.Load():
			inFlight.Done()
			inFlight.Wait()
		case r.On > 1:
			_, _ = io.Copy(io.Discard, r.Conn)
			return false
		}
		r.Respond(200, apitest.Agent, -1)
		return true
	})
	client := apitest.NewClientAt(t, srv.URL, promptorchestra.WithTimeout(time.Second),
		promptorchestra.WithTransportWrapper(passOn))
	defer client.CloseIdleConnections()
	var all sync.WaitGroup
	for range connections {
		all.Go(func() { assert.NoError(t, apitest.Get(t.Context(), client)) })
	}
	all.Wait()
	silent.Store(true)
	var r promptorchestra.Response
	require.NoError(t, apitest.Get(t.Context(), client, promptorchestra.WithResponse(&r)))
	assert.LessOrEqual(t, r.Attempts, 2, "the second attempt has a connection of its own")
}

// A proxy that refuses CONNECT is named, with its status and what it says. What it refuses for good is tried once, and
// nothing was sent.
func TestProxyThatRefusesConnect(t *testing.T) {
	for name, row := range map[string]struct {
		response string
		status   int
		said     string
		attempts int
	}{
		"403 without a body": {
			response: "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", status: 403, attempts: 1,
		},
		"403, no length": {
			response: "HTTP/1.1 403 Forbidden\r\n\r\npolicy 17 denies it", status: 403, said: "policy 17 denies it", attempts: 1,
		},
		"407 with a page": {
			response: "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 38\r\n\r\n<html><p>Who are you,\r\n x?</p></html>\n",
			status:   407, said: "Who are you", attempts: 1,
		},
		"407 in chunks": {
			response: "HTTP/1.1 407 Proxy Authentication Required\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nlog i\r\n1\r\nn\r\n0\r\n\r\n",
			status:   407, said: "log in", attempts: 1,
		},
		"404": {response: "HTTP/1.1 404 Not Found\r\n\r\nno such host", status: 404, said: "no such host", attempts: 1},
		"502": {response: "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\ndown", status: 502, said: "down", attempts: 4},
		"503": {response: "HTTP/1.1 503 Service Unavailable\r\n\r\nbusy", status: 503, said: "busy", attempts: 4},
		"504": {response: "HTTP/1.1 504 Gateway Timeout\r\n\r\n", status: 504, attempts: 4},
		"a page of 1 MiB": {
			response: "HTTP/1.1 403 Forbidden\r\n\r\nbegin " + strings.Repeat("x", 1<<20), status: 403, said: "begin", attempts: 1,
		},
		"a body that never ends": {
			response: "HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nwait for it", status: 403, said: "wait for it", attempts: 1,
		},
	} {
		for op, call := range map[string]apitest.Call{"a read": apitest.Get, "an execution": apitest.Run} {
			t.Run(name+" "+op, func(t *testing.T) {
				var connects atomic.Int32
				proxy := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
					assert.Equal(t, http.MethodConnect, r.Method)
					assert.Empty(t, r.Header.Get("Authorization"))
					connects.Add(1)
					_, _ = io.WriteString(r.Conn, row.response)
					if strings.HasSuffix(row.response, "wait for it") {
						_, _ = r.Conn.Read(make([]byte, 1)) // until the client gives up
					}
					return false
				})
				transport.ChangeDefault(t, func(tr *http.Transport) {
					tr.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse("http://user:hunter2@" + proxy.Addr) }
				})
				err := call(t.Context(), apitest.NewClientAt(t, "https://api.example"))
				var e *promptorchestra.TransportError
				require.ErrorAs(t, err, &e)
				assert.Equal(t, row.attempts, e.Attempts)
				assert.EqualValues(t, row.attempts, connects.Load())
				assert.False(t, promptorchestra.OutcomeUnknown(err))
				assert.Equal(t, row.attempts > 1, promptorchestra.IsRetryable(err))
				var refusal *transport.ProxyError
				require.ErrorAs(t, err, &refusal)
				assert.Equal(t, row.status, refusal.StatusCode)
				assert.LessOrEqual(t, len(refusal.Body), 4<<10)
				assert.Contains(t, string(refusal.Body), row.said)
				for _, part := range []string{"proxy", proxy.Addr, fmt.Sprint(row.status), row.said} {
					assert.ErrorContains(t, err, part)
				}
				assert.NotContains(t, err.Error(), "hunter2")
				assert.NotContains(t, err.Error(), "\n")
			})
		}
	}
}

// A proxy that fails for a while is retried, executions too: nothing was sent.
func TestProxyThatFailsForAWhile(t *testing.T) {
	var posts atomic.Int32
	target := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		posts.Add(1)
		_, _ = io.WriteString(w, `{"runId":"run_1"}`)
	}))
	defer target.Close()
	proxy := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
		if r.Attempt < 3 {
			r.Respond(502+r.Attempt-1, "not now", -1)
			return false
		}
		_, _ = io.WriteString(r.Conn, "HTTP/1.1 200 Connection established\r\n\r\n")
		up, err := net.Dial("tcp", target.Listener.Addr().String())
		if err != nil {
			return false
		}
		var copies sync.WaitGroup
		copies.Go(func() { _, _ = io.Copy(up, r.Conn); _ = up.Close() })
		_, _ = io.Copy(r.Conn, up)
		_ = r.Conn.Close()
		copies.Wait()
		return false
	})
	trust(t, target)
	transport.ChangeDefault(t, func(tr *http.Transport) {
		tr.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }
	})
	client := apitest.NewClientAt(t, target.URL)
	defer client.CloseIdleConnections()
	var r promptorchestra.Response
	require.NoError(t, apitest.Run(t.Context(), client, promptorchestra.WithResponse(&r)))
	assert.Equal(t, 3, r.Attempts)
	assert.EqualValues(t, 1, posts.Load())
}

// CloseIdleConnections reaches the default transport, and one below a wrapper that does not forward it.
func TestCloseIdleConnections(t *testing.T) {
	for name, opts := range map[string][]promptorchestra.Option{
		"the default transport":         nil,
		"one of the user's":             {promptorchestra.WithTransport(&http.Transport{})},
		"the default one, in a wrapper": {promptorchestra.WithTransportWrapper(passOn)},
		"the user's one, in a wrapper":  {promptorchestra.WithTransport(&http.Transport{}), promptorchestra.WithTransportWrapper(passOn)},
	} {
		t.Run(name, func(t *testing.T) {
			srv := apitest.NewConnectionCounter(t, apitest.Respond(200, apitest.Agent))
			client := apitest.NewClientAt(t, srv.URL, opts...)
			for want := range int32(3) {
				require.NoError(t, apitest.Get(t.Context(), client))
				require.NoError(t, apitest.Get(t.Context(), client))
				assert.Equal(t, want+1, srv.Made.Load())
				client.CloseIdleConnections()
			}
		})
	}
	(*promptorchestra.Client)(nil).CloseIdleConnections()
	apitest.NewClientAt(t, "http://127.0.0.1", promptorchestra.WithTransport(apitest.RoundTripFunc(func(*http.Request) (*http.Response, error) {
		return nil, errors.New("unused")
	}))).CloseIdleConnections()
}

// passOn is the plainest wrapper.
func passOn(below http.RoundTripper) http.RoundTripper {
	return apitest.RoundTripFunc(func(r *http.Request) (*http.Response, error) { return below.RoundTrip(r) })
}

// It speaks HTTP/1.1 with a server that offers HTTP/2.
func TestDefaultTransportSpeaksHTTP1(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, 1, r.ProtoMajor)
		_, _ = io.WriteString(w, apitest.Agent)
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	trust(t, srv)
	client := apitest.NewClientAt(t, srv.URL)
	defer client.CloseIdleConnections()
	require.NoError(t, apitest.Get(t.Context(), client))
	require.NoError(t, apitest.Run(t.Context(), client))
}
