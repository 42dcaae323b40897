package transport

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// owner makes the calls of this package's tests.
type owner struct {
	header func(ctx context.Context) (http.Header, error)
}

func (o *owner) Header(ctx context.Context) (http.Header, error) {
	if o.header != nil {
		return o.header(ctx)
	}
	return http.Header{}, nil
}
func (o *owner) Renew(context.Context, *Result) bool { return false }
func (o *owner) IsWhole(body []byte) bool            { return !strings.HasSuffix(string(body), "...") }
func (o *owner) IsFinal(_ int, body []byte) bool     { return string(body) == "final" }

// roundTripFunc is a func as an http.RoundTripper.
type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func respond(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{}, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)),
	}
}

// newEngine returns an engine with the SDK's own policy.
func newEngine(f roundTripFunc) *Engine {
	return NewEngine(f, nil, Policy{Budget: 100, MinWait: 500 * time.Millisecond, MaxWait: 8 * time.Second, MaxRetryAfter: time.Minute})
}

func get(t *testing.T) *Call {
	t.Helper()
	return &Call{Method: http.MethodGet, Idempotent: true, Retries: 3, MaxBytes: 1000, Bucket: "org_1", Owner: new(owner)}
}

func post(t *testing.T) *Call {
	t.Helper()
	call := get(t)
	call.Method, call.Idempotent, call.Body = http.MethodPost, false, []byte(`{"a":1}`)
	return call
}
