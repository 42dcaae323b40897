package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/examples/internal/exampletest"
	"github.com/prompt-orchestra/promptorchestra-go/examples/internal/setup"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func fastClient(srv *orchestratest.Server) *promptorchestra.Client {
	return srv.Client(promptorchestra.WithTimeout(250*time.Millisecond),
		promptorchestra.WithRetry(promptorchestra.RetryPolicy{MinWait: time.Millisecond, MaxWait: 5 * time.Millisecond}))
}

// The promise of this program: whatever goes wrong, a thousand jobs are a
// thousand executions, one each.
func TestEveryJobIsExecutedOnce(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	const jobs = 1000
	setup.MakeFlaky(srv, 700)
	var out strings.Builder
	w := &worker{client: fastClient(srv), parallel: 16, settle: time.Second}
	started := time.Now()
	require.NoError(t, drainJobs(t.Context(), &out, w, jobs))
	counts, err := w.executions(t.Context())
	require.NoError(t, err)
	assert.Len(t, counts, jobs)
	for id, n := range counts {
		assert.Equal(t, 1, n, "executions of %s", id)
	}
	slices.Sort(w.done)
	assert.Len(t, slices.Compact(w.done), jobs)
	assert.Contains(t, out.String(), "1000 jobs done, 0 failed\n1000 jobs cost 1 execution each\n")
	assert.Greater(t, strings.Count(out.String(), "round"), 1, "the faults must have been felt")
	t.Logf("%v, %d requests", time.Since(started), len(srv.Requests("Prompts.Run")))
}

func TestOnTheEmulator(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	assert.Contains(t, out.String(), "100 jobs done, 0 failed")
}

func TestAgainstAnAPI(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	exampletest.Live(t, map[string]string{"BASE_URL": srv.URL, "ORGANIZATION_ID": srv.OrganizationID, "API_KEY": srv.APIKey})
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	assert.Contains(t, out.String(), "3 jobs done, 0 failed\n3 jobs cost 1 execution each\n")
}

// newWorker returns a worker with one job that is done.
func newWorker(t *testing.T, srv *orchestratest.Server, settle time.Duration) *worker {
	t.Helper()
	w := &worker{client: fastClient(srv), parallel: 1, settle: settle}
	require.NoError(t, drainJobs(t.Context(), io.Discard, w, 1))
	return w
}

// A refusal ends a job; a failed execution does too, for it was paid for.
func TestJobsThatFail(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	w := newWorker(t, srv, 0)
	srv.Fail("Prompts.Run", orchestratest.NoFeature("ai"))
	w.waiting = []job{{ID: "refused"}}
	require.NoError(t, w.work(t.Context(), io.Discard))
	srv.FailExecution(w.promptID, "the provider is down")
	w.waiting = []job{{ID: "broken"}}
	require.NoError(t, w.work(t.Context(), io.Discard))
	require.Len(t, w.failed, 2)
	assert.ErrorContains(t, w.failed[0], "refused: promptorchestra: Prompts.Run: 402")
	assert.ErrorContains(t, w.failed[1], "failed: the provider is down")
	counts, err := w.executions(t.Context())
	require.NoError(t, err)
	assert.Equal(t, map[string]int{"job-0000": 1, "broken": 1}, counts)
}

