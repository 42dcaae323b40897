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
			return apitest.Response(200, `{"run":{"id":"arun_1","status":"running"}}`), nil
		}
		return apitest.Response(200, `{"run":{"id":"arun_1","status":"completed"}}`), nil
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
				return apitest.Response(200, `{"run":{"id":"arun_1","status":"running"}}`), nil
			}
			return apitest.Response(503, ``), nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err := client.AgentRuns.Wait(ctx, "arun_1", promptorchestra.WithoutRetry())
		require.True(t, promptorchestra.IsServer(err), "%v", err)
		assert.False(t, promptorchestra.OutcomeUnknown(err))
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
				return apitest.Response(200, `{"run":{"id":"arun_1","status":"completed"}}`), nil
			}
			return apitest.Response(200, `{"run":{"id":"arun_1","status":"running"}}`), nil
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
		assert.Equal(t, 1, strings.Count(err.Error(), context.DeadlineExceeded.Error()))
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

// What a poll shows ends the wait, goes on, or is an error; for agents and skills alike.
func TestWhatEndsAWait(t *testing.T) {
	const on, done, bad = "goes on", "ends", "is a DecodeError"
	for body, want := range map[string]string{
		`"status":"completed"`: done, `"status":"Succeeded"`: done, `"status":"success","output":null`: done,
		`"status":"failed"`: done, `"status":"CANCELLED"`: done, `"status":"timed_out","output":"half"`: done,

		`"status":"running"`: on, `"status":"QUEUED"`: on, `"status":"pending","output":{"part":1}`: on,
		`"state":"running","output":"half"`: on, `"output":"half","isRunning":true`: on, `"status":null,"output":"half","state":{"name":"queued"}`: on,
		`"status":"running","completedAt":"2026-11-29T00:30:00Z"`: on, `"status":"running","outputText":"half"`: on,

		`"status":"in_progress"`: on, `"status":"aborted"`: on, `"status":"done"`: on, `"status":"läuft"`: on, `"status":" "`: on,
		`"status":"in_progress","output":null`: on, `"status":"x","output":""`: on, `"status":"x","output":{}`: on, `"status":"x","output":[ ]`: on,
		`"status":"x","completedAt":null`: on, `"status":"x","completedAt":""`: on,
		`"status":"x","completedAt":"1970-01-01T00:00:00Z"`: on, `"status":"x","completedAt":"9999-12-31T23:59:59Z"`: on, `"status":"x","completedAt":1`: on,

		`"status":"x","output":"text"`: done, `"status":"x","output":{"a":null}`: done, `"status":"x","output":[0]`: done,
		`"status":"x","output":0`: done, `"status":"x","output":false`: done, `"status":"x","completedAt":"2026-11-29T00:30:00Z"`: done,
		`"status":"cancelling","completedAt":"2026-11-29T00:30:00Z"`: done,
		`"output":"text"`: done, `"status":null,"output":-1.5`: done, `"status":"","completedAt":1764115200`: done,

		`"state":"running"`: bad, `"status":null`: bad, `"status":""`: bad, `"output":null`: bad, `"output":"","completedAt":""`: bad, `"output":{ }`: bad,
	} {
		for of, wait := range waits {
			t.Run(of+" "+body, func(t *testing.T) {
				polls := 0
				client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					if polls++; polls > 1 {
						_, _ = fmt.Fprintf(w, wait.document, `"status":"completed"`)
						return
					}
					_, _ = fmt.Fprintf(w, wait.document, body)
				}))
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				err := wait.call(ctx, client, promptorchestra.WithPollInterval(1, 1))
				if want != bad {
					require.NoError(t, err)
					assert.Equal(t, map[string]int{on: 2, done: 1}[want], polls)
					return
				}
				var unusable *promptorchestra.DecodeError
				require.ErrorAs(t, err, &unusable)
				assert.Equal(t, 1, polls)
				assert.Equal(t, wait.op, unusable.Op)
				assert.True(t, unusable.Composite)
				assert.Equal(t, 200, unusable.StatusCode)
				assert.JSONEq(t, fmt.Sprintf(wait.document, body), string(unusable.Body))
				assert.False(t, promptorchestra.OutcomeUnknown(err), "waiting changes nothing")
				assert.False(t, promptorchestra.IsRetryable(err))
			})
		}
	}
}

// waits are the methods that wait for a run, and the document of a run that has some members.
var waits = map[string]struct {
	op, document string
	call         func(context.Context, *promptorchestra.Client, ...promptorchestra.CallOption) error
}{
	"agent run": {"AgentRuns.Wait", `{"run":{"id":"arun_1",%s}}`, func(ctx context.Context, c *promptorchestra.Client, opts ...promptorchestra.CallOption) error {
		return apitest.ErrorOf(c.AgentRuns.Wait(ctx, "arun_1", opts...))
	}},
	"skill run": {"SkillRuns.Wait", `{"runId":"srun_1",%s}`, func(ctx context.Context, c *promptorchestra.Client, opts ...promptorchestra.CallOption) error {
		return apitest.ErrorOf(c.SkillRuns.Wait(ctx, "srun_1", opts...))
	}},
}

