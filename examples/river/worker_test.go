package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/jobs"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// A failure is one row of docs/reliability.md: what comes of the call, and where the job ends.
type failure struct {
	name       string
	faults     []orchestratest.Fault // of the execution
	prepare    func(t *testing.T, b *bench)
	first      river.EventKind // after the first attempt
	then       func(b *bench)  // between the first attempt and the next
	end        river.EventKind // after the last
	executions int             // in the end
	says       string          // a part of the job's last error
}

const (
	done   = river.EventKindJobCompleted
	parked = river.EventKindJobCancelled // for a person
	waits  = river.EventKindJobSnoozed   // for a time that we know
	fails  = river.EventKindJobFailed    // River backs off
)

func status(code int, body string) []orchestratest.Fault {
	return []orchestratest.Fault{orchestratest.Status(code, body)}
}

var failures = []failure{
	{name: "none", first: done, end: done, executions: 1},

	{name: "429", faults: []orchestratest.Fault{orchestratest.RateLimited(time.Second)}, first: waits, end: done, executions: 1},
	{name: "429 without Retry-After", faults: status(429, `{"error":"slow down"}`), first: fails, end: done, executions: 1, says: "429"},
	{name: "429 that names a run", faults: status(429, `{"error":"slow down","runId":"run_x"}`), first: waits, end: done, executions: 1},
	{name: "429 not retryable", faults: status(429, `{"error":"quota","retryable":false}`), first: parked, end: parked, says: "429"},
	{name: "408", faults: status(408, `{"error":"timeout"}`), first: parked, end: parked, says: "408"},

	{name: "500", faults: status(500, `{"error":"failed","message":"upstream"}`), first: waits, end: done, executions: 1},
	{name: "502", faults: []orchestratest.Fault{orchestratest.HTML(502)}, first: waits, end: done, executions: 1},
	{name: "503", faults: status(503, ""), first: waits, end: done, executions: 1},
	{name: "504", faults: status(504, ""), first: waits, end: done, executions: 1},
	{name: "501", faults: status(501, ""), first: waits, end: done, executions: 1},
	{name: "503 not retryable", faults: status(503, `{"error":"x","retryable":false}`), first: waits, end: done, executions: 1},
	{
		name: "the provider failed: the run is recorded", prepare: func(_ *testing.T, b *bench) { b.emulator.FailExecution(b.promptID, "the provider is down") },
		first: waits, end: parked, executions: 1, says: "is paid for and failed: the provider is down",
	},

	{name: "a response that holds a failed run", faults: status(200, `{"runId":"run_1","status":"failed","output":null}`), first: parked, end: parked, says: `run "run_1" is paid for and failed`},
	{
		name: "a run is found with a status that nobody knows", faults: []orchestratest.Fault{orchestratest.DropAfter()},
		prepare: foundWith("aborted"), first: waits, end: parked, executions: 1, says: "aborted",
	},
	{name: "302", faults: []orchestratest.Fault{orchestratest.Status(302, "").WithHeader("Location", "/login")}, first: parked, end: parked, says: "302"},
	{name: "400", faults: status(400, `{"error":"organizationId is required"}`), first: parked, end: parked, says: "400"},
	{name: "401", faults: status(401, `{"error":"x","code":"AUTH_INVALID_TOKEN"}`), first: parked, end: parked, says: "401"},
	{name: "402", faults: []orchestratest.Fault{orchestratest.NoFeature("ai")}, first: waits, end: done, executions: 1},
	{
		name: "402 until an upgrade", prepare: func(_ *testing.T, b *bench) { b.emulator.Restrict(orchestratest.AI(false)) },
		first: waits, then: func(b *bench) { b.emulator.Lift() }, end: done, executions: 1,
	},
	{name: "403", faults: status(403, `{"error":"x","code":"AUTH_SCOPE_MISSING"}`), first: parked, end: parked, says: "403"},
	{name: "404", faults: status(404, `{"error":"not_found"}`), first: parked, end: parked, says: "404"},
	{name: "409", faults: status(409, `{"error":"conflict"}`), first: parked, end: parked, says: "409"},
	{name: "422", faults: status(422, `{"error":"invalid"}`), first: parked, end: parked, says: "422"},

	{name: "a failed dial", prepare: failingDial, first: fails, end: done, executions: 1, says: "dial"},
	{name: "a certificate that does not verify", prepare: badCertificate, first: parked, end: parked, says: "certificate"},
	{name: "a token source that does not answer in time", prepare: slowSource, first: fails, end: done, executions: 1, says: "deadline"},
	{name: "an argument rejected by the SDK", prepare: func(_ *testing.T, b *bench) { b.promptID = "" }, first: parked, end: parked, says: "promptId"},

	{name: "no response, not executed", faults: []orchestratest.Fault{orchestratest.DropBefore()}, first: waits, end: done, executions: 1},
	{name: "no response, executed", faults: []orchestratest.Fault{orchestratest.DropAfter()}, first: waits, end: done, executions: 1},
	{name: "2xx cut short", faults: []orchestratest.Fault{orchestratest.CutBody(20)}, first: waits, end: done, executions: 1},
	{name: "2xx empty", faults: status(200, ""), first: waits, end: done, executions: 1},
	{name: "2xx null", faults: status(200, "null"), first: waits, end: done, executions: 1},
	{name: "2xx of HTML", faults: status(200, "<html>hello</html>"), first: waits, end: done, executions: 1},
	{
		name: "the deadline passes in flight", faults: []orchestratest.Fault{orchestratest.Delay(10 * time.Second)},
		prepare: func(_ *testing.T, b *bench) {
			b.times.Attempt = 500 * time.Millisecond
			b.times.Settle = 2 * time.Second
		},
		first: waits, end: done, executions: 1,
	},

	{
		name: "it is executed after its deadline", prepare: func(t *testing.T, b *bench) {
			b.times.Attempt, b.times.Settle = 500*time.Millisecond, 4*time.Second
			g := newGate(t, b.emulator, func() time.Duration { return 1500 * time.Millisecond })
			b.options = append(b.options, promptorchestra.WithBaseURL(g.URL))
		},
		first: waits, end: done, executions: 1,
	},

	{
		name: "it cannot be told whether it ran", faults: []orchestratest.Fault{orchestratest.DropAfter()},
		prepare: func(_ *testing.T, b *bench) {
			b.emulator.Fail("Runs.List", orchestratest.Status(200, `{"runs":[],"nextCursor":"x"}`))
		},
		first: waits, end: parked, executions: 1, says: "cannot be told whether it ran",
	},
	{
		name: "the look-up fails for now", faults: []orchestratest.Fault{orchestratest.DropAfter()},
		prepare: func(_ *testing.T, b *bench) {
			for range 4 { // with the SDK's own retries
				b.emulator.Fail("Runs.List", orchestratest.Status(503, ""))
			}
		},
		first: waits, end: done, executions: 1, says: "Runs.List: 503",
	},
	{
		name: "the look-up takes longer than it may", faults: []orchestratest.Fault{orchestratest.DropAfter()},
		prepare: func(_ *testing.T, b *bench) {
			b.times.LookUp = 500 * time.Millisecond
			b.emulator.Fail("Runs.List", orchestratest.Delay(time.Minute))
		},
		first: waits, end: done, executions: 1, says: "deadline",
	},
	{
		name: "the run is found and still pending", faults: []orchestratest.Fault{orchestratest.DropAfter()},
		prepare: foundWith("running"), first: waits, end: done, executions: 1,
	},
}

