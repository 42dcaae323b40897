package faulttest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

func TestReadSurvives(t *testing.T) {
	for name, fault := range map[string]func(*apitest.RawRequest) bool{
		"503 twice":         func(r *apitest.RawRequest) bool { r.Respond(503, "", -1); return true },
		"502 with a page":   func(r *apitest.RawRequest) bool { r.Respond(502, "<html>Bad Gateway</html>", -1); return true },
		"429":               func(r *apitest.RawRequest) bool { r.Respond(429, `{"error":"slow down"}`, -1); return true },
		"408":               func(r *apitest.RawRequest) bool { r.Respond(408, "", -1); return true },
		"a closed drop":     func(*apitest.RawRequest) bool { return false },
		"a reset":           func(r *apitest.RawRequest) bool { r.Reset(); return false },
		"half of an answer": func(r *apitest.RawRequest) bool { r.Respond(200, apitest.Agent, 9); return false },
		"half of a failure": func(r *apitest.RawRequest) bool { r.Respond(500, `{"error":"failed"}`, 5); return false },
		"half of a header": func(r *apitest.RawRequest) bool {
			_, _ = r.Conn.Write([]byte("HTTP/1.1 200 OK\r\nConte"))
			return false
		},
		"no HTTP": func(r *apitest.RawRequest) bool { _, _ = r.Conn.Write([]byte("SSH-2.0-x\r\n\r\n")); return false },
	} {
		t.Run(name, func(t *testing.T) {
			srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
				if r.Attempt < 3 {
					return fault(r)
				}
				r.Respond(200, apitest.Agent, -1)
				return true
			})
			var last promptorchestra.Response
			agent, err := apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t)).Agents.Get(t.Context(), "agt_1", promptorchestra.WithResponse(&last))
			require.NoError(t, err)
			assert.Equal(t, "agt_1", agent.ID)
			assert.Equal(t, 3, srv.Count(http.MethodGet))
			assert.Equal(t, 3, last.Attempts)
		})
	}
}

func TestReadThatNeverSucceedsKeepsItsLastFailure(t *testing.T) {
	srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
		r.Respond(503, fmt.Sprintf(`{"error":"failed","message":"attempt %d"}`, r.Attempt), -1)
		return true
	})
	client := apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t))
	err := apitest.Get(t.Context(), client)
	var e *promptorchestra.APIError
	require.ErrorAs(t, fmt.Errorf("wrapped: %w", err), &e)
	assert.Equal(t, "attempt 4", e.Message)
	assert.Equal(t, 4, e.Attempts)
	assert.True(t, promptorchestra.IsRetryable(err))
	assert.False(t, promptorchestra.OutcomeUnknown(err))
	require.Error(t, apitest.Get(t.Context(), client, promptorchestra.WithoutRetry()))
	assert.Equal(t, 5, srv.Count(http.MethodGet))
	require.Error(t, apitest.Get(t.Context(), apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t), promptorchestra.WithRetry(promptorchestra.RetryPolicy{MaxRetries: -1}))))
	assert.Equal(t, 6, srv.Count(http.MethodGet))
}

// The default policy: four requests, and less than half a second, one and two between them.
func TestDefaultRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
			sent++
			return apitest.Response(503, `{"error":"failed"}`), nil
		})
		start := time.Now()
		require.Error(t, apitest.Get(t.Context(), client))
		assert.Equal(t, 4, sent)
		assert.Less(t, time.Since(start), 3500*time.Millisecond)
		start = time.Now()
		require.Error(t, apitest.Run(t.Context(), client))
		assert.Equal(t, 5, sent)
		assert.Zero(t, time.Since(start))
	})
}

func TestRefusalsAreNotRetried(t *testing.T) {
	for _, status := range []int{300, 304, 400, 401, 402, 403, 404, 405, 409, 410, 413, 422, 501, 505, 600, 999} {
		srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool { r.Respond(status, "", -1); return status != 304 })
		err := apitest.Get(t.Context(), apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t)))
		var e *promptorchestra.APIError
		require.ErrorAs(t, err, &e, status)
		assert.Equal(t, status, e.StatusCode)
		assert.Equal(t, 1, srv.Count(http.MethodGet), status)
		assert.False(t, promptorchestra.IsRetryable(err))
	}
	srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
		r.Respond(503, `{"code":"X","title":"t","category":"c","why":"w","retryable":false}`, -1)
		return true
	})
	err := apitest.Get(t.Context(), apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t)))
	assert.True(t, promptorchestra.IsServer(err))
	assert.Equal(t, 1, srv.Count(http.MethodGet), "it says itself that it is final")
	assert.False(t, promptorchestra.IsRetryable(err))
}

