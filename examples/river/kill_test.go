package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

var rounds = flag.Int("rounds", 2, "how many workers to kill on each database, some 20 s each; -parallel says how many at once")

// A worker process is the test binary once more.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-worker" {
		main()
		return
	}
	os.Exit(m.Run())
}

// gate stands between the workers and the emulator. It counts the calls that are in flight, and
// keeps requests and responses back for a while, until it is open. A request that it has taken is
// executed, also when the worker is gone by then.
type gate struct {
	*httptest.Server
	inFlight atomic.Int32
	open     atomic.Bool
	hold     func() time.Duration // before the request is passed on
}

func newGate(t *testing.T, emulator *orchestratest.Server, hold func() time.Duration) *gate {
	t.Helper()
	target, err := url.Parse(emulator.URL)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	// What the emulator does to a connection happens to the worker's too.
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	g := &gate{hold: hold}
	proxy.ModifyResponse = func(r *http.Response) error {
		if r.Request.Method == http.MethodPost && !g.open.Load() {
			time.Sleep(100*time.Millisecond + rand.N(500*time.Millisecond))
		}
		return nil
	}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			g.inFlight.Add(1)
			defer g.inFlight.Add(-1)
			body, err := io.ReadAll(r.Body)
			if err != nil {
				panic(http.ErrAbortHandler)
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			if !g.open.Load() {
				time.Sleep(g.hold())
			}
		}
		ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context())) // the worker may be gone
		defer cancel()
		proxy.ServeHTTP(w, r.WithContext(ctx))
	}))
	t.Cleanup(g.Close)
	return g
}

// A kill is what one round saw.
type kill struct {
	inFlight, completed int // when the worker was killed
	unreported          int // executions by then that no job was completed for
	executions          map[string]int
	states              map[rivertype.JobState]int
}

const jobCount = 24 // of a round

// A round is what happens to a worker, and how the API fails meanwhile.
type round struct {
	naive      bool
	stop, cont func(*os.Process) error // the worker stands still until all is done; killed where nil
	ways       []orchestratest.Fault
}

// drain works some jobs, kills or stops the worker with four calls in flight at some moment, and
// starts another one, which drains the rest.
func (r round) drain(t *testing.T, database string) kill {
	t.Helper()
	emulator := orchestratest.NewServer()
	t.Cleanup(emulator.Close)
	queue, err := openQueue(t.Context(), database)
	require.NoError(t, err)
	t.Cleanup(func() { _ = queue.Close() })
	_, err = queue.insert(t.Context(), jobCount)
	require.NoError(t, err)
	for range jobCount + 4 {
		emulator.Fail("Prompts.Run", r.ways[rand.N(len(r.ways))].WithDelay(rand.N(200*time.Millisecond)))
	}

	g := newGate(t, emulator, func() time.Duration { return rand.N(400 * time.Millisecond) })
	s := settings{database: database, promptID: emulator.PublishPrompt("Greet {{name}}."), naive: r.naive, times: Times{Attempt: time.Second, Settle: 3 * time.Second, LookUp: time.Second, Longest: time.Second}}
	worker, err := startWorker(g.URL, emulator, s)
	require.NoError(t, err)
	t.Cleanup(worker.kill)
	deadline := time.Now().Add(3 * time.Minute)
	require.Eventually(t, func() bool { return g.inFlight.Load() > 0 }, time.Minute, time.Millisecond)
	time.Sleep(rand.N(1500 * time.Millisecond))
	killed := kill{}
	for killed.inFlight < 4 {
		require.True(t, time.Now().Before(deadline), "no four calls in flight")
		time.Sleep(time.Millisecond)
		killed.inFlight = int(g.inFlight.Load())
	}
	if r.stop != nil {
		require.NoError(t, r.stop(worker.command.Process))
	} else {
		worker.kill()
	}
	g.open.Store(true)
	states, err := queue.states(t.Context())
	require.NoError(t, err)
	killed.completed = states[rivertype.JobStateCompleted] + states[rivertype.JobStateCancelled]
	counts, err := executions(t.Context(), emulator)
	require.NoError(t, err)
	killed.unreported = len(counts) - killed.completed

	second, err := startWorker(g.URL, emulator, s)
	require.NoError(t, err)
	t.Cleanup(second.kill)
	for {
		killed.states, err = queue.states(t.Context())
		require.NoError(t, err)
		if killed.states[rivertype.JobStateCompleted]+killed.states[rivertype.JobStateCancelled] == jobCount {
			break
		}
		require.True(t, time.Now().Before(deadline), "not drained: %v", killed.states)
		time.Sleep(100 * time.Millisecond)
	}
	if r.cont != nil {
		require.NoError(t, r.cont(worker.command.Process))
		time.Sleep(2 * s.times.Attempt) // for what it may do wrong
	}
	killed.executions, err = executions(t.Context(), emulator)
	require.NoError(t, err)
	return killed
}

// notOnce returns the jobs that were not executed exactly once.
func (k kill) notOnce() (wrong []string) {
	for i := range jobCount {
		if id := fmt.Sprintf("job-%03d", i+1); k.executions[id] != 1 {
			wrong = append(wrong, fmt.Sprintf("%s: %d executions", id, k.executions[id]))
		}
	}
	return wrong
}

// flaky is an API that fails in every way at the same time.
var flaky = []orchestratest.Fault{
	{},
	{},
	{},
	orchestratest.DropBefore(), orchestratest.DropAfter(), orchestratest.CutBody(20), orchestratest.HTML(502),
	orchestratest.Status(503, ""), orchestratest.Status(500, `{"error":"failed","message":"upstream"}`), orchestratest.RateLimited(time.Second),
}

// The promise of this example: every job is executed once, though its worker is killed in the
// middle of four calls, and though the API fails in every way at the same time.
func TestEveryJobIsPaidOnce(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, newDatabase func(t *testing.T) string) {
		for i := range *rounds {
			t.Run(fmt.Sprint("round ", i+1), func(t *testing.T) {
				t.Parallel()
				k := round{ways: flaky}.drain(t, newDatabase(t))
				assert.Empty(t, k.notOnce())
				assert.Equal(t, map[rivertype.JobState]int{rivertype.JobStateCompleted: jobCount}, k.states)
				t.Logf("killed with %d calls in flight and %d of %d jobs completed; %d executions had happened that no job knew of; in the end %d executions",
					k.inFlight, k.completed, jobCount, k.unreported, len(k.executions))
			})
		}
	})
}

// The same check fails for a worker that only maps errors, as long as its worker is killed while
// executions go on.
func TestTheNaiveWorkerPaysTwice(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, newDatabase func(t *testing.T) string) {
		k := round{naive: true, ways: []orchestratest.Fault{{}}}.drain(t, newDatabase(t))
		assert.NotEmpty(t, k.notOnce(), "the check must see it")
		t.Logf("killed with %d calls in flight: %v", k.inFlight, k.notOnce())
	})
}
