package promptorchestra

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// statusTarget lets errors.Is look for a status in a whole tree of errors.
type statusTarget int

const serverErrors statusTarget = 5 // any 5xx

func (s statusTarget) Error() string { return http.StatusText(int(s)) }

func (s statusTarget) matches(status int) bool {
	return int(s) == status || s == serverErrors && status >= 500 && status <= 599
}

// IsBadRequest reports whether the status is 400: a missing organization or another mistake in the
// request.
func (e *APIError) IsBadRequest() bool { return e.Is(statusTarget(http.StatusBadRequest)) }

// IsUnauthorized reports whether the status is 401: no valid bearer token.
func (e *APIError) IsUnauthorized() bool { return e.Is(statusTarget(http.StatusUnauthorized)) }

// IsEntitlement reports whether the status is 402: a seat limit, or an AI or voice feature that the
// plan lacks. An upgrade fixes it.
func (e *APIError) IsEntitlement() bool { return e.Is(statusTarget(http.StatusPaymentRequired)) }

// IsForbidden reports whether the status is 403 and the body is JSON: the credential's kind, scope
// or organization does not fit. A 403 of HTML, of text or without a body is not the API's.
func (e *APIError) IsForbidden() bool { return e.Is(statusTarget(http.StatusForbidden)) }

// IsNotFound reports whether the status is 404 and the body is JSON: there is no such record in the
// organization. A 404 of HTML, of text or without a body is not the API's: a proxy or a wrong base
// URL responds like that.
func (e *APIError) IsNotFound() bool { return e.Is(statusTarget(http.StatusNotFound)) }

// isJSON reports whether the body may be the API's own: it is neither HTML nor text nor empty.
func (e *APIError) isJSON() bool {
	return e != nil && e.Shape != ShapeText && e.Shape != ShapeEmpty
}

// IsConflict reports whether the status is 409.
func (e *APIError) IsConflict() bool { return e.Is(statusTarget(http.StatusConflict)) }

// IsValidation reports whether the status is 422, today an invalid graph, which [KindInvalidGraph]
// distinguishes from others.
func (e *APIError) IsValidation() bool { return e.Is(statusTarget(http.StatusUnprocessableEntity)) }

// IsRateLimited reports whether the status is 429.
func (e *APIError) IsRateLimited() bool { return e.Is(statusTarget(http.StatusTooManyRequests)) }

// IsServer reports whether the status is 5xx.
func (e *APIError) IsServer() bool { return e.Is(serverErrors) }

// IsBadRequest reports whether any error holds an [APIError] with status 400: a missing
// organization or another mistake in the request. Like all functions here it looks through wrapping
// and joining.
func IsBadRequest(err error) bool { return errors.Is(err, statusTarget(http.StatusBadRequest)) }

// IsUnauthorized reports whether any error holds an [APIError] with status 401: no valid bearer
// token.
func IsUnauthorized(err error) bool { return errors.Is(err, statusTarget(http.StatusUnauthorized)) }

// IsEntitlement reports whether any error holds an [APIError] with status 402: a seat limit, or an
// AI or voice feature that the plan lacks. An upgrade fixes it.
func IsEntitlement(err error) bool { return errors.Is(err, statusTarget(http.StatusPaymentRequired)) }

// IsForbidden reports whether any error holds an [APIError] with status 403 and a body of JSON: the
// credential's kind, scope or organization does not fit.
func IsForbidden(err error) bool { return errors.Is(err, statusTarget(http.StatusForbidden)) }

// IsNotFound reports whether any error holds an [APIError] with status 404 and a body of JSON:
// there is no such record in the organization.
func IsNotFound(err error) bool { return errors.Is(err, statusTarget(http.StatusNotFound)) }

// IsConflict reports whether any error holds an [APIError] with status 409.
func IsConflict(err error) bool { return errors.Is(err, statusTarget(http.StatusConflict)) }

// IsValidation reports whether any error holds an [APIError] with status 422, today an invalid
// graph.
func IsValidation(err error) bool {
	return errors.Is(err, statusTarget(http.StatusUnprocessableEntity))
}

