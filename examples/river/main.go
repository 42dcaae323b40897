// River pays for each job once, whatever becomes of the worker: with the River queue, on SQLite by
// default and on PostgreSQL where DATABASE_URL names a database of its own. This program drains a
// hundred jobs through a flaky emulator of the API, kills its own worker process with SIGKILL in
// the middle, starts another one, and prints what each job cost. Run it in its own module:
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
	flags.DurationVar(&s.times.Settle, "settle", 3*time.Second, "how long after its mark no call is in flight any more")
	flags.DurationVar(&s.times.LookUp, "look-up", time.Second, "how long one look-up may take")
	flags.DurationVar(&s.times.Longest, "longest", time.Hour, "how long to wait after a 402, at the most")
	flags.BoolVar(&s.worker, "worker", false, "be a worker process, for this program itself")
	flags.StringVar(&s.promptID, "prompt", "", "the prompt that the worker executes")
	_ = flags.Parse(arguments) // exits by itself
	return s
}

func main() {
	s, run := parse(os.Args[1:]), demonstrate
	if s.worker {
		run = work
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout, s)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "The example failed:", err)
		os.Exit(1)
	}
}

// demonstrate puts jobs into the queue, drains them with a worker that is killed and another one,
// and counts what they cost.
func demonstrate(ctx context.Context, out io.Writer, s settings) error {
	emulator := orchestratest.NewServer()
	defer emulator.Close()
	s.promptID = emulator.PublishPrompt("Greet {{name}}.")
	if s.database == "" {
		dir, err := os.MkdirTemp("", "river")
		if err != nil {
			return fmt.Errorf("making a folder for the database: %w", err)
		}
		defer func() { _ = os.RemoveAll(dir) }() // it is one for such files
		s.database = "sqlite:" + filepath.Join(dir, "jobs.db")
	}
	queue, err := openQueue(ctx, s.database)
	if err != nil {
		return err
	}
	defer func() { _ = queue.Close() }() // nothing depends on it any more
	ids, err := queue.insert(ctx, s.jobs)
	if err != nil {
		return err
	}
	makeFlaky(emulator, s.jobs)
	d := &drainer{out: out, queue: queue, emulator: emulator, settings: s, began: time.Now()}
	if err := d.drain(ctx); err != nil {
		return err
	}
	if err := printCosts(ctx, out, emulator, ids); err != nil {
		return err
	}
	if s.naive {
		fmt.Fprintln(out, "Paid twice is what the killed worker had in its hands. Where it cost nothing, the job is left to a person.")
	}
	return nil
}

// A drainer lets worker processes drain a queue.
type drainer struct {
	out      io.Writer
	queue    *queue
	emulator *orchestratest.Server
	settings settings
	began    time.Time
}

func (d *drainer) drain(ctx context.Context) error {
	worker, err := startWorker(d.emulator.URL, d.emulator, d.settings)
	if err != nil {
		return err
	}
	defer func() { worker.kill() }()
	d.say("worker %d starts with %d jobs", worker.pid(), d.settings.jobs)
	killed, said := false, time.Now()
	for {
		states, err := d.queue.states(ctx)
		if err != nil {
			return err
		}
		done, running := states[rivertype.JobStateCompleted]+states[rivertype.JobStateCancelled], states[rivertype.JobStateRunning]
		if !killed && done >= d.settings.jobs*2/5 && running == 4 {
			killed = true
			worker.kill()
			d.say("worker %d is killed with %d jobs in its hands", worker.pid(), running)
			second, err := startWorker(d.emulator.URL, d.emulator, d.settings)
			if err != nil {
				return err
			}
			worker = second
			d.say("worker %d starts; it gets those jobs when River misses the other one, in some 15 s", worker.pid())
		}
		if time.Since(said) > time.Second || done == d.settings.jobs {
			said = time.Now()
			d.say("%d done, %d in work, %d waiting; %d requests so far", done, running, d.settings.jobs-done-running, len(d.emulator.Requests("Prompts.Run")))
		}
		if done == d.settings.jobs {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (d *drainer) say(format string, args ...any) {
	fmt.Fprintf(d.out, "%4.0f s: %s\n", time.Since(d.began).Seconds(), fmt.Sprintf(format, args...))
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
		orchestratest.Status(500, `{"error":"failed","message":"upstream"}`), orchestratest.RateLimited(time.Second),
		{},
		{},
		{},
	}
	for range n {
		emulator.Fail("Prompts.Run", ways[rand.N(len(ways))].WithDelay(rand.N(600*time.Millisecond)))
	}
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

// insert puts n jobs into the queue, which must be empty.
func (q *queue) insert(ctx context.Context, n int) (ids []string, err error) {
	if states, err := q.states(ctx); err != nil || len(states) > 0 || n < 1 || n > mostJobs {
		return nil, cmp.Or(err, fmt.Errorf("it takes 1 to %d jobs, and a database that has none", mostJobs))
	}
	jobs := make([]river.InsertManyParams, n)
	for i := range jobs {
		ids = append(ids, fmt.Sprintf("job-%03d", i+1))
		jobs[i].Args = Job{ID: ids[i], Name: fmt.Sprintf("customer %d", i+1)}
	}
	if _, err = q.client.InsertMany(ctx, jobs); err != nil {
		return nil, fmt.Errorf("inserting jobs: %w", err)
	}
	return ids, nil
}

// mostJobs is how many states looks at.
const mostJobs = 1000

// states counts the jobs by their state.
func (q *queue) states(ctx context.Context) (map[rivertype.JobState]int, error) {
	list, err := q.client.JobList(ctx, river.NewJobListParams().Kinds(Job{}.Kind()).First(mostJobs))
	if err != nil {
		return nil, fmt.Errorf("listing jobs: %w", err)
	}
	states := map[rivertype.JobState]int{}
	for _, job := range list.Jobs {
		states[job.State]++
	}
	return states, nil
}
