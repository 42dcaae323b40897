package promptorchestra

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prompt-orchestra/promptorchestra-go/internal/failure"
	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
	"github.com/prompt-orchestra/promptorchestra-go/internal/redact"
	"github.com/prompt-orchestra/promptorchestra-go/internal/transport"
)

// failure returns the error of a call as one of the error types, or nil.
func (r *request) failure() error {
	last := r.attemptFailure()
	if r.result.NoBudget {
		noteNoBudget(last)
	}
	ended := r.result.Ended
	if ended == nil {
		return last
	}
	e := &TransportError{CallInfo: r.info(), Err: ended}
	if last != nil {
		e.OutcomeUnknown = OutcomeUnknown(last)
		e.Err = fmt.Errorf("%w while waiting to retry; before that: %w", ended, last)
	}
	return e
}

// noteNoBudget adds to the text of an error that the retry budget was used up.
func noteNoBudget(err error) {
	switch e := err.(type) { //nolint:errorlint // as newFailure returns them
	case *APIError:
		e.noBudget = true
	case *TransportError:
		e.Err = fmt.Errorf("%w: %w", transport.ErrNoBudget, e.Err)
	case *DecodeError:
		e.Err = fmt.Errorf("%w: %w", transport.ErrNoBudget, e.Err)
	}
}

// attemptFailure returns the error of the last attempt, or nil. A failure's body is decoded once.
func (r *request) attemptFailure() error {
	if attempts := r.result.Attempts(); r.failed == nil || r.failedAttempt != attempts || r.result.NoAuth {
		r.failed, r.failedAttempt = r.newFailure(), attempts
	}
	return r.failed
}

func (r *request) newFailure() error {
	result := r.result
	switch {
	case result.StatusCode == 0:
		//nolint:errorlint // not one that a token source's error wraps
		if argument, ok := result.Err.(*ArgumentError); ok && result.NoAuth {
			return r.reject(argument)
		}
		return &TransportError{
			CallInfo: r.info(), OutcomeUnknown: !result.NotSent && !r.out.Idempotent,
			Err: r.tokens().Err(result.Err), source: isSourceError(result.Err),
		}
	case result.Success():
		if result.Err == nil {
			return nil
		}
		return r.decodeError(result.Err)
	default:
		e := &APIError{
			CallInfo: r.info(), RequestID: r.requestID(), Err: r.tokens().Err(result.Err), partial: result.Partial,
		}
		e.RetryAfter, _ = transport.RetryAfter(result.Header, time.Now())
		e.read(result.StatusCode, result.Body, r.tokens())
		if errors.Is(result.Err, transport.ErrEncoded) {
			e.Message = result.Err.Error() // the body's text is binary
		}
		return e
	}
}

const maxRawBody = 64 << 10 // of a failure's body, the part that is kept

var shapes = map[failure.Shape]Shape{
	failure.Empty: ShapeEmpty, failure.NoJSON: ShapeText, failure.OtherJSON: ShapeOther, failure.Error: ShapeError,
	failure.ErrorMessage: ShapeErrorMessage, failure.ErrorDetails: ShapeErrorDetails, failure.Diagnosed: ShapeDiagnostic,
}

// read fills in what a response with a failure says, without the call's tokens.
func (e *APIError) read(status int, body []byte, tokens redact.Tokens) {
	f := failure.Read(status, body, tokens)
	e.StatusCode, e.Shape, e.Code, e.Message, e.Summary = status, shapes[f.Shape], f.Code, f.Message, f.Summary
	if len(f.Body) > 0 {
		e.RawBody = bytes.Clone(f.Body[:min(len(f.Body), maxRawBody)])
	}
	if len(f.Body) > maxRawBody {
		runs := failure.FindRuns(f.Body, nil)
		e.retryForbidden, e.namesRun, e.runID = failure.ForbidsRetry(f.Body), runs.Named, runs.ID
	}
	if f.Details != nil {
		e.Details = make([]ErrorDetail, len(f.Details))
		for i, d := range f.Details {
			e.Details[i] = ErrorDetail{Code: d.Code, Message: d.Message, Path: d.Path, Raw: d.Raw}
		}
	}
	if f.Diagnostic != nil {
		e.Diagnostic = new(Diagnostic)
		e.Diagnostic.fill(f.Diagnostic)
	}
	e.Kind = kindOf(e)
	if e.Message == "" {
		e.Message = http.StatusText(status)
	}
}

// fill takes over the fields of a diagnostic that was read.
func (d *Diagnostic) fill(from *failure.Diagnostic) {
	*d = Diagnostic{
		Code: from.Code, Title: from.Title, Category: from.Category, Why: from.Why, AffectedFields: from.AffectedFields,
		Where: from.Where, Recovery: from.Recovery, DocsHint: from.DocsHint, Details: from.Details,
	}
	if len(from.Retryable) > 0 {
		_ = json.Unmarshal(from.Retryable, &d.Retryable) // true, false or null
	}
}

