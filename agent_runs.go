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

// AgentRunsService reads, compares and reruns recorded runs of agents. Use it as Client.AgentRuns.
type AgentRunsService struct{ c *Client }

// AgentRunDetail is a recorded run of an agent with all that the server says of it.
type AgentRunDetail struct {
	Run           AgentRun            `json:"run"`
	ContractTrace *AgentContractTrace `json:"contractTrace"` // nil when the response has none
	Validation    *RunValidation      `json:"validation"`    // nil when the response has none
	Diagnostic    *Diagnostic         `json:"diagnostic"`    // why it failed or fell short, else nil
	DecisionTrace []AgentDecision     `json:"decisionTrace"`
	// MissingVariables is inferred. It holds the variables that got no value, else it is nil.
	MissingVariables RawJSON `json:"missingVariables,omitzero"`
}

// AgentRun is the run itself.
type AgentRun struct {
	ID                 string    `json:"id"`
	Status             RunStatus `json:"status"`
	AgentID            string    `json:"agentId"`
	AgentVersionID     string    `json:"agentVersionId"`
	AgentVersionNumber int       `json:"agentVersionNumber"`
	Output             RawJSON   `json:"output,omitzero"`
	CreatedAt          Timestamp `json:"createdAt"`   // inferred
	CompletedAt        Timestamp `json:"completedAt"` // inferred; zero while the run is pending
}

// AgentContractTrace holds what went into the run and came out of it. It is the caller's own data.
type AgentContractTrace struct {
	ActualBoundInput       RawJSON `json:"actualBoundInput,omitzero"`
	ActualStructuredOutput RawJSON `json:"actualStructuredOutput,omitzero"`
	RenderedPromptTrace    RawJSON `json:"renderedPromptTrace,omitzero"`
}

// RunValidation says whether the output fits the declared contract.
type RunValidation struct {
	OutputContract RawJSON `json:"outputContract,omitzero"`
}

// AgentDecision is one decision that the run made on its way through the graph. That Step, Decision
// and Reason are text is inferred.
type AgentDecision struct {
	Step     string  `json:"step"`
	Decision string  `json:"decision"`
	Reason   string  `json:"reason"`
	Inputs   RawJSON `json:"inputs,omitzero"` // nil when the response has none
}

// AgentReplayInputs is what a run was started with. Start another run from it with
// [AgentsService.Run]. All its names are inferred.
type AgentReplayInputs struct {
	RunID          string  `json:"runId"`
	AgentID        string  `json:"agentId"`
	AgentVersionID string  `json:"agentVersionId"`
	Variables      RawJSON `json:"variables,omitzero"`
}

// AgentRerunResponse is a rerun that was started. RunID, the id of the new run, is documented; the
// other names are inferred.
type AgentRerunResponse struct {
	RunID       string    `json:"runId"`
	Status      RunStatus `json:"status"`
	SourceRunID string    `json:"sourceRunId"`
	StepKey     string    `json:"stepKey"`
	Output      RawJSON   `json:"output,omitzero"`
	// Diagnostic says why the run failed or fell short. It is nil when the response has none.
	Diagnostic       *Diagnostic `json:"diagnostic"`
	MissingVariables RawJSON     `json:"missingVariables,omitzero"` // those that got no value, or nil
}

// AgentRunComparison holds the differences between two runs. All its names are inferred.
type AgentRunComparison struct {
	LeftRunID   string  `json:"leftRunId"`
	RightRunID  string  `json:"rightRunId"`
	Left        RawJSON `json:"left,omitzero"`
	Right       RawJSON `json:"right,omitzero"`
	Differences RawJSON `json:"differences,omitzero"`
}

type rerunParams struct {
	StepKey string `json:"stepKey"`
}

func (p rerunParams) validate() error { return required("stepKey", p.StepKey) }

// Get returns the recorded run as it is now. A run that failed is returned with a Diagnostic, not
// as an error.
//
//	GET /api/agent-runs/{runId}
//
// Stable. Access token, or API key with scope runs:read.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; [KindNotFound] for an unknown id.
func (s *AgentRunsService) Get(ctx context.Context, runID string, opts ...CallOption) (*AgentRunDetail, error) {
	return do[AgentRunDetail](ctx, (*service)(s), call{route: routeAgentRunsGet, ids: [2]string{runID}}, opts)
}

