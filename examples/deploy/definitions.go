package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// definitions are what the folder says.
type definitions struct {
	prompts []promptFile
	agents  []agentFile
}

// promptFile is a prompt with the version that is to run. The name and the description are set when
// the prompt is created.
type promptFile struct {
	PromptKey       string `yaml:"promptKey"`
	Name            string `yaml:"name"`
	Description     string `yaml:"description"`
	Content         string `yaml:"content"`
	SystemPrompt    string `yaml:"systemPrompt"`
	DeveloperPrompt string `yaml:"developerPrompt"`
}

// agentFile is an agent, known by its name, with the graph that is to run.
type agentFile struct {
	Name        string                   `yaml:"name"`
	Description string                   `yaml:"description"`
	Workflow    promptorchestra.Workflow `yaml:"workflow"`
}

// promptReference is how a step names a prompt by its key.
const promptReference = "prompt:"

func readFolder(dir string) (definitions, error) {
	prompts, err := readFiles(dir, "prompts", func(p promptFile) string { return p.PromptKey })
	if err != nil {
		return definitions{}, err
	}
	agents, err := readFiles(dir, "agents", func(a agentFile) string { return a.Name })
	if err != nil {
		return definitions{}, err
	}
	if len(prompts)+len(agents) == 0 {
		return definitions{}, fmt.Errorf("%s has neither prompts/*.yaml nor agents/*.yaml", dir)
	}
	for _, a := range agents {
		for _, mistake := range a.Workflow.Validate() {
			err = errors.Join(err, fmt.Errorf("agent %q: %s: %s", a.Name, mistake.Path, mistake.Message))
		}
	}
	return definitions{prompts, agents}, err
}

// readFiles reads one definition from each file. What a file has beyond the fields is an error.
func readFiles[T any](dir, kind string, key func(T) string) ([]T, error) {
	names, err := filepath.Glob(filepath.Join(dir, kind, "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", kind, err)
	}
	var all []T
	from := map[string]string{}
	for _, name := range names {
		text, err := os.ReadFile(name) //nolint:gosec // the user names the folder
		if err != nil {
			return nil, fmt.Errorf("reading a definition: %w", err)
		}
		var definition T
		decoder := yaml.NewDecoder(bytes.NewReader(text))
		decoder.KnownFields(true)
		if err := decoder.Decode(&definition); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		k := strings.TrimSpace(key(definition))
		if other := from[k]; k == "" || other != "" {
			return nil, fmt.Errorf("%s: its key or name is missing, or that of %s", name, other)
		}
		from[k] = name
		all = append(all, definition)
	}
	return all, nil
}
