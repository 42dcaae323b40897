package transport

import (
	"bytes"
	"context"
	"math"
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// Policy bounds the waits between attempts.
type Policy struct {
	MinWait       time.Duration // the first wait is below it,
	MaxWait       time.Duration // and none is above this,
	MaxRetryAfter time.Duration // but for what a server asks for, up to this
}

// Engine sends calls. It is immutable and safe for concurrent use.
type Engine struct {
	client *retryablehttp.Client
	policy Policy
	budget *Budget
	jar    bool
	bound  time.Duration // the HTTP client's Timeout, which we see to ourselves
	// telling is whether the transport is our own pool. That tells when it gets a
	// connection, so that nobody need watch the body, and net/http sends a body in
	// one packet with the headers if it knows the type.
	telling bool
}

// NewEngine returns an engine that sends through a copy of hc; a nil Transport
// is the shared pool.
func NewEngine(hc http.Client, policy Policy) *Engine {
	if hc.Transport == nil {
		hc.Transport = pool
	}
	_, telling := hc.Transport.(*connPool)
	standard, ok := hc.Transport.(*http.Transport)
	plainHTTP2 := ok && standard.Protocols != nil && standard.Protocols.UnencryptedHTTP2()
	hc.Transport = roundTripper{hc.Transport, plainHTTP2}
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	e := &Engine{policy: policy, budget: NewBudget(), jar: hc.Jar != nil, bound: hc.Timeout, telling: telling}
	hc.Timeout = 0
	e.client = &retryablehttp.Client{
		HTTPClient:   &hc,
		RetryMax:     math.MaxInt32, // our own policy counts
		CheckRetry:   e.check,
		Backoff:      backoff,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	return e
}

var noHeader = http.Header{} // read only: attempts have headers of their own

// Do sends the call that x describes, again where its class and the policy
// allow, and leaves in x what came of it.
func (e *Engine) Do(ctx context.Context, x *Exchange) {
	x.Context, x.jar = ctx, e.jar
	if _, given := ctx.Deadline(); given {
		x.Timeout = 0 // only where the caller set no bound
	}
	if e.bound > 0 && (x.Timeout <= 0 || e.bound < x.Timeout) {
		x.Timeout = e.bound
	}
	header := noHeader
	if e.jar {
		header = http.Header{}
	}
	x.request.Request = (&http.Request{
		Method: x.Method, URL: &x.URL, Host: x.URL.Host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(x)
	if x.Body != nil {
		var body any = retryablehttp.ReaderFunc(x.Body.Reader)
		if e.telling {
			body = bytes.Clone(x.Body.Bytes()) // a copy: nobody knows how long it is read
		}
		if err := x.request.SetBody(body); err != nil {
			x.Failure, x.Unsent = err, true
			return
		}
	}
	resp, err := e.client.Do(&x.request)
	if resp != nil {
		closeBody(resp.Body)
	}
	switch {
	case err == nil:
	case x.wait > 0 && ctx.Err() != nil:
		x.Ended = ended(ctx)
	case x.Failure == nil && !x.Answered: // refused before the first attempt
		x.Failure, x.Unsent = err, true
	}
}

// check is the engine's CheckRetry: it decides, and leaves the wait for backoff.
func (e *Engine) check(ctx context.Context, _ *http.Response, err error) (bool, error) {
	x := From(ctx)
	x.wait = 0
	again := err == nil && e.again(x)
	if x.Observe != nil {
		x.Observe(ctx, x, Step{Elapsed: time.Since(x.started), Again: again, Wait: x.wait})
	}
	return again, nil
}

func (e *Engine) again(x *Exchange) bool {
	if x.Success() && x.Failure == nil {
		e.budget.Deposit()
		return false
	}
	if x.Attempts > x.Retries || x.Context.Err() != nil || !x.mayRepeat() {
		return false
	}
	wait, ok := e.policy.wait(x)
	if !ok {
		return false
	}
	if deadline, given := x.Deadline(); given && time.Until(deadline) <= wait {
		return false // the failure at hand says more than a deadline would
	}
	if !e.budget.Withdraw() {
		return false
	}
	x.wait = max(wait, 1) // never 0: it tells Do that the call waited
	return true
}

func backoff(_, _ time.Duration, _ int, resp *http.Response) time.Duration {
	return From(resp.Request.Context()).wait
}
