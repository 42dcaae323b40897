//go:build unix

package main

import (
	"os"
	"syscall"
	"testing"

	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/assert"
)

// A worker that stands still until others have done its jobs, and then goes on, sends nothing more.
// On SQLite it might stand still while it has locked the whole database.
func TestAWorkerThatStandsStillPaysNothing(t *testing.T) {
	t.Parallel()
	if os.Getenv("DATABASE_URL") == "" {
		t.Skip("SKIPPED: DATABASE_URL names no PostgreSQL")
	}
	k := round{stop: sending(syscall.SIGSTOP), cont: sending(syscall.SIGCONT), ways: flaky}.drain(t, newPostgres(t, os.Getenv("DATABASE_URL")))
	assert.Empty(t, k.notOnce())
	assert.Equal(t, map[rivertype.JobState]int{rivertype.JobStateCompleted: jobCount}, k.states)
}

func sending(s syscall.Signal) func(*os.Process) error {
	return func(p *os.Process) error { return p.Signal(s) }
}
