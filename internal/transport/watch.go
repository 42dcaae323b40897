package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync/atomic"
)

// watch sees how far an attempt gets whose call must not be repeated. A server
// may act on a request's headers before any of the body is read, as over HTTP/2,
// so that an unread body alone proves nothing.
type watch struct {
	trace      httptrace.ClientTrace
	plainHTTP2 bool
	connected  atomic.Bool  // the attempt got a connection, as far as the transport tells
	http2      atomic.Bool  // which speaks HTTP/2
	written    atomic.Bool  // the headers went out over it, and no answer came
	over       atomic.Bool  // the attempt has ended: a transport that lives on may not send it
	early      atomic.Int32 // 1xx so far
	rewind     func() (io.ReadCloser, error)
}

// watched returns a request that tells of its connections, and w that learns of
// them. Each attempt has its own: a dial may outlive its attempt. plainHTTP2 is
// whether connections without TLS may speak it.
func watched(ctx context.Context, req *http.Request, plainHTTP2 bool) (*http.Request, *watch) {
	w := &watch{plainHTTP2: plainHTTP2, rewind: req.GetBody}
	w.trace.GotConn = w.gotConn
	w.trace.WroteHeaders = w.wroteHeaders
	w.trace.GotFirstResponseByte = w.answered
	w.trace.Got1xxResponse = w.gotEarly
	req = req.WithContext(httptrace.WithClientTrace(ctx, &w.trace))
	req.GetBody = w.replay
	return req, w
}

func (w *watch) gotConn(info httptrace.GotConnInfo) {
	w.connected.Store(true)
	if secure, ok := info.Conn.(interface{ ConnectionState() tls.ConnectionState }); ok {
		w.http2.Store(secure.ConnectionState().NegotiatedProtocol == "h2")
	} else {
		w.http2.Store(w.plainHTTP2)
	}
}

func (w *watch) wroteHeaders() { w.written.Store(w.http2.Load()) }

// answered allows a RoundTripper of the user's own to send the request again, as
// after a 401: net/http itself repeats nothing that was answered.
func (w *watch) answered() { w.written.Store(false) }

// gotEarly is told of a 1xx, after which all is open again. Whoever listens has
// to limit their number.
func (w *watch) gotEarly(int, textproto.MIMEHeader) error {
	const most = 5
	w.wroteHeaders()
	if w.early.Add(1) > most {
		return errors.New("too many 1xx responses")
	}
	return nil
}

// unsent reports whether, the attempt having failed, nothing of it was sent, and
// sees to it that nothing will be.
func (w *watch) unsent(body *Payload) bool {
	if w == nil { // of a call that may be repeated anyway
		return body.abandon()
	}
	w.over.Store(true)
	return !w.connected.Load() && body.abandon()
}

var errReplay = errors.New("the request went out, and its stream was reset or its connection lost: it may not be repeated")

// replay is the request's GetBody: net/http asks it when it wants to send the
// request once more by itself. Over HTTP/1 it does so only when nothing was
// written, but over HTTP/2, before Go 1.27, also after a reset that says nothing
// of what the server did, and that without end.
func (w *watch) replay() (io.ReadCloser, error) {
	body, err := w.rewind() // before it looks: a body made later than that is never read
	if err == nil && (w.written.Load() || w.over.Load()) {
		_ = body.Close() // nothing was read of it
		return nil, errReplay
	}
	return body, err
}
