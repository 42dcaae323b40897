package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/jobs"
)

// A Batch executes rows, each of them once.
type Batch struct {
	Prompt  *jobs.Prompt
	Journal *Journal
	Results *Results
	Rows    []Row
	Workers int
	Longest time.Duration // a row that must wait for longer is left to the next start
	Report  *Progress
}

// Run first sends the rows that were never sent, and then looks up those whose outcome is unknown,
// of this start and of earlier ones. It ends when every row has ended or is left to the next start,
// or when ctx ends: calls that are in flight then may end, rows that wait are left. It returns how
// many rows are left.
func (b *Batch) Run(ctx context.Context) (left int, err error) {
	var fresh []Row
	for _, row := range b.Rows {
		if !b.Results.has(row.ID) && b.Journal.read(row.ID).IsZero() {
			fresh = append(fresh, row)
		}
	}
	if err := b.sendAll(ctx, fresh); err != nil {
		return 0, err
	}
	for {
		interrupted := b.interrupted()
		if len(interrupted) == 0 || ctx.Err() != nil {
			break
		}
		if err := b.lookUpAll(ctx, interrupted); err != nil {
			return 0, err
		}
	}
	for _, row := range b.Rows {
		if !b.Results.has(row.ID) {
			left++
		}
	}
	return left, nil
}

// interrupted returns the rows that were sent and have not ended.
func (b *Batch) interrupted() (rows []Row) {
	for _, row := range b.Rows {
		if !b.Results.has(row.ID) && !b.Journal.read(row.ID).IsZero() {
			rows = append(rows, row)
		}
	}
	return rows
}

// sendAll sends rows, some at a time, each in the place of the mark that it has.
func (b *Batch) sendAll(ctx context.Context, rows []Row) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	queue := make(chan Row)
	var working sync.WaitGroup
	for range b.Workers {
		working.Go(func() {
			for row := range queue {
				if err := b.send(ctx, row); err != nil {
					stop(fmt.Errorf("%s: %w", row.ID, err))
				}
			}
		})
	}
	for _, row := range rows {
		select {
		case queue <- row:
		case <-ctx.Done():
		}
	}
	close(queue)
	working.Wait()
	if cause := context.Cause(ctx); cause != ctx.Err() { //nolint:errorlint // it is another one if a row had it
		return fmt.Errorf("the batch stops: %w", cause)
	}
	return nil
}

// send marks a row and makes the call, again and again while it did not run. An error is that of
// the journal or the results: the batch must not go on without them.
func (b *Batch) send(ctx context.Context, row Row) error {
	mark := b.Journal.read(row.ID)
	for wait := time.Second; ctx.Err() == nil; wait = min(2*wait, b.Longest) {
		sent := time.Now().Truncate(time.Microsecond)
		if ok, _, err := b.Journal.Mark(ctx, row.ID, mark, sent); err != nil || !ok {
			return err // the lock lets nobody else set marks
		}
		// A call that is in flight is paid for: it may end, although the batch is to.
		result, d := b.Prompt.Run(context.WithoutCancel(ctx), row.ID, row.Variables, sent)
		b.Report.called(d)
		if d.Action != jobs.Retry {
			return b.end(result, row, d)
		}
		if err := b.Journal.Clear(ctx, row.ID, sent); err != nil {
			return err
		}
		mark = time.Time{}
		if wait = max(wait, d.After); wait > b.Longest {
			return nil
		}
		pause(ctx, wait)
	}
	return nil
}

// end keeps how a row ended, if it has.
func (b *Batch) end(result jobs.Result, row Row, d jobs.Decision) error {
	outcome := Outcome{Result: result}
	switch d.Action {
	case jobs.Done:
	case jobs.Park:
		outcome = Outcome{Result: jobs.Result{Job: row.ID}, Parked: d.Reason, Kind: kindOf(d), Execution: d.Execution}
	default:
		return nil
	}
	b.Report.ended(outcome)
	return b.Results.save(outcome)
}

// kindOf is the kind of a decision that is not done, for the summary.
func kindOf(d jobs.Decision) string {
	switch {
	case d.Kind != "":
		return string(d.Kind)
	case d.Execution == jobs.Executed:
		return "run_failed"
	default:
		return "run_unknown"
	}
}

// lookUpAll looks rows up with one Find when the last of them has settled, and sends those that did
// not run. If that leaves them open for good, it may be because of one of them: each is looked up
// alone.
func (b *Batch) lookUpAll(ctx context.Context, rows []Row) error {
	params := promptorchestra.RunFindParams{PromptID: b.Prompt.ID, Variable: b.Prompt.Variable, Since: time.Now()}
	var settled time.Time
	for _, row := range rows {
		mark := b.Journal.read(row.ID)
		params.Values = append(params.Values, row.ID)
		if mark.Before(params.Since) {
			params.Since = mark
		}
		if end := mark.Add(b.Prompt.Settle); end.After(settled) {
			settled = end
		}
	}
	params.Until = settled
	b.Report.settling(len(rows), settled)
	if !pause(ctx, time.Until(settled)) {
		return nil
	}
	runs, err := b.Prompt.Client.Runs.Find(ctx, params)
	if jobs.AfterLookUp(promptorchestra.RunDetail{}, false, err).Action == jobs.Park && len(rows) > 1 {
		for _, row := range rows {
			if err := b.lookUpAll(ctx, []Row{row}); err != nil {
				return err
			}
		}
		return nil
	}
	var absent []Row
	var wait time.Duration
	for _, row := range rows {
		run, found := runs[row.ID]
		d := jobs.AfterLookUp(run, found, err)
		switch d.Action {
		case jobs.Retry:
			absent = append(absent, row)
		case jobs.LookUp:
			wait = max(wait, d.After, time.Second)
		default:
			if err := b.end(jobs.Result{Job: row.ID, RunID: run.ID, Output: run.OutputSnapshot}, row, d); err != nil {
				return err
			}
		}
	}
	pause(ctx, min(wait, b.Longest))
	return b.sendAll(ctx, absent)
}

// pause reports whether ctx still goes on after the wait.
func pause(ctx context.Context, wait time.Duration) bool {
	select {
	case <-time.After(wait):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
