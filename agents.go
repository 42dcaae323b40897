package promptorchestra

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"slices"
)

// AgentsService authors agents and runs them. Use it as Client.Agents. The order of authoring is
// Create, CreateVersion, ValidateWorkflow, SaveWorkflow, Publish, Run. [AgentRunsService] has the
// runs.
type AgentsService struct{ c *Client }

// AgentStatus is the state of an agent. Its values are not documented, so expect any.
type AgentStatus string

// AgentListItem is an agent as List, Create and Update return it.
type AgentListItem struct {
	ID           string      `json:"id"`
	Name         string      `json:"name"`
	Slug         string      `json:"slug"`
	Description  string      `json:"description"`
	Status       AgentStatus `json:"status"`
	EntryStepKey string      `json:"entryStepKey"` // spelling inferred
	// PublishedVersion is what the server says of the published version, of any JSON type. Its name
	// is inferred. AgentVersionSummary.LiveVersion reads it.
	PublishedVersion RawJSON     `json:"publishedVersion,omitzero"`
	UsageMetrics     *AgentUsage `json:"usageMetrics"` // name inferred; nil when the response has none
	CreatedAt        Timestamp   `json:"createdAt"`    // inferred
	UpdatedAt        Timestamp   `json:"updatedAt"`    // inferred
}

// AgentUsage sums up the runs of an agent. The three figures are documented, their names are
// inferred.
type AgentUsage struct {
	RunCount      int     `json:"runCount"`
	LatencyMS     float64 `json:"latencyMs"`     // average in milliseconds (inferred)
	EstimatedCost float64 `json:"estimatedCost"` // of all runs, in USD (inferred)
}

// AgentPublishResponse says what was published. All its names are inferred.
type AgentPublishResponse struct {
	AgentID       string        `json:"agentId"`
	VersionID     string        `json:"versionId"`
	VersionNumber int           `json:"versionNumber"`
	Status        VersionStatus `json:"status"`
	PublishedAt   Timestamp     `json:"publishedAt"`
}

// AgentWorkflowSaveResponse is the graph as the server stored it. All its names are inferred.
type AgentWorkflowSaveResponse struct {
	AgentVersionID string               `json:"agentVersionId"`
	VersionNumber  int                  `json:"versionNumber"`
	EntryStepKey   string               `json:"entryStepKey"`
	Steps          []WorkflowStep       `json:"steps"`
	Transitions    []WorkflowTransition `json:"transitions"`
	UpdatedAt      Timestamp            `json:"updatedAt"`
}

// WorkflowValidationResult is the server's verdict on a graph. Issues is empty when there is
// nothing to fix. Its names are inferred.
type WorkflowValidationResult struct {
	Valid  bool                      `json:"valid"`
	Issues []WorkflowValidationIssue `json:"issues"`
}

// WorkflowValidationIssue is one mistake in a graph. Code and Message are those of a rejected
// Publish, such as "missing_entry_step" and "Entry step is required". The other names are inferred.
type WorkflowValidationIssue struct {
	Code     string `json:"code"`
	Message  string `json:"message"`
	Path     string `json:"path"` // where, such as "steps[2].promptId"
	StepKey  string `json:"stepKey"`
	Severity string `json:"severity"`
}

// Detail returns the issue as an [ErrorDetail]. That is also the type of the mistakes of
// [Workflow.Validate] and of a rejected Publish, so that all can be shown alike. Raw is the whole
// issue as JSON.
func (i WorkflowValidationIssue) Detail() ErrorDetail {
	raw, _ := json.Marshal(i) //nolint:errchkjson // strings always encode
	return ErrorDetail{Code: i.Code, Message: i.Message, Path: i.Path, Raw: raw}
}

// AgentRunResponse is a run that was started. RunID is documented, the other names are inferred. A
// run that is pending has no Output yet: [AgentRunsService.Wait] waits for it.
type AgentRunResponse struct {
	RunID              string      `json:"runId"`
	Status             RunStatus   `json:"status"`
	AgentID            string      `json:"agentId"`
	AgentVersionID     string      `json:"agentVersionId"`
	AgentVersionNumber int         `json:"agentVersionNumber"`
	Output             RawJSON     `json:"output,omitzero"`
	Diagnostic         *Diagnostic `json:"diagnostic"` // why the run failed or fell short, else nil
	// MissingVariables holds the variables that got no value, else it is nil.
	MissingVariables RawJSON `json:"missingVariables,omitzero"`
}

