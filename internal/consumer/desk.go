// Package consumer is an application of the SDK, in a module of its own that
// cannot reach the SDK's inside. When a change breaks it, the change breaks users.
package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// Desk decides refunds with an agent. Its client is a small interface of its own,
// as an application has it that tests against fakes.
type Desk struct {
	Runner  Runner
	AgentID string
}

// Runner is what a Desk needs of the SDK; *promptorchestra.AgentsService is one.
type Runner interface {
	Run(ctx context.Context, agentID string, p promptorchestra.AgentRunParams, opts ...promptorchestra.CallOption) (*promptorchestra.AgentRunResponse, error)
}

var _ Runner = (*promptorchestra.AgentsService)(nil)

// What became of a claim that was not decided.
var (
	ErrUpgrade = errors.New("the plan must be upgraded")
	ErrLater   = errors.New("try again later")
	ErrParked  = errors.New("it may have been decided: look its run up")
	ErrBroken  = errors.New("the agent must be repaired")
)

// Decide returns the id of the run that decided a claim.
func (d *Desk) Decide(ctx context.Context, claim string) (string, error) {
	run, err := d.Runner.Run(ctx, d.AgentID, promptorchestra.AgentRunParams{Variables: map[string]any{"claim": claim}},
		promptorchestra.WithTimeout(time.Minute))
	var (
		failure *promptorchestra.APIError
		broken  *promptorchestra.TransportError
	)
	switch {
	case err == nil:
		return run.RunID, nil
	case promptorchestra.IsEntitlement(err):
		return "", fmt.Errorf("%w: %w", ErrUpgrade, err)
	case promptorchestra.OutcomeUnknown(err):
		return "", fmt.Errorf("%w: %w", ErrParked, err)
	case promptorchestra.IsRetryable(err):
		wait, _ := promptorchestra.RetryAfter(err)
		return "", fmt.Errorf("%w (in %v): %w", ErrLater, wait, err)
	case errors.As(err, &failure) && (failure.Kind == promptorchestra.KindNotFound || failure.Kind == promptorchestra.KindInvalidGraph):
		return "", fmt.Errorf("%w: %w", ErrBroken, err)
	case errors.As(err, &broken):
		return "", fmt.Errorf("%w: %w", ErrLater, err)
	default:
		return "", fmt.Errorf("deciding a claim: %w", err)
	}
}

// Publish authors and publishes the desk's agent and returns its id.
func Publish(ctx context.Context, client *promptorchestra.Client) (string, error) {
	prompt, err := client.Prompts.Create(ctx, promptorchestra.PromptCreateParams{Name: "Refund", PromptKey: "refund"})
	if err != nil {
		return "", fmt.Errorf("creating the prompt: %w", err)
	}
	text, err := client.Prompts.CreateVersion(ctx, prompt.ID, promptorchestra.PromptVersionCreateParams{
		Content: "Decide {{claim}}.", Temperature: promptorchestra.Set(0.0),
	})
	if err != nil {
		return "", fmt.Errorf("writing the prompt: %w", err)
	}
	if _, err := client.Prompts.Publish(ctx, prompt.ID, promptorchestra.PromptPublishParams{VersionID: text.ID}); err != nil {
		return "", fmt.Errorf("publishing the prompt: %w", err)
	}
	agent, err := client.Agents.Create(ctx, promptorchestra.AgentCreateParams{Name: "Desk"})
	if err != nil {
		return "", fmt.Errorf("creating the agent: %w", err)
	}
	version, err := client.Agents.CreateVersion(ctx, agent.ID)
	if err != nil {
		return "", fmt.Errorf("creating its version: %w", err)
	}
	graph := promptorchestra.Workflow{
		EntryStepKey: "decide",
		Steps: []promptorchestra.WorkflowStep{
			{StepKey: "decide", Name: "Decide", StepType: promptorchestra.StepTypePrompt, PromptID: prompt.ID},
			{StepKey: "done", Name: "Done", StepType: promptorchestra.StepTypeReturn, PositionIndex: 1},
		},
		Transitions: []promptorchestra.WorkflowTransition{
			{FromStepKey: "decide", ToStepKey: "done", TransitionType: promptorchestra.TransitionTypeNext},
		},
	}
	if mistakes := graph.Validate(); len(mistakes) > 0 {
		return "", fmt.Errorf("the graph: %v", mistakes)
	}
	if _, err := client.Agents.SaveWorkflow(ctx, version.ID, graph); err != nil {
		return "", fmt.Errorf("saving its graph: %w", err)
	}
	if _, err := client.Agents.Publish(ctx, agent.ID, promptorchestra.AgentPublishParams{VersionID: version.ID}); err != nil {
		return "", fmt.Errorf("publishing the agent: %w", err)
	}
	return agent.ID, nil
}
