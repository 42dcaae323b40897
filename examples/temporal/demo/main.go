// Demo shows package paidonce without a server: the workflows run in Temporal's test environment,
// whose timers take no time, against an emulator of the API.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	paidonce "github.com/prompt-orchestra/promptorchestra-go/examples/temporal"
	"github.com/prompt-orchestra/promptorchestra-go/jobs"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// Times to see something soon. In production: minutes, see docs/workers.md.
var times = paidonce.Times{Attempt: 2 * time.Second, Heartbeat: 500 * time.Millisecond, Settle: 3 * time.Second, Longest: 2 * time.Second}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "The example failed:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	emulator := orchestratest.NewServer()
	defer emulator.Close()
	activities := paidonce.NewActivities(emulator.Client(), emulator.PublishPrompt("Greet {{name}}."), times)
	for i, failure := range []struct {
		name  string
		fault orchestratest.Fault
	}{
		{"nothing fails", orchestratest.Fault{}},
		{"the response is lost after the execution", orchestratest.DropAfter()},
		{"the connection is lost before it", orchestratest.DropBefore()},
		{"a rate limit (429)", orchestratest.RateLimited(time.Second)},
		{"the plan does not allow it (402), then it does", orchestratest.NoFeature("ai")},
		{"a refusal (422)", orchestratest.Status(422, `{"error":"invalid","message":"name is too long"}`)},
	} {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		job := paidonce.Job{ID: fmt.Sprintf("job-%d-%d", time.Now().Unix(), i), Name: "Ada"}
		emulator.Fail("Prompts.Run", failure.fault)
		before := len(emulator.Requests("Prompts.Run"))
		result, err := execute(activities, job)
		counts, countErr := executions(ctx, emulator)
		if countErr != nil {
			return countErr
		}
		state := "completed by " + result.RunID
		var failed *temporal.ApplicationError
		if errors.As(err, &failed) {
			var decision jobs.Decision
			_ = failed.Details(&decision) // it is for people
			state = "parked, for a person, " + string(decision.Execution) + ": " + failed.Message()
		} else if err != nil {
			state = err.Error()
		}
		fmt.Fprintf(out, "%-46s executions: %d   requests: %d   %s\n", failure.name, counts[job.ID], len(emulator.Requests("Prompts.Run"))-before, state)
	}
	return nil
}

// execute runs a workflow without a server.
func execute(activities *paidonce.Activities, job paidonce.Job) (result jobs.Result, err error) {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetStartTime(time.Now())
	env.SetTestTimeout(time.Minute)
	env.RegisterActivity(activities)
	env.ExecuteWorkflow(paidonce.ExecuteOnce, job, times)
	return result, cmp.Or(env.GetWorkflowError(), env.GetWorkflowResult(&result))
}

// executions counts the recorded runs by job, as the API has them.
func executions(ctx context.Context, emulator *orchestratest.Server) (map[string]int, error) {
	client, counts := emulator.Client(), map[string]int{}
	for run, err := range client.Runs.All(ctx) {
		if err != nil {
			return nil, err
		}
		detail, err := client.Runs.Get(ctx, run.ID)
		if err != nil {
			return nil, err
		}
		var input struct{ Variables paidonce.Job }
		if err := detail.InputSnapshot.Decode(&input); err != nil {
			return nil, err
		}
		counts[input.Variables.ID]++
	}
	return counts, nil
}
