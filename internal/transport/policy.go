package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// RetryableStatus reports whether a call that may be repeated is, on this
// status.
func RetryableStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	default:
		return false
	}
}

// mayRepeat decides by the call's class and by what became of the last attempt.
func (x *Exchange) mayRepeat() bool {
	switch {
	case x.refused:
		return false
	case !x.Answered:
		return (x.Safe || x.Unsent) && !Permanent(x.Failure)
	case x.Success(): // cut short, or too large
		return x.Safe && errors.Is(x.Failure, ErrCut)
	case !RetryableStatus(x.Status), x.Final != nil && x.Final(x.Status, x.Bytes(), x.Safe):
		return false
	case x.Safe:
		return true
	default: // a rate limit refuses before it works; half an answer may hide that it did not
		return x.Status == http.StatusTooManyRequests && !x.Partial
	}
}

// wait returns the time before the next attempt: what the server asks for, or
// a random part of an exponentially growing one. It is false when the server
// asks for too much.
func (p Policy) wait(x *Exchange) (time.Duration, bool) {
	if asked, ok := RetryAfter(x.Headers, time.Now()); ok && asked > 0 {
		return asked, asked <= p.MaxRetryAfter
	}
	ceiling := p.MaxWait
	if shift := x.Attempts - 1; shift < 30 && p.MinWait < p.MaxWait>>max(shift, 0) {
		ceiling = p.MinWait << max(shift, 0)
	}
	return rand.N(max(ceiling, 1)), true
}

// RetryAfter returns the wait that a Retry-After header asks for, in seconds
// or as a date; false when there is none or it makes no sense.
func RetryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return 0, false
	}
	if strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(math.MaxInt64/time.Second) {
			return math.MaxInt64, true // beyond any cap
		}
		return time.Duration(seconds) * time.Second, true
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return max(date.Sub(now), 0), true
}

// Permanent reports whether an error will be the same the next time: a
// certificate that does not verify, a scheme or header that cannot be sent.
func Permanent(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		authority    x509.UnknownAuthorityError
		hostname     x509.HostnameError
		invalid      x509.CertificateInvalidError
		record       tls.RecordHeaderError
	)
	if err == nil || errors.As(err, &verification) || errors.As(err, &authority) ||
		errors.As(err, &hostname) || errors.As(err, &invalid) {
		return err != nil
	}
	if errors.As(err, &record) && string(record.RecordHeader[:]) == "HTTP/" { // plain http behind https
		return true
	}
	text := err.Error() // net/http has no types for these
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

// Budget is a token bucket that keeps an outage from being amplified: a retry
// takes a token, a success puts half of one back. Safe for concurrent use.
type Budget struct{ halves atomic.Int64 }

const budgetSize = 2 * 100 // in half tokens

// NewBudget returns a full bucket.
func NewBudget() *Budget {
	b := new(Budget)
	b.halves.Store(budgetSize)
	return b
}

// Withdraw takes a token, if there is one.
func (b *Budget) Withdraw() bool {
	for {
		have := b.halves.Load()
		if have < 2 {
			return false
		}
		if b.halves.CompareAndSwap(have, have-2) {
			return true
		}
	}
}

// Deposit records a success.
func (b *Budget) Deposit() {
	for {
		have := b.halves.Load()
		if have >= budgetSize || b.halves.CompareAndSwap(have, have+1) {
			return
		}
	}
}
