package jobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Dialect is the SQL that a database speaks.
type Dialect string

// The databases of [NewSQLMarks].
const (
	SQLite     Dialect = "sqlite"     // 3.24 or newer, any driver
	PostgreSQL Dialect = "postgresql" // 9.5 or newer, any driver
)

// SQLMarks keeps [Marks] in a table of a database: promptorchestra_marks, with the columns job and
// sent_at, which is in microseconds since 1970. It is safe for concurrent use, by any number of
// processes. Once a job cannot be delivered again (see [Marks]), delete its row:
//
//	DELETE FROM promptorchestra_marks WHERE job = 'job-1'
//
// Rows cost some 50 bytes each, so a month of them may stay. In PostgreSQL the marks must be read
// from the primary, and a replica that takes its place must have replicated synchronously: a mark
// that is lost with the primary is a job that may be paid for twice. A backup that is restored has
// the same effect: stop the workers, and look up all jobs since its time before they start again.
type SQLMarks struct {
	db                          *sql.DB
	insert, update, get, remove string
}

// NewSQLMarks makes the table if there is none, and returns the marks in it. It returns an error if
// the database does not keep what it has confirmed: PostgreSQL with synchronous_commit off, or
// SQLite in memory or with synchronous below FULL (2). It asks one connection; the others must be
// set up alike. The caller closes db.
func NewSQLMarks(ctx context.Context, db *sql.DB, dialect Dialect) (*SQLMarks, error) {
	first, second, third := "$1", "$2", "$3"
	var err error
	switch dialect {
	case PostgreSQL:
		err = checkPostgreSQL(ctx, db)
	case SQLite:
		first, second, third = "?1", "?2", "?3"
		err = checkSQLite(ctx, db)
	default:
		err = errors.New("the dialect is neither SQLite nor PostgreSQL, but " + strconv.Quote(string(dialect)))
	}
	if err != nil {
		return nil, fmt.Errorf("jobs: opening the marks: %w", err)
	}
	m := &SQLMarks{
		db:     db,
		insert: "INSERT INTO promptorchestra_marks (job, sent_at) VALUES (" + first + ", " + second + ") ON CONFLICT (job) DO NOTHING",
		update: "UPDATE promptorchestra_marks SET sent_at = " + third + " WHERE job = " + first + " AND sent_at = " + second,
		get:    "SELECT sent_at FROM promptorchestra_marks WHERE job = " + first,
		remove: "DELETE FROM promptorchestra_marks WHERE job = " + first + " AND sent_at = " + second,
	}
	return m, m.makeTable(ctx)
}

// makeTable asks first: several processes that make one table at the same time fail in PostgreSQL,
// and a user of a service may lack the right to.
func (m *SQLMarks) makeTable(ctx context.Context) error {
	if _, err := m.current(ctx, ""); err == nil {
		return nil
	}
	_, err := m.db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS promptorchestra_marks (job TEXT NOT NULL PRIMARY KEY, sent_at BIGINT NOT NULL)")
	if err == nil {
		return nil
	}
	if _, again := m.current(ctx, ""); again == nil {
		return nil
	}
	return fmt.Errorf("jobs: making the table of the marks: %w", err)
}

func checkPostgreSQL(ctx context.Context, db *sql.DB) error {
	var commit string
	if err := db.QueryRowContext(ctx, "SHOW synchronous_commit").Scan(&commit); err != nil {
		return fmt.Errorf("asking for synchronous_commit: %w", err)
	}
	if commit == "off" {
		return errors.New("synchronous_commit is off: a mark would be lost when the server ends")
	}
	return nil
}

func checkSQLite(ctx context.Context, db *sql.DB) error {
	var synchronous int
	var journal string
	if err := db.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&synchronous); err != nil {
		return fmt.Errorf("asking for synchronous: %w", err)
	}
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&journal); err != nil {
		return fmt.Errorf("asking for journal_mode: %w", err)
	}
	const full = 2
	if synchronous < full || journal == "memory" || journal == "off" {
		return fmt.Errorf("synchronous is %d and journal_mode is %s: a mark would be lost when the machine stops", synchronous, journal)
	}
	return nil
}

// Mark implements [Marks].
func (m *SQLMarks) Mark(ctx context.Context, job string, old, next time.Time) (ok bool, current time.Time, err error) {
	if old.IsZero() {
		ok, err = m.change(ctx, m.insert, job, next.UnixMicro())
	} else {
		ok, err = m.change(ctx, m.update, job, old.UnixMicro(), next.UnixMicro())
	}
	switch {
	case err != nil:
		return false, time.Time{}, err
	case ok:
		return true, next, nil
	}
	current, err = m.current(ctx, job)
	return false, current, err
}

// Clear implements [Marks].
func (m *SQLMarks) Clear(ctx context.Context, job string, old time.Time) error {
	_, err := m.change(ctx, m.remove, job, old.UnixMicro())
	return err
}

// change reports whether a statement changed the row.
func (m *SQLMarks) change(ctx context.Context, statement string, arguments ...any) (bool, error) {
	result, err := m.db.ExecContext(ctx, statement, arguments...)
	if err != nil {
		return false, fmt.Errorf("jobs: writing a mark: %w", err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return false, fmt.Errorf("jobs: writing a mark: %w", err)
	}
	return n == 1, nil
}

func (m *SQLMarks) current(ctx context.Context, job string) (time.Time, error) {
	var sent int64
	err := m.db.QueryRowContext(ctx, m.get, job).Scan(&sent)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, fmt.Errorf("jobs: reading a mark: %w", err)
	}
	return time.UnixMicro(sent).UTC(), nil
}