// kindOf decides by the code, then by the status, as the API's contract says.
func kindOf(e *APIError) Kind {
	switch strings.ToUpper(e.Code) {
	case "AUTH_MISSING", "AUTH_INVALID_TOKEN":
		return KindAuthentication
	case "AUTH_MODE_INVALID", "AUTH_SCOPE_MISSING", "AUTH_ORG_MISMATCH":
		return KindPermission
	case "AGENT_GRAPH_INVALID":
		return KindInvalidGraph
	case "BAD_REQUEST":
		return requestKind(e)
	}
	switch s := e.StatusCode; {
	case s == http.StatusBadRequest:
		return requestKind(e)
	case (s == http.StatusForbidden || s == http.StatusNotFound) && e.Shape == ShapeText:
		return KindUnknown // a proxy or a wrong base URL: the API responds with JSON
	case s == http.StatusUnauthorized:
		return KindAuthentication
	case s == http.StatusPaymentRequired:
		return KindEntitlement
	case s == http.StatusForbidden:
		return KindPermission
	case s == http.StatusNotFound:
		return KindNotFound
	case s == http.StatusConflict:
		return KindConflict
	case s == http.StatusUnprocessableEntity:
		return KindValidation
	case s == http.StatusTooManyRequests:
		return KindRateLimited
	case s == http.StatusMethodNotAllowed, s == http.StatusNotAcceptable,
		s >= http.StatusLengthRequired && s <= http.StatusExpectationFailed:
		return KindInvalidRequest
	case s >= 500 && s <= 599:
		return KindServer
	default:
		return KindUnknown
	}
}

// requestKind recognizes a missing organization, which the server reports as a bad request, by its
// text: the field's name in any spelling.
func requestKind(e *APIError) Kind {
	texts := []string{e.Message, e.Summary}
	if d := e.Diagnostic; d != nil {
		texts = append(texts, d.Title, d.Why, d.Where.String())
		texts = append(texts, d.AffectedFields...)
	}
	for _, d := range e.Details {
		texts = append(texts, d.Path, d.Message)
	}
	for _, t := range texts {
		if bytes.Contains(jsonscan.Fold(nil, t), []byte("organizationid")) {
			return KindMissingOrganization
		}
	}
	return KindInvalidRequest
}

// decodeError reports a successful response that cannot be used.
func (r *request) decodeError(err error) error {
	return &DecodeError{
		CallInfo: r.info(), StatusCode: r.result.StatusCode, RequestID: r.requestID(),
		Body: bytes.Clone(r.body()), Err: r.tokens().Err(err),
	}
}

// reject completes an ArgumentError with the call it is about.
func (r *request) reject(err error) error {
	var argument *ArgumentError
	if !errors.As(err, &argument) {
		argument = &ArgumentError{Argument: "body", Reason: err.Error(), Err: err}
	}
	e := *argument
	e.CallInfo = r.info()
	return &e
}

// tokens returns the secrets that no error and no log entry of the call may hold.
func (r *request) tokens() redact.Tokens { return r.authorization }

// body returns the response's body for errors, without the token: a server or a proxy may echo it.
func (r *request) body() []byte { return r.tokens().Bytes(r.result.Body) }

// requestID returns the id of the request for support, without the token.
func (r *request) requestID() string { return r.tokens().Text(r.result.Header.Get("X-Request-Id")) }

// info returns which call this is, with the number of attempts so far.
func (r *request) info() CallInfo {
	attempts := 0
	if r.result != nil {
		attempts = r.result.Attempts()
	}
	return r.infoAt(attempts)
}

// infoAt is info for a given number of attempts. It may be called while an attempt is in flight: it
// reads nothing that an attempt changes.
func (r *request) infoAt(attempts int) CallInfo {
	route := r.call.route
	info := CallInfo{
		Op: route.op, Method: route.method, Path: route.path, Attempts: attempts, Idempotent: r.idempotent(),
		Composite: route.traits.has(composite),
	}
	if r.client != nil {
		info.Organization = r.client.organization
	}
	ids := map[string]string{}
	for i, name := range route.params {
		if i < len(r.call.ids) && r.call.ids[i] != "" {
			ids[name] = r.call.ids[i]
		}
	}
	for _, p := range r.call.query {
		if isIDName(p.name) && p.value != "" {
			ids[p.name] = p.value
		}
	}
	if body := r.out.Body; len(body) > 0 {
		collectIDs(body, ids)
	}
	if len(ids) > 0 {
		info.Resource = ids
	}
	return info
}

// isIDName reports whether a member names a resource: "promptId", "leftRunId".
func isIDName(name string) bool { return strings.HasSuffix(name, "Id") && name != "organizationId" }

// collectIDs adds the ids of a request's body, those of nested lists by their path,
// "steps[2].promptId". The user's own data is left out.
func collectIDs(body []byte, ids map[string]string) {
	const most = 100
	var members map[string]json.RawMessage
	if !bytes.Contains(body, []byte(`Id":"`)) || json.Unmarshal(body, &members) != nil {
		return
	}
	for name, raw := range members {
		var id string
		var list []map[string]json.RawMessage
		switch {
		case isIDName(name) && json.Unmarshal(raw, &id) == nil && id != "":
			ids[name] = id
		case slices.Contains([]string{"steps", "prompts", "tools"}, name) && json.Unmarshal(raw, &list) == nil:
			for i, item := range list {
				for inner, raw := range item {
					var id string
					if isIDName(inner) && len(ids) < most && json.Unmarshal(raw, &id) == nil && id != "" {
						ids[fmt.Sprintf("%s[%d].%s", name, i, inner)] = id
					}
				}
			}
		}
	}
}
