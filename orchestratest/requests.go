package orchestratest

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// How many requests are kept, and how many bytes of them: a server may run for days.
const (
	keptRequests = 10_000
	keptBytes    = 64 << 20
)

// Request is a request that arrived, also one that was rejected or met a fault.
type Request struct {
	// Op is the route by name, "" when no route matched.
	Op     string
	Method string
	// Path is as it was sent, still escaped.
	Path   string
	Query  url.Values
	Header http.Header
	// Body is nil when it was never read, as by DropBefore, or is no longer kept.
	Body []byte
	// BodyDropped reports that there was a body, and that newer requests took its room.
	BodyDropped bool
	// Time is the server's clock when the request arrived.
	Time time.Time
	// Status is that of the response; 0 while there is none, or when the connection was closed
	// without one.
	Status int
	// RequestID is what the response carries in X-Request-Id.
	RequestID string

	forgotten bool // it is recorded no longer
}

// Requests returns what arrived for a route by its name, such as "Agents.Run", or for all with "*",
// in order. They are copies, the caller's to change.
//
// The newest 10,000 requests are kept, and no more than 64 MiB of them: beyond that the oldest lose
// their bodies, which BodyDropped tells. The newest request is always whole.
func (s *Server) Requests(op string) []Request {
	if !isRoute(op) {
		s.misused("Requests(%q): there is no such route", op)
		return nil
	}
	s.journal.Lock()
	defer s.journal.Unlock()
	var found []Request
	for _, r := range s.requests.all {
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
	s.requests.add(request)
	return request, s.takeFault(op)
}

// keepBody notes the body of a recorded request.
func (s *Server) keepBody(request *Request, body []byte) {
	s.note(func() {
		request.Body = body
		if !request.forgotten {
			s.requests.size += len(body)
			s.requests.trim()
		}
	})
}

// note changes a recorded request under the lock that Requests reads with.
func (s *Server) note(change func()) {
	s.journal.Lock()
	defer s.journal.Unlock()
	change()
}

// recorded are the requests that are remembered, oldest first.
type recorded struct {
	all  []*Request
	size int // about how many bytes they take
}

func (k *recorded) add(r *Request) {
	k.all = append(k.all, r)
	k.size += r.head()
	k.trim()
}

// trim forgets the oldest bodies, then the oldest requests, until the rest is within bounds.
func (k *recorded) trim() {
	for i := 0; k.size > keptBytes && i < len(k.all)-1; i++ {
		oldest := k.all[i]
		k.size -= len(oldest.Body)
		oldest.BodyDropped = oldest.BodyDropped || len(oldest.Body) > 0
		oldest.Body = nil
	}
	for len(k.all) > keptRequests || k.size > keptBytes && len(k.all) > 1 {
		k.size -= k.all[0].head() + len(k.all[0].Body)
		k.all[0].forgotten = true
		k.all = k.all[1:]
	}
}

// forget forgets all requests.
func (k *recorded) forget() {
	for _, r := range k.all {
		r.forgotten = true
	}
	*k = recorded{}
}

// head is about how many bytes a request takes beside its body.
func (r *Request) head() int {
	size := 512 + len(r.Path)
	for _, values := range []map[string][]string{r.Query, r.Header} {
		for name, list := range values {
			size += len(name)
			for _, value := range list {
				size += len(value) + 32
			}
		}
	}
	return size
}