// Compare returns the differences between two runs. Both ids are required.
//
//	GET /api/agent-runs/compare
//
// Beta. Access token, or API key with scope runs:read.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; [KindNotFound] for an unknown id.
func (s *AgentRunsService) Compare(ctx context.Context, leftRunID, rightRunID string, opts ...CallOption) (*AgentRunComparison, error) {
	return do[AgentRunComparison](ctx, (*service)(s), call{
		route: routeAgentRunsCompare,
		query: []param{{name: "leftRunId", value: leftRunID}, {name: "rightRunId", value: rightRunID}},
	}, opts)
}

// LoadInputs returns what the run was started with. It is a POST that only reads.
//
//	POST /api/agent-runs/{runId}/load-inputs
//
// Stable. Access token, or API key with scope runs:read.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; [KindNotFound] for an unknown id.
func (s *AgentRunsService) LoadInputs(ctx context.Context, runID string, opts ...CallOption) (*AgentReplayInputs, error) {
	return do[AgentReplayInputs](ctx, (*service)(s), call{route: routeAgentRunsLoadInputs, ids: [2]string{runID}}, opts)
}

// RerunFromStep starts a new run from one step of an earlier run and returns the id of the new run.
// Each run is billed. If [OutcomeUnknown] reports true for the error, the run may have happened:
// check before you start another. [RunID] returns its id if the response named it.
//
//	POST /api/agent-runs/{runId}/rerun-from-step
//
// Stable. Access token only: an API key is not accepted.
// Not idempotent: retried only if it was not sent, or was rate limited (429).
// Errors: those of every call; [KindNotFound] for an unknown id; [KindInvalidRequest] for an
// unknown step; [KindConflict] while the earlier run is pending; [KindEntitlement] for a plan
// without AI features; [KindServer] when a provider fails.
func (s *AgentRunsService) RerunFromStep(ctx context.Context, runID, stepKey string, opts ...CallOption) (*AgentRerunResponse, error) {
	return do[AgentRerunResponse](ctx, (*service)(s), call{
		route: routeAgentRunsRerunFromStep, ids: [2]string{runID},
		body: rerunParams{StepKey: stepKey},
	}, opts)
}

// Wait polls the run with [AgentRunsService.Get] until it has ended, and returns it. A run that
// failed is returned without an error, because it was paid for: Run.Status.Succeeded reports
// whether it succeeded, and Diagnostic says why it failed.
//
// A run has ended if its status is a word for success or failure. If the status is missing or
// unknown to this version, the run has ended if it has an output or a completion time. A pending
// run is polled on, whatever else it has. A run with an unknown status and neither of these is
// polled until ctx ends or, if ctx has no deadline, for ten minutes after the status last changed.
//
// The first wait takes half a second, and waits grow to ten seconds; [WithPollInterval] changes
// both. A pending run is polled without a limit: give ctx a deadline. If ctx ends between two
// polls, the error is a [*TransportError] that wraps the context's error. An error from Get ends
// the wait too. In both cases Wait can be called again. The options apply to each poll.
//
//	GET /api/agent-runs/{runId}
//
// Stable. Access token, or API key with scope runs:read.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; [KindNotFound] for an unknown id; [*DecodeError] if the response is
// another run, has neither a status nor a sign that the run has ended, or keeps an unknown status
// for ten minutes.
func (s *AgentRunsService) Wait(ctx context.Context, runID string, opts ...CallOption) (*AgentRunDetail, error) {
	in := call{route: routeAgentRunsWait, ids: [2]string{runID}}
	return observe(ctx, (*service)(s), in, opts, func(ctx context.Context, r *request) (*AgentRunDetail, error) {
		return waitFor(ctx, r, call{route: routeAgentRunsGet, ids: in.ids}, opts, (*AgentRunDetail).state)
	})
}

