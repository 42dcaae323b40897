// Publish tries to publish an agent whose graph has mistakes, shows each mistake
// at the place of the graph that it is about, and publishes the mended graph.
//
// With PROMPT_ORCHESTRA_* set it makes a prompt and an agent on that API;
// otherwise it starts the emulator in this process.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
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
	var refused *promptorchestra.APIError
	if !errors.As(err, &refused) || refused.Kind != promptorchestra.KindInvalidGraph {
		return errors.Join(errors.New("a graph with mistakes was not refused as invalid"), err)
	}
	fmt.Fprintf(out, "Refused: %s\n\n", refused.Message)
	show(out, graph, refused.Details)

	graph.EntryStepKey = "urgent"
	graph.Transitions[0].ToStepKey = "answer"
	graph.Transitions = append(graph.Transitions, promptorchestra.WorkflowTransition{
		FromStepKey: "urgent", ToStepKey: "done", TransitionType: promptorchestra.TransitionTypeConditionFalse,
	})
	if err := saveAndPublish(ctx, client, agent.ID, version.ID, graph); err != nil {
		return fmt.Errorf("publishing the mended graph: %w", err)
	}
	fmt.Fprintf(out, "\nPublished:\n\n")
	show(out, graph, nil)
	return nil
}

func saveAndPublish(ctx context.Context, client *promptorchestra.Client, agentID, versionID string, graph promptorchestra.Workflow) error {
	if _, err := client.Agents.SaveWorkflow(ctx, versionID, graph); err != nil {
		return fmt.Errorf("saving the graph: %w", err)
	}
	_, err := client.Agents.Publish(ctx, agentID, promptorchestra.AgentPublishParams{VersionID: versionID})
	return err
}

// show prints a graph line by line, each with the mistakes that are about it.
// The server may not say where a mistake is; Validate does, in the same words.
func show(out io.Writer, graph promptorchestra.Workflow, mistakes []promptorchestra.ErrorDetail) {
	places := map[string]string{}
	for _, m := range graph.Validate() {
		places[m.Code+m.Message] = m.Path
	}
	line := func(place, format string, args ...any) {
		fmt.Fprintf(out, format+"\n", args...)
		for _, m := range mistakes {
			if at, _, _ := strings.Cut(cmp.Or(m.Path, places[m.Code+m.Message]), "."); at == place {
				fmt.Fprintf(out, "    ^ %s: %s\n", m.Code, m.Message)
			}
		}
	}
	line("entryStepKey", "begin at %q", graph.EntryStepKey)
	for i, step := range graph.Steps {
		line(fmt.Sprintf("steps[%d]", i), "step %q, a %s", step.StepKey, step.StepType)
	}
	for i, t := range graph.Transitions {
		line(fmt.Sprintf("transitions[%d]", i), "from %q on %s to %q", t.FromStepKey, t.TransitionType, t.ToStepKey)
	}
	line("", "end")
}