// foundWith has the run be found with a status, the first time.
func foundWith(status string) func(t *testing.T, b *bench) {
	return func(_ *testing.T, b *bench) {
		b.emulator.Fail("Runs.Get", orchestratest.Status(200, fmt.Sprintf(`{"status":%q,"inputSnapshot":{"variables":{"job_id":%q}}}`, status, b.job.ID)))
	}
}

// A bench is a job with an API of its own.
type bench struct {
	emulator *orchestratest.Server
	worker   *Worker
	promptID string
	times    Times
	job      Job
	options  []promptorchestra.Option
	events   chan *river.Event
}

// workers gives each job to the worker of its bench.
type workers struct {
	river.WorkerDefaults[Job]
	mu      sync.Mutex
	benches map[string]*bench
}

func (w *workers) of(id string) *bench {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.benches[id]
}

func (w *workers) Work(ctx context.Context, job *river.Job[Job]) error {
	return w.of(job.Args.ID).worker.Work(ctx, job)
}

// Every kind of failure ends the job in the state that it should, and no job is executed twice.
func TestEveryFailureEndsWhereItShould(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, newDatabase func(t *testing.T) string) {
		d, err := openDatabase(t.Context(), newDatabase(t))
		require.NoError(t, err)
		all := &workers{benches: map[string]*bench{}}
		registry := river.NewWorkers()
		river.AddWorker(registry, all)
		client, err := d.newClient(registry, Times{Attempt: 20 * time.Second, LookUp: 20 * time.Second})
		require.NoError(t, err)
		events, unsubscribe := client.Subscribe(done, parked, waits, fails)
		require.NoError(t, client.Start(context.WithoutCancel(t.Context())))
		var reading sync.WaitGroup
		reading.Go(func() {
			for event := range events {
				var job Job
				if json.Unmarshal(event.Job.EncodedArgs, &job) == nil {
					all.of(job.ID).events <- event
				}
			}
		})
		t.Cleanup(func() { // after the rows, which run at the same time
			assert.NoError(t, client.StopAndCancel(context.WithoutCancel(t.Context())))
			unsubscribe()
			reading.Wait()
			assert.NoError(t, d.Close())
		})
		for i, f := range failures {
			t.Run(f.name, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, d, fmt.Sprint("job-", i), f)
				all.mu.Lock()
				all.benches[b.job.ID] = b
				all.mu.Unlock()
				_, err := client.Insert(t.Context(), b.job, nil)
				require.NoError(t, err)
				b.watch(t, f)
			})
		}
	})
}

