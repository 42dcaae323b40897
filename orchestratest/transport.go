package orchestratest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// serve acts a response out on a socket.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.handling.Add(1)
	defer s.handling.Done()
	resp := s.respond(r)
	if resp.end == dropped {
		hangUp(w)
		return
	}
	for name, values := range resp.sentHeader() {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.status)
	if resp.end == whole && resp.slow == 0 {
		_, _ = w.Write(resp.body) // the client may be gone
		return
	}
	flusher := http.NewResponseController(w)
	_ = flusher.Flush() // the headers of a slow body come at once
	content, piece := resp.content(r.Context()), make([]byte, 32<<10)
	for {
		n, err := content.Read(piece)
		_, _ = w.Write(piece[:n])
		_ = flusher.Flush()
		switch {
		case err == io.EOF: //nolint:errorlint // as Readers return it
			return
		case err != nil:
			hangUp(w)
			return
		}
	}
}

// hangUp closes the connection of a request with nothing more sent.
func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

// sentHeader is the header with the length of the body.
func (resp response) sentHeader() http.Header {
	header := resp.header.Clone()
	if resp.hasBody() {
		header.Set("Content-Length", strconv.Itoa(len(resp.body)))
	}
	return header
}

// Transport returns a RoundTripper that brings requests to this server, and to no other, without a
// connection: the request is handled in the goroutine of its caller. Faults do to its responses
// what they do on a socket. Like a network it reports nothing to net/http/httptrace about a request
// that is dropped, so that an execution's outcome is unknown then.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

type transport struct{ srv *Server }

var errClosed = errors.New("orchestratest: the server is closed")

// RoundTrip acts a response out without a socket.
func (t transport) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Body != nil {
		defer func() { _ = request.Body.Close() }()
	}
	t.srv.handling.Add(1)
	defer t.srv.handling.Done()
	if err := t.check(request); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(request.Context())
	forget := context.AfterFunc(t.srv.ctx, func() { cancel(errClosed) }) //nolint:contextcheck // both end it
	release := func() { forget(); cancel(nil) }
	resp := t.srv.respond(arrived(ctx, request))
	if err := context.Cause(ctx); err != nil {
		release()
		return nil, err //nolint:wrapcheck // as net/http returns it
	}
	if resp.end == dropped {
		release()
		return nil, fmt.Errorf("orchestratest: the connection was closed without a response: %w", io.EOF)
	}
	received := resp.received(request)
	if received.Body == http.NoBody {
		release()
	} else {
		received.Body = &releasing{resp.content(ctx), release}
	}
	return received, nil
}

// received is the response as a client sees it, with a body that is whole.
func (resp response) received(request *http.Request) *http.Response {
	r := &http.Response{
		Status: fmt.Sprintf("%d %s", resp.status, http.StatusText(resp.status)), StatusCode: resp.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: resp.sentHeader(), Request: request, Body: http.NoBody,
	}
	if resp.hasBody() && request.Method != http.MethodHead {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(resp.body)), int64(len(resp.body))
	}
	return r
}

func (t transport) check(request *http.Request) error {
	switch _, host, _ := strings.Cut(t.srv.URL, "://"); {
	case request.URL == nil || request.URL.Host != host:
		return fmt.Errorf("orchestratest: this transport leads to %s alone", t.srv.URL)
	case t.srv.ctx.Err() != nil:
		return errClosed
	default:
		return context.Cause(request.Context()) //nolint:wrapcheck // as net/http returns it
	}
}

// arrived is a request as a server sees it.
func arrived(ctx context.Context, request *http.Request) *http.Request {
	r := request.Clone(ctx)
	if r.Host == "" {
		r.Host = r.URL.Host
	}
	switch {
	case r.Body == nil:
		r.Body, r.ContentLength = http.NoBody, 0
	case r.ContentLength == 0 && r.Body != http.NoBody:
		r.ContentLength = -1
	}
	return r
}

// releasing is a body that lets go of its context when it is closed.
type releasing struct {
	*content
	release func()
}

func (r *releasing) Close() error {
	r.release()
	return nil
}
