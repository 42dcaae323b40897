package promptorchestra

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"

	"github.com/prompt-orchestra/promptorchestra-go/internal/failure"
	"github.com/prompt-orchestra/promptorchestra-go/internal/transport"
)

// callError is what the functions that take any error ask the four error types.
type callError interface {
	error
	kind() Kind
	retryable() bool
	outcomeUnknown() bool
	namedRun() (prefix, id string)
	encode(text string) ([]byte, error)
}

// IsRetryable reports whether the same call can be retried safely and may succeed then. It
// is true for
//   - an idempotent call that met 408, 429 or a 5xx that may pass, no response, or one cut short,
//   - any other call that met 429, unless the body names a run or session: a rate limit rejects a
//     call before it works (an assumption),
//   - any call that was not sent, because of a failed dial for example,
//
// and false for everything else: an unknown outcome, a certificate that does not verify, a body
// that says "retryable": false, a rejection that a retry does not change. It is false, too, once
// the caller's own context has ended, because a retry with it would fail at once: with a new
// context the call may succeed, if [OutcomeUnknown] is false. A token source's error is final
// unless it says otherwise itself: a timeout, a network error, or an error of this package that is
// retryable.
//
// By default the SDK has retried by itself before a caller sees the error. Of joined errors, all
// must be retryable.
func IsRetryable(err error) bool {
	found, all := false, true
	eachCallError(err, func(e callError) { found, all = true, all && e.retryable() })
	return found && all
}

// IsRetryable is the function [IsRetryable] for this error.
func (e *APIError) IsRetryable() bool { return e != nil && e.retryable() }

// OutcomeUnknown reports whether a failed call that is not idempotent may have had its effect: the
// request was sent and no response came, or a 5xx came, or a 2xx that cannot be used.
// Do not retry such a call. Look for what it left behind, such as the recorded run, which
// [RunID] may name. It is false for idempotent calls, which can be retried.
func OutcomeUnknown(err error) bool {
	unknown := false
	eachCallError(err, func(e callError) { unknown = unknown || e.outcomeUnknown() })
	return unknown
}

// retryable, outcomeUnknown, kind and namedRun of an error that was read back are as they were.

func (e *APIError) retryable() bool {
	if e != nil && e.stored != nil {
		return e.stored.Retryable
	}
	if e == nil || !transport.RetryableStatus(e.StatusCode) || hasEnded(e.callerContextEnded, e.Err) || e.isFinal() {
		return false
	}
	return e.Idempotent || e.StatusCode == http.StatusTooManyRequests && !e.mayHaveRun()
}

func (e *APIError) outcomeUnknown() bool {
	if e != nil && e.stored != nil {
		return e.stored.OutcomeUnknown
	}
	return e != nil && !e.Idempotent && e.mayHaveRun()
}

// mayHaveRun reports whether the call may have run in spite of the failure. For a rate limit that
// is so when its body names a run, or may name one in a part that was not read.
func (e *APIError) mayHaveRun() bool {
	return e.IsServer() || e.IsRateLimited() && (e.Err != nil || e.partial || e.namesRun || failure.FindRuns(e.RawBody, nil).Named)
}

func (e *TransportError) retryable() bool {
	if e != nil && e.stored != nil {
		return e.stored.Retryable
	}
	if e == nil || e.OutcomeUnknown || hasEnded(e.callerContextEnded, e.Err) || transport.Permanent(e.Err) {
		return false
	}
	return !e.source || sourceMayRecover(e.Err)
}

func (e *TransportError) outcomeUnknown() bool { return e != nil && e.OutcomeUnknown }

func (e *DecodeError) retryable() bool {
	if e != nil && e.stored != nil {
		return e.stored.Retryable
	}
	return e != nil && e.Idempotent && errors.Is(e.Err, io.ErrUnexpectedEOF) && !hasEnded(e.callerContextEnded, e.Err)
}

func (e *DecodeError) outcomeUnknown() bool { return e != nil && !e.Idempotent }

func (e *ArgumentError) retryable() bool { return false }

func (e *ArgumentError) outcomeUnknown() bool { return false }

// hasEnded reports whether the caller's context has ended. A deadline that passed may be that of
// the attempt, so noteEnd records whether it was the caller's.
func hasEnded(callerContextEnded bool, err error) bool {
	return callerContextEnded || errors.Is(err, context.Canceled)
}

