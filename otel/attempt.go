package promptorchestraotel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// transport gives each attempt of a call a span.
type transport struct {
	*telemetry

	next http.RoundTripper
}

// wrap is the client's transport wrapper.
func (t *telemetry) wrap(next http.RoundTripper) http.RoundTripper { return &transport{t, next} }

// attempt is one request of a call, and its context. It is also the body of its response, with which
// its span ends.
type attempt struct {
	context.Context //nolint:containedctx // it is one

	call   *call
	span   trace.Span
	server *server
	body   io.ReadCloser

	method         string
	started, ended time.Time
	status         int
	protocol       string // "1.1"
	err            error  // why there is no response, or not all of it
}

// Value returns the attempt for the key of calls, so that no RoundTripper below takes it for the call.
func (a *attempt) Value(key any) any {
	if key == (callKey{}) {
		return a
	}
	return a.Context.Value(key)
}

// RoundTrip sends an attempt in a span beneath its call's.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	c, ok := req.Context().Value(callKey{}).(*call)
	if !ok || c.telemetry != t.telemetry { // another client's, without the call's context, or already an attempt
		return t.next.RoundTrip(req) //nolint:wrapcheck // a RoundTripper passes on what it gets
	}
	if t.withoutAttempts {
		sent, err := c.captureVariables(req)
		if err != nil {
			return nil, err
		}
		return t.next.RoundTrip(sent) //nolint:wrapcheck // see above
	}
	a := c.newAttempt(req)
	// A RoundTripper must not change the request that it was given.
	sent := req.WithContext(a) //nolint:contextcheck // a is the request's, with the span
	sent.Header = maps.Clone(req.Header)
	t.propagator.Inject(a, propagation.HeaderCarrier(sent.Header)) //nolint:contextcheck // likewise
	sent, err := c.captureVariables(sent)
	if err != nil {
		a.end(err)
		return nil, err
	}
	resp, err := t.next.RoundTrip(sent)
	if err != nil || resp == nil {
		a.end(err)
		return resp, err //nolint:wrapcheck // see above
	}
	a.receive(req, resp)
	return resp, nil
}

// newAttempt begins an attempt, and ends the span of the one before, which was retried.
func (c *call) newAttempt(req *http.Request) *attempt {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finishRetried()
	c.attempts++
	a := &attempt{call: c, method: req.Method, server: c.server.at(req.URL), started: time.Now()}
	// The query is left out: it may hold the caller's data.
	full := req.URL.Scheme + "://" + req.URL.Host + req.URL.EscapedPath()
	attrs := make([]attribute.KeyValue, 0, 8)
	attrs = append(attrs, operationKey.String(c.info.Op), semconv.HTTPRequestMethodKey.String(req.Method), semconv.URLFull(full))
	attrs = a.server.appendTo(attrs)
	name := req.Method
	if c.info.Path != "" {
		name += " " + c.info.Path
		attrs = append(attrs, semconv.URLTemplate(c.info.Path))
	}
	if c.attempts > 1 {
		attrs = append(attrs, semconv.HTTPRequestResendCount(c.attempts-1))
	}
	a.Context, a.span = c.tracer.Start(req.Context(), name, kindClient, trace.WithTimestamp(a.started),
		trace.WithAttributes(c.filter(attrs)...))
	return a
}

// receive takes the response, and replaces its body with the attempt.
func (a *attempt) receive(req *http.Request, resp *http.Response) {
	a.status = resp.StatusCode
	_, a.protocol, _ = strings.Cut(resp.Proto, "/")
	if a.span.IsRecording() {
		attrs := make([]attribute.KeyValue, 0, 3)
		attrs = append(attrs, semconv.HTTPResponseStatusCode(a.status))
		attrs = appendText(attrs, semconv.NetworkProtocolVersionKey, a.protocol)
		if id := resp.Header.Get("X-Request-Id"); id != "" && !echoes(id, req) {
			attrs = append(attrs, semconv.HTTPResponseHeader("x-request-id", id))
		}
		a.span.SetAttributes(a.call.filter(attrs)...)
	}
	if resp.Body == nil || resp.Body == http.NoBody {
		a.end(nil)
		return
	}
	a.body, resp.Body = resp.Body, a
}

