package orchestratest

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// keptRequests bounds what a server that runs for days remembers.
const keptRequests = 10_000

// Request is a request that arrived, refused and faulted ones included.
type Request struct {
	// Op is the route by name, "" when no route matched.
	Op     string
	Method string
	// Path is as it was sent, still escaped.
	Path   string
	Query  url.Values
	Header http.Header
	// Body is nil when it was never read, as by DropBefore.
	Body []byte
	// Time is the server's clock when the request arrived.
	Time time.Time
	// Status is what was answered; 0 while there is no answer, or when the
	// connection was closed without one.
	Status int
	// RequestID is what the answer carries in X-Request-Id.
	RequestID string
}

// Requests returns what arrived for a route by its name, such as "Agents.Run", or
// for all with "*", in order. They are copies, the caller's to change. The newest
// 10,000 are kept.
func (s *Server) Requests(op string) []Request {
	if !isRoute(op) {
		s.misused("Requests(%q): there is no such route", op)
		return nil
	}
	s.journal.Lock()
	defer s.journal.Unlock()
	var found []Request
	for _, r := range s.requests {
		if op == anyRoute || r.Op == op {
			found = append(found, r.clone())
		}
	}
	return found
}

func (r *Request) clone() Request {
	copied := *r
	copied.Header, copied.Body, copied.Query = r.Header.Clone(), bytes.Clone(r.Body), url.Values{}
	for name, values := range r.Query {
		copied.Query[name] = slices.Clone(values)
	}
	return copied
}

// record notes an arrived request and takes the fault queued for it, if any.
func (s *Server) record(r *http.Request, op string) (*Request, *Fault) {
	s.journal.Lock()
	defer s.journal.Unlock()
	s.arrived++
	request := &Request{
		Op: op, Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.Query(),
		Header: r.Header.Clone(), Time: s.settings.clock(), RequestID: s.ids.id("req_", s.arrived),
	}
	if len(s.requests) == keptRequests {
		s.requests = s.requests[1:]
	}
	s.requests = append(s.requests, request)
	return request, s.takeFault(op)
}

// note changes a recorded request under the lock that Requests reads with.
func (s *Server) note(change func()) {
	s.journal.Lock()
	defer s.journal.Unlock()
	change()
}
