package transport

import (
	"context"
	"errors"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync/atomic"
)

// ErrNotSent is for RoundTrippers that refuse a request by themselves, such as circuit breakers: an
// error that wraps it says that the request was not sent.
var ErrNotSent = errors.New("the request was not sent")

// errResend is what net/http gets when it wants to send a request again that must not be.
var errResend = errors.New("the request was sent already, and must not be sent again")

// sent follows an attempt whose call is not idempotent, to prove afterwards that it was not sent.
// The hooks tell, and nothing else does: a server may act on the headers alone, so that an unread
// body proves nothing.
type sent struct {
	trace     httptrace.ClientTrace
	shared    bool        // over the default transport
	asked     atomic.Bool // for a connection
	connected atomic.Bool // got one
	written   atomic.Bool // wrote a header field
	fixed     atomic.Bool // wrote one of HTTP/2, or an idempotency key: net/http might send the request again by itself
	refused   atomic.Bool // wanted to send it again, which was refused: it was sent once
}

// watch returns a context that tells of the attempt, and what follows it: nil where the call is
// idempotent.
func (e *Engine) watch(ctx context.Context, call *Call) (context.Context, *sent) {
	if call.Idempotent {
		return ctx, nil
	}
	s := &sent{shared: e.shared}
	s.trace.GetConn, s.trace.GotConn = s.getConn, s.gotConn
	if !s.shared { // over HTTP/1 that costs some allocations, and the default transport speaks no other
		s.trace.WroteHeaderField = s.wroteHeaderField
	}
	return httptrace.WithClientTrace(ctx, &s.trace), s
}

// mayResend reports whether net/http, or a RoundTripper, may have the request's body once more. Over
// HTTP/1 net/http asks for it only if nothing was written.
func (s *sent) mayResend() bool {
	if s == nil || s.shared {
		return true
	}
	may := (s.connected.Load() || s.written.Load()) && !s.fixed.Load()
	if !may {
		s.refused.Store(true)
	}
	return may
}

func (s *sent) getConn(string) {
	s.asked.Store(true)
	if s.shared { // net/http asks again only if nothing was written to the connection it had
		s.connected.Store(false)
	}
}

func (s *sent) gotConn(httptrace.GotConnInfo) { s.connected.Store(true) }

// wroteHeaderField sees HTTP/2 by its pseudo-headers, whatever type the connection has.
func (s *sent) wroteHeaderField(name string, _ []string) {
	s.written.Store(true)
	if strings.HasPrefix(name, ":") || IsIdempotencyKey(name) {
		s.fixed.Store(true)
	}
}

// nothing reports whether the attempt, which failed with err, certainly sent nothing.
func (s *sent) nothing(err error) bool {
	switch {
	case s == nil: // an idempotent call: it makes no difference
		return false
	case s.connected.Load() || s.written.Load() || s.refused.Load():
		return false
	case s.shared:
		return true
	default: // a RoundTripper that told nothing may have sent it
		return s.asked.Load() || errors.Is(err, ErrNotSent)
	}
}

// IsIdempotencyKey reports whether a header makes net/http send a POST again by itself.
func IsIdempotencyKey(name string) bool {
	canonical := textproto.CanonicalMIMEHeaderKey(name)
	return canonical == "Idempotency-Key" || canonical == "X-Idempotency-Key"
}
