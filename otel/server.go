package promptorchestraotel

import (
	"net/url"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// endpoint is where requests go: server.address and server.port.
type endpoint struct {
	address string // "" if it is not known
	port    int
}

func (e endpoint) appendTo(attrs []attribute.KeyValue) []attribute.KeyValue {
	if e.address == "" {
		return attrs
	}
	return append(attrs, semconv.ServerAddress(e.address), semconv.ServerPort(e.port))
}

// server is the endpoint of a base URL.
type server struct {
	endpoint

	base string // as in CallInfo.Server
	url  *url.URL
}

// serverOf returns the server of a call. It keeps the last one, because most clients share a server.
func (t *telemetry) serverOf(base string) *server {
	if s := t.server.Load(); s != nil && s.base == base {
		return s
	}
	u, err := url.Parse(base)
	if err != nil {
		u = &url.URL{}
	}
	s := &server{newEndpoint(u), base, u}
	t.server.Store(s)
	return s
}

// at returns the server of a request: another one if a RoundTripper sent it elsewhere.
func (s *server) at(u *url.URL) *server {
	if u.Host == s.url.Host && u.Scheme == s.url.Scheme {
		return s
	}
	return &server{endpoint: newEndpoint(u), url: u}
}

func newEndpoint(u *url.URL) endpoint {
	port, err := strconv.Atoi(u.Port())
	switch {
	case err == nil:
	case u.Scheme == "http":
		port = 80
	default:
		port = 443
	}
	return endpoint{u.Hostname(), port}
}
