package promptorchestra

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/prompt-orchestra/promptorchestra-go/internal/transport"
)

// statusTarget lets errors.Is look for a status in a whole tree of errors.
type statusTarget int

const serverErrors statusTarget = 5 // any 5xx

func (s statusTarget) Error() string { return http.StatusText(int(s)) }

func (s statusTarget) matches(status int) bool {
	return int(s) == status || s == serverErrors && status >= 500 && status <= 599
}

// IsBadRequest reports whether the status is 400: a missing organization or
// another mistake in the request.
func (e *APIError) IsBadRequest() bool { return e.Is(statusTarget(http.StatusBadRequest)) }

// IsUnauthorized reports whether the status is 401: no valid bearer token.
func (e *APIError) IsUnauthorized() bool { return e.Is(statusTarget(http.StatusUnauthorized)) }

// IsEntitlement reports whether the status is 402: a seat limit, or an AI or
// voice feature that the plan lacks. The way out is an upgrade.
func (e *APIError) IsEntitlement() bool { return e.Is(statusTarget(http.StatusPaymentRequired)) }

// IsForbidden reports whether the status is 403: the credential's kind, scope
// or organization does not fit.
func (e *APIError) IsForbidden() bool { return e.Is(statusTarget(http.StatusForbidden)) }

// IsNotFound reports whether the status is 404.
func (e *APIError) IsNotFound() bool { return e.Is(statusTarget(http.StatusNotFound)) }

// IsConflict reports whether the status is 409.
func (e *APIError) IsConflict() bool { return e.Is(statusTarget(http.StatusConflict)) }

// IsValidation reports whether the status is 422, today an invalid graph, which
// [KindInvalidGraph] tells from others.
func (e *APIError) IsValidation() bool { return e.Is(statusTarget(http.StatusUnprocessableEntity)) }

// IsRateLimited reports whether the status is 429.
func (e *APIError) IsRateLimited() bool { return e.Is(statusTarget(http.StatusTooManyRequests)) }

// IsServer reports whether the status is 5xx.
func (e *APIError) IsServer() bool { return e.Is(serverErrors) }

// IsBadRequest is [APIError.IsBadRequest] for any error, through wrapping and
// joining.
func IsBadRequest(err error) bool { return errors.Is(err, statusTarget(http.StatusBadRequest)) }

// IsUnauthorized is [APIError.IsUnauthorized] for any error.
func IsUnauthorized(err error) bool { return errors.Is(err, statusTarget(http.StatusUnauthorized)) }

// IsEntitlement is [APIError.IsEntitlement] for any error.
func IsEntitlement(err error) bool { return errors.Is(err, statusTarget(http.StatusPaymentRequired)) }

// IsForbidden is [APIError.IsForbidden] for any error.
func IsForbidden(err error) bool { return errors.Is(err, statusTarget(http.StatusForbidden)) }

// IsNotFound is [APIError.IsNotFound] for any error.
func IsNotFound(err error) bool { return errors.Is(err, statusTarget(http.StatusNotFound)) }

// IsConflict is [APIError.IsConflict] for any error.
func IsConflict(err error) bool { return errors.Is(err, statusTarget(http.StatusConflict)) }

// IsValidation is [APIError.IsValidation] for any error.
func IsValidation(err error) bool {
	return errors.Is(err, statusTarget(http.StatusUnprocessableEntity))
}

// IsRateLimited is [APIError.IsRateLimited] for any error.
func IsRateLimited(err error) bool { return errors.Is(err, statusTarget(http.StatusTooManyRequests)) }

// IsServer is [APIError.IsServer] for any error.
func IsServer(err error) bool { return errors.Is(err, serverErrors) }

// callError is what the four error types know about trying again.
type callError interface {
	error
	retryable() bool
	outcomeUnknown() bool
}

// IsRetryable reports whether sending the very same call again is safe for its
// route and may help. It is true for
//   - a repeatable call that met 408, 429, 500, 502, 503 or 504, got no answer,
//     or an answer cut short,
//   - any other call answered 429, unless the body names a run: a rate limit
//     refuses before it works (an assumption),
//   - any call of which nothing was sent, such as a failed dial,
//
// and false for everything else: an unknown outcome, a cancelled context, a
// certificate that does not verify, a body that says "retryable": false, a
// refusal that will stay one. By default the SDK has tried again by itself
// before a caller sees the error. Of joined errors, all must be retryable.
func IsRetryable(err error) bool {
	found, all := false, true
	eachCallError(err, func(e callError) { found, all = true, all && e.retryable() })
	return found && all
}

// OutcomeUnknown reports whether a call that must not be repeated may have had
// its effect all the same: no answer came after bytes went out, a 5xx, or a
// 2xx that could not be used, which had it for certain. Do not send such a call
// again; look for what it left behind, such as the recorded run. It is false for
// repeatable calls: repeating them settles the matter.
func OutcomeUnknown(err error) bool {
	unknown := false
	eachCallError(err, func(e callError) { unknown = unknown || e.outcomeUnknown() })
	return unknown
}

// RetryAfter returns how long the server asked to wait, and whether it did. A
// Retry-After too long for a [time.Duration] is the longest there is.
func RetryAfter(err error) (time.Duration, bool) {
	var e *APIError
	if !errors.As(err, &e) || e == nil || e.RetryAfter <= 0 {
		return 0, false
	}
	return e.RetryAfter, true
}

// IsRetryable is the function [IsRetryable] for this error.
func (e *APIError) IsRetryable() bool { return e != nil && e.retryable() }

// eachCallError visits the outermost errors of ours in a tree: the last
// failure inside a TransportError is part of it.
func eachCallError(err error, visit func(callError)) {
	switch e := err.(type) { //nolint:errorlint // this is the walk itself
	case nil:
	case callError:
		visit(e)
	case interface{ Unwrap() error }:
		eachCallError(e.Unwrap(), visit)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			eachCallError(inner, visit)
		}
	}
}

func (e *APIError) retryable() bool {
	if e == nil || !transport.RetryableStatus(e.StatusCode) || errors.Is(e.Err, context.Canceled) || e.isFinal() {
		return false
	}
	return e.Repeatable || e.StatusCode == http.StatusTooManyRequests && !e.mayHaveRun()
}

func (e *APIError) outcomeUnknown() bool { return e != nil && !e.Repeatable && e.mayHaveRun() }

// mayHaveRun reports whether the failure leaves it open: a rate limit does when
// its body names a run, or may do so in a part that was not read.
func (e *APIError) mayHaveRun() bool {
	return e.IsServer() || e.IsRateLimited() && (e.Err != nil || e.partial || e.named || namesRun(e.RawBody))
}

func (e *TransportError) retryable() bool {
	return e != nil && !e.OutcomeUnknown && !errors.Is(e.Err, context.Canceled) && !transport.Permanent(e.Err)
}

func (e *TransportError) outcomeUnknown() bool { return e != nil && e.OutcomeUnknown }

func (e *DecodeError) retryable() bool {
	return e != nil && e.Repeatable && errors.Is(e.Err, io.ErrUnexpectedEOF) && !errors.Is(e.Err, context.Canceled)
}

func (e *DecodeError) outcomeUnknown() bool { return e != nil && !e.Repeatable }

func (e *ArgumentError) retryable() bool { return false }

func (e *ArgumentError) outcomeUnknown() bool { return false }
