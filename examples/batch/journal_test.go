package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/prompt-orchestra/promptorchestra-go/jobs"
)

func TestJournal(t *testing.T) {
	t.Parallel()
	j, err := openJournal(filepath.Join(t.TempDir(), "journal"), "prm_1")
	require.NoError(t, err)
	defer j.Close()
	jobs.Conformance(t, j)
	assert.Empty(t, j.marks)
}

// What was written is there again, up to a last line that is torn anywhere.
func TestJournalOfAProcessThatWasKilled(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	j, err := openJournal(path, "prm_1")
	require.NoError(t, err)
	first, second := time.UnixMicro(1_800_000_000_123_456).UTC(), time.UnixMicro(1_800_000_001_000_000).UTC()
	mark := func(job string, old, next time.Time) {
		ok, _, err := j.Mark(t.Context(), job, old, next)
		require.NoError(t, err)
		require.True(t, ok)
	}
	mark("a", time.Time{}, first)
	mark("b", time.Time{}, first)
	require.NoError(t, j.Clear(t.Context(), "a", first))
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	mark("b", first, second)
	all, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, j.Close())

	for size := len(whole); size <= len(all); size++ {
		require.NoError(t, os.WriteFile(path, all[:size], 0o600))
		j, err := openJournal(path, "prm_1")
		require.NoError(t, err, "torn at %d", size)
		want := map[string]time.Time{"b": first}
		if size == len(all) {
			want["b"] = second
		}
		assert.Equal(t, want, j.marks, "torn at %d", size)
		_, _, err = j.Mark(t.Context(), "c", time.Time{}, first)
		require.NoError(t, err)
		require.NoError(t, j.Close())
		j, err = openJournal(path, "prm_1")
		require.NoError(t, err, "what follows a torn line is not a part of it")
		assert.Equal(t, first, j.marks["c"])
		require.NoError(t, j.Close())
	}
}

func TestJournalsThatAreRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	j, err := openJournal(path, "prm_1")
	require.NoError(t, err)
	_, err = openJournal(path, "prm_1")
	require.ErrorIs(t, err, errLocked, "one process at a time")
	require.NoError(t, j.Close())

	_, err = openJournal(path, "prm_2")
	require.ErrorContains(t, err, `is that of the prompt "prm_1"`)
	for _, text := range []string{"hello\n", "{}\n", "\n", `{"job":"a","sent":"yesterday"}` + "\n"} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err = openJournal(path, "prm_1")
		require.ErrorContains(t, err, "line 1 cannot be read", text)
	}
}

// A disk that fails ends the batch: nothing is sent without a mark.
func TestJournalOnADiskThatFails(t *testing.T) {
	t.Parallel()
	j, err := openJournal(filepath.Join(t.TempDir(), "journal"), "prm_1")
	require.NoError(t, err)
	require.NoError(t, j.file.file.Close())
	for range 2 {
		_, _, err = j.Mark(t.Context(), "a", time.Time{}, time.Now())
		require.ErrorIs(t, err, os.ErrClosed)
	}
	assert.Empty(t, j.marks)
}

func TestResults(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "results.jsonl")
	r, err := openResults(path)
	require.NoError(t, err)
	require.NoError(t, r.save(Outcome{Result: jobs.Result{Job: "a", RunID: "run_1", Output: []byte(`{"x":1}`)}}))
	require.NoError(t, r.save(Outcome{Result: jobs.Result{Job: "a"}, Parked: "late"}), "the first one counts")
	require.NoError(t, r.save(Outcome{Result: jobs.Result{Job: "b"}, Parked: "422", Kind: "validation", Execution: jobs.NotExecuted}))
	require.NoError(t, r.Close())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, `{"job":"a","run_id":"run_1","output":{"x":1}}
{"job":"b","run_id":"","output":null,"parked":"422","kind":"validation","execution":"not_executed"}
`, string(text))
	r, err = openResults(path)
	require.NoError(t, err)
	defer r.Close()
	assert.True(t, r.has("a") && r.has("b") && !r.has("c"))
}
