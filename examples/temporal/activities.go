package main

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// Activities call the API.
type Activities struct {
	Client   *promptorchestra.Client
	PromptID string
}

// The types of failures, beside the kinds of the SDK.
const (
	outcomeUnknown = "outcome_unknown" // it may have run: it is looked up
	runFailed      = "run_failed"      // it ran, is paid for, and failed
	runPending     = "run_pending"
	cannotTell     = "cannot_tell" // a person must find out whether it ran
)

// Execute sends the job, once. The deadline of its context is the end of its attempt.
func (a *Activities) Execute(ctx context.Context, job Job, times Times) (Result, error) {
	defer heartbeat(ctx)()
	// Without the SDK's own retries: the workflow writes down when it is sent.
	result, err := a.Client.Prompts.Run(ctx, a.PromptID, promptorchestra.PromptRunParams{Variables: job}, promptorchestra.WithoutRetry())
	if err != nil {
		return Result{}, failureOf(ctx, err, times)
	}
	return Result{result.RunID, result.Output}, nil
}

// failureOf says in Temporal's terms what is to be done.
func failureOf(ctx context.Context, err error, times Times) error {
	kind := string(promptorchestra.KindOf(err))
	wait, _ := promptorchestra.RetryAfter(err)
	switch {
	case promptorchestra.OutcomeUnknown(err):
		return temporal.NewNonRetryableApplicationError(err.Error(), outcomeUnknown, nil)
	case promptorchestra.IsEntitlement(err):
		return temporal.NewApplicationErrorWithOptions(err.Error(), kind, temporal.ApplicationErrorOptions{NextRetryDelay: times.Upgrade})
	case promptorchestra.IsRetryable(err), ctx.Err() != nil: // it did not run
		return temporal.NewApplicationErrorWithOptions(err.Error(), kind, temporal.ApplicationErrorOptions{NextRetryDelay: wait})
	default:
		return temporal.NewNonRetryableApplicationError(err.Error(), kind, nil)
	}
}

// LookUp finds out what became of a job that was sent: nil is that it did not run.
func (a *Activities) LookUp(ctx context.Context, job Job, sent time.Time, times Times) (*Result, error) {
	runs, err := a.Client.Runs.Find(ctx, promptorchestra.RunFindParams{
		PromptID: a.PromptID, Variable: "job_id", Values: []string{job.ID}, Since: sent,
	})
	run, ran := runs[job.ID]
	switch {
	case err != nil && (ctx.Err() != nil || promptorchestra.IsRetryable(err)):
		return nil, failureOf(ctx, err, times)
	case err != nil:
		return nil, temporal.NewNonRetryableApplicationError(err.Error(), cannotTell, nil)
	case !ran:
		return nil, nil
	case run.Status.Pending():
		return nil, temporal.NewApplicationErrorWithOptions("run "+run.ID+" is "+string(run.Status), runPending,
			temporal.ApplicationErrorOptions{NextRetryDelay: times.Settle})
	case run.Status.Failed() || run.ErrorMessage != "":
		return nil, temporal.NewNonRetryableApplicationError(fmt.Sprintf("run %s is paid for and failed: %s", run.ID, run.ErrorMessage), runFailed, nil)
	default:
		return &Result{run.ID, run.OutputSnapshot}, nil
	}
}

// heartbeat tells Temporal that the worker is alive, until stop is called.
func heartbeat(ctx context.Context) (stop func()) {
	every := activity.GetInfo(ctx).HeartbeatTimeout / 3
	if every <= 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				activity.RecordHeartbeat(ctx)
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() { cancel(); <-stopped }
}
