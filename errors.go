package promptorchestra

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/prompt-orchestra/promptorchestra-go/internal/failure"
	"github.com/prompt-orchestra/promptorchestra-go/internal/transport"
)

// ErrMissingOrganization is matched, with errors.Is, by the server's rejection of a call without an
// organization and by the SDK's own before sending.
var ErrMissingOrganization = errors.New(
	"every call needs an organization: use WithOrganization or InOrganization")

// ErrNotSent is for RoundTrippers that reject a request by themselves, such as a circuit breaker:
// an error that wraps it says that the request was not sent. Without it, a RoundTripper that fails
// without calling the hooks of net/http/httptrace counts as having sent the request.
var ErrNotSent = transport.ErrNotSent

// APIError is a failure that the server responded with: any status from 300 on, with any body. The
// decoder reads every shape that the backend and the proxies in front of it are known to send; what
// fits no field is in RawBody. All fields may be set, so that tests can build one.
type APIError struct {
	CallInfo // which call it is about

	StatusCode int           // HTTP status
	Kind       Kind          // the kind of failure: decided by the code, then by the status
	Code       string        // the body's code for programs, such as "AGENT_GRAPH_INVALID", or ""
	Message    string        // the most specific text of the body, else the status text
	Summary    string        // the body's "error" text when its "message" said more; else ""
	Details    []ErrorDetail // the body's details, of any form, in their order
	Diagnostic *Diagnostic   // the newer diagnostic object, nil in other shapes
	Shape      Shape         // the form of the body
	RequestID  string        // X-Request-Id, to be given to support
	RetryAfter time.Duration // how long the server asked to wait; 0 when it did not
	Header     http.Header   `json:"-"` // of the response, without cookies and secrets: only read it
	RawBody    []byte        // the first 64 KiB of the body
	Err        error         // why the body could not be read to its end; usually nil

	partial            bool   // the body goes on after the 1 MiB that is read, or was cut
	retryForbidden     bool   // it says that a retry is pointless
	namesRun           bool   // it names a run or session, perhaps beyond what RawBody holds
	callerContextEnded bool   // the caller's own context has ended
	noBudget           bool   // it was not retried because the retry budget was used up
	runID              string // the run it names, where RawBody is not the whole body

	stored *stored // what was said of it before it was encoded to JSON
}

// TransportError means that no response came, or that the context ended while a call waited for its
// next attempt. It unwraps to the cause, such as the context's error. If the context ended during a
// wait, it also unwraps to the last failure, which helpers such as [IsRateLimited] then match. If a
// token source fails, the error is a TransportError too: its Attempts counts the attempts sent
// before, if any.
type TransportError struct {
	CallInfo // which call it is about

	// OutcomeUnknown means that the call may have had its effect: the request was sent, and the
	// call is not idempotent.
	OutcomeUnknown bool

	Err error // the cause

	callerContextEnded bool // the caller's own context has ended
	source             bool // a token source failed: the request was not sent

	stored *stored // as in an APIError
}

// DecodeError means that the call succeeded, with a 2xx status, but that its response cannot be
// used: it is cut short, empty, null, HTML, not JSON, too large, or one of the API's failures
// instead of a record. The effect may have happened: never retry an execution because of it.
type DecodeError struct {
	CallInfo // which call it is about

	StatusCode int    // 2xx
	RequestID  string // X-Request-Id
	Body       []byte // what arrived, up to the limit; of a list that yielded no element, its beginning
	Err        error  // why it cannot be used

	callerContextEnded bool // the caller's own context has ended

	stored *stored // as in an APIError
}

// ArgumentError means that a call or an option was rejected by the SDK before sending.
type ArgumentError struct {
	CallInfo // which call it is about

	Argument string // its name, such as "agentId", "organizationId" or "WithBaseURL"
	Reason   string // what is wrong with it
	Err      error  // the cause, when there is one
}

// ErrorDetail is one entry of a failure's details, such as one mistake in an agent's graph. At most
// 1,000 entries of a body are listed.
type ErrorDetail struct {
	Code    string  `json:"code"`          // such as "missing_entry_step"
	Message string  `json:"message"`       // for people
	Path    string  `json:"path,omitzero"` // the place, such as "steps[2].promptId"; often ""
	Raw     RawJSON `json:"-"`             // as the server sent it; nil when the SDK found the mistake
}

// Diagnostic is the newer error object of the API. Newer records have one too. It is read in any
// form: a plain text becomes Why, and what does not fit a field is left out.
type Diagnostic struct {
	Code           string    `json:"code"`           // machine-readable
	Title          string    `json:"title"`          // a few words for people
	Category       string    `json:"category"`       // its values are not documented
	Why            string    `json:"why"`            // a sentence for people
	Where          RawJSON   `json:"where,omitzero"` // a string or an object, which is not documented
	AffectedFields []string  `json:"affectedFields,omitzero"`
	Recovery       RawJSON   `json:"recovery,omitzero"`  // a string or an object
	Retryable      Opt[bool] `json:"retryable,omitzero"` // Set(false) means that a retry is pointless
	DocsHint       RawJSON   `json:"docsHint,omitzero"`  // a string or an object
	Details        RawJSON   `json:"details,omitzero"`   // of any type
}

