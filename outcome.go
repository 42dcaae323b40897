package promptorchestra

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/prompt-orchestra/promptorchestra-go/internal/failure"
	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
	"github.com/prompt-orchestra/promptorchestra-go/internal/redact"
	"github.com/prompt-orchestra/promptorchestra-go/internal/transport"
)

// failure returns the error of a call as one of the error types, or nil.
func (r *request) failure() error {
	last, ended := r.attemptFailure(), r.result.Ended
	if ended == nil {
		return last
	}
	e := &TransportError{CallInfo: r.info(), Err: ended, callerContextEnded: true}
	if last != nil {
		e.OutcomeUnknown = OutcomeUnknown(last)
		e.Err = fmt.Errorf("%w while waiting to retry; before that: %w", ended, last)
	}
	return e
}

// attemptFailure returns the error of the last attempt, or nil.
func (r *request) attemptFailure() error {
	result, ended := r.result, r.ctx.Err() != nil
	switch {
	case result.StatusCode == 0:
		//nolint:errorlint // not one that a token source's error wraps
		if argument, ok := result.Err.(*ArgumentError); ok && result.NoAuth {
			return r.reject(argument)
		}
		return &TransportError{
			CallInfo: r.info(), OutcomeUnknown: !result.NotSent && !r.out.Idempotent,
			Err: r.tokens().Err(result.Err), source: errorAs[*sourceError](result.Err) != nil, callerContextEnded: ended,
		}
	case result.Success():
		if result.Err == nil {
			return nil
		}
		return r.decodeError(result.Err)
	default:
		tokens := r.tokens() // once: it may ask for a proxy
		header := http.Header(tokens.Header(result.Header))
		e := &APIError{
			CallInfo: r.info(), RequestID: header.Get("X-Request-Id"), Header: header,
			Err: tokens.Err(result.Err), partial: result.Partial, noBudget: result.NoBudget, callerContextEnded: ended,
		}
		e.RetryAfter, _ = transport.RetryAfter(result.Header)
		e.read(result.StatusCode, result.Body, tokens)
		if errors.Is(result.Err, transport.ErrEncoded) {
			e.Message = result.Err.Error() // the body's text is binary
		}
		return e
	}
}

const maxRawBody = 64 << 10 // of a failure's body, the part that is kept

// read fills in what a response with a failure says, without the call's tokens.
func (e *APIError) read(status int, body []byte, tokens redact.Tokens) {
	f := failure.Read(status, body, tokens)
	e.StatusCode, e.Shape, e.Code, e.Message, e.Summary = status, Shape(f.Shape), f.Code, f.Message, f.Summary
	e.RawBody = bytes.Clone(f.Body[:min(len(f.Body), maxRawBody)])
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
	_ = json.Unmarshal(from.Retryable, &d.Retryable) // nothing, true, false or null
}

//mutelist:check
var kindsOfCodes = map[string]Kind{
	"AUTH_MISSING": KindAuthentication, "AUTH_INVALID_TOKEN": KindAuthentication,
	"AUTH_MODE_INVALID": KindPermission, "AUTH_SCOPE_MISSING": KindPermission, "AUTH_ORG_MISMATCH": KindPermission,
	"AGENT_GRAPH_INVALID": KindInvalidGraph,
}

var kindsOfStatuses = map[int]Kind{
	400: KindInvalidRequest, 401: KindAuthentication, 402: KindEntitlement, 403: KindPermission, 404: KindNotFound,
	405: KindInvalidRequest, 406: KindInvalidRequest, 409: KindConflict, 411: KindInvalidRequest, 412: KindInvalidRequest,
	413: KindInvalidRequest, 414: KindInvalidRequest, 415: KindInvalidRequest, 416: KindInvalidRequest, 417: KindInvalidRequest,
	422: KindValidation, 429: KindRateLimited,
}

// kindOf decides by the code, then by the status, as the API's contract says.
func kindOf(e *APIError) Kind {
	kind := cmp.Or(kindsOfCodes[strings.ToUpper(e.Code)], kindsOfStatuses[e.StatusCode])
	switch {
	case kind == KindInvalidRequest && namesOrganization(e):
		return KindMissingOrganization
	case (kind == KindPermission || kind == KindNotFound) && !e.isJSON():
		return KindUnknown // a proxy or a wrong base URL: the API responds with JSON
	case kind == "" && e.IsServer():
		return KindServer
	default:
		return cmp.Or(kind, KindUnknown)
	}
}

// namesOrganization reports whether a failure's texts name organizationId, in any spelling.
func namesOrganization(e *APIError) bool {
	texts := []string{e.Message, e.Summary}
	if d := e.Diagnostic; d != nil {
		texts = append(append(texts, d.Title, d.Why, d.Where.String()), d.AffectedFields...)
	}
	for _, d := range e.Details {
		texts = append(texts, d.Path, d.Message)
	}
	return slices.ContainsFunc(texts, func(text string) bool {
		return bytes.Contains(jsonscan.Fold(nil, text), []byte("organizationid"))
	})
}

