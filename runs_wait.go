package promptorchestra

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

// RunStatus is the state of a run. Its values are not documented, so expect any: Succeeded, Failed
// and Pending each know a few words, and a status may be none of these.
type RunStatus string

// The states of a run that has not finished. A new run is running; the other two are inferred.
const (
	RunStatusRunning RunStatus = "running"
	RunStatusQueued  RunStatus = "queued"
	RunStatusPending RunStatus = "pending"
)

// Succeeded reports whether the status is a word for success: completed, succeeded or success, in
// any casing. These words are inferred. Any other status says nothing of the kind, even if it is
// neither Failed nor Pending.
//
//mutelist:check
func (s RunStatus) Succeeded() bool {
	switch strings.ToLower(string(s)) {
	case "completed", "succeeded", "success":
		return true
	}
	return false
}

// Failed reports whether the status is a word for a run that ended without a result: failed, error,
// errored, cancelled, canceled, timed_out, timeout, expired or rejected, in any casing. These words
// are inferred.
//
//mutelist:check
func (s RunStatus) Failed() bool {
	switch strings.ToLower(string(s)) {
	case "failed", "error", "errored", "cancelled", "canceled", "timed_out", "timeout", "expired", "rejected":
		return true
	}
	return false
}

// Pending reports whether the status is a word for a run that has not finished yet: running, queued
// or pending, in any casing. The last two are inferred.
func (s RunStatus) Pending() bool {
	switch RunStatus(strings.ToLower(string(s))) {
	case RunStatusRunning, RunStatusQueued, RunStatusPending:
		return true
	}
	return false
}

const (
	defaultFirstPoll = 500 * time.Millisecond
	defaultMostPoll  = 10 * time.Second

	// maxUnknownStatus is how long Wait polls a run whose status it does not know, after the status
	// last changed, when ctx has no deadline.
	maxUnknownStatus = 10 * time.Minute
)

var errNoRunState = errors.New("nothing shows whether the run has ended: it has no status, output or time of completion")

// runState is what Wait reads in a record of a run.
type runState struct {
	status RunStatus
	signs  bool // an output with a value, or a time of completion
}

func newRunState(status RunStatus, output RawJSON, completed Timestamp) runState {
	return runState{status, isOutput(output) || !completed.IsZero()}
}

// ended reports whether the run has ended. Beside a pending status an output may be partial.
func (s runState) ended() bool {
	return s.status.Succeeded() || s.status.Failed() || s.signs && !s.status.Pending()
}

// isOutput reports whether a member holds the output of a run. Unlike elsewhere, 0 and false do.
func isOutput(value RawJSON) bool {
	text := jsonscan.SkipSpace(value)
	if len(text) == 0 {
		return false
	}
	switch jsonscan.Kind(text[0]) {
	case "number", "bool":
		return true
	}
	return !jsonscan.IsEmpty(text)
}

// A waiter polls a run for a composite, whose options and errors are r's.
type waiter struct {
	r        *request
	response *Response // of the last poll
	wait     time.Duration

	unknown RunStatus // the last status, if it is an unknown one
	since   time.Time // when that was first seen
}

// waitFor polls a run until it has ended.
func waitFor[T any](ctx context.Context, r *request, poll call, opts []CallOption, state func(*T) runState) (*T, error) {
	w := waiter{r: r, wait: cmp.Or(r.options.firstPoll, defaultFirstPoll)}
	w.response, opts = r.captureIn(opts)
	for {
		run, err := do[T](ctx, &service{r.client}, poll, opts)
		if err != nil {
			return nil, w.failed(err)
		}
		now := state(run)
		if now.ended() {
			return run, nil
		}
		if err := w.check(ctx, now.status); err != nil {
			return nil, err
		}
		if err := w.pause(ctx); err != nil {
			return nil, w.ended(now.status, err)
		}
	}
}

// check returns an error for a run of which polling tells nothing.
func (w *waiter) check(ctx context.Context, status RunStatus) error {
	switch {
	case status.Pending():
		w.unknown = ""
	case status == "":
		return w.r.unusable(w.response, errNoRunState)
	case status != w.unknown:
		w.unknown, w.since = status, time.Now()
	default:
		if _, given := ctx.Deadline(); !given && time.Since(w.since) >= maxUnknownStatus {
			return w.r.unusable(w.response, fmt.Errorf("its status %q is unknown, and has not changed for ten minutes", clean(string(status), 80)))
		}
	}
	return nil
}

// pause waits until the next poll. Half of a wait is jitter, so that callers who started together
// do not poll together.
func (w *waiter) pause(ctx context.Context) error {
	most := cmp.Or(w.r.options.mostPoll, defaultMostPoll)
	wait := w.wait
	if w.wait = most; wait < most-wait/2 {
		w.wait = wait + wait/2 + 1
	}
	return sleep(ctx, wait/2+rand.N(wait-wait/2))
}

// failed returns the error for a poll that failed. For a composite that started the run, that is an
// error of its own: the run exists, and starting another would be paid for, too.
func (w *waiter) failed(err error) error {
	if w.r.idempotent() {
		return err
	}
	info := w.r.info()
	return &TransportError{
		CallInfo: info, OutcomeUnknown: true,
		Err: fmt.Errorf("run %q was started, and waiting for it failed: %w", awaitedRun(&info), err),
	}
}

// ended returns the error for a context that ended between two polls, while no request was in
// flight.
func (w *waiter) ended(status RunStatus, err error) error {
	info := w.r.info()
	return &TransportError{
		CallInfo: info, OutcomeUnknown: !w.r.idempotent(), callerContextEnded: true,
		Err: fmt.Errorf("run %q has not ended, its status is %q: %w", awaitedRun(&info), clean(string(status), 80), err),
	}
}

// unusable returns the error for a response that a composite cannot go on with.
func (r *request) unusable(response *Response, err error) error {
	info := r.info()
	if id := awaitedRun(&info); id != "" {
		err = fmt.Errorf("run %q: %w", id, err)
	}
	return &DecodeError{
		CallInfo: info, StatusCode: response.StatusCode, RequestID: response.RequestID, Body: response.Body, Err: err,
	}
}

// captureIn returns where the responses of a composite's calls are captured, and their options.
func (r *request) captureIn(opts []CallOption) (*Response, []CallOption) {
	if r.options.response == nil {
		own := *r.options
		own.response = new(Response)
		r.options, opts = &own, append(slices.Clip(opts), WithResponse(own.response))
	}
	return r.options.response, opts
}

// sleep returns nil after d, or the context's error, with its cause, as soon as ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		if cause := context.Cause(ctx); !errors.Is(cause, ctx.Err()) {
			return fmt.Errorf("%w: %w", ctx.Err(), cause)
		}
		return ctx.Err()
	}
}
