package main

import (
	"context"
	"database/sql"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// A worker that stood still until River gave its job to another one does not touch the mark.
func TestMarkOfAnothersJob(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, newDatabase func(t *testing.T) string) {
		d, err := openDatabase(t.Context(), newDatabase(t))
		require.NoError(t, err)
		defer d.Close()
		b := newBench(t, d, "job-1", failure{})
		registry, result := river.NewWorkers(), make(chan error, 1)
		river.AddWorker(registry, &stale{worker: b.worker, result: result})
		client, err := d.newClient(registry, Times{Attempt: 20 * time.Second, LookUp: 20 * time.Second})
		require.NoError(t, err)
		require.NoError(t, client.Start(context.WithoutCancel(t.Context())))
		_, err = client.Insert(t.Context(), b.job, nil)
		require.NoError(t, err)
		require.ErrorIs(t, <-result, river.JobSnooze(0), "it is neither canceled nor counted as an attempt")
		require.NoError(t, client.StopAndCancel(t.Context()))
		assert.Empty(t, b.emulator.Requests("Prompts.Run"), "nothing is sent")
	})
}

// stale works a job as if it had been fetched again since.
type stale struct {
	river.WorkerDefaults[Job]
	worker *Worker
	result chan error
}

func (s *stale) Work(ctx context.Context, job *river.Job[Job]) error {
	earlier := job.AttemptedAt.Add(-time.Hour)
	job.AttemptedAt = &earlier
	river.ResumableStepCursor(ctx, "execute", nil, func(ctx context.Context, _ time.Time) error {
		s.result <- s.worker.send(ctx, job)
		return river.JobCancel(errElsewhere)
	})
	return nil
}

// held keeps the responses to executions back, until it is told to hand one over.
type held struct {
	next http.RoundTripper
	came chan struct{} // a response is there
	hand chan struct{}
	all  sync.Once
}

func newHeld() *held {
	return &held{next: http.DefaultTransport, came: make(chan struct{}, 9), hand: make(chan struct{})}
}

func (h *held) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := h.next.RoundTrip(r)
	if r.Method == http.MethodPost {
		h.came <- struct{}{}
		<-h.hand
	}
	return response, err
}

func (h *held) open() { h.all.Do(func() { close(h.hand) }) }

// A worker stands still with a 429 or another rejection in its socket. River gives the job to
// another worker, which looks it up and sends it. Then the first one goes on, while the second
// one's call is still in flight: what it does is fenced, and the job is paid for once and ends as
// done. River before 0.50 stores the mark of the first one although it was rolled back, and pays
// twice.
func TestAStaleWorkersDecisionIsFenced(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]orchestratest.Fault{
		"it would be sent again": orchestratest.Status(429, `{"error":"slow down"}`),
		"it would be snoozed":    orchestratest.RateLimited(time.Hour),
		"it would be canceled":   orchestratest.Status(422, `{"error":"invalid"}`),
		"it would be looked up":  orchestratest.Status(502, ""),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEachDatabase(t, func(t *testing.T, newDatabase func(t *testing.T) string) { testStaleWorker(t, newDatabase(t), fault) })
		})
	}
}

func testStaleWorker(t *testing.T, url string, fault orchestratest.Fault) {
	d, err := openDatabase(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, d.Close()) })
	b := newBench(t, d, "job-1", failure{faults: []orchestratest.Fault{fault}})
	stale, fresh := newHeld(), newHeld()
	first := startClient(t, d, newWorker(d.DB, b.emulator.Client(promptorchestra.WithTransport(stale)), b.promptID, b.times), 1, stale.open)
	inserted, err := first.Insert(t.Context(), b.job, nil)
	require.NoError(t, err)
	<-stale.came

	rescue(t, d, inserted.Job.ID)
	second := startClient(t, d, newWorker(d.DB, b.emulator.Client(promptorchestra.WithTransport(fresh)), b.promptID, b.times), 4, fresh.open)
	<-fresh.came // it was looked up, sent, and executed

	events, unsubscribe := first.Subscribe(done, parked, waits, fails)
	defer unsubscribe()
	stale.open()
	event := <-events
	assert.Equal(t, waits, event.Kind, "what River does to the second worker's job is harmless: %v", event.Job.Errors)
	fresh.open()
	require.Eventually(t, func() bool {
		job, err := second.JobGet(t.Context(), inserted.Job.ID)
		return err == nil && job.State == rivertype.JobStateCompleted
	}, time.Minute, 20*time.Millisecond)
	counts, err := executions(t.Context(), b.emulator)
	require.NoError(t, err)
	assert.Equal(t, map[string]int{"job-1": 1}, counts)
	assert.Len(t, b.emulator.Requests("Prompts.Run"), 2)
}

// startClient starts a client of River, which stops with the test.
func startClient(t *testing.T, d *database, w *Worker, most int, before func()) *river.Client[*sql.Tx] {
	t.Helper()
	registry := river.NewWorkers()
	river.AddWorker(registry, w)
	client, err := d.newClientOf(registry, Times{Attempt: 20 * time.Second, LookUp: 20 * time.Second}, most)
	require.NoError(t, err)
	require.NoError(t, client.Start(context.WithoutCancel(t.Context())))
	t.Cleanup(func() {
		before()
		assert.NoError(t, client.StopAndCancel(context.WithoutCancel(t.Context())))
	})
	return client
}

// rescue does what River's rescuer does to a job whose worker is not heard of, without the wait.
func rescue(t *testing.T, d *database, id int64) {
	t.Helper()
	result, err := d.ExecContext(t.Context(), "UPDATE river_job SET state = 'available' WHERE id = $1 AND state = 'running'", id)
	require.NoError(t, err)
	n, err := result.RowsAffected()
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}
