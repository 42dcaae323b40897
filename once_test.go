package promptorchestra_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

type callFunc func(context.Context, *promptorchestra.Client, ...promptorchestra.CallOption) error

var onceCalls = map[string]callFunc{
	"Agents.Run": run,
	"Do POST":    doPost,
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
func eachOnceCall(t *testing.T, handle func(*rawRequest) bool, check func(t *testing.T, err error)) {
	for name, call := range onceCalls {
		for _, reused := range []bool{false, true} {
			connection := map[bool]string{false: "a new connection", true: "a used connection"}[reused]
			t.Run(name+" on "+connection, func(t *testing.T) {
				srv := newRawServer(t, func(r *rawRequest) bool {
					if r.Method == http.MethodGet {
						r.answer(200, agentJSON, -1)
						return true
					}
					assert.Equal(t, reused, r.on > 1)
					return handle(r)
				})
				client := newClientOf(t, srv.url, ownPool(t))
				if reused {
					require.NoError(t, get(t.Context(), client))
				}
				err := call(t.Context(), client)
				require.Error(t, err)
				assert.Equal(t, 1, srv.count(http.MethodPost), "sent more than once")
				check(t, err)
			})
		}
	}
}

func TestExecutionIsSentOnceWhenTheServerFails(t *testing.T) {
	for status, unknown := range map[int]bool{500: true, 502: true, 503: true, 504: true, 408: false, 402: false} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			eachOnceCall(t, func(r *rawRequest) bool {
				r.answer(status, "<html><body>Bad Gateway</body></html>", -1)
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
			eachOnceCall(t, func(r *rawRequest) bool {
				if reset {
					r.reset()
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
	eachOnceCall(t, func(r *rawRequest) bool {
		r.answer(200, `{"runId":"run_1","status":"running"}`, 12)
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
	srv := newRawServer(t, func(r *rawRequest) bool {
		_, _ = r.conn.Read(make([]byte, 1)) // until the client gives up
		return false
	})
	client := newClientOf(t, srv.url, ownPool(t))
	err := run(t.Context(), client, promptorchestra.WithTimeout(250*time.Millisecond))
	var e *promptorchestra.TransportError
	require.ErrorAs(t, err, &e)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.True(t, promptorchestra.OutcomeUnknown(err))
	assert.Equal(t, 1, srv.count(http.MethodPost))

	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(250*time.Millisecond, cancel)
	err = run(ctx, client)
	require.ErrorIs(t, err, context.Canceled)
	assert.True(t, promptorchestra.OutcomeUnknown(err))
	assert.Equal(t, 2, srv.count(http.MethodPost))
}

// The server ends an idle connection just when the client sends on it.
func TestExecutionOnAHalfDeadConnection(t *testing.T) {
	for name, reset := range map[string]bool{"closed": false, "reset": true} {
		t.Run(name, func(t *testing.T) {
			srv := newRawServer(t, func(r *rawRequest) bool {
				r.answer(200, `{"id":"agt_1","runId":"run_1"}`, -1)
				if r.Method == http.MethodGet && reset {
					r.reset()
				}
				return r.Method != http.MethodGet
			})
			client := newClientOf(t, srv.url, ownPool(t))
			for i := range 40 {
				before := srv.count(http.MethodPost)
				_ = get(t.Context(), client) // a reset may take the answer with it
				time.Sleep(time.Duration(i%4) * 50 * time.Microsecond)
				err := run(t.Context(), client)
				arrived := srv.count(http.MethodPost) - before
				assert.LessOrEqual(t, arrived, 1)
				if err == nil {
					assert.Equal(t, 1, arrived)
					continue
				}
				var e *promptorchestra.TransportError
				require.ErrorAs(t, err, &e)
				assert.Zero(t, arrived)
				assert.True(t, e.OutcomeUnknown, "bytes went out: %v", err)
			}
		})
	}
	t.Run("takes the bytes, then resets", func(t *testing.T) {
		var posts atomic.Int32
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		var done sync.WaitGroup
		defer done.Wait()
		defer listener.Close()
		done.Go(func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				done.Go(func() {
					defer conn.Close()
					buf := make([]byte, 4096)
					_, _ = conn.Read(buf)
					if buf[0] == 'P' {
						posts.Add(1)
						return
					}
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
					_, _ = conn.Read(buf[:10]) // "POST /api/", and no more
					posts.Add(1)
					_ = conn.(*net.TCPConn).SetLinger(0)
				})
			}
		})
		client := newClientOf(t, "http://"+listener.Addr().String(), ownPool(t))
		require.NoError(t, get(t.Context(), client))
		err = run(t.Context(), client)
		assert.True(t, promptorchestra.OutcomeUnknown(err), "%v", err)
		assert.EqualValues(t, 1, posts.Load())
	})
}

func TestExecutionIsRepeatedAfterARateLimit(t *testing.T) {
	for name, call := range onceCalls {
		t.Run(name, func(t *testing.T) {
			srv := newRawServer(t, func(r *rawRequest) bool {
				if r.attempt < 3 {
					r.answer(429, `{"error":"slow down"}`, -1)
				} else {
					r.answer(200, `{"id":"x","runId":"run_1"}`, -1)
				}
				return true
			})
			client := newClientOf(t, srv.url, ownPool(t))
			var last promptorchestra.Response
			require.NoError(t, call(t.Context(), client, promptorchestra.WithResponse(&last)))
			assert.Equal(t, 3, srv.count(http.MethodPost))
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
			srv := newRawServer(t, func(r *rawRequest) bool {
				if body == "" {
					r.answer(429, `{"error":"busy","runId":"run_1"}`, 16)
					return false
				}
				r.answer(429, body, -1)
				return true
			})
			err := run(t.Context(), newClientOf(t, srv.url, ownPool(t)))
			assert.True(t, promptorchestra.IsRateLimited(err), "%v", err)
			assert.Equal(t, 1, srv.count(http.MethodPost))
			assert.False(t, promptorchestra.IsRetryable(err))
			assert.Equal(t, name != "is not retryable", promptorchestra.OutcomeUnknown(err))
		})
	}
}

// What is no run's id must not keep a rate limit from being repeated.
func TestExecutionIsRepeatedAfterARateLimitThatNamesNoRun(t *testing.T) {
	for _, body := range []string{
		`{"error":"busy"}`, `{"error":"no runId was given"}`, `{"error":"busy","runId":null}`, `{"error":"busy","runId":""}`,
		`{"error":"busy","limit":{"run":60},"dryRun":true}`, `{"error":"busy","run":"failed"}`, `{"error":"busy","sourceRunId":"arun_1"}`,
	} {
		srv := newRawServer(t, func(r *rawRequest) bool {
			r.answer(429, body, -1)
			return true
		})
		err := run(t.Context(), newClientOf(t, srv.url, ownPool(t)))
		assert.Equal(t, 4, srv.count(http.MethodPost), body)
		assert.True(t, promptorchestra.IsRetryable(err), body)
		assert.False(t, promptorchestra.OutcomeUnknown(err), body)
	}
}

func TestExecutionIsRepeatedWhenTheDialFailed(t *testing.T) {
	srv := newRawServer(t, func(r *rawRequest) bool { r.answer(200, `{"runId":"run_1"}`, -1); return true })
	transport, _ := failingDial(t, 2)
	require.NoError(t, run(t.Context(), newClientOf(t, srv.url, transport)))
	assert.Equal(t, 1, srv.count(http.MethodPost))

	transport, dials := failingDial(t, 1000)
	err := run(t.Context(), newClientOf(t, srv.url, transport))
	var e *promptorchestra.TransportError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, 4, e.Attempts)
	assert.EqualValues(t, 4, dials.Load())
	assert.False(t, promptorchestra.OutcomeUnknown(err))
	assert.True(t, promptorchestra.IsRetryable(err))
	assert.Equal(t, 1, srv.count(http.MethodPost))
}

func TestExecutionIsRepeatedWhenTheWayFailed(t *testing.T) {
	for name, proxy := range map[string]bool{"proxy connect": true, "TLS handshake": false} {
		t.Run(name, func(t *testing.T) {
			g := newGate(t, proxy, 2)
			require.NoError(t, run(t.Context(), newClientOf(t, g.url, promptorchestra.WithHTTPClient(g.client))))
			assert.EqualValues(t, 1, g.posts.Load())
			g = newGate(t, proxy, 1000)
			err := run(t.Context(), newClientOf(t, g.url, promptorchestra.WithHTTPClient(g.client)))
			var e *promptorchestra.TransportError
			require.ErrorAs(t, err, &e)
			assert.Equal(t, 4, e.Attempts)
			assert.EqualValues(t, 4, g.connections.Load())
			assert.False(t, promptorchestra.OutcomeUnknown(err))
			assert.Zero(t, g.posts.Load())
		})
	}
}

// net/http itself repeats a POST with one of these headers, on a connection that was used before.
func TestIdempotencyKeysAreRefused(t *testing.T) {
	srv := newRawServer(t, func(r *rawRequest) bool {
		if r.Method == http.MethodPost {
			return false
		}
		r.answer(200, agentJSON, -1)
		return true
	})
	client := newClientOf(t, srv.url, ownPool(t))
	for _, name := range []string{"Idempotency-Key", "idempotency-key", "IDEMPOTENCY-KEY", "X-Idempotency-Key", "x-idempotency-key"} {
		_, err := promptorchestra.New(promptorchestra.WithHeader(name, "1"))
		var refused *promptorchestra.ArgumentError
		require.ErrorAs(t, err, &refused, name)
		for op, call := range onceCalls {
			err := call(t.Context(), client, promptorchestra.WithHeader(name, "1"))
			require.ErrorAs(t, err, &refused, op)
			assert.Zero(t, refused.Attempts)
		}
		require.NoError(t, get(t.Context(), client, promptorchestra.WithHeader(name, "1")), "harmless on a read")
	}
	assert.Zero(t, srv.count(http.MethodPost))
	for _, header := range []string{"Connection", "Expect", "Te", "X-Whatever"} {
		err := run(t.Context(), client, promptorchestra.WithHeader(header, "100-continue"))
		require.Error(t, err)
	}
	assert.Equal(t, 1, srv.count(http.MethodPost), "one of them is allowed, and sent once")
	err := run(t.Context(), client, promptorchestra.WithRetryable(), promptorchestra.WithHeader("Idempotency-Key", "1"))
	assert.Greater(t, srv.count(http.MethodPost), 2, "the caller vouched for it")
	assert.False(t, promptorchestra.OutcomeUnknown(err))
}

// A token source that fails is no reason to try again: nothing was sent.
func TestTokenSourceThatFails(t *testing.T) {
	srv := newRawServer(t, func(r *rawRequest) bool { r.answer(200, "{}", -1); return true })
	broken := errors.New("the vault is sealed")
	asked := 0
	client := newClientOf(t, srv.url, ownPool(t), promptorchestra.WithAccessTokenSource(func(context.Context, string) (string, error) {
		asked++
		return "", broken
	}))
	err := run(t.Context(), client)
	var e *promptorchestra.TransportError
	require.ErrorAs(t, err, &e)
	require.ErrorIs(t, err, broken)
	assert.False(t, e.OutcomeUnknown)
	assert.Zero(t, e.Attempts)
	assert.Equal(t, 1, asked)
	assert.Zero(t, srv.connections.Load())
}

// One that hangs is bounded like the rest of an attempt.
func TestTokenSourceThatHangs(t *testing.T) {
	srv := newRawServer(t, func(r *rawRequest) bool { r.answer(200, "{}", -1); return true })
	client := newClientOf(t, srv.url, ownPool(t), promptorchestra.WithTimeout(20*time.Millisecond),
		promptorchestra.WithAccessTokenSource(func(ctx context.Context, _ string) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}))
	err := run(t.Context(), client)
	var e *promptorchestra.TransportError
	require.ErrorAs(t, err, &e)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.False(t, e.OutcomeUnknown)
	assert.Zero(t, srv.connections.Load())
}

// A RoundTripper of the user's own may be sloppy: no answer and no error, no body, no header.
func TestSloppyRoundTrippers(t *testing.T) {
	client := stubbed(t, func(*http.Request) (*http.Response, error) { return nil, nil }, fastRetries)
	for _, call := range []callFunc{get, run} {
		var e *promptorchestra.TransportError
		require.ErrorAs(t, call(t.Context(), client), &e)
	}
	for _, status := range []int{0, 101, 200, 204, 302, 404, 999} {
		client := stubbed(t, func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: status}, nil }, fastRetries)
		for _, call := range []callFunc{get, run, doPost} {
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

// What an earlier attempt did is no reason to think that this one was sent.
func TestDialThatFailsAfterARateLimit(t *testing.T) {
	srv := newRawServer(t, func(r *rawRequest) bool {
		if r.attempt == 1 {
			r.answer(429, `{"error":"slow down"}`, -1)
			return false // and the connection is gone
		}
		r.answer(200, `{"runId":"run_1"}`, -1)
		return true
	})
	var dials atomic.Int32
	pool := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if dials.Add(1) == 2 {
			addr = "127.0.0.1:1"
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
	require.NoError(t, run(t.Context(), newClientOf(t, srv.url, promptorchestra.WithTransport(pool))))
	assert.Equal(t, 2, srv.count(http.MethodPost))
	assert.EqualValues(t, 3, dials.Load())
}

// A transport without tracing that read the body may have sent it.
func TestRoundTripperThatTellsNothing(t *testing.T) {
	client := stubbed(t, func(*http.Request) (*http.Response, error) { return nil, errors.New("connection lost") }, fastRetries)
	var r promptorchestra.Response
	err := run(t.Context(), client, promptorchestra.WithResponse(&r))
	assert.Equal(t, 1, r.Attempts)
	assert.True(t, promptorchestra.OutcomeUnknown(err))
}

func TestWithoutRetryWins(t *testing.T) {
	for _, opts := range [][]promptorchestra.CallOption{
		{promptorchestra.WithoutRetry(), promptorchestra.WithRetryable()}, {promptorchestra.WithRetryable(), promptorchestra.WithoutRetry()},
	} {
		var r promptorchestra.Response
		require.Error(t, run(t.Context(), newClient(t, answer(503, "")), append(opts, promptorchestra.WithResponse(&r))...))
		assert.Equal(t, 1, r.Attempts)
	}
}

func TestRateLimitThatNamesARunBeyondWhatIsRead(t *testing.T) {
	body := `{"error":"` + strings.Repeat("busy ", 1<<18) + `","runId":"run_1"}` // beyond the MiB that is read
	srv := newRawServer(t, func(r *rawRequest) bool { r.answer(429, body, -1); return true })
	err := run(t.Context(), newClientOf(t, srv.url, ownPool(t)))
	assert.Equal(t, 1, srv.count(http.MethodPost))
	assert.False(t, promptorchestra.IsRetryable(err))
	assert.True(t, promptorchestra.OutcomeUnknown(err))
}

func TestFinalFailureFarDown(t *testing.T) {
	body := `{"error":"` + strings.Repeat("busy ", 20<<10) + `","retryable":false}`
	for _, call := range []callFunc{get, run} {
		var r promptorchestra.Response
		err := call(t.Context(), newClient(t, answer(429, body)), promptorchestra.WithResponse(&r))
		assert.Equal(t, 1, r.Attempts)
		assert.False(t, promptorchestra.IsRetryable(err))
	}
}
