package faulttest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

func chunked(w http.ResponseWriter, status int, body string) {
	w.WriteHeader(status)
	for _, part := range strings.SplitAfter(body, ",") {
		_, _ = io.WriteString(w, part)
		_ = http.NewResponseController(w).Flush()
	}
}

// Twenty calls one after another, of every kind of answer, all over one connection.
func TestCallsReuseTheirConnection(t *testing.T) {
	long := strings.Repeat(`{"code":"c","message":"m"},`, 2000)
	for name, handler := range map[string]http.HandlerFunc{
		"answers":               apitest.Respond(200, apitest.Agent),
		"answers in chunks":     func(w http.ResponseWriter, _ *http.Request) { chunked(w, 200, apitest.Agent) },
		"no content":            apitest.Respond(204, ""),
		"nothing":               apitest.Respond(200, ""),
		"HTML":                  apitest.Respond(200, "<html>"),
		"errors":                apitest.Respond(402, `{"error":"failed","message":"No seats"}`),
		"errors without a body": apitest.Respond(402, ""),
		"errors in chunks": func(w http.ResponseWriter, _ *http.Request) {
			chunked(w, 402, `{"error":"failed","message":"No seats"}`)
		},
		"long errors":           apitest.Respond(422, `{"error":"x","details":[`+long+`{}]}`),
		"long errors in chunks": func(w http.ResponseWriter, _ *http.Request) { chunked(w, 422, `{"error":"x","details":[`+long+`{}]}`) },
		"redirects":             func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/api/other", http.StatusFound) },
		"failures for good":     apitest.Respond(503, `{"error":"failed"}`),
		"a rate limit of a day": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "86400")
			w.WriteHeader(429)
		},
		"failures, page of 200 KB": apitest.Respond(502, "<html>"+strings.Repeat("<p>x</p>", 25_000)),
	} {
		t.Run(name, func(t *testing.T) {
			srv := apitest.NewConnectionCounter(t, handler)
			client := apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t))
			for range 10 {
				err := apitest.Get(t.Context(), client)
				_ = apitest.Run(t.Context(), client)
				if err != nil { // else the answer is a record: no list to stream
					for _, err := range client.Agents.All(t.Context()) {
						require.Error(t, err)
					}
				}
			}
			// net/http gives a connection up that is slow to notice that a request was written.
			assert.LessOrEqual(t, srv.Made.Load(), int32(3), "for 20 calls and more")
		})
	}
}

func TestStreamsReuseTheirConnection(t *testing.T) {
	for name, body := range map[string]string{
		"a list": `[{"id":"a"},{"id":"b"}]` + "\n", "an envelope": `{"total":2,"items":[{"id":"a"},{"id":"b"}],"more":{"x":[1]}}` + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			srv := apitest.NewConnectionCounter(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { chunked(w, 200, body) }))
			client := apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t))
			for range 20 {
				n := 0
				for _, err := range client.Agents.All(t.Context()) {
					require.NoError(t, err)
					n++
				}
				assert.Equal(t, 2, n)
			}
			assert.EqualValues(t, 1, srv.Made.Load())
		})
	}
}

