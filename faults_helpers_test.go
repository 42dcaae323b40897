package promptorchestra_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

const agentJSON = `{"id":"agt_1","name":"Desk"}`

// A rawRequest is a request as it arrived at a rawServer, and the connection to do with as one likes.
type rawRequest struct {
	*http.Request
	conn    *net.TCPConn
	body    []byte
	attempt int // of this method, over all connections, from 1
	on      int // which request of its connection it is, from 1
}

// answer writes an answer with its length, of which only the first bytes arrive when cut is not negative.
func (r *rawRequest) answer(status int, body string, cut int) {
	whole := "HTTP/1.1 " + strconv.Itoa(status) + " x\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
	if cut >= 0 {
		whole = whole[:len(whole)-len(body)+cut]
	}
	_, _ = io.WriteString(r.conn, whole)
}

// reset ends the connection the hard way.
func (r *rawRequest) reset() { _ = r.conn.SetLinger(0) }

// A rawServer counts what arrives on its connections, and does to them what its handler says.
type rawServer struct {
	url         string
	listener    net.Listener
	connections atomic.Int32
	handle      func(*rawRequest) (keep bool)

	mu     sync.Mutex
	counts map[string]int
	open   map[net.Conn]bool
	done   sync.WaitGroup
}

func newRawServer(t *testing.T, handle func(*rawRequest) (keep bool)) *rawServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &rawServer{
		url: "http://" + listener.Addr().String(), listener: listener, handle: handle,
		counts: map[string]int{}, open: map[net.Conn]bool{},
	}
	s.done.Go(s.accept)
	t.Cleanup(s.close)
	return s
}

func (s *rawServer) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.connections.Add(1)
		s.mu.Lock()
		s.open[conn] = true
		s.mu.Unlock()
		s.done.Go(func() {
			s.serve(conn.(*net.TCPConn))
			_ = conn.Close()
			s.mu.Lock()
			delete(s.open, conn)
			s.mu.Unlock()
		})
	}
}

func (s *rawServer) serve(conn *net.TCPConn) {
	in := bufio.NewReader(conn)
	for on := 1; ; on++ {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.counts[req.Method]++
		attempt := s.counts[req.Method]
		s.mu.Unlock()
		if !s.handle(&rawRequest{Request: req, conn: conn, body: body, attempt: attempt, on: on}) {
			return
		}
	}
}

func (s *rawServer) count(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[method]
}

func (s *rawServer) close() {
	_ = s.listener.Close()
	s.mu.Lock()
	for conn := range s.open {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.done.Wait()
}

// ownPool gives a client connections of its own, which end with the test.
func ownPool(t *testing.T) promptorchestra.Option {
	t.Helper()
	pool := &http.Transport{MaxIdleConnsPerHost: 512}
	t.Cleanup(pool.CloseIdleConnections)
	return promptorchestra.WithTransport(pool)
}

// roundTripper is a stub in the place of the network.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	return f(r)
}

func stubbed(t testing.TB, f roundTripper, opts ...promptorchestra.Option) *promptorchestra.Client {
	t.Helper()
	client, err := promptorchestra.New(append([]promptorchestra.Option{
		promptorchestra.WithOrganization(testOrganization), promptorchestra.WithAccessToken(testToken),
		promptorchestra.WithTransport(f),
	}, opts...)...)
	require.NoError(t, err)
	return client
}

func reply(status int, body string, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{
		StatusCode: status, Header: h, ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader([]byte(body))),
	}
}

// get is a call that may be repeated, run one that may not.
func get(ctx context.Context, c *promptorchestra.Client, opts ...promptorchestra.CallOption) error {
	_, err := c.Agents.Get(ctx, "agt_1", opts...)
	return err
}

func run(ctx context.Context, c *promptorchestra.Client, opts ...promptorchestra.CallOption) error {
	_, err := c.Agents.Run(ctx, "agt_1", promptorchestra.AgentRunParams{VersionID: "agv_1"}, opts...)
	return err
}

