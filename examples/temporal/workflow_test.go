package paidonce

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/jobs"
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
	mu          sync.Mutex
	deaths      []death
	diesLooking bool
}

func (m *mortal) Execute(ctx context.Context, job Job, times Times) (jobs.Result, error) {
	if attempt := activity.GetInfo(ctx).Attempt; attempt > 1 {
		return jobs.Result{}, temporal.NewNonRetryableApplicationError("Temporal retried an execution by itself", "retried", nil)
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
	return beDead(times), nil
}

func (m *mortal) LookUp(ctx context.Context, job Job, since, until time.Time, times Times) (*jobs.Result, error) {
	if m.diesLooking {
		result := beDead(times)
		return &result, nil
	}
	return m.Activities.LookUp(ctx, job, since, until, times)
}

func beDead(times Times) jobs.Result {
	time.Sleep(2 * times.Heartbeat) // until Temporal misses it
	return jobs.Result{RunID: "run_of_the_dead"}
}

// implementation is what the workflow's activities do.
type implementation interface {
	Execute(ctx context.Context, job Job, times Times) (jobs.Result, error)
	LookUp(ctx context.Context, job Job, since, until time.Time, times Times) (*jobs.Result, error)
}

func newEnvironment(activities implementation) *testsuite.TestWorkflowEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetStartTime(time.Now())
	env.SetTestTimeout(time.Minute)
	env.RegisterActivityWithOptions(activities.Execute, activity.RegisterOptions{Name: "Execute"})
	env.RegisterActivityWithOptions(activities.LookUp, activity.RegisterOptions{Name: "LookUp"})
	return env
}

var times = Times{Attempt: 6 * time.Second, Heartbeat: time.Second, Settle: 8 * time.Second, Longest: 5 * time.Second}

func newActivities(srv *orchestratest.Server, opts ...promptorchestra.Option) *Activities {
	return NewActivities(srv.Client(opts...), srv.PublishPrompt("Greet {{name}}."), times)
}

// executions counts the recorded runs by job, as the API has them.
func executions(t *testing.T, srv *orchestratest.Server) map[string]int {
	t.Helper()
	client, counts := srv.Client(), map[string]int{}
	for run, err := range client.Runs.All(t.Context()) {
		require.NoError(t, err)
		detail, err := client.Runs.Get(t.Context(), run.ID)
		require.NoError(t, err)
		var input struct{ Variables Job }
		require.NoError(t, detail.InputSnapshot.Decode(&input))
		counts[input.Variables.ID]++
	}
	return counts
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
		parked     jobs.Execution // what is known of a job that is left to a person
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

		{name: "422", faults: status(422, `{"error":"invalid"}`), requests: 1, parked: jobs.NotExecuted},
		{name: "401", faults: status(401, `{"error":"x","code":"AUTH_INVALID_TOKEN"}`), requests: 1, parked: jobs.NotExecuted},
		{name: "404", faults: status(404, `{"error":"not_found"}`), requests: 1, parked: jobs.NotExecuted},
		{name: "rejected by the SDK", prepare: func(_ *orchestratest.Server, a *Activities) { a.prompt.ID = "" }, parked: jobs.NotExecuted},
		{
			name: "the provider failed: the run is recorded", prepare: func(srv *orchestratest.Server, a *Activities) { srv.FailExecution(a.prompt.ID, "the provider is down") },
			executions: 1, requests: 1, parked: jobs.Executed,
		},
		{name: "the response holds a failed run", faults: status(200, `{"runId":"run_1","status":"failed","output":null}`), requests: 1, parked: jobs.Executed},
		{
			name: "the run is found with a status that nobody knows", faults: []orchestratest.Fault{orchestratest.DropAfter()}, executions: 1, requests: 1, parked: jobs.Unknown,
			prepare: func(srv *orchestratest.Server, _ *Activities) {
				srv.Fail("Runs.Get", orchestratest.Status(200, `{"status":"in_progress","inputSnapshot":{"variables":{"job_id":"job-1"}}}`))
			},
		},
		{
			name: "it cannot be told whether it ran", faults: []orchestratest.Fault{orchestratest.DropAfter()}, executions: 1, requests: 1, parked: jobs.Unknown,
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
			name: "the look-up takes longer than a silent worker is waited for", faults: []orchestratest.Fault{orchestratest.DropAfter()}, executions: 1, requests: 1,
			prepare: func(srv *orchestratest.Server, _ *Activities) {
				srv.Fail("Runs.List", orchestratest.Delay(3*time.Second))
			},
		},
		{
			name: "the run is still pending", faults: []orchestratest.Fault{orchestratest.DropAfter()}, executions: 1, requests: 1,
			prepare: func(srv *orchestratest.Server, _ *Activities) {
				srv.Fail("Runs.Get", orchestratest.Status(200, `{"status":"running","inputSnapshot":{"variables":{"job_id":"job-1"}}}`))
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
			env.ExecuteWorkflow(ExecuteOnce, Job{ID: "job-1", Name: "Ada"}, times)
			require.True(t, env.IsWorkflowCompleted())

			if err := env.GetWorkflowError(); test.parked != "" {
				var failure *temporal.ApplicationError
				var decision jobs.Decision
				require.ErrorAs(t, err, &failure)
				require.NoError(t, failure.Details(&decision))
				assert.Equal(t, string(jobs.Park), failure.Type())
				assert.Equal(t, test.parked, decision.Execution)
			} else if assert.NoError(t, err) {
				var result jobs.Result
				require.NoError(t, env.GetWorkflowResult(&result))
				assert.Contains(t, string(result.Output)+result.Text, "Greet Ada.")
			}
			assert.Equal(t, test.executions, executions(t, srv)["job-1"], "executions")
			assert.Len(t, srv.Requests("Prompts.Run"), test.requests)
			assert.NoError(t, srv.Err())
		})
	}
}

func failingDial(srv *orchestratest.Server, a *Activities) {
	var dials atomic.Int32
	a.prompt.Client = srv.Client(fastRetries, promptorchestra.WithTransport(&http.Transport{
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
	long := times
	long.Longest = time.Hour
	env.ExecuteWorkflow(ExecuteOnce, Job{ID: "job-1", Name: "Ada"}, long)
	require.NoError(t, env.GetWorkflowError())
	assert.GreaterOrEqual(t, env.Now().Sub(began), 20*time.Minute)
}

// A worker that dies in the look-up is missed in seconds, not after the ten minutes that one may
// take. Temporal's server retries the look-up then; its test environment returns the timeout.
func TestAWorkerThatDiesInALookUpIsMissed(t *testing.T) {
	t.Parallel()
	srv := orchestratest.NewServer()
	t.Cleanup(srv.Close)
	srv.Fail("Prompts.Run", orchestratest.DropAfter())
	env := newEnvironment(&mortal{Activities: newActivities(srv), diesLooking: true})
	env.ExecuteWorkflow(ExecuteOnce, Job{ID: "job-1", Name: "Ada"}, times)
	var timeout *temporal.TimeoutError
	require.ErrorAs(t, env.GetWorkflowError(), &timeout)
	assert.Equal(t, enumspb.TIMEOUT_TYPE_HEARTBEAT, timeout.TimeoutType())
}
