// Publish tries to publish an agent whose graph has mistakes, prints the graph as a Mermaid chart
// with the mistakes in red, fixes the graph and publishes it. Paste a chart into
// https://mermaid.live or a Markdown file on GitHub to see it.
//
// It starts the emulator in this process. With -live it creates a prompt and an agent on the API
// that PROMPT_ORCHESTRA_* names; it executes nothing.
//
// It compiles in this repository only, for it shares examples/internal/setup with the other
// examples. A program of your own begins with promptorchestra.NewFromEnv.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/examples/internal/setup"
)

func main() { setup.Main(run) }

func run(ctx context.Context, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	client, emulator, err := setup.Connect(os.Stderr)
	if err != nil {
		return err
	}
	if emulator != nil {
		defer emulator.Close()
	}
	promptID, err := setup.Prompt(ctx, client, "Answer {{question}}")
	if err != nil {
		return err
	}
	return publishAgent(ctx, out, client, promptID)
}

func publishAgent(ctx context.Context, out io.Writer, client *promptorchestra.Client, promptID string) error {
	agent, err := client.Agents.Create(ctx, promptorchestra.AgentCreateParams{Name: "Support"})
	if err != nil {
		return fmt.Errorf("creating an agent: %w", err)
	}
	version, err := client.Agents.CreateVersion(ctx, agent.ID)
	if err != nil {
		return fmt.Errorf("creating its version: %w", err)
	}
	graph := promptorchestra.Workflow{
		Steps: []promptorchestra.WorkflowStep{
			{StepKey: "urgent", Name: "Urgent?", StepType: promptorchestra.StepTypeCondition},
			{StepKey: "answer", Name: "Answer", StepType: promptorchestra.StepTypePrompt, PromptID: promptID, PositionIndex: 1},
			{StepKey: "done", Name: "Done", StepType: promptorchestra.StepTypeReturn, PositionIndex: 2},
		},
		Transitions: []promptorchestra.WorkflowTransition{
			{FromStepKey: "urgent", ToStepKey: "escalate", TransitionType: promptorchestra.TransitionTypeConditionTrue},
			{FromStepKey: "answer", ToStepKey: "done", TransitionType: promptorchestra.TransitionTypeNext},
		},
	}
	err = saveAndPublish(ctx, client, agent.ID, version.ID, graph)
	var rejected *promptorchestra.APIError
	if !errors.As(err, &rejected) || rejected.Kind != promptorchestra.KindInvalidGraph {
		return errors.Join(errors.New("a graph with mistakes was not rejected as invalid"), err)
	}
	fmt.Fprintf(out, "Rejected: %s\n", rejected.Message)
	for _, mistake := range rejected.Details {
		fmt.Fprintf(out, "- %s: %s\n", mistake.Code, mistake.Message)
	}
	fmt.Fprintf(out, "\n%s\n", graph.Mermaid(rejected.Details...))

	graph.EntryStepKey = "urgent"
	graph.Transitions[0].ToStepKey = "answer"
	graph.Transitions = append(graph.Transitions, promptorchestra.WorkflowTransition{
		FromStepKey: "urgent", ToStepKey: "done", TransitionType: promptorchestra.TransitionTypeConditionFalse,
	})
	if err := saveAndPublish(ctx, client, agent.ID, version.ID, graph); err != nil {
		return fmt.Errorf("publishing the fixed graph: %w", err)
	}
	fmt.Fprintf(out, "Published:\n\n%s", graph.Mermaid())
	return nil
}

func saveAndPublish(ctx context.Context, client *promptorchestra.Client, agentID, versionID string, graph promptorchestra.Workflow) error {
	if _, err := client.Agents.SaveWorkflow(ctx, versionID, graph); err != nil {
		return fmt.Errorf("saving the graph: %w", err)
	}
	_, err := client.Agents.Publish(ctx, agentID, promptorchestra.AgentPublishParams{VersionID: versionID})
	return err
}
