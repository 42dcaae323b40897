// Retry is the smallest loop that runs each paid execution once, in memory: a crash loses its jobs,
// and examples/river and examples/temporal keep them.
//
// It drains jobs through a flaky server. A job is retried only when it certainly did not run.
// Where that cannot be told, it is parked, and looked up in the recorded runs by the id that was
// sent in its variables. A job that ran is done only if its run shows that it succeeded. Otherwise
// it is left to a person, for it is paid for. An interrupt ends the loop, and the ids of all jobs
// that are not done are printed. With -live three jobs run on the API that PROMPT_ORCHESTRA_*
// names, and cost money.
//
// It compiles in this repository only, for it shares examples/internal/setup with the other
// examples. A program of your own begins with promptorchestra.NewFromEnv.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/examples/internal/setup"
	"github.com/prompt-orchestra/promptorchestra-go/jobs"
)

func main() { setup.Main(run) }

func run(ctx context.Context, out io.Writer) error {
	client, emulator, err := setup.Connect(out)
	if err != nil {
		return err
	}
	if emulator == nil { // an execution whose response was lost may go on for minutes
		return drainJobs(ctx, out, &worker{client: client, parallel: 1, settle: 15 * time.Minute}, 3)
	}
	defer emulator.Close()
	setup.MakeFlaky(emulator, 60)
	w := &worker{client: emulator.Client(promptorchestra.WithTimeout(200 * time.Millisecond)), parallel: 8, settle: time.Second}
	return drainJobs(ctx, out, w, 100)
}

// drainJobs makes a prompt and n jobs for it, works until none is left or ctx ends, and reports.
func drainJobs(ctx context.Context, out io.Writer, w *worker, n int) (err error) {
	if w.promptID, err = setup.Prompt(ctx, w.client, "Greet {{name}}."); err != nil {
		return err
	}
	for i := range n {
		w.waiting = append(w.waiting, job{ID: fmt.Sprintf("job-%04d", i), Name: fmt.Sprintf("customer %d", i)})
	}
	err = w.work(ctx, out)
	return errors.Join(err, w.report(ctx, out), errors.Join(w.failed...))
}

type job struct { // what the variables are, so that the recorded run shows whose it is
	ID   string `json:"job_id"`
	Name string `json:"name"`
}

// A worker has every job in one of five places.
type worker struct {
	client   *promptorchestra.Client
	promptID string
	parallel int
	settle   time.Duration // after the last call no execution is in flight any more

	mu      sync.Mutex // for what follows
	waiting []job      // they did not run
	done    []string   // their ids
	parked  []job      // they may have run
	failed  []error    // they did not run and would not, or ran and failed
	unclear []error    // they ran, and nothing shows that they succeeded
}

// work takes rounds until every job is done or failed.
func (w *worker) work(ctx context.Context, out io.Writer) error {
	started := time.Now()
	for round := 1; len(w.waiting)+len(w.parked) > 0; round++ {
		fmt.Fprintf(out, "round %d: %d jobs to send\n", round, len(w.waiting))
		w.drain(ctx)
		if len(w.parked) > 0 {
			fmt.Fprintf(out, "  parked: %s\n", ids(w.parked))
			if err := w.lookUp(ctx, started); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return fmt.Errorf("interrupted: %w", context.Cause(ctx))
		}
	}
	return nil
}

// drain sends every waiting job, until ctx ends.
func (w *worker) drain(ctx context.Context) {
	waiting := w.waiting
	w.waiting = nil
	var running sync.WaitGroup
	free := make(chan struct{}, w.parallel)
	for _, j := range waiting {
		free <- struct{}{}
		running.Go(func() { w.execute(ctx, j); <-free })
	}
	running.Wait()
}

