package faulttest

import (
	"context"
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
)

var onceCalls = map[string]apitest.Call{
	"Agents.Run": apitest.Run,
	"Do POST":    apitest.Post,
	"Agents.Create": func(ctx context.Context, c *promptorchestra.Client, opts ...promptorchestra.CallOption) error {
		_, err := c.Agents.Create(ctx, promptorchestra.AgentCreateParams{Name: "Desk"}, opts...)
		return err
	},
	"ServiceKeys.Create": func(ctx context.Context, c *promptorchestra.Client, opts ...promptorchestra.CallOption) error {
		_, err := c.ServiceKeys.Create(ctx, promptorchestra.ServiceKeyCreateParams{Name: "ci", Preset: "ai_platform_full_control"}, opts...)
		return err
	},
}

// eachOnceCall runs a test for calls that must not happen twice, each on a new and on a used connection.
func eachOnceCall(t *testing.T, handle func(*apitest.RawRequest) bool, check func(t *testing.T, err error)) {
	for name, call := range onceCalls {
		for _, reused := range []bool{false, true} {
			connection := map[bool]string{false: "a new connection", true: "a used connection"}[reused]
			t.Run(name+" on "+connection, func(t *testing.T) {
				srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
					if r.Method == http.MethodGet {
						r.Respond(200, apitest.Agent, -1)
						return true
					}
					assert.Equal(t, reused, r.On > 1)
					return handle(r)
				})
				client := apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t))
				if reused {
					require.NoError(t, apitest.Get(t.Context(), client))
				}
				err := call(t.Context(), client)
				require.Error(t, err)
				assert.Equal(t, 1, srv.Count(http.MethodPost), "sent more than once")
				check(t, err)
			})
		}
	}
}

func TestExecutionIsSentOnceWhenTheServerFails(t *testing.T) {
	for status, unknown := range map[int]bool{500: true, 502: true, 503: true, 504: true, 408: false, 402: false} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			eachOnceCall(t, func(r *apitest.RawRequest) bool {
				r.Respond(status, "<html><body>Bad Gateway</body></html>", -1)
				return true
			}, func(t *testing.T, err error) {
				var e *promptorchestra.APIError
				require.ErrorAs(t, err, &e)
				assert.Equal(t, status, e.StatusCode)
				assert.Equal(t, 1, e.Attempts)
				assert.Equal(t, unknown, promptorchestra.OutcomeUnknown(err))
				assert.False(t, promptorchestra.IsRetryable(err))
			})
		})
	}
}

func TestExecutionIsSentOnceWhenTheConnectionDrops(t *testing.T) {
	for name, reset := range map[string]bool{"closed": false, "reset": true} {
		t.Run(name, func(t *testing.T) {
			eachOnceCall(t, func(r *apitest.RawRequest) bool {
				if reset {
					r.Reset()
				}
				return false
			}, func(t *testing.T, err error) {
				var e *promptorchestra.TransportError
				require.ErrorAs(t, err, &e)
				assert.Equal(t, 1, e.Attempts)
				assert.True(t, e.OutcomeUnknown)
				assert.True(t, promptorchestra.OutcomeUnknown(err))
				assert.False(t, promptorchestra.IsRetryable(err))
			})
		})
	}
}

func TestExecutionIsSentOnceWhenTheAnswerIsCut(t *testing.T) {
	eachOnceCall(t, func(r *apitest.RawRequest) bool {
		r.Respond(200, `{"runId":"run_1","status":"running"}`, 12)
		return false
	}, func(t *testing.T, err error) {
		var e *promptorchestra.DecodeError
		require.ErrorAs(t, err, &e)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		assert.Equal(t, `{"runId":"ru`, string(e.Body))
		assert.Equal(t, 1, e.Attempts)
		assert.True(t, promptorchestra.OutcomeUnknown(err))
		assert.False(t, promptorchestra.IsRetryable(err))
	})
}

func TestExecutionIsSentOnceWhenNoAnswerComes(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
		if r.Attempt == 2 {
			cancel()
		}
		_, _ = r.Conn.Read(make([]byte, 1)) // until the client gives up
		return false
	})
	client := apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t))
	err := apitest.Run(t.Context(), client, promptorchestra.WithTimeout(2*time.Second)) // time enough to send it
	var e *promptorchestra.TransportError
	require.ErrorAs(t, err, &e)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.True(t, promptorchestra.OutcomeUnknown(err))
	assert.Equal(t, 1, srv.Count(http.MethodPost))

	err = apitest.Run(ctx, client)
	require.ErrorIs(t, err, context.Canceled)
	assert.True(t, promptorchestra.OutcomeUnknown(err))
	assert.Equal(t, 2, srv.Count(http.MethodPost))
}

