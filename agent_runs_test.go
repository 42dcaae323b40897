package promptorchestra_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

func TestWaitPassesItsOptionsOn(t *testing.T) {
	looks := 0
	client := apitest.NewStubbedClient(t, func(r *http.Request) (*http.Response, error) {
		looks++
		assert.Equal(t, "a", r.Header.Get("X-Trace"))
		if looks == 1 {
			return apitest.Response(200, `{"run":{"status":"running"}}`), nil
		}
		return apitest.Response(200, `{"run":{"status":"completed"}}`), nil
	})
	_, err := client.AgentRuns.Wait(t.Context(), "arun_1", promptorchestra.WithHeader("X-Trace", "a"))
	require.NoError(t, err)
	assert.Equal(t, 2, looks)
}

func TestWaitEndsWithAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
			if looks++; looks == 1 {
				return apitest.Response(200, `{"run":{"status":"running"}}`), nil
			}
			return apitest.Response(503, ``), nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err := client.AgentRuns.Wait(ctx, "arun_1", promptorchestra.WithoutRetry())
		require.True(t, promptorchestra.IsServer(err), "%v", err)
		assert.Equal(t, 2, looks)
	})
}

func TestWaitsHaveJitter(t *testing.T) {
	waits := map[time.Duration]bool{}
	synctest.Test(t, func(t *testing.T) {
		var last time.Time
		looks := 0
		client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
			if looks++; looks > 1 {
				wait := time.Since(last)
				if looks > 12 {
					waits[wait] = true
				}
				if looks == 3 {
					assert.LessOrEqual(t, wait, 750*time.Millisecond)
				}
			}
			last = time.Now()
			if looks == 30 {
				return apitest.Response(200, `{"run":{"status":"completed"}}`), nil
			}
			return apitest.Response(200, `{"run":{"status":"running"}}`), nil
		})
		_, err := client.AgentRuns.Wait(t.Context(), "arun_1")
		require.NoError(t, err)
	})
	assert.Greater(t, len(waits), 10)
}

func TestWaitPollsUntilTheRunIsFinished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var looks atomic.Int64
		client := statuses(t, &looks, "queued", "pending", "running", "running", "completed")
		begun := time.Now()
		run, err := client.AgentRuns.Wait(t.Context(), "agr_1")
		require.NoError(t, err)
		assert.Equal(t, promptorchestra.RunStatus("completed"), run.Run.Status)
		assert.EqualValues(t, 5, looks.Load())
		assert.Greater(t, time.Since(begun), time.Second, "the four waits are 0.5, 0.75, 1.125 and 1.6875 s, less up to half each")
		assert.Less(t, time.Since(begun), 5*time.Second)
	})
}

func TestWaitGrowsToTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var looks atomic.Int64
		client := statuses(t, &looks, promptorchestra.RunStatusRunning)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err := client.AgentRuns.Wait(ctx, "agr_1")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Less(t, looks.Load(), int64(800), "an hour in waits of 5 to 10 s")
		assert.Greater(t, looks.Load(), int64(360))
	})
}

func TestWaitEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var looks atomic.Int64
		client := statuses(t, &looks, promptorchestra.RunStatusRunning)
		stop := errors.New("the caller has gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(100*time.Millisecond, func() { cancel(stop) })
		begun := time.Now()
		run, err := client.AgentRuns.Wait(ctx, "agr_1")
		assert.Nil(t, run)
		assert.Equal(t, 100*time.Millisecond, time.Since(begun))
		var ended *promptorchestra.TransportError
		require.ErrorAs(t, err, &ended)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, stop)
		assert.Equal(t, "AgentRuns.Wait", ended.Op)
		assert.Equal(t, map[string]string{"runId": "agr_1"}, ended.Resource)
		assert.Equal(t, "org_1", ended.Organization)
		assert.True(t, ended.Idempotent)
		assert.False(t, ended.OutcomeUnknown)
	})
}

func TestWaitTakesAnUnknownStatusForFinished(t *testing.T) {
	var looks atomic.Int64
	run, err := statuses(t, &looks, "a status of next year").AgentRuns.Wait(t.Context(), "agr_1")
	require.NoError(t, err)
	assert.False(t, run.Run.Status.Pending())
	assert.EqualValues(t, 1, looks.Load())
}

