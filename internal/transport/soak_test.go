package transport_test

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
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

var soakExecutions = flag.Int("executions", 600, "the number of executions that TestExecutionsTakeEffectOnceUnderRandomFaults makes, in all")

// A soakServer counts the times that each execution arrives and takes effect, and fails one of three in some way.
type soakServer struct {
	faults  []func(s *soakServer, w http.ResponseWriter, id string)
	records sync.Map // id -> *soakRecord
}

// A soakRecord is what became of one execution: on the server, and for its caller.
type soakRecord struct {
	arrived, effects atomic.Int32
	returned         error
	cancelledLate    atomic.Bool // just when it got a connection
}

func (s *soakServer) record(id string) *soakRecord {
	r, _ := s.records.LoadOrStore(id, new(soakRecord))
	return r.(*soakRecord)
}

func (s *soakServer) effect(id string) { s.record(id).effects.Add(1) }

func (s *soakServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := strings.Split(r.URL.Path, "/")[3]
	s.record(id).arrived.Add(1)
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		panic(http.ErrAbortHandler) // half of a request has no effect
	}
	if n := rand.IntN(3 * len(s.faults)); n < len(s.faults) {
		s.faults[n](s, w, id)
		return
	}
	s.effect(id)
	_, _ = fmt.Fprintf(w, `{"runId":%q}`, id)
}

// The faults after which a connection is not used again without the client's knowing it.
var announcedFaults = []func(s *soakServer, w http.ResponseWriter, id string){
	func(*soakServer, http.ResponseWriter, string) { panic(http.ErrAbortHandler) },
	func(s *soakServer, _ http.ResponseWriter, id string) { s.effect(id); panic(http.ErrAbortHandler) },
	func(s *soakServer, w http.ResponseWriter, id string) { // cut
		s.effect(id)
		w.Header().Set("Content-Length", "1000")
		_, _ = fmt.Fprintf(w, `{"runId":%q`, id)
	},
	func(_ *soakServer, w http.ResponseWriter, _ string) { w.WriteHeader(http.StatusTooManyRequests) },
	func(_ *soakServer, w http.ResponseWriter, _ string) { w.WriteHeader(http.StatusPaymentRequired) },
	func(s *soakServer, w http.ResponseWriter, id string) {
		s.effect(id)
		w.WriteHeader(http.StatusServiceUnavailable)
	},
	func(s *soakServer, w http.ResponseWriter, id string) { // slow, and late
		time.Sleep(time.Duration(rand.IntN(4)) * time.Millisecond)
		s.effect(id)
		time.Sleep(time.Duration(rand.IntN(4)) * time.Millisecond)
		_, _ = fmt.Fprintf(w, `{"runId":%q}`, id)
	},
	func(s *soakServer, w http.ResponseWriter, id string) { // over HTTP/2 it sends GOAWAY
		s.effect(id)
		w.Header().Set("Connection", "close")
		_, _ = fmt.Fprintf(w, `{"runId":%q}`, id)
	},
	func(_ *soakServer, w http.ResponseWriter, _ string) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusTooManyRequests)
	},
}

// All faults: resets, and connections that die when they are idle.
var allFaults = append([]func(s *soakServer, w http.ResponseWriter, id string){
	func(_ *soakServer, w http.ResponseWriter, _ string) { hangUp(w, "", true) },
	func(s *soakServer, w http.ResponseWriter, id string) { s.effect(id); hangUp(w, "", true) },
	func(s *soakServer, w http.ResponseWriter, id string) { s.effect(id); hangUp(w, "HTTP/1.1 2", false) },
	func(s *soakServer, w http.ResponseWriter, id string) {
		s.effect(id)
		hangUp(w, "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{\"runId\":\"x\"}", false)
	},
	func(s *soakServer, w http.ResponseWriter, id string) {
		s.effect(id)
		hangUp(w, "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{\"runId\":\"x\"}", true)
	},
	func(_ *soakServer, w http.ResponseWriter, _ string) {
		hangUp(w, "HTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\n", false)
	},
}, announcedFaults...)

// hangUp writes what a response begins with, and closes or resets the connection; over HTTP/2 it resets the stream.
func hangUp(w http.ResponseWriter, begin string, reset bool) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_, _ = io.WriteString(conn, begin)
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// soak makes executions through a client with random cancellations. A caller that is gentle cancels only before it has a
// connection.
func (s *soakServer) soak(t *testing.T, client *promptorchestra.Client, name string, executions int, gentle bool) {
	var next atomic.Int64
	var callers sync.WaitGroup
	for range 32 {
		callers.Go(func() {
			for n := next.Add(1); n <= int64(executions); n = next.Add(1) {
				id := fmt.Sprintf("%s-%d", name, n)
				record := s.record(id)
				ctx, cancel := context.WithCancel(t.Context())
				if rand.IntN(8) == 0 {
					timer := time.AfterFunc(time.Duration(rand.IntN(3000))*time.Microsecond, cancel)
					if gentle {
						var stopped atomic.Bool
						ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {
							if timer.Stop() {
								stopped.Store(true)
							}
							record.cancelledLate.Store(!stopped.Load())
						}})
					}
				}
				_, record.returned = client.Agents.Run(ctx, id, promptorchestra.AgentRunParams{VersionID: "agv_1"})
				cancel()
			}
		})
	}
	callers.Wait()
}

