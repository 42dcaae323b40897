// Release publishes a workflow as an agent's live version, runs it once, and rolls back if that run
// fails. It prints the graph as a Mermaid chart, with its mistakes in red.
//
//	release agt_1 '{"name":"Ada"}' <workflow.json
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// publish makes the graph the agent's live version. Variables are those of a trial run.
func publish(ctx context.Context, client *promptorchestra.Client, out io.Writer, agentID string, graph promptorchestra.Workflow, variables any) error {
	if mistakes := graph.Validate(); len(mistakes) > 0 {
		return invalid(out, graph, mistakes)
	}
	agent, err := client.Agents.Get(ctx, agentID)
	if err != nil {
		return fmt.Errorf("reading the agent: %w", err)
	}
	before, wasLive := agent.LiveVersion()
	version, err := client.Agents.CreateVersion(ctx, agentID)
	if err != nil {
		return fmt.Errorf("creating a version: %w", err)
	}
	if _, err := client.Agents.SaveWorkflow(ctx, version.ID, graph); err != nil {
		return fmt.Errorf("saving the graph: %w", err)
	}
	if checked, err := client.Agents.ValidateWorkflow(ctx, version.ID, graph); err != nil {
		return fmt.Errorf("validating the graph: %w", err)
	} else if !checked.Valid {
		var mistakes []promptorchestra.ErrorDetail
		for _, issue := range checked.Issues {
			mistakes = append(mistakes, issue.Detail())
		}
		return invalid(out, graph, mistakes)
	}
	if wasLive {
		diff, err := client.Agents.DiffVersion(ctx, agentID, version.ID, before.ID)
		if err != nil {
			return fmt.Errorf("comparing with version %d: %w", before.VersionNumber, err)
		}
		fmt.Fprintf(out, "against version %d: %s\n", before.VersionNumber, diff.Changes)
	}
	if err := makeLive(ctx, client, out, agentID, version.ID, graph); err != nil {
		return err
	}
	fmt.Fprintf(out, "published version %d\n%s", version.VersionNumber, graph.Mermaid())
	if err = try(ctx, client, out, agentID, version.ID, variables); err != nil && wasLive {
		_, rollbackErr := client.Agents.RollbackVersion(ctx, agentID, before.ID)
		err = errors.Join(err, rollbackErr)
	}
	return err
}

func makeLive(ctx context.Context, client *promptorchestra.Client, out io.Writer, agentID, versionID string, graph promptorchestra.Workflow) error {
	_, err := client.Agents.Publish(ctx, agentID, promptorchestra.AgentPublishParams{VersionID: versionID})
	if promptorchestra.OutcomeUnknown(err) { // the agent says whether it was published
		agent, readErr := client.Agents.Get(ctx, agentID)
		if readErr != nil {
			return errors.Join(err, readErr)
		}
		if live, ok := agent.LiveVersion(); ok && live.ID == versionID {
			return nil
		}
	}
	var failure *promptorchestra.APIError
	if errors.As(err, &failure) && failure.Kind == promptorchestra.KindInvalidGraph {
		return errors.Join(invalid(out, graph, failure.Details), err)
	}
	return err
}

func invalid(out io.Writer, graph promptorchestra.Workflow, mistakes []promptorchestra.ErrorDetail) error {
	for _, mistake := range mistakes {
		fmt.Fprintf(out, "%s: %s\n", mistake.Code, mistake.Message)
	}
	fmt.Fprint(out, graph.Mermaid(mistakes...))
	return errors.New("the graph has mistakes")
}

// try runs the version once. It does not retry a run of unknown outcome.
func try(ctx context.Context, client *promptorchestra.Client, out io.Writer, agentID, versionID string, variables any) error {
	started, err := client.Agents.Run(ctx, agentID, promptorchestra.AgentRunParams{VersionID: versionID, Variables: variables})
	if err != nil {
		return fmt.Errorf("the trial run: %w", err)
	}
	run, err := client.AgentRuns.Wait(ctx, started.RunID)
	if err != nil {
		return fmt.Errorf("waiting for the trial run: %w", err)
	}
	fmt.Fprintf(out, "trial run %s %s: %s\n", run.Run.ID, run.Run.Status, run.Run.Output)
	if run.Run.Status.Failed() {
		return fmt.Errorf("the trial run %s", run.Run.Status)
	}
	return nil
}

func main() {
	client, err := promptorchestra.NewFromEnv()
	var graph promptorchestra.Workflow
	if err = errors.Join(err, json.NewDecoder(os.Stdin).Decode(&graph)); err == nil {
		err = publish(context.Background(), client, os.Stdout, os.Args[1], graph, promptorchestra.RawJSON(os.Args[2]))
	}
	if err != nil {
		log.Fatal(err)
	}
}
