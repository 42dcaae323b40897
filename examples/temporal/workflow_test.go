package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

var fastRetries = promptorchestra.WithRetry(promptorchestra.RetryPolicy{MinWait: time.Millisecond, MaxWait: 2 * time.Millisecond})

// A death is what a worker did before it died.
type death int

const (
	lives       death = iota
	afterMark         // Temporal had written down that it began
	afterEffect       // the job was executed
)

// mortal has its workers die, one activity after the other: they are silent until Temporal takes
// them for dead, and nobody hears what they return.
type mortal struct {
	*Activities
	mu     sync.Mutex
	deaths []death
}

func (m *mortal) Execute(ctx context.Context, job Job, times Times) (Result, error) {
	if attempt := activity.GetInfo(ctx).Attempt; attempt > 1 {
		return Result{}, temporal.NewNonRetryableApplicationError("Temporal retried an execution by itself", "retried", nil)
	}
	m.mu.Lock()
	death := lives
	if len(m.deaths) > 0 {
		death, m.deaths = m.deaths[0], m.deaths[1:]
	}
	m.mu.Unlock()
	if death == lives {
		return m.Activities.Execute(ctx, job, times)
	}
	if death == afterEffect {
		_, _ = m.Activities.Execute(ctx, job, times) // the result dies with the worker
	}
	time.Sleep(2 * times.Heartbeat)
	return Result{RunID: "run_of_the_dead"}, nil
}

