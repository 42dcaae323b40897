package promptorchestra

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prompt-orchestra/promptorchestra-go/internal/transport"
)

// exchange hands the call to the engine and captures the answer where asked to.
func (r *request) exchange(ctx context.Context) {
	started := time.Now()
	r.observe(ctx)
	x := &r.x
	r.client.core.engine.Do(ctx, x)
	if to := r.options.response; to != nil {
		*to = Response{Attempts: x.Attempts}
		if x.Answered {
			to.StatusCode, to.Header, to.RequestID = x.Status, x.Headers.Clone(), r.requestID()
			to.Body = bytes.Clone(r.body())
		}
	}
	r.logCall(ctx, started)
}

// body returns the answer for errors, without the token, which a server or a
// proxy may echo.
func (r *request) body() []byte {
	body := r.x.Bytes()
	for _, authorization := range r.x.Authorization {
		token := strings.TrimPrefix(authorization, "Bearer ")
		if len(token) >= minSecret && containsText(body, token) {
			body = bytes.ReplaceAll(body, []byte(token), []byte(redacted))
		}
	}
	return body
}

// requestID returns what names the request for support, likewise.
func (r *request) requestID() string {
	id := r.x.Headers.Get("X-Request-Id")
	for _, authorization := range r.x.Authorization {
		if token := strings.TrimPrefix(authorization, "Bearer "); len(token) >= minSecret {
			id = strings.ReplaceAll(id, token, redacted)
		}
	}
	return id
}

// minSecret keeps both from words: a token shorter than this is for tests.
const minSecret = 8

// containsText is bytes.Contains without an allocation for the text.
func containsText(body []byte, text string) bool {
	for {
		i := bytes.IndexByte(body, text[0])
		if i < 0 || len(body)-i < len(text) {
			return false
		}
		if string(body[i:i+len(text)]) == text {
			return true
		}
		body = body[i+1:]
	}
}

// failure returns what went wrong, as one of the error types, or nil.
func (r *request) failure() error {
	x := &r.x
	if x.Ended != nil {
		e := &TransportError{Err: x.Ended}
		if last := r.attemptFailure(); last != nil {
			e.OutcomeUnknown = OutcomeUnknown(last)
			e.Err = fmt.Errorf("%w while waiting to try again; before that: %w", x.Ended, last)
		}
		e.CallInfo = r.info()
		return e
	}
	return r.attemptFailure()
}

// attemptFailure returns what went wrong with the last attempt.
func (r *request) attemptFailure() error {
	x := &r.x
	switch {
	case !x.Answered:
		if unusable, ok := x.Failure.(*ArgumentError); ok { //nolint:errorlint // of setSource, not what a source's error wraps
			return r.refuse(unusable)
		}
		e := &TransportError{OutcomeUnknown: !x.Unsent && !x.Safe, Err: x.Failure}
		e.CallInfo = r.info()
		return e
	case x.Success():
		if x.Failure == nil {
			return nil
		}
		return r.decodeError(x.Failure)
	default:
		e := &APIError{RequestID: r.requestID(), Err: x.Failure, partial: x.Partial}
		e.RetryAfter, _ = transport.RetryAfter(x.Headers, time.Now())
		e.decode(x.Status, r.body())
		e.CallInfo = r.info()
		return e
	}
}

// decodeError reports an answer that arrived and cannot be used.
func (r *request) decodeError(err error) error {
	e := &DecodeError{
		StatusCode: r.x.Status, RequestID: r.requestID(), Body: bytes.Clone(r.body()), Err: err,
	}
	e.CallInfo = r.info()
	return e
}

// refuse completes an ArgumentError with the call it is about.
func (r *request) refuse(err error) error {
	var argument *ArgumentError
	if !errors.As(err, &argument) {
		argument = &ArgumentError{Argument: "body", Reason: err.Error(), Err: err}
	}
	e := *argument
	e.CallInfo = r.info()
	return &e
}

// info says which call this is, as errors, observers and RoundTrippers are told.
func (r *request) info() CallInfo {
	route := r.call.route
	info := CallInfo{
		Op: route.op, Method: route.method, Path: route.path, Attempts: r.x.Attempts, Repeatable: r.safe(),
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
	if body := r.x.Body.Bytes(); len(body) > 0 {
		collectIDs(body, ids)
	}
	if len(ids) > 0 {
		info.Resource = ids
	}
	return info
}

// isIDName reports whether a member names a resource: "promptId", "leftRunId".
func isIDName(name string) bool { return strings.HasSuffix(name, "Id") && name != "organizationId" }

// collectIDs adds the ids of a request's body, those of nested lists by their
// path, "steps[2].promptId". The user's own data is not looked into.
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
