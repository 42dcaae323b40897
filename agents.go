package promptorchestra

import (
	"context"
	"encoding/json"
	"iter"
)

// AgentsService authors agents and runs them. The order of authoring is Create, CreateVersion, ValidateWorkflow,
// SaveWorkflow, Publish, Run; then look at the run with [AgentRunsService.Get]. Use it as Client.Agents.
type AgentsService struct{ c *Client }

// AgentStatus is the state of an agent. No source lists its values, so expect any.
type AgentStatus string

// AgentListItem is an agent as List, Create and Update answer it.
type AgentListItem struct {
	ID           string      `json:"id"`
	Name         string      `json:"name"`
	Slug         string      `json:"slug"`
	Description  string      `json:"description"`
	Status       AgentStatus `json:"status"`
	EntryStepKey string      `json:"entryStepKey"` // spelling inferred
	// PublishedVersion is whatever the server says of the published version; its name and type are inferred.
	PublishedVersion RawJSON     `json:"publishedVersion"`
	UsageMetrics     *AgentUsage `json:"usageMetrics"` // name inferred; nil when the answer has none
	CreatedAt        Timestamp   `json:"createdAt"`    // inferred
	UpdatedAt        Timestamp   `json:"updatedAt"`    // inferred
}

// AgentUsage sums up the runs of an agent. That it has these three figures is documented, their names are inferred.
type AgentUsage struct {
	RunCount      int     `json:"runCount"`
	LatencyMS     float64 `json:"latencyMs"`     // milliseconds, on average (inferred)
	EstimatedCost float64 `json:"estimatedCost"` // USD, of all runs (inferred)
}

// AgentPublishResponse says what was published. All its names are inferred.
type AgentPublishResponse struct {
	AgentID       string        `json:"agentId"`
	VersionID     string        `json:"versionId"`
	VersionNumber int           `json:"versionNumber"`
	Status        VersionStatus `json:"status"`
	PublishedAt   Timestamp     `json:"publishedAt"`
}

// AgentWorkflowSaveResponse is the workflow as the server keeps it now. All its names are inferred.
type AgentWorkflowSaveResponse struct {
	AgentVersionID string               `json:"agentVersionId"`
	VersionNumber  int                  `json:"versionNumber"`
	EntryStepKey   string               `json:"entryStepKey"`
	Steps          []WorkflowStep       `json:"steps"`
	Transitions    []WorkflowTransition `json:"transitions"`
	UpdatedAt      Timestamp            `json:"updatedAt"`
}

// WorkflowValidationResult is the server's verdict on a workflow: Issues is empty when there is nothing to mend.
// Its names are inferred.
type WorkflowValidationResult struct {
	Valid  bool                      `json:"valid"`
	Issues []WorkflowValidationIssue `json:"issues"`
}

// WorkflowValidationIssue is one mistake in a workflow. Code and Message are those of a refused Publish
// ("missing_entry_step", "Entry step is required"); the other names are inferred.
type WorkflowValidationIssue struct {
	Code     string `json:"code"`
	Message  string `json:"message"`
	Path     string `json:"path"` // where, such as "steps[2].promptId"
	StepKey  string `json:"stepKey"`
	Severity string `json:"severity"`
}

// Detail returns the issue as an [ErrorDetail], the type of the mistakes that [Workflow.Validate] and a
// rejected Publish report, so that all can be shown alike. Raw is the whole issue as JSON.
func (i WorkflowValidationIssue) Detail() ErrorDetail {
	raw, _ := json.Marshal(i) //nolint:errchkjson // strings always encode
	return ErrorDetail{Code: i.Code, Message: i.Message, Path: i.Path, Raw: raw}
}

// AgentRunResponse answers a started run. RunID is documented, the rest is inferred; a run that has not finished
// has no Output yet: wait for it with [AgentRunsService.Wait].
type AgentRunResponse struct {
	RunID              string      `json:"runId"`
	Status             RunStatus   `json:"status"`
	AgentID            string      `json:"agentId"`
	AgentVersionID     string      `json:"agentVersionId"`
	AgentVersionNumber int         `json:"agentVersionNumber"`
	Output             RawJSON     `json:"output"`
	Diagnostic         *Diagnostic `json:"diagnostic"` // why the run failed or fell short; nil otherwise
}