// A 200 may hold a run that failed, and so may the list of runs: what ran is done only on evidence,
// and not sent again. What a response leaves open, its record tells.
func TestRunsThatDoNotSucceed(t *testing.T) {
	for members, want := range map[string]string{
		`"status":"completed"`: "done", `"status":"SUCCEEDED","output":null`: "done", `"output":"Hi"`: "done", `"outputText":"Hi"`: "done",
		`"status":"failed","output":null`: "failed", `"status":"cancelled","output":"half"`: "failed",
		`"output":"Hi","diagnostic":{"why":"name has no value"}`: "failed",
	} {
		var sent atomic.Int32
		w := &worker{promptID: "prm_1", parallel: 1, waiting: []job{{ID: "job-1"}}}
		w.client = apitest.NewClient(t, http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
			sent.Add(1)
			_, _ = fmt.Fprintf(out, `{"runId":"run_1",%s}`, members)
		}))
		require.NoError(t, w.work(t.Context(), io.Discard), members)
		assert.Equal(t, want, place(w), members)
		assert.EqualValues(t, 1, sent.Load(), members)
	}
	for members, want := range map[string]string{
		`"status":"completed"`: "done", `"outputSnapshot":"Hi"`: "done",
		`"status":"failed"`: "failed", `"outputSnapshot":"Hi","errorMessage":"no model"`: "failed", `"outputSnapshot":"Hi","diagnostic":{"code":"NO_MODEL"}`: "failed",
		`"status":"in_progress"`: "unclear", `"status":"aborted"`: "unclear", `"outputSnapshot":null`: "unclear",
	} {
		for _, response := range []string{"", `"status":"in_progress"`, `"status":"aborted","output":"half"`, `"output":{}`} {
			var sent atomic.Int32
			w := &worker{promptID: "prm_1", parallel: 1, waiting: []job{{ID: "job-1"}}}
			w.client = apitest.NewClient(t, http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/api/runs":
					_, _ = fmt.Fprintf(out, `[{"id":"run_1","promptId":"prm_1","createdAt":%q}]`, time.Now().Format(time.RFC3339))
				case "/api/runs/run_1":
					_, _ = fmt.Fprintf(out, `{"id":"run_1","promptId":"prm_1","inputSnapshot":{"variables":{"job_id":"job-1"}},%s}`, members)
				default:
					sent.Add(1)
					if response == "" {
						apitest.Drop(out, r)
					}
					_, _ = fmt.Fprintf(out, `{"runId":"run_1",%s}`, response)
				}
			}))
			require.NoError(t, w.work(t.Context(), io.Discard), members)
			assert.Equal(t, want, place(w), members)
			assert.EqualValues(t, 1, sent.Load(), members)
		}
	}
}

// place returns where the only job of a worker is.
func place(w *worker) string {
	return strings.Repeat("done", len(w.done)) + strings.Repeat("failed", len(w.failed)) + strings.Repeat("unclear", len(w.unclear)) +
		strings.Repeat("waiting", len(w.waiting)) + strings.Repeat("parked", len(w.parked))
}

// Others may run the same prompt, without a job's id.
func TestRunsOfOthers(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	w := newWorker(t, srv, 0)
	_, err := w.client.Prompts.Run(t.Context(), w.promptID, promptorchestra.PromptRunParams{Variables: map[string]any{"name": "Ada"}})
	require.NoError(t, err)
	srv.Fail("Prompts.Run", orchestratest.DropAfter())
	w.waiting = []job{{ID: "lost"}}
	require.NoError(t, w.work(t.Context(), io.Discard))
	assert.Contains(t, w.done, "lost")
}

// When the context ends, every job's id is printed that is not done.
func TestAnInterruptLosesNoJob(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	const jobs = 40
	ctx, cancel := context.WithCancelCause(t.Context())
	var faults []orchestratest.Fault
	for range jobs {
		faults = append(faults, orchestratest.Fault{}, orchestratest.DropAfter(), orchestratest.RateLimited(time.Minute), orchestratest.Delay(time.Minute))
	}
	srv.Fail("Prompts.Run", faults...)
	w := &worker{client: srv.Client(promptorchestra.WithRetry(promptorchestra.RetryPolicy{MaxRetries: -1})), parallel: 8, settle: time.Hour}
	var interrupting sync.WaitGroup
	interrupting.Go(func() {
		for len(srv.Requests("Prompts.Run")) < 15 {
			time.Sleep(time.Millisecond)
		}
		cancel(errors.New("shutting down"))
	})
	var out strings.Builder
	err := drainJobs(ctx, &out, w, jobs)
	interrupting.Wait()
	require.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, w.failed)
	assert.NotEmpty(t, w.parked)
	assert.NotEmpty(t, w.waiting)
	seen := map[string]int{}
	for _, id := range w.done {
		seen[id]++
	}
	for _, j := range append(w.parked, w.waiting...) {
		seen[j.ID]++
		assert.Contains(t, out.String(), j.ID)
	}
	assert.Len(t, seen, jobs, "every job is in one place")
	counts, err := w.executions(t.Context())
	require.NoError(t, err)
	for _, j := range w.waiting {
		assert.Zero(t, counts[j.ID], "%s was to be sent again", j.ID)
	}
}