var routeAgentRunsWait = newComposite("AgentRuns.Wait", routeAgentRunsGet)

func (d *AgentRunDetail) state() runState {
	return newRunState(d.Run.ID, d.Run.Status, isOutput(d.Run.Output), d.Run.CompletedAt)
}

// RunStatus is the state of a run. Its values are not documented, so expect any. Succeeded, Failed
// and Pending recognize a few words each; a status may be none of these.
type RunStatus string

// The states of a run that has not finished. A new run is running; the other two are inferred.
const (
	RunStatusRunning RunStatus = "running"
	RunStatusQueued  RunStatus = "queued"
	RunStatusPending RunStatus = "pending"
)

// Succeeded reports whether the status is a word for success: completed, succeeded or success, in
// any casing (inferred). No other status shows success, even if it is neither Failed nor Pending.
//
//mutelist:check
func (s RunStatus) Succeeded() bool {
	return s.isIn([]RunStatus{"completed", "succeeded", "success"})
}

// Failed reports whether the status is a word for a run that ended without a result: failed, error,
// errored, cancelled, canceled, timed_out, timedOut, timeout, expired or rejected, in any casing
// (inferred).
//
//mutelist:check
func (s RunStatus) Failed() bool {
	return s.isIn([]RunStatus{
		"failed", "error", "errored", "cancelled", "canceled", "timed_out", "timedout", "timeout", "expired", "rejected",
	})
}

// Pending reports whether the status is a word for a run that has not finished: running, queued or
// pending, in any casing. The last two are inferred.
func (s RunStatus) Pending() bool {
	return s.isIn([]RunStatus{RunStatusRunning, RunStatusQueued, RunStatusPending})
}

func (s RunStatus) isIn(words []RunStatus) bool {
	return slices.Contains(words, RunStatus(strings.ToLower(string(s))))
}

const (
	defaultFirstPoll = 500 * time.Millisecond
	defaultMostPoll  = 10 * time.Second

	// maxUnknownStatus is how long Wait polls a run whose status it does not know, after the status
	// last changed, when ctx has no deadline.
	maxUnknownStatus = 10 * time.Minute
)

var errNoRunState = errors.New("the response does not show whether the run has ended: it has no status, no output and no completion time")

// runState is what Wait reads in a record of a run.
type runState struct {
	id     string
	status RunStatus
	signs  bool // an output with a value, or a time of completion
}

// newRunState takes no time of completion that stands for none, such as 1970-01-01 or 9999-12-31.
func newRunState(id string, status RunStatus, output bool, completed Timestamp) runState {
	year := completed.Year()
	return runState{id, status, output || year >= 2000 && year < 2100}
}

// ended reports whether the run has ended. Beside a pending status an output may be partial.
func (s runState) ended() bool {
	return s.status.Succeeded() || s.status.Failed() || s.signs && !s.status.Pending()
}

// isOutput reports whether a member holds the output of a run. Unlike elsewhere, 0 and false do.
func isOutput(value []byte) bool {
	text := jsonscan.SkipSpace(value)
	if len(text) == 0 {
		return false
	}
	kind := jsonscan.Kind(text[0])
	return kind == "number" || kind == "bool" || !jsonscan.IsEmpty(text)
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
		if now.id != "" && !strings.EqualFold(now.id, poll.ids[0]) {
			return nil, w.r.unusable(w.response, fmt.Errorf("the response is about another run, %q", clean(now.id, 80)))
		}
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
			return w.r.unusable(w.response, fmt.Errorf("the run's status %q is unknown and has not changed for ten minutes", clean(string(status), 80)))
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
		Err: fmt.Errorf("run %q was started, but waiting for it failed: %w", awaitedRun(&info), err),
	}
}

// ended returns the error for a context that ended between two polls, while no request was in
// flight.
func (w *waiter) ended(status RunStatus, err error) error {
	info := w.r.info()
	return &TransportError{
		CallInfo: info, OutcomeUnknown: !w.r.idempotent(), callerContextEnded: true,
		Err: fmt.Errorf("run %q has not ended; its status is %q: %w", awaitedRun(&info), clean(string(status), 80), err),
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
