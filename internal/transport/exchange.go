package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// Call describes one HTTP call. Auth, Final and Observe may be nil.
type Call struct {
	Op       string // the caller's name for it, for RoundTrippers below
	Template string // the path without its parameters' values, likewise

	Method   string
	URL      url.URL
	Header   http.Header   // shared by many calls: only read
	Extra    http.Header   // this call's own
	Body     *Payload      // nil when there is none
	Retries  int           // at most so many attempts after the first
	Timeout  time.Duration // of an attempt, where ctx has no deadline of its own
	MaxBytes int64         // of a successful answer
	Safe     bool          // may be sent again whatever became of it
	Stream   bool          // hand over a successful answer's body instead of reading it

	Auth    Authorizer                                    // asked once an attempt
	Final   func(status int, body []byte, safe bool) bool // whether a failure's body forbids another attempt
	Observe func(context.Context, *Exchange, Step)        // told after each attempt
}

// Authorizer returns the values of an attempt's Authorization header.
type Authorizer interface {
	Authorize(ctx context.Context) ([]string, error)
}

// Step is what became of an attempt.
type Step struct {
	Elapsed time.Duration
	Again   bool          // another attempt follows,
	Wait    time.Duration // after this time
}

// Exchange is a call on its way and, in the end, its result. It is the context
// of its own requests: the engine's hooks and the RoundTrippers below get no
// more than a context, and find it there. All that a call needs is part of it,
// so that a call costs few allocations.
type Exchange struct {
	context.Context //nolint:containedctx // see above
	Call

	Attempts int   // sent so far
	Ended    error // why the context ended while the call waited to be sent again

	// Of the last attempt:
	Authorization []string // a secret
	Status        int
	Headers       http.Header
	Answer        *Buffer   // the body, or its beginning
	Live          *LiveBody // the body of a successful answer, when Stream asks for it
	Failure       error     // why there is no answer, or not all of it
	Answered      bool
	Unsent        bool // nothing of the request went out
	Partial       bool // a failure's body goes on after what was read of it
	refused       bool // not sent, for a reason that stays: nothing to try again

	jar     bool         // the HTTP client puts cookies into its request's headers
	flying  atomic.Bool  // an attempt may still hold a connection
	attempt atomic.Int32 // Attempts, for those who ask while it changes
	pool    *connPool    // of this pool, when it is the shared one
	headed  *time.Timer  // of a stream: runs until the headers are there
	wait    time.Duration
	started time.Time
	request retryablehttp.Request
	reply   http.Response
}

type exchangeKey struct{}

// Value finds the exchange in its own context.
func (x *Exchange) Value(key any) any {
	if key == (exchangeKey{}) {
		return x
	}
	return x.Context.Value(key)
}

// String names the call: an Exchange is a context, and whatever prints one
// must show no token.
func (x *Exchange) String() string { return "promptorchestra." + x.Op }

// Format is String under every verb.
func (x *Exchange) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, x.String()) }

// From returns the exchange that ctx belongs to, or nil.
func From(ctx context.Context) *Exchange {
	x, _ := ctx.Value(exchangeKey{}).(*Exchange)
	return x
}

// Success reports whether the answer's status is 2xx.
func (x *Exchange) Success() bool { return x.Answered && x.Status >= 200 && x.Status <= 299 }

// Bytes returns the answer's body, which is the exchange's until Release.
func (x *Exchange) Bytes() []byte {
	if x.Answer == nil {
		return nil
	}
	return x.Answer.B
}

// Release gives the buffers back, once nobody uses the bodies any more.
func (x *Exchange) Release() {
	x.Body.Retire()
	x.Answer.Release()
	x.Answer = nil
}

// roundTripper is what the engine sends through. It always returns a response:
// the engine's backoff gets nothing else, and the outcome proper is in the
// exchange. It has no CloseIdleConnections, so that a failed call leaves the
// pool alone, and it shows no Location, so that no redirect is followed.
type roundTripper struct {
	base       http.RoundTripper
	plainHTTP2 bool // it may speak HTTP/2 without TLS
}

func (t roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	x := From(req.Context())
	if x.Attempts > 0 && req.Context().Err() != nil {
		x.Ended = ended(req.Context()) // as the wait ended: the last failure stays
		closeBody(req.Body)
	} else {
		x.send(t, req)
	}
	x.reply = http.Response{StatusCode: x.Status, Body: http.NoBody, Request: req}
	if x.jar {
		x.reply.Header = http.Header{"Set-Cookie": x.Headers["Set-Cookie"]}
	}
	return &x.reply, nil
}

// Attempt returns the number of the attempt under way, or of those so far. It may
// be called at any time, also by a transport's goroutine that outlives its attempt.
func (x *Exchange) Attempt() int { return int(x.attempt.Load()) }

