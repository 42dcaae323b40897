package promptorchestra

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// AgentRunsService reads, compares and reruns recorded runs of agents. Use it as Client.AgentRuns.
type AgentRunsService struct{ c *Client }

// RunStatus is the state of a run. Its values are not documented, so expect any.
// [RunStatus.Pending] and [RunStatus.Failed] sort them.
type RunStatus string

// The states of a run that has not finished. A new run is running; the other two are inferred.
const (
	RunStatusRunning RunStatus = "running"
	RunStatusQueued  RunStatus = "queued"
	RunStatusPending RunStatus = "pending"
)

// Pending reports whether the run has not finished yet. A status that this version does not know
// counts as finished, so that waiting for it ends.
func (s RunStatus) Pending() bool {
	switch RunStatus(strings.ToLower(string(s))) {
	case RunStatusRunning, RunStatusQueued, RunStatusPending:
		return true
	}
	return false
}

// Failed reports whether the run has finished without a result: failed, error, errored, cancelled,
// canceled, timed_out, timeout, expired or rejected. These values are not documented: they are
// inferred. A status that this version does not know is neither pending nor failed.
func (s RunStatus) Failed() bool {
	switch strings.ToLower(string(s)) {
	case "failed", "error", "errored", "cancelled", "canceled", "timed_out", "timeout", "expired", "rejected":
		return true
	}
	return false
}

// AgentRunDetail is a recorded run of an agent with all that the server says of it.
type AgentRunDetail struct {
	Run           AgentRun            `json:"run"`
	ContractTrace *AgentContractTrace `json:"contractTrace"` // nil when the response has none
	Validation    *RunValidation      `json:"validation"`    // nil when the response has none
	Diagnostic    *Diagnostic         `json:"diagnostic"`    // why it failed or fell short, else nil
	DecisionTrace []AgentDecision     `json:"decisionTrace"`
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
// Each run is billed. When [OutcomeUnknown] is true of the error, the run may have happened: check
// before starting another. [RunID] returns its id, when the response named it.
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

// The default waits between two polls of Wait.
const (
	defaultFirstPoll = 500 * time.Millisecond
	defaultMostPoll  = 10 * time.Second
)

// Wait polls the run with [AgentRunsService.Get] until it is no longer pending, and returns it. A
// run that failed is returned like any other, not as an error: Run.Status.Failed reports that it
// failed, and Diagnostic says why.
//
// The first wait takes half a second, and waits grow to ten seconds; [WithPollInterval] sets both.
// Wait has no time limit of its own: give ctx a deadline. When ctx ends between two polls, the
// error is a [*TransportError] that wraps the context's error. An error of Get ends the wait too.
// After either, Wait may be called again. The options apply to each poll.
//
//	GET /api/agent-runs/{runId}
//
// Stable. Access token, or API key with scope runs:read.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; [KindNotFound] for an unknown id.
func (s *AgentRunsService) Wait(ctx context.Context, runID string, opts ...CallOption) (*AgentRunDetail, error) {
	in := call{route: routeAgentRunsWait, ids: [2]string{runID}}
	return observe(ctx, (*service)(s), in, opts, func(ctx context.Context, r *request) (*AgentRunDetail, error) {
		wait, most := pollInterval(opts)
		for {
			run, err := s.Get(ctx, runID, opts...)
			if err != nil || !run.Run.Status.Pending() {
				return run, err
			}
			// Half of the wait is jitter, so that callers who began together do not poll together.
			if err := sleep(ctx, wait/2+rand.N(wait-wait/2)); err != nil {
				return nil, waitEnded(r, err)
			}
			if wait < most-wait/2 {
				wait += wait/2 + 1
			} else {
				wait = most
			}
		}
	})
}

var routeAgentRunsWait = newComposite("AgentRuns.Wait", routeAgentRunsGet)

// pollInterval returns the waits that the options set. A bad option is an error of the first poll,
// before anything is sent.
func pollInterval(opts []CallOption) (first, most time.Duration) {
	var cfg callConfig
	for _, opt := range opts {
		if opt != nil {
			_ = opt.applyCall(&cfg)
		}
	}
	if cfg.mostPoll > 0 {
		return cfg.firstPoll, cfg.mostPoll
	}
	return defaultFirstPoll, defaultMostPoll
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

// waitEnded returns the error for a context that ended between two polls, while no request was in
// flight.
func waitEnded(r *request, err error) error {
	return &TransportError{
		CallInfo: r.info(), Err: fmt.Errorf("waiting for the run to end: %w", err), callerContextEnded: true,
	}
}
