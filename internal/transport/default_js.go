package transport

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"syscall/js"
)

// newDefault returns the transport of the clients that have none of their own: fetch, by way of
// http.DefaultTransport. It has no hooks, so that a failed execution counts as sent.
func newDefault() (rt http.RoundTripper, hooks bool) { return fetch{}, false }

// newDial returns nil: a transport with a dialer does not use fetch.
func newDial() func(ctx context.Context, network, address string) (net.Conn, error) { return nil }

// fetch follows no redirect, which the API of that name does unless it is told not to.
type fetch struct{ NetHTTP }

var errRedirect = errors.New("the server redirected the request; the SDK follows no redirect, and fetch does not say where this one leads")

// RoundTrip sends the request.
func (f fetch) RoundTrip(req *http.Request) (*http.Response, error) {
	if !usesFetch() {
		return f.NetHTTP.RoundTrip(req)
	}
	req = req.Clone(req.Context())
	req.Header.Set("js.fetch:redirect", "manual")
	resp, err := f.NetHTTP.RoundTrip(req)
	if err == nil && resp.StatusCode == 0 { // a browser hides the response
		_ = resp.Body.Close() // its error changes nothing
		return nil, errRedirect
	}
	return resp, err
}

// usesFetch reports whether net/http does. In Node it serves an imitation of a network, for tests,
// and that header is none to it.
func usesFetch() bool {
	process := js.Global().Get("process")
	inNode := process.Type() == js.TypeObject && strings.HasPrefix(process.Get("argv0").String(), "node")
	_, untouched := http.DefaultTransport.(*http.Transport)
	return untouched && !inNode && !js.Global().Get("fetch").IsUndefined()
}