// IsRateLimited reports whether any error holds an [APIError] with status 429.
func IsRateLimited(err error) bool { return errors.Is(err, statusTarget(http.StatusTooManyRequests)) }

// IsServer reports whether any error holds an [APIError] with status 5xx.
func IsServer(err error) bool { return errors.Is(err, serverErrors) }

// RetryAfter returns how long the server asked to wait, and whether it did. A Retry-After too long
// for a [time.Duration] is the longest there is.
func RetryAfter(err error) (time.Duration, bool) {
	e := errorAs[*APIError](err)
	if e == nil || e.RetryAfter <= 0 {
		return 0, false
	}
	return e.RetryAfter, true
}

// callErrors returns the errors of this package in a tree of errors, but not those inside them. It
// leaves out nil pointers.
func callErrors(err error) (all []callError) {
	switch e := err.(type) { //nolint:errorlint // this is the walk itself
	case callError:
		if !isNilPointer(e) {
			all = append(all, e)
		}
	case interface{ Unwrap() error }:
		return callErrors(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			all = append(all, callErrors(inner)...)
		}
	}
	return all
}

// errorAs returns the first error of a type in a tree of errors, or nil.
func errorAs[E error](err error) (found E) {
	errors.As(err, &found)
	return found
}

// RequestID returns the id under which support finds the request of a failed call, and whether the
// response had one. It looks through wrapping and joining; the first id counts.
func RequestID(err error) (string, bool) {
	id := ""
	if api := errorAs[*APIError](err); api != nil {
		id = api.RequestID
	}
	if decode := errorAs[*DecodeError](err); decode != nil {
		id = cmp.Or(id, decode.RequestID)
	}
	return id, id != ""
}

// KindOf returns the kind of any error of this package. An [APIError] has its own Kind. A
// [TransportError] is [KindCanceled], [KindTimeout] or [KindTransport], but has the kind of the
// last failure if the wait for the next attempt was cut off. A [DecodeError] is [KindDecode], or
// [KindCanceled] or [KindTimeout] if one of these cut its body off. An [ArgumentError] is
// [KindArgument]. KindOf looks through wrapping; if errors are joined, the first of this package
// counts. It returns "" for nil. For an error of another package it returns [KindUnknown], or the
// kind of the context's error that it wraps.
//
// No kind says whether the call may have had its effect: ask [OutcomeUnknown] first.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if all := callErrors(err); len(all) > 0 {
		return cmp.Or(all[0].kind(), KindUnknown) // JSON of an error may have none
	}
	return cmp.Or(contextKind(err), KindUnknown)
}

func (e *APIError) kind() Kind { return cmp.Or(e.Kind, kindOf(e)) }

func (e *TransportError) kind() Kind {
	if e.stored != nil {
		return e.stored.Kind
	}
	if all := callErrors(e.Err); len(all) > 0 && !e.source {
		return all[0].kind()
	}
	return cmp.Or(contextKind(e.Err), timeoutKind(e.Err), KindTransport)
}

func (e *DecodeError) kind() Kind {
	if e.stored != nil {
		return e.stored.Kind
	}
	return cmp.Or(contextKind(e.Err), KindDecode)
}

func (e *ArgumentError) kind() Kind { return KindArgument }

// contextKind returns the kind of a context's error, or "" for other errors.
func contextKind(err error) Kind {
	switch {
	case errors.Is(err, context.Canceled):
		return KindCanceled
	case errors.Is(err, context.DeadlineExceeded):
		return KindTimeout
	default:
		return ""
	}
}

// timeoutKind returns KindTimeout for a timeout of the network, such as that of a dial, else "".
func timeoutKind(err error) Kind {
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return KindTimeout
	}
	return ""
}

// redirectTarget returns where a redirect leads, without the query, which may hold a secret; "" for
// other failures.
func (e *APIError) redirectTarget() string {
	if e.StatusCode < 300 || e.StatusCode > 399 {
		return ""
	}
	target, err := url.Parse(e.Header.Get("Location"))
	if err != nil || target.Host == "" && target.Path == "" {
		return ""
	}
	return (&url.URL{Scheme: target.Scheme, Host: target.Host, Path: target.Path}).String()
}