// check settles what became of each execution, once the server has ended. It returns the counts for the log.
func (s *soakServer) check(t *testing.T, gentle bool) soakCounts {
	var sum soakCounts
	s.records.Range(func(id, value any) bool {
		r := value.(*soakRecord)
		arrived, effects, err := r.arrived.Load(), r.effects.Load(), r.returned
		sum.executions++
		assert.LessOrEqual(t, effects, int32(1), "%v took effect twice: %v", id, err)
		switch unknown := promptorchestra.OutcomeUnknown(err); {
		case err == nil:
			sum.succeeded++
			assert.EqualValues(t, 1, effects, "%v succeeded without an effect", id)
		case unknown:
			sum.unknown++
			if arrived == 0 {
				sum.unsent++
			}
			if gentle && !r.cancelledLate.Load() {
				assert.Positive(t, arrived, "%v is of unknown outcome and was not sent: %v", id, err)
			}
		default:
			sum.denied++
			assert.Zero(t, effects, "%v had its effect, and its error denies it: %v", id, err)
		}
		return true
	})
	return sum
}

type soakCounts struct{ executions, succeeded, unknown, unsent, denied int }

// Executions under random faults: drops, resets, cut responses, rate limits, connections that die when they are idle,
// dials that fail, callers that cancel. None takes effect twice, and no error denies an effect. Over the default
// transport, where the server announces each close and no caller cancels once it has a connection, none is of unknown
// outcome that did not reach the server.
//
//	go test ./internal/transport -run RandomFaults -executions 40000 -v
func TestExecutionsTakeEffectOnceUnderRandomFaults(t *testing.T) {
	dials := func(own *http.Transport) *http.Transport {
		own.MaxIdleConnsPerHost = 64
		own.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if rand.IntN(20) == 0 {
				addr = "127.0.0.1:1" // a port that nobody is given by chance
			}
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
		t.Cleanup(own.CloseIdleConnections)
		return own
	}
	ways := []struct {
		name     string
		protocol string
		gentle   bool
		opts     func(own *http.Transport) []promptorchestra.Option
	}{
		{name: "default", protocol: "HTTP/1.1"},
		{name: "default-gentle", protocol: "HTTP/1.1", gentle: true},
		{name: "default-wrapped", protocol: "HTTP/1.1", opts: wrapped(false)},
		{name: "own", protocol: "HTTP/1.1", opts: through},
		{name: "own-wrapped", protocol: "HTTP/1.1", opts: wrapped(true)},
		{name: "default", protocol: "TLS"},
		{name: "default-gentle", protocol: "TLS", gentle: true},
		{name: "default-wrapped", protocol: "TLS", opts: wrapped(false)},
		{name: "own", protocol: "TLS", opts: through},
		{name: "own", protocol: "HTTP/2", opts: through},
		{name: "own-wrapped", protocol: "HTTP/2", opts: wrapped(true)},
		{name: "own", protocol: "HTTP/2 without TLS", opts: through},
		{name: "own-wrapped", protocol: "HTTP/2 without TLS", opts: wrapped(true)},
	}
	for _, way := range ways {
		t.Run(way.protocol+" "+way.name, func(t *testing.T) {
			server := &soakServer{faults: allFaults}
			if way.gentle {
				server.faults = announcedFaults
			}
			srv := httptest.NewUnstartedServer(server)
			srv.Config.ErrorLog = apitest.DiscardLog
			own := &http.Transport{Protocols: new(http.Protocols), TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
			switch way.protocol {
			case "HTTP/1.1":
				own.Protocols.SetHTTP1(true)
				srv.Start()
			case "TLS":
				own.Protocols.SetHTTP1(true)
				srv.StartTLS()
				trust(t, srv)
			case "HTTP/2":
				own.Protocols.SetHTTP2(true)
				srv.EnableHTTP2 = true
				srv.StartTLS()
			default:
				own.Protocols.SetUnencryptedHTTP2(true)
				srv.Config.Protocols = own.Protocols
				srv.Start()
			}
			defer srv.Close()
			var opts []promptorchestra.Option
			if way.opts != nil {
				opts = way.opts(dials(own))
			}
			client := apitest.NewClientAt(t, srv.URL, opts...)
			server.soak(t, client, way.name, (*soakExecutions+len(ways)-1)/len(ways), way.gentle)
			client.CloseIdleConnections()
			own.CloseIdleConnections()
			srv.Close() // waits for the requests that nobody waits for any more
			counts := server.check(t, way.gentle)
			t.Logf("%d executions: %d succeeded, %d of unknown outcome (%d of them not sent), %d certainly without effect",
				counts.executions, counts.succeeded, counts.unknown, counts.unsent, counts.denied)
			require.Positive(t, counts.succeeded)
		})
	}
}

func through(own *http.Transport) []promptorchestra.Option {
	return []promptorchestra.Option{promptorchestra.WithTransport(own)}
}

func wrapped(ownOne bool) func(*http.Transport) []promptorchestra.Option {
	return func(own *http.Transport) []promptorchestra.Option {
		opts := []promptorchestra.Option{promptorchestra.WithTransportWrapper(passOn)}
		if ownOne {
			opts = append(opts, promptorchestra.WithTransport(own))
		}
		return opts
	}
}
