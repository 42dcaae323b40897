//go:build unix

package main

import (
	"database/sql"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A worker that stands still until others have done its jobs, and then goes on, sends nothing more.
// On SQLite it might stand still while it has locked the whole database.
func TestAWorkerThatStandsStillPaysNothing(t *testing.T) {
	t.Parallel()
	if os.Getenv("DATABASE_URL") == "" {
		t.Skip("SKIPPED: DATABASE_URL names no PostgreSQL")
	}
	database := newPostgres(t, os.Getenv("DATABASE_URL"))
	k := round{stop: stopOutsideTransactions(t, database), cont: sending(syscall.SIGCONT), ways: flaky}.drain(t, database)
	assert.Empty(t, k.notOnce())
	assert.Equal(t, map[rivertype.JobState]int{rivertype.JobStateCompleted: jobCount}, k.states)
}

func sending(s syscall.Signal) func(*os.Process) error {
	return func(p *os.Process) error { return p.Signal(s) }
}

// stopOutsideTransactions stops a worker at a moment at which it has no transaction open: the rows
// that one has locked stay so while the worker stands still, and then nobody can work their jobs.
func stopOutsideTransactions(t *testing.T, database string) func(*os.Process) error {
	t.Helper()
	db, err := sql.Open("pgx", database)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return func(p *os.Process) error {
		for {
			if err := p.Signal(syscall.SIGSTOP); err != nil {
				return err
			}
			time.Sleep(20 * time.Millisecond) // for the statement that the database is at
			open := 0
			err := db.QueryRowContext(t.Context(),
				"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'").Scan(&open)
			if err != nil || open == 0 {
				return err
			}
			if err := p.Signal(syscall.SIGCONT); err != nil {
				return err
			}
			time.Sleep(time.Millisecond)
		}
	}
}
