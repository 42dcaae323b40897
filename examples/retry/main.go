// Retry drains a queue of jobs, each a paid execution, through a flaky server.
// Each is executed exactly once: a job is sent again only when it certainly did
// not run. Where that cannot be told, it is parked, and looked up in the recorded
// runs by the job id that was sent among the variables.
//
// With PROMPT_ORCHESTRA_* set it runs three jobs on that API and pays for them;
// otherwise it starts the emulator in this process and makes it flaky.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "retry:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}

func run(ctx context.Context, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	if inEnvironment() {
		client, err := promptorchestra.NewFromEnv()
		if err != nil {
			return fmt.Errorf("reading PROMPT_ORCHESTRA_*: %w", err)
		}
		// A request whose answer was lost may still be at work: look for its
		// record only when no execution can take any longer.
		return drainJobs(ctx, out, &worker{client: client, parallel: 1, minWait: time.Second, settle: 10 * time.Minute}, 3)
	}
	emulator := orchestratest.NewServer()
	defer emulator.Close()
	makeFlaky(emulator, 60)
	client := emulator.Client(promptorchestra.WithTimeout(200*time.Millisecond),
		promptorchestra.WithRetry(promptorchestra.RetryPolicy{MinWait: time.Millisecond, MaxWait: 10 * time.Millisecond}))
	return drainJobs(ctx, out, &worker{client: client, parallel: 8, minWait: time.Millisecond, settle: 300 * time.Millisecond}, 100)
}

// inEnvironment reports whether the environment names an API.
func inEnvironment() bool {
	return slices.ContainsFunc(os.Environ(), func(setting string) bool {
		name, value, _ := strings.Cut(setting, "=")
		return strings.HasPrefix(name, "PROMPT_ORCHESTRA_") && value != ""
	})
}

// makeFlaky makes the next n executions fail in all the ways that servers and
// networks have. Some of these ways leave an execution behind.
func makeFlaky(emulator *orchestratest.Server, n int) {
	ways := []orchestratest.Fault{
		orchestratest.DropBefore(), orchestratest.DropAfter(), orchestratest.CutBody(20), orchestratest.Delay(time.Second),
		orchestratest.HTML(502), orchestratest.Status(503, ""), orchestratest.Status(500, `{"error":"failed","message":"upstream"}`),
		orchestratest.RateLimited(0),
		{},
	}
	for range n {
		emulator.Fail("Prompts.Run", ways[rand.N(len(ways))])
	}
}

// drainJobs makes a prompt and n jobs for it, and works until none is left.
func drainJobs(ctx context.Context, out io.Writer, w *worker, n int) error {
	prompt, err := w.client.Prompts.Create(ctx, promptorchestra.PromptCreateParams{
		PromptKey: fmt.Sprintf("greeting-%d", time.Now().UnixNano()), Name: "Greeting",
	})
	if err != nil {
		return fmt.Errorf("creating a prompt: %w", err)
	}
	version, err := w.client.Prompts.CreateVersion(ctx, prompt.ID, promptorchestra.PromptVersionCreateParams{Content: "Greet {{name}}."})
	if err != nil {
		return fmt.Errorf("creating its version: %w", err)
	}
	if _, err := w.client.Prompts.Publish(ctx, prompt.ID, promptorchestra.PromptPublishParams{VersionID: version.ID}); err != nil {
		return fmt.Errorf("publishing it: %w", err)
	}
	w.promptID, w.done = prompt.ID, map[string]job{}
	jobs := make([]job, n)
	for i := range jobs {
		jobs[i] = job{ID: fmt.Sprintf("job-%04d", i), Name: fmt.Sprintf("customer %d", i)}
	}
	for round := 1; len(jobs) > 0; round++ {
		fmt.Fprintf(out, "round %d: %d jobs\n", round, len(jobs))
		w.drain(ctx, jobs)
		fmt.Fprintf(out, "  %d answered so far, %d parked\n", len(w.done), len(w.parked))
		if jobs, err = w.checkParked(ctx); err != nil {
			return err
		}
		fmt.Fprintf(out, "  of the parked ones, %d had not run and go back into the queue\n", len(jobs))
	}
	fmt.Fprintf(out, "%d jobs done, %d failed\n", len(w.done), len(w.failed))
	return errors.Join(w.failed...)
}
