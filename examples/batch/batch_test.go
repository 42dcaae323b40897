package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/jobs"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func TestReadRows(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, file, text string
		ids              []string
		last             map[string]any
		fails            string
	}{
		{name: "CSV", file: "a.csv", text: "id,name\r\n1,Ada\n2,\"Grace,\nHopper\"\n", ids: []string{"1", "2"}, last: map[string]any{"id": "2", "name": "Grace,\nHopper"}},
		{name: "a mark of UTF-8", file: "a.CSV", text: "\xef\xbb\xbfid,name\n1,Ada", ids: []string{"1"}, last: map[string]any{"id": "1", "name": "Ada"}},
		{name: "JSON", file: "a.jsonl", text: "{\"id\":\"a\",\"n\":1}\n\n{\"id\":\"b\",\"n\":[2]}", ids: []string{"a", "b"}, last: map[string]any{"id": "b", "n": []any{"2"}}},
		{name: "a line that is too short", file: "a.csv", text: "id,name\n1\n", fails: "line 2"},
		{name: "no lines", file: "a.csv", text: "", fails: "the line with the names"},
		{name: "a line that is no object", file: "a.jsonl", text: "{}\n[1]\n", fails: "line 2 is not a JSON object"},
		{name: "two objects in a line", file: "a.jsonl", text: "{} {}\n", fails: "line 1"},
		{name: "null", file: "a.jsonl", text: "null\n", fails: "line 1"},
		{name: "an id twice", file: "a.csv", text: "id\n1\n1\n", fails: `the id "1"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), test.file)
			require.NoError(t, os.WriteFile(path, []byte(test.text), 0o600))
			rows, err := readRows(path)
			if test.fails != "" {
				require.ErrorContains(t, err, test.fails)
				return
			}
			require.NoError(t, err)
			var ids []string
			for _, row := range rows {
				ids = append(ids, row.ID)
			}
			assert.Equal(t, test.ids, ids)
			if list, ok := rows[len(rows)-1].Variables["n"].([]any); ok {
				assert.Len(t, list, 1)
			} else {
				assert.Equal(t, test.last, rows[len(rows)-1].Variables)
			}
		})
	}
}

// Without an id of its own a row keeps the id that was made for it when others are added or moved.
func TestIDsOfRows(t *testing.T) {
	t.Parallel()
	ids := func(text string) (ids []string) {
		path := filepath.Join(t.TempDir(), "rows.jsonl")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		rows, err := readRows(path)
		require.NoError(t, err)
		for _, row := range rows {
			ids = append(ids, row.ID)
		}
		return ids
	}
	first := ids(`{"a":1,"b":2}` + "\n" + `{"a":2}` + "\n" + `{"a":2}`)
	second := ids(`{"new":1}` + "\n" + `{"a":2}` + "\n" + `{"a":2}` + "\n" + `{"b":2,"a":1}`)
	assert.Equal(t, first[0], second[3])
	assert.Equal(t, first[1:], second[1:3])
	assert.Equal(t, first[1]+"-2", first[2])
}

// A bench is a batch with an API of its own.
type bench struct {
	emulator *orchestratest.Server
	settings settings
}

func newBench(t *testing.T, rows int) *bench {
	t.Helper()
	folder := t.TempDir()
	b := &bench{emulator: orchestratest.NewServer(), settings: settings{
		in: filepath.Join(folder, "rows.csv"), out: filepath.Join(folder, "results"), journal: filepath.Join(folder, "journal"),
		workers: 4, perSecond: 1000, attempt: time.Minute, settle: time.Hour, longest: time.Minute,
	}}
	t.Cleanup(b.emulator.Close)
	b.settings.promptID = b.emulator.PublishPrompt("Greet {{name}}.")
	require.NoError(t, writeRows(b.settings.in, rows))
	return b
}

func (b *bench) run(t *testing.T, ctx context.Context, opts ...promptorchestra.Option) (int, string) { //nolint:revive // t first, as in every helper
	t.Helper()
	var out strings.Builder
	left, err := b.settings.run(ctx, &out, b.emulator.Client(append(opts, b.settings.options(ctx))...))
	require.NoError(t, err)
	return left, out.String()
}

func TestBatch(t *testing.T) {
	t.Parallel()
	b := newBench(t, 20)
	b.emulator.Fail("Prompts.Run", orchestratest.Status(422, `{"error":"invalid"}`), orchestratest.Status(200, `{"runId":"run_x","status":"failed"}`))
	left, out := b.run(t, t.Context())
	assert.Zero(t, left)
	assert.Contains(t, out, "20 of 20")
	assert.Contains(t, out, "failed calls: run_failed 1, validation 1")
	assert.Contains(t, out, "20 rows: 18 done, 2 for a person, 0 left\n  run_failed       1\n  validation       1\n")
	counts, err := executions(t.Context(), b.emulator.Client())
	require.NoError(t, err)
	assert.Len(t, counts, 18)
	assert.Zero(t, moreThanOnce(counts))

	_, out = b.run(t, t.Context())
	assert.Contains(t, out, "20 rows: 18 done, 2 for a person, 0 left", "started again, it does nothing")
	assert.Len(t, b.emulator.Requests("Prompts.Run"), 20)
}

// Rows of an earlier start are looked up with one Find, after those that were never sent.
func TestBatchThatWasInterrupted(t *testing.T) {
	t.Parallel()
	b := newBench(t, 12)
	journal, err := openJournal(b.settings.journal, b.settings.promptID)
	require.NoError(t, err)
	client, sent := b.emulator.Client(), time.Now().Add(-59*time.Minute).Truncate(time.Microsecond)
	b.settings.settle = 59 * time.Minute
	for i, id := range []string{"row-001", "row-002", "row-003", "row-004"} {
		_, _, err := journal.Mark(t.Context(), id, time.Time{}, sent)
		require.NoError(t, err)
		if i%2 == 0 { // the others were marked, and not sent
			_, err = client.Prompts.Run(t.Context(), b.settings.promptID, promptorchestra.PromptRunParams{Variables: map[string]any{"id": id, "name": "earlier"}})
			require.NoError(t, err)
		}
	}
	require.NoError(t, journal.Close())
	before := len(b.emulator.Requests("Runs.List"))
	left, out := b.run(t, t.Context())
	assert.Zero(t, left)
	assert.Contains(t, out, "12 rows: 12 done")
	assert.Len(t, b.emulator.Requests("Runs.List"), before+1, "one Find")
	list := b.emulator.Requests("Runs.List")[before].Time
	runs := b.emulator.Requests("Prompts.Run")
	require.Len(t, runs, 12)
	for i, run := range runs[2:10] {
		assert.True(t, run.Time.Before(list), "row %d was never sent, and comes first", i)
	}
	counts, err := executions(t.Context(), client)
	require.NoError(t, err)
	assert.Len(t, counts, 12)
	assert.Zero(t, moreThanOnce(counts))
}

// The first interrupt lets calls in flight end, and sends no more rows.
func TestBatchThatIsToStop(t *testing.T) {
	t.Parallel()
	b := newBench(t, 12)
	ctx, cancel := context.WithCancel(t.Context())
	left, out := b.run(t, ctx, promptorchestra.WithObserver(func(ctx context.Context, _ promptorchestra.CallInfo) (context.Context, func(promptorchestra.CallResult)) {
		return ctx, func(promptorchestra.CallResult) { cancel() }
	}))
	assert.Positive(t, left)
	assert.Contains(t, out, "Start it again for the rest.")
	counts, err := executions(t.Context(), b.emulator.Client())
	require.NoError(t, err)
	assert.Len(t, counts, 12-left, "what was executed is kept")
	journal, err := openJournal(b.settings.journal, b.settings.promptID)
	require.NoError(t, err)
	defer journal.Close()
	assert.Len(t, journal.marks, 12-left, "no row that is left is marked")
}

// A request whose wait for the rate limit ends was not sent, and is not looked up.
func TestLimit(t *testing.T) {
	t.Parallel()
	emulator := orchestratest.NewServer()
	defer emulator.Close()
	promptID := emulator.PublishPrompt("Greet {{name}}.")
	limiter := rate.NewLimiter(rate.Every(time.Hour), 1)
	ctx, cancel := context.WithCancel(t.Context())
	client := emulator.Client(limit(ctx, limiter))
	run := func() jobs.Decision {
		response, err := client.Prompts.Run(t.Context(), promptID, promptorchestra.PromptRunParams{}, promptorchestra.WithoutRetry())
		return jobs.AfterRun(t.Context(), response, err)
	}
	require.Equal(t, jobs.Done, run().Action)
	cancel()
	d := run()
	assert.Equal(t, jobs.Retry, d.Action)
	assert.Equal(t, jobs.NotExecuted, d.Execution)
	assert.Len(t, emulator.Requests("Prompts.Run"), 1)
}

func TestProgress(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	p := newProgress(&strings.Builder{}, &Results{ended: map[string]Outcome{"a": {}}}, 41)
	p.now, p.began = func() time.Time { return now }, now
	assert.Equal(t, "1 of 41", p.line())
	for range 9 {
		p.ended(Outcome{})
	}
	p.called(jobs.Decision{Action: jobs.LookUp, Kind: "server"})
	p.called(jobs.Decision{Action: jobs.Retry, Kind: "rate_limited"})
	p.called(jobs.Decision{Action: jobs.Done})
	p.ended(Outcome{Parked: "x", Kind: "validation"})
	now = now.Add(5 * time.Second)
	assert.Equal(t, "11 of 41, 2.0/s, 15s left; failed calls: rate_limited 1, server 1", p.line())
	p.terminal = true
	p.settling(3, now)
	assert.True(t, strings.HasPrefix(p.line(), "[#####...............] 11 of 41, 2.0/s, 15s left"), p.line())
	assert.Contains(t, p.line(), "; 3 to look up at ")
}

func TestOnTheEmulator(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	left, err := onEmulator(t.Context(), &out, parse(nil))
	require.NoError(t, err)
	assert.Zero(t, left)
	assert.Contains(t, out.String(), "60 rows: 60 done, 0 for a person, 0 left")
	assert.Contains(t, out.String(), "60 rows were executed, 0 of them more than once")
}
