// Nightly greets each customer once a night, whatever becomes of the program: a loop over
// jobs.Step, with marks and results in one SQLite file. Start it again after a crash, or in two
// places at once.
//
//	go -C examples/nightly run .
//	go -C examples/nightly run . -live -prompt prm_1 -database nightly.db
//
// The first one uses an emulator of the API in this process and a file that it removes. With -live
// it uses the API that PROMPT_ORCHESTRA_* names, where each customer costs money.
package main

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"time"

	_ "modernc.org/sqlite" // SQLite for database/sql, without C

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/jobs"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

var (
	live     = flag.Bool("live", false, "use the API that PROMPT_ORCHESTRA_* names: executions there cost money")
	promptID = flag.String("prompt", "", "the prompt to execute")
	path     = flag.String("database", "nightly.db", "the file of the marks and results")
)

func main() {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	prompt := &jobs.Prompt{ID: *promptID, Attempt: 5 * time.Minute, Settle: 20 * time.Minute}
	var err error
	if *live {
		prompt.Client, err = promptorchestra.NewFromEnv()
	} else {
		emulator := orchestratest.NewServer()
		defer emulator.Close()
		emulator.Fail("Prompts.Run", orchestratest.DropAfter(), orchestratest.RateLimited(time.Second), orchestratest.Status(503, ""))
		prompt = &jobs.Prompt{Client: emulator.Client(), ID: emulator.PublishPrompt("Greet {{name}}."), Attempt: time.Second, Settle: 3 * time.Second}
		*path = filepath.Join(os.TempDir(), fmt.Sprintf("nightly-%d.db", os.Getpid()))
		defer os.Remove(*path) //nolint:errcheck // it is one for such files
	}
	if err == nil {
		err = run(ctx, prompt, *path, time.Now().Format(time.DateOnly), []string{"Ada", "Grace", "Barbara", "Frances", "Radia"})
	}
	if err != nil {
		log.Println("The nightly job failed:", err) // start it again
	}
}

// run takes each customer's job of this night to its end.
func run(ctx context.Context, prompt *jobs.Prompt, path, night string, customers []string) error {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(20000)")
	if err != nil {
		return fmt.Errorf("opening the database: %w", err)
	}
	defer db.Close() //nolint:errcheck // what counts is written
	marks, err := jobs.NewSQLMarks(ctx, db, jobs.SQLite)
	if err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS greetings (job TEXT PRIMARY KEY, run TEXT, greeting TEXT)"); err != nil {
		return fmt.Errorf("making the table: %w", err)
	}
	var working sync.WaitGroup
	places := make(chan struct{}, 4) // so many calls at the same time
	for _, name := range customers {
		job := jobs.Job{ID: night + " " + name, Prompt: prompt, Variables: map[string]any{"name": name}}
		job.Save = func(ctx context.Context, r jobs.Result) error {
			_, err := db.ExecContext(ctx, "INSERT INTO greetings VALUES (?, ?, ?) ON CONFLICT DO NOTHING", r.Job, r.RunID, r.Text+r.Output.String())
			return err //nolint:wrapcheck // the step's error
		}
		working.Go(func() { toItsEnd(ctx, db, marks, job, places) })
	}
	working.Wait()
	return ctx.Err()
}

// toItsEnd takes one job step by step until it is done, or for a person to look at.
func toItsEnd(ctx context.Context, db *sql.DB, marks jobs.Marks, job jobs.Job, places chan struct{}) {
	for backoff := time.Second; ctx.Err() == nil; backoff = min(2*backoff, time.Minute) {
		var done int
		if db.QueryRowContext(ctx, "SELECT count(*) FROM greetings WHERE job = ?", job.ID).Scan(&done) == nil && done > 0 {
			return // in an earlier start
		}
		places <- struct{}{}
		decision, err := jobs.Step(ctx, marks, job)
		<-places
		switch {
		case err == nil && decision.Action == jobs.Done:
			return
		case err == nil && decision.Action == jobs.Park:
			log.Printf("%s is for a person: %s", job.ID, decision.Reason)
			return
		}
		if err != nil { // of the database: nothing is decided
			decision.Reason = err.Error()
		}
		log.Printf("%s, later: %s", job.ID, decision.Reason)
		select {
		case <-time.After(max(backoff, decision.After)):
		case <-ctx.Done():
		}
	}
}
