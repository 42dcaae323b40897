// Package paidonce pays for each job once on Temporal, whatever becomes of the workers: a workflow
// that schedules the execution, and one that looks it up if its outcome is unknown. workflow.go and
// activities.go are what a program of your own needs, and docs/workers.md says why.
//
// The program in demo shows it without a server, in Temporal's test environment, against an
// emulator of the API:
//
//	go -C examples/temporal run ./demo
//
// worker and starter are the two programs of a deployment. They connect to the Temporal server that
// TEMPORAL_ADDRESS or a profile names, as Temporal's own tools do, to 127.0.0.1:7233 by default,
// where "temporal server start-dev" listens. The worker calls the API that PROMPT_ORCHESTRA_* names:
//
//	go -C examples/temporal run ./worker -prompt prm_1
//	go -C examples/temporal run ./starter -id job-1 -name Ada
package paidonce

import (
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/prompt-orchestra/promptorchestra-go/jobs"
)

// TaskQueue is where the starter puts the workflows and the worker takes them.
const TaskQueue = "prompt-runs"

// Job is one execution of a prompt to pay for, and what is sent as its variables: the recorded run
// shows by the id which job it is for. Use the id as the workflow's id too.
type Job struct {
	ID   string `json:"job_id"`
	Name string `json:"name"`
}

// Times are how long the workflow waits for what.
type Times struct {
	Attempt   time.Duration // a call ends this long after it was started, at the latest
	Heartbeat time.Duration // a worker that is silent for so long is taken for dead
	Settle    time.Duration // after a failure none is in flight: Attempt, the longest execution, a margin
	Longest   time.Duration // no job waits longer to be sent again, such as after a 402
}

// Production is a start for a deployment. Measure your longest execution: docs/workers.md.
var Production = Times{Attempt: 5 * time.Minute, Heartbeat: 15 * time.Second, Settle: 20 * time.Minute, Longest: time.Hour}

// ExecuteOnce executes the job once, whatever becomes of the workers. The mark is the workflow's
// own history: Temporal writes down that Execute is scheduled before any worker gets it.
func ExecuteOnce(ctx workflow.Context, job Job, times Times) (jobs.Result, error) {
	var activities *Activities // only for the names of its methods
	execute := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: times.Attempt,
		HeartbeatTimeout:    times.Heartbeat,
		// Temporal must not retry it: a worker that died may have had the effect.
		RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1},
	})
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		scheduled, result := workflow.Now(ctx), jobs.Result{}
		err := workflow.ExecuteActivity(execute, activities.Execute, job, times).Get(ctx, &result)
		var failure *temporal.ApplicationError
		switch {
		case err == nil:
			return result, nil
		case mayHaveRun(err):
			if err := workflow.Sleep(ctx, times.Settle); err != nil {
				return jobs.Result{}, err
			}
			found, err := lookUp(ctx, job, scheduled, times)
			if err != nil {
				return jobs.Result{}, err
			}
			if found != nil {
				return *found, nil
			}
		case errors.As(err, &failure) && failure.Type() == string(jobs.Retry):
			if err := workflow.Sleep(ctx, max(wait, failure.NextRetryDelay())); err != nil {
				return jobs.Result{}, err
			}
		default:
			return jobs.Result{}, err // for a person
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() { // nothing is in flight here
			return jobs.Result{}, workflow.NewContinueAsNewError(ctx, ExecuteOnce, job, times)
		}
	}
}

// mayHaveRun reports whether a failure of Execute leaves it open: the activity says so, or it had
// begun and its worker has not been heard of since.
func mayHaveRun(err error) bool {
	var failure *temporal.ApplicationError
	var timeout *temporal.TimeoutError
	return errors.As(err, &failure) && failure.Type() == string(jobs.LookUp) ||
		errors.As(err, &timeout) && timeout.TimeoutType() != enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START
}

// lookUp returns nil if the job did not run. It changes nothing, so Temporal retries it; a worker
// that dies in it is missed as soon as one that dies in the call. The call may have waited in the
// task queue for long after it was scheduled, so what is recorded until now counts.
func lookUp(ctx workflow.Context, job Job, scheduled time.Time, times Times) (*jobs.Result, error) {
	var activities *Activities
	until := workflow.Now(ctx)
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Minute,
		HeartbeatTimeout:    times.Heartbeat,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: 5 * time.Minute},
	})
	var found *jobs.Result
	err := workflow.ExecuteActivity(ctx, activities.LookUp, job, scheduled, until, times).Get(ctx, &found)
	return found, err
}
