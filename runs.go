package promptorchestra

import (
	"context"
	"iter"
)

// RunsService reads the recorded runs of prompts. Use it as Client.Runs.
type RunsService struct{ c *Client }

// RunStepType is the kind of a step of a run. The API may send values that have no constant here.
type RunStepType string

// The documented kinds.
const (
	RunStepTypeToolCall      RunStepType = "tool_call"
	RunStepTypeFinalResponse RunStepType = "final_response"
)

// Run is a recorded run of a prompt. The names of Status, ErrorMessage and CreatedAt are inferred.
// The other fields are documented, and their spelling is inferred.
type Run struct {
	ID                  string    `json:"id"`
	Status              RunStatus `json:"status"`
	PromptID            string    `json:"promptId"`
	PromptName          string    `json:"promptName"`
	PromptVersionID     string    `json:"promptVersionId"`
	PromptVersionNumber int       `json:"promptVersionNumber"`
	Provider            string    `json:"provider"`
	Model               string    `json:"model"`
	TransportType       string    `json:"transportType"`
	InputTokens         int       `json:"inputTokens"`
	OutputTokens        int       `json:"outputTokens"`
	EstimatedCost       float64   `json:"estimatedCost"` // USD (unit inferred)
	LatencyMS           float64   `json:"latencyMs"`     // milliseconds
	StepCount           int       `json:"stepCount"`
	ToolCallCount       int       `json:"toolCallCount"`
	ErrorMessage        string    `json:"errorMessage"` // why the run failed, else ""
	CreatedAt           Timestamp `json:"createdAt"`
	CompletedAt         Timestamp `json:"completedAt"` // zero while the run is pending
}

// RunDetail is a recorded run with its steps, its input and its output. The snapshots are the
// caller's own data.
type RunDetail struct {
	Run
	Steps          []RunStep `json:"steps"`
	InputSnapshot  RawJSON   `json:"inputSnapshot,omitzero"`  // inferred
	OutputSnapshot RawJSON   `json:"outputSnapshot,omitzero"` // inferred
	// Diagnostic is inferred. It says why the run failed or fell short, else it is nil.
	Diagnostic *Diagnostic `json:"diagnostic"`
	// MissingVariables is inferred. It holds the variables that got no value, else it is nil.
	MissingVariables RawJSON `json:"missingVariables,omitzero"`
}

// RunStep is one step of a run. The API spells its fields in snake_case, such as step_type and
// tool_name; camelCase is read too. All names but those of StepType and ToolName are inferred.
type RunStep struct {
	ID            string      `json:"id"`
	StepType      RunStepType `json:"stepType"`
	PositionIndex int         `json:"positionIndex"` // from 0
	ToolName      string      `json:"toolName"`      // "" for other steps
	Status        RunStatus   `json:"status"`
	Input         RawJSON     `json:"input,omitzero"`
	Output        RawJSON     `json:"output,omitzero"`
	Error         string      `json:"error"` // why the step failed, else ""
	CreatedAt     Timestamp   `json:"createdAt"`
}

// List returns all recorded runs of the organization's prompts, or an empty slice when there are
// none. The API does not paginate: prefer [RunsService.All] where there may be many.
//
//	GET /api/runs
//
// Classic. Access token or API key.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call.
func (s *RunsService) List(ctx context.Context, opts ...CallOption) ([]Run, error) {
	return list[Run](ctx, (*service)(s), call{route: routeRunsList}, opts)
}

// All streams the list of [RunsService.List]: it yields one run at a time while the response
// arrives, in constant memory. After an error it yields nothing more. Each range over the result
// makes a new call.
//
//	GET /api/runs
//
// Classic. Access token or API key.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505, until the response
// begins.
// Errors: those of every call.
func (s *RunsService) All(ctx context.Context, opts ...CallOption) iter.Seq2[Run, error] {
	return stream[Run](ctx, (*service)(s), call{route: routeRunsList}, opts)
}

// Get returns the recorded run with its steps. A run that failed is returned with an ErrorMessage,
// not as an error.
//
//	GET /api/runs/{runId}
//
// Classic. Access token or API key.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; [KindNotFound] for an unknown id.
func (s *RunsService) Get(ctx context.Context, runID string, opts ...CallOption) (*RunDetail, error) {
	return do[RunDetail](ctx, (*service)(s), call{route: routeRunsGet, ids: [2]string{runID}}, opts)
}