// The server ends an idle connection just when the client sends on it.
func TestExecutionOnAHalfDeadConnection(t *testing.T) {
	for name, reset := range map[string]bool{"closed": false, "reset": true} {
		t.Run(name, func(t *testing.T) {
			srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
				r.Respond(200, `{"id":"agt_1","runId":"run_1"}`, -1)
				if r.Method == http.MethodGet && reset {
					r.Reset()
				}
				return r.Method != http.MethodGet
			})
			client := apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t))
			for i := range 40 {
				before := srv.Count(http.MethodPost)
				_ = apitest.Get(t.Context(), client) // a reset may take the answer with it
				time.Sleep(time.Duration(i%4) * 50 * time.Microsecond)
				err := apitest.Run(t.Context(), client)
				arrived := srv.Count(http.MethodPost) - before
				assert.LessOrEqual(t, arrived, 1)
				if err == nil {
					assert.Equal(t, 1, arrived)
					continue
				}
				var e *promptorchestra.TransportError
				require.ErrorAs(t, err, &e)
				assert.Zero(t, arrived)
				assert.True(t, e.OutcomeUnknown, "the request was sent: %v", err)
			}
		})
	}
	t.Run("takes the bytes, then resets", func(t *testing.T) {
		var posts atomic.Int32
		srv := apitest.Listen(t, func(conn *net.TCPConn, _ int) {
			buf := make([]byte, 4096)
			_, _ = conn.Read(buf)
			if buf[0] == 'P' {
				posts.Add(1)
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"id\":\"a\"}")
			_, _ = conn.Read(buf[:10]) // "POST /api/", and no more
			posts.Add(1)
			_ = conn.SetLinger(0)
		})
		client := apitest.NewClientAt(t, "http://"+srv.Addr, apitest.OwnPool(t))
		require.NoError(t, apitest.Get(t.Context(), client))
		err := apitest.Run(t.Context(), client)
		assert.True(t, promptorchestra.OutcomeUnknown(err), "%v", err)
		assert.EqualValues(t, 1, posts.Load())
	})
}

func TestExecutionIsRepeatedAfterARateLimit(t *testing.T) {
	for name, call := range onceCalls {
		t.Run(name, func(t *testing.T) {
			srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
				if r.Attempt < 3 {
					r.Respond(429, `{"error":"slow down"}`, -1)
				} else {
					r.Respond(200, `{"id":"x","runId":"run_1"}`, -1)
				}
				return true
			})
			client := apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t))
			var last promptorchestra.Response
			require.NoError(t, call(t.Context(), client, promptorchestra.WithResponse(&last)))
			assert.Equal(t, 3, srv.Count(http.MethodPost))
			assert.Equal(t, 3, last.Attempts)
		})
	}
}

func TestExecutionIsNotRepeatedAfterARateLimitThatWorked(t *testing.T) {
	for name, body := range map[string]string{
		"names a run":               `{"error":"the model is busy","runId":"run_1"}`,
		"names an evaluation's run": `{"error":"busy","evaluationRunId":"evr_1"}`,
		"names a draft's run":       `{"error":"busy","published_run_id":null,"draft_run_id":"run_1"}`,
		"names a run by a number":   `{"error":"busy","details":{"sourceRunId":"arun_1","runId": 4711}}`,
		"holds a run":               `{"error":"busy","run":{"status":"failed","meta":{"id":null},"id":"run_1"}}`,
		"is not retryable":          `{"code":"X","title":"t","category":"c","why":"w","retryable": false}`,
		"is cut":                    "",
		"names a run far down":      `{"error":"` + strings.Repeat("busy ", 20<<10) + `","runId":"run_1"}`,
	} {
		t.Run(name, func(t *testing.T) {
			srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
				if body == "" {
					r.Respond(429, `{"error":"busy","runId":"run_1"}`, 16)
					return false
				}
				r.Respond(429, body, -1)
				return true
			})
			err := apitest.Run(t.Context(), apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t)))
			assert.True(t, promptorchestra.IsRateLimited(err), "%v", err)
			assert.Equal(t, 1, srv.Count(http.MethodPost))
			assert.False(t, promptorchestra.IsRetryable(err))
			assert.Equal(t, name != "is not retryable", promptorchestra.OutcomeUnknown(err))
		})
	}
}

