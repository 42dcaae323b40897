// Deploy keeps the prompts and agents of an organization as YAML files in a folder. It prints what
// would change on the server, one line a change; with -apply it creates versions, validates and
// publishes what changed, and nothing else. Run it in its own module:
//
//	go -C examples/deploy run .                   the files of definitions, on the emulator
//	go -C examples/deploy run . -apply            the same, and publishes
//	go -C examples/deploy run . -live -dir agents the API that PROMPT_ORCHESTRA_* names
//
// If something fails, what ran by default before runs again, or the program names what does not.
// Drafts and first publications remain, and are listed. A step names a prompt of the organization as
// "prompt:" and its key.
//
// It compiles in this repository only, for it shares examples/internal/setup with the other
// examples. A program of your own begins with promptorchestra.NewFromEnv.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/examples/internal/setup"
)

var (
	dir   = flag.String("dir", "definitions", "the folder with prompts/*.yaml and agents/*.yaml")
	apply = flag.Bool("apply", false, "create versions and publish what changed")
)

func main() { setup.Main(run) }

func run(ctx context.Context, out io.Writer) error {
	client, emulator, err := setup.Connect(os.Stderr)
	if err != nil {
		return err
	}
	if emulator != nil {
		defer emulator.Close()
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	return deploy(ctx, out, client, *dir, *apply)
}

func deploy(ctx context.Context, out io.Writer, client *promptorchestra.Client, dir string, apply bool) error {
	definitions, err := readFolder(dir)
	if err != nil {
		return err
	}
	plan, err := compare(ctx, client, definitions)
	if err != nil {
		return err
	}
	if len(plan.changes) == 0 {
		fmt.Fprintln(out, "Nothing changes.")
		return nil
	}
	for _, c := range plan.changes {
		for _, line := range c.lines {
			fmt.Fprintf(out, "%s: %s\n", c.name, line)
		}
	}
	if !apply {
		fmt.Fprintln(out, "Nothing was changed: -apply does it.")
		return nil
	}
	return plan.apply(ctx, out)
}
