// Package setup is what the examples share besides the SDK, so that each of them shows one thing. A
// program of your own begins with [promptorchestra.NewFromEnv] and, to shut down in order, with
// [signal.NotifyContext].
package setup

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// live is a flag of every example. Without it no variable of the shell is read and nothing leaves
// this machine.
var live = flag.Bool("live", false, "use the API that PROMPT_ORCHESTRA_* names instead of the emulator: executions there cost money")

// Main parses the flags and runs an example. Its context is canceled at the first interrupt; a
// second one ends the program at once. The exit status is 1 when the example failed.
func Main(run func(ctx context.Context, out io.Writer) error) {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "The example failed:", err)
		os.Exit(1)
	}
}

// Connect starts the emulator in this process, which costs nothing, and returns a client of it and
// the emulator, for the caller to close. With -live it returns a client of the API that
// PROMPT_ORCHESTRA_* names, and no emulator. It says on out which of the two it is.
func Connect(out io.Writer) (*promptorchestra.Client, *orchestratest.Server, error) {
	if *live {
		client, err := promptorchestra.NewFromEnv()
		if err != nil {
			return nil, nil, fmt.Errorf("reading PROMPT_ORCHESTRA_*: %w", err)
		}
		fmt.Fprintln(out, "Using the API that PROMPT_ORCHESTRA_* names, where executions cost money:", client)
		return client, nil, nil
	}
	emulator := orchestratest.NewServer()
	fmt.Fprintln(out, "Using the emulator, started in this process at", emulator.URL)
	return emulator.Client(), emulator, nil
}

// Prompt creates a prompt, publishes it and returns its id. The quickstart shows these calls one by
// one.
func Prompt(ctx context.Context, client *promptorchestra.Client, content string) (promptID string, err error) {
	prompt, err := client.Prompts.Create(ctx, promptorchestra.PromptCreateParams{
		PromptKey: fmt.Sprintf("example-%d", time.Now().UnixNano()), Name: "Example",
	})
	if err != nil {
		return "", fmt.Errorf("creating a prompt: %w", err)
	}
	version, err := client.Prompts.CreateVersion(ctx, prompt.ID, promptorchestra.PromptVersionCreateParams{Content: content})
	if err != nil {
		return "", fmt.Errorf("creating its version: %w", err)
	}
	_, err = client.Prompts.Publish(ctx, prompt.ID, promptorchestra.PromptPublishParams{VersionID: version.ID})
	return prompt.ID, err
}

// Agent creates an agent of one prompt, publishes it and returns its id.
func Agent(ctx context.Context, client *promptorchestra.Client) (agentID string, err error) {
	promptID, err := Prompt(ctx, client, "Greet {{name}}.")
	if err != nil {
		return "", err
	}
	agent, err := client.Agents.Create(ctx, promptorchestra.AgentCreateParams{Name: "Greeter"})
	if err != nil {
		return "", fmt.Errorf("creating an agent: %w", err)
	}
	version, err := client.Agents.CreateVersion(ctx, agent.ID)
	if err != nil {
		return "", fmt.Errorf("creating its version: %w", err)
	}
	_, err = client.Agents.SaveWorkflow(ctx, version.ID, promptorchestra.Workflow{
		EntryStepKey: "greet",
		Steps:        []promptorchestra.WorkflowStep{{StepKey: "greet", Name: "Greet", StepType: promptorchestra.StepTypePrompt, PromptID: promptID}},
	})
	if err != nil {
		return "", fmt.Errorf("saving its graph: %w", err)
	}
	if _, err = client.Agents.Publish(ctx, agent.ID, promptorchestra.AgentPublishParams{VersionID: version.ID}); err != nil {
		return "", fmt.Errorf("publishing it: %w", err)
	}
	return agent.ID, nil
}

// MakeFlaky makes the next n runs of prompts fail in all the ways that servers and networks have.
// Some of these ways leave an execution behind.
func MakeFlaky(emulator *orchestratest.Server, n int) {
	ways := []orchestratest.Fault{
		orchestratest.DropBefore(), orchestratest.DropAfter(), orchestratest.CutBody(20), orchestratest.Delay(time.Second), orchestratest.HTML(502),
		orchestratest.Status(503, ""), orchestratest.Status(500, `{"error":"failed","message":"upstream"}`), orchestratest.RateLimited(0), orchestratest.Delay(time.Millisecond),
	}
	for range n {
		emulator.Fail("Prompts.Run", ways[rand.N(len(ways))])
	}
}
