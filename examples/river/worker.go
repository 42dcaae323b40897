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
	"github.com/prompt-orchestra/promptorchestra-go/jobs"
)

// Job is one execution of a prompt to pay for, and what is sent as its variables: the recorded run
// shows by the id which job it is for.
type Job struct {
	ID   string `json:"job_id"`
	Name string `json:"name"`
}

// Kind is the name of such jobs in River.
func (Job) Kind() string { return "prompt_run" }

// Worker executes each job once, whatever becomes of the process that it works in. It keeps the
// mark in River's own row, as the cursor of a step, and does what package jobs decides. It needs
// River 0.50 or newer: older ones store a mark that was rolled back, and pay twice
// (riverqueue/river#1521).
type Worker struct {
	river.WorkerDefaults[Job]
	db     *sql.DB      // River's own
	prompt *jobs.Prompt // of all workers of this process: look-ups at the same time share a request
	times  Times
}

func newWorker(db *sql.DB, client *promptorchestra.Client, promptID string, times Times) *Worker {
	return &Worker{db: db, times: times, prompt: &jobs.Prompt{Client: client, ID: promptID, Attempt: times.Attempt, Settle: times.Settle}}
}

// Times are how long a worker waits for what.
type Times struct {
	Attempt time.Duration // a call ends this long after its mark, at the latest
	Settle  time.Duration // after its mark none is in flight: Attempt, the longest execution, a margin
	LookUp  time.Duration // a look-up ends this long after it began, and is made again later
	Longest time.Duration // no job waits longer to be sent again, such as after a 402
}

// work is how long an attempt in River may take: a look-up, and then a call.
func (t Times) work() time.Duration { return t.LookUp + t.Attempt }

// Timeout is the worker's own. River gives the job to another worker only after it.
func (w *Worker) Timeout(*river.Job[Job]) time.Duration { return w.times.work() }

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
		return w.unmarked(err)
	}
	result, decision := w.prompt.Run(ctx, job.Args.ID, map[string]any{"name": job.Args.Name}, sent)
	switch decision.Action {
	case jobs.Done:
		return river.RecordOutput(ctx, result)
	case jobs.LookUp:
		return w.later(ctx, job, sent, decision, w.times.Settle)
	case jobs.Retry:
		return w.later(ctx, job, time.Time{}, decision, min(decision.After, w.times.Longest))
	default:
		return w.park(ctx, job, sent, decision)
	}
}

// lookUp finds out what became of a job that was sent, and sends it again if it did not run.
func (w *Worker) lookUp(ctx context.Context, job *river.Job[Job], sent time.Time) error {
	if wait := time.Until(sent.Add(w.times.Settle)); wait > 0 {
		return river.JobSnooze(wait)
	}
	look, stop := context.WithTimeout(ctx, w.times.LookUp)
	defer stop()
	run, found, err := w.prompt.Find(look, job.Args.ID, sent, sent.Add(w.times.Settle))
	switch decision := jobs.AfterLookUp(run, found, err); decision.Action {
	case jobs.Done:
		return river.RecordOutput(ctx, jobs.Result{Job: job.Args.ID, RunID: run.ID, Output: run.OutputSnapshot})
	case jobs.Retry:
		return w.send(ctx, job)
	case jobs.LookUp:
		wait := decision.After
		if found { // it is pending
			wait = w.times.Settle
		}
		return w.later(ctx, job, sent, decision, wait)
	default:
		return w.park(ctx, job, sent, decision)
	}
}

// later has River deliver the job again: after a wait, or as it backs off where there is none. A
// worker that is stopped gives it back at once.
func (w *Worker) later(ctx context.Context, job *river.Job[Job], mark time.Time, decision jobs.Decision, wait time.Duration) error {
	if err := w.mark(ctx, job, mark); err != nil {
		return w.unmarked(err)
	}
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", decision.Reason, context.Cause(ctx))
	case wait > 0:
		return river.JobSnooze(wait)
	default:
		return errors.New(decision.Reason)
	}
}

// park leaves the job to a person. It keeps its mark: retried by hand, it is looked up first.
func (w *Worker) park(ctx context.Context, job *river.Job[Job], mark time.Time, decision jobs.Decision) error {
	if err := w.mark(ctx, job, mark); err != nil {
		return w.unmarked(err)
	}
	return river.JobCancel(errors.New(decision.Reason))
}

// errElsewhere is that River has given the job to another worker meanwhile.
var errElsewhere = errors.New("another worker has this job")

// unmarked ends an attempt whose mark could not be set. What it returns, River does to whoever has
// the job now. So a worker that is late has it looked at again after a while, and neither cancels
// it nor counts an attempt.
func (w *Worker) unmarked(err error) error {
	if errors.Is(err, errElsewhere) {
		return river.JobSnooze(w.times.Settle)
	}
	return err
}

// mark notes durably when the job was sent. It fails if the job is not this worker's any more: one
// that stood still for longer than River waits must not touch the mark of the next one. Marking
// with the mark that is there finds that out.
func (w *Worker) mark(ctx context.Context, job *river.Job[Job], sent time.Time) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer stop()
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
