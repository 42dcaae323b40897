//go:build !js

package transport

import (
	"context"
	"net"
	"net/http"
	"time"
)

// newDefault returns the transport of the clients that have none of their own. Its hooks tell
// whether a request was sent.
func newDefault() (rt http.RoundTripper, hooks bool) { return defaultTransport{}, true }

func newDial() func(ctx context.Context, network, address string) (net.Conn, error) {
	return (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext
}
