package promptorchestra

import "context"

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

// Wait polls the run with [AgentRunsService.Get] until it has ended, and returns it. A run that
// failed is returned like any other, not as an error: it was paid for. Run.Status.Succeeded reports
// that it succeeded, and Diagnostic says why it did not.
//
// A run has ended if its status has Succeeded or Failed; or, with a status that this version does
// not know or none, if it has an output or a time of completion. A pending run goes on, whatever it
// has. An unknown status without such a sign is polled as well: until ctx ends or, if ctx has no
// deadline, for ten minutes after the status last changed.
//
// The first wait takes half a second, and waits grow to ten seconds; [WithPollInterval] sets both.
// A pending run is polled without end: give ctx a deadline. When ctx ends between two polls, the
// error is a [*TransportError] that wraps the context's error. An error of Get ends the wait too.
// After either, Wait may be called again. The options apply to each poll.
//
//	GET /api/agent-runs/{runId}
//
// Stable. Access token, or API key with scope runs:read.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; [KindNotFound] for an unknown id; a [*DecodeError] for a run that
// shows neither a status nor a sign that it has ended, or an unknown status for ten minutes.
func (s *AgentRunsService) Wait(ctx context.Context, runID string, opts ...CallOption) (*AgentRunDetail, error) {
	in := call{route: routeAgentRunsWait, ids: [2]string{runID}}
	return observe(ctx, (*service)(s), in, opts, func(ctx context.Context, r *request) (*AgentRunDetail, error) {
		return waitFor(ctx, r, call{route: routeAgentRunsGet, ids: in.ids}, opts, (*AgentRunDetail).state)
	})
}

var routeAgentRunsWait = newComposite("AgentRuns.Wait", routeAgentRunsGet)

func (d *AgentRunDetail) state() runState {
	return newRunState(d.Run.Status, d.Run.Output, d.Run.CompletedAt)
}
