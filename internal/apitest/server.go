package apitest

import (
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
)

// Respond is a handler that always responds the same.
func Respond(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// InTurn serves one handler after the other, and then the last.
func InTurn(handlers ...http.HandlerFunc) http.HandlerFunc {
	var mu sync.Mutex
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		h := handlers[0]
		if len(handlers) > 1 {
			handlers = handlers[1:]
		}
		mu.Unlock()
		h(w, r)
	}
}

// Drop is a handler that drops the connection.
func Drop(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// Echo is a handler that responds with what it was sent, as an Echoed.
func Echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("X-Request-Id", "req_echo")
	_ = json.NewEncoder(w).Encode(struct {
		Echoed

		RunID string `json:"runId"` // so that it does for a run
	}{Echoed{r.Method, r.RequestURI, string(body), r.Header.Get("Content-Type")}, "run_1"})
}

// Echoed is a request as it arrived at Echo.
type Echoed struct {
	Method string `json:"method"`
	URI    string `json:"uri"`
	Body   string `json:"body"`
	Type   string `json:"type"`
}

// A Recorder is a handler that keeps the requests it gets, and responds with Anything or an empty
// list.
type Recorder struct {
	mu       sync.Mutex
	requests []*http.Request
}

func (r *Recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, req)
	if req.URL.Path == "/api/agents" && req.Method == http.MethodGet {
		_, _ = w.Write([]byte("[]"))
		return
	}
	_, _ = w.Write([]byte(Anything))
}

// All returns the requests so far.
func (r *Recorder) All() []*http.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests
}

// Last returns the last request.
func (r *Recorder) Last() *http.Request { all := r.All(); return all[len(all)-1] }

// A ConnectionCounter is a server that counts the connections made to it, and the most that were
// open at once.
type ConnectionCounter struct {
	*httptest.Server

	Made, Most atomic.Int32
	open       atomic.Int32
}

// NewConnectionCounter starts a ConnectionCounter that serves handler.
func NewConnectionCounter(t testing.TB, handler http.Handler) *ConnectionCounter {
	t.Helper()
	c := &ConnectionCounter{Server: httptest.NewUnstartedServer(handler)}
	c.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			c.Made.Add(1)
			for open, most := c.open.Add(1), c.Most.Load(); open > most && !c.Most.CompareAndSwap(most, open); {
				most = c.Most.Load()
			}
		case http.StateClosed, http.StateHijacked:
			c.open.Add(-1)
		default:
		}
	}
	c.Start()
	t.Cleanup(c.Close)
	return c
}

// CountNew counts the connections that a server gets.
func CountNew(opened *atomic.Int64) func(net.Conn, http.ConnState) {
	return func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
}

// DiscardLog keeps what a server says of faults that a test causes out of the test's output.
var DiscardLog = log.New(io.Discard, "", 0)
