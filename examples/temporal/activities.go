package paidonce

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/jobs"
)

// Activities call the API. Their failures have the decision's action as their type, and the
// decision as their details.
type Activities struct {
	prompt *jobs.Prompt // of all jobs of this worker: look-ups at the same time share a request
}

// NewActivities returns the activities that execute a prompt. The times are those of the workflows.
func NewActivities(client *promptorchestra.Client, promptID string, times Times) *Activities {
	return &Activities{&jobs.Prompt{Client: client, ID: promptID, Attempt: times.Attempt, Settle: times.Settle}}
}

// Execute sends the job, once, within StartToCloseTimeout of its start.
func (a *Activities) Execute(ctx context.Context, job Job, times Times) (jobs.Result, error) {
	defer heartbeat(ctx)()
	result, decision := a.prompt.Run(ctx, job.ID, map[string]any{"name": job.Name}, activity.GetInfo(ctx).StartedTime)
	if decision.Action == jobs.Done {
		return result, nil
	}
	return jobs.Result{}, failureOf(decision, min(decision.After, times.Longest))
}

// LookUp finds out what became of a job that was sent: nil is that it did not run.
func (a *Activities) LookUp(ctx context.Context, job Job, since, until time.Time, times Times) (*jobs.Result, error) {
	defer heartbeat(ctx)()
	run, found, err := a.prompt.Find(ctx, job.ID, since, until)
	switch decision := jobs.AfterLookUp(run, found, err); {
	case decision.Action == jobs.Done:
		return &jobs.Result{Job: job.ID, RunID: run.ID, Output: run.OutputSnapshot}, nil
	case decision.Action == jobs.Retry:
		return nil, nil
	case found: // it is pending, or for a person
		return nil, failureOf(decision, times.Settle)
	default:
		return nil, failureOf(decision, decision.After)
	}
}

// failureOf says in Temporal's terms what is to be done. Execute is not retried by Temporal,
// whatever it returns; LookUp is, unless the job is for a person.
func failureOf(decision jobs.Decision, wait time.Duration) error {
	return temporal.NewApplicationErrorWithOptions(decision.Reason, string(decision.Action), temporal.ApplicationErrorOptions{
		NonRetryable: decision.Action == jobs.Park, NextRetryDelay: wait, Details: []any{decision},
	})
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
