package faulttest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

// inParallel makes calls from many callers at once, and counts those that succeeded.
func inParallel(callers, each int, call func() error) (succeeded int) {
	var count atomic.Int64
	var done sync.WaitGroup
	for range callers {
		done.Go(func() {
			for range each {
				if call() == nil {
					count.Add(1)
				}
			}
		})
	}
	done.Wait()
	return int(count.Load())
}

// 2,000 reads at once meet 20 ms of 503s: the first retries are the probes of the others. Which are the first is random;
// about one run in 200 loses a few calls at a latency of 5 ms.
func TestBlipUnderManyCallers(t *testing.T) {
	const callers = 2000
	for latency, least := range map[time.Duration]int{
		5 * time.Millisecond:  callers * 99 / 100,
		20 * time.Millisecond: callers * 95 / 100,
		50 * time.Millisecond: callers * 95 / 100, // the blip is over when they arrive
	} {
		t.Run(latency.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
					time.Sleep(latency / 2)
					defer time.Sleep(latency / 2)
					if time.Since(start) < 20*time.Millisecond {
						return apitest.Response(503, ""), nil
					}
					return apitest.Response(200, apitest.Agent), nil
				})
				succeeded := inParallel(callers, 1, func() error { return apitest.Get(t.Context(), client) })
				t.Logf("%d of %d succeeded", succeeded, callers)
				assert.GreaterOrEqual(t, succeeded, least)
			})
		})
	}
}

// An outage is not amplified, whoever meets it: the retries are as many as the budget, or a fifth of the calls.
func TestOutageIsNotAmplified(t *testing.T) {
	for name, row := range map[string]struct{ callers, each, retries int }{
		"64 callers, a call each":    {64, 1, 12},
		"64 callers, 2 calls each":   {64, 2, 25},
		"64 callers, 4 calls each":   {64, 4, 51},
		"64 callers, 31 calls each":  {64, 31, 100},
		"200 callers, a call each":   {200, 1, 40},
		"2,000 callers, a call each": {2000, 1, 100},
	} {
		for fault, response := range map[string]func() (*http.Response, error){
			"503":           func() (*http.Response, error) { return apitest.Response(503, ""), nil },
			"no connection": func() (*http.Response, error) { return nil, fmt.Errorf("dial tcp: %w", syscall.ECONNREFUSED) },
		} {
			t.Run(name+", "+fault, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var sent atomic.Int64
					client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
						sent.Add(1)
						time.Sleep(5 * time.Millisecond)
						return response()
					})
					assert.Zero(t, inParallel(row.callers, row.each, func() error { return apitest.Get(t.Context(), client) }))
					calls := row.callers * row.each
					t.Logf("%.3f requests a call", float64(sent.Load())/float64(calls))
					assert.LessOrEqual(t, int(sent.Load()), calls*12/10)
					assert.LessOrEqual(t, int(sent.Load()), calls+row.retries)
					assert.GreaterOrEqual(t, int(sent.Load()), calls+row.retries*9/10)
				})
			})
		}
	}
}

// A server that sheds load with 429 and no Retry-After gets no more than that either, executions included. It is one
// organization's matter: another has all of its retries. Where the server says when to come back, they are free.
func TestShedLoadIsNotAmplified(t *testing.T) {
	for name, call := range map[string]apitest.Call{"reads": apitest.Get, "executions": apitest.Run} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var sent atomic.Int64
				client := apitest.NewStubbedClient(t, func(r *http.Request) (*http.Response, error) {
					info, _ := promptorchestra.Operation(r.Context())
					switch {
					case info.Organization == "org_busy":
						sent.Add(1)
						return apitest.Response(429, `{"error":"slow down"}`), nil
					case info.Organization == "org_asked":
						return apitest.Response(429, `{"error":"slow down"}`, "Retry-After", "1"), nil
					case info.Attempts == 1:
						return apitest.Response(429, `{"error":"slow down"}`), nil
					default:
						return apitest.Response(200, `{"id":"agt_1","runId":"run_1"}`), nil
					}
				})
				const callers, each = 64, 31
				busy := client.InOrganization("org_busy")
				assert.Zero(t, inParallel(callers, each, func() error { return call(t.Context(), busy) }))
				t.Logf("%.3f requests a call", float64(sent.Load())/(callers*each))
				assert.LessOrEqual(t, int(sent.Load()), callers*each*12/10)
				assert.ErrorContains(t, call(t.Context(), busy), "not retried because the client's retry budget is used up")

				for range 200 { // each retry comes back
					require.NoError(t, call(t.Context(), client.InOrganization("org_other")))
				}
				for range 50 {
					var last promptorchestra.Response
					require.Error(t, call(t.Context(), client.InOrganization("org_asked"), promptorchestra.WithResponse(&last)))
					require.Equal(t, 4, last.Attempts)
				}
			})
		})
	}
}

