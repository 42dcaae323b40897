package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Policy bounds retries and the waits between attempts.
type Policy struct {
	Budget        int           // retries that may be outstanding beyond successes; negative for no bound
	MinWait       time.Duration // bound of the first wait
	MaxWait       time.Duration // bound of every wait that the server does not ask for
	MaxRetryAfter time.Duration // the longest wait that the server may ask for
}

// decide returns the wait before the next attempt, or 0 for none.
func (e *Engine) decide(ctx context.Context, r *Result) time.Duration {
	if e.renews(ctx, r) {
		return 1
	}
	attempts := r.Attempts() - int(r.renewed)
	if attempts > r.call.Retries || ctx.Err() != nil || !r.retryable() {
		return 0
	}
	wait, asked := e.policy.wait(attempts, r.Header)
	if asked && wait > e.policy.MaxRetryAfter {
		return 0
	}
	r.asked = asked
	spread := min(wait/4, math.MaxInt64-wait) // so that callers do not all retry at once
	if deadline, given := ctx.Deadline(); given {
		left := time.Until(deadline)
		if left <= wait {
			return 0 // the failure says more than a deadline exceeded would
		}
		spread = min(spread, left-wait)
	}
	if asked {
		wait += rand.N(spread + 1)
	}
	return max(wait, 1)
}

// renews reports whether the call is sent again with another credential, once and at once. That
// counts against neither the retries nor the budget.
func (e *Engine) renews(ctx context.Context, r *Result) bool {
	if r.StatusCode != http.StatusUnauthorized || r.renewed > 0 || ctx.Err() != nil {
		return false
	}
	limit := e.attemptTimeout(ctx, r.call)
	defer limit.stop()
	if !r.call.Owner.Renew(limit.ctx, r) {
		return false
	}
	r.renewed = 1
	return true
}

// retryable decides by the call's class and by the outcome of the last attempt.
func (r *Result) retryable() bool {
	switch idempotent := r.call.Idempotent; {
	case r.StatusCode == 0:
		return (idempotent || r.NotSent) && r.mayPass()
	case r.Success():
		return idempotent && r.isCut()
	case !RetryableStatus(r.StatusCode), r.call.Owner.IsFinal(r.StatusCode, r.Body):
		return false
	default: // a rate limit rejects before it works; but a partial body may name a run
		return idempotent || r.StatusCode == http.StatusTooManyRequests && !r.Partial
	}
}

// mayPass reports whether another attempt may get further than the last one, which got no response.
func (r *Result) mayPass() bool { return !r.NoAuth && !Permanent(r.Err) }

// works reports whether the last attempt shows that the server works.
func (r *Result) works() bool {
	return r.IsOK() || r.StatusCode > 0 && !RetryableStatus(r.StatusCode) && !r.isCut()
}

func (r *Result) isCut() bool { return r.Success() && errors.Is(r.Err, ErrCut) }

// RetryableStatus reports whether an idempotent call is retried on a status.
func RetryableStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	default:
		return status >= 500 && status <= 599
	}
}

// wait returns the wait before the next attempt: the time that the server asked for, or a random
// time below an exponentially growing bound.
func (p Policy) wait(attempts int, header http.Header) (wait time.Duration, asked bool) {
	if wait, ok := RetryAfter(header); ok && wait > 0 {
		return wait, true
	}
	ceiling := p.MaxWait
	if shift := max(attempts-1, 0); shift < 30 && p.MinWait < p.MaxWait>>shift {
		ceiling = p.MinWait << shift
	}
	return rand.N(max(ceiling, 1)), false
}

// RetryAfter returns the wait that a Retry-After header asks for, in seconds or as a date. A date
// is compared with the response's own Date, or with the time where it has none. It returns false
// when there is none, or it cannot be read.
func RetryAfter(h http.Header) (time.Duration, bool) {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return 0, false
	}
	if strings.Trim(value, "0123456789.") == "" {
		seconds, err := strconv.ParseFloat(value, 64)
		if seconds >= math.MaxInt64/float64(time.Second) { // it may be infinite
			return math.MaxInt64, true // beyond any cap
		}
		return time.Duration(seconds * float64(time.Second)), err == nil
	}
	date, ok := ParseDate(value)
	if !ok {
		return 0, false
	}
	now, ok := ParseDate(h.Get("Date"))
	if !ok {
		now = time.Now()
	}
	return max(date.Sub(now), 0), true
}

