// Quickstart authors, publishes and runs a prompt and an agent, looks at what was recorded, and
// handles an entitlement failure and an invalid graph.
//
// It starts the emulator in this process, so it runs anywhere and costs nothing. With -live it uses
// the API that PROMPT_ORCHESTRA_* names, where its two executions cost money.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

var live = flag.Bool("live", false, "use the API that PROMPT_ORCHESTRA_* names instead of the emulator: executions there cost money")

func main() {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second interrupt ends the program at once
	if err := run(ctx, os.Stdout); err != nil {
		log.Fatal("The example failed: ", err)
	}
}

// connect returns a client of the emulator and the emulator, which is nil with -live.
func connect(out io.Writer) (*promptorchestra.Client, *orchestratest.Server, error) {
	if !*live {
		emulator := orchestratest.NewServer()
		fmt.Fprintln(out, "Using the emulator, started in this process at", emulator.URL)
		return emulator.Client(), emulator, nil
	}
	client, err := promptorchestra.NewFromEnv()
	if err != nil {
		return nil, nil, fmt.Errorf("reading PROMPT_ORCHESTRA_*: %w", err)
	}
	fmt.Fprintln(out, "Using the API that PROMPT_ORCHESTRA_* names, where executions cost money:", client)
	return client, nil, nil
}

func run(ctx context.Context, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	client, emulator, err := connect(out)
	if err != nil {
		return err
	}
	if emulator != nil {
		defer emulator.Close()
	}
	promptID, err := runPrompt(ctx, out, client)
	if err != nil {
		return err
	}
	if err := runAgent(ctx, out, client, promptID); err != nil {
		return err
	}
	return meetLimit(ctx, out, client, emulator, promptID)
}

func runPrompt(ctx context.Context, out io.Writer, client *promptorchestra.Client) (promptID string, err error) {
	prompt, err := client.Prompts.Create(ctx, promptorchestra.PromptCreateParams{
		PromptKey: fmt.Sprintf("greeting-%d", time.Now().Unix()), Name: "Greeting",
	})
	if err != nil {
		return "", fmt.Errorf("creating a prompt: %w", err)
	}
	version, err := client.Prompts.CreateVersion(ctx, prompt.ID, promptorchestra.PromptVersionCreateParams{
		Content: "Greet {{name}} in one sentence.",
	})
	if err != nil {
		return "", fmt.Errorf("creating its version: %w", err)
	}
	if _, err := client.Prompts.Publish(ctx, prompt.ID, promptorchestra.PromptPublishParams{VersionID: version.ID}); err != nil {
		return "", fmt.Errorf("publishing it: %w", err)
	}
	result, err := client.Prompts.Run(ctx, prompt.ID, promptorchestra.PromptRunParams{Variables: map[string]any{"name": "Ada"}})
	if err != nil {
		return "", fmt.Errorf("running it: %w", err)
	}
	if !hasSucceeded(result.Status, result.Output, result.Diagnostic) {
		return "", fmt.Errorf("run %s is paid for, and its status is %q", result.RunID, result.Status)
	}
	fmt.Fprintf(out, "\nPrompt %s, version %s\n  run %s returned %s\n", prompt.ID, version.ID, result.RunID, result.Output)
	recorded, err := client.Runs.Get(ctx, result.RunID)
	if err != nil {
		return "", fmt.Errorf("looking the run up: %w", err)
	}
	fmt.Fprintf(out, "  recorded: %s by %s, %d tokens in, %d out\n", recorded.Status, recorded.Model, recorded.InputTokens, recorded.OutputTokens)
	return prompt.ID, nil
}

// hasSucceeded reports whether a run shows that it succeeded. A call without an error may return a
// run that failed, which is paid for all the same.
func hasSucceeded(status promptorchestra.RunStatus, output promptorchestra.RawJSON, why *promptorchestra.Diagnostic) bool {
	return status.Succeeded() || status == "" && why == nil && len(output) > len(`""`) && output.String() != "null"
}