// send authorizes and sends the call once, and reads the answer, so that a
// timeout covers all of it and a cut answer can be repeated.
func (x *Exchange) send(t roundTripper, req *http.Request) {
	x.begin()
	ctx := req.Context()
	header := make(http.Header, 8) // an attempt's own: an earlier one's may still be read
	if x.jar {
		maps.Copy(header, req.Header)
		clear(req.Header) // or the HTTP client would add the cookies once more the next time
	}
	maps.Copy(header, x.Header)
	maps.Copy(header, x.Extra)
	asked := ctx
	ctx, stop := x.limit(ctx)
	err := ended(ctx)
	if err == nil && x.Auth != nil {
		x.Authorization, err = x.Auth.Authorize(ctx)
		header["Authorization"] = x.Authorization
	}
	if err != nil {
		x.Failure, x.Unsent, x.refused = x.explain(ctx, err), true, true
		stop()
		closeBody(req.Body)
		return
	}
	x.takeOff(t.base)
	var w *watch
	switch {
	case !x.Safe:
		req, w = watched(ctx, req, t.plainHTTP2)
	case ctx != asked || x.jar:
		req = req.WithContext(ctx)
	}
	req.Header = header // the engine's own request, or our copy of it
	x.Attempts++
	x.attempt.Add(1)
	resp, err := t.base.RoundTrip(req)
	if err == nil && resp == nil {
		err = errors.New("the RoundTripper returned neither a response nor an error")
	}
	if err != nil {
		x.Failure = x.explain(ctx, err)
		x.Unsent = w.unsent(x.Body)
		x.land()
		stop()
		return
	}
	if resp.Body == nil { // a RoundTripper of the user's own, as http.Client allows it
		resp.Body = http.NoBody
	}
	x.Answered, x.Status, x.Headers = true, resp.StatusCode, resp.Header
	x.receive(ctx, resp, stop)
}

func (x *Exchange) begin() {
	x.Body.begin()
	x.Answered, x.Status, x.Headers, x.Failure, x.Unsent, x.Partial, x.refused = false, 0, nil, nil, false, false, false
	if x.Answer != nil {
		x.Answer.B = x.Answer.B[:0]
	}
	if x.Observe != nil {
		x.started = time.Now()
	}
}

// receive reads the answer's body, or hands it over.
func (x *Exchange) receive(ctx context.Context, resp *http.Response, stop context.CancelFunc) {
	switch {
	case x.Status < 200: // 101: the rest is no HTTP, and may never end
	case x.Stream && x.Success():
		if x.headed != nil {
			x.headed.Stop() // too late, when it has fired: then the body says so
		}
		x.Live = &LiveBody{ReadCloser: resp.Body, x: x, ctx: ctx, stop: stop}
		return
	default:
		limit := x.MaxBytes
		if !x.Success() {
			limit = maxErrorBody
		}
		if x.Answer == nil {
			x.Answer = NewBuffer()
		}
		err := x.Answer.fill(resp.Body, resp.ContentLength, limit)
		x.Partial = err != nil && !x.Success()
		if err != nil && (x.Success() || !errors.Is(err, ErrTooLarge)) {
			x.Failure = x.explain(ctx, err)
		}
	}
	closeBody(resp.Body)
	x.land()
	stop()
}

// limit bounds an attempt in time: all of it, or, of a stream, the part up to
// the headers.
func (x *Exchange) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if x.Timeout <= 0 {
		return ctx, func() {}
	}
	if !x.Stream {
		return context.WithTimeout(ctx, x.Timeout)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(x.Timeout, func() { cancel(context.DeadlineExceeded) })
	x.headed = timer
	return ctx, func() {
		timer.Stop()
		cancel(nil) // always: a context that is not cancelled stays with its parent
	}
}

// ended returns nil, or why the context ended, in a form that matches both its
// error and a cause of the caller's own.
func ended(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		return nil
	}
	return join(err, context.Cause(ctx))
}

// explain adds what the context knows: which timeout it was, or why a caller
// cancelled.
func (x *Exchange) explain(ctx context.Context, err error) error {
	why := context.Cause(ctx)
	switch {
	case why == nil:
		return err
	case x.Context.Err() == nil && x.Timeout > 0 && errors.Is(why, context.DeadlineExceeded):
		if errors.Is(err, context.Canceled) { // as a stream's timeout does it: not the caller's doing
			err = why
		}
		return fmt.Errorf("the attempt took longer than %v: %w", x.Timeout, join(err, why))
	case !errors.Is(why, ctx.Err()): // a cause of the caller's own
		return join(join(err, ctx.Err()), why)
	default:
		return join(err, why)
	}
}

// join makes err match why too, where it does not.
func join(err, why error) error {
	if errors.Is(err, why) {
		return err
	}
	return fmt.Errorf("%w: %w", err, why)
}

// LiveBody is the body of a stream; closing it ends the attempt.
type LiveBody struct {
	io.ReadCloser
	x    *Exchange
	ctx  context.Context //nolint:containedctx // the attempt's
	stop context.CancelFunc
}

// Explain adds to a failure of the stream why its context ended, if it has: what
// net/http and the server make of that differs, an early end of the body included.
func (b *LiveBody) Explain(err error) error { return b.x.explain(b.ctx, err) }

// Close ends the attempt.
func (b *LiveBody) Close() error {
	err := b.ReadCloser.Close()
	b.x.land()
	b.stop()
	return err //nolint:wrapcheck // the body's own
}

func closeBody(body io.Closer) {
	if body != nil {
		_ = body.Close() // nothing depends on it any more
	}
}