// decodeError reports a successful response that cannot be used.
func (r *request) decodeError(err error) error {
	return &DecodeError{
		CallInfo: r.info(), StatusCode: r.result.StatusCode, RequestID: r.requestID(),
		Body: bytes.Clone(r.body()), Err: r.tokens().Err(err), callerContextEnded: r.ctx.Err() != nil,
	}
}

// reject completes an ArgumentError with the call it is about.
func (r *request) reject(err error) error {
	argument := errorAs[*ArgumentError](err)
	if argument == nil {
		argument = &ArgumentError{Argument: "body", Reason: err.Error(), Err: err}
	}
	e := *argument
	e.CallInfo = r.info()
	return &e
}

// tokens returns the secrets that no error and no log entry of the call may hold: the tokens of all
// its attempts, the values of WithHeader, and a proxy's credentials.
func (r *request) tokens() redact.Tokens {
	core := r.client.core
	_, secrets := core.header()
	more := append(slices.Clip(r.earlier), secrets...)
	more = append(more, secretsIn(r.options.header)...)
	if core.scheme == "http" { // else the proxy gets them with CONNECT alone: see transport.ProxyError
		more = append(more, core.engine.ProxySecrets(&r.out.URL)...)
	}
	if len(more) == 0 {
		return r.authorization
	}
	return redact.LongestFirst(append(more, r.authorization...))
}

// body returns the response's body for errors, without the token: a server or a proxy may echo it.
func (r *request) body() []byte { return r.tokens().Bytes(r.result.Body) }

// requestID returns the id of the request for support, without the token.
func (r *request) requestID() string { return r.tokens().Value(r.result.Header.Get("X-Request-Id")) }

// info returns which call this is, with the number of attempts so far.
func (r *request) info() CallInfo { return r.infoAt(r.result.Attempts()) }

// infoAt is info for a given number of attempts. It may be called while an attempt is in flight: it
// reads nothing that an attempt changes.
func (r *request) infoAt(attempts int) CallInfo {
	route := r.call.route
	info := CallInfo{
		Op: route.op, Method: route.method, Path: route.path, Attempts: attempts, Idempotent: r.idempotent(),
		Composite: route.traits&composite != 0,
	}
	if r.client != nil {
		info.Organization = r.client.organization
	}
	ids := map[string]string{}
	for i, name := range route.params {
		if id := r.call.ids[i]; id != "" {
			ids[name] = id
		}
	}
	for _, p := range r.call.query {
		if isIDName(p.name) && p.value != "" {
			ids[p.name] = p.value
		}
	}
	if body := r.out.Body; len(body) > 0 {
		info.Model = collectIDs(body, ids)
	}
	if len(ids) > 0 {
		info.Resource = ids
	}
	return info
}

// isIDName reports whether a member names a resource: "promptId", "leftRunId".
func isIDName(name string) bool { return strings.HasSuffix(name, "Id") && name != "organizationId" }

// collectIDs adds the ids of a request's body, those of nested lists by their path,
// "steps[2].promptId", and returns its modelKey. The user's own data is left out.
func collectIDs(body []byte, ids map[string]string) (model string) {
	const mostListed = 100
	if !bytes.Contains(body, []byte(`Id":"`)) || !json.Valid(body) {
		return ""
	}
	for name, value := range jsonscan.Members(body) {
		collectID("", string(name), value, ids)
		switch string(name) {
		case "modelKey":
			if value[0] == '"' {
				model = jsonscan.Unquote(value)
			}
		case "steps", "prompts", "tools":
			index := 0
			jsonscan.EachElement(value, mostListed, func(item []byte) {
				for inner, value := range jsonscan.Members(item) {
					collectID(fmt.Sprintf("%s[%d].", name, index), string(inner), value, ids)
				}
				index++
			})
		}
	}
	return model
}

func collectID(path, name string, value []byte, ids map[string]string) {
	if isIDName(name) && value[0] == '"' && len(value) > len(`""`) {
		ids[path+name] = jsonscan.Unquote(value)
	}
}

// sourceError is a token source's own failure, with the option that set the source.
type sourceError struct {
	option string
	err    error
}

func (e *sourceError) Error() string { return e.option + ": " + e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// sourceMayRecover reports whether a token source's error says of itself that it may pass.
func sourceMayRecover(err error) bool {
	if len(callErrors(err)) > 0 {
		return IsRetryable(err)
	}
	var timeout interface{ Timeout() bool }
	var network net.Error
	return errors.As(err, &timeout) && timeout.Timeout() || errors.As(err, &network) ||
		errors.Is(err, io.ErrUnexpectedEOF)
}
