package promptorchestra_test

import (
	"context"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

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
	client := stubbed(t, func(*http.Request) (*http.Response, error) {
		waits = append(waits, time.Since(before))
		before = time.Now()
		if len(waits) <= pending {
			return reply(200, `{"run":{"status":"running"}}`), nil
		}
		return reply(200, `{"run":{"status":"`+last+`"},"diagnostic":{"code":"X","title":"t","category":"c","why":"because"}}`), nil
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

		client := stubbed(t, func(*http.Request) (*http.Response, error) { return reply(200, `{"run":{"status":"running"}}`), nil })
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
			client := stubbed(t, func(*http.Request) (*http.Response, error) {
				t.Error("a request was sent")
				return reply(200, `{}`), nil
			})
			_, err := client.AgentRuns.Wait(t.Context(), "arun_1", promptorchestra.WithPollInterval(c.first, c.most))
			var bad *promptorchestra.ArgumentError
			require.ErrorAs(t, err, &bad)
			assert.Equal(t, "WithPollInterval", bad.Argument)
			assert.True(t, strings.Contains(bad.Reason, c.want), bad.Reason)
		})
	}
}

func TestOtherMethodsIgnoreThePollInterval(t *testing.T) {
	client := stubbed(t, func(*http.Request) (*http.Response, error) { return reply(200, `{"run":{"id":"arun_1"}}`), nil })
	_, err := client.AgentRuns.Get(t.Context(), "arun_1", promptorchestra.WithPollInterval(time.Second, time.Minute))
	assert.NoError(t, err)
}
