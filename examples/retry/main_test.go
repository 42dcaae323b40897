package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/examples/internal/setup"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func fastClient(srv *orchestratest.Server) *promptorchestra.Client {
	return srv.Client(promptorchestra.WithTimeout(250*time.Millisecond),
		promptorchestra.WithRetry(promptorchestra.RetryPolicy{MinWait: time.Millisecond, MaxWait: 5 * time.Millisecond}))
}

// executions counts the recorded runs by job, as the emulator has them.
func executions(t *testing.T, srv *orchestratest.Server) map[string]int {
	t.Helper()
	runs, err := srv.Client().Runs.List(t.Context())
	require.NoError(t, err)
	counts := map[string]int{}
	for _, run := range runs {
		detail, err := srv.Client().Runs.Get(t.Context(), run.ID)
		require.NoError(t, err)
		var input struct{ Variables job }
		require.NoError(t, detail.InputSnapshot.Decode(&input))
		counts[input.Variables.ID]++
	}
	return counts
}

// The promise of this program: whatever goes wrong, a thousand jobs are a
// thousand executions, one each.
func TestEveryJobIsExecutedOnce(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	const jobs = 1000
	setup.MakeFlaky(srv, 700)
	var out strings.Builder
	w := &worker{client: fastClient(srv), parallel: 16, settle: 300 * time.Millisecond}
	started := time.Now()
	require.NoError(t, drainJobs(t.Context(), &out, w, jobs))
	counts := executions(t, srv)
	assert.Len(t, counts, jobs)
	for id, n := range counts {
		assert.Equal(t, 1, n, "executions of %s", id)
	}
	byJob := map[string]bool{}
	for _, j := range w.done {
		byJob[j.ID] = true
	}
	assert.Len(t, byJob, jobs)
	assert.Contains(t, out.String(), "1000 jobs done, 0 failed")
	assert.Greater(t, strings.Count(out.String(), "round"), 1, "the faults must have been felt")
	t.Logf("%v, %d requests\n%s", time.Since(started), len(srv.Requests("Prompts.Run")), &out)
}

func TestOnTheEmulator(t *testing.T) {
	clearEnvironment(t)
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	assert.Contains(t, out.String(), "100 jobs done, 0 failed")
}

func TestAgainstAnAPI(t *testing.T) {
	clearEnvironment(t)
	srv := orchestratest.NewServer()
	defer srv.Close()
	t.Setenv("PROMPT_ORCHESTRA_BASE_URL", srv.URL)
	t.Setenv("PROMPT_ORCHESTRA_ORGANIZATION_ID", srv.OrganizationID)
	t.Setenv("PROMPT_ORCHESTRA_API_KEY", srv.APIKey)
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	assert.Len(t, executions(t, srv), 3)
	assert.Contains(t, out.String(), "3 jobs done, 0 failed")
}

// A refusal ends a job; a failed execution does too, for it was paid for.
func TestJobsThatFail(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	w := &worker{client: fastClient(srv), parallel: 1}
	var out strings.Builder
	require.NoError(t, drainJobs(t.Context(), &out, w, 1))

	srv.Fail("Prompts.Run", orchestratest.NoFeature("ai"))
	w.drain(t.Context(), []job{{ID: "refused"}})
	srv.FailExecution(w.promptID, "the provider is down")
	w.drain(t.Context(), []job{{ID: "broken"}})
	require.Len(t, w.parked, 1)
	again, err := w.checkParked(t.Context())
	require.NoError(t, err)
	assert.Empty(t, again)
	require.Len(t, w.failed, 2)
	assert.ErrorContains(t, w.failed[0], "refused: promptorchestra: Prompts.Run: 402")
	assert.ErrorContains(t, w.failed[1], "failed: the provider is down")
	assert.Equal(t, map[string]int{"job-0000": 1, "broken": 1}, executions(t, srv))
}

// When the context ends, parked jobs stay parked.
func TestParkedJobsSurviveTheEnd(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	w := &worker{client: fastClient(srv), parallel: 1, settle: time.Hour}
	var out strings.Builder
	require.NoError(t, drainJobs(t.Context(), &out, w, 1))
	srv.Fail("Prompts.Run", orchestratest.DropAfter())
	w.drain(t.Context(), []job{{ID: "lost"}})
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("shutting down"))
	_, err := w.checkParked(ctx)
	require.ErrorContains(t, err, "1 jobs are parked: waiting: shutting down")
	assert.Len(t, w.parked, 1)
}

func clearEnvironment(t *testing.T) {
	t.Helper()
	for _, name := range []string{"BASE_URL", "ORGANIZATION_ID", "ACCESS_TOKEN", "API_KEY", "AUTHORING_API_KEY"} {
		t.Setenv("PROMPT_ORCHESTRA_"+name, "")
	}
}