func doPost(ctx context.Context, c *promptorchestra.Client, opts ...promptorchestra.CallOption) error {
	var out map[string]any
	return c.Do(ctx, promptorchestra.Request{Method: http.MethodPost, Path: "/api/new", Body: map[string]any{"a": 1}}, &out, opts...)
}

// connectionCounter starts a server that counts the connections made to it, and those open at once.
type connectionCounter struct {
	*httptest.Server
	made, most atomic.Int32
	open       atomic.Int32
}

func newConnectionCounter(t *testing.T, handler http.Handler) *connectionCounter {
	t.Helper()
	c := &connectionCounter{Server: httptest.NewUnstartedServer(handler)}
	c.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			c.made.Add(1)
			for open, most := c.open.Add(1), c.most.Load(); open > most && !c.most.CompareAndSwap(most, open); {
				most = c.most.Load()
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

// failingDial refuses the first dials, as a closed port does.
func failingDial(t *testing.T, failures int32) (promptorchestra.Option, *atomic.Int32) {
	t.Helper()
	var dials atomic.Int32
	pool := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if dials.Add(1) <= failures {
			addr = "127.0.0.1:1" // a port that nobody is given by chance
		}
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}}
	t.Cleanup(pool.CloseIdleConnections)
	return promptorchestra.WithTransport(pool), &dials
}

// A gate stands before a TLS server, as a proxy does or a load balancer, and turns the first connections away.
type gate struct {
	*rawServer
	client *http.Client
	posts  atomic.Int32
}

func newGate(t *testing.T, proxy bool, failures int32) *gate {
	t.Helper()
	g := &gate{}
	target := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		g.posts.Add(1)
		_, _ = io.WriteString(w, `{"runId":"run_1"}`)
	}))
	t.Cleanup(target.Close)
	forward := func(conn *net.TCPConn, first []byte) {
		up, err := net.Dial("tcp", target.Listener.Addr().String())
		if err != nil {
			return
		}
		_, _ = up.Write(first)
		var copies sync.WaitGroup
		copies.Go(func() { _, _ = io.Copy(up, conn); _ = up.Close() })
		_, _ = io.Copy(conn, up)
		_ = conn.Close()
		copies.Wait()
	}
	pool := target.Client().Transport.(*http.Transport).Clone()
	if proxy {
		g.rawServer = newRawServer(t, func(r *rawRequest) bool {
			if int32(r.attempt) <= failures {
				r.answer(502, "the proxy cannot reach it", -1)
				return false
			}
			_, _ = io.WriteString(r.conn, "HTTP/1.1 200 OK\r\n\r\n")
			forward(r.conn, nil)
			return false
		})
		g.url = target.URL
		proxyURL := "http://" + g.listener.Addr().String()
		pool.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(proxyURL) }
	} else {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		g.rawServer = &rawServer{url: "https://" + listener.Addr().String(), listener: listener, open: map[net.Conn]bool{}}
		g.done.Go(func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				n := g.connections.Add(1)
				g.done.Go(func() {
					defer conn.Close()
					hello := make([]byte, 4096)
					size, _ := conn.Read(hello)
					if n > failures {
						forward(conn.(*net.TCPConn), hello[:size])
					}
				})
			}
		})
		t.Cleanup(g.close)
	}
	t.Cleanup(pool.CloseIdleConnections)
	g.client = &http.Client{Transport: pool}
	return g
}

// discardLog keeps what a server says of faults that a test causes out of the test's output.
var discardLog = log.New(io.Discard, "", 0)

// onRetry is a handler of logs that does something just before a call waits to be sent again.
type onRetry func()

func (f onRetry) Enabled(_ context.Context, level slog.Level) bool { return level == slog.LevelWarn }

func (f onRetry) Handle(context.Context, slog.Record) error {
	f()
	return nil
}

func (f onRetry) WithAttrs([]slog.Attr) slog.Handler { return f }
func (f onRetry) WithGroup(string) slog.Handler      { return f }
