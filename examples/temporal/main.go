// Temporal pays for each job once, whatever becomes of the workers: a workflow that schedules the
// execution, and one that looks it up where its outcome is unknown. Without an address this program
// runs the workflows in Temporal's test environment, which needs no server, against an emulator of
// the API; with one it is a worker, and its own client, on a Temporal server. Run it in its own
// module:
//
//	go -C examples/temporal run .
//	go -C examples/temporal run . -address 127.0.0.1:7233
//
// workflow.go and activities.go are what a program of your own needs, and docs/workers.md says why.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

const taskQueue = "prompt-runs"

// Times to see something soon. In production: minutes, see docs/workers.md.
var times = Times{Attempt: 2 * time.Second, Heartbeat: 500 * time.Millisecond, Settle: 3 * time.Second, Upgrade: 2 * time.Second}

func main() {
	address := flag.String("address", "", "of a Temporal server; without one the workflows run in Temporal's test environment")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout, *address)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "The example failed:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, address string) error {
	emulator := orchestratest.NewServer()
	defer emulator.Close()
	activities := newActivities(emulator)
	execute := inTestEnvironment(activities)
	if address != "" {
		onServer, stop, err := onServer(ctx, address, activities)
		if err != nil {
			return err
		}
		defer stop()
		execute = onServer
	}
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
		job := Job{ID: fmt.Sprintf("job-%d-%d", time.Now().Unix(), i), Name: "Ada"}
		emulator.Fail("Prompts.Run", failure.fault)
		before := len(emulator.Requests("Prompts.Run"))
		result, err := execute(ctx, job)
		counts, countErr := executions(ctx, emulator)
		if countErr != nil {
			return countErr
		}
		state := "completed by " + result.RunID
		var failed *temporal.ApplicationError
		if errors.As(err, &failed) {
			state = "failed, for a person: " + failed.Type() + ": " + failed.Message()
		} else if err != nil {
			state = err.Error()
		}
		fmt.Fprintf(out, "%-46s executions: %d   requests: %d   %s\n", failure.name, counts[job.ID], len(emulator.Requests("Prompts.Run"))-before, state)
	}
	return nil
}

type executor func(ctx context.Context, job Job) (Result, error)

// inTestEnvironment runs a workflow without a server; its timers take no time.
func inTestEnvironment(activities *Activities) executor {
	return func(_ context.Context, job Job) (result Result, err error) {
		env := newEnvironment(activities)
		env.ExecuteWorkflow(ExecuteOnce, job, times)
		if err = env.GetWorkflowError(); err == nil {
			err = env.GetWorkflowResult(&result)
		}
		return result, err
	}
}

// implementation is what the workflow's activities do.
type implementation interface {
	Execute(ctx context.Context, job Job, times Times) (Result, error)
	LookUp(ctx context.Context, job Job, sent time.Time, times Times) (*Result, error)
}

func newEnvironment(activities implementation) *testsuite.TestWorkflowEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetStartTime(time.Now())
	env.SetTestTimeout(time.Minute)
	env.RegisterActivityWithOptions(activities.Execute, activity.RegisterOptions{Name: "Execute"})
	env.RegisterActivityWithOptions(activities.LookUp, activity.RegisterOptions{Name: "LookUp"})
	return env
}

// onServer starts a worker, and returns what executes a workflow there. The job's id is the
// workflow's, so that a job that comes in twice is one workflow.
func onServer(ctx context.Context, address string, activities *Activities) (executor, func(), error) {
	server, err := client.DialContext(ctx, client.Options{HostPort: address, Logger: log.NewStructuredLogger(slog.Default())})
	if err != nil {
		return nil, nil, fmt.Errorf("connecting to Temporal: %w", err)
	}
	w := worker.New(server, taskQueue, worker.Options{WorkerStopTimeout: times.Attempt})
	w.RegisterWorkflow(ExecuteOnce)
	w.RegisterActivity(activities)
	if err := w.Start(); err != nil {
		server.Close()
		return nil, nil, fmt.Errorf("starting a worker: %w", err)
	}
	execute := func(ctx context.Context, job Job) (result Result, err error) {
		options := client.StartWorkflowOptions{ID: job.ID, TaskQueue: taskQueue, WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE}
		started, err := server.ExecuteWorkflow(ctx, options, ExecuteOnce, job, times)
		if err == nil {
			err = started.Get(ctx, &result)
		}
		return result, err
	}
	return execute, func() { w.Stop(); server.Close() }, nil
}

func newActivities(emulator *orchestratest.Server, opts ...promptorchestra.Option) *Activities {
	return &Activities{Client: emulator.Client(opts...), PromptID: emulator.PublishPrompt("Greet {{name}}.")}
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
		var input struct{ Variables Job }
		if err := detail.InputSnapshot.Decode(&input); err != nil {
			return nil, err
		}
		counts[input.Variables.ID]++
	}
	return counts, nil
}