// ParseDate reads the three date formats of HTTP, also with another zone than GMT or a day of one
// digit.
func ParseDate(value string) (time.Time, bool) {
	if before, utc := strings.CutSuffix(value, " UTC"); utc {
		value = before + " GMT"
	}
	if t, err := http.ParseTime(value); err == nil {
		return t, true
	}
	for _, layout := range []string{
		"Mon, 2 Jan 2006 15:04:05 GMT", "Mon, 2 Jan 2006 15:04:05 -0700", "Monday, 2-Jan-06 15:04:05 -0700",
	} {
		if t, err := time.Parse(layout, value); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// Permanent reports whether a retry would meet the same error: a certificate that either side
// rejects, another TLS alert that comes again, a proxy that rejects the connection with a 4xx, a
// scheme or header that cannot be sent.
func Permanent(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		authority    x509.UnknownAuthorityError
		hostname     x509.HostnameError
		invalid      x509.CertificateInvalidError
		record       tls.RecordHeaderError
		proxy        *ProxyError
	)
	switch {
	case err == nil:
		return false
	case errors.As(err, &verification), errors.As(err, &authority), errors.As(err, &hostname), errors.As(err, &invalid):
		return true
	case errors.As(err, &record) && string(record.RecordHeader[:]) == "HTTP/": // plain HTTP
		return true
	case errors.As(err, &proxy):
		return proxy.StatusCode < 500
	case isFinalAlert(err):
		return true
	}
	text := err.Error() // net/http has no error types for these
	for _, permanent := range []string{
		"unsupported protocol scheme", "invalid header", "invalid method", "invalid URL",
		"server gave HTTP response to HTTPS client", "no Host in request URL",
	} {
		if strings.Contains(text, permanent) {
			return true
		}
	}
	return false
}

// isFinalAlert reports whether err is a TLS alert, of either side, that will come again. A server's
// internal error may pass, and the others that are named here are seen only, says RFC 8446, if a
// message was damaged on its way.
func isFinalAlert(err error) bool {
	var operation *net.OpError // this is how crypto/tls reports alerts, with their text alone
	if !errors.As(err, &operation) || operation.Op != "remote error" && operation.Op != "local error" {
		return false
	}
	switch fmt.Sprint(operation.Err) {
	case "tls: bad record MAC", "tls: record overflow", "tls: error decoding message", "tls: internal error":
		return false
	default:
		return true
	}
}

// ErrNoBudget means that a retry was not sent, because the budget was used up.
var ErrNoBudget = errors.New("not retried because the client's retry budget is used up")

// budget keeps an outage from being amplified. It counts the retries that were sent beyond the
// responses which show that the server works: of each bucket for its rate limits, and under "" for
// all else. Safe for concurrent use.
type budget struct {
	size     int // the most that a count may be; negative for no bound
	calls    atomic.Int64
	inFlight atomic.Int64
	mu       sync.Mutex
	spent    map[string]int // holds no zeros
	owed     atomic.Int64   // the sum of spent, to be read without the lock
	most     int            // calls in flight at once, as far as a retry saw them
}

// withdraw takes a token of a bucket, if there is one. A few callers have all of them. Of many at
// once the retries are at most a fifth of the calls: else a client whose first calls meet an outage
// would send more retries than calls.
func (b *budget) withdraw(bucket string) bool {
	const few, share = 8, 5
	if b.size < 0 {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.most = max(b.most, int(b.inFlight.Load()), few)
	if b.spent[bucket] >= min(b.size, max(few*b.size/b.most, int(b.calls.Load()/share))) {
		return false
	}
	b.spent[bucket]++
	b.owed.Add(1)
	return true
}

// deposit gives back a token of a bucket, and one of the bucket of all.
func (b *budget) deposit(bucket string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, bucket := range [...]string{"", bucket} {
		if b.spent[bucket] == 0 {
			continue
		}
		b.owed.Add(-1)
		if b.spent[bucket]--; b.spent[bucket] == 0 {
			delete(b.spent, bucket)
		}
	}
}
