package main

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // PostgreSQL for database/sql
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	_ "modernc.org/sqlite" // SQLite for database/sql, without C
)

// database is where River keeps its jobs.
type database struct {
	*sql.DB
	driver riverdriver.Driver[*sql.Tx]
}

// openDatabase opens postgres://... or sqlite:PATH, and makes River's tables if there are none.
func openDatabase(ctx context.Context, url string) (*database, error) {
	d := &database{}
	var err error
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		// Several processes write: they wait for each other. What is committed is on the disk.
		d.DB, err = sql.Open("sqlite", "file:"+path+"?_txlock=immediate&_pragma=busy_timeout(20000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
		if err == nil {
			d.SetMaxOpenConns(1) // as River advises
			d.driver = riversqlite.New(d.DB)
		}
	} else {
		d.DB, err = sql.Open("pgx", url)
		d.driver = riverdatabasesql.New(d.DB)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	migrator, err := rivermigrate.New(d.driver, &rivermigrate.Config{Logger: quiet()})
	if err == nil {
		_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	}
	if err != nil {
		_ = d.Close()
		return nil, fmt.Errorf("making River's tables: %w", err)
	}
	return d, nil
}

// newClient returns a River client that works jobs, four at a time, or only inserts and reads them
// where workers is nil.
func (d *database) newClient(workers *river.Workers, times Times) (*river.Client[*sql.Tx], error) {
	return d.newClientOf(workers, times, 4)
}

// newClientOf returns one that works most jobs at a time.
func (d *database) newClientOf(workers *river.Workers, times Times, most int) (*river.Client[*sql.Tx], error) {
	config := &river.Config{Logger: quiet()}
	if workers != nil {
		config.Workers = workers
		config.Queues = map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: most}}
		config.FetchPollInterval = 200 * time.Millisecond
		// River takes a job from a worker that did not return, and gives it to another one. Until
		// then the call of the first must have ended.
		config.JobTimeout = times.work()
		config.RescueStuckJobsAfter = times.work() + times.Attempt
		config.SoftStopTimeout = times.Attempt
		// What a person must see is not deleted after a day.
		config.CancelledJobRetentionPeriod = -1
		config.DiscardedJobRetentionPeriod = -1
	}
	client, err := river.NewClient(d.driver, config)
	if err != nil {
		return nil, fmt.Errorf("setting River up: %w", err)
	}
	return client, nil
}

func quiet() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
}