// Kind is the kind of a failure: see [KindOf].
type Kind string

// The kinds of an [APIError]. Six of them hold most integration failures of the platform; the
// others follow the status. KindUnknown stands for redirects, other statuses, a 403 or 404 of HTML
// or text, which a proxy or a wrong base URL returns, and for errors of other packages.
const (
	KindMissingOrganization Kind = "missing_organization" // 400 whose text names organizationId
	KindAuthentication      Kind = "authentication"       // 401: token missing, invalid or expired
	KindPermission          Kind = "permission"           // 403: credential kind, scope or organization
	KindEntitlement         Kind = "entitlement"          // 402: seats or features not in the plan
	KindNotFound            Kind = "not_found"            // 404: no such record in the organization
	KindInvalidGraph        Kind = "invalid_graph"        // 422: mistakes in an agent's graph, see Details
	KindInvalidRequest      Kind = "invalid_request"      // other 400s; 405, 406, 411 to 417
	KindConflict            Kind = "conflict"             // 409
	KindValidation          Kind = "validation"           // 422 that is not about a graph
	KindRateLimited         Kind = "rate_limited"         // 429
	KindServer              Kind = "server"               // 5xx
	KindUnknown             Kind = "unknown"              // everything else
)

// The kinds of the other errors. No [APIError] has one of them.
const (
	KindCanceled  Kind = "canceled"  // the caller's context was cancelled
	KindTimeout   Kind = "timeout"   // a deadline of the context, attempt or network passed
	KindTransport Kind = "transport" // no response for another reason, or a token source failed
	KindDecode    Kind = "decode"    // the call succeeded, and its response cannot be used
	KindArgument  Kind = "argument"  // rejected by the SDK before sending
)

// Shape is the form of a failure's body.
type Shape string

// The shapes: the three documented ones, the newer diagnostic object, and what else can arrive.
const (
	ShapeError        Shape = "error"         // {error}
	ShapeErrorMessage Shape = "error_message" // {error, message}
	ShapeErrorDetails Shape = "error_details" // {error, code, details}
	ShapeDiagnostic   Shape = "diagnostic"    // {code, title, category, why, ...}
	ShapeOther        Shape = "other"         // other JSON
	ShapeText         Shape = "text"          // HTML or text
	ShapeEmpty        Shape = "empty"         // nothing
)

// callError is what the functions that take any error ask the four error types.
type callError interface {
	error
	slog.LogValuer
	kind() Kind
	retryable() bool
	outcomeUnknown() bool
	namedRun() (prefix, id string)
	encode(text string) ([]byte, error)
}

// IsRetryable reports whether the same call can be retried safely and may then succeed. It is true
// for
//   - an idempotent call that failed with 408, 429 or a 5xx that may pass, or whose response is
//     missing or cut short,
//   - any other call that failed with 429, unless the body names a run or session, or was not read
//     whole: a rate limit is assumed to reject a call before it runs,
//   - any call that was not sent, for example because a dial failed,
//
// and false for everything else: an unknown outcome, a certificate that does not verify, a body
// that says "retryable": false, a rejection that a retry would not change. It is also false once
// the caller's own context has ended, because a retry with that context would fail at once. With a
// new context the call may succeed: retry it if [OutcomeUnknown] is false. A token source's error
// is final unless it says otherwise itself: a timeout, a network error, or an error of this package
// that is retryable.
//
// By default the SDK has already retried when a caller sees the error. If errors are joined, all
// must be retryable.
func IsRetryable(err error) bool {
	all := callErrors(err)
	return len(all) > 0 && !slices.ContainsFunc(all, func(e callError) bool { return !e.retryable() })
}

// IsRetryable is the function [IsRetryable] for this error.
func (e *APIError) IsRetryable() bool { return e != nil && e.retryable() }

// OutcomeUnknown reports whether a failed call that is not idempotent may have had its effect: the
// request was sent, and the response is missing, a 5xx, a 303, a 2xx that cannot be used, another
// failure of an execution that names a run, or a 429 that names a session or was not read whole. Do
// not retry such a call. Look for what it left behind, such as the recorded run, which [RunID] may
// name. It is false for idempotent calls, which can be retried.
func OutcomeUnknown(err error) bool {
	return slices.ContainsFunc(callErrors(err), callError.outcomeUnknown)
}

// retryable, outcomeUnknown, kind and namedRun of an error that was read back are as they were.

func (e *APIError) retryable() bool {
	if e.stored != nil {
		return e.stored.Retryable
	}
	if !transport.RetryableStatus(e.StatusCode) || hasEnded(e.callerContextEnded, e.Err) || e.isFinal() {
		return false
	}
	return e.Idempotent || e.StatusCode == http.StatusTooManyRequests && !e.mayHaveRun()
}