// noteEnd records in an error that the caller's own context has ended.
func noteEnd(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	switch e := err.(type) { //nolint:errorlint // as this package returns them
	case *APIError:
		e.callerContextEnded = true
	case *TransportError:
		e.callerContextEnded = true
	case *DecodeError:
		e.callerContextEnded = true
	}
	return err
}

// isFinal reports whether the failure says that a retry is pointless. It works for errors that a
// test built, too.
func (e *APIError) isFinal() bool {
	if e.Diagnostic != nil {
		if retryable, given := e.Diagnostic.Retryable.Get(); given && !retryable {
			return true
		}
	}
	return e.retryForbidden || failure.ForbidsRetry(e.RawBody)
}

// RunID returns the id of the run that a failure's body names, in any spelling and however much of
// the body arrived: an [APIError]'s and a [DecodeError]'s, and that of the last failure in a
// [TransportError]. An error of [AgentsService.RunAndWait] has the id of the run that was started.
// It is the run that an execution of unknown outcome left behind, or one of
// several. It is never the id of a session, and not one that the call itself was given, such as the
// run that [AgentRunsService.RerunFromStep] begins from. Of joined errors the first that names a
// run counts.
func RunID(err error) (string, bool) {
	id := ""
	eachCallError(err, func(e callError) {
		if id == "" {
			_, id = e.namedRun()
		}
	})
	return id, id != ""
}

func (e *APIError) namedRun() (prefix, id string) {
	if e == nil {
		return "", ""
	}
	own := ownIDs(&e.CallInfo)
	if found := failure.FindRuns(e.RawBody, own); found.ID != "" {
		return found.Prefix, found.ID
	}
	switch {
	case e.stored != nil:
		return "", e.stored.RunID
	case own != nil && own(e.runID):
		return "", ""
	}
	return "", e.runID
}

func (e *DecodeError) namedRun() (prefix, id string) {
	if e == nil {
		return "", ""
	}
	if id := awaitedRun(&e.CallInfo); id != "" {
		return "", id
	}
	if found := failure.FindRuns(e.Body, ownIDs(&e.CallInfo)); found.ID != "" || e.stored == nil {
		return found.Prefix, found.ID
	}
	return "", e.stored.RunID
}

func (e *TransportError) namedRun() (prefix, id string) {
	if e == nil || e.source {
		return "", ""
	}
	if id := awaitedRun(&e.CallInfo); id != "" {
		return "", id
	}
	eachCallError(e.Err, func(last callError) {
		if id == "" {
			prefix, id = last.namedRun()
		}
	})
	if id == "" && e.stored != nil {
		id = e.stored.RunID
	}
	return prefix, id
}

func (e *ArgumentError) namedRun() (prefix, id string) { return "", "" }

// awaitedRun returns the run that a method which waits for one, and may have started it, was about.
func awaitedRun(call *CallInfo) string {
	if !call.Composite {
		return ""
	}
	return call.Resource["runId"]
}

// ownIDs returns a check for the ids that an execution was given itself: such a run is not its
// outcome. It is nil for other calls.
func ownIDs(call *CallInfo) func(id string) bool {
	at := slices.IndexFunc(routes, func(r *route) bool { return r.op == call.Op })
	if at < 0 || !routes[at].traits.has(execution) {
		return nil
	}
	return func(id string) bool {
		return slices.Contains(slices.Collect(maps.Values(call.Resource)), id)
	}
}

// sourceError is a token source's own failure, with the option that set the source.
type sourceError struct {
	option string
	err    error
}

func (e *sourceError) Error() string { return e.option + ": " + e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

func isSourceError(err error) bool {
	var e *sourceError
	return errors.As(err, &e)
}

// sourceMayRecover reports whether a token source's error says of itself that it may pass.
func sourceMayRecover(err error) bool {
	ours := false
	eachCallError(err, func(callError) { ours = true })
	if ours {
		return IsRetryable(err)
	}
	var timeout interface{ Timeout() bool }
	var network net.Error
	return errors.As(err, &timeout) && timeout.Timeout() || errors.As(err, &network) ||
		errors.Is(err, io.ErrUnexpectedEOF)
}
