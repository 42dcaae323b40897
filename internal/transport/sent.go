package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
)

// ErrNotSent is for RoundTrippers that reject a request by themselves, such as circuit breakers. An
// error that wraps it says that the request was not sent.
var ErrNotSent = errors.New("the request was not sent")

// errResend is what a transport gets that asks for a body which it must not have a second time.
var errResend = errors.New("GetBody is refused because the request may have been sent already and is not idempotent; " +
	"a RoundTripper that signs requests must read Body instead")

// sent watches an attempt whose call is not idempotent, to prove afterwards that it was not sent.
// Only the hooks of httptrace prove that, and only because the attempt's context has ended before
// the engine decides: what the transport still does is either seen by the decision, or sees it. A
// body that was not read proves nothing, because a server may act on the headers alone.
type sent struct {
	trace  httptrace.ClientTrace
	shared bool // the attempt uses the default transport
	body   bytes.Reader
	state  atomic.Uint32
	late   atomic.Pointer[net.Conn] // a connection that came after the decision, and wrote nothing yet
}

// The bits of sent's state.
const (
	asked     uint32 = 1 << iota // the transport asked for a connection
	connected                    // it got a connection
	written                      // it wrote a header field
	resends                      // it wrote one of HTTP/2, or an idempotency key: net/http retries those
	denied                       // it asked for the body again, which was denied: the request was sent
	decided                      // the engine has decided whether the request was sent
)

// watch returns a context with the hooks for an attempt, and the sent that they write to. For an
// idempotent call it returns the context as it is, and nil.
func (e *Engine) watch(ctx context.Context, call *Call) (context.Context, *sent) {
	if call.Idempotent {
		return ctx, nil
	}
	s := &sent{shared: e.shared}
	s.trace.GetConn, s.trace.GotConn = s.getConn, s.gotConn
	if !s.shared { // the default transport speaks HTTP/1 alone, which needs no such hook
		s.trace.WroteHeaderField = s.wroteHeaderField
	}
	return httptrace.WithClientTrace(ctx, &s.trace), s
}

// setBody gives a request its body, in the type that net/http sends together with the headers.
func (s *sent) setBody(req *http.Request, call *Call) {
	req.ContentLength = int64(len(call.Body))
	req.GetBody = func() (io.ReadCloser, error) {
		if !s.mayResend() {
			return nil, errResend
		}
		return io.NopCloser(bytes.NewReader(call.Body)), nil
	}
	if s == nil {
		req.Body = io.NopCloser(bytes.NewReader(call.Body))
		return
	}
	s.body.Reset(call.Body)
	req.Body = io.NopCloser(&s.body)
}

// mayResend reports whether net/http, or a RoundTripper, may have the request's body a second time.
// Over HTTP/1 net/http asks for it only if nothing was written.
func (s *sent) mayResend() bool {
	if s == nil || s.shared {
		return true
	}
	state := s.state.Load()
	may := state&(connected|written) != 0 && state&(resends|decided) == 0
	if !may {
		s.state.Or(denied)
	}
	return may
}

func (s *sent) getConn(string) {
	s.state.Or(asked)
	if s.shared { // net/http asks twice only if nothing was written to the first connection
		s.state.And(^connected)
	}
}

func (s *sent) gotConn(info httptrace.GotConnInfo) {
	if s.state.Or(connected)&decided != 0 {
		conn := info.Conn
		s.late.Store(&conn)
	}
}

// wroteHeaderField recognizes HTTP/2 and HTTP/3 by their pseudo-headers, which come first, whatever
// the type of the connection. A late connection of HTTP/1 is closed while its first header field is
// still in the buffer. Those of the others are shared with other calls, and write nothing once the
// context has ended.
func (s *sent) wroteHeaderField(name string, _ []string) {
	pseudo := strings.HasPrefix(name, ":")
	seen := written
	if pseudo || IsIdempotencyKey(name) {
		seen |= resends
	}
	if s.state.Or(seen)&decided == 0 {
		return
	}
	if conn := s.late.Swap(nil); conn != nil && *conn != nil && !pseudo {
		_ = (*conn).Close() // its error changes nothing
	}
}

// provesNotSent decides whether an attempt that failed with err certainly sent nothing. The
// attempt's context has ended before, unless it uses the default transport, which does nothing more
// once it has returned.
func (s *sent) provesNotSent(err error) bool {
	if s == nil { // the call is idempotent, so that it makes no difference
		return false
	}
	switch state := s.state.Or(decided); {
	case state&(connected|written|denied) != 0:
		return false
	case s.shared:
		return true
	default: // a RoundTripper that called no hook may have sent it
		return state&asked != 0 || errors.Is(err, ErrNotSent)
	}
}

// IsIdempotencyKey reports whether a header makes net/http retry a POST by itself.
func IsIdempotencyKey(name string) bool {
	return strings.EqualFold(name, "Idempotency-Key") || strings.EqualFold(name, "X-Idempotency-Key")
}
