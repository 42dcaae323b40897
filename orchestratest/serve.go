package orchestratest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxBody is more than any request of this API needs.
const maxBody = 16 << 20

// call is one request being handled, with what it was allowed to see.
type call struct {
	srv        *Server
	request    *http.Request
	route      *route
	params     map[string]string // of the path, unescaped
	query      url.Values
	input      input
	org        *organization
	credential *credential
}

// unlocked runs do without the server's state, which an http tool needs: it may
// take long, and may even call this server. What a handler holds stays readable,
// for records are replaced where it matters and never edited in place.
func (c *call) unlocked(do func()) {
	c.srv.state.Unlock()
	defer c.srv.state.Lock()
	do()
}

// answer is a response before it is sent, whole, so that faults can spoil it.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// serve is what happens to every request: it is recorded, then a queued fault
// or the route answers it, then the answer is sent as the fault wants it.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.handling.Add(1)
	defer s.handling.Done()
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
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	s.note(func() { request.Body = body })
	var ans answer
	switch misuse := s.Err(); {
	case err != nil:
		ans = encodeFailure(found, badRequest("the request body could not be read: "+err.Error()))
	case misuse != nil:
		ans = jsonAnswer(http.StatusInternalServerError, misused{misuse.Error(), false})
	case fault.answers():
		ans = fault.answer(found)
	case found == nil:
		ans = noRoute(r, allowed)
	default:
		ans = s.handle(r, found, params, body)
	}
	ans.header.Set("X-Request-Id", request.RequestID)
	maps.Copy(ans.header, fault.header)
	s.send(w, r, request, ans, fault)
}

// handle checks a request and runs its route.
func (s *Server) handle(r *http.Request, found *route, params map[string]string, body []byte) answer {
	s.state.Lock()
	defer s.state.Unlock()
	c := &call{srv: s, request: r, route: found, params: params, query: r.URL.Query()}
	result, err := c.run(body)
	if err != nil {
		return encodeFailure(found, err)
	}
	status := http.StatusOK
	if found.is(creates) {
		status = http.StatusCreated
	}
	return jsonAnswer(status, result)
}

func (c *call) run(body []byte) (any, error) {
	if err := c.authenticate(); err != nil {
		return nil, err
	}
	if c.route.method != http.MethodGet {
		if err := c.readBody(body); err != nil {
			return nil, err
		}
	}
	if err := c.enterOrganization(); err != nil {
		return nil, err
	}
	if err := c.srv.limits.check(c.route); err != nil {
		return nil, err
	}
	return c.route.handle(c)
}

func (c *call) readBody(body []byte) error {
	if media, _, _ := mime.ParseMediaType(c.request.Header.Get("Content-Type")); len(body) > 0 && media != "application/json" {
		return badRequest("Content-Type must be application/json")
	}
	if len(body) == 0 {
		body = []byte("{}")
	}
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(body, &members); err != nil || members == nil {
		return badRequest("the request body must be a JSON object")
	}
	c.input = newInput(members)
	return nil
}

// noRoute answers a path or method that the API does not have.
func noRoute(r *http.Request, allowed []string) answer {
	path := r.URL.EscapedPath()
	if len(allowed) == 0 {
		return jsonAnswer(http.StatusNotFound, errorMessage{"not_found", fmt.Sprintf("Cannot %s %s", r.Method, path)})
	}
	ans := jsonAnswer(http.StatusMethodNotAllowed, errorMessage{"method_not_allowed", fmt.Sprintf("%s does not answer %s", path, r.Method)})
	ans.header.Set("Allow", strings.Join(allowed, ", "))
	return ans
}

// misused answers everything once the test has made a mistake, and no client
// tries again.
type misused struct {
	Error     string `json:"error"`
	Retryable bool   `json:"retryable"`
}

func jsonAnswer(status int, value any) answer {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return textAnswer(http.StatusInternalServerError, "orchestratest: encode the answer: "+err.Error())
	}
	return answer{status, http.Header{"Content-Type": {"application/json; charset=utf-8"}}, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))}
}

func textAnswer(status int, text string) answer {
	return answer{status, http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, []byte(text)}
}

// send writes an answer, or as much of it as the fault lets through.
func (s *Server) send(w http.ResponseWriter, r *http.Request, request *Request, ans answer, fault *Fault) {
	if !pause(r.Context(), fault.delay) || fault.kind == dropAfter {
		hangUp(w)
		return
	}
	maps.Copy(w.Header(), ans.header)
	if ans.status >= http.StatusOK && ans.status != http.StatusNoContent && ans.status != http.StatusNotModified {
		w.Header().Set("Content-Length", strconv.Itoa(len(ans.body)))
	}
	s.note(func() { request.Status = ans.status })
	w.WriteHeader(ans.status)
	switch fault.kind {
	case cutBody:
		_, _ = w.Write(ans.body[:min(fault.count, len(ans.body))])
		_ = http.NewResponseController(w).Flush()
		hangUp(w)
	case slowBody:
		trickle(r.Context(), w, ans.body, fault.duration)
	default:
		_, _ = w.Write(ans.body) // the client may be gone
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