func (e *APIError) outcomeUnknown() bool {
	if e.stored != nil {
		return e.stored.OutcomeUnknown
	}
	return !e.Idempotent && e.mayHaveRun()
}

// mayHaveRun reports whether the call may have run in spite of the failure: the status is no
// rejection, for a 303 says that the result is elsewhere, or the body of an execution names a run
// that the call was not given. A rate limit's may also name one in a part that was not read.
func (e *APIError) mayHaveRun() bool {
	_, id := e.namedRun()
	if r := routeOf(e.Op); r != nil && r.traits&execution == 0 {
		id = "" // of a run that is in the way, perhaps
	}
	return e.StatusCode >= 500 || e.StatusCode == http.StatusSeeOther || id != "" || e.IsRateLimited() && (e.Err != nil || e.partial || e.namesRun || failure.FindRuns(e.RawBody, nil).Named)
}

func (e *TransportError) retryable() bool {
	if e.stored != nil {
		return e.stored.Retryable
	}
	if e.OutcomeUnknown || hasEnded(e.callerContextEnded, e.Err) || transport.Permanent(e.Err) {
		return false
	}
	return !e.source || sourceMayRecover(e.Err)
}

func (e *TransportError) outcomeUnknown() bool { return e.OutcomeUnknown }

func (e *DecodeError) retryable() bool {
	if e.stored != nil {
		return e.stored.Retryable
	}
	return e.Idempotent && errors.Is(e.Err, io.ErrUnexpectedEOF) && !hasEnded(e.callerContextEnded, e.Err)
}

func (e *DecodeError) outcomeUnknown() bool { return !e.Idempotent }

func (e *ArgumentError) retryable() bool { return false }

func (e *ArgumentError) outcomeUnknown() bool { return false }

// hasEnded reports whether the caller's context has ended. A deadline that passed may be that of
// the attempt, so the error says whether it was the caller's.
func hasEnded(callerContextEnded bool, err error) bool {
	return callerContextEnded || errors.Is(err, context.Canceled)
}

// isFinal reports whether the failure says that a retry is pointless. It works for errors that a
// test built, too.
func (e *APIError) isFinal() bool {
	return e.Diagnostic != nil && e.Diagnostic.Retryable == Set(false) || e.retryForbidden || failure.ForbidsRetry(e.RawBody)
}

// RunID returns the id of the run that the body of a failure names, in any spelling, even if the
// body is incomplete. The failure is an [APIError], a [DecodeError], or the last one in a
// [TransportError]. For an error of [AgentsService.RunAndWait], it is the run that was started. If
// the outcome of an execution is unknown, it is the run that the execution left behind, or one of
// several. RunID never returns the id of a session, nor an id that the call was given, such as the
// run that [AgentRunsService.RerunFromStep] begins from. If errors are joined, the first that names
// a run counts.
func RunID(err error) (string, bool) {
	_, id := firstNamedRun(err)
	return id, id != ""
}

func firstNamedRun(err error) (prefix, id string) {
	for _, e := range callErrors(err) {
		if prefix, id = e.namedRun(); id != "" {
			break
		}
	}
	return prefix, id
}

func (e *APIError) namedRun() (prefix, id string) {
	own := ownIDs(&e.CallInfo)
	if found := failure.FindRuns(e.RawBody, own); found.ID != "" {
		return found.Prefix, found.ID
	}
	if own(e.runID) {
		return "", ""
	}
	return "", e.runID
}

func (e *DecodeError) namedRun() (prefix, id string) {
	if id := awaitedRun(&e.CallInfo); id != "" {
		return "", id
	}
	if found := failure.FindRuns(e.Body, ownIDs(&e.CallInfo)); found.ID != "" || e.stored == nil {
		return found.Prefix, found.ID
	}
	return "", e.stored.RunID
}

func (e *TransportError) namedRun() (prefix, id string) {
	awaited := awaitedRun(&e.CallInfo)
	switch {
	case e.source:
		return "", ""
	case awaited != "":
		return "", awaited
	case e.stored != nil:
		return "", e.stored.RunID
	}
	return firstNamedRun(e.Err)
}

func (e *ArgumentError) namedRun() (prefix, id string) { return "", "" }

// awaitedRun returns the run that a method which waits for one, and may have started it, was about.
func awaitedRun(call *CallInfo) string {
	if !call.Composite {
		return ""
	}
	return call.Resource["runId"]
}

// routeOf returns the route of a method, or nil for Do and composites.
func routeOf(op string) *route {
	if i := slices.IndexFunc(routes, func(r *route) bool { return r.op == op }); i >= 0 {
		return routes[i]
	}
	return nil
}

// ownIDs returns a check for the ids that an execution was given itself: such a run is not its
// outcome.
func ownIDs(call *CallInfo) func(id string) bool {
	r := routeOf(call.Op)
	executes := r != nil && r.traits&execution != 0
	return func(id string) bool {
		return executes && slices.Contains(slices.Collect(maps.Values(call.Resource)), id)
	}
}