func (w *worker) execute(ctx context.Context, j job) {
	decision := jobs.Decision{Action: jobs.Retry}
	for wait := time.Second; ctx.Err() == nil; wait = min(2*wait, time.Minute) {
		run, err := w.client.Prompts.Run(ctx, w.promptID, promptorchestra.PromptRunParams{Variables: j})
		decision = jobs.AfterRun(ctx, run, err)
		if decision.Action != jobs.Retry || decision.After > longest {
			break
		}
		pause(ctx, max(decision.After, wait))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.put(ctx, j, decision)
}

// longest is how long a job in memory waits to be sent again. A 402 takes longer.
const longest = time.Minute

// put puts a job where a decision says.
func (w *worker) put(ctx context.Context, j job, decision jobs.Decision) {
	why := fmt.Errorf("%s: %s", j.ID, decision.Reason)
	switch {
	case decision.Action == jobs.Done:
		w.done = append(w.done, j.ID)
	case decision.Action == jobs.LookUp:
		w.parked = append(w.parked, j)
	case decision.Action == jobs.Retry && (decision.After <= longest || ctx.Err() != nil):
		w.waiting = append(w.waiting, j)
	case decision.Execution == jobs.Unknown:
		w.unclear = append(w.unclear, why)
	default:
		w.failed = append(w.failed, why)
	}
}

// lookUp finds the parked jobs among the recorded runs. Those that did not run are retried.
func (w *worker) lookUp(ctx context.Context, since time.Time) error {
	until := time.Now().Add(w.settle) // nothing of theirs is recorded later
	pause(ctx, w.settle)
	var values []string
	for _, j := range w.parked {
		values = append(values, j.ID)
	}
	runs, err := w.client.Runs.Find(ctx, promptorchestra.RunFindParams{
		PromptID: w.promptID, Variable: "job_id", Values: values, Since: since, Until: until,
	})
	if err != nil {
		return fmt.Errorf("looking parked jobs up: %w", err)
	}
	parked := w.parked
	w.parked = nil
	for _, j := range parked {
		run, found := runs[j.ID]
		w.put(ctx, j, jobs.AfterLookUp(run, found, nil))
	}
	return nil
}

// report prints where the jobs are, and how many executions each has cost.
func (w *worker) report(ctx context.Context, out io.Writer) error {
	fmt.Fprintf(out, "%d jobs done, %d failed\n", len(w.done), len(w.failed))
	for _, err := range w.unclear {
		fmt.Fprintf(out, "for a person to look at: %v\n", err)
	}
	if len(w.waiting) > 0 {
		fmt.Fprintf(out, "%d did not run: %s\n", len(w.waiting), ids(w.waiting))
	}
	if len(w.parked) > 0 {
		fmt.Fprintf(out, "%d may have run, look for them among the runs of %s before they are sent again: %s\n", len(w.parked), w.promptID, ids(w.parked))
	}
	counts, err := w.executions(ctx)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // work says that it was interrupted
	}
	if err != nil {
		return fmt.Errorf("counting the executions: %w", err)
	}
	cost := map[int]int{} // how many jobs, by the number of their executions
	for _, n := range counts {
		cost[n]++
	}
	for _, n := range slices.Sorted(maps.Keys(cost)) {
		fmt.Fprintf(out, "%d jobs cost %d execution%s each\n", cost[n], n, map[bool]string{true: "", false: "s"}[n == 1])
	}
	return nil
}

// executions counts the recorded runs of the prompt by job.
func (w *worker) executions(ctx context.Context) (map[string]int, error) {
	counts := map[string]int{}
	for run, err := range w.client.Runs.All(ctx) {
		if err != nil {
			return nil, err
		}
		if run.PromptID != w.promptID {
			continue
		}
		detail, err := w.client.Runs.Get(ctx, run.ID)
		if err != nil {
			return nil, err
		}
		var input struct{ Variables job }
		if err := detail.InputSnapshot.Decode(&input); err != nil {
			return nil, err
		}
		counts[input.Variables.ID]++
	}
	return counts, nil
}

func ids(list []job) string {
	var all []string
	for _, j := range list {
		all = append(all, j.ID)
	}
	return strings.Join(all, " ")
}

// pause waits, or returns earlier when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
