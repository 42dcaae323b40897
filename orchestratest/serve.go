package orchestratest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"
)

// maxBody is more than any request of this API needs.
const maxBody = 16 << 20

// response is a response with how it ends. It is made once; socket and transport act it out.
type response struct {
	status int
	header http.Header
	body   []byte
	end    ending
	cutAt  int           // how many bytes of a cut body arrive
	slow   time.Duration // how long the body takes
}

type ending int

const (
	whole   ending = iota
	cut            // the connection is closed within the body
	dropped        // the connection is closed without a response
)

// respond is what happens to every request: it is recorded, then a queued fault or the route
// produces the response. It returns when it is time to send that.
func (s *Server) respond(r *http.Request) response {
	if !s.serves(r.Host) {
		s.settings.logger.Warn("rejected", "method", r.Method, "host", r.Host)
		return jsonResponse(http.StatusForbidden, object{"error": fmt.Sprintf(
			"this server does not serve the host %q: use a loopback address, or name the host with -host (in Go WithHostNames)", r.Host)})
	}
	switch {
	case s.settings.control && strings.HasPrefix(r.URL.Path, controlPath):
		return s.control(r)
	case s.settings.control && r.URL.Path == "/" && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		return showPage(r)
	}
	started := time.Now()
	found, params, allowed := findRoute(r.Method, r.URL.EscapedPath())
	request, fault := s.record(r, found)
	resp := s.meet(r, fault, func(body []byte, tooLarge error) response {
		s.keepBody(request, body)
		switch misuse := s.Err(); {
		case tooLarge != nil:
			return encodeFailure(found, tooLarge)
		case misuse != nil:
			return jsonResponse(http.StatusInternalServerError, object{"error": misuse.Error(), "retryable": false})
		case fault.responds():
			return fault.response(found)
		case found == nil:
			return noRoute(r, allowed)
		}
		return s.handle(r, found, params, body)
	})
	if resp.end != dropped {
		resp.header.Set("X-Request-Id", request.RequestID)
		resp.header.Set("Date", s.settings.clock().UTC().Format(http.TimeFormat))
		maps.Copy(resp.header, fault.header)
	}
	s.keepResponse(request, resp, max(time.Since(started), 1))
	s.settings.logger.Info("request", "method", r.Method, "path", request.Path, "op", request.Op,
		"status", request.Status, "duration", request.Duration, "request_id", request.RequestID)
	return resp
}

// meet reads a request and lets it have its effect, as far as the fault wants that.
func (s *Server) meet(r *http.Request, fault *Fault, effect func(body []byte, tooLarge error) response) response {
	if fault.kind == dropBefore {
		pause(r.Context(), fault.delay)
		return response{end: dropped}
	}
	body, err := readAll(r)
	resp := effect(body, err)
	if !pause(r.Context(), fault.delay) || fault.kind == dropAfter {
		return response{end: dropped}
	}
	switch fault.kind {
	case cutBody:
		resp.end, resp.cutAt = cut, min(fault.count, len(resp.body))
	case slowBody:
		resp.slow = fault.duration
	}
	return resp
}

// readAll reads a body into no more memory than it needs: it stays in the journal. The body is
// never nil.
func readAll(r *http.Request) ([]byte, error) {
	size := r.ContentLength
	if size == 0 {
		return []byte{}, nil
	}
	if size < 0 || size > maxBody {
		size = 0
	}
	var buf bytes.Buffer
	buf.Grow(int(size) + bytes.MinRead) // ReadFrom wants to see the end
	_, err := buf.ReadFrom(http.MaxBytesReader(nil, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		why := fmt.Sprintf("The request body is larger than %d bytes", tooLarge.Limit)
		return buf.Bytes(), failed(http.StatusRequestEntityTooLarge, "payload_too_large", "validation", why, "Send less at once.")
	case err != nil:
		return buf.Bytes(), badRequest("the request body could not be read: " + err.Error())
	}
	return buf.Bytes(), nil
}

// handle runs the route of a request.
func (s *Server) handle(r *http.Request, found *route, params map[string]string, body []byte) response {
	s.state.Lock()
	defer s.state.Unlock()
	c := &call{srv: s, request: r, route: found, params: params, query: r.URL.Query()}
	result := c.run(body)
	if !c.ok() {
		return encodeFailure(found, c.failed)
	}
	status := http.StatusOK
	if found.is(creates) {
		status = http.StatusCreated
	}
	return jsonResponse(status, result)
}

// noRoute is the response to a path or method that the API does not have.
func noRoute(r *http.Request, allowed []string) response {
	path := r.URL.EscapedPath()
	if len(allowed) == 0 {
		return jsonResponse(http.StatusNotFound, object{"error": "not_found", "message": fmt.Sprintf("Cannot %s %s", r.Method, path)})
	}
	resp := jsonResponse(http.StatusMethodNotAllowed, object{"error": "method_not_allowed", "message": fmt.Sprintf("%s does not take %s", path, r.Method)})
	resp.header.Set("Allow", strings.Join(allowed, ", "))
	return resp
}

func jsonResponse(status int, value any) response {
	encoded, err := encode(value)
	if err != nil {
		status, encoded = http.StatusInternalServerError, fmt.Appendf(nil, `{"error":%q}`, "orchestratest: encode the response: "+err.Error())
	}
	return response{status: status, header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}, body: encoded}
}

// hasBody reports whether a response with this status may have a body.
func (resp response) hasBody() bool {
	return resp.status != http.StatusNoContent && resp.status != http.StatusNotModified
}

// content is the body of a response as it arrives: in pieces, with a pause before each, when it is
// slow, and with an error at its end when it is cut.
func (resp response) content(ctx context.Context) *content {
	const pieces = 10
	c := &content{ctx: ctx, left: resp.body, size: max(len(resp.body), 1), end: io.EOF}
	if resp.end == cut && resp.cutAt < len(resp.body) {
		c.left, c.end = resp.body[:resp.cutAt], io.ErrUnexpectedEOF
	}
	if resp.slow > 0 {
		c.size = max(len(resp.body)/pieces, 1)
		c.pause = resp.slow / time.Duration(max((len(resp.body)+c.size-1)/c.size, 1))
	}
	return c
}

type content struct {
	ctx   context.Context //nolint:containedctx // of the request, which a Reader has no other place for
	left  []byte
	size  int // of a piece
	ready int // how much of the present piece is left
	pause time.Duration
	end   error
}

func (c *content) Read(p []byte) (int, error) {
	if len(c.left) == 0 {
		return 0, c.end
	}
	if c.ready == 0 {
		if !pause(c.ctx, c.pause) {
			return 0, context.Cause(c.ctx) //nolint:wrapcheck // as net/http returns it
		}
		c.ready = min(c.size, len(c.left))
	}
	n := copy(p, c.left[:c.ready])
	c.left, c.ready = c.left[n:], c.ready-n
	return n, nil
}

// pause waits and reports whether the client and the server are still there.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
