// Package transport sends an HTTP call, and retries it as its class allows. It knows HTTP,
// connections and bodies, and nothing of the API above it.
//
// In the order of a call's way: engine.go hands the call to go-retryablehttp, which runs the
// attempts. attempt.go is one attempt, from its credential to the last byte of the response, which
// decompress.go reads if it is gzip. sent.go finds out whether a failed attempt was sent.
// default.go is the transport of the clients that have none of their own. retry.go decides whether
// another attempt follows, and bounds how many do.
package transport

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// Call describes one HTTP call.
type Call struct {
	Method      string
	URL         url.URL
	Body        []byte        // nil when there is none; it must not be changed
	Idempotent  bool          // may be retried even if it had its effect
	Stream      bool          // hand over a successful response's body instead of reading it
	Retries     int           // the number of attempts after the first, at most
	Timeout     time.Duration // of an attempt, for a stream up to the headers; 0 for none
	ReadTimeout time.Duration // of each read of a stream's body; 0 for none
	MaxBytes    int64         // of a successful response's body
	Bucket      string        // of the budget for rate limits: calls that share one share it
	Owner       Owner         // makes the call

	// Observe is called after each attempt, with the wait before the next one, or 0 for none. It
	// may be nil.
	Observe func(r *Result, wait time.Duration)
}

// Owner makes a call. It knows the API, which the engine does not.
type Owner interface {
	// Header returns the headers of an attempt, its own to change, with a credential.
	Header(ctx context.Context) (http.Header, error)
	// Renew gets another credential for the next attempt, after one that was rejected with a 401.
	// False means that there is none, or that the call must not be sent again.
	Renew(ctx context.Context, r *Result) bool
	// IsWhole reports whether a body is complete. It is asked when HTTP does not tell.
	IsWhole(body []byte) bool
	// IsFinal reports whether a failure's body forbids a retry.
	IsFinal(status int, body []byte) bool
}

// Result is the result of a call: the outcome of its last attempt.
type Result struct {
	Outcome

	// Ended is why the context ended before the next attempt was sent.
	Ended    error
	call     *Call
	buffer   *buffer       // holds the body
	attempts atomic.Int32  // atomic: RoundTrippers read it while an attempt is in flight
	fresh    atomic.Bool   // whether the default transport opens a new connection for the attempt
	response http.Response // of the last attempt, for go-retryablehttp: the status alone
	wait     time.Duration // before the next attempt; 0 when there is none
	asked    bool          // the server asked for that wait
	NoBudget bool          // the last attempt was not retried because the budget was used up
	renewed  int32         // 1 after an attempt was sent again with another credential
}

// Outcome is the result of one attempt.
type Outcome struct {
	StatusCode int // 0 when no response came
	Header     http.Header
	Body       []byte  // of a failure, the first MiB; valid until Release
	Stream     *Stream // the body of a successful response, if the call asked for a stream
	Err        error   // why there is no response, or no complete one
	NotSent    bool    // the request was certainly not sent
	NoAuth     bool    // the request was not sent because it got no headers
	Partial    bool    // Body is not all of a failure's body
}

// IsOK reports whether a whole response of success came.
func (o *Outcome) IsOK() bool { return o.Err == nil && o.Success() }

// Success reports whether the status is 2xx.
func (o *Outcome) Success() bool { return o.StatusCode >= 200 && o.StatusCode <= 299 }

// Attempts returns the number of attempts sent so far, 0 for a nil result.
func (r *Result) Attempts() int {
	if r == nil {
		return 0
	}
	return int(r.attempts.Load())
}

// Release gives the body's buffer back to the pool. The body must not be used from then on.
func (r *Result) Release() {
	if r.buffer != nil && cap(r.buffer.b) <= maxPooled {
		buffers.Put(r.buffer)
	}
	r.buffer, r.Body = nil, nil
}

// callContext is the context of a call, which carries its result.
type callContext struct {
	context.Context //nolint:containedctx // it is one
	result          Result
}

type resultKey struct{}

// Value returns the result, or a value of the caller's context.
func (c *callContext) Value(key any) any {
	if key == (resultKey{}) {
		return &c.result
	}
	return c.Context.Value(key)
}

// FromContext returns the owner of the call that a request belongs to, and the number of attempts
// so far. The owner is nil for other contexts.
func FromContext(ctx context.Context) (owner Owner, attempts int) {
	r := resultOf(ctx)
	if r == nil {
		return nil, 0
	}
	return r.call.Owner, r.Attempts()
}

