package orchestratest_test

import (
	"context"
	"errors"
	"fmt"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// The authoring loop of an agent: create, version, validate, save, publish, run, get, compare, roll
// back.
func Example() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	if err := authorAgent(context.Background(), srv.Client()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// published version 1: Hello Ada
	// published version 2: Good evening, Ada
	// the output was "Hello Ada" and is "Good evening, Ada"
	// rolled back: version 3 is published
}

func authorAgent(ctx context.Context, client *promptorchestra.Client) error {
	prompt, err := client.Prompts.Create(ctx, promptorchestra.PromptCreateParams{Name: "Greeting"})
	if err != nil {
		return err
	}
	agent, err := client.Agents.Create(ctx, promptorchestra.AgentCreateParams{Name: "Greeter"})
	if err != nil {
		return err
	}
	var runs, versions []string
	for _, text := range []string{"Hello {{name}}", "Good evening, {{name}}"} {
		wording, err := client.Prompts.CreateVersion(ctx, prompt.ID,
			promptorchestra.PromptVersionCreateParams{Content: text})
		if err != nil {
			return err
		}
		version, err := client.Agents.CreateVersion(ctx, agent.ID)
		if err != nil {
			return err
		}
		workflow := promptorchestra.Workflow{
			EntryStepKey: "greet",
			Steps: []promptorchestra.WorkflowStep{
				{
					StepKey: "greet", StepType: promptorchestra.StepTypePrompt,
					PromptID: prompt.ID, PromptVersionID: wording.ID,
				},
			},
		}
		verdict, err := client.Agents.ValidateWorkflow(ctx, version.ID, workflow)
		if err != nil {
			return err
		}
		if !verdict.Valid {
			return fmt.Errorf("invalid workflow: %v", verdict.Issues)
		}
		if _, err := client.Agents.SaveWorkflow(ctx, version.ID, workflow); err != nil {
			return err
		}
		published, err := client.Agents.Publish(ctx, agent.ID,
			promptorchestra.AgentPublishParams{VersionID: version.ID})
		if err != nil {
			return err
		}
		started, err := client.Agents.Run(ctx, agent.ID, promptorchestra.AgentRunParams{
			Variables: map[string]any{"name": "Ada"},
		})
		if err != nil {
			return err
		}
		run, err := client.AgentRuns.Wait(ctx, started.RunID)
		if err != nil {
			return err
		}
		var output string
		if err := run.Run.Output.Decode(&output); err != nil {
			return err
		}
		fmt.Printf("published version %d: %s\n", published.VersionNumber, output)
		runs, versions = append(runs, run.Run.ID), append(versions, version.ID)
	}
	comparison, err := client.AgentRuns.Compare(ctx, runs[0], runs[1])
	if err != nil {
		return err
	}
	var differences []struct{ Path, Before, After any }
	if err := comparison.Differences.Decode(&differences); err != nil {
		return err
	}
	for _, d := range differences {
		if d.Path == "run.output" {
			fmt.Printf("the output was %q and is %q\n", d.Before, d.After)
		}
	}
	back, err := client.Agents.RollbackVersion(ctx, agent.ID, versions[0])
	if err != nil {
		return err
	}
	fmt.Printf("rolled back: version %d is %s\n", back.VersionNumber, back.Status)
	return nil
}

// A test of what a program does when the plan has no seats left.
func ExampleServer_Restrict() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	client := srv.Client()

	srv.Restrict(orchestratest.Seats(3))
	_, err := client.Runs.List(context.Background())
	fmt.Println("upgrade needed:", promptorchestra.IsEntitlement(err))

	srv.Lift()
	_, err = client.Runs.List(context.Background())
	fmt.Println("after the upgrade:", err)
	// Output:
	// upgrade needed: true
	// after the upgrade: <nil>
}

// A run that takes its time: it is still running the first time one looks.
func ExampleServer_HoldRuns() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	ctx, client := context.Background(), srv.Client()
	agentID := srv.PublishAgent(promptorchestra.Workflow{
		EntryStepKey: "done",
		Steps:        []promptorchestra.WorkflowStep{{StepKey: "done", StepType: promptorchestra.StepTypeReturn}},
	})

	srv.HoldRuns(1)
	started, err := client.Agents.Run(ctx, agentID, promptorchestra.AgentRunParams{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("started:", started.Status)
	finished, err := client.AgentRuns.Wait(ctx, started.RunID)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("finished:", finished.Run.Status)
	fmt.Println("looked:", len(srv.Requests("AgentRuns.Get")))
	// Output:
	// started: running
	// finished: completed
	// looked: 2
}

// A connection that drops after a prompt was created: the client cannot know whether it was, so it
// does not create another.
func ExampleServer_Fail() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	client := srv.Client()

	srv.Fail("Prompts.Create", orchestratest.DropAfter())
	_, err := client.Prompts.Create(context.Background(), promptorchestra.PromptCreateParams{Name: "Greeting"})
	var lost *promptorchestra.TransportError
	fmt.Println("no response:", errors.As(err, &lost))
	fmt.Println("outcome unknown:", promptorchestra.OutcomeUnknown(err))
	fmt.Println("requests:", len(srv.Requests("Prompts.Create")))
	// Output:
	// no response: true
	// outcome unknown: true
	// requests: 1
}

// A service with an API key alone runs a prompt that a test has published for it.
func ExampleServer_PublishPrompt() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	promptID := srv.PublishPrompt("Hello {{name}}")

	run, err := srv.KeyClient().Prompts.Run(context.Background(), promptID, promptorchestra.PromptRunParams{
		Variables: map[string]any{"name": "Ada"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.OutputText)
	// Output: Hello Ada
}

// A fake of the one call that a service makes returns the very error that the call would.
func ExampleError() {
	run := func() error { // the fake
		return orchestratest.Error("Prompts.Run", 402, `{"error":"seat_limit_exceeded","message":"No seats left"}`)
	}
	err := run()
	fmt.Println(err)
	fmt.Println("upgrade needed:", promptorchestra.IsEntitlement(err))
	// Output:
	// promptorchestra: Prompts.Run: 402 Payment Required: No seats left
	// upgrade needed: true
}

// A test that ends with faults left over has not tested what it meant to.
func ExampleServer_PendingFaults() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	srv.Fail("Agents.List", orchestratest.NoSeats(), orchestratest.NoSeats())

	_, err := srv.Client().Agents.List(context.Background())
	fmt.Println(promptorchestra.IsEntitlement(err), srv.PendingFaults())
	// Output: true map[Agents.List:1]
}
