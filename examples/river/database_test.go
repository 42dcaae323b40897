package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var databases atomic.Int64 // made so far

// onEachDatabase runs a test on SQLite, and on PostgreSQL where DATABASE_URL names a server that
// lets us make databases.
func onEachDatabase(t *testing.T, test func(t *testing.T, newDatabase func(t *testing.T) string)) {
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		test(t, func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "jobs.db") })
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		server := os.Getenv("DATABASE_URL")
		if server == "" {
			t.Skip("SKIPPED: DATABASE_URL names no PostgreSQL")
		}
		test(t, func(t *testing.T) string { return newPostgres(t, server) })
	})
}

// newPostgres makes a database that lives as long as the test.
func newPostgres(t *testing.T, server string) string {
	t.Helper()
	target, err := url.Parse(server)
	require.NoError(t, err)
	name := fmt.Sprintf("river_%d_%d", time.Now().UnixNano(), databases.Add(1))
	execute := func(statement string) {
		db, err := sql.Open("pgx", server)
		require.NoError(t, err)
		defer db.Close()
		_, err = db.ExecContext(context.WithoutCancel(t.Context()), statement)
		require.NoError(t, err)
	}
	execute("CREATE DATABASE " + name)
	t.Cleanup(func() { execute("DROP DATABASE " + name + " WITH (FORCE)") })
	target.Path = "/" + name
	return target.String()
}