func runAgent(ctx context.Context, out io.Writer, client *promptorchestra.Client, promptID string) error {
	agent, err := client.Agents.Create(ctx, promptorchestra.AgentCreateParams{Name: "Greeter"})
	if err != nil {
		return fmt.Errorf("creating an agent: %w", err)
	}
	version, err := client.Agents.CreateVersion(ctx, agent.ID)
	if err != nil {
		return fmt.Errorf("creating its version: %w", err)
	}
	fmt.Fprintf(out, "\nAgent %s, version %s\n", agent.ID, version.ID)

	// A graph without an entry step cannot be published: the failure says why.
	_, err = client.Agents.Publish(ctx, agent.ID, promptorchestra.AgentPublishParams{VersionID: version.ID})
	if err == nil {
		return errors.New("an empty graph was published")
	}
	var failure *promptorchestra.APIError
	if !errors.As(err, &failure) || failure.Kind != promptorchestra.KindInvalidGraph {
		return fmt.Errorf("publishing an empty graph failed otherwise than as an invalid graph: %w", err)
	}
	fmt.Fprintf(out, "  not published, %d %s:\n", failure.StatusCode, failure.Code)
	for _, detail := range failure.Details {
		fmt.Fprintf(out, "    %s: %s\n", detail.Code, detail.Message)
	}

	graph := promptorchestra.Workflow{
		EntryStepKey: "greet",
		Steps: []promptorchestra.WorkflowStep{
			{StepKey: "greet", Name: "Greet", StepType: promptorchestra.StepTypePrompt, PromptID: promptID},
			{StepKey: "done", Name: "Done", StepType: promptorchestra.StepTypeReturn, PositionIndex: 1},
		},
		Transitions: []promptorchestra.WorkflowTransition{
			{FromStepKey: "greet", ToStepKey: "done", TransitionType: promptorchestra.TransitionTypeNext},
		},
	}
	if _, err := client.Agents.SaveWorkflow(ctx, version.ID, graph); err != nil {
		return fmt.Errorf("saving its graph: %w", err)
	}
	if _, err := client.Agents.Publish(ctx, agent.ID, promptorchestra.AgentPublishParams{VersionID: version.ID}); err != nil {
		return fmt.Errorf("publishing it: %w", err)
	}
	detail, err := client.Agents.RunAndWait(ctx, agent.ID, promptorchestra.AgentRunParams{Variables: map[string]any{"name": "Grace"}})
	if err != nil {
		return fmt.Errorf("running it: %w", err)
	}
	if !hasSucceeded(detail.Run.Status, detail.Run.Output, detail.Diagnostic) {
		return fmt.Errorf("run %s is paid for, and its status is %q", detail.Run.ID, detail.Run.Status)
	}
	fmt.Fprintf(out, "  published with its graph; run %s is %s and returned %s\n", detail.Run.ID, detail.Run.Status, detail.Run.Output)
	return nil
}

// meetLimit shows how to recognize an entitlement failure. Only the emulator's plan can be changed
// at will.
func meetLimit(ctx context.Context, out io.Writer, client *promptorchestra.Client, emulator *orchestratest.Server, promptID string) error {
	if emulator == nil {
		fmt.Fprintln(out, "\nAn entitlement failure (402) can be provoked on the emulator only: leave out -live to see one.")
		return nil
	}
	emulator.Restrict(orchestratest.AI(false))
	_, err := client.Prompts.Run(ctx, promptID, promptorchestra.PromptRunParams{Variables: map[string]any{"name": "Ada"}})
	if err == nil {
		return errors.New("a prompt ran on a plan without AI")
	}
	if !promptorchestra.IsEntitlement(err) {
		return fmt.Errorf("a plan without AI led to another failure: %w", err)
	}
	fmt.Fprintf(out, "\nAn entitlement failure, recognized by IsEntitlement:\n  %v\n  Here an application offers an upgrade.\n", err)
	return nil
}