// What one caller may use up: 100 failed retries by default, as many as it says, or any number.
func TestSizeOfTheBudget(t *testing.T) {
	for size, want := range map[int]int{0: 100, 1: 1, 7: 7, 150: 150, -1: 600} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				retries := 0
				client := apitest.NewStubbedClient(t, func(r *http.Request) (*http.Response, error) {
					if info, _ := promptorchestra.Operation(r.Context()); info.Attempts > 1 {
						retries++
					}
					return apitest.Response(503, ""), nil
				}, promptorchestra.WithRetry(promptorchestra.RetryPolicy{Budget: size}))
				for range 200 {
					require.Error(t, apitest.Get(t.Context(), client))
				}
				assert.Equal(t, want, retries)
			})
		})
	}
	_, err := promptorchestra.New(promptorchestra.WithRetry(promptorchestra.RetryPolicy{Budget: -2}))
	require.ErrorContains(t, err, "WithRetry")
}

// That a call was not retried for want of budget stands in the error's text, in the result for observers and in the log.
func TestUsedUpBudgetIsTold(t *testing.T) {
	const text = "not retried because the client's retry budget is used up"
	for name, failure := range map[string]func() (*http.Response, error){
		"a status":    func() (*http.Response, error) { return apitest.Response(503, `{"error":"failed"}`), nil },
		"no response": func() (*http.Response, error) { return nil, errors.New("connection lost") },
		"half a response": func() (*http.Response, error) {
			resp := apitest.Response(200, "")
			resp.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF))
			return resp, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				var result promptorchestra.CallResult
				client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) { return failure() },
					promptorchestra.WithRetry(promptorchestra.RetryPolicy{Budget: 3}),
					promptorchestra.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))),
					promptorchestra.WithObserver(func(ctx context.Context, _ promptorchestra.CallInfo) (context.Context, func(promptorchestra.CallResult)) {
						return ctx, func(r promptorchestra.CallResult) { result = r }
					}))
				first := apitest.Get(t.Context(), client)
				assert.NotContains(t, first.Error(), text)
				assert.False(t, result.BudgetExhausted)
				assert.NotContains(t, log.String(), "budget_exhausted")

				start := time.Now()
				err := apitest.Get(t.Context(), client)
				assert.NotZero(t, time.Since(start), "it waited, and found no token then")
				assert.Equal(t, 1, strings.Count(err.Error(), text), "%v", err)
				assert.True(t, result.BudgetExhausted)
				assert.Equal(t, 1, result.Attempts)
				assert.Contains(t, log.String(), "budget_exhausted=true")
				assert.Equal(t, promptorchestra.IsRetryable(first), promptorchestra.IsRetryable(err))
				assert.Equal(t, promptorchestra.KindOf(first), promptorchestra.KindOf(err))
				assertSameTextFromJSON(t, err)
			})
		})
	}
}

func assertSameTextFromJSON(t *testing.T, err error) {
	t.Helper()
	data, failure := json.Marshal(err)
	require.NoError(t, failure)
	var api promptorchestra.APIError
	if promptorchestra.IsServer(err) {
		require.NoError(t, json.Unmarshal(data, &api))
		assert.Equal(t, err.Error(), api.Error())
	}
}
