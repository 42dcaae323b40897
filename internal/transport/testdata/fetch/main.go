// Command fetch calls the server at the URL that it is given, and prints what came of each call.
// Its test runs it as WebAssembly.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

func main() {
	client, err := promptorchestra.New(
		promptorchestra.WithBaseURL(os.Args[1]), promptorchestra.WithAPIKey("sk_12345678"), promptorchestra.WithOrganization("org_1"),
	)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	ctx := context.Background()
	agent, err := client.Agents.Get(ctx, "agt_1")
	report("get", err)
	if err == nil {
		fmt.Println("name", agent.Name)
	}
	elements := 0
	for _, err := range client.Agents.All(ctx) {
		report("all", err)
		elements++
	}
	fmt.Println("elements", elements)
	_, err = client.Prompts.Run(ctx, "prm_1", promptorchestra.PromptRunParams{Variables: map[string]any{"a": 1}})
	report("run", err)
	_, err = client.Prompts.Run(ctx, "prm_dropped", promptorchestra.PromptRunParams{})
	report("dropped", err)
	_, err = client.Prompts.Get(ctx, "prm_moved")
	report("moved", err)
}

func report(name string, err error) {
	var failure *promptorchestra.APIError
	fmt.Println(name, err == nil, "unknown", promptorchestra.OutcomeUnknown(err), "status", errors.As(err, &failure) && failure.StatusCode == 302)
}
