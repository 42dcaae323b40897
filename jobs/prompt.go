package jobs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// A Prompt executes jobs and looks them up. It is safe for concurrent use. Look-ups that are
// waiting at the same time share one call of Runs.Find, so all workers of a process should share
// one Prompt. Do not copy it, and do not change it once it is in use.
type Prompt struct {
	Client   *promptorchestra.Client
	ID       string        // of the prompt
	Variable string        // the input variable that has the job's id; "job_id" when empty
	Attempt  time.Duration // a request leaves this long after its mark, at the latest
	Settle   time.Duration // this long after its mark an execution is listed, or never was one

	Ignore []string // members beside the list of runs that are harmless: see RunFindParams

	mu      sync.Mutex
	waiting []*lookUp // those that no Find is in flight for
	busy    bool      // a Find is in flight
}

// check is for Step, which needs all of it.
func (p *Prompt) check() error {
	switch {
	case p == nil || p.ID == "":
		return errors.New("jobs: a Prompt needs an ID")
	case p.Client == nil:
		return errNoClient
	case p.Attempt <= 0 || p.Settle <= p.Attempt:
		return errors.New("jobs: Attempt must be above zero, and Settle above Attempt plus the longest execution")
	}
	return nil
}

var errNoClient = errors.New("jobs: a Prompt needs a Client")

func (p *Prompt) variable() string {
	if p.Variable == "" {
		return "job_id"
	}
	return p.Variable
}

// Run executes a job that was marked as sent at the time sent, once: with the job's id among its
// variables, without the SDK's own retries, and with a deadline of sent plus Attempt. It returns
// the result, which is only there if the Decision is Done, and what [AfterRun] decides.
func (p *Prompt) Run(ctx context.Context, job string, variables map[string]any, sent time.Time) (Result, Decision) {
	if p.Client == nil {
		return Result{}, Decision{Action: Park, Reason: errNoClient.Error(), Execution: NotExecuted}
	}
	all := maps.Clone(variables)
	if all == nil {
		all = map[string]any{}
	}
	all[p.variable()] = job
	call, stop := context.WithDeadline(ctx, sent.Add(p.Attempt))
	defer stop()
	run, err := p.Client.Prompts.Run(call, p.ID, promptorchestra.PromptRunParams{Variables: all}, promptorchestra.WithoutRetry())
	d := AfterRun(call, run, err)
	if d.Action != Done {
		return Result{}, d
	}
	return Result{Job: job, RunID: run.RunID, Output: run.Output, Text: run.OutputText}, d
}

// Find looks up a job that was marked as sent at since and of which nothing is recorded after
// until, which is the mark plus Settle if the request left within Attempt after the mark. Call it
// after until, and give what it returns to [AfterLookUp]. Look-ups that are waiting at the same
// time, and whose marks are at most Settle apart, share one Find; if that leaves something open for
// good, each is made alone. It returns the error of ctx when ctx ends, which should bound it: some
// minutes.
func (p *Prompt) Find(ctx context.Context, job string, since, until time.Time) (run promptorchestra.RunDetail, found bool, err error) {
	if p.Client == nil {
		return promptorchestra.RunDetail{}, false, errNoClient
	}
	own := &lookUp{job: job, since: since, until: until, done: make(chan struct{}), lead: make(chan struct{}, 1)}
	p.mu.Lock()
	p.waiting = append(p.waiting, own)
	if !p.busy {
		p.busy = true
		own.lead <- struct{}{}
	}
	p.mu.Unlock()
	for {
		select {
		case <-own.done:
			return own.run, own.found, own.err
		case <-own.lead:
			p.findAll(ctx, own)
		case <-ctx.Done():
			p.leave(own)
			return promptorchestra.RunDetail{}, false, fmt.Errorf("jobs: waiting to look a job up: %w", ctx.Err())
		}
	}
}

// A lookUp waits for a Find: for its outcome, or to make it itself.
type lookUp struct {
	job          string
	since, until time.Time
	done         chan struct{} // closed when what follows is set
	lead         chan struct{} // gets one value when it is this one's turn

	alone bool // with others it failed for good, perhaps because of one of them
	run   promptorchestra.RunDetail
	found bool
	err   error
}

// findAll makes one Find for own and all that are waiting with it, and hands over to the next.
func (p *Prompt) findAll(ctx context.Context, own *lookUp) {
	p.mu.Lock()
	var batch []*lookUp
	batch, p.waiting = split(p.waiting, func(l *lookUp) bool {
		return l == own || !own.alone && !l.alone && l.since.Sub(own.since).Abs() <= p.Settle
	})
	p.mu.Unlock()

	params := promptorchestra.RunFindParams{
		PromptID: p.ID, Variable: p.variable(), Since: own.since, Until: own.until, Ignore: p.Ignore,
	}
	for _, l := range batch {
		if l.since.Before(params.Since) {
			params.Since = l.since
		}
		if l.until.IsZero() || !params.Until.IsZero() && l.until.After(params.Until) {
			params.Until = l.until
		}
		params.Values = append(params.Values, l.job)
	}
	runs, err := p.Client.Runs.Find(ctx, params)

	p.mu.Lock()
	defer p.mu.Unlock()
	ended := ctx.Err() != nil
	open := err != nil && !ended && !mayPass(err) && len(batch) > 1
	for _, l := range batch {
		if open || err != nil && ended && l != own { // it was not the context of the others that ended
			l.alone = open
			p.waiting = append(p.waiting, l)
			continue
		}
		l.run, l.found = runs[l.job]
		l.err = err
		close(l.done)
	}
	p.handOver()
}

// leave takes a look-up out whose context has ended. If it was its turn, it is the next one's.
func (p *Prompt) leave(own *lookUp) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, p.waiting = split(p.waiting, func(l *lookUp) bool { return l == own })
	select {
	case <-own.lead:
		p.handOver()
	default:
	}
}

// handOver makes it the turn of the first that is waiting.
func (p *Prompt) handOver() {
	p.busy = len(p.waiting) > 0
	if p.busy {
		p.waiting[0].lead <- struct{}{}
	}
}

func split[T any](all []T, fits func(T) bool) (fitting, others []T) {
	for _, one := range all {
		if fits(one) {
			fitting = append(fitting, one)
		} else {
			others = append(others, one)
		}
	}
	return fitting, others
}