// AgentCreateParams describes a new agent. Name is required.
type AgentCreateParams struct {
	Name        string `json:"name"`
	Description string `json:"description,omitzero"`
}

func (p AgentCreateParams) validate() error { return required("name", p.Name) }

// AgentUpdateParams changes an agent. A field that is not set is kept; [Null] clears one.
type AgentUpdateParams struct {
	Name        Opt[string] `json:"name,omitzero"`
	Description Opt[string] `json:"description,omitzero"`
}

// AgentPublishParams chooses the version to publish. When VersionID is empty, the server chooses.
type AgentPublishParams struct {
	VersionID string `json:"versionId,omitzero"`
}

// AgentStepsParams holds the steps that SaveSteps writes. Nil is sent as an empty list.
type AgentStepsParams struct {
	Steps []WorkflowStep `json:"steps"`
}

// AgentRunParams starts a run. When VersionID is empty, the published version runs. Variables is a
// map, a struct or raw JSON that encodes to an object; nil is sent as {}.
type AgentRunParams struct {
	VersionID string `json:"versionId,omitzero"`
	Variables any    `json:"variables"`
}

// List returns all agents of the organization, or an empty slice when there are none.
//
//	GET /api/agents
//
// Beta. Access token, or API key with scope agents:read.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call.
func (s *AgentsService) List(ctx context.Context, opts ...CallOption) ([]AgentListItem, error) {
	return list[AgentListItem](ctx, (*service)(s), call{route: routeAgentsList}, opts)
}

// All streams the list of [AgentsService.List]: it yields one agent at a time while the response
// arrives, in constant memory. After an error it yields nothing more. Each range over the result
// makes a new call.
//
//	GET /api/agents
//
// Beta. Access token, or API key with scope agents:read.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505, until the response
// begins.
// Errors: those of every call.
func (s *AgentsService) All(ctx context.Context, opts ...CallOption) iter.Seq2[AgentListItem, error] {
	return stream[AgentListItem](ctx, (*service)(s), call{route: routeAgentsList}, opts)
}

// Get returns the agent with its versions and the graph of the version in use.
//
//	GET /api/agents/{agentId}
//
// Stable. Access token, or API key with scope agents:read.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; [KindNotFound] for an unknown id.
func (s *AgentsService) Get(ctx context.Context, agentID string, opts ...CallOption) (*AgentVersionSummary, error) {
	return do[AgentVersionSummary](ctx, (*service)(s), call{route: routeAgentsGet, ids: [2]string{agentID}}, opts)
}

// Create creates an agent and returns it. It has no version yet.
//
//	POST /api/agents
//
// Beta. Access token, or API key with scope agents:write.
// Not idempotent: retried only if it was not sent, or was rate limited (429).
// Errors: those of every call; [KindInvalidRequest].
func (s *AgentsService) Create(ctx context.Context, p AgentCreateParams, opts ...CallOption) (*AgentListItem, error) {
	return do[AgentListItem](ctx, (*service)(s), call{route: routeAgentsCreate, body: p}, opts)
}

// Update changes the fields that p sets and returns the agent.
//
//	PATCH /api/agents/{agentId}
//
// Beta. Access token, or API key with scope agents:write.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; [KindNotFound] for an unknown id; [KindInvalidRequest].
func (s *AgentsService) Update(ctx context.Context, agentID string, p AgentUpdateParams, opts ...CallOption) (*AgentListItem, error) {
	return do[AgentListItem](ctx, (*service)(s), call{route: routeAgentsUpdate, ids: [2]string{agentID}, body: p}, opts)
}

// CreateVersion adds a draft version to the agent and returns it. [AgentsService.SaveWorkflow]
// gives it a graph.
//
//	POST /api/agents/{agentId}/versions
//
// Beta. Access token, or API key with scope agents:write.
// Not idempotent: retried only if it was not sent, or was rate limited (429).
// Errors: those of every call; [KindNotFound] for an unknown id.
func (s *AgentsService) CreateVersion(ctx context.Context, agentID string, opts ...CallOption) (*AgentVersionRef, error) {
	return do[AgentVersionRef](ctx, (*service)(s), call{route: routeAgentsCreateVersion, ids: [2]string{agentID}}, opts)
}

