// Batch executes a prompt once for each row of a CSV or JSON-lines file, whatever becomes of the
// program: with some workers, a rate limit, a progress line, the results as JSON lines and a
// summary. Without flags it makes rows, and runs them on a flaky emulator of the API in this
// process, at no cost. Run it in its own module:
//
//	go -C examples/batch run .
//	go -C examples/batch run . -live -in rows.csv -prompt prm_1
//
// With -live it executes on the API that PROMPT_ORCHESTRA_* names, which costs money. A journal
// beside the results says when each row was sent. Interrupted by Ctrl-C, by kill -9 or by the
// power, and started again with the same flags, it first sends the rows that were never sent, and
// then looks up the others among the recorded runs, when none of them can be in flight any more.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/time/rate"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/jobs"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

type settings struct {
	live             bool
	in, out, journal string
	promptID         string
	workers          int
	perSecond        float64
	attempt, settle  time.Duration
	longest          time.Duration
}

func parse(arguments []string) settings {
	var s settings
	flags := flag.NewFlagSet("batch", flag.ExitOnError)
	flags.BoolVar(&s.live, "live", false, "use the API that PROMPT_ORCHESTRA_* names instead of the emulator: executions there cost money")
	flags.StringVar(&s.in, "in", "", "the rows: a .csv file, or a file of JSON objects, one a line")
	flags.StringVar(&s.out, "out", "", "the results; the name of the rows and .results.jsonl by default")
	flags.StringVar(&s.journal, "journal", "", "when each row was sent; the name of the rows and .journal by default")
	flags.StringVar(&s.promptID, "prompt", "", "the prompt to execute, on the API")
	flags.IntVar(&s.workers, "workers", 8, "how many calls at the same time")
	flags.Float64Var(&s.perSecond, "rate", 20, "how many requests a second, at most")
	flags.DurationVar(&s.attempt, "attempt", 5*time.Minute, "how long one call may take")
	flags.DurationVar(&s.settle, "settle", 20*time.Minute, "how long after it was sent no execution of a row goes on any more")
	flags.DurationVar(&s.longest, "longest", time.Minute, "how long a row waits to be sent again before it is left to the next start")
	_ = flags.Parse(arguments) // exits by itself
	s.out = cmp.Or(s.out, s.in+".results.jsonl")
	s.journal = cmp.Or(s.journal, s.in+".journal")
	return s
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends the program at once
	s := parse(os.Args[1:])
	left, err := 0, error(nil)
	if s.live {
		left, err = onAPI(ctx, os.Stdout, s)
	} else {
		left, err = onEmulator(ctx, os.Stdout, s)
	}
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "The batch failed:", err)
		os.Exit(1)
	case left > 0:
		os.Exit(3)
	}
}

// onAPI runs a batch on the API that PROMPT_ORCHESTRA_* names.
func onAPI(ctx context.Context, out io.Writer, s settings) (left int, err error) {
	if s.in == "" || s.promptID == "" {
		return 0, errors.New("with -live it needs -in and -prompt")
	}
	client, err := promptorchestra.NewFromEnv(s.options(ctx))
	if err != nil {
		return 0, fmt.Errorf("reading PROMPT_ORCHESTRA_*: %w", err)
	}
	return s.run(ctx, out, client)
}

// onEmulator runs a batch on an emulator that fails in many ways, and forgets it.
func onEmulator(ctx context.Context, out io.Writer, s settings) (left int, err error) {
	emulator := orchestratest.NewServer()
	defer emulator.Close()
	folder, err := os.MkdirTemp("", "batch")
	if err != nil {
		return 0, fmt.Errorf("making a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(folder) }() // it is one for such files
	s.promptID, s.attempt, s.settle = emulator.PublishPrompt("Greet {{name}}."), time.Second, 3*time.Second
	s.out, s.journal = filepath.Join(folder, "results.jsonl"), filepath.Join(folder, "journal")
	if s.in == "" {
		s.in = filepath.Join(folder, "rows.csv")
		if err := writeRows(s.in, 60); err != nil {
			return 0, err
		}
	}
	makeFlaky(emulator, 60)
	fmt.Fprintln(out, "Using an emulator in this process, which fails in many ways:", emulator.URL)
	if left, err = s.run(ctx, out, emulator.Client(s.options(ctx))); err != nil {
		return left, err
	}
	counts, err := executions(ctx, emulator.Client())
	if err != nil {
		return left, err
	}
	fmt.Fprintf(out, "%d rows were executed, %d of them more than once\n", len(counts), moreThanOnce(counts))
	return left, nil
}

func (s settings) options(ctx context.Context) promptorchestra.Option {
	return limit(ctx, rate.NewLimiter(rate.Limit(s.perSecond), max(1, s.workers)))
}

// run runs the batch and says how it went.
func (s settings) run(ctx context.Context, out io.Writer, client *promptorchestra.Client) (left int, err error) {
	rows, err := readRows(s.in)
	if err != nil {
		return 0, err
	}
	journal, err := openJournal(s.journal, s.promptID)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	results, err := openResults(s.out)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, results.Close()) }()
	report := newProgress(out, results, len(rows))
	stop := report.show()
	b := &Batch{
		Prompt:  &jobs.Prompt{Client: client, ID: s.promptID, Variable: "id", Attempt: s.attempt, Settle: s.settle},
		Journal: journal, Results: results, Rows: rows, Workers: s.workers, Longest: s.longest, Report: report,
	}
	left, err = b.Run(ctx)
	stop()
	if err == nil {
		summarize(out, results, len(rows), left)
	}
	return left, err
}

func writeRows(path string, n int) error {
	text := "id,name\n"
	for i := range n {
		text += fmt.Sprintf("row-%03d,customer %d\n", i+1, i+1)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("making rows: %w", err)
	}
	return nil
}

// makeFlaky lets most of n executions fail, in the ways that servers and networks have. Some of
// these ways leave an execution behind.
func makeFlaky(emulator *orchestratest.Server, n int) {
	ways := []orchestratest.Fault{
		orchestratest.DropBefore(), orchestratest.DropAfter(), orchestratest.CutBody(20), orchestratest.HTML(502), orchestratest.Status(503, ""),
		orchestratest.RateLimited(time.Second),
		{},
		{},
		{},
	}
	for range n {
		emulator.Fail("Prompts.Run", ways[rand.N(len(ways))].WithDelay(rand.N(300*time.Millisecond)))
	}
}

// executions counts the recorded runs by row.
func executions(ctx context.Context, client *promptorchestra.Client) (map[string]int, error) {
	counts := map[string]int{}
	for run, err := range client.Runs.All(ctx) {
		if err != nil {
			return nil, err
		}
		detail, err := client.Runs.Get(ctx, run.ID)
		if err != nil {
			return nil, err
		}
		var input struct {
			Variables struct {
				ID string `json:"id"`
			} `json:"variables"`
		}
		if err := detail.InputSnapshot.Decode(&input); err != nil {
			return nil, err
		}
		counts[input.Variables.ID]++
	}
	return counts, nil
}

func moreThanOnce(counts map[string]int) (n int) {
	for _, times := range counts {
		if times > 1 {
			n++
		}
	}
	return n
}
