package main

import (
	"context"
	"errors"
	"fmt"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// errUnknownOrganization is what a token source returns for an organization that
// is none of ours.
var errUnknownOrganization = errors.New("there is no such organization")

// tokens stands for the place where a service keeps each organization's token.
type tokens map[string]string

func (t tokens) token(_ context.Context, organizationID string) (string, error) {
	if token, ok := t[organizationID]; ok {
		return token, nil
	}
	return "", errUnknownOrganization
}

// twoOrganizations adds an organization to the emulator and returns one client
// for both, with an agent in each by organization.
func twoOrganizations(ctx context.Context, emulator *orchestratest.Server) (*promptorchestra.Client, map[string]string, error) {
	other := emulator.AddOrganization("Globex")
	known := tokens{emulator.OrganizationID: emulator.AccessToken, other.ID: other.AccessToken}
	client, err := promptorchestra.New(promptorchestra.WithBaseURL(emulator.URL), promptorchestra.WithAccessTokenSource(known.token))
	if err != nil {
		return nil, nil, fmt.Errorf("making the client: %w", err)
	}
	agents := map[string]string{}
	for organization := range known {
		if agents[organization], err = makeAgent(ctx, client.InOrganization(organization)); err != nil {
			return nil, nil, err
		}
	}
	return client, agents, nil
}

func makeAgent(ctx context.Context, client *promptorchestra.Client) (agentID string, err error) {
	prompt, err := client.Prompts.Create(ctx, promptorchestra.PromptCreateParams{PromptKey: "greeting", Name: "Greeting"})
	if err != nil {
		return "", fmt.Errorf("creating a prompt: %w", err)
	}
	content, err := client.Prompts.CreateVersion(ctx, prompt.ID, promptorchestra.PromptVersionCreateParams{Content: "Greet {{name}}."})
	if err != nil {
		return "", fmt.Errorf("creating its version: %w", err)
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
		Steps: []promptorchestra.WorkflowStep{{
			StepKey: "greet", Name: "Greet", StepType: promptorchestra.StepTypePrompt, PromptID: prompt.ID, PromptVersionID: content.ID,
		}},
	})
	if err != nil {
		return "", fmt.Errorf("saving its graph: %w", err)
	}
	if _, err := client.Agents.Publish(ctx, agent.ID, promptorchestra.AgentPublishParams{VersionID: version.ID}); err != nil {
		return "", fmt.Errorf("publishing it: %w", err)
	}
	return agent.ID, nil
}
