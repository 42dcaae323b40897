package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// Job is one execution of a prompt to pay for, and what is sent as its variables: the recorded run
// shows by the id which job it is for.
type Job struct {
	ID   string `json:"job_id"`
	Name string `json:"name"`
}

// Kind is the name of such jobs in River.
func (Job) Kind() string { return "prompt_run" }

// Result is what a completed job has as its output.
type Result struct {
	RunID  string                  `json:"run_id"`
	Output promptorchestra.RawJSON `json:"output"` // of a run that was looked up, its output snapshot
}

// Worker executes each job once, whatever becomes of the process that it works in.
type Worker struct {
	river.WorkerDefaults[Job]
	db       *sql.DB // River's own
	client   *promptorchestra.Client
	promptID string
	times    Times
}

// Times are how long a worker waits for what.
type Times struct {
	Attempt time.Duration // a call ends this long after its mark, at the latest
	Settle  time.Duration // after its mark none is in flight: Attempt, the longest execution, a margin
	Upgrade time.Duration // between two attempts while the plan does not allow executions
}

// errElsewhere ends an attempt whose job River has given to another worker meanwhile.
var errElsewhere = errors.New("another worker has this job")

// Work executes the job, or finds out what became of its execution. The cursor of the step is the
// mark: the time at which the job was sent, zero while it certainly was not.
func (w *Worker) Work(ctx context.Context, job *river.Job[Job]) error {
	river.ResumableStepCursor(ctx, "execute", nil, func(ctx context.Context, sent time.Time) error {
		if sent.IsZero() {
			return w.send(ctx, job)
		}
		return w.lookUp(ctx, job, sent)
	})
	return nil
}

// send marks the job and makes the call.
func (w *Worker) send(ctx context.Context, job *river.Job[Job]) error {
	sent := time.Now()
	if err := w.mark(ctx, job, sent); err != nil {
		return err
	}
	call, stop := context.WithDeadline(ctx, sent.Add(w.times.Attempt))
	defer stop()
	// Without the SDK's own retries: every attempt needs a mark of its own.
	result, err := w.client.Prompts.Run(call, w.promptID, promptorchestra.PromptRunParams{Variables: job.Args}, promptorchestra.WithoutRetry())
	switch {
	case err == nil:
		return river.RecordOutput(ctx, Result{result.RunID, result.Output})
	case promptorchestra.OutcomeUnknown(err) && ctx.Err() != nil:
		return err // the worker is stopped; the next attempt finds the mark
	case promptorchestra.OutcomeUnknown(err):
		return river.JobSnooze(w.times.Settle)
	}
	if err := w.mark(context.WithoutCancel(ctx), job, time.Time{}); err != nil {
		return err
	}
	wait, asked := promptorchestra.RetryAfter(err)
	switch {
	case call.Err() != nil:
		return err // it was not sent in time; the next attempt has a time of its own
	case promptorchestra.IsEntitlement(err):
		return river.JobSnooze(w.times.Upgrade)
	case promptorchestra.IsRetryable(err) && asked:
		return river.JobSnooze(wait)
	case promptorchestra.IsRetryable(err):
		return err // River waits longer from attempt to attempt
	default:
		return river.JobCancel(err) // it would fail the next time too
	}
}

// lookUp finds out what became of a job that was sent, and sends it again if it did not run.
func (w *Worker) lookUp(ctx context.Context, job *river.Job[Job], sent time.Time) error {
	if wait := time.Until(sent.Add(w.times.Settle)); wait > 0 {
		return river.JobSnooze(wait)
	}
	runs, err := w.client.Runs.Find(ctx, promptorchestra.RunFindParams{
		PromptID: w.promptID, Variable: "job_id", Values: []string{job.Args.ID}, Since: sent,
	})
	run, ran := runs[job.Args.ID]
	switch {
	case err != nil && (ctx.Err() != nil || promptorchestra.IsRetryable(err)):
		return err
	case err != nil:
		return river.JobCancel(fmt.Errorf("parked, for it cannot be told whether it ran: %w", err))
	case !ran:
		return w.send(ctx, job)
	case run.Status.Pending():
		return river.JobSnooze(w.times.Settle)
	case run.Status.Failed() || run.ErrorMessage != "":
		return river.JobCancel(fmt.Errorf("run %s is paid for and failed: %s", run.ID, run.ErrorMessage))
	default:
		return river.RecordOutput(ctx, Result{run.ID, run.OutputSnapshot})
	}
}

// mark notes durably when the job was sent. It fails if the job is not this worker's any more: one
// that stood still for longer than River waits must not touch the mark of the next one.
func (w *Worker) mark(ctx context.Context, job *river.Job[Job], sent time.Time) error {
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("marking: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	// The type of the driver only says that the transaction is one of database/sql.
	marked, err := river.ResumableSetStepCursorTx[*riversqlite.Driver](ctx, tx, job, sent)
	switch {
	case err != nil:
		return fmt.Errorf("marking: %w", err)
	case marked.AttemptedAt == nil || !marked.AttemptedAt.Equal(*job.AttemptedAt):
		return errElsewhere
	}
	return tx.Commit()
}