// What will be the same the next time is sent, or tried, once.
func TestDeterministicFailuresAreNotRetried(t *testing.T) {
	plain := httptest.NewServer(apitest.Respond(200, apitest.Agent))
	defer plain.Close()
	secure := httptest.NewUnstartedServer(apitest.Respond(200, apitest.Agent))
	secure.Config.ErrorLog = apitest.DiscardLog
	secure.StartTLS()
	defer secure.Close()
	base := &http.Transport{}
	defer base.CloseIdleConnections()
	for name, row := range map[string]struct {
		url       string
		transport http.RoundTripper
		text      string
	}{
		"unknown certificate": {secure.URL, base, "certificate"},
		"http behind https":   {"https" + plain.URL[len("http"):], base, "does not look like a TLS handshake"},
		"invalid header": {plain.URL, apitest.Stub(func(r *http.Request) (*http.Response, error) {
			r.Header["X-Broken"] = []string{"a\nb"}
			r.Body = nil
			return base.RoundTrip(r)
		}), "invalid header"},
		"unsupported scheme": {plain.URL, apitest.Stub(func(r *http.Request) (*http.Response, error) {
			other := *r.URL
			other.Scheme = "gopher"
			r.URL, r.Body = &other, nil
			return base.RoundTrip(r)
		}), "unsupported protocol scheme"},
	} {
		t.Run(name, func(t *testing.T) {
			client := apitest.NewClientAt(t, row.url, promptorchestra.WithTransport(row.transport),
				promptorchestra.WithRetry(promptorchestra.RetryPolicy{MinWait: time.Second, MaxWait: time.Second}))
			for _, call := range []apitest.Call{apitest.Get, apitest.Run} {
				err := call(t.Context(), client)
				var e *promptorchestra.TransportError
				require.ErrorAs(t, err, &e)
				assert.Contains(t, err.Error(), row.text)
				assert.Equal(t, 1, e.Attempts)
				assert.False(t, promptorchestra.IsRetryable(err))
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	past, soon, later := -time.Hour, 30*time.Second, 24*time.Hour
	date := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	for name, row := range map[string]struct {
		header func() string
		wait   time.Duration // and up to a quarter more; 0 when it is the jitter's
		stops  bool
		asked  time.Duration
	}{
		"seconds":             {func() string { return "7" }, 7 * time.Second, false, 0},
		"seconds and spaces":  {func() string { return " 7 " }, 7 * time.Second, false, 0},
		"the cap":             {func() string { return "60" }, time.Minute, false, 0},
		"past the cap":        {func() string { return "61" }, 0, true, 61 * time.Second},
		"a day":               {func() string { return "86400" }, 0, true, 24 * time.Hour},
		"beyond a duration":   {func() string { return "99999999999" }, 0, true, 1<<63 - 1},
		"beyond an integer":   {func() string { return "999999999999999999999999999999" }, 0, true, 1<<63 - 1},
		"a date":              {func() string { return date(soon) }, 30 * time.Second, false, 0},
		"a date past the cap": {func() string { return date(later) }, 0, true, 24 * time.Hour},
		"a date gone by":      {func() string { return date(past) }, 0, false, 0},
		"zero":                {func() string { return "0" }, 0, false, 0},
		"negative":            {func() string { return "-5" }, 0, false, 0},
		"garbage":             {func() string { return "soon" }, 0, false, 0},
		"a fraction":          {func() string { return "1.5" }, 1500 * time.Millisecond, false, 0},
		"not a number":        {func() string { return "NaN" }, 0, false, 0},
	} {
		for _, status := range []int{429, 503} {
			t.Run(fmt.Sprint(name, " ", status), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					sent, first := 0, time.Time{}
					client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
						if sent++; sent == 1 {
							first = time.Now()
							// Headers that do not parse are met in the wild, and harmless.
							return apitest.Response(status, "", "Retry-After", row.header(), "X-Ratelimit-Reset", "soon"), nil
						}
						return apitest.Response(200, apitest.Agent), nil
					})
					err := apitest.Get(t.Context(), client)
					waited := time.Since(first)
					if row.stops {
						var e *promptorchestra.APIError
						require.ErrorAs(t, err, &e)
						assert.Equal(t, status, e.StatusCode)
						assert.Equal(t, row.asked, e.RetryAfter)
						assert.Zero(t, waited)
						assert.Equal(t, 1, sent)
						return
					}
					require.NoError(t, err)
					assert.Equal(t, 2, sent)
					if row.wait > 0 {
						assert.GreaterOrEqual(t, waited, row.wait)
						assert.LessOrEqual(t, waited, row.wait+row.wait/4)
					} else {
						assert.Less(t, waited, 500*time.Millisecond)
					}
				})
			})
		}
	}
}

