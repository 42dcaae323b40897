package promptorchestra

import (
	"context"
	"iter"
)

// RunsService reads the recorded runs of prompts. Use it as Client.Runs.
type RunsService struct{ c *Client }

// RunStepType is the kind of a step of a run; expect values not listed here.
type RunStepType string

// The documented kinds.
const (
	RunStepTypeToolCall      RunStepType = "tool_call"
	RunStepTypeFinalResponse RunStepType = "final_response"
)

// Run is a recorded run of a prompt. Status, ErrorMessage and CreatedAt are inferred. That it has the other members is
// documented, their spelling is inferred.
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
	ErrorMessage        string    `json:"errorMessage"` // why the run failed; "" otherwise
	CreatedAt           Timestamp `json:"createdAt"`
	CompletedAt         Timestamp `json:"completedAt"` // zero while the run is pending
}

// RunDetail is a recorded run with its steps and what went in and came out: the caller's own data.
type RunDetail struct {
	Run
	Steps          []RunStep `json:"steps"`
	InputSnapshot  RawJSON   `json:"inputSnapshot"`  // inferred
	OutputSnapshot RawJSON   `json:"outputSnapshot"` // inferred
}

// RunStep is one step of a run. The API spells it in snake_case (step_type, tool_name); both spellings are read.
type RunStep struct {
	ID            string      `json:"id"` // inferred, as are all members but StepType and ToolName
	StepType      RunStepType `json:"stepType"`
	PositionIndex int         `json:"positionIndex"` // from 0
	ToolName      string      `json:"toolName"`      // of a tool call
	Status        RunStatus   `json:"status"`
	Input         RawJSON     `json:"input"`
	Output        RawJSON     `json:"output"`
	Error         string      `json:"error"` // why the step failed; "" otherwise
	CreatedAt     Timestamp   `json:"createdAt"`
}

// UnmarshalJSON reads both spellings of every member; one of an unexpected type stays zero and costs no other.
func (s *RunStep) UnmarshalJSON(data []byte) error {
	type plain RunStep
	return decodeEitherCase(data, (*plain)(s))
}

// List returns all recorded runs of the organization's prompts; none is an empty list. The API does not paginate:
// prefer [RunsService.All] where there may be many.
//
// Classic. Either credential. Repeated safely. Errors: those of every call.
func (s *RunsService) List(ctx context.Context, opts ...CallOption) ([]Run, error) {
	return list[Run](ctx, s.c, call{route: routeRunsList}, opts)
}

// All is [RunsService.List] as a stream: one run at a time, in constant memory. An error is the last pair; each range
// over the result makes a call of its own.
//
// Classic. Either credential. Repeated safely until the answer begins. Errors: those of every call.
func (s *RunsService) All(ctx context.Context, opts ...CallOption) iter.Seq2[Run, error] {
	return stream[Run](ctx, s.c, call{route: routeRunsList}, opts)
}

// Get returns the recorded run with its steps. A run that failed is an answer with an ErrorMessage, not an error.
//
// Classic. Either credential. Repeated safely. Errors: those of every call; [KindNotFound] for an unknown id.
func (s *RunsService) Get(ctx context.Context, runID string, opts ...CallOption) (*RunDetail, error) {
	return do[RunDetail](ctx, s.c, call{route: routeRunsGet, ids: [2]string{runID}}, opts)
}
