package jobs

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// A bench is a job with an API of its own, and a clock that can be put forward.
type bench struct {
	srv   *orchestratest.Server
	marks *memoryMarks
	job   Job
	ahead time.Duration
	kept  []Result
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{srv: orchestratest.NewServer(), marks: newMemoryMarks()}
	t.Cleanup(b.srv.Close)
	b.job = Job{
		ID: "job-1", Variables: map[string]any{"name": "Ada"},
		Prompt: &Prompt{Client: b.srv.Client(), ID: b.srv.PublishPrompt("Greet {{name}}."), Attempt: time.Minute, Settle: time.Hour},
		Save:   func(_ context.Context, r Result) error { b.kept = append(b.kept, r); return nil },
	}
	return b
}

func (b *bench) step(t *testing.T) Decision {
	t.Helper()
	d, err := (&stepper{marks: b.marks, job: b.job, settle: b.job.Prompt.Settle, api: aheadAPI{liveAPI{b.job}, b.ahead}}).step(t.Context())
	require.NoError(t, err)
	return d
}

// aheadAPI has a clock that is ahead, so that no test waits until a job has settled.
type aheadAPI struct {
	liveAPI
	ahead time.Duration
}

func (a aheadAPI) now() time.Time { return a.liveAPI.now().Add(a.ahead) }

// find puts the mark back onto the API's own clock, on which the run was recorded since then.
func (a aheadAPI) find(ctx context.Context, sent time.Time) (Result, Decision) {
	run, found, err := a.job.Prompt.Find(ctx, a.job.ID, sent.Add(-max(a.ahead, 0)), time.Time{})
	return Result{Job: a.job.ID, RunID: run.ID, Output: run.OutputSnapshot}, AfterLookUp(run, found, err)
}

// A job is looked up between its mark and the moment at which it has settled.
func TestStepLooksUpInItsWindow(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	sent := time.Now()
	_, d := b.job.Prompt.Run(t.Context(), b.job.ID, b.job.Variables, sent)
	require.Equal(t, Done, d.Action)
	_, d = liveAPI{b.job}.find(t.Context(), sent)
	assert.Equal(t, Done, d.Action)
	_, d = liveAPI{b.job}.find(t.Context(), sent.Add(-2*b.job.Prompt.Settle))
	assert.Equal(t, Retry, d.Action, "nothing of an earlier mark is recorded so late")
}

func (b *bench) executions(t *testing.T) (n int) {
	t.Helper()
	for _, err := range b.srv.Client().Runs.All(t.Context()) {
		require.NoError(t, err)
		n++
	}
	return n
}

func TestStep(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	d, err := Step(t.Context(), b.marks, b.job)
	require.NoError(t, err)
	assert.Equal(t, Decision{Action: Done, Execution: Executed}, d)
	require.Len(t, b.kept, 1)
	assert.Equal(t, "job-1", b.kept[0].Job)
	assert.Contains(t, b.kept[0].Text+b.kept[0].Output.String(), "Greet Ada.")
	assert.Equal(t, map[string]any{"name": "Ada"}, b.job.Variables, "the caller's own map is not changed")
	assert.Len(t, b.marks.marks, 1, "the mark stays")

	// Delivered once more, it is looked up, and kept again.
	assert.Equal(t, LookUp, b.step(t).Action)
	b.ahead = 2 * time.Hour
	assert.Equal(t, Done, b.step(t).Action)
	assert.Equal(t, b.kept[0].RunID, b.kept[1].RunID)
	assert.Equal(t, 1, b.executions(t))
}

// Each row is a job from its first step to its end.
func TestSteps(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name       string
		prepare    func(b *bench)
		actions    []Action // of the steps, each an hour and more after the one before
		after      time.Duration
		executions int
		marked     bool // after the first step
	}{
		{"the response is lost after the execution", failing(orchestratest.DropAfter()), []Action{LookUp, Done}, time.Hour, 1, true},
		{"the request is lost", failing(orchestratest.DropBefore()), []Action{LookUp, Done}, time.Hour, 1, true},
		{"the request is lost twice", failing(orchestratest.DropBefore(), orchestratest.DropBefore()), []Action{LookUp, LookUp, Done}, time.Hour, 1, true},
		{"429", failing(orchestratest.RateLimited(7 * time.Second)), []Action{Retry, Done}, 7 * time.Second, 1, false},
		{"422", failing(orchestratest.Status(422, `{"error":"invalid"}`)), []Action{Park, Done}, 0, 1, true},
		{"the run failed in its response", failing(orchestratest.Status(200, `{"runId":"run_1","status":"failed"}`)), []Action{Park}, 0, 0, true},
		{
			"the run failed, and its response is a 502", func(b *bench) { b.srv.FailExecution(b.job.Prompt.ID, "no provider") },
			[]Action{LookUp, Park, Park},
			time.Hour, 1, true,
		},
		{"it cannot be told", func(b *bench) {
			b.srv.Fail("Prompts.Run", orchestratest.DropAfter())
			b.srv.Fail("Runs.List", orchestratest.Status(200, `{"runs":[],"nextCursor":"x"}`))
		}, []Action{LookUp, Park, Done}, time.Hour, 1, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			test.prepare(b)
			for i, action := range test.actions {
				d := b.step(t)
				require.Equal(t, action, d.Action, "step %d: %+v", i, d)
				if i == 0 {
					assert.InDelta(t, test.after, d.After, float64(time.Minute))
					assert.Equal(t, test.marked, len(b.marks.marks) == 1, "marked")
				}
				b.ahead += 2 * time.Hour
			}
			assert.Equal(t, test.executions, b.executions(t))
			assert.Equal(t, test.actions[len(test.actions)-1] == Done, len(b.kept) == 1)
		})
	}
}

