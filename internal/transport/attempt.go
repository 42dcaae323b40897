package transport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"sync"
	"time"
)

// attempts is the RoundTripper below go-retryablehttp. It never returns an error, because the hooks
// would get no context with one: the result of an attempt is in the Result. It has no
// CloseIdleConnections, so that a failed call does not close the idle connections of others. Its
// responses have no Location, so that no redirect is followed.
type attempts struct{ engine *Engine }

func (a attempts) RoundTrip(req *http.Request) (*http.Response, error) {
	r := resultOf(req.Context())
	a.engine.attempt(r, req)
	r.response = http.Response{StatusCode: r.StatusCode, Body: http.NoBody, Request: req}
	return &r.response, nil
}

// attempt sends the call once: bound in time, authorize, send, read the response.
func (e *Engine) attempt(r *Result, req *http.Request) {
	call, caller := r.call, req.Context()
	// After an attempt without a response, all connections in the pool may be dead.
	r.fresh.Store(r.attempts.Load() > 0 && r.StatusCode == 0)

	limit := e.attemptTimeout(caller, call)
	var header http.Header
	err := limit.ctx.Err()
	if err == nil {
		header, err = call.Owner.Header(limit.ctx)
	}
	if err != nil {
		if caller.Err() != nil && r.Attempts() > 0 {
			r.Ended = contextErr(caller) // the outcome of the last attempt stays
		} else {
			r.Outcome = Outcome{Err: limit.explain(err), NotSent: true, NoAuth: true}
		}
		limit.stop()
		return
	}
	r.Outcome = Outcome{}
	ctx, sent := e.watch(limit.ctx, call)
	if ctx != caller {
		req = req.WithContext(ctx)
	}
	req.Host, req.Header = call.URL.Host, header // go-retryablehttp copies the request before each retry
	if call.Body != nil {
		sent.setBody(req, call)
	}
	r.attempts.Add(1)
	resp, err := roundTrip(e.outer, req)
	if err != nil {
		r.Err = limit.explain(err)
		limit.stop() // before sent decides, and after the error was explained by its context
		r.NotSent = sent.provesNotSent(err)
		return
	}
	r.receive(resp, limit)
}

func roundTrip(through http.RoundTripper, req *http.Request) (*http.Response, error) {
	resp, err := through.RoundTrip(req)
	if err != nil || resp != nil && resp.StatusCode != 0 {
		return resp, err //nolint:wrapcheck // explain does
	}
	if resp != nil && resp.Body != nil {
		_ = resp.Body.Close() // its error changes nothing
	}
	return nil, errors.New("the RoundTripper returned neither a response nor an error")
}

// receive reads the response's body, or keeps it as a stream.
func (r *Result) receive(resp *http.Response, limit attemptTimeout) {
	r.StatusCode, r.Header = resp.StatusCode, resp.Header
	if resp.Body == nil { // http.Client allows this of a RoundTripper
		resp.Body = http.NoBody
	}
	if r.call.Stream && r.Success() {
		resp.Body = &timedBody{ReadCloser: resp.Body}
	}
	body, err := io.Reader(resp.Body), error(nil)
	if resp.Header["Content-Encoding"] != nil {
		body, err = decompressed(resp)
	}
	if raw, ok := resp.Body.(*timedBody); ok && err == nil {
		limit.timer.Stop() // if it has fired already, reading the body fails
		limit.timeout, limit.reading = r.call.ReadTimeout, true
		raw.limit = limit
		r.Stream = &Stream{Reader: body, body: raw}
		return
	}
	if r.StatusCode >= 200 { // after a 101 comes no HTTP, and perhaps no end
		r.read(resp, body, limit)
		if err != nil && r.Err == nil {
			r.Err, r.Partial = err, !r.Success()
		}
	}
	_ = resp.Body.Close() // its error changes nothing
	limit.stop()
}

func (r *Result) read(resp *http.Response, body io.Reader, limit attemptTimeout) {
	most := int64(maxErrorBody)
	if r.Success() {
		most = r.call.MaxBytes
	}
	if r.buffer == nil {
		r.buffer = buffers.Get().(*buffer) //nolint:forcetypeassert // the pool holds nothing else
	}
	err := r.buffer.fill(body, resp.ContentLength, most)
	r.Body = r.buffer.b
	if err == nil && resp.ContentLength < 0 {
		err = r.checkWhole(resp)
	}
	r.Partial = err != nil && !r.Success()
	if err != nil && (r.Success() || !errors.Is(err, ErrTooLarge)) {
		r.Err = limit.explain(err)
	}
}

// checkWhole returns ErrCut for a body without a length that is not complete. HTTP does not tell if
// the body ended with its connection.
func (r *Result) checkWhole(resp *http.Response) error {
	mayBeCut := len(resp.TransferEncoding) == 0 && !resp.Uncompressed && resp.ProtoMajor == 1
	if mayBeCut && !r.call.Owner.IsWhole(r.Body) {
		return ErrCut
	}
	return nil
}

// buffer is a byte slice from a pool.
type buffer struct{ b []byte }

const (
	smallBuffer  = 4 << 10
	maxPooled    = 1 << 20 // larger buffers are rare, and not kept
	maxPresize   = 1 << 20 // the most that is allocated because of a Content-Length
	maxErrorBody = 1 << 20 // the part of a failure's body that is read
)

