// Diagnose prints what is wrong with a run or an error that was stored, for whoever is called at
// night. It changes nothing.
//
//	go run ./examples/diagnose -live -run run_2xb5q8c7  what became of a run
//	go run ./examples/diagnose -live -error failed.json what promptorchestra.MarshalError wrote,
//	                                                    or one line of a slog JSON log
//
// Without either flag it provokes the six common kinds of platform failure and prints the cause and
// advice of each, and the last report whole. With -live it uses the API that PROMPT_ORCHESTRA_*
// names, else the emulator, started in this process.
//
// It compiles in this repository only, for it shares examples/internal/setup with the other
// examples. A program of your own begins with promptorchestra.NewFromEnv.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/examples/internal/setup"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

var (
	runID     = flag.String("run", "", "diagnose the run with this id, of whatever kind")
	errorFile = flag.String("error", "", "diagnose the error in this file: JSON of MarshalError, or a line of a slog JSON log")
)

func main() { setup.Main(run) }

func run(ctx context.Context, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	client, emulator, err := setup.Connect(os.Stderr)
	if err != nil {
		return err
	}
	if emulator != nil {
		defer emulator.Close()
	}
	switch {
	case *runID != "":
		return write(out, client.DiagnoseRun(ctx, *runID))
	case *errorFile != "":
		return diagnoseFile(ctx, out, client, *errorFile)
	case emulator == nil:
		_, err = client.Prompts.Get(ctx, "prm_does_not_exist")
		return report(ctx, out, "invalid id", client, err, true)
	}
	for i, bucket := range buckets {
		client, err := bucket.provoke(ctx, emulator)
		if err := report(ctx, out, bucket.name, client, err, i == len(buckets)-1); err != nil {
			return err
		}
		emulator.Lift()
	}
	return nil
}

// report prints a diagnosis: the whole of it, or its cause and advice.
func report(ctx context.Context, out io.Writer, name string, client *promptorchestra.Client, err error, whole bool) error {
	if err == nil {
		return errors.New(name + ": the call succeeded")
	}
	if _, err := fmt.Fprintf(out, "=== %s\n", name); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	d := client.Diagnose(ctx, err)
	if !whole {
		d.Findings = nil
	}
	return write(out, d)
}

func diagnoseFile(ctx context.Context, out io.Writer, client *promptorchestra.Client, name string) error {
	data, err := os.ReadFile(name) //nolint:gosec // the user names the file
	if err != nil {
		return fmt.Errorf("reading the error: %w", err)
	}
	stored, err := readError(data)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, stored); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return write(out, client.Diagnose(ctx, stored))
}

func write(out io.Writer, d *promptorchestra.Diagnosis) error {
	if _, err := fmt.Fprintln(out, d); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
}

// buckets are the platform's common failures. Each returns the client that failed, for it knows the
// credential and the organization to look with.
var buckets = []struct {
	name    string
	provoke func(context.Context, *orchestratest.Server) (*promptorchestra.Client, error)
}{
	{"missing organizationId", func(ctx context.Context, emulator *orchestratest.Server) (*promptorchestra.Client, error) {
		client, err := promptorchestra.New(promptorchestra.WithBaseURL(emulator.URL), promptorchestra.WithAPIKey(emulator.APIKey))
		if err != nil {
			return nil, err
		}
		_, err = client.Agents.List(ctx)
		return client, err
	}},
	{"invalid bearer token", func(ctx context.Context, emulator *orchestratest.Server) (*promptorchestra.Client, error) {
		token := emulator.IssueToken(emulator.OrganizationID)
		emulator.Expire(token)
		client := emulator.Client(promptorchestra.WithAccessToken(token))
		_, err := client.Agents.List(ctx)
		return client, err
	}},
	{"permission lacking", func(ctx context.Context, emulator *orchestratest.Server) (*promptorchestra.Client, error) {
		reader := emulator.IssueToken(emulator.OrganizationID, "agents:read", "runs:read")
		client := emulator.Client(promptorchestra.WithAccessToken(reader))
		_, err := client.Agents.Create(ctx, promptorchestra.AgentCreateParams{Name: "Support"})
		return client, err
	}},
	{"entitlement lacking", func(ctx context.Context, emulator *orchestratest.Server) (*promptorchestra.Client, error) {
		client := emulator.Client()
		agent, err := client.Agents.Create(ctx, promptorchestra.AgentCreateParams{Name: "Support"})
		if err != nil {
			return client, err
		}
		emulator.Restrict(orchestratest.AI(false))
		_, err = client.Agents.Run(ctx, agent.ID, promptorchestra.AgentRunParams{})
		return client, err
	}},
	{"invalid id", func(ctx context.Context, emulator *orchestratest.Server) (*promptorchestra.Client, error) {
		client := emulator.Client()
		_, err := client.Prompts.Run(ctx, "prm_of_somebody_else", promptorchestra.PromptRunParams{})
		return client, err
	}},
	{"invalid graph at publish", func(ctx context.Context, emulator *orchestratest.Server) (*promptorchestra.Client, error) {
		client := emulator.Client()
		agent, err := client.Agents.Create(ctx, promptorchestra.AgentCreateParams{Name: "Support"})
		if err != nil {
			return client, err
		}
		version, err := client.Agents.CreateVersion(ctx, agent.ID)
		if err != nil {
			return client, err
		}
		_, err = client.Agents.SaveWorkflow(ctx, version.ID, promptorchestra.Workflow{
			Steps:       []promptorchestra.WorkflowStep{{StepKey: "done", Name: "Done", StepType: promptorchestra.StepTypeReturn}},
			Transitions: []promptorchestra.WorkflowTransition{{FromStepKey: "done", ToStepKey: "nowhere", TransitionType: promptorchestra.TransitionTypeNext}},
		})
		if err != nil {
			return client, err
		}
		_, err = client.Agents.Publish(ctx, agent.ID, promptorchestra.AgentPublishParams{VersionID: version.ID})
		return client, err
	}},
}
