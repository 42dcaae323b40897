package apitest

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// A Listener accepts TCP connections on loopback, and leaves it to a test what to do with them.
type Listener struct {
	Addr        string
	Connections atomic.Int32 // that were accepted

	listener net.Listener
	mu       sync.Mutex
	open     map[net.Conn]bool
	done     sync.WaitGroup
}

// Listen starts a Listener. It calls serve with each connection and its number, from 1, and closes
// the connection afterwards. All end with the test.
func Listen(t testing.TB, serve func(conn *net.TCPConn, n int)) *Listener {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := &Listener{Addr: listener.Addr().String(), listener: listener, open: map[net.Conn]bool{}}
	l.done.Go(func() { l.accept(serve) })
	t.Cleanup(l.close)
	return l
}

func (l *Listener) accept(serve func(conn *net.TCPConn, n int)) {
	for {
		conn, err := l.listener.Accept()
		if err != nil {
			return
		}
		n := int(l.Connections.Add(1))
		l.mu.Lock()
		l.open[conn] = true
		l.mu.Unlock()
		l.done.Go(func() {
			serve(conn.(*net.TCPConn), n)
			_ = conn.Close()
			l.mu.Lock()
			delete(l.open, conn)
			l.mu.Unlock()
		})
	}
}

func (l *Listener) close() {
	_ = l.listener.Close()
	l.mu.Lock()
	for conn := range l.open {
		_ = conn.Close()
	}
	l.mu.Unlock()
	l.done.Wait()
}

// A RawRequest is a request as it arrived at a RawServer, and the connection to do with as one
// likes.
type RawRequest struct {
	*http.Request

	Conn    *net.TCPConn
	Body    []byte
	Attempt int // of this method, over all connections, from 1
	On      int // which request of its connection it is, from 1
}

// Respond writes a response with its length, of which only the first bytes of the body arrive when
// cut is not negative.
func (r *RawRequest) Respond(status int, body string, cut int) {
	whole := "HTTP/1.1 " + strconv.Itoa(status) + " x\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
	if cut >= 0 {
		whole = whole[:len(whole)-len(body)+cut]
	}
	_, _ = io.WriteString(r.Conn, whole)
}

// Reset makes the connection end with a reset.
func (r *RawRequest) Reset() { _ = r.Conn.SetLinger(0) }

// A RawServer counts the requests that arrive on its connections, and does to them what its handler
// says.
type RawServer struct {
	*Listener

	URL string

	handle func(*RawRequest) (keep bool)
	counts sync.Map // method -> *atomic.Int32
}

// NewRawServer starts a RawServer. A connection is closed when handle returns false.
func NewRawServer(t testing.TB, handle func(*RawRequest) (keep bool)) *RawServer {
	t.Helper()
	s := &RawServer{handle: handle}
	s.Listener = Listen(t, s.serve)
	s.URL = "http://" + s.Addr
	return s
}

func (s *RawServer) serve(conn *net.TCPConn, _ int) {
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
		attempt := s.counter(req.Method).Add(1)
		if !s.handle(&RawRequest{Request: req, Conn: conn, Body: body, Attempt: int(attempt), On: on}) {
			return
		}
	}
}

func (s *RawServer) counter(method string) *atomic.Int32 {
	n, _ := s.counts.LoadOrStore(method, new(atomic.Int32))
	return n.(*atomic.Int32)
}

// Count returns how many requests of a method arrived.
func (s *RawServer) Count(method string) int { return int(s.counter(method).Load()) }