// Publish freezes a version, makes it the one that runs by default, and returns what was published.
// A version with an invalid graph is rejected: the Details of the [*APIError] are its mistakes, and
// nothing is published. [Workflow.Mermaid] draws them.
//
//	POST /api/agents/{agentId}/publish
//
// Beta. Access token, or API key with scope agents:write.
// Not idempotent: retried only if it was not sent, or was rate limited (429).
// Errors: those of every call; [KindNotFound] for an unknown id; [KindInvalidGraph]; [KindConflict]
// for a version that is already published.
func (s *AgentsService) Publish(ctx context.Context, agentID string, p AgentPublishParams, opts ...CallOption) (*AgentPublishResponse, error) {
	return do[AgentPublishResponse](ctx, (*service)(s), call{route: routeAgentsPublish, ids: [2]string{agentID}, body: p}, opts)
}

// SaveWorkflow replaces the whole graph of a draft version and returns the graph as the server
// stored it. A graph with mistakes can be saved, but not published. The names of the fields in the
// request are inferred.
//
//	PUT /api/agent-versions/{agentVersionId}/workflow
//
// Beta. Access token, or API key with scope agents:write.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; [KindNotFound] for an unknown id; [KindInvalidRequest];
// [KindConflict] for a published version.
func (s *AgentsService) SaveWorkflow(ctx context.Context, agentVersionID string, w Workflow, opts ...CallOption) (*AgentWorkflowSaveResponse, error) {
	return do[AgentWorkflowSaveResponse](ctx, (*service)(s), call{route: routeAgentsSaveWorkflow, ids: [2]string{agentVersionID}, body: w}, opts)
}

// ValidateWorkflow returns the server's verdict on a graph and changes nothing. Mistakes are Issues
// of the result, not an error. [Workflow.Validate] finds many of them without a request. The names
// of the fields in the request are inferred.
//
//	POST /api/agent-versions/{agentVersionId}/workflow/validate
//
// Beta. Access token, or API key with scope agents:write.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; [KindNotFound] for an unknown id; [KindInvalidRequest].
func (s *AgentsService) ValidateWorkflow(ctx context.Context, agentVersionID string, w Workflow, opts ...CallOption) (*WorkflowValidationResult, error) {
	return do[WorkflowValidationResult](ctx, (*service)(s), call{route: routeAgentsValidateWorkflow, ids: [2]string{agentVersionID}, body: w}, opts)
}

// SaveSteps writes the steps of a draft version and returns them. Prefer
// [AgentsService.SaveWorkflow], which saves the transitions too and is idempotent.
//
//	POST /api/agent-versions/{agentVersionId}/steps
//
// Classic. Access token or API key.
// Not idempotent: retried only if it was not sent, or was rate limited (429).
// Errors: those of every call; [KindNotFound] for an unknown id; [KindInvalidRequest];
// [KindConflict] for a published version.
func (s *AgentsService) SaveSteps(ctx context.Context, agentVersionID string, p AgentStepsParams, opts ...CallOption) ([]WorkflowStep, error) {
	p.Steps = notNil(p.Steps)
	return list[WorkflowStep](ctx, (*service)(s), call{route: routeAgentsSaveSteps, ids: [2]string{agentVersionID}, body: p, decode: decodeSteps}, opts)
}

// Run starts a run of the agent and returns its id. Each run is billed. The run may have failed
// already, or may fail later: it is done only if its Status.Succeeded reports true.
// [AgentRunsService.Wait] waits for the result. If [OutcomeUnknown] reports true for the error, the
// run may have happened: check before you start another. [RunID] returns its id if the response
// named it.
//
//	POST /api/agents/{agentId}/run
//
// Stable. Access token only: an API key is not accepted.
// Not idempotent: retried only if it was not sent, or was rate limited (429).
// Errors: those of every call; [KindNotFound] for an unknown id; [KindInvalidRequest];
// [KindConflict] when no version is published; [KindInvalidGraph] for a version with an invalid
// graph (inferred); [KindEntitlement] for a plan without AI features; [KindServer] when a provider
// fails.
func (s *AgentsService) Run(ctx context.Context, agentID string, p AgentRunParams, opts ...CallOption) (*AgentRunResponse, error) {
	p.Variables = object("variables", p.Variables)
	return do[AgentRunResponse](ctx, (*service)(s), call{route: routeAgentsRun, ids: [2]string{agentID}, body: p}, opts)
}