// Each failure ends the job where it should, and no job is executed twice.
func TestExecuteOnce(t *testing.T) {
	t.Parallel()
	status := func(code int, body string) []orchestratest.Fault {
		return []orchestratest.Fault{orchestratest.Status(code, body)}
	}
	for _, test := range []struct {
		name       string
		deaths     []death
		faults     []orchestratest.Fault // of the execution
		prepare    func(srv *orchestratest.Server, a *Activities)
		executions int
		requests   int
		fails      string // the type of the failure
	}{
		{name: "nothing fails", executions: 1, requests: 1},

		{name: "the worker dies between the mark and the call", deaths: []death{afterMark}, executions: 1, requests: 1},
		{name: "the worker dies between the effect and the result", deaths: []death{afterEffect}, executions: 1, requests: 1},
		{name: "three workers die", deaths: []death{afterMark, afterMark, afterEffect}, executions: 1, requests: 1},
		{name: "the worker dies while its job fails", deaths: []death{afterEffect}, faults: status(422, `{"error":"invalid"}`), executions: 1, requests: 2},

		{name: "the response is lost", faults: []orchestratest.Fault{orchestratest.DropAfter()}, executions: 1, requests: 1},
		{name: "the connection is lost before", faults: []orchestratest.Fault{orchestratest.DropBefore()}, executions: 1, requests: 2},
		{name: "the response is cut", faults: []orchestratest.Fault{orchestratest.CutBody(20)}, executions: 1, requests: 1},
		{name: "502", faults: []orchestratest.Fault{orchestratest.HTML(502)}, executions: 1, requests: 2},
		{name: "the attempt's time ends in flight", faults: []orchestratest.Fault{orchestratest.Delay(20 * time.Second)}, executions: 1, requests: 1},

		{name: "429", faults: []orchestratest.Fault{orchestratest.RateLimited(2 * time.Second), orchestratest.RateLimited(time.Second)}, executions: 1, requests: 3},
		{name: "402 until the plan allows it", faults: []orchestratest.Fault{orchestratest.NoFeature("ai"), orchestratest.NoSeats()}, executions: 1, requests: 3},
		{name: "nothing was sent", prepare: failingDial, executions: 1, requests: 1},

		{name: "422", faults: status(422, `{"error":"invalid"}`), requests: 1, fails: "validation"},
		{name: "401", faults: status(401, `{"error":"x","code":"AUTH_INVALID_TOKEN"}`), requests: 1, fails: "authentication"},
		{name: "404", faults: status(404, `{"error":"not_found"}`), requests: 1, fails: "not_found"},
		{name: "rejected by the SDK", prepare: func(_ *orchestratest.Server, a *Activities) { a.PromptID = "" }, fails: "argument"},
		{
			name: "the provider failed: the run is recorded", prepare: func(srv *orchestratest.Server, a *Activities) { srv.FailExecution(a.PromptID, "the provider is down") },
			executions: 1, requests: 1, fails: runFailed,
		},
		{
			name: "it cannot be told whether it ran", faults: []orchestratest.Fault{orchestratest.DropAfter()}, executions: 1, requests: 1, fails: cannotTell,
			prepare: func(srv *orchestratest.Server, _ *Activities) {
				srv.Fail("Runs.List", orchestratest.Status(200, `{"runs":[],"nextCursor":"x"}`))
			},
		},
		{
			name: "the look-up fails for now", faults: []orchestratest.Fault{orchestratest.DropAfter()}, executions: 1, requests: 1,
			prepare: func(srv *orchestratest.Server, _ *Activities) {
				srv.Fail("Runs.List", slices.Repeat([]orchestratest.Fault{orchestratest.Status(503, "")}, 5)...)
			},
		},
		{
			name: "the run is still pending", faults: []orchestratest.Fault{orchestratest.DropAfter()}, executions: 1, requests: 1,
			prepare: func(srv *orchestratest.Server, _ *Activities) {
				srv.Fail("Runs.Get", orchestratest.Status(200, `{"id":"run_1","status":"running","inputSnapshot":{"variables":{"job_id":"job-1"}}}`))
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			srv := orchestratest.NewServer()
			t.Cleanup(srv.Close)
			activities := newActivities(srv, fastRetries)
			srv.Fail("Prompts.Run", test.faults...)
			if test.prepare != nil {
				test.prepare(srv, activities)
			}
			env := newEnvironment(&mortal{Activities: activities, deaths: test.deaths})
			times := Times{Attempt: 6 * time.Second, Heartbeat: time.Second, Settle: 8 * time.Second, Upgrade: 5 * time.Second}
			env.ExecuteWorkflow(ExecuteOnce, Job{ID: "job-1", Name: "Ada"}, times)
			require.True(t, env.IsWorkflowCompleted())

			var failure *temporal.ApplicationError
			if err := env.GetWorkflowError(); test.fails != "" {
				require.ErrorAs(t, err, &failure)
				assert.Equal(t, test.fails, failure.Type())
			} else if assert.NoError(t, err) {
				var result Result
				require.NoError(t, env.GetWorkflowResult(&result))
				assert.Contains(t, string(result.Output), "Greet Ada.")
			}
			counts, err := executions(t.Context(), srv)
			require.NoError(t, err)
			assert.Equal(t, test.executions, counts["job-1"], "executions")
			assert.Len(t, srv.Requests("Prompts.Run"), test.requests)
			assert.NoError(t, srv.Err())
		})
	}
}

func failingDial(srv *orchestratest.Server, a *Activities) {
	var dials atomic.Int32
	a.Client = srv.Client(fastRetries, promptorchestra.WithTransport(&http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if dials.Add(1) == 1 {
				return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
			}
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		},
	}))
}

// How long the workflow waits is what the server asked for.
func TestWaitsAsLongAsAsked(t *testing.T) {
	t.Parallel()
	srv := orchestratest.NewServer()
	t.Cleanup(srv.Close)
	activities := newActivities(srv)
	srv.Fail("Prompts.Run", orchestratest.RateLimited(20*time.Minute))
	env := newEnvironment(activities)
	began := env.Now()
	env.ExecuteWorkflow(ExecuteOnce, Job{ID: "job-1", Name: "Ada"}, times)
	require.NoError(t, env.GetWorkflowError())
	assert.GreaterOrEqual(t, env.Now().Sub(began), 20*time.Minute)
}

func TestDemonstration(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out, ""))
	assert.Equal(t, 5, strings.Count(out.String(), "executions: 1"))
	assert.Contains(t, out.String(), "failed, for a person: validation: ")
}
