package promptorchestra

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
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
		r.describe(&e.Op, &e.Method, &e.Path, &e.Organization, &e.Resource, &e.Attempts, &e.Repeatable)
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
		r.describe(&e.Op, &e.Method, &e.Path, &e.Organization, &e.Resource, &e.Attempts, &e.Repeatable)
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
		r.describe(&e.Op, &e.Method, &e.Path, &e.Organization, &e.Resource, &e.Attempts, &e.Repeatable)
		return e
	}
}

// decodeError reports an answer that arrived and cannot be used.
func (r *request) decodeError(err error) error {
	e := &DecodeError{
		StatusCode: r.x.Status, RequestID: r.requestID(), Body: bytes.Clone(r.body()), Err: err,
	}
	r.describe(&e.Op, &e.Method, &e.Path, &e.Organization, &e.Resource, &e.Attempts, &e.Repeatable)
	return e
}

// refuse completes an ArgumentError with the call it is about.
func (r *request) refuse(err error) error {
	var argument *ArgumentError
	if !errors.As(err, &argument) {
		argument = &ArgumentError{Argument: "body", Reason: err.Error(), Err: err}
	}
	e := *argument
	r.describe(&e.Op, &e.Method, &e.Path, &e.Organization, &e.Resource, &e.Attempts, &e.Repeatable)
	return &e
}

// describe fills in what all four error types say of their call.
func (r *request) describe(
	op, method, path, organization *string, resource *map[string]string, attempts *int, repeatable *bool,
) {
	route := r.call.route
	*op, *method, *path, *repeatable = route.op, route.method, route.path, r.safe()
	if r.client != nil {
		*organization = r.client.organization
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
	*attempts = r.x.Attempts
	if body := r.x.Body.Bytes(); len(body) > 0 {
		collectIDs(body, ids)
	}
	if len(ids) > 0 {
		*resource = ids
	}
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

// accept lets an answer pass that has a member of an unexpected type: all the
// rest of it is decoded by then. It is logged by its name, but for Do: in the
// caller's own type that may be a key of the user's data.
func (r *request) accept(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var mismatch *json.UnmarshalTypeError
	if !errors.As(err, &mismatch) {
		return err
	}
	if !r.call.custom {
		r.logMismatch(ctx, mismatch)
	}
	return nil
}

var (
	errNoBody    = errors.New("the answer has no body")
	errNull      = errors.New("the answer is null")
	errHTML      = errors.New("the answer is an HTML page, not JSON: it came from a proxy, or the base URL is wrong")
	errNotObject = errors.New("the answer is not a JSON object")
	errTrailing  = errors.New("the answer goes on after the list")
	errNotList   = errors.New("the answer is neither a JSON array nor an object that holds one array")
)

// opening returns the first byte of a JSON answer, or why it is none.
func opening(body []byte) (byte, error) {
	switch text := bytes.TrimLeft(body, " \t\r\n"); {
	case len(text) == 0:
		return 0, errNoBody
	case text[0] == '<':
		return 0, errHTML
	case bytes.Equal(bytes.TrimRight(text, " \t\r\n"), []byte("null")):
		return 0, errNull
	default:
		return text[0], nil
	}
}

func decodeAny(body []byte, out any) error {
	if _, err := opening(body); err != nil {
		return err
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("decoding the answer: %w", err)
	}
	return nil
}

// decodeWhole does not take an answer for a mere member of an unexpected type: a
// wrong guess at an unknown endpoint must not look like an empty answer.
func decodeWhole(body []byte, out any) error {
	err := decodeAny(body, out)
	var mismatch *json.UnmarshalTypeError
	if !errors.As(err, &mismatch) || mismatch.Field != "" {
		return err
	}
	whole := reflect.TypeOf(out)
	for whole.Kind() == reflect.Pointer {
		whole = whole.Elem()
	}
	found, _, _ := strings.Cut(mismatch.Value, " ")
	if mismatch.Type != whole || found != kindOfJSON(body) { // of an element, when the type holds itself
		return err
	}
	return fmt.Errorf("the answer is a JSON %s, which does not fit %v", found, whole)
}

// kindOfJSON names what a value begins as, in encoding/json's words.
func kindOfJSON(value []byte) string {
	switch bytes.TrimLeft(value, " \t\r\n")[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "bool"
	default:
		return "number"
	}
}

func decodeRecord(body []byte, out any) error {
	begin, err := opening(body)
	if err == nil && begin != '{' && json.Valid(body) {
		err = errNotObject
	}
	if err != nil {
		return err
	}
	return decodeAny(body, out)
}

func decodeList(body []byte, out any) error {
	begin, err := opening(body)
	switch {
	case err != nil:
		return err
	case begin == '[':
		return decodeAny(body, out)
	case begin != '{' && json.Valid(body):
		return errNotList
	}
	if err := decodeAny(body, &struct{}{}); err != nil { // is it JSON at all?
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	_, _ = dec.Token()
	var found json.RawMessage
	for dec.More() { // a map would lose members that come twice
		var member json.RawMessage
		_, _ = dec.Token()
		if err := dec.Decode(&member); err != nil || member[0] == '[' && found != nil {
			return errNotList
		}
		if member[0] == '[' {
			found = member
		}
	}
	if found == nil {
		return errNotList
	}
	return decodeAny(found, out)
}

// countElements guesses from the first element how many a list has, so that the
// slice need not grow again and again. A wrong guess costs little.
func countElements(list []byte) int {
	const most = 4096
	list = bytes.TrimLeft(list, "[ \t\r\n")
	size, _ := valueEnd(list)
	if size < 2 {
		return 0
	}
	return min(len(list)/size+1, most)
}