// A rejection that names the run which the call began from executed nothing. One that names another
// run did.
func TestRejectionThatNamesARun(t *testing.T) {
	for body, unknown := range map[string]bool{
		`{"error":"run is pending","runId":"arun_1"}`:                                                  false,
		`{"error":"the step failed","sourceRunId":"x_1","runId":"arun_2"}`:                             true,
		`{"error":"the step failed","padding":"` + strings.Repeat("x", 70<<10) + `","runId":"arun_2"}`: true,
	} {
		client := apitest.NewClient(t, apitest.Respond(http.StatusConflict, body))
		_, err := client.AgentRuns.RerunFromStep(t.Context(), "arun_1", "a")
		assert.True(t, promptorchestra.IsConflict(err), "%v", err)
		assert.Equal(t, unknown, promptorchestra.OutcomeUnknown(err), body[:40])
		_, err = client.Agents.Publish(t.Context(), "agt_1", promptorchestra.AgentPublishParams{})
		assert.False(t, promptorchestra.OutcomeUnknown(err), "a run may be in the way of it")
	}
}

// What is no run's id must not keep a rate limit from being repeated.
func TestExecutionIsRepeatedAfterARateLimitThatNamesNoRun(t *testing.T) {
	for _, body := range []string{
		`{"error":"busy"}`, `{"error":"no runId was given"}`, `{"error":"busy","runId":null}`, `{"error":"busy","runId":""}`,
		`{"error":"busy","limit":{"run":60},"dryRun":true}`, `{"error":"busy","run":"failed"}`, `{"error":"busy","sourceRunId":"arun_1"}`,
	} {
		srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
			r.Respond(429, body, -1)
			return true
		})
		err := apitest.Run(t.Context(), apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t)))
		assert.Equal(t, 4, srv.Count(http.MethodPost), body)
		assert.True(t, promptorchestra.IsRetryable(err), body)
		assert.False(t, promptorchestra.OutcomeUnknown(err), body)
	}
}

func TestExecutionIsRepeatedWhenTheDialFailed(t *testing.T) {
	srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool { r.Respond(200, `{"runId":"run_1"}`, -1); return true })
	transport, _ := apitest.FailingDial(t, 2)
	require.NoError(t, apitest.Run(t.Context(), apitest.NewClientAt(t, srv.URL, transport)))
	assert.Equal(t, 1, srv.Count(http.MethodPost))

	transport, dials := apitest.FailingDial(t, 1000)
	err := apitest.Run(t.Context(), apitest.NewClientAt(t, srv.URL, transport))
	var e *promptorchestra.TransportError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, 4, e.Attempts)
	assert.EqualValues(t, 4, dials.Load())
	assert.False(t, promptorchestra.OutcomeUnknown(err))
	assert.True(t, promptorchestra.IsRetryable(err))
	assert.Equal(t, 1, srv.Count(http.MethodPost))
}

func TestExecutionIsRepeatedWhenTheWayFailed(t *testing.T) {
	for name, proxy := range map[string]bool{"proxy connect": true, "TLS handshake": false} {
		t.Run(name, func(t *testing.T) {
			g := newGate(t, proxy, 2)
			require.NoError(t, apitest.Run(t.Context(), apitest.NewClientAt(t, g.url, promptorchestra.WithHTTPClient(g.client))))
			assert.EqualValues(t, 1, g.posts.Load())
			g = newGate(t, proxy, 1000)
			err := apitest.Run(t.Context(), apitest.NewClientAt(t, g.url, promptorchestra.WithHTTPClient(g.client)))
			var e *promptorchestra.TransportError
			require.ErrorAs(t, err, &e)
			assert.Equal(t, 4, e.Attempts)
			assert.EqualValues(t, 4, g.Connections.Load())
			assert.False(t, promptorchestra.OutcomeUnknown(err))
			assert.Zero(t, g.posts.Load())
		})
	}
}

