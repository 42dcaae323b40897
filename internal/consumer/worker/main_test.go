package main

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// executions counts the recorded runs of each job.
func executions(t *testing.T, client *promptorchestra.Client) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for run, err := range client.Runs.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		detail, err := client.Runs.Get(t.Context(), run.ID)
		if err != nil {
			t.Fatal(err)
		}
		var input struct {
			Variables map[string]string `json:"variables"`
		}
		if err := json.Unmarshal(detail.InputSnapshot, &input); err != nil {
			t.Fatal(err)
		}
		counts[input.Variables["job_id"]]++
	}
	return counts
}

func start(t *testing.T) (*orchestratest.Server, *worker, []string) {
	t.Helper()
	srv := orchestratest.NewServer()
	t.Cleanup(srv.Close)
	w := &worker{
		promptID: srv.PublishPrompt("Judge {{job_id}}"), settle: 200 * time.Millisecond,
		client: srv.KeyClient(promptorchestra.WithRetry(promptorchestra.RetryPolicy{MinWait: 1, MaxWait: 1})),
	}
	var jobs []string
	for i := range 200 {
		jobs = append(jobs, fmt.Sprintf("job-%d", i))
	}
	return srv, w, jobs
}

func TestEveryJobIsPaidForOnce(t *testing.T) {
	srv, w, jobs := start(t)
	for range 8 {
		srv.Fail("Prompts.Run",
			orchestratest.DropBefore(), orchestratest.DropAfter(), orchestratest.CutBody(10), orchestratest.RateLimited(0), orchestratest.HTML(502),
			orchestratest.Status(503, ""), orchestratest.Status(200, ""), orchestratest.Status(429, `{"error":"busy","retryable":false}`))
	}
	srv.Fail("Runs.List", orchestratest.Status(503, ""), orchestratest.CutBody(100))
	if err := w.work(t.Context(), jobs); err != nil {
		t.Fatal(err)
	}
	if pending := srv.PendingFaults(); len(pending) > 0 {
		t.Errorf("faults that no call met: %v", pending)
	}
	if len(w.unknown)+len(w.waiting) > 0 || len(w.done)+len(w.parked) != len(jobs) {
		t.Errorf("of %d jobs %d are done and %d are parked", len(jobs), len(w.done), len(w.parked))
	}
	counts := executions(t, w.client)
	for _, job := range jobs {
		if err := w.parked[job]; err == nil && counts[job] != 1 || err != nil && counts[job] != 0 {
			t.Errorf("%s was executed %d times; parked: %v", job, counts[job], err)
		}
	}
	if len(w.parked) != 8 {
		t.Errorf("%d jobs are parked, but 8 were told not to be sent again", len(w.parked))
	}
}

func TestTheJobsWaitForAnUpgrade(t *testing.T) {
	srv, w, jobs := start(t)
	srv.Restrict(orchestratest.AI(false))
	if err := w.work(t.Context(), jobs); !promptorchestra.IsEntitlement(err) {
		t.Fatalf("got %v", err)
	}
	if len(w.waiting) != len(jobs) {
		t.Errorf("%d of %d jobs wait", len(w.waiting), len(jobs))
	}
	srv.Lift()
	if err := w.work(t.Context(), w.waiting); err != nil || len(w.done) != len(jobs) {
		t.Errorf("%d jobs are done: %v", len(w.done), err)
	}
}

func TestAFailedRunIsParked(t *testing.T) {
	srv, w, jobs := start(t)
	srv.FailExecution(w.promptID, "provider down")
	if err := w.work(t.Context(), jobs[:1]); err != nil || len(w.parked) != 1 {
		t.Errorf("parked %v: %v", w.parked, err)
	}
	if counts := executions(t, w.client); counts[jobs[0]] != 1 {
		t.Errorf("executed %v", counts)
	}
}