// RunAndWait is [AgentsService.Run] followed by [AgentRunsService.Wait]. Each run is billed. A run
// that failed is returned without an error: Run.Status.Succeeded reports whether it succeeded. Once
// the run has started, [OutcomeUnknown] reports true for every error, and [RunID] returns the run's
// id: wait for it with Wait, and do not start another.
//
// The options apply to the run and to each poll, except that [WithExtraBody] applies to the run
// alone.
//
//	POST /api/agents/{agentId}/run
//	GET /api/agent-runs/{runId}
//
// Stable. Access token only: an API key is not accepted.
// Not idempotent: retried only if it was not sent, or was rate limited (429).
// Errors: those of every call; Run's, such as [KindEntitlement] and [KindNotFound] for an unknown
// id; Wait's, wrapped in a [*TransportError] or as a [*DecodeError].
func (s *AgentsService) RunAndWait(ctx context.Context, agentID string, p AgentRunParams, opts ...CallOption) (*AgentRunDetail, error) {
	in := call{route: routeAgentsRunAndWait, ids: [2]string{agentID}}
	return observe(ctx, (*service)(s), in, opts, func(ctx context.Context, r *request) (*AgentRunDetail, error) {
		poll := call{route: routeAgentRunsGet, ids: [2]string{"run"}}
		response, opts := r.captureIn(opts)
		pollOpts := append(slices.Clip(opts), withoutExtraBody)
		check := &request{client: r.client, call: poll, options: &noOptions, ctx: ctx}
		if err := check.prepare(pollOpts); err != nil {
			return nil, r.reject(err) // before there is a run to pay for
		}
		run, err := s.Run(ctx, agentID, p, opts...)
		if err != nil {
			return nil, err
		}
		if run.RunID == "" {
			return run.detail(r, response)
		}
		poll.ids[0] = run.RunID
		r.call.query = []param{{name: "runId", value: run.RunID}} // for errors: nothing is sent of r
		return waitFor(ctx, r, poll, pollOpts, (*AgentRunDetail).state)
	})
}

var (
	routeAgentsRunAndWait = newComposite("Agents.RunAndWait", routeAgentsRun)

	withoutExtraBody = callOption(func(cfg *callConfig) error { cfg.extraBody = nil; return nil })

	errNoRunID = errors.New("the response has no id of a run to wait for")
)

// detail returns a run that cannot be waited for, because it has no id, if it has ended: it is paid
// for.
func (a *AgentRunResponse) detail(r *request, response *Response) (*AgentRunDetail, error) {
	d := &AgentRunDetail{
		Run: AgentRun{
			Status: a.Status, AgentID: a.AgentID, AgentVersionID: a.AgentVersionID, AgentVersionNumber: a.AgentVersionNumber, Output: a.Output,
		},
		Diagnostic: a.Diagnostic,
	}
	if !d.state().ended() {
		return nil, r.unusable(response, errNoRunID)
	}
	return d, nil
}

// DiffVersion returns the differences between versionID and againstVersionID. Both are required.
//
//	GET /api/agents/{agentId}/versions/{versionId}/diff
//
// Beta. Access token, or API key with scope agents:read.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; [KindNotFound] for an unknown id.
func (s *AgentsService) DiffVersion(ctx context.Context, agentID, versionID, againstVersionID string, opts ...CallOption) (*AgentVersionDiff, error) {
	return do[AgentVersionDiff](ctx, (*service)(s), call{
		route: routeAgentsDiffVersion, ids: [2]string{agentID, versionID},
		query: []param{{name: "againstVersionId", value: againstVersionID}},
	}, opts)
}

// RollbackVersion restores an earlier version and returns the version that runs by default from
// then on. That this is a new version with the earlier graph is inferred.
//
//	POST /api/agents/{agentId}/versions/{versionId}/rollback
//
// Beta. Access token, or API key with scope agents:write.
// Not idempotent: retried only if it was not sent, or was rate limited (429).
// Errors: those of every call; [KindNotFound] for an unknown id; [KindConflict] for a version that
// cannot be restored.
func (s *AgentsService) RollbackVersion(ctx context.Context, agentID, versionID string, opts ...CallOption) (*AgentVersionRef, error) {
	return do[AgentVersionRef](ctx, (*service)(s), call{route: routeAgentsRollbackVersion, ids: [2]string{agentID, versionID}}, opts)
}

// notNil returns an empty slice for nil, which JSON would encode as null instead of [].
func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
