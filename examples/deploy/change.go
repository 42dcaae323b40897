package main

import (
	"context"
	"fmt"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

func (p *plan) promptChange(file promptFile) *change {
	prompts := p.client.Prompts
	return &change{
		name: fmt.Sprintf("prompt %q", file.PromptKey),
		id:   p.prompts[file.PromptKey],
		create: func(ctx context.Context) (string, error) {
			made, err := prompts.Create(ctx, promptorchestra.PromptCreateParams{
				PromptKey: file.PromptKey, Name: file.Name, Description: file.Description,
			})
			if err != nil {
				return "", err
			}
			p.prompts[file.PromptKey] = made.ID
			return made.ID, nil
		},
		version: func(ctx context.Context, id string) (string, error) {
			made, err := prompts.CreateVersion(ctx, id, promptorchestra.PromptVersionCreateParams{
				Content: file.Content, SystemPrompt: file.SystemPrompt, DeveloperPrompt: file.DeveloperPrompt,
			})
			if err != nil {
				return "", err
			}
			return made.ID, nil
		},
		publish: func(ctx context.Context, id, versionID string) error {
			_, err := prompts.Publish(ctx, id, promptorchestra.PromptPublishParams{VersionID: versionID})
			return err
		},
		restore: func(ctx context.Context, id string, before live) error {
			_, err := prompts.Publish(ctx, id, promptorchestra.PromptPublishParams{VersionID: before.versionID})
			return err
		},
		live: func(ctx context.Context, id string) (live, error) {
			detail, err := prompts.Get(ctx, id)
			if err != nil {
				return live{}, err
			}
			version, _ := detail.LiveVersion()
			return live{versionID: version.ID}, nil
		},
	}
}

func (p *plan) agentChange(file agentFile, id string) *change {
	agents := p.client.Agents
	return &change{
		name: fmt.Sprintf("agent %q", file.Name),
		id:   id,
		create: func(ctx context.Context) (string, error) {
			made, err := agents.Create(ctx, promptorchestra.AgentCreateParams{Name: file.Name, Description: file.Description})
			if err != nil {
				return "", err
			}
			return made.ID, nil
		},
		version: func(ctx context.Context, id string) (string, error) {
			made, err := agents.CreateVersion(ctx, id)
			if err != nil {
				return "", err
			}
			return made.ID, p.fill(ctx, made.ID, file.Workflow)
		},
		publish: func(ctx context.Context, id, versionID string) error {
			_, err := agents.Publish(ctx, id, promptorchestra.AgentPublishParams{VersionID: versionID})
			return err
		},
		restore: func(ctx context.Context, id string, before live) error {
			_, err := agents.RollbackVersion(ctx, id, before.versionID)
			return err
		},
		live: func(ctx context.Context, id string) (live, error) {
			agent, err := agents.Get(ctx, id)
			if err != nil {
				return live{}, err
			}
			version, published := agent.LiveVersion()
			if !published {
				return live{}, nil
			}
			return live{version.ID, agent.Workflow()}, nil
		},
	}
}

// fill validates a graph and saves it as a draft.
func (p *plan) fill(ctx context.Context, versionID string, w promptorchestra.Workflow) error {
	w, err := p.resolve(w, func(string) string { return "" })
	if err != nil {
		return err
	}
	verdict, err := p.client.Agents.ValidateWorkflow(ctx, versionID, w)
	if err != nil {
		return fmt.Errorf("validating the graph: %w", err)
	}
	for _, issue := range verdict.Issues {
		return fmt.Errorf("the graph is not valid: %s: %s", issue.Path, issue.Message)
	}
	if _, err := p.client.Agents.SaveWorkflow(ctx, versionID, w); err != nil {
		return fmt.Errorf("saving the graph: %w", err)
	}
	return nil
}
