package main

import (
	"context"

	"github.com/riverqueue/river"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
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
	switch {
	case err == nil:
		return river.RecordOutput(ctx, Result{result.RunID, result.Output})
	case promptorchestra.IsRetryable(err):
		wait, _ := promptorchestra.RetryAfter(err)
		return river.JobSnooze(wait)
	default:
		return river.JobCancel(err)
	}
}