// What is not the run that is waited for has not ended it.
func TestWaitForARunThatIsAnother(t *testing.T) {
	for of, bodies := range map[string][]string{
		"agent run": {`{"run":{"id":"arun_2","status":"completed"}}`, `{"data":{"run":{"id":"arun_2","status":"running"}}}`},
		"skill run": {`{"runId":"srun_2","status":"completed"}`, `{"id":"srun_2","status":"completed"}`, `{"status":"success","message":"x"}`, `{"status":"success","data":{"state":"running"}}`, `{}`},
	} {
		for _, body := range bodies {
			err := waits[of].call(t.Context(), apitest.NewClient(t, apitest.Respond(200, body)))
			var unusable *promptorchestra.DecodeError
			require.ErrorAs(t, err, &unusable, body)
			assert.Equal(t, body, string(unusable.Body))
		}
	}
}

// The output of a skill's run may be its text alone.
func TestWaitTakesOutputTextForAnOutput(t *testing.T) {
	client := apitest.NewClient(t, apitest.Respond(200, `{"runId":"srun_1","outputText":"Hi"}`))
	run, err := client.SkillRuns.Wait(t.Context(), "srun_1")
	require.NoError(t, err)
	assert.Equal(t, "Hi", run.OutputText)
}

// A run of a skill may call its id id.
func TestWaitForARunThatCallsItsIDID(t *testing.T) {
	run, err := apitest.NewClient(t, apitest.Respond(200, `{"id":"srun_1","status":"completed"}`)).SkillRuns.Wait(t.Context(), "srun_1")
	require.NoError(t, err)
	assert.Equal(t, "srun_1", run.RunID)
}

// An unknown status is polled for ten minutes after it last changed; the caller's deadline counts instead.
func TestWaitForAnUnknownStatus(t *testing.T) {
	for name, row := range map[string]struct {
		statuses []string // one each five minutes; the last one stays
		deadline time.Duration
		want     time.Duration
	}{
		"from the beginning":        {[]string{"in_progress"}, 0, 10 * time.Minute},
		"after a pending one":       {[]string{"running", "aborting"}, 0, 15 * time.Minute},
		"that changes":              {[]string{"step 1", "step 2", "step 3"}, 0, 20 * time.Minute},
		"with a pending one inside": {[]string{"warming", "running", "warming"}, 0, 20 * time.Minute},
		"with a deadline":           {[]string{"in_progress"}, time.Hour, time.Hour},
		"with a short deadline":     {[]string{"in_progress"}, time.Minute, time.Minute},
	} {
		for of, wait := range waits {
			t.Run(of+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					begun := time.Now()
					client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
						now := min(int(time.Since(begun)/(5*time.Minute)), len(row.statuses)-1)
						return apitest.Response(200, fmt.Sprintf(wait.document, fmt.Sprintf(`"status":%q`, row.statuses[now]))), nil
					})
					ctx := t.Context()
					if row.deadline > 0 {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, row.deadline)
						defer cancel()
					}
					err := wait.call(ctx, client)
					assert.GreaterOrEqual(t, time.Since(begun), row.want)
					assert.LessOrEqual(t, time.Since(begun), row.want+20*time.Second)
					last := row.statuses[len(row.statuses)-1]
					require.ErrorContains(t, err, fmt.Sprintf("%q", last))
					if row.deadline > 0 {
						require.ErrorIs(t, err, context.DeadlineExceeded)
						return
					}
					var unusable *promptorchestra.DecodeError
					require.ErrorAs(t, err, &unusable)
					assert.Contains(t, string(unusable.Body), last)
				})
			})
		}
	}
}

// A run that is known to be in progress may be so for any time.
func TestWaitForALongRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
			if time.Since(begun) < time.Hour {
				return apitest.Response(200, `{"run":{"id":"arun_1","status":"running"}}`), nil
			}
			return apitest.Response(200, `{"run":{"id":"arun_1","status":"completed"}}`), nil
		})
		_, err := client.AgentRuns.Wait(t.Context(), "arun_1")
		require.NoError(t, err)
	})
}

// A poll that takes longer than ten minutes to come is not the last one.
func TestWaitForAnUnknownStatusWithLongPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		polls := 0
		client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
			if polls++; polls == 1 {
				return apitest.Response(200, `{"run":{"id":"arun_1","status":"in_progress"}}`), nil
			}
			return apitest.Response(200, `{"run":{"id":"arun_1","status":"completed"}}`), nil
		})
		_, err := client.AgentRuns.Wait(t.Context(), "arun_1", promptorchestra.WithPollInterval(time.Hour, time.Hour))
		require.NoError(t, err)
	})
}

