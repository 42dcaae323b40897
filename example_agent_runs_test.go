package promptorchestra_test

import (
	"context"
	"fmt"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// A run is started and waited for. A run that failed is no error: its status says so.
func ExampleAgentRunsService_Wait() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	client := srv.Client()
	agentID, err := publishedAgent(client)
	if err != nil {
		fmt.Println(err)
		return
	}

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	started, err := client.Agents.Run(ctx, agentID, promptorchestra.AgentRunParams{})
	if err != nil {
		fmt.Println(err)
		return
	}
	run, err := client.AgentRuns.Wait(ctx, started.RunID, promptorchestra.WithPollInterval(time.Second, 5*time.Second))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Run.Status, run.Run.Status.Failed())
	// Output: completed false
}

// publishedAgent makes an agent of one step, which ends the run, and publishes it.
func publishedAgent(client *promptorchestra.Client) (agentID string, err error) {
	ctx := context.Background()
	agent, err := client.Agents.Create(ctx, promptorchestra.AgentCreateParams{Name: "Support"})
	if err != nil {
		return "", err
	}
	version, err := client.Agents.CreateVersion(ctx, agent.ID)
	if err != nil {
		return "", err
	}
	_, err = client.Agents.SaveWorkflow(ctx, version.ID, promptorchestra.Workflow{
		EntryStepKey: "end",
		Steps:        []promptorchestra.WorkflowStep{{StepKey: "end", StepType: promptorchestra.StepTypeReturn}},
	})
	if err != nil {
		return "", err
	}
	_, err = client.Agents.Publish(ctx, agent.ID, promptorchestra.AgentPublishParams{VersionID: version.ID})
	return agent.ID, err
}
