package orchestratest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxBody is more than any request of this API needs.
const maxBody = 16 << 20

// response is a response before it is sent, whole, so that faults can spoil it.
type response struct {
	status int
	header http.Header
	body   []byte
}

// serve is what happens to every request: it is recorded, then a queued fault or the route produces
// the response, which is then sent as the fault wants it.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.handling.Add(1)
	defer s.handling.Done()
	if s.settings.control && strings.HasPrefix(r.URL.Path, controlPath) {
		s.serveControl(w, r)
		return
	}
	started := time.Now()
	found, params, allowed := findRoute(r.Method, r.URL.EscapedPath())
	op := ""
	if found != nil {
		op = found.name
	}
	request, fault := s.record(r, op)
	defer func() {
		s.settings.logger.Info("request", "method", r.Method, "path", request.Path, "op", op,
			"status", request.Status, "duration", time.Since(started), "request_id", request.RequestID)
	}()
	if fault.kind == dropBefore {
		pause(r.Context(), fault.delay)
		hangUp(w)
		return
	}
	body, err := readAll(http.MaxBytesReader(w, r.Body, maxBody), r.ContentLength)
	s.keepBody(request, body)
	var resp response
	switch misuse := s.Err(); {
	case err != nil:
		resp = encodeFailure(found, badRequest("the request body could not be read: "+err.Error()))
	case misuse != nil:
		resp = jsonResponse(http.StatusInternalServerError, misused{misuse.Error(), false})
	case fault.responds():
		resp = fault.response(found)
	case found == nil:
		resp = noRoute(r, allowed)
	default:
		resp = s.handle(r, found, params, body)
	}
	resp.header.Set("X-Request-Id", request.RequestID)
	resp.header.Set("Date", s.settings.clock().UTC().Format(http.TimeFormat))
	maps.Copy(resp.header, fault.header)
	s.send(w, r, request, resp, fault)
}

// readAll reads a body into no more memory than it needs: it stays in the journal. The body is
// never nil.
func readAll(body io.Reader, size int64) ([]byte, error) {
	if size == 0 {
		return []byte{}, nil
	}
	var buf bytes.Buffer
	if size < 0 || size > maxBody {
		size = 0
	}
	buf.Grow(int(size) + bytes.MinRead) // ReadFrom wants to see the end
	_, err := buf.ReadFrom(body)
	return buf.Bytes(), err
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
		return jsonResponse(http.StatusNotFound, errorMessage{"not_found", fmt.Sprintf("Cannot %s %s", r.Method, path)})
	}
	resp := jsonResponse(http.StatusMethodNotAllowed, errorMessage{"method_not_allowed", fmt.Sprintf("%s does not take %s", path, r.Method)})
	resp.header.Set("Allow", strings.Join(allowed, ", "))
	return resp
}

// misused is the response to everything once the test has made a mistake. No client retries it.
type misused struct {
	Error     string `json:"error"`
	Retryable bool   `json:"retryable"`
}

func jsonResponse(status int, value any) response {
	encoded, err := encode(value)
	if err != nil {
		return textResponse(http.StatusInternalServerError, "orchestratest: encode the response: "+err.Error())
	}
	return response{status, http.Header{"Content-Type": {"application/json; charset=utf-8"}}, encoded}
}

func textResponse(status int, text string) response {
	return response{status, http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, []byte(text)}
}

// send writes a response, or as much of it as the fault lets through.
func (s *Server) send(w http.ResponseWriter, r *http.Request, request *Request, resp response, fault *Fault) {
	if !pause(r.Context(), fault.delay) || fault.kind == dropAfter {
		hangUp(w)
		return
	}
	maps.Copy(w.Header(), resp.header)
	if resp.status >= http.StatusOK && resp.status != http.StatusNoContent && resp.status != http.StatusNotModified {
		w.Header().Set("Content-Length", strconv.Itoa(len(resp.body)))
	}
	s.note(func() { request.Status = resp.status })
	w.WriteHeader(resp.status)
	switch fault.kind {
	case cutBody:
		_, _ = w.Write(resp.body[:min(fault.count, len(resp.body))])
		_ = http.NewResponseController(w).Flush()
		hangUp(w)
	case slowBody:
		trickle(r.Context(), w, resp.body, fault.duration)
	default:
		_, _ = w.Write(resp.body) // the client may be gone
	}
}

// trickle sends a body in ten pieces with a pause before each.
func trickle(ctx context.Context, w http.ResponseWriter, body []byte, total time.Duration) {
	const pieces = 10
	flusher := http.NewResponseController(w)
	_ = flusher.Flush()
	for i := range pieces {
		if !pause(ctx, total/pieces) {
			return
		}
		_, _ = w.Write(body[len(body)*i/pieces : len(body)*(i+1)/pieces])
		_ = flusher.Flush()
	}
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

// hangUp closes the connection of a request with nothing more sent.
func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}
