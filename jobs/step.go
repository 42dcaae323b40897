package jobs

import (
	"context"
	"errors"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// A Job is one execution of a prompt to pay for. All fields but Variables are required.
type Job struct {
	ID        string // among all jobs of the Marks and of the prompt, now and later, only this one has it
	Prompt    *Prompt
	Variables map[string]any // beside the id, which Step adds
	// Save keeps the result durably. It must be idempotent: it is called again when it failed, and
	// when an engine delivers a job again that is done.
	Save func(ctx context.Context, result Result) error
}

// Result is what a job came to.
type Result struct {
	Job    string                  `json:"job"`
	RunID  string                  `json:"run_id"`
	Output promptorchestra.RawJSON `json:"output"`         // of a run that was looked up, its output snapshot
	Text   string                  `json:"text,omitempty"` // the output as text, if the call returned one
}

// Marks says durably when each job was sent. Every method is a compare-and-set, fenced by the mark
// that was read: a worker that stood still cannot touch the mark of the next one. What a method has
// done is on the disk when it returns, and survives the end of the database's own process: a mark
// that gets lost is a job that is paid for twice. Times are in whole microseconds, and come back
// equal. [Conformance] tests an implementation.
//
// A mark may be removed for good once the job's result is kept and no engine can deliver the job
// again: its row is deleted or past every retry, its message is acknowledged, and no worker that
// got it is alive. Removed earlier, a job that is delivered again is sent again.
type Marks interface {
	// Mark replaces a job's mark old, zero if it has none, by next, and reports true. If its mark
	// is another one, it changes nothing and reports false and that mark, zero if it has none.
	// After an error either may be so. Any other old than the mark, such as the earliest time that
	// is not zero, reads it.
	Mark(ctx context.Context, job string, old, next time.Time) (ok bool, current time.Time, err error)
	// Clear removes a job's mark if it is old, and changes nothing otherwise, which is no error.
	Clear(ctx context.Context, job string, old time.Time) error
}

// Step brings a job one step further and says what to do next: call Step again after Decision.After
// (LookUp and Retry), or never again (Done and Park). It never sleeps; it waits only for marks, for
// Save, for the one call, which ends Attempt after its mark, and for a look-up, which the context
// should bound. Any number of workers may call it for the same job at any time.
//
// An error is that of marks, of Save or of the job itself: nothing is decided then. Call Step again
// later.
//
// A job that is parked keeps its mark: if a person has Step called again, it looks the job up.
func Step(ctx context.Context, marks Marks, job Job) (Decision, error) {
	if job.ID == "" || job.Save == nil || marks == nil {
		return Decision{}, errors.New("jobs: a Job needs an ID and Save, and Step needs Marks")
	}
	if err := job.Prompt.check(); err != nil {
		return Decision{}, err
	}
	return (&stepper{marks: marks, job: job, settle: job.Prompt.Settle, api: liveAPI{job}}).step(ctx)
}

// A stepper is one call of Step. The test of all interleavings has an api of its own.
type stepper struct {
	marks  Marks
	job    Job
	settle time.Duration
	api    api
}

type api interface {
	now() time.Time
	run(ctx context.Context, sent time.Time) (Result, Decision)
	find(ctx context.Context, sent time.Time) (Result, Decision)
}

func (s *stepper) step(ctx context.Context) (Decision, error) {
	now := s.api.now()
	first, mark, err := s.marks.Mark(ctx, s.job.ID, time.Time{}, now)
	switch {
	case err != nil:
		return Decision{}, err
	case first:
		return s.send(ctx, now)
	case mark.IsZero():
		return Decision{Action: Retry, Reason: "another worker took its mark away meanwhile", Execution: Unknown}, nil
	}
	if wait := mark.Add(s.settle).Sub(now); wait > 0 {
		return Decision{Action: LookUp, After: wait, Reason: "it was sent, and has not settled", Execution: Unknown}, nil
	}
	result, d := s.api.find(ctx, mark)
	switch d.Action {
	case Done:
		return s.done(ctx, result, d)
	case LookUp:
		if d.After == 0 {
			d.After = s.settle
		}
		return d, nil
	case Retry:
		return s.sendAgain(ctx, mark)
	default:
		return s.park(ctx, mark, d)
	}
}

// sendAgain sends a job that was looked up and did not run.
func (s *stepper) sendAgain(ctx context.Context, mark time.Time) (Decision, error) {
	now := s.api.now()
	ok, _, err := s.marks.Mark(ctx, s.job.ID, mark, now)
	switch {
	case err != nil:
		return Decision{}, err
	case !ok:
		return s.elsewhere(), nil
	}
	return s.send(ctx, now)
}

func (s *stepper) elsewhere() Decision {
	return Decision{Action: LookUp, After: s.settle, Reason: "another worker has sent it meanwhile", Execution: Unknown}
}

// send makes the call that was marked.
func (s *stepper) send(ctx context.Context, sent time.Time) (Decision, error) {
	result, d := s.api.run(ctx, sent)
	switch d.Action {
	case Done:
		return s.done(ctx, result, d)
	case Retry: // a worker that finds the mark would wait for an execution that there is not
		ctx, stop := late(ctx)
		defer stop()
		if err := s.marks.Clear(ctx, s.job.ID, sent); err != nil {
			return Decision{}, err
		}
		return d, nil
	case LookUp:
		d.After = max(d.After, sent.Add(s.settle).Sub(s.api.now()))
		return d, nil
	default:
		return s.park(ctx, sent, d)
	}
}

// done keeps a result, also if the context has ended: it is paid for.
func (s *stepper) done(ctx context.Context, result Result, d Decision) (Decision, error) {
	ctx, stop := late(ctx)
	defer stop()
	if err := s.job.Save(ctx, result); err != nil {
		return Decision{}, err
	}
	return d, nil
}

// park leaves a job to a person, unless another worker has sent it meanwhile.
func (s *stepper) park(ctx context.Context, mark time.Time, d Decision) (Decision, error) {
	ctx, stop := late(ctx)
	defer stop()
	own, _, err := s.marks.Mark(ctx, s.job.ID, mark, mark)
	switch {
	case err != nil:
		return Decision{}, err
	case !own:
		return s.elsewhere(), nil
	}
	return d, nil
}

// late is for what must be written though the context has ended.
func late(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
}

// liveAPI is the job's own.
type liveAPI struct{ job Job }

// now is in whole microseconds, as marks are, and without the monotonic clock.
func (liveAPI) now() time.Time { return time.Now().Truncate(time.Microsecond).UTC() }

func (a liveAPI) run(ctx context.Context, sent time.Time) (Result, Decision) {
	return a.job.Prompt.Run(ctx, a.job.ID, a.job.Variables, sent)
}

func (a liveAPI) find(ctx context.Context, sent time.Time) (Result, Decision) {
	run, found, err := a.job.Prompt.Find(ctx, a.job.ID, sent, sent.Add(a.job.Prompt.Settle))
	return Result{Job: a.job.ID, RunID: run.ID, Output: run.OutputSnapshot}, AfterLookUp(run, found, err)
}