// WithResponse on a wait captures the last poll, as on any call.
func TestWaitCapturesTheLastPoll(t *testing.T) {
	client := apitest.NewClient(t, apitest.InTurn(apitest.Respond(200, `{"run":{"id":"arun_1","status":"running"}}`), apitest.Respond(200, `{"run":{"id":"arun_1"}}`)))
	var last promptorchestra.Response
	_, err := client.AgentRuns.Wait(t.Context(), "arun_1", promptorchestra.WithPollInterval(1, 1), promptorchestra.WithResponse(&last))
	var unusable *promptorchestra.DecodeError
	require.ErrorAs(t, err, &unusable)
	assert.JSONEq(t, `{"run":{"id":"arun_1"}}`, string(last.Body))
	assert.Equal(t, last.Body, unusable.Body)
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

// Each question knows a few words, and a status may be none of them.
func TestRunStatus(t *testing.T) {
	type status = promptorchestra.RunStatus
	is := func(s status) []bool { return []bool{s.Succeeded(), s.Failed(), s.Pending()} }
	for _, s := range []status{"completed", "succeeded", "success", "COMPLETED"} {
		assert.Equal(t, []bool{true, false, false}, is(s), s)
	}
	for _, s := range []status{"failed", "error", "errored", "cancelled", "canceled", "timed_out", "timedOut", "timeout", "expired", "rejected", "FAILED"} {
		assert.Equal(t, []bool{false, true, false}, is(s), s)
	}
	for _, s := range []status{"running", "queued", "pending", "Running"} {
		assert.Equal(t, []bool{false, false, true}, is(s), s)
	}
	for _, s := range []status{"", " ", "done", "ok", "in_progress", "aborted", "partially_completed", "not completed", "completed ", "a status of next year"} {
		assert.Equal(t, []bool{false, false, false}, is(s), s)
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
			return apitest.Response(200, `{"run":{"id":"arun_1","status":"running"}}`), nil
		}
		return apitest.Response(200, `{"run":{"id":"arun_1","status":"`+last+`"},"diagnostic":{"code":"X","title":"t","category":"c","why":"because"}}`), nil
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
			return apitest.Response(200, `{"run":{"id":"arun_1","status":"running"}}`), nil
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

// A 200 may hold a run that failed: each response of a run says why, and is no success.
func TestRunsThatFailWithStatus200(t *testing.T) {
	for status, want := range map[string]string{
		`"status":"failed"`: "failed", `"status":"Expired"`: "failed", `"status":"aborted"`: "unknown", `"status":"in_progress"`: "unknown", `"status":"completed"`: "succeeded",
	} {
		client := apitest.NewClient(t, apitest.Respond(200, `{"runId":"run_1",`+status+`,"output":null,
			"missingVariables":["name"],"diagnostic":{"code":"MISSING_VARIABLES","why":"name has no value"}}`))
		type response struct {
			status  promptorchestra.RunStatus
			why     *promptorchestra.Diagnostic
			missing promptorchestra.RawJSON
		}
		ctx, all := t.Context(), map[string]response{}
		prompt, err := client.Prompts.Run(ctx, "prm_1", promptorchestra.PromptRunParams{})
		require.NoError(t, err)
		all["prompt"] = response{prompt.Status, prompt.Diagnostic, prompt.MissingVariables}
		skill, err := client.Skills.Run(ctx, "skl_1", promptorchestra.SkillRunParams{})
		require.NoError(t, err)
		all["skill"] = response{skill.Status, skill.Diagnostic, skill.MissingVariables}
		image, err := client.Skills.GenerateImage(ctx, "skl_1", promptorchestra.ImageParams{})
		require.NoError(t, err)
		all["image"] = response{image.Status, image.Diagnostic, image.MissingVariables}
		agent, err := client.Agents.Run(ctx, "agt_1", promptorchestra.AgentRunParams{})
		require.NoError(t, err)
		all["agent"] = response{agent.Status, agent.Diagnostic, agent.MissingVariables}
		rerun, err := client.AgentRuns.RerunFromStep(ctx, "arun_1", "step")
		require.NoError(t, err)
		all["rerun"] = response{rerun.Status, rerun.Diagnostic, rerun.MissingVariables}
		for of, r := range all {
			assert.Equal(t, want == "succeeded", r.status.Succeeded(), of)
			assert.Equal(t, want == "failed", r.status.Failed(), of)
			assert.False(t, r.status.Pending(), of)
			require.NotNil(t, r.why, of)
			assert.Equal(t, "name has no value", r.why.Why, of)
			assert.JSONEq(t, `["name"]`, r.missing.String(), of)
		}
	}
}
