package main

import (
	"context"
	"errors"

	"github.com/riverqueue/river"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/jobs"
)

// NaiveWorker does right by every error that it sees, and yet pays twice: a worker that is killed
// sees none. It is here to show that, with -naive.
type NaiveWorker struct {
	river.WorkerDefaults[Job]
	client   *promptorchestra.Client
	promptID string
}

// Work makes the call and maps its error.
func (w *NaiveWorker) Work(ctx context.Context, job *river.Job[Job]) error {
	result, err := w.client.Prompts.Run(ctx, w.promptID, promptorchestra.PromptRunParams{Variables: job.Args})
	switch decision := jobs.AfterRun(ctx, result, err); decision.Action {
	case jobs.Done:
		return river.RecordOutput(ctx, jobs.Result{Job: job.Args.ID, RunID: result.RunID, Output: result.Output})
	case jobs.Retry:
		return river.JobSnooze(decision.After)
	default:
		return river.JobCancel(errors.New(decision.Reason))
	}
}
