// Worker runs a prompt for each of many jobs, and pays for each job once whatever the network does.
// A job that must survive this process needs a durable mark: see docs/workers.md.
//
//	worker prm_1 job-1 job-2
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"sync"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

type worker struct {
	client   *promptorchestra.Client
	promptID string
	settle   time.Duration // between rounds: so long after a call its execution is over and recorded
	mu       sync.Mutex
	done     map[string]string // the run of each job
	parked   map[string]error  // for a person
	unknown  []string          // may have run
	waiting  []string          // did not run
}

// work returns when every job is done or parked, or when none can go on.
func (w *worker) work(ctx context.Context, jobs []string) error {
	w.done, w.parked, w.waiting = map[string]string{}, map[string]error{}, jobs
	for started := time.Now(); ; {
		if err := w.sendAll(ctx); err != nil || len(w.waiting)+len(w.unknown) == 0 {
			return err
		}
		settled, cancel := context.WithTimeout(ctx, w.settle)
		<-settled.Done()
		cancel()
		if err := w.lookUp(ctx, started); err != nil {
			return err
		}
	}
}

// sendAll sends the jobs that wait, eight at a time, until one finds that none can go on.
func (w *worker) sendAll(ctx context.Context) error {
	gate, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	jobs := w.waiting
	w.waiting = nil
	var group sync.WaitGroup
	slots := make(chan struct{}, 8)
	for _, job := range jobs {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			var result *promptorchestra.PromptRunResponse
			err := context.Cause(gate)
			if err == nil {
				result, err = w.client.Prompts.Run(ctx, w.promptID, promptorchestra.PromptRunParams{Variables: map[string]string{"job_id": job}})
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			switch kind := promptorchestra.KindOf(err); {
			case err == nil:
				w.done[job] = result.RunID
			case promptorchestra.OutcomeUnknown(err):
				w.unknown = append(w.unknown, job)
			case gate.Err() != nil, promptorchestra.IsRetryable(err):
				w.waiting = append(w.waiting, job)
			case kind == promptorchestra.KindEntitlement, kind == promptorchestra.KindAuthentication:
				w.waiting = append(w.waiting, job)
				stop(err) // every job would meet it
			default:
				w.parked[job] = err
			}
		})
	}
	group.Wait()
	return context.Cause(gate) //nolint:wrapcheck // it names the call
}

// lookUp finds out which of the unknown jobs ran since started. The others wait.
func (w *worker) lookUp(ctx context.Context, started time.Time) error {
	if len(w.unknown) == 0 {
		return nil
	}
	runs, err := w.client.Runs.Find(ctx, promptorchestra.RunFindParams{PromptID: w.promptID, Variable: "job_id", Values: w.unknown, Since: started})
	switch {
	case promptorchestra.IsRetryable(err):
		return nil // the next round looks again
	case err != nil:
		return fmt.Errorf("which of %d jobs ran cannot be told: %w", len(w.unknown), err)
	}
	for _, job := range w.unknown {
		switch run, ran := runs[job]; {
		case !ran:
			w.waiting = append(w.waiting, job)
		case run.Status.Pending(), run.Status.Failed():
			w.parked[job] = fmt.Errorf("run %s is %s: %s", run.ID, run.Status, run.ErrorMessage)
		default:
			w.done[job] = run.ID
		}
	}
	w.unknown = nil
	return nil
}

func main() {
	client, err := promptorchestra.NewFromEnv()
	w := worker{client: client, promptID: os.Args[1], settle: 15 * time.Minute}
	if err == nil {
		err = w.work(context.Background(), os.Args[2:])
	}
	log.Println("done:", w.done, "parked:", w.parked, "may have run:", w.unknown, "not run:", w.waiting)
	if err != nil {
		log.Fatal(err)
	}
}
