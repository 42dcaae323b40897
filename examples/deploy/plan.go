package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// plan is what is to change, prompts before the agents that use them.
type plan struct {
	client  *promptorchestra.Client
	changes []*change
	prompts map[string]string // ids by key, those that are created later too
}

// change is one prompt or agent whose version that runs by default is not the one of the file.
type change struct {
	name   string // for people: `agent "Support"`
	lines  []string
	id     string // "" until it is created
	before live   // what runs now

	create  func(ctx context.Context) (id string, err error)
	version func(ctx context.Context, id string) (versionID string, err error)
	publish func(ctx context.Context, id, versionID string) error
	restore func(ctx context.Context, id string, before live) error
	live    func(ctx context.Context, id string) (live, error)
}

// live is what runs by default: nothing when versionID is "".
type live struct {
	versionID string
	graph     promptorchestra.Workflow // of an agent
}

// is reports whether the same runs: a version that was restored has another id, and the same graph.
func (l live) is(other live) bool {
	return l.versionID == other.versionID || l.versionID != "" && other.versionID != "" &&
		len(l.graph.Steps) > 0 && l.graph.Equal(other.graph)
}

// compare reads what the definitions name, and nothing else.
func compare(ctx context.Context, client *promptorchestra.Client, d definitions) (*plan, error) {
	p := &plan{client: client, prompts: map[string]string{}}
	for prompt, err := range client.Prompts.All(ctx) {
		if err != nil {
			return nil, fmt.Errorf("listing the prompts: %w", err)
		}
		p.prompts[prompt.PromptKey] = prompt.ID
	}
	agents := map[string]string{}
	for agent, err := range client.Agents.All(ctx) {
		switch {
		case err != nil:
			return nil, fmt.Errorf("listing the agents: %w", err)
		case agents[agent.Name] != "" && slices.ContainsFunc(d.agents, func(a agentFile) bool { return a.Name == agent.Name }):
			return nil, fmt.Errorf("two agents are named %q: a file cannot tell which one it means", agent.Name)
		}
		agents[agent.Name] = agent.ID
	}
	for _, file := range d.prompts {
		if err := p.comparePrompt(ctx, file); err != nil {
			return nil, err
		}
	}
	for _, file := range d.agents {
		if err := p.compareAgent(ctx, file, agents[file.Name], d); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *plan) comparePrompt(ctx context.Context, file promptFile) error {
	c := p.promptChange(file)
	if c.id == "" {
		c.lines = []string{"new"}
		p.changes = append(p.changes, c)
		return nil
	}
	detail, err := p.client.Prompts.Get(ctx, c.id)
	if err != nil {
		return fmt.Errorf("reading %s: %w", c.name, err)
	}
	now, published := detail.LiveVersion()
	c.before = live{versionID: now.ID}
	if !published {
		c.lines = append(c.lines, "is not published")
	}
	for _, text := range []struct{ name, old, new string }{
		{"content", now.Content, file.Content},
		{"systemPrompt", now.SystemPrompt, file.SystemPrompt},
		{"developerPrompt", now.DeveloperPrompt, file.DeveloperPrompt},
	} {
		if text.old != text.new {
			c.lines = append(c.lines, fmt.Sprintf("%s: %.60q -> %.60q", text.name, text.old, text.new))
		}
	}
	if len(c.lines) > 0 {
		p.changes = append(p.changes, c)
	}
	return nil
}

func (p *plan) compareAgent(ctx context.Context, file agentFile, id string, d definitions) error {
	c := p.agentChange(file, id)
	wanted, err := p.resolve(file.Workflow, func(key string) string {
		if slices.ContainsFunc(d.prompts, func(f promptFile) bool { return f.PromptKey == key }) {
			return promptReference + key // is created first
		}
		return ""
	})
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	if id == "" {
		c.lines = []string{"new"}
		p.changes = append(p.changes, c)
		return nil
	}
	agent, err := p.client.Agents.Get(ctx, id)
	if err != nil {
		return fmt.Errorf("reading %s: %w", c.name, err)
	}
	if version, published := agent.LiveVersion(); published {
		c.before = live{version.ID, agent.Workflow()}
	} else {
		c.lines = append(c.lines, "is not published")
	}
	c.lines = append(c.lines, agent.Workflow().Diff(wanted)...)
	if len(c.lines) > 0 {
		p.changes = append(p.changes, c)
	}
	return nil
}

// resolve returns the graph with the ids of the prompts that its steps name by key.
func (p *plan) resolve(w promptorchestra.Workflow, otherwise func(key string) string) (promptorchestra.Workflow, error) {
	w.Steps = slices.Clone(w.Steps)
	for i, step := range w.Steps {
		key, named := strings.CutPrefix(step.PromptID, promptReference)
		if !named {
			continue
		}
		id := p.prompts[key]
		if id == "" {
			id = otherwise(key)
		}
		if id == "" {
			return w, fmt.Errorf("step %q names the prompt %q, which does not exist", step.StepKey, key)
		}
		w.Steps[i].PromptID = id
	}
	return w, nil
}
