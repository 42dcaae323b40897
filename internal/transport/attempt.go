package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
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

// attempt sends the call once: authorize, bound in time, send, read the response.
func (e *Engine) attempt(r *Result, req *http.Request) {
	call, caller := r.call, req.Context()
	// After an attempt without a response, all connections in the pool may be dead.
	r.fresh.Store(r.Attempts() > 0 && r.StatusCode == 0)

	limit := e.attemptTimeout(caller, call)
	header := make(http.Header, 8)
	maps.Copy(header, call.Header)
	maps.Copy(header, call.Extra)
	if err := authorize(limit.ctx, call, header); err != nil {
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
	req.Header = header // go-retryablehttp copies the request before each retry
	if call.Body != nil {
		sent.setBody(req, call.Body)
	}
	r.attempts.Add(1)
	resp, err := e.outer.RoundTrip(req)
	if err == nil && (resp == nil || resp.StatusCode == 0) {
		if resp != nil {
			closeBody(resp.Body)
		}
		err = errors.New("the RoundTripper returned neither a response nor an error")
	}
	if err != nil {
		r.Err = limit.explain(err)
		limit.stop() // before sent decides, and after the error was explained by its context
		r.NotSent = sent.provesNotSent(err)
		return
	}
	r.receive(resp, limit)
}

func authorize(ctx context.Context, call *Call, header http.Header) error {
	if err := contextErr(ctx); err != nil {
		return err
	}
	return call.Owner.Authorize(ctx, header)
}

// receive reads the response's body, or keeps it as a stream.
func (r *Result) receive(resp *http.Response, limit attemptTimeout) {
	r.StatusCode, r.Header = resp.StatusCode, resp.Header
	if resp.Body == nil { // http.Client allows this of a RoundTripper
		resp.Body = http.NoBody
	}
	body, err := decompressed(resp)
	if r.call.Stream && r.Success() && err == nil {
		limit.headersCame()
		r.Stream = &Stream{Reader: body, body: resp.Body, limit: limit}
		return
	}
	if r.StatusCode >= 200 { // after a 101 comes no HTTP, and perhaps no end
		r.read(resp, body, limit)
		if err != nil && r.Err == nil {
			r.Err, r.Partial = err, !r.Success()
		}
	}
	closeBody(resp.Body)
	limit.stop()
}

func (r *Result) read(resp *http.Response, body io.Reader, limit attemptTimeout) {
	most := int64(maxErrorBody)
	if r.Success() {
		most = r.call.MaxBytes
	}
	if r.buffer == nil {
		r.buffer = NewBuffer()
	}
	r.buffer.B = r.buffer.B[:0] // the last attempt used it too
	err := r.buffer.fill(body, resp.ContentLength, most)
	r.Body = r.buffer.B
	if err == nil && mayBeCut(resp) && !r.call.Owner.IsWhole(r.Body) {
		err = ErrCut
	}
	r.Partial = err != nil && !r.Success()
	if err != nil && (r.Success() || !errors.Is(err, ErrTooLarge)) {
		r.Err = limit.explain(err)
	}
}

// mayBeCut reports whether the body ended with its connection, so that HTTP does not tell whether
// it is complete.
func mayBeCut(resp *http.Response) bool {
	return resp.ContentLength < 0 && len(resp.TransferEncoding) == 0 && !resp.Uncompressed && resp.ProtoMajor == 1
}

// attemptTimeout bounds an attempt in time. For a stream it bounds the time up to the headers.
type attemptTimeout struct {
	caller  context.Context //nolint:containedctx // both are of one attempt, as the limit is
	ctx     context.Context //nolint:containedctx // see above
	timeout time.Duration   // 0 for none
	timer   *time.Timer     // ends ctx if a stream's headers do not come in time; else nil
	cancel  context.CancelFunc
}

func (e *Engine) attemptTimeout(caller context.Context, call *Call) attemptTimeout {
	l := attemptTimeout{caller: caller, ctx: caller, timeout: call.Timeout}
	if e.bound > 0 && (l.timeout <= 0 || e.bound < l.timeout) {
		l.timeout = e.bound
	}
	switch {
	case l.timeout > 0 && call.Stream:
		ctx, cancel := context.WithCancelCause(caller)
		l.ctx, l.cancel = ctx, func() { cancel(nil) }
		l.timer = time.AfterFunc(l.timeout, func() { cancel(context.DeadlineExceeded) })
	case l.timeout > 0:
		l.ctx, l.cancel = context.WithTimeout(caller, l.timeout)
	case !call.Idempotent && !e.shared: // sent needs a context that the engine can end
		l.ctx, l.cancel = context.WithCancel(caller)
	}
	return l
}

// headersCame ends the limit of a stream.
func (l *attemptTimeout) headersCame() {
	if l.timer != nil {
		l.timer.Stop() // if it has fired already, reading the body fails
	}
}

// stop ends the context of the attempt.
func (l *attemptTimeout) stop() {
	l.headersCame()
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
		if errors.Is(err, context.Canceled) { // a stream's timeout cancels; its caller did not
			err = why
		}
		return fmt.Errorf("the attempt took longer than %v: %w", l.timeout, wrapBoth(err, why))
	case !errors.Is(why, l.ctx.Err()): // the caller gave a cause
		return wrapBoth(wrapBoth(err, l.ctx.Err()), why)
	default:
		return wrapBoth(err, why)
	}
}

// contextErr returns nil, or an error that matches both the context's error and its cause.
func contextErr(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		return nil
	}
	return wrapBoth(err, context.Cause(ctx))
}

// wrapBoth returns an error that matches both err and why.
func wrapBoth(err, why error) error {
	if errors.Is(err, why) {
		return err
	}
	return fmt.Errorf("%w: %w", err, why)
}

// Stream is the body of a successful response. Close it.
type Stream struct {
	io.Reader
	body  io.Closer
	limit attemptTimeout
}

// Explain adds to a failure of the stream why its context ended, if it has ended. Without it the
// failure may look like another one, such as an early end of the body. Call it before Close.
func (s *Stream) Explain(err error) error { return s.limit.explain(err) }

// Close ends the attempt.
func (s *Stream) Close() error {
	err := s.body.Close()
	s.limit.stop()
	return err //nolint:wrapcheck // the body's own
}

func closeBody(body io.Closer) {
	if body != nil {
		_ = body.Close() // its error changes nothing
	}
}
