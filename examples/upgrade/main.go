// Upgrade shows what an application does with an entitlement failure: it asks its customer to
// upgrade, and retries the same call once the plan has changed.
//
// It starts the emulator in this process and meets a seat limit and a feature that the plan lacks.
// With -live it only lists the agents of the API that PROMPT_ORCHESTRA_* names.
//
// It compiles in this repository only, for it shares examples/internal/setup with the other
// examples. A program of your own begins with promptorchestra.NewFromEnv.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/examples/internal/setup"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func main() { setup.Main(run) }

func run(ctx context.Context, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	client, emulator, err := setup.Connect(os.Stderr)
	if err != nil {
		return err
	}
	app := application{client: client, out: out, upgrade: func(context.Context) error {
		return errors.New("run this again once the plan has changed")
	}}
	if emulator == nil {
		return app.listAgents(ctx)
	}
	defer emulator.Close()
	app.upgrade = func(context.Context) error {
		emulator.Lift() // the customer pays
		return nil
	}
	return app.meetLimits(ctx, emulator)
}

type application struct {
	client  *promptorchestra.Client
	out     io.Writer
	upgrade func(context.Context) error // returns once the plan has changed
}

func (a *application) meetLimits(ctx context.Context, emulator *orchestratest.Server) error {
	emulator.Restrict(orchestratest.Seats(3))
	if err := a.listAgents(ctx); err != nil {
		return err
	}
	promptID, err := setup.Prompt(ctx, a.client, "Greet {{name}}.")
	if err != nil {
		return err
	}
	emulator.Restrict(orchestratest.AI(false))
	return a.greet(ctx, promptID, "Ada")
}

func (a *application) listAgents(ctx context.Context) error {
	return a.withUpgrade(ctx, func() error {
		agents, err := a.client.Agents.List(ctx)
		if err != nil {
			return fmt.Errorf("listing agents: %w", err)
		}
		fmt.Fprintf(a.out, "The organization has %d agents.\n", len(agents))
		return nil
	})
}

func (a *application) greet(ctx context.Context, promptID, name string) error {
	return a.withUpgrade(ctx, func() error {
		result, err := a.client.Prompts.Run(ctx, promptID, promptorchestra.PromptRunParams{Variables: map[string]any{"name": name}})
		if err != nil {
			return fmt.Errorf("running the prompt: %w", err)
		}
		if !hasSucceeded(result.Status, result.Output, result.Diagnostic) {
			return fmt.Errorf("run %s is paid for, and its status is %q", result.RunID, result.Status)
		}
		fmt.Fprintln(a.out, "The prompt returned:", result.OutputText)
		return nil
	})
}

// hasSucceeded reports whether a run shows that it succeeded. A call without an error may return a
// run that failed, which is paid for all the same.
func hasSucceeded(status promptorchestra.RunStatus, output promptorchestra.RawJSON, why *promptorchestra.Diagnostic) bool {
	return status.Succeeded() || status == "" && why == nil && len(output) > len(`""`) && output.String() != "null"
}

// withUpgrade makes a call, and once more after an upgrade when the plan does not allow it. That is
// safe for executions too: a 402 rejects a call before it runs.
func (a *application) withUpgrade(ctx context.Context, call func() error) error {
	err := call()
	var rejected *promptorchestra.APIError
	if !errors.As(err, &rejected) || !rejected.IsEntitlement() {
		return err
	}
	fmt.Fprintf(a.out, "Not in your plan: %s\n  Upgrade at %s\n", rejected.Message, upgradeLink(rejected))
	if err := a.upgrade(ctx); err != nil {
		return fmt.Errorf("%w; before that: %w", err, rejected)
	}
	return call()
}

// upgradeLink leads to seats or to plans. The API documents no codes for a 402, so the text
// decides, and what it does not name leads to the plans.
func upgradeLink(rejected *promptorchestra.APIError) string {
	page := "plans"
	if strings.Contains(strings.ToLower(rejected.Code+" "+rejected.Message), "seat") {
		page = "seats"
	}
	return "https://app.example.com/billing/" + page + "?organization=" + url.QueryEscape(rejected.Organization)
}
