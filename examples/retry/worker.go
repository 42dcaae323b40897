package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// job is one execution to be paid for. It is what the variables are, so that the
// recorded run says by the id whose it is.
type job struct {
	ID   string `json:"job_id"`
	Name string `json:"name"`
}

type worker struct {
	client   *promptorchestra.Client
	promptID string
	parallel int
	minWait  time.Duration // before a job is sent again; doubles each time
	settle   time.Duration // until an execution whose answer was lost is recorded, if there was one

	mu     sync.Mutex
	done   map[string]job // by the id of the run
	parked []job
	failed []error
}

// drain takes every job to one of three ends: done, parked or failed.
func (w *worker) drain(ctx context.Context, jobs []job) {
	queue := make(chan job, len(jobs))
	for _, j := range jobs {
		queue <- j
	}
	close(queue)
	var running sync.WaitGroup
	for range w.parallel {
		running.Go(func() {
			for j := range queue {
				w.execute(ctx, j)
			}
		})
	}
	running.Wait()
}

func (w *worker) execute(ctx context.Context, j job) {
	for wait := w.minWait; ; wait = min(2*wait, time.Minute) {
		result, err := w.client.Prompts.Run(ctx, w.promptID, promptorchestra.PromptRunParams{Variables: j})
		if promptorchestra.IsRetryable(err) { // it did not run, and may next time
			next := wait/2 + rand.N(wait) // so that workers do not come back all at once
			if asked, ok := promptorchestra.RetryAfter(err); ok {
				next = asked
			}
			if ended := pause(ctx, next); ended == nil {
				continue
			}
		}
		w.end(j, result, err)
		return
	}
}

func (w *worker) end(j job, result *promptorchestra.PromptRunResponse, err error) {
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

// checkParked looks the parked jobs up in the recorded runs. It returns those
// that have none, which may be sent again.
func (w *worker) checkParked(ctx context.Context) (again []job, err error) {
	if len(w.parked) == 0 {
		return nil, nil
	}
	if err := pause(ctx, w.settle); err != nil {
		return nil, fmt.Errorf("%d jobs are parked: %w", len(w.parked), err)
	}
	recorded, err := w.recordedRuns(ctx)
	if err != nil {
		return nil, fmt.Errorf("looking %d parked jobs up: %w", len(w.parked), err)
	}
	parked := w.parked
	w.parked = nil
	for _, j := range parked {
		switch found := recorded[j.ID]; {
		case found == nil:
			again = append(again, j)
		case found.Status.Pending():
			w.failed = append(w.failed, fmt.Errorf("%s: run %s has not ended: look again later", j.ID, found.ID))
		case found.ErrorMessage != "": // it ran and was paid for
			w.failed = append(w.failed, fmt.Errorf("%s: run %s failed: %s", j.ID, found.ID, found.ErrorMessage))
		default:
			w.done[found.ID] = j
		}
	}
	return again, nil
}

// recordedRuns returns, by job, the runs of the prompt that no answer named. The
// client itself repeats reads that fail.
func (w *worker) recordedRuns(ctx context.Context) (map[string]*promptorchestra.RunDetail, error) {
	runs, err := w.client.Runs.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the runs: %w", err)
	}
	recorded := map[string]*promptorchestra.RunDetail{}
	for _, run := range runs {
		if _, known := w.done[run.ID]; known || run.PromptID != "" && run.PromptID != w.promptID {
			continue // certainly not a parked job's
		}
		detail, err := w.client.Runs.Get(ctx, run.ID)
		if err != nil {
			return nil, fmt.Errorf("reading run %s: %w", run.ID, err)
		}
		var input struct {
			Variables *job `json:"variables"`
		}
		if err := detail.InputSnapshot.Decode(&input); err != nil || input.Variables == nil {
			return nil, errors.Join(fmt.Errorf("run %s does not show what it was given", run.ID), err)
		}
		recorded[input.Variables.ID] = detail
	}
	return recorded, nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting: %w", context.Cause(ctx))
	}
}
