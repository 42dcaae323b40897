package transport

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/prompt-orchestra/promptorchestra-go/internal/redact"
)

// sharedTransport is the transport of the clients that have none of their own. It speaks HTTP/1.1:
// a server that closes connections leaves no request of unknown outcome there, and a dead
// connection fails one call and not all.
var sharedTransport = NewTransport()

// freshTransport is sharedTransport with a new connection for each request. They share their TLS
// sessions.
var freshTransport = func() *http.Transport {
	t := sharedTransport.Clone()
	t.DisableKeepAlives = true
	return t
}()

// defaultTransport is what clients without a transport of their own send through, and what their
// wrappers wrap.
type defaultTransport struct{}

// RoundTrip sends the request, over a new connection where the engine asks for one.
func (defaultTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	t := sharedTransport
	if r := resultOf(req.Context()); r != nil && r.fresh.Load() {
		t = freshTransport
	}
	return t.RoundTrip(req) //nolint:wrapcheck // a RoundTripper passes on what it gets
}

// CloseIdleConnections closes the idle connections of all clients that send through it.
func (defaultTransport) CloseIdleConnections() { sharedTransport.CloseIdleConnections() }

// NetHTTP sends through what http.DefaultTransport is at the time of each request, as an
// http.Client without a Transport does: programs and tests replace it.
type NetHTTP struct{}

// RoundTrip sends the request.
func (NetHTTP) RoundTrip(req *http.Request) (*http.Response, error) {
	if http.DefaultTransport == nil {
		return nil, fmt.Errorf("http.DefaultTransport is nil: %w", ErrNotSent)
	}
	return http.DefaultTransport.RoundTrip(req) //nolint:wrapcheck // a RoundTripper passes on what it gets
}

// CloseIdleConnections closes the idle connections of http.DefaultTransport, if it can do that.
func (NetHTTP) CloseIdleConnections() {
	if t, ok := http.DefaultTransport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// NewTransport returns a transport with the settings of the default one.
func NewTransport() *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		OnProxyConnectResponse: checkProxy,
		DialContext:            newDial(),
		Protocols:              protocols,
		// Only the newest session of a server is of use, and a client has few servers.
		TLSClientConfig:        &tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(0)},
		MaxIdleConnsPerHost:    512,             // and no limit over all hosts
		IdleConnTimeout:        4 * time.Second, // less than the 5 s of Node servers
		TLSHandshakeTimeout:    10 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 256 << 10,
	}
}

// ProxyError means that a proxy did not open a tunnel to the server. Nothing was sent.
type ProxyError struct {
	Proxy      string // its address
	StatusCode int    // of its response to CONNECT
	Status     string // the status code with its text
	Body       []byte // the first 4 KiB of its response
}

// Error returns the proxy, the status and the beginning of the body.
func (e *ProxyError) Error() string {
	text := fmt.Sprintf("the proxy %s rejected CONNECT: %s", e.Proxy, e.Status)
	if said := bytes.Join(bytes.Fields(e.Body), []byte(" ")); len(said) > 0 {
		text += ": " + string(said)
	}
	return text
}

// checkProxy is net/http's hook for the response to CONNECT, which may show what it was sent.
func checkProxy(ctx context.Context, proxy *url.URL, connect *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	secrets := userSecrets(proxy)
	for _, values := range connect.Header {
		secrets = append(secrets, values...)
	}
	secrets = redact.LongestFirst(secrets)
	return &ProxyError{
		Proxy: proxy.Host, StatusCode: resp.StatusCode, Status: secrets.Text(resp.Status),
		Body: secrets.Bytes(readBriefly(ctx, resp.Body)),
	}
}

// userSecrets returns the password in a URL, and what a proxy is sent of it.
func userSecrets(u *url.URL) redact.Tokens {
	if u == nil || u.User == nil {
		return nil
	}
	password, _ := u.User.Password()
	both := u.User.Username() + ":" + password
	return redact.Tokens{password, both, base64.StdEncoding.EncodeToString([]byte(both))}
}

// ProxySecrets returns the credentials that a proxy is sent with a plain http request to u.
func (e *Engine) ProxySecrets(u *url.URL) []string {
	t, _ := e.inner.(*http.Transport)
	if e.inner == (defaultTransport{}) {
		t = sharedTransport
	}
	if t == nil || t.Proxy == nil {
		return nil
	}
	proxy, _ := t.Proxy(&http.Request{URL: u, Host: u.Host, Header: noHeader})
	secrets := userSecrets(proxy)
	for _, values := range t.ProxyConnectHeader {
		secrets = append(secrets, values...)
	}
	return secrets
}

// readBriefly reads the beginning of a body, for a second at most. net/http closes the connection
// afterwards, which ends a read that still waits.
func readBriefly(ctx context.Context, body io.Reader) []byte {
	const most = 4 << 10
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	read := make(chan byte, most) // has room for all, so that the goroutine never waits for it
	go func() {
		defer close(read)
		reader := bufio.NewReader(io.LimitReader(body, most))
		for b, err := reader.ReadByte(); err == nil; b, err = reader.ReadByte() {
			read <- b
		}
	}()
	var said []byte
	for {
		select {
		case b, more := <-read:
			if !more {
				return said
			}
			said = append(said, b)
		case <-ctx.Done():
			return said
		}
	}
}