// statuses answers an agent run with one status after the other; the last one repeats.
func statuses(t *testing.T, looks *atomic.Int64, all ...promptorchestra.RunStatus) *promptorchestra.Client {
	t.Helper()
	client, err := promptorchestra.New(promptorchestra.WithOrganization("org_1"), promptorchestra.WithAccessToken("eyJ.test"), promptorchestra.WithTransport(apitest.RoundTripFunc(
		func(r *http.Request) (*http.Response, error) {
			i := min(int(looks.Add(1)), len(all)) - 1
			body := fmt.Sprintf(`{"run":{"id":"agr_1","status":%q}}`, all[i])
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{}, Request: r}, nil
		})))
	require.NoError(t, err)
	return client
}

func TestRunStatus(t *testing.T) {
	type status = promptorchestra.RunStatus
	for _, s := range []status{"failed", "error", "errored", "cancelled", "canceled", "timed_out", "timeout", "expired", "rejected", "FAILED"} {
		assert.True(t, s.Failed(), s)
		assert.False(t, s.Pending(), s)
	}
	for _, s := range []status{"running", "queued", "pending", "Running"} {
		assert.False(t, s.Failed(), s)
		assert.True(t, s.Pending(), s)
	}
	for _, s := range []status{"", "completed", "succeeded", "done", "a status of next year"} {
		assert.False(t, s.Failed(), s)
		assert.False(t, s.Pending(), s)
	}
}

// polls makes a run that is pending for a number of polls, and returns the times of all of them.
func polls(t *testing.T, pending int, last string, opts ...promptorchestra.CallOption) (*promptorchestra.AgentRunDetail, []time.Duration) {
	t.Helper()
	var waits []time.Duration
	before := time.Now()
	client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
		waits = append(waits, time.Since(before))
		before = time.Now()
		if len(waits) <= pending {
			return apitest.Response(200, `{"run":{"status":"running"}}`), nil
		}
		return apitest.Response(200, `{"run":{"status":"`+last+`"},"diagnostic":{"code":"X","title":"t","category":"c","why":"because"}}`), nil
	})
	run, err := client.AgentRuns.Wait(t.Context(), "arun_1", opts...)
	require.NoError(t, err)
	return run, waits
}

func TestWaitReturnsAFailedRunWithoutAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run, waits := polls(t, 2, "failed")
		assert.Len(t, waits, 3)
		assert.True(t, run.Run.Status.Failed())
		assert.Equal(t, "because", run.Diagnostic.Why)
	})
}

func TestWaitsGrowFromTheFirstToTheLongest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, waits := polls(t, 20, "completed", promptorchestra.WithPollInterval(time.Second, 4*time.Second))
		wait := time.Second
		for _, got := range waits[1:] {
			assert.GreaterOrEqual(t, got, wait/2)
			assert.LessOrEqual(t, got, wait+time.Millisecond)
			wait = min(wait*3/2, 4*time.Second)
		}
	})
}

func TestWaitsOfTheSmallestAndTheLargestInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, waits := polls(t, 50, "completed", promptorchestra.WithPollInterval(1, 10))
		assert.Len(t, waits, 51)
		for _, wait := range waits {
			assert.LessOrEqual(t, wait, time.Duration(10))
		}

		client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
			return apitest.Response(200, `{"run":{"status":"running"}}`), nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		_, err := client.AgentRuns.Wait(ctx, "arun_1", promptorchestra.WithPollInterval(math.MaxInt64, math.MaxInt64))
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestBadPollIntervals(t *testing.T) {
	for name, c := range map[string]struct {
		first, most time.Duration
		want        string
	}{
		"zero":                      {0, time.Second, "must be positive"},
		"negative":                  {-1, time.Second, "must be positive"},
		"no longest one":            {time.Second, 0, "must be positive"},
		"longer than the longest":   {2 * time.Second, time.Second, "must not be longer"},
		"longer by as little as ns": {time.Second + 1, time.Second, "must not be longer"},
	} {
		t.Run(name, func(t *testing.T) {
			client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
				t.Error("a request was sent")
				return apitest.Response(200, `{}`), nil
			})
			_, err := client.AgentRuns.Wait(t.Context(), "arun_1", promptorchestra.WithPollInterval(c.first, c.most))
			var bad *promptorchestra.ArgumentError
			require.ErrorAs(t, err, &bad)
			assert.Equal(t, "WithPollInterval", bad.Argument)
			assert.Contains(t, bad.Reason, c.want)
		})
	}
}

func TestOtherMethodsIgnoreThePollInterval(t *testing.T) {
	client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
		return apitest.Response(200, `{"run":{"id":"arun_1"}}`), nil
	})
	_, err := client.AgentRuns.Get(t.Context(), "arun_1", promptorchestra.WithPollInterval(time.Second, time.Minute))
	assert.NoError(t, err)
}
