package sqltest

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // PostgreSQL for database/sql
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // SQLite for database/sql, without C

	"github.com/prompt-orchestra/promptorchestra-go/jobs"
)

// open opens a database: SQLite in a file, or PostgreSQL in a schema of its own.
type open func(t *testing.T, settings string) *sql.DB

// onEachDatabase runs a test on SQLite, and on PostgreSQL if DATABASE_URL names a server.
func onEachDatabase(t *testing.T, test func(t *testing.T, dialect jobs.Dialect, open open)) {
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "marks.db")
		test(t, jobs.SQLite, func(t *testing.T, settings string) *sql.DB {
			return openDatabase(t, "sqlite", "file:"+path+"?_pragma=busy_timeout(20000)"+settings)
		})
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		server := os.Getenv("DATABASE_URL")
		if server == "" {
			t.Skip("SKIPPED: DATABASE_URL names no PostgreSQL")
		}
		schema := fmt.Sprintf("marks_%d", time.Now().UnixNano())
		admin := openDatabase(t, "pgx", server)
		_, err := admin.ExecContext(t.Context(), "CREATE SCHEMA "+schema)
		require.NoError(t, err)
		t.Cleanup(func() {
			_, err := admin.ExecContext(context.WithoutCancel(t.Context()), "DROP SCHEMA "+schema+" CASCADE")
			assert.NoError(t, err)
		})
		join := "?"
		if strings.Contains(server, "?") {
			join = "&"
		}
		test(t, jobs.PostgreSQL, func(t *testing.T, settings string) *sql.DB {
			return openDatabase(t, "pgx", server+join+"search_path="+schema+settings)
		})
	})
}

func openDatabase(t *testing.T, driver, source string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, source)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	return db
}

func TestSQLMarks(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, dialect jobs.Dialect, open open) {
		db := open(t, "")
		marks, err := jobs.NewSQLMarks(t.Context(), db, dialect)
		require.NoError(t, err)
		jobs.Conformance(t, marks)
		var left int
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM promptorchestra_marks").Scan(&left))
		assert.Zero(t, left)
	})
}

// Several processes make the table at the same time, and see each other's marks.
func TestSQLMarksOfSeveralProcesses(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, dialect jobs.Dialect, open open) {
		const processes = 6
		sent := time.Now().Truncate(time.Microsecond)
		var won [processes]bool
		var errs [processes]error
		var running sync.WaitGroup
		for i := range processes {
			db := open(t, "")
			running.Go(func() {
				marks, err := jobs.NewSQLMarks(t.Context(), db, dialect)
				if err == nil {
					won[i], _, err = marks.Mark(t.Context(), "job-1", time.Time{}, sent.Add(time.Duration(i)*time.Second))
				}
				errs[i] = err
			})
		}
		running.Wait()
		winners := 0
		for i := range processes {
			require.NoError(t, errs[i])
			if won[i] {
				winners++
			}
		}
		assert.Equal(t, 1, winners)
	})
}

// A database that may forget what it has confirmed is refused.
func TestSQLMarksThatMayBeLost(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, dialect jobs.Dialect, open open) {
		for _, settings := range map[jobs.Dialect][]string{
			jobs.SQLite:     {"&_pragma=synchronous(OFF)", "&_pragma=synchronous(NORMAL)", "&_pragma=journal_mode(MEMORY)", "&mode=memory"},
			jobs.PostgreSQL: {"&synchronous_commit=off"},
		}[dialect] {
			_, err := jobs.NewSQLMarks(t.Context(), open(t, settings), dialect)
			assert.ErrorContains(t, err, "would be lost", settings)
		}
		for _, settings := range map[jobs.Dialect][]string{
			jobs.SQLite:     {"&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)", "&_pragma=synchronous(EXTRA)"},
			jobs.PostgreSQL: {"&synchronous_commit=on", "&synchronous_commit=local"},
		}[dialect] {
			_, err := jobs.NewSQLMarks(t.Context(), open(t, settings), dialect)
			assert.NoError(t, err, settings)
		}
		_, err := jobs.NewSQLMarks(t.Context(), open(t, ""), "mysql")
		assert.ErrorContains(t, err, `"mysql"`)
	})
}

// Times are compared as text by nobody: a mark is a whole number, which people can read.
func TestSQLMarksCanBeRead(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, dialect jobs.Dialect, open open) {
		db := open(t, "")
		marks, err := jobs.NewSQLMarks(t.Context(), db, dialect)
		require.NoError(t, err)
		sent := time.Date(2026, 11, 29, 1, 2, 3, 456789000, time.UTC)
		_, _, err = marks.Mark(t.Context(), "job-1", time.Time{}, sent)
		require.NoError(t, err)
		var read string
		require.NoError(t, db.QueryRowContext(t.Context(), map[jobs.Dialect]string{
			jobs.SQLite:     "SELECT datetime(sent_at / 1000000, 'unixepoch') FROM promptorchestra_marks",
			jobs.PostgreSQL: "SELECT to_char(to_timestamp(sent_at / 1000000) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') FROM promptorchestra_marks",
		}[dialect]).Scan(&read))
		assert.Equal(t, "2026-11-29 01:02:03", read)
	})
}
