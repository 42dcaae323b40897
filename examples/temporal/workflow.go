package main

import (
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// Job is one execution of a prompt to pay for, and what is sent as its variables: the recorded run
// shows by the id which job it is for. Use the id as the workflow's id too.
type Job struct {
	ID   string `json:"job_id"`
	Name string `json:"name"`
}

// Result is what a job comes to.
type Result struct {
	RunID  string
	Output promptorchestra.RawJSON // of a run that was looked up, its output snapshot
}

// Times are how long the workflow waits for what.
type Times struct {
	Attempt   time.Duration // a call ends this long after it was started, at the latest
	Heartbeat time.Duration // a worker that is silent for so long is taken for dead
	Settle    time.Duration // after a failure none is in flight: Attempt, the longest execution, a margin
	Upgrade   time.Duration // between two attempts while the plan does not allow executions
}

// ExecuteOnce executes the job once, whatever becomes of the workers. The mark is the workflow's
// own history: Temporal writes down that Execute is scheduled before any worker gets it.
func ExecuteOnce(ctx workflow.Context, job Job, times Times) (Result, error) {
	var activities *Activities // only for the names of its methods
	execute := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: times.Attempt,
		HeartbeatTimeout:    times.Heartbeat,
		// Temporal must not retry it: a worker that died may have had the effect.
		RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1},
	})
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		sent, result := workflow.Now(ctx), Result{}
		err := workflow.ExecuteActivity(execute, activities.Execute, job, times).Get(ctx, &result)
		var failure *temporal.ApplicationError
		switch {
		case err == nil:
			return result, nil
		case mayHaveRun(err):
			if err := workflow.Sleep(ctx, times.Settle); err != nil {
				return Result{}, err
			}
			found, err := lookUp(ctx, job, sent, times)
			if err != nil {
				return Result{}, err
			}
			if found != nil {
				return *found, nil
			}
		case errors.As(err, &failure) && !failure.NonRetryable():
			if err := workflow.Sleep(ctx, max(wait, failure.NextRetryDelay())); err != nil {
				return Result{}, err
			}
		default:
			return Result{}, err // for a person: the type of the failure says of what kind it is
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() { // nothing is in flight here
			return Result{}, workflow.NewContinueAsNewError(ctx, ExecuteOnce, job, times)
		}
	}
}

// mayHaveRun reports whether a failure of Execute leaves it open: the activity says so, or it had
// begun and its worker has not been heard of since.
func mayHaveRun(err error) bool {
	var failure *temporal.ApplicationError
	var timeout *temporal.TimeoutError
	return errors.As(err, &failure) && failure.Type() == outcomeUnknown ||
		errors.As(err, &timeout) && timeout.TimeoutType() != enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START
}

// lookUp returns nil if the job did not run. It changes nothing, so Temporal retries it.
func lookUp(ctx workflow.Context, job Job, sent time.Time, times Times) (*Result, error) {
	var activities *Activities
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Minute,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: 5 * time.Minute},
	})
	var found *Result
	err := workflow.ExecuteActivity(ctx, activities.LookUp, job, sent, times).Get(ctx, &found)
	return found, err
}