// A call that fails for good leaves the pool of the others alone.
func TestFailuresCloseNoConnections(t *testing.T) {
	var failing atomic.Bool
	var inFlight sync.WaitGroup
	inFlight.Add(8)
	srv := apitest.NewConnectionCounter(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if failing.Load() && strings.Contains(r.URL.Path, "/agt_1") {
			if r.Method == http.MethodPost {
				w.Header().Set("Retry-After", "30")
			}
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if !failing.Load() {
			inFlight.Done() // all eight at once, so that there are eight connections
			inFlight.Wait()
		}
		_, _ = io.WriteString(w, apitest.Agent)
	}))
	inTheWait := func() {}
	retried := promptorchestra.WithLogger(slog.New(apitest.OnRetry(func() { inTheWait() })))
	client := apitest.NewClientAt(t, srv.URL, retried) // the default pool
	eight := func() {
		var calls sync.WaitGroup
		for i := range 8 {
			calls.Go(func() {
				_, err := client.Agents.Get(t.Context(), fmt.Sprint("agt_other", i))
				assert.NoError(t, err)
			})
		}
		calls.Wait()
	}
	eight()
	failing.Store(true)
	made := srv.Made.Load()
	require.Error(t, apitest.Get(t.Context(), client))
	require.Error(t, apitest.Run(t.Context(), client))
	ctx, cancel := context.WithCancel(t.Context())
	inTheWait = cancel
	require.ErrorIs(t, apitest.Run(ctx, client, promptorchestra.WithIdempotent()), context.Canceled)
	eight()
	assert.Equal(t, made, srv.Made.Load())
}

// A cold burst makes some connections more than there are callers, for net/http keeps those that it dialled in vain. None
// is made again later.
func TestParallelCallersUseFewConnections(t *testing.T) {
	const callers = 64
	for _, delay := range []time.Duration{0, time.Millisecond} {
		t.Run(fmt.Sprint("answers after ", delay), func(t *testing.T) {
			srv := apitest.NewConnectionCounter(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				time.Sleep(delay)
				if strings.HasSuffix(r.URL.Path, "/agents") {
					chunked(w, 200, "["+apitest.Agent+"]")
					return
				}
				w.WriteHeader(map[string]int{http.MethodGet: 200, http.MethodPost: 402}[r.Method])
				_, _ = io.WriteString(w, apitest.Agent)
			}))
			client := apitest.NewClientAt(t, srv.URL) // the default transport
			defer client.CloseIdleConnections()
			var calls sync.WaitGroup
			for range callers {
				calls.Go(func() {
					for range 10 {
						assert.NoError(t, apitest.Get(t.Context(), client))
						assert.Error(t, apitest.Run(t.Context(), client))
						for _, err := range client.Agents.All(t.Context()) {
							assert.NoError(t, err)
						}
					}
				})
			}
			calls.Wait()
			t.Logf("%d connections made, %d at once", srv.Made.Load(), srv.Most.Load())
			assert.LessOrEqual(t, srv.Made.Load(), int32(2*callers))
		})
	}
}

// A stream that is being read keeps its connection, and no other call waits for it.
func TestCallsBesideAnOpenStream(t *testing.T) {
	srv := apitest.NewConnectionCounter(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/agents") {
			_, _ = io.WriteString(w, "["+apitest.Agent+",")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, apitest.Agent)
	}))
	client := apitest.NewClientAt(t, srv.URL)
	for _, err := range client.Agents.All(t.Context()) {
		require.NoError(t, err)
		for _, err := range client.Agents.All(t.Context()) {
			require.NoError(t, err)
			for range 3 {
				require.NoError(t, apitest.Get(t.Context(), client))
			}
			break
		}
		break
	}
	assert.LessOrEqual(t, srv.Made.Load(), int32(3))
}

// foreign is a context of somebody else's type: package context watches it with a goroutine for each child.
type foreign struct {
	context.Context //nolint:containedctx // it is one

	done chan struct{}
}

func (f foreign) Done() <-chan struct{} { return f.done }

func TestStreamLeavesNothingWithItsContext(t *testing.T) {
	client := apitest.NewClient(t, apitest.Respond(200, "["+apitest.Agent+"]"), apitest.OwnPool(t))
	ctx := foreign{t.Context(), make(chan struct{})}
	defer close(ctx.done)
	before := 0
	for i := range 30 {
		for _, err := range client.Agents.All(ctx) {
			require.NoError(t, err)
		}
		if i == 4 {
			before = runtime.NumGoroutine()
		}
	}
	assert.Eventually(t, func() bool { return runtime.NumGoroutine() < before+10 }, 10*time.Second, 10*time.Millisecond)
}