// AgentCreateParams describes a new agent. Name is required.
type AgentCreateParams struct {
	Name        string `json:"name"`
	Description string `json:"description,omitzero"`
}

func (p AgentCreateParams) validate() error { return required("name", p.Name) }

// AgentUpdateParams changes an agent: what is not set is kept, [Null] clears.
type AgentUpdateParams struct {
	Name        Opt[string] `json:"name,omitzero"`
	Description Opt[string] `json:"description,omitzero"`
}

// AgentPublishParams chooses the version to publish; which one the server takes when VersionID is empty is its choice.
type AgentPublishParams struct {
	VersionID string `json:"versionId,omitzero"`
}

// AgentStepsParams holds the steps that SaveSteps writes. No steps are sent as an empty list.
type AgentStepsParams struct {
	Steps []WorkflowStep `json:"steps"`
}

// AgentRunParams starts a run. Without VersionID the published version runs. Variables is a map, a struct or raw
// JSON that encodes to an object; none are sent as {}.
type AgentRunParams struct {
	VersionID string `json:"versionId,omitzero"`
	Variables any    `json:"variables"`
}

// List returns all agents of the organization; none is an empty list.
//
// Beta. Either credential, scope agents:read. Repeated safely. Errors: those of every call.
func (s *AgentsService) List(ctx context.Context, opts ...CallOption) ([]AgentListItem, error) {
	return list[AgentListItem](ctx, s.c, call{route: routeAgentsList}, opts)
}

// All is [AgentsService.List] as a stream: one agent at a time, in constant memory. An error is the last pair; each
// range over the result makes a call of its own.
//
// Beta. Either credential, scope agents:read. Repeated safely until the answer begins. Errors: those of every call.
func (s *AgentsService) All(ctx context.Context, opts ...CallOption) iter.Seq2[AgentListItem, error] {
	return stream[AgentListItem](ctx, s.c, call{route: routeAgentsList}, opts)
}

// Get returns the agent with the version in use.
//
// Stable. Either credential, scope agents:read. Repeated safely. Errors: those of every call; [KindNotFound] for an
// unknown id.
func (s *AgentsService) Get(ctx context.Context, agentID string, opts ...CallOption) (*AgentVersionSummary, error) {
	return do[AgentVersionSummary](ctx, s.c, call{route: routeAgentsGet, ids: [2]string{agentID}}, opts)
}

// Create returns the new agent, which has no version yet.
//
// Beta. Either credential, scope agents:write. Never repeated. Errors: those of every call; [KindInvalidRequest].
func (s *AgentsService) Create(ctx context.Context, p AgentCreateParams, opts ...CallOption) (*AgentListItem, error) {
	return do[AgentListItem](ctx, s.c, call{route: routeAgentsCreate, body: p}, opts)
}

// Update changes what p sets and returns the agent.
//
// Beta. Either credential, scope agents:write. Repeated safely. Errors: those of every call; [KindNotFound] for an
// unknown id; [KindInvalidRequest].
func (s *AgentsService) Update(ctx context.Context, agentID string, p AgentUpdateParams, opts ...CallOption) (*AgentListItem, error) {
	return do[AgentListItem](ctx, s.c, call{route: routeAgentsUpdate, ids: [2]string{agentID}, body: p}, opts)
}

// CreateVersion adds a draft version to the agent and returns it; give it a graph with [AgentsService.SaveWorkflow].
//
// Beta. Either credential, scope agents:write. Never repeated. Errors: those of every call; [KindNotFound] for an
// unknown id.
func (s *AgentsService) CreateVersion(ctx context.Context, agentID string, opts ...CallOption) (*AgentVersionRef, error) {
	return do[AgentVersionRef](ctx, s.c, call{route: routeAgentsCreateVersion, ids: [2]string{agentID}}, opts)
}

// Publish freezes a version and makes it the one that runs by default. An invalid graph is refused with each mistake
// in [APIError.Details], and nothing is published.
//
// Beta. Either credential, scope agents:write. Never repeated. Errors: those of every call; [KindNotFound] for an
// unknown id; [KindInvalidGraph]; [KindConflict] for a version that is published already.
func (s *AgentsService) Publish(ctx context.Context, agentID string, p AgentPublishParams, opts ...CallOption) (*AgentPublishResponse, error) {
	return do[AgentPublishResponse](ctx, s.c, call{route: routeAgentsPublish, ids: [2]string{agentID}, body: p}, opts)
}

