// Retry drains a queue of jobs, each a paid execution, through a flaky server.
// A job is sent again only when it certainly did not run. Where that cannot be
// told, it is parked, and looked up in the recorded runs by the id it was sent
// with. With PROMPT_ORCHESTRA_* set, three jobs run there and are to be paid for.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/examples/internal/setup"
)

func main() { setup.Main(run) }

func run(ctx context.Context, out io.Writer) error {
	client, emulator, err := setup.Connect(out)
	if err != nil {
		return err
	}
	if emulator == nil { // an execution whose answer was lost may go on for minutes
		return drainJobs(ctx, out, &worker{client: client, parallel: 1, settle: 10 * time.Minute}, 3)
	}
	defer emulator.Close()
	setup.MakeFlaky(emulator, 60)
	w := &worker{client: emulator.Client(promptorchestra.WithTimeout(200 * time.Millisecond)), parallel: 8, settle: 300 * time.Millisecond}
	return drainJobs(ctx, out, w, 100)
}

// drainJobs makes a prompt and n jobs for it, and works until none is left.
func drainJobs(ctx context.Context, out io.Writer, w *worker, n int) (err error) {
	if w.promptID, err = setup.Prompt(ctx, w.client, "Greet {{name}}."); err != nil {
		return err
	}
	w.done = map[string]job{}
	jobs := make([]job, n)
	for i := range jobs {
		jobs[i] = job{ID: fmt.Sprintf("job-%04d", i), Name: fmt.Sprintf("customer %d", i)}
	}
	fmt.Fprintf(out, "round 1: %d jobs\n", n)
	w.drain(ctx, jobs)
	for round := 2; len(w.parked) > 0; round++ {
		if jobs, err = w.checkParked(ctx); err != nil {
			return err
		}
		fmt.Fprintf(out, "round %d: %d jobs that had not run\n", round, len(jobs))
		w.drain(ctx, jobs)
	}
	fmt.Fprintf(out, "%d jobs done, %d failed\n", len(w.done), len(w.failed))
	return errors.Join(w.failed...)
}

type job struct { // what the variables are, so that the recorded run says by the id whose it is
	ID   string `json:"job_id"`
	Name string `json:"name"`
}

type worker struct {
	client   *promptorchestra.Client
	promptID string
	parallel int
	settle   time.Duration  // until an execution whose answer was lost is recorded, if there was one
	mu       sync.Mutex     // for what follows
	done     map[string]job // by the id of the run
	parked   []job
	failed   []error
}

// drain takes every job to one of three ends: done, parked or failed.
func (w *worker) drain(ctx context.Context, jobs []job) {
	var running sync.WaitGroup
	free := make(chan struct{}, w.parallel)
	for _, j := range jobs {
		free <- struct{}{}
		running.Go(func() { w.execute(ctx, j); <-free })
	}
	running.Wait()
}

func (w *worker) execute(ctx context.Context, j job) {
	result, err := w.client.Prompts.Run(ctx, w.promptID, promptorchestra.PromptRunParams{Variables: j})
	for wait := time.Second; promptorchestra.IsRetryable(err); wait = min(2*wait, time.Minute) { // it did not run, though the client repeated it
		asked, _ := promptorchestra.RetryAfter(err)
		if pause(ctx, max(asked, wait)) != nil {
			break
		}
		result, err = w.client.Prompts.Run(ctx, w.promptID, promptorchestra.PromptRunParams{Variables: j})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err == nil:
		w.done[result.RunID] = j
	case promptorchestra.OutcomeUnknown(err): // it may have run: sent again, it might be paid twice
		w.parked = append(w.parked, j)
	default: // it did not run, and would not
		w.failed = append(w.failed, fmt.Errorf("%s: %w", j.ID, err))
	}
}

// checkParked looks the parked jobs up by run record and returns those without one: they may be sent again.
func (w *worker) checkParked(ctx context.Context) (again []job, err error) {
	if err := pause(ctx, w.settle); err != nil {
		return nil, fmt.Errorf("%d jobs are parked: %w", len(w.parked), err)
	}
	runs, err := w.client.Runs.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("%d jobs are parked: %w", len(w.parked), err)
	}
	for _, run := range runs {
		if _, known := w.done[run.ID]; known || run.PromptID != "" && run.PromptID != w.promptID {
			continue // certainly not a parked job's
		}
		var input struct{ Variables job }
		detail, err := w.client.Runs.Get(ctx, run.ID)
		if err == nil {
			err = detail.InputSnapshot.Decode(&input)
		}
		i := slices.IndexFunc(w.parked, func(j job) bool { return j.ID == input.Variables.ID })
		switch {
		case err != nil || input.Variables.ID == "":
			return nil, errors.Join(fmt.Errorf("run %s does not show which job it is for", run.ID), err)
		case i < 0:
			continue
		case detail.Status.Pending() || detail.ErrorMessage != "": // it is paid for: look into it
			w.failed = append(w.failed, fmt.Errorf("%s: run %s is %s: %s", w.parked[i].ID, run.ID, detail.Status, detail.ErrorMessage))
		default:
			w.done[run.ID] = w.parked[i]
		}
		w.parked = slices.Delete(w.parked, i, i+1)
	}
	again, w.parked = w.parked, nil
	return again, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting: %w", context.Cause(ctx))
	}
}