func newBench(t *testing.T, d *database, id string, f failure) *bench {
	t.Helper()
	b := &bench{emulator: orchestratest.NewServer(), job: Job{ID: id, Name: "Ada"}, events: make(chan *river.Event, 100)}
	t.Cleanup(b.emulator.Close)
	b.promptID = b.emulator.PublishPrompt("Greet {{name}}.")
	b.times = Times{Attempt: 15 * time.Second, Settle: 300 * time.Millisecond, LookUp: 15 * time.Second, Longest: time.Second}
	b.options = []promptorchestra.Option{promptorchestra.WithRetry(promptorchestra.RetryPolicy{MinWait: time.Millisecond, MaxWait: 2 * time.Millisecond})}
	b.emulator.Fail("Prompts.Run", f.faults...)
	if f.prepare != nil {
		f.prepare(t, b)
	}
	b.worker = newWorker(d.DB, b.emulator.Client(b.options...), b.promptID, b.times)
	return b
}

// watch follows a job from its first attempt to its end.
func (b *bench) watch(t *testing.T, f failure) {
	t.Helper()
	var kinds []river.EventKind
	for {
		var event *river.Event
		select {
		case event = <-b.events:
		case <-time.After(2 * time.Minute):
			require.FailNow(t, "the job does not end", "after %v", kinds)
		}
		kinds = append(kinds, event.Kind)
		if len(kinds) == 1 && f.then != nil {
			f.then(b)
		}
		if event.Kind != done && event.Kind != parked {
			continue
		}
		assert.Equal(t, f.first, kinds[0], "after the first attempt: %v", kinds)
		assert.Equal(t, f.end, event.Kind, "in the end: %v: %v", kinds, event.Job.Errors)
		if f.says != "" && assert.NotEmpty(t, event.Job.Errors) {
			assert.Contains(t, event.Job.Errors[len(event.Job.Errors)-1].Error, f.says)
		}
		if event.Kind == done {
			var result jobs.Result
			require.NoError(t, json.Unmarshal(event.Job.Output(), &result))
			assert.NotEmpty(t, result.RunID)
			assert.Contains(t, string(result.Output)+result.Text, "Greet Ada.")
		}
		break
	}
	counts, err := executions(t.Context(), b.emulator)
	require.NoError(t, err)
	assert.Equal(t, f.executions, counts[b.job.ID], "executions")
	assert.NoError(t, b.emulator.Err())
}

func failingDial(t *testing.T, b *bench) {
	var dials atomic.Int32
	pool := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if dials.Add(1) == 1 {
			return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
		}
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}}
	t.Cleanup(pool.CloseIdleConnections)
	b.options = append(b.options, promptorchestra.WithTransport(pool))
}

func badCertificate(t *testing.T, b *bench) {
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(srv.Close)
	b.options = append(b.options, promptorchestra.WithBaseURL(srv.URL))
}

// slowSource has the call's deadline pass before anything is sent.
func slowSource(_ *testing.T, b *bench) {
	var asked atomic.Int32
	b.times.Attempt = time.Second
	token := b.emulator.AccessToken
	b.options = append(b.options, promptorchestra.WithAccessTokenSource(func(ctx context.Context, _ string) (string, error) {
		if asked.Add(1) == 1 {
			<-ctx.Done()
			return "", ctx.Err()
		}
		return token, nil
	}))
}

// A worker that is told to stop gives its jobs back: one in flight is looked up by the next worker.
func TestDeploysLoseNothing(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, newDatabase func(t *testing.T) string) {
		d, err := openDatabase(t.Context(), newDatabase(t))
		require.NoError(t, err)
		defer d.Close()
		b := newBench(t, d, "job-1", failure{faults: []orchestratest.Fault{orchestratest.Delay(time.Minute)}})
		start := func() *river.Client[*sql.Tx] {
			registry := river.NewWorkers()
			river.AddWorker(registry, b.worker)
			client, err := d.newClient(registry, Times{Attempt: 20 * time.Second, LookUp: 20 * time.Second})
			require.NoError(t, err)
			require.NoError(t, client.Start(context.WithoutCancel(t.Context())))
			return client
		}
		first := start()
		inserted, err := first.Insert(t.Context(), b.job, nil)
		require.NoError(t, err)
		require.Eventually(t, func() bool { return len(b.emulator.Requests("Prompts.Run")) == 1 }, time.Minute, 10*time.Millisecond)
		require.NoError(t, first.StopAndCancel(t.Context()))
		given, err := first.JobGet(t.Context(), inserted.Job.ID)
		require.NoError(t, err)
		assert.Equal(t, rivertype.JobStateAvailable, given.State)
		assert.Zero(t, given.Attempt, "a deploy is no attempt")

		second := start()
		require.Eventually(t, func() bool {
			job, err := second.JobGet(t.Context(), inserted.Job.ID)
			return err == nil && job.State == rivertype.JobStateCompleted
		}, time.Minute, 20*time.Millisecond)
		require.NoError(t, second.StopAndCancel(t.Context()))
		counts, err := executions(t.Context(), b.emulator)
		require.NoError(t, err)
		assert.Equal(t, map[string]int{"job-1": 1}, counts)
	})
}