// net/http itself repeats a POST with one of these headers, on a connection that was used before.
func TestIdempotencyKeysAreRefused(t *testing.T) {
	srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
		if r.Method == http.MethodPost {
			return false
		}
		r.Respond(200, apitest.Agent, -1)
		return true
	})
	client := apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t))
	for _, name := range []string{"Idempotency-Key", "idempotency-key", "IDEMPOTENCY-KEY", "X-Idempotency-Key", "x-idempotency-key"} {
		_, err := promptorchestra.New(promptorchestra.WithHeader(name, "1"))
		var refused *promptorchestra.ArgumentError
		require.ErrorAs(t, err, &refused, name)
		for op, call := range onceCalls {
			err := call(t.Context(), client, promptorchestra.WithHeader(name, "1"))
			require.ErrorAs(t, err, &refused, op)
			assert.Zero(t, refused.Attempts)
		}
		require.NoError(t, apitest.Get(t.Context(), client, promptorchestra.WithHeader(name, "1")), "harmless on a read")
	}
	assert.Zero(t, srv.Count(http.MethodPost))
	for _, header := range []string{"Connection", "Expect", "Te", "X-Whatever"} {
		err := apitest.Run(t.Context(), client, promptorchestra.WithHeader(header, "100-continue"))
		require.Error(t, err)
	}
	assert.Equal(t, 1, srv.Count(http.MethodPost), "one of them is allowed, and sent once")
	err := apitest.Run(t.Context(), client, promptorchestra.WithIdempotent(), promptorchestra.WithHeader("Idempotency-Key", "1"))
	assert.Greater(t, srv.Count(http.MethodPost), 2, "the caller vouched for it")
	assert.False(t, promptorchestra.OutcomeUnknown(err))
}

// What an earlier attempt did is no reason to think that this one was sent.
func TestDialThatFailsAfterARateLimit(t *testing.T) {
	srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
		if r.Attempt == 1 {
			r.Respond(429, `{"error":"slow down"}`, -1)
			return false // and the connection is gone
		}
		r.Respond(200, `{"runId":"run_1"}`, -1)
		return true
	})
	var dials atomic.Int32
	pool := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if dials.Add(1) == 2 {
			addr = "127.0.0.1:1"
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
	require.NoError(t, apitest.Run(t.Context(), apitest.NewClientAt(t, srv.URL, promptorchestra.WithTransport(pool))))
	assert.Equal(t, 2, srv.Count(http.MethodPost))
	assert.EqualValues(t, 3, dials.Load())
}

func TestRateLimitThatNamesARunBeyondWhatIsRead(t *testing.T) {
	body := `{"error":"` + strings.Repeat("busy ", 1<<18) + `","runId":"run_1"}` // beyond the MiB that is read
	srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool { r.Respond(429, body, -1); return true })
	err := apitest.Run(t.Context(), apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t)))
	assert.Equal(t, 1, srv.Count(http.MethodPost))
	assert.False(t, promptorchestra.IsRetryable(err))
	assert.True(t, promptorchestra.OutcomeUnknown(err))
}

// A gate stands before a TLS server, as a proxy does or a load balancer, and turns the first connections away.
type gate struct {
	*apitest.Listener

	url    string
	client *http.Client
	posts  atomic.Int32
}

func newGate(t *testing.T, proxy bool, failures int) *gate {
	t.Helper()
	g := &gate{}
	target := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		g.posts.Add(1)
		_, _ = io.WriteString(w, `{"runId":"run_1"}`)
	}))
	t.Cleanup(target.Close)
	forward := func(conn *net.TCPConn, first []byte) {
		up, err := net.Dial("tcp", target.Listener.Addr().String())
		if err != nil {
			return
		}
		_, _ = up.Write(first)
		var copies sync.WaitGroup
		copies.Go(func() { _, _ = io.Copy(up, conn); _ = up.Close() })
		_, _ = io.Copy(conn, up)
		_ = conn.Close()
		copies.Wait()
	}
	pool := target.Client().Transport.(*http.Transport).Clone()
	if proxy {
		srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
			if r.Attempt <= failures {
				r.Respond(502, "the proxy cannot reach it", -1)
				return false
			}
			_, _ = io.WriteString(r.Conn, "HTTP/1.1 200 OK\r\n\r\n")
			forward(r.Conn, nil)
			return false
		})
		g.Listener, g.url = srv.Listener, target.URL
		pool.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(srv.URL) }
	} else {
		g.Listener = apitest.Listen(t, func(conn *net.TCPConn, n int) {
			hello := make([]byte, 4096)
			size, _ := conn.Read(hello)
			if n > failures {
				forward(conn, hello[:size])
			}
		})
		g.url = "https://" + g.Addr
	}
	t.Cleanup(pool.CloseIdleConnections)
	g.client = &http.Client{Transport: pool}
	return g
}

func TestIdempotencyKeyIsAllowedWhereRepeatingIsSafe(t *testing.T) {
	var seen apitest.Recorder
	_, err := apitest.NewClient(t, &seen).Agents.Get(t.Context(), "agt_1", promptorchestra.WithHeader("Idempotency-Key", "x"))
	require.NoError(t, err)
	assert.Equal(t, "x", seen.Last().Header.Get("Idempotency-Key"))
}
