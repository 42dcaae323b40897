// River pays for each job once, whatever becomes of the worker: with the River queue, on SQLite by
// default and on PostgreSQL where DATABASE_URL names a database of its own. This program drains a
// hundred jobs through a flaky emulator of the API, kills its own worker process with SIGKILL in the
// middle, starts another one, and prints what each job cost. Run it in its own module:
//
//	go -C examples/river run .
//	go -C examples/river run . -naive
//
// The second one shows a worker without a mark, which pays for some of the jobs twice. worker.go is
// what a program of your own needs, and docs/workers.md says why.
package main

import (
	"cmp"
	"context"
	"database/sql"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

type settings struct {
	worker   bool // be a worker process, until standard input ends
	naive    bool
	jobs     int
	database string
	promptID string
	times    Times
}

func parse(arguments []string) settings {
	var s settings
	flags := flag.NewFlagSet("river", flag.ExitOnError)
	flags.BoolVar(&s.naive, "naive", false, "use a worker that marks nothing, to see it pay twice")
	flags.IntVar(&s.jobs, "jobs", 100, "how many jobs to drain")
	flags.StringVar(&s.database, "database", os.Getenv("DATABASE_URL"), "postgres://... or sqlite:PATH; a new SQLite file when empty")
	flags.DurationVar(&s.times.Attempt, "attempt", time.Second, "how long one call may take")
	flags.DurationVar(&s.times.Settle, "settle", 2*time.Second, "after which time a call has left its record, if it will leave one")
	flags.DurationVar(&s.times.Upgrade, "upgrade", time.Hour, "how long to wait after a 402")
	flags.BoolVar(&s.worker, "worker", false, "be a worker process, for this program itself")
	flags.StringVar(&s.promptID, "prompt", "", "the prompt that the worker executes")
	_ = flags.Parse(arguments) // exits by itself
	return s
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, run := parse(os.Args[1:]), demonstrate
	if s.worker {
		run = work
	}
	if err := run(ctx, os.Stdout, s); err != nil {
		fmt.Fprintln(os.Stderr, "The example did not get through:", err)
		os.Exit(1)
	}
}

// demonstrate starts the API and the workers, kills the first of them, and counts.
func demonstrate(ctx context.Context, out io.Writer, s settings) error {
	emulator := orchestratest.NewServer()
	defer emulator.Close()
	promptID, err := publish(ctx, emulator.Client())
	if err != nil {
		return err
	}
	if s.database == "" {
		dir, err := os.MkdirTemp("", "river")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		s.database = "sqlite:" + filepath.Join(dir, "jobs.db")
	}
	s.promptID = promptID
	queue, err := openQueue(ctx, s.database)
	if err != nil {
		return err
	}
	defer queue.Close()
	ids, err := queue.insert(ctx, s.jobs)
	if err != nil {
		return err
	}
	makeFlaky(emulator, s.jobs)

	worker, err := startWorker(emulator.URL, emulator, s)
	if err != nil {
		return err
	}
	defer func() { worker.kill() }()
	fmt.Fprintf(out, "%d jobs, worker %d starts\n", s.jobs, worker.pid())
	killed, began, line := false, time.Now(), time.Time{}
	for {
		states, err := queue.states(ctx)
		if err != nil {
			return err
		}
		done := states[rivertype.JobStateCompleted] + states[rivertype.JobStateCancelled]
		if !killed && done >= s.jobs*2/5 && states[rivertype.JobStateRunning] > 1 {
			worker.kill()
			fmt.Fprintf(out, "%3.0f s: worker %d is killed with %d jobs in its hands", time.Since(began).Seconds(), worker.pid(), states[rivertype.JobStateRunning])
			if worker, err = startWorker(emulator.URL, emulator, s); err != nil {
				return err
			}
			fmt.Fprintf(out, ", worker %d starts\n%5s River gives these jobs to it once the killed one's lease has ended, after 15 s at most\n", worker.pid(), "")
			killed = true
		}
		if time.Since(line) > time.Second || done == s.jobs {
			line = time.Now()
			fmt.Fprintf(out, "%3.0f s: %d done, %d in work, %d waiting; %d requests\n", time.Since(began).Seconds(), done,
				states[rivertype.JobStateRunning], s.jobs-done-states[rivertype.JobStateRunning], len(emulator.Requests("Prompts.Run")))
		}
		if done == s.jobs {
			break
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return printCosts(ctx, out, emulator, ids)
}

// printCosts says for each job how many executions are recorded.
func printCosts(ctx context.Context, out io.Writer, emulator *orchestratest.Server, ids []string) error {
	counts, err := executions(ctx, emulator)
	if err != nil {
		return err
	}
	jobs := map[int]int{} // by the number of their executions
	for i, id := range ids {
		fmt.Fprintf(out, "%s: %d%s", id, counts[id], map[bool]string{true: "\n", false: "   "}[i%8 == 7 || i == len(ids)-1])
		jobs[counts[id]]++
	}
	for _, n := range slices.Sorted(maps.Keys(jobs)) {
		fmt.Fprintf(out, "%d jobs cost %d execution%s each\n", jobs[n], n, map[bool]string{true: "", false: "s"}[n == 1])
	}
	return nil
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

// makeFlaky lets most of n executions fail, in all the ways that servers and networks have. Some
// of these ways leave an execution behind.
func makeFlaky(emulator *orchestratest.Server, n int) {
	ways := []orchestratest.Fault{
		orchestratest.DropBefore(), orchestratest.DropAfter(), orchestratest.CutBody(20), orchestratest.HTML(502), orchestratest.Status(503, ""),
		orchestratest.Status(500, `{"error":"failed","message":"upstream"}`), orchestratest.RateLimited(time.Second), {}, {}, {},
	}
	for range n {
		emulator.Fail("Prompts.Run", ways[rand.N(len(ways))].WithDelay(rand.N(600*time.Millisecond)))
	}
}

func publish(ctx context.Context, client *promptorchestra.Client) (string, error) {
	prompt, err := client.Prompts.Create(ctx, promptorchestra.PromptCreateParams{PromptKey: "greeting", Name: "Greeting"})
	if err != nil {
		return "", err
	}
	version, err := client.Prompts.CreateVersion(ctx, prompt.ID, promptorchestra.PromptVersionCreateParams{Content: "Greet {{name}}."})
	if err != nil {
		return "", err
	}
	_, err = client.Prompts.Publish(ctx, prompt.ID, promptorchestra.PromptPublishParams{VersionID: version.ID})
	return prompt.ID, err
}

// A queue puts jobs into River and looks at them.
type queue struct {
	*database
	client *river.Client[*sql.Tx]
}

func openQueue(ctx context.Context, url string) (*queue, error) {
	d, err := openDatabase(ctx, url)
	if err != nil {
		return nil, err
	}
	client, err := d.newClient(nil, Times{})
	if err != nil {
		return nil, cmp.Or(d.Close(), err)
	}
	return &queue{d, client}, nil
}

func (q *queue) insert(ctx context.Context, n int) (ids []string, err error) {
	jobs := make([]river.InsertManyParams, n)
	for i := range jobs {
		ids = append(ids, fmt.Sprintf("job-%03d", i+1))
		jobs[i].Args = Job{ID: ids[i], Name: fmt.Sprintf("customer %d", i+1)}
	}
	_, err = q.client.InsertMany(ctx, jobs)
	return ids, err
}

func (q *queue) states(ctx context.Context) (map[rivertype.JobState]int, error) {
	list, err := q.client.JobList(ctx, river.NewJobListParams().Kinds(Job{}.Kind()).First(1000))
	if err != nil {
		return nil, err
	}
	states := map[rivertype.JobState]int{}
	for _, job := range list.Jobs {
		states[job.State]++
	}
	return states, nil
}