func TestNoWaitBeyondTheDeadline(t *testing.T) {
	for name, header := range map[string][]string{"Retry-After": {"Retry-After", "5"}, "backoff": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sent := 0
				client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
					sent++
					return apitest.Response(429, `{"error":"slow down"}`, header...), nil
				}, promptorchestra.WithRetry(promptorchestra.RetryPolicy{MinWait: time.Hour, MaxWait: time.Hour}))
				ctx, cancel := context.WithTimeout(t.Context(), time.Microsecond)
				if header != nil {
					ctx, cancel = context.WithTimeout(t.Context(), 5*time.Second)
				}
				defer cancel()
				start := time.Now()
				err := apitest.Get(ctx, client)
				assert.Zero(t, time.Since(start))
				assert.True(t, promptorchestra.IsRateLimited(err), "%v", err)
				require.NotErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, 1, sent)
				if header != nil {
					wait, ok := promptorchestra.RetryAfter(err)
					assert.True(t, ok)
					assert.Equal(t, 5*time.Second, wait)
				}
			})
		})
	}
}

// Down: 64 callers make 2,000 calls that may all be repeated three times.
func TestRetryBudgetInAnOutage(t *testing.T) {
	for name, url := range map[string]string{"no connection": "stub", "every connection drops": ""} {
		t.Run(name, func(t *testing.T) {
			var down atomic.Bool
			var sent func() int
			var client *promptorchestra.Client
			fast := promptorchestra.WithRetry(promptorchestra.RetryPolicy{MinWait: time.Microsecond, MaxWait: time.Microsecond})
			down.Store(true)
			if url == "stub" {
				var count atomic.Int64
				sent = func() int { return int(count.Load()) }
				client = apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
					count.Add(1)
					if down.Load() {
						return nil, fmt.Errorf("dial tcp: %w", syscall.ECONNREFUSED)
					}
					return apitest.Response(200, apitest.Agent), nil
				}, fast)
			} else {
				srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
					if down.Load() {
						r.Reset()
						return false
					}
					r.Respond(200, apitest.Agent, -1)
					return true
				})
				sent = func() int { return srv.Count(http.MethodGet) }
				// Without keep-alive: net/http itself repeats a read that a used connection drops.
				client = apitest.NewClientAt(t, srv.URL, promptorchestra.WithTransport(&http.Transport{DisableKeepAlives: true}), fast)
			}
			const calls, callers = 2000, 64
			var next atomic.Int64
			var done sync.WaitGroup
			for i := range callers {
				done.Go(func() {
					own := client.InOrganization(fmt.Sprint("org_", i)) // all share the budget
					for next.Add(1) <= calls {
						assert.Error(t, apitest.Get(t.Context(), own))
					}
				})
			}
			done.Wait()
			t.Logf("%.3f requests a call", float64(sent())/calls)
			assert.LessOrEqual(t, sent(), calls*12/10)
			assert.Greater(t, sent(), calls, "some were repeated")

			other := client.InOrganization("org_other")
			attempts := func() int {
				before := sent()
				require.Error(t, apitest.Get(t.Context(), other))
				return sent() - before
			}
			assert.Equal(t, 1, attempts(), "another organization shares the empty budget")
			down.Store(false)
			for range 3 { // a retry each
				require.NoError(t, apitest.Get(t.Context(), client))
			}
			down.Store(true)
			assert.Equal(t, 4, attempts(), "it recovers by itself")
			assert.Equal(t, 1, attempts())
		})
	}
}

func TestWhatDoRepeats(t *testing.T) {
	for method, want := range map[string]int{"GET": 4, "PUT": 4, "POST": 1, "PATCH": 1, "DELETE": 1} {
		var r promptorchestra.Response
		client := apitest.NewClient(t, apitest.Respond(503, ""))
		require.Error(t, client.Do(t.Context(), promptorchestra.Request{Method: method, Path: "/api/x"}, nil, promptorchestra.WithResponse(&r)))
		assert.Equal(t, want, r.Attempts, method)
	}
}

func TestReadIsRepeatedThoughTheRateLimitNamesARun(t *testing.T) {
	var r promptorchestra.Response
	require.Error(t, apitest.Get(t.Context(), apitest.NewClient(t, apitest.Respond(429, `{"error":"busy","runId":"run_1"}`)), promptorchestra.WithResponse(&r)))
	assert.Equal(t, 4, r.Attempts)
}

// The wait that one answer asked for is not that of a failure without an answer.
func TestOldRetryAfterIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
			if sent++; sent == 1 {
				return apitest.Response(503, "", "Retry-After", "30"), nil
			}
			return nil, errors.New("connection lost")
		})
		start := time.Now()
		require.Error(t, apitest.Get(t.Context(), client))
		assert.Less(t, time.Since(start), 41*time.Second) // 37.5 s at most, then up to 1 s and 2 s
	})
}

