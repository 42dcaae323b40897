package transport

import (
	"context"
	"errors"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync/atomic"
)

// ErrNotSent is for RoundTrippers that reject a request by themselves, such as circuit breakers. An
// error that wraps it says that the request was not sent.
var ErrNotSent = errors.New("the request was not sent")

// errResend is what net/http gets when it retries a request that must not be retried.
var errResend = errors.New("the request was sent already, and is not idempotent")

// sent watches an attempt whose call is not idempotent, to prove afterwards that it was not sent.
// Only the hooks of httptrace prove that. A body that was not read proves nothing, because a server
// may act on the headers alone.
type sent struct {
	trace     httptrace.ClientTrace
	shared    bool        // the attempt uses the default transport
	asked     atomic.Bool // the transport asked for a connection
	connected atomic.Bool // the transport got a connection
	written   atomic.Bool // the transport wrote a header field
	resends   atomic.Bool // it wrote one of HTTP/2, or an idempotency key: net/http retries those
	denied    atomic.Bool // it asked for the body again, which was denied: the request was sent
}

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

// mayResend reports whether net/http, or a RoundTripper, may have the request's body a second time.
// Over HTTP/1 net/http asks for it only if nothing was written.
func (s *sent) mayResend() bool {
	if s == nil || s.shared {
		return true
	}
	may := (s.connected.Load() || s.written.Load()) && !s.resends.Load()
	if !may {
		s.denied.Store(true)
	}
	return may
}

func (s *sent) getConn(string) {
	s.asked.Store(true)
	if s.shared { // net/http asks twice only if nothing was written to the first connection
		s.connected.Store(false)
	}
}

func (s *sent) gotConn(httptrace.GotConnInfo) { s.connected.Store(true) }

// wroteHeaderField recognizes HTTP/2 by its pseudo-headers, for any type of connection.
func (s *sent) wroteHeaderField(name string, _ []string) {
	s.written.Store(true)
	if strings.HasPrefix(name, ":") || IsIdempotencyKey(name) {
		s.resends.Store(true)
	}
}

// provesNotSent reports whether an attempt that failed with err certainly sent nothing.
func (s *sent) provesNotSent(err error) bool {
	switch {
	case s == nil: // the call is idempotent, so that it makes no difference
		return false
	case s.connected.Load() || s.written.Load() || s.denied.Load():
		return false
	case s.shared:
		return true
	default: // a RoundTripper that called no hook may have sent it
		return s.asked.Load() || errors.Is(err, ErrNotSent)
	}
}

// IsIdempotencyKey reports whether a header makes net/http retry a POST by itself.
func IsIdempotencyKey(name string) bool {
	canonical := textproto.CanonicalMIMEHeaderKey(name)
	return canonical == "Idempotency-Key" || canonical == "X-Idempotency-Key"
}