func resultOf(ctx context.Context) *Result {
	r, _ := ctx.Value(resultKey{}).(*Result)
	return r
}

// Engine sends calls. It is immutable and safe for concurrent use.
type Engine struct {
	client *retryablehttp.Client
	policy Policy
	budget budget
	inner  http.RoundTripper // the transport itself
	outer  http.RoundTripper // inner, wrapped: attempts go through it
	shared bool              // inner is the default transport, and nothing wraps it
}

// NewEngine returns an engine that sends through inner or, if that is nil, through the default
// transport, which all engines share. If wrap is not nil, it wraps the transport.
func NewEngine(inner http.RoundTripper, wrap func(http.RoundTripper) http.RoundTripper, policy Policy) *Engine {
	e := &Engine{policy: policy, budget: budget{size: policy.Budget, spent: map[string]int{}}, inner: inner}
	if e.inner == nil {
		e.inner, e.shared = newDefault()
		e.shared = e.shared && wrap == nil
	}
	e.outer = e.inner
	if wrap != nil {
		e.outer = wrap(e.inner)
	}
	e.client = &retryablehttp.Client{
		HTTPClient: &http.Client{
			Transport:     attempts{e},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		RetryMax:     math.MaxInt32, // checkRetry counts
		CheckRetry:   e.checkRetry,
		Backoff:      backoff,
		PrepareRetry: e.prepareRetry,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	return e
}

// Do sends the call, and retries it as its class and the policy allow. Release the result.
func (e *Engine) Do(ctx context.Context, call *Call) *Result {
	e.budget.calls.Add(1)
	e.budget.inFlight.Add(1)
	defer e.budget.inFlight.Add(-1)
	c := &callContext{ctx, Result{call: call}}
	r := &c.result
	req := retryablehttp.Request{Request: (&http.Request{ // attempt sets Host, for which http.Client would copy the URL
		Method: call.Method, URL: &call.URL, Header: noHeader, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(c)}
	_, err := e.client.Do(&req) // the response has no body: see attempts.RoundTrip
	switch {
	case err == nil, r.NoBudget:
	case r.Attempts() > 0: // cancelled in a wait
		r.Ended = contextErr(ctx)
	case r.Err == nil: // rejected before the first attempt
		r.Err, r.NotSent = err, true
	}
	return r
}

// noHeader is never written to: each attempt has headers of its own.
var noHeader = http.Header{}

// checkRetry is go-retryablehttp's hook after each attempt. It stores the wait for backoff.
func (e *Engine) checkRetry(ctx context.Context, _ *http.Response, err error) (bool, error) {
	r := resultOf(ctx)
	r.wait = 0
	switch {
	case r.Ended != nil:
		return false, err // no attempt was made
	case err != nil:
	case !r.IsOK():
		r.wait = e.decide(ctx, r)
	}
	if err == nil && e.budget.owed.Load() > 0 && r.works() {
		e.budget.deposit(r.call.Bucket)
	}
	if r.call.Observe != nil {
		r.call.Observe(r, r.wait)
	}
	return r.wait > 0, err
}

// backoff is go-retryablehttp's hook before each wait.
func backoff(_, _ time.Duration, _ int, resp *http.Response) time.Duration {
	return resultOf(resp.Request.Context()).wait
}

// prepareRetry is go-retryablehttp's hook after each wait. Only now the retry takes its token, so
// that the first ones of many show whether the server works again before the others are sent.
func (e *Engine) prepareRetry(req *http.Request) error {
	r := resultOf(req.Context())
	bucket := ""
	switch {
	case r.StatusCode == http.StatusUnauthorized: // with another credential
		return nil
	case r.StatusCode == http.StatusTooManyRequests && r.asked:
		return nil
	case r.StatusCode == http.StatusTooManyRequests:
		bucket = r.call.Bucket
	}
	if e.budget.withdraw(bucket) {
		return nil
	}
	r.NoBudget = true
	if r.StatusCode == 0 || r.Success() {
		r.Err = fmt.Errorf("%w: %w", ErrNoBudget, r.Err)
	}
	return ErrNoBudget
}

// CloseIdleConnections closes the connections that are idle now, where the transport can do that.
// The default transport's are shared by all engines.
func (e *Engine) CloseIdleConnections() {
	for _, transport := range []http.RoundTripper{e.outer, e.inner} {
		if t, ok := transport.(interface{ CloseIdleConnections() }); ok {
			t.CloseIdleConnections()
		}
	}
}