func failing(faults ...orchestratest.Fault) func(b *bench) {
	return func(b *bench) { b.srv.Fail("Prompts.Run", faults...) }
}

// A worker that marked, and stood still until another one had looked the job up, sends nothing.
func TestStepOfAStaleWorker(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.ahead = -2 * time.Hour // it took its time two hours ago
	assert.Equal(t, Retry, b.step(t).Action)
	assert.Empty(t, b.srv.Requests("Prompts.Run"))
}

// What a context that ends must not take away: a result that is paid for, and the mark of a call
// that was not sent.
func TestStepKeepsWhatIsPaidForWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	save := b.job.Save
	b.job.Prompt.Client = b.srv.Client(promptorchestra.WithObserver(func(ctx context.Context, _ promptorchestra.CallInfo) (context.Context, func(promptorchestra.CallResult)) {
		return ctx, func(promptorchestra.CallResult) { cancel() }
	}))
	b.job.Save = func(ctx context.Context, r Result) error { return errors.Join(ctx.Err(), save(ctx, r)) }
	d, err := Step(ctx, b.marks, b.job)
	require.NoError(t, err)
	assert.Equal(t, Done, d.Action)

	b.job.ID = "job-2"
	d, err = Step(ctx, b.marks, b.job)
	require.NoError(t, err)
	assert.Equal(t, Retry, d.Action)
	assert.Zero(t, b.marks.read("job-2"))
}

func TestStepReturnsErrors(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	broken := errors.New("broken")
	_, err := Step(t.Context(), &wrongMarks{memoryMarks: b.marks, mark: func(*memoryMarks, string, time.Time, time.Time) (bool, time.Time, error) {
		return false, time.Time{}, broken
	}}, b.job)
	require.ErrorIs(t, err, broken)
	assert.Empty(t, b.srv.Requests("Prompts.Run"), "nothing is sent without a mark")

	save := b.job.Save
	b.job.Save = func(context.Context, Result) error { return broken }
	d, err := Step(t.Context(), b.marks, b.job)
	require.ErrorIs(t, err, broken)
	assert.NotEqual(t, Done, d.Action)
	b.job.Save, b.ahead = save, 2*time.Hour
	assert.Equal(t, Done, b.step(t).Action, "it is looked up, and kept")
	assert.Equal(t, 1, b.executions(t))

	for name, change := range map[string]func(j *Job){
		"no id":                       func(j *Job) { j.ID = "" },
		"no place for the result":     func(j *Job) { j.Save = nil },
		"no prompt":                   func(j *Job) { j.Prompt = nil },
		"no client":                   func(j *Job) { j.Prompt = &Prompt{ID: "prm_1", Attempt: 1, Settle: 2} },
		"it settles before its calls": func(j *Job) { j.Prompt = &Prompt{Client: j.Prompt.Client, ID: "prm_1", Attempt: 2, Settle: 2} },
	} {
		job := b.job
		change(&job)
		_, err := Step(t.Context(), b.marks, job)
		assert.ErrorContains(t, err, "jobs: ", name)
	}
}

// A worker parks no job that another one has sent meanwhile.
func TestStepParksOnlyItsOwn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.srv.Fail("Prompts.Run", orchestratest.Status(422, `{"error":"invalid"}`))
	marks := &wrongMarks{memoryMarks: b.marks}
	calls := 0
	marks.mark = func(m *memoryMarks, job string, old, next time.Time) (bool, time.Time, error) {
		if calls++; calls == 2 { // before it parks
			m.marks[job] = next.Add(time.Hour)
		}
		return m.Mark(t.Context(), job, old, next)
	}
	d, err := Step(t.Context(), marks, b.job)
	require.NoError(t, err)
	assert.Equal(t, LookUp, d.Action, fmt.Sprint(d))
}
