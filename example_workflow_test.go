package promptorchestra_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// A rejected graph as a picture: the server's mistakes are red.
func ExampleWorkflow_Mermaid() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	client := srv.Client()
	ctx := context.Background()

	workflow := promptorchestra.Workflow{
		EntryStepKey: "urgent",
		Steps: []promptorchestra.WorkflowStep{
			{StepKey: "urgent", Name: "Urgent?", StepType: promptorchestra.StepTypeCondition},
			{StepKey: "end", StepType: promptorchestra.StepTypeReturn},
		},
		Transitions: []promptorchestra.WorkflowTransition{
			{FromStepKey: "urgent", ToStepKey: "end", TransitionType: promptorchestra.TransitionTypeConditionTrue},
		},
	}
	agent, err := client.Agents.Create(ctx, promptorchestra.AgentCreateParams{Name: "Support"})
	if err != nil {
		fmt.Println(err)
		return
	}
	version, err := client.Agents.CreateVersion(ctx, agent.ID)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := client.Agents.SaveWorkflow(ctx, version.ID, workflow); err != nil {
		fmt.Println(err)
		return
	}

	_, err = client.Agents.Publish(ctx, agent.ID, promptorchestra.AgentPublishParams{VersionID: version.ID})
	var rejected *promptorchestra.APIError
	if errors.As(err, &rejected) {
		fmt.Println(workflow.Mermaid(rejected.Details...))
	}
	// Output:
	// flowchart TD
	//     start(("start"))
	//     n0{"urgent<br/>Urgent?<br/>missing_condition_branch"}
	//     n1(["end"])
	//     start --> n0
	//     n0 -->|"condition_true"| n1
	//     classDef mistake fill:#fee,stroke:#c00,color:#900,stroke-width:2px
	//     class n0 mistake
}

// The server's own validation, in the type that all mistakes have.
func ExampleWorkflowValidationIssue_Detail() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	client := srv.Client()
	ctx := context.Background()
	agent, err := client.Agents.Create(ctx, promptorchestra.AgentCreateParams{Name: "Support"})
	if err != nil {
		fmt.Println(err)
		return
	}
	version, err := client.Agents.CreateVersion(ctx, agent.ID)
	if err != nil {
		fmt.Println(err)
		return
	}

	workflow := promptorchestra.Workflow{Steps: []promptorchestra.WorkflowStep{{StepKey: "end", StepType: promptorchestra.StepTypeReturn}}}
	result, err := client.Agents.ValidateWorkflow(ctx, version.ID, workflow)
	if err != nil {
		fmt.Println(err)
		return
	}
	mistakes := make([]promptorchestra.ErrorDetail, 0, len(result.Issues))
	for _, issue := range result.Issues {
		mistakes = append(mistakes, issue.Detail())
	}
	fmt.Print(workflow.Mermaid(mistakes...))
	// Output:
	// flowchart TD
	//     start(("start<br/>missing_entry_step"))
	//     n0(["end"])
	//     classDef mistake fill:#fee,stroke:#c00,color:#900,stroke-width:2px
	//     class start mistake
}

// The version that runs now, before and after a release.
func ExampleAgentVersionSummary_LiveVersion() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	client := srv.Client()
	ctx := context.Background()

	agentID, versionID, err := newAgent(ctx, client)
	if err != nil {
		fmt.Println(err)
		return
	}
	show := func() {
		agent, err := client.Agents.Get(ctx, agentID)
		if err != nil {
			fmt.Println(err)
			return
		}
		live, found := agent.LiveVersion()
		fmt.Println(found, live.VersionNumber)
	}
	show()
	if _, err := client.Agents.Publish(ctx, agentID, promptorchestra.AgentPublishParams{VersionID: versionID}); err != nil {
		fmt.Println(err)
		return
	}
	show()
	// Output:
	// false 0
	// true 1
}

// A run is polled more often than by default. A run that failed is no error: its status says so.
func ExampleWithPollInterval() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	client := srv.Client()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	agentID, versionID, err := newAgent(ctx, client)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := client.Agents.Publish(ctx, agentID, promptorchestra.AgentPublishParams{VersionID: versionID}); err != nil {
		fmt.Println(err)
		return
	}
	srv.HoldRuns(3) // it is pending for three polls

	started, err := client.Agents.Run(ctx, agentID, promptorchestra.AgentRunParams{Variables: map[string]any{"name": "Ada"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	run, err := client.AgentRuns.Wait(ctx, started.RunID, promptorchestra.WithPollInterval(time.Millisecond, 10*time.Millisecond))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Run.Status, run.Run.Status.Failed())
	// Output: completed false
}

// A deployment shows what it changes before it saves a graph.
func ExampleWorkflow_Diff() {
	live := promptorchestra.Workflow{
		EntryStepKey: "draft",
		Steps:        []promptorchestra.WorkflowStep{{StepKey: "draft", StepType: promptorchestra.StepTypePrompt, PromptVersionID: "prv_1"}},
	}
	wanted := promptorchestra.Workflow{
		EntryStepKey: "draft",
		Steps: []promptorchestra.WorkflowStep{
			{StepKey: "draft", StepType: promptorchestra.StepTypePrompt, PromptVersionID: "prv_2"},
			{StepKey: "end", StepType: promptorchestra.StepTypeReturn, PositionIndex: 1},
		},
		Transitions: []promptorchestra.WorkflowTransition{
			{FromStepKey: "draft", ToStepKey: "end", TransitionType: promptorchestra.TransitionTypeNext},
		},
	}
	for _, change := range live.Diff(wanted) {
		fmt.Println(change)
	}
	// Output:
	// step "draft": promptVersionId: "prv_1" -> "prv_2"
	// step "end": added
	// transition "draft" -> "end" (next): added
}