var buffers = sync.Pool{New: func() any { return &buffer{b: make([]byte, 0, smallBuffer)} }}

// ErrTooLarge means that a body is larger than the limit.
var ErrTooLarge = errors.New("the response is larger than the limit")

// ErrCut means that a body ended before its end.
var ErrCut = fmt.Errorf("the response was cut short: %w", io.ErrUnexpectedEOF)

// fill reads r to its end, or to limit bytes. The declared length sizes the buffer, up to a limit:
// a server may claim any length. What the buffer held before is lost.
func (b *buffer) fill(r io.Reader, declared, limit int64) error {
	b.b = b.b[:0]
	if want := min(declared, limit, maxPresize) + 1; want > int64(cap(b.b)) {
		b.b = make([]byte, 0, want)
	}
	for {
		if len(b.b) == cap(b.b) {
			b.b = slices.Grow(b.b, len(b.b)+smallBuffer)
		}
		room := b.b[len(b.b):cap(b.b)]
		if left := limit + 1 - int64(len(b.b)); int64(len(room)) > left {
			room = room[:left]
		}
		n, err := r.Read(room)
		b.b = b.b[:len(b.b)+n]
		if int64(len(b.b)) > limit {
			b.b = b.b[:limit]
			return fmt.Errorf("%w of %d bytes", ErrTooLarge, limit)
		}
		if err == io.EOF { // not errors.Is: an error that wraps io.EOF is no end
			return nil
		}
		if err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) {
				return ErrCut
			}
			return fmt.Errorf("%w: %w", ErrCut, err)
		}
	}
}

// attemptTimeout bounds an attempt in time. For a stream it bounds the time up to the headers, and
// then that of each Read of the body.
type attemptTimeout struct {
	caller  context.Context //nolint:containedctx // both are of one attempt, as the limit is
	ctx     context.Context //nolint:containedctx // see above
	timeout time.Duration   // 0 for none
	timer   *time.Timer     // ends ctx if a stream's headers or bytes do not come in time; else nil
	reading bool            // the stream's headers came
	cancel  context.CancelFunc
}

func (e *Engine) attemptTimeout(caller context.Context, call *Call) attemptTimeout {
	l := attemptTimeout{caller: caller, ctx: caller, timeout: call.Timeout}
	switch {
	case call.Stream:
		ctx, cancel := context.WithCancelCause(caller)
		l.ctx, l.cancel = ctx, func() { cancel(nil) }
		l.timer = time.AfterFunc(cmp.Or(l.timeout, math.MaxInt64), func() { cancel(context.DeadlineExceeded) })
	case l.timeout > 0:
		l.ctx, l.cancel = context.WithTimeout(caller, l.timeout)
	case !call.Idempotent && !e.shared: // sent needs a context that the engine can end
		l.ctx, l.cancel = context.WithCancel(caller)
	}
	return l
}

// stop ends the context of the attempt.
func (l *attemptTimeout) stop() {
	if l.timer != nil {
		l.timer.Stop()
	}
	if l.cancel != nil {
		l.cancel()
	}
}

// explain adds to an error what the context knows: which timeout passed, or why the caller
// cancelled.
func (l *attemptTimeout) explain(err error) error {
	why := context.Cause(l.ctx)
	switch {
	case why == nil:
		return err
	case l.caller.Err() == nil && l.timeout > 0 && errors.Is(why, context.DeadlineExceeded):
		text, instead := "the attempt took longer than", why
		if l.reading {
			text, instead = "no more of the response arrived for", ErrCut
		}
		if errors.Is(err, context.Canceled) { // a stream's timeout cancels; its caller did not
			err = instead
		}
		return fmt.Errorf("%s %v: %w", text, l.timeout, wrapBoth(err, why))
	case !errors.Is(why, l.ctx.Err()): // the caller gave a cause
		return wrapBoth(wrapBoth(err, l.ctx.Err()), why)
	default:
		return wrapBoth(err, why)
	}
}

// contextErr returns an error that matches both the error of an ended context and its cause.
func contextErr(ctx context.Context) error { return wrapBoth(ctx.Err(), context.Cause(ctx)) }

// wrapBoth returns an error that matches both err and why.
func wrapBoth(err, why error) error {
	if errors.Is(err, why) {
		return err
	}
	return fmt.Errorf("%w: %w", err, why)
}

// timedBody is the body of a stream as it comes from the transport. The attempt's timer runs while
// a Read is in flight and at no other time: what the caller does in between may take as long as it
// likes.
type timedBody struct {
	io.ReadCloser
	limit attemptTimeout
}

func (b *timedBody) Read(p []byte) (int, error) {
	if b.limit.timeout > 0 {
		b.limit.timer.Reset(b.limit.timeout)
		defer b.limit.timer.Stop()
	}
	return b.ReadCloser.Read(p) //nolint:wrapcheck // a Reader's io.EOF must stay itself
}

// Stream is the body of a successful response. Close it.
type Stream struct {
	io.Reader
	body *timedBody
}

// Explain adds to a failure of the stream why its context ended, if it has ended. Without it the
// failure may look like another one, such as an early end of the body. Call it before Close.
func (s *Stream) Explain(err error) error { return s.body.limit.explain(err) }

// Close ends the attempt.
func (s *Stream) Close() error {
	err := s.body.Close()
	s.body.limit.stop()
	return err //nolint:wrapcheck // the body's own
}
