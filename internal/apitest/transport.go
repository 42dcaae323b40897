package apitest

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// A RoundTripFunc is a func as an http.RoundTripper.
type RoundTripFunc func(*http.Request) (*http.Response, error)

// RoundTrip calls f.
func (f RoundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Stub returns f with what the network does before it: the request's body is read and closed.
func Stub(f RoundTripFunc) RoundTripFunc {
	return func(r *http.Request) (*http.Response, error) {
		if r.Body != nil {
			_, _ = io.Copy(io.Discard, r.Body)
			_ = r.Body.Close()
		}
		return f(r)
	}
}

// Response returns a response with a body and headers, names and values in turns.
func Response(status int, body string, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{
		StatusCode: status, Header: h, ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader([]byte(body))),
	}
}

// OwnPool gives a client connections of its own, which end with the test.
func OwnPool(t testing.TB) promptorchestra.Option {
	t.Helper()
	pool := &http.Transport{MaxIdleConnsPerHost: 512}
	t.Cleanup(pool.CloseIdleConnections)
	return promptorchestra.WithTransport(pool)
}

// FailingDial rejects the first dials, as a closed port does.
func FailingDial(t testing.TB, failures int32) (promptorchestra.Option, *atomic.Int32) {
	t.Helper()
	var dials atomic.Int32
	pool := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if dials.Add(1) <= failures {
			addr = "127.0.0.1:1" // a port that nobody is given by chance
		}
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}}
	t.Cleanup(pool.CloseIdleConnections)
	return promptorchestra.WithTransport(pool), &dials
}
