package jobs

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// memoryMarks are Marks as they should be, but for being lost with the process.
type memoryMarks struct {
	mu    sync.Mutex
	marks map[string]time.Time
}

func newMemoryMarks() *memoryMarks { return &memoryMarks{marks: map[string]time.Time{}} }

func (m *memoryMarks) Mark(_ context.Context, job string, old, next time.Time) (bool, time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.marks[job].Equal(old) {
		return false, m.marks[job], nil
	}
	m.marks[job] = next
	return true, next, nil
}

func (m *memoryMarks) Clear(_ context.Context, job string, old time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.marks[job].Equal(old) {
		delete(m.marks, job)
	}
	return nil
}

func TestConformance(t *testing.T) {
	t.Parallel()
	marks := newMemoryMarks()
	Conformance(t, marks)
	assert.Empty(t, marks.marks, "it leaves none behind")
}

// Marks that are wrong in one way each, and what Conformance says of them.
func TestConformanceFails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		mark  func(m *memoryMarks, job string, old, next time.Time) (bool, time.Time, error)
		clear func(m *memoryMarks, job string, old time.Time) error
		says  string
	}{
		"the next mark is not fenced": {mark: func(m *memoryMarks, job string, old, next time.Time) (bool, time.Time, error) {
			if !old.IsZero() {
				old = m.read(job)
			}
			return m.Mark(t.Context(), job, old, next)
		}, says: "whose mark is another one"},
		"the first mark is not fenced": {mark: func(m *memoryMarks, job string, old, next time.Time) (bool, time.Time, error) {
			if old.IsZero() {
				old = m.read(job)
			}
			return m.Mark(t.Context(), job, old, next)
		}, says: "another worker has marked"},
		"the mark that is there is not returned": {mark: func(m *memoryMarks, job string, old, next time.Time) (bool, time.Time, error) {
			ok, _, err := m.Mark(t.Context(), job, old, next)
			return ok, next, err
		}, says: "another worker has marked"},
		"times are in milliseconds": {mark: func(m *memoryMarks, job string, old, next time.Time) (bool, time.Time, error) {
			return m.Mark(t.Context(), job, old.Truncate(time.Millisecond), next.Truncate(time.Millisecond))
		}, says: "it should be true"},
		"ids are folded": {mark: func(m *memoryMarks, job string, old, next time.Time) (bool, time.Time, error) {
			return m.Mark(t.Context(), strings.ToLower(job), old, next)
		}, says: `"ID"`},
		"ids are trimmed": {mark: func(m *memoryMarks, job string, old, next time.Time) (bool, time.Time, error) {
			return m.Mark(t.Context(), strings.TrimSpace(job), old, next)
		}, says: `"id "`},
		"it reads, and then writes": {mark: func(m *memoryMarks, job string, old, next time.Time) (bool, time.Time, error) {
			if current := m.read(job); !current.Equal(old) {
				return false, current, nil
			}
			time.Sleep(time.Millisecond) // lets the others read, too
			m.mu.Lock()
			defer m.mu.Unlock()
			m.marks[job] = next
			return true, next, nil
		}, says: "workers marked the job"},
		"Clear is not fenced": {clear: func(m *memoryMarks, job string, _ time.Time) error {
			return m.Clear(t.Context(), job, m.read(job))
		}, says: "with the mark that was read"},
		"Clear does nothing": {clear: func(*memoryMarks, string, time.Time) error { return nil }, says: "mark that was removed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			recorder := &recordingT{T: t}
			Conformance(recorder, &wrongMarks{newMemoryMarks(), test.mark, test.clear})
			assert.Contains(t, strings.Join(recorder.failures, "\n"), test.says)
		})
	}
}

func (m *memoryMarks) read(job string) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.marks[job]
}

type wrongMarks struct {
	*memoryMarks
	mark  func(m *memoryMarks, job string, old, next time.Time) (bool, time.Time, error)
	clear func(m *memoryMarks, job string, old time.Time) error
}

func (m *wrongMarks) Mark(ctx context.Context, job string, old, next time.Time) (bool, time.Time, error) {
	if m.mark == nil {
		return m.memoryMarks.Mark(ctx, job, old, next)
	}
	return m.mark(m.memoryMarks, job, old, next)
}

func (m *wrongMarks) Clear(ctx context.Context, job string, old time.Time) error {
	if m.clear == nil {
		return m.memoryMarks.Clear(ctx, job, old)
	}
	return m.clear(m.memoryMarks, job, old)
}

type recordingT struct {
	T
	failures []string
}

func (r *recordingT) Helper() {}
func (r *recordingT) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}