// SaveWorkflow replaces the whole graph of a draft version and returns it as stored. A graph with mistakes may be
// saved: Publish refuses it. The names inside the request are inferred.
//
// Beta. Either credential, scope agents:write. Repeated safely. Errors: those of every call; [KindNotFound] for an
// unknown id; [KindInvalidRequest]; [KindConflict] for a published version.
func (s *AgentsService) SaveWorkflow(ctx context.Context, agentVersionID string, w Workflow, opts ...CallOption) (*AgentWorkflowSaveResponse, error) {
	w.Steps, w.Transitions = notNil(w.Steps), notNil(w.Transitions)
	return do[AgentWorkflowSaveResponse](ctx, s.c, call{route: routeAgentsSaveWorkflow, ids: [2]string{agentVersionID}, body: w}, opts)
}

// ValidateWorkflow returns the server's verdict on a graph and changes nothing. Mistakes are Issues, not an error;
// [Workflow.Validate] finds many of them without a round trip. The names inside the request are inferred.
//
// Beta. Either credential, scope agents:write. Repeated safely. Errors: those of every call; [KindNotFound] for an
// unknown id; [KindInvalidRequest].
func (s *AgentsService) ValidateWorkflow(ctx context.Context, agentVersionID string, w Workflow, opts ...CallOption) (*WorkflowValidationResult, error) {
	w.Steps, w.Transitions = notNil(w.Steps), notNil(w.Transitions)
	return do[WorkflowValidationResult](ctx, s.c, call{route: routeAgentsValidateWorkflow, ids: [2]string{agentVersionID}, body: w}, opts)
}

// SaveSteps writes the steps of a draft version and returns them; prefer [AgentsService.SaveWorkflow], which keeps
// transitions too and may be repeated.
//
// Classic. Either credential. Never repeated. Errors: those of every call; [KindNotFound] for an unknown id;
// [KindInvalidRequest]; [KindConflict] for a published version.
func (s *AgentsService) SaveSteps(ctx context.Context, agentVersionID string, p AgentStepsParams, opts ...CallOption) ([]WorkflowStep, error) {
	p.Steps = notNil(p.Steps)
	return list[WorkflowStep](ctx, s.c, call{route: routeAgentsSaveSteps, ids: [2]string{agentVersionID}, body: p}, opts)
}

// Run starts a run of the agent and returns its id; each one is billed. When [OutcomeUnknown] is true of the error it
// may have run, so look before starting another.
//
// Stable. Access token only. Never repeated. Errors: those of every call; [KindNotFound] for an unknown id;
// [KindInvalidRequest]; [KindConflict] when nothing is published; [KindInvalidGraph] for a version whose graph is not
// valid (inferred); [KindEntitlement] for a plan without AI features; [KindServer] when a provider fails.
func (s *AgentsService) Run(ctx context.Context, agentID string, p AgentRunParams, opts ...CallOption) (*AgentRunResponse, error) {
	p.Variables = object("variables", p.Variables)
	return do[AgentRunResponse](ctx, s.c, call{route: routeAgentsRun, ids: [2]string{agentID}, body: p}, opts)
}

// DiffVersion returns what tells versionID from againstVersionID; both are required.
//
// Beta. Either credential, scope agents:read. Repeated safely. Errors: those of every call; [KindNotFound] for an
// unknown id.
func (s *AgentsService) DiffVersion(ctx context.Context, agentID, versionID, againstVersionID string, opts ...CallOption) (*AgentVersionDiff, error) {
	return do[AgentVersionDiff](ctx, s.c, call{
		route: routeAgentsDiffVersion, ids: [2]string{agentID, versionID},
		query: []param{{name: "againstVersionId", value: againstVersionID}},
	}, opts)
}

// RollbackVersion returns to an earlier version and names the version now in use (that it is a new one is inferred).
//
// Beta. Either credential, scope agents:write. Never repeated. Errors: those of every call; [KindNotFound] for an
// unknown id; [KindConflict] for a version that cannot be returned to.
func (s *AgentsService) RollbackVersion(ctx context.Context, agentID, versionID string, opts ...CallOption) (*AgentVersionRef, error) {
	return do[AgentVersionRef](ctx, s.c, call{route: routeAgentsRollbackVersion, ids: [2]string{agentID, versionID}}, opts)
}

// notNil sends no elements as [], because a null would say that there is no list.
func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