func TestRetryAfterOfNothingGetsJitter(t *testing.T) {
	for _, value := range []string{"0", "Tue, 23 Nov 1999 08:00:30 GMT"} {
		synctest.Test(t, func(t *testing.T) {
			client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
				return apitest.Response(503, "", "Retry-After", value), nil
			})
			start := time.Now()
			require.Error(t, apitest.Get(t.Context(), client))
			assert.Greater(t, time.Since(start), time.Millisecond)
		})
	}
}

func TestMaxWaitIsNeverBelowMinWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) { return apitest.Response(503, ""), nil },
			promptorchestra.WithRetry(promptorchestra.RetryPolicy{MinWait: time.Hour, MaxWait: time.Microsecond, MaxRetries: 10}))
		start := time.Now()
		require.Error(t, apitest.Get(t.Context(), client))
		assert.Greater(t, time.Since(start), time.Hour) // ten waits of up to an hour
	})
}

func TestRetryableAtTheTopDecides(t *testing.T) {
	var r promptorchestra.Response
	err := apitest.Get(t.Context(), apitest.NewClient(t, apitest.Respond(503, `{"retryable":true,"details":[{"retryable":false}]}`)), promptorchestra.WithResponse(&r))
	assert.Equal(t, 4, r.Attempts)
	assert.True(t, promptorchestra.IsRetryable(err))
}

// What is refused for its wait takes nothing from the budget.
func TestRefusedWaitsSpareTheBudget(t *testing.T) {
	for name, hopeless := range map[string]func(*promptorchestra.Client) error{
		"beyond the cap": func(c *promptorchestra.Client) error { return apitest.Get(t.Context(), c) },
		"beyond the deadline": func(c *promptorchestra.Client) error {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			return apitest.Get(ctx, c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			sent := 0
			client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
				switch sent++; {
				case sent <= 200 && name == "beyond the cap":
					return apitest.Response(429, "", "Retry-After", "86400"), nil
				case sent <= 200:
					return apitest.Response(429, "", "Retry-After", "30"), nil
				case sent == 201:
					return apitest.Response(503, ""), nil
				default:
					return apitest.Response(200, apitest.Agent), nil
				}
			}, apitest.FastRetries)
			for range 200 {
				require.True(t, promptorchestra.IsRateLimited(hopeless(client)))
			}
			require.NoError(t, apitest.Get(t.Context(), client))
		})
	}
}

func TestRetryOptionsOfACall(t *testing.T) {
	attempts := func(call func(*promptorchestra.Client, ...promptorchestra.CallOption) error, opts ...promptorchestra.CallOption) int {
		var got promptorchestra.Response
		client := apitest.NewClient(t, apitest.Respond(http.StatusServiceUnavailable, ""))
		require.Error(t, call(client, append(opts, promptorchestra.WithResponse(&got))...))
		return got.Attempts
	}
	get := func(c *promptorchestra.Client, opts ...promptorchestra.CallOption) error {
		return apitest.ErrorOf(c.Agents.Get(t.Context(), "agt_1", opts...))
	}
	create := func(c *promptorchestra.Client, opts ...promptorchestra.CallOption) error {
		return apitest.ErrorOf(c.Agents.Create(t.Context(), promptorchestra.AgentCreateParams{Name: "x"}, opts...))
	}
	assert.Equal(t, 4, attempts(get))
	assert.Equal(t, 1, attempts(get, promptorchestra.WithoutRetry()))
	assert.Equal(t, 1, attempts(create))
	assert.Equal(t, 4, attempts(create, promptorchestra.WithIdempotent()))
}

func TestWithoutRetryWins(t *testing.T) {
	for _, opts := range [][]promptorchestra.CallOption{
		{promptorchestra.WithoutRetry(), promptorchestra.WithIdempotent()}, {promptorchestra.WithIdempotent(), promptorchestra.WithoutRetry()},
	} {
		var r promptorchestra.Response
		require.Error(t, apitest.Run(t.Context(), apitest.NewClient(t, apitest.Respond(503, "")), append(opts, promptorchestra.WithResponse(&r))...))
		assert.Equal(t, 1, r.Attempts)
	}
}

func TestFinalFailureFarDown(t *testing.T) {
	body := `{"error":"` + strings.Repeat("busy ", 20<<10) + `","retryable":false}`
	for _, call := range []apitest.Call{apitest.Get, apitest.Run} {
		var r promptorchestra.Response
		err := call(t.Context(), apitest.NewClient(t, apitest.Respond(429, body)), promptorchestra.WithResponse(&r))
		assert.Equal(t, 1, r.Attempts)
		assert.False(t, promptorchestra.IsRetryable(err))
	}
}
