package promptorchestra

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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
			Err: r.tokens().err(result.Err), source: isSourceError(result.Err),
		}
	case result.Success():
		if result.Err == nil {
			return nil
		}
		return r.decodeError(result.Err)
	default:
		e := &APIError{
			CallInfo: r.info(), RequestID: r.requestID(), Err: r.tokens().err(result.Err), partial: result.Partial,
		}
		e.RetryAfter, _ = transport.RetryAfter(result.Header, time.Now())
		e.decode(result.StatusCode, result.Body, r.tokens())
		if errors.Is(result.Err, transport.ErrEncoded) {
			e.Message = result.Err.Error() // the body's text is binary
		}
		return e
	}
}

// decodeError reports a successful response that cannot be used.
func (r *request) decodeError(err error) error {
	return &DecodeError{
		CallInfo: r.info(), StatusCode: r.result.StatusCode, RequestID: r.requestID(),
		Body: bytes.Clone(r.body()), Err: r.tokens().err(err),
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
func (r *request) tokens() secrets { return r.authorization }

// body returns the response's body for errors, without the token: a server or a proxy may echo it.
func (r *request) body() []byte { return r.tokens().bytes(r.result.Body) }

// requestID returns the id of the request for support, without the token.
func (r *request) requestID() string { return r.tokens().text(r.result.Header.Get("X-Request-Id")) }

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