// echoes reports whether a server's text holds the request's bearer token.
func echoes(text string, req *http.Request) bool {
	token := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
	return token != "" && strings.Contains(text, token)
}

// Read reads the response.
func (a *attempt) Read(p []byte) (int, error) {
	n, err := a.body.Read(p)
	if err != nil {
		a.end(err)
	}
	return n, err //nolint:wrapcheck // a Reader's errors stay themselves
}

// Close ends the response.
func (a *attempt) Close() error {
	a.end(nil)
	return a.body.Close() //nolint:wrapcheck // the body's own
}

// end notes when the attempt ended. Its span ends later, when the kind of its failure is known: once
// the call ends or another attempt begins.
func (a *attempt) end(err error) {
	c := a.call
	c.mu.Lock()
	defer c.mu.Unlock()
	if !a.ended.IsZero() {
		return
	}
	a.ended = time.Now()
	if !errors.Is(err, io.EOF) {
		a.err = err
	}
	if c.ended {
		a.finish(a.ownKind()) // it outlived its call
		return
	}
	c.finishRetried() // a concurrent attempt
	c.last = a
}

// finishRetried ends the span of an attempt that another one follows.
func (c *call) finishRetried() {
	if a := c.last; a != nil {
		a.finish(a.ownKind())
	}
	c.last = nil
}

// finishLast ends the span of the last attempt. If its failure is the call's, it has the call's kind.
func (c *call) finishLast(result *promptorchestra.CallResult, kind promptorchestra.Kind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.last
	c.last, c.ended = nil, true
	switch {
	case a == nil:
	case a.failed() && result.Err != nil && result.StatusCode == a.status:
		a.finish(kind)
	default:
		a.finish(a.ownKind())
	}
}

func (a *attempt) failed() bool {
	return a.err != nil || a.status == 0 || a.status >= http.StatusBadRequest
}

// ownKind returns the kind of an attempt's failure as far as the attempt shows it; "" for none.
func (a *attempt) ownKind() promptorchestra.Kind {
	switch {
	case !a.failed():
		return ""
	case a.err != nil:
		_, kind := a.call.outcomeOf(&promptorchestra.TransportError{Err: a.err})
		return kind
	default:
		return promptorchestra.KindOf(&promptorchestra.APIError{StatusCode: a.status})
	}
}

// finish ends the span, and measures the attempt.
func (a *attempt) finish(kind promptorchestra.Kind) {
	if kind != "" && a.span.IsRecording() {
		a.span.SetAttributes(a.call.filter([]attribute.KeyValue{semconv.ErrorTypeKey.String(string(kind))})...)
		description := ""
		if a.err != nil {
			description = a.call.description(a.err)
		}
		a.span.SetStatus(codes.Error, description)
	}
	if a.span.IsRecording() { // it lasts exactly as long as the measurement says
		a.span.End(trace.WithTimestamp(a.ended))
	} else {
		a.span.End()
	}
	a.call.recordAttempt(a, kind)
}

// captureVariables keeps the variables in a request's body, if content is captured. It returns the
// request, or a copy with a new body if it has read the body.
func (c *call) captureVariables(req *http.Request) (*http.Request, error) {
	if !c.captureContent || c.model == nil || req.Body == nil {
		return req, nil
	}
	body, err := io.ReadAll(req.Body)
	_ = req.Body.Close() // it was read to its end
	if err != nil {
		return nil, err //nolint:wrapcheck // the body's own
	}
	req = req.WithContext(req.Context())
	req.Body = io.NopCloser(bytes.NewReader(body))
	var members struct {
		Variables json.RawMessage `json:"variables"`
	}
	if json.Unmarshal(body, &members) == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.ended {
			c.input = string(members.Variables)
		}
	}
	return req, nil
}
