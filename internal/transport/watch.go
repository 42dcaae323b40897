package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptrace"
	"sync/atomic"
)

// watch sees how far an attempt gets whose call must not be repeated. A server
// may act on a request's headers before any of the body is read, as over HTTP/2,
// so that an unread body alone proves nothing.
type watch struct {
	first     httptrace.ClientTrace // of the first attempt: most calls have no other
	begun     bool
	ours      bool        // the transport is our own pool
	connected atomic.Bool // the attempt got a connection, as far as the transport tells
	http1     atomic.Bool // which speaks HTTP/1 for certain
	written   atomic.Bool // the headers went out over one that may not
	rewind    func() (io.ReadCloser, error)
}

// begin returns the context for an attempt's request. Each attempt has a trace of
// its own: a dial may outlive its attempt, and with it read the trace.
func (w *watch) begin(ctx context.Context) context.Context {
	trace := &w.first
	if w.begun {
		trace = new(httptrace.ClientTrace)
	}
	w.begun = true
	w.connected.Store(false)
	w.written.Store(false)
	trace.GotConn, trace.WroteHeaders = w.gotConn, w.wroteHeaders
	return httptrace.WithClientTrace(ctx, trace)
}

func (w *watch) gotConn(info httptrace.GotConnInfo) {
	w.connected.Store(true)
	w.http1.Store(w.speaksHTTP1(info.Conn))
}

// speaksHTTP1 reports whether a connection certainly does. One without TLS
// might be set up for HTTP/2 all the same, but for one of our own pool.
func (w *watch) speaksHTTP1(conn net.Conn) bool {
	if secure, ok := conn.(interface{ ConnectionState() tls.ConnectionState }); ok {
		return secure.ConnectionState().NegotiatedProtocol != "h2"
	}
	return w.ours
}

func (w *watch) wroteHeaders() {
	if !w.http1.Load() {
		w.written.Store(true)
	}
}

func (w *watch) sawConnection() bool { return w != nil && w.connected.Load() }

var errReplay = errors.New("the connection failed after the request went out, and net/http may not repeat it")

// replay is the request's GetBody: net/http asks it when it wants to send the
// request once more by itself. Over HTTP/1 it does so only when nothing was
// written, but over HTTP/2, before Go 1.27, also after a reset that says nothing
// of what the server did, and that without end.
func (w *watch) replay() (io.ReadCloser, error) {
	if w.written.Load() {
		return nil, errReplay
	}
	return w.rewind()
}
