package orchestratest

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// How many requests are kept, and how many bytes of them: a server may run for days.
const (
	keptRequests = 10_000
	keptBytes    = 64 << 20
	keptResponse = 64 << 10
)

// Request is a request that arrived, also one that was rejected or met a fault. A credential that
// this server did not issue is replaced by "[redacted]" wherever it stands: a program that was
// pointed here by mistake may have sent one of its real account.
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
	// Duration is how long the response took to be ready, the delay of a fault included; 0 while
	// there is none.
	Duration time.Duration
	// Response is the body of the response, its first 64 KiB; nil while there is none, when the
	// connection was closed without one, or when newer requests took its room.
	Response []byte
	// RequestID is what the response carries in X-Request-Id.
	RequestID string

	redaction *redaction
	forgotten bool // it is recorded no longer
}

// Requests returns what arrived for a route by its name, such as "Agents.Run", or for all with "*",
// in order. They are copies, the caller's to change.
//
// The newest 10,000 requests are kept, and no more than 64 MiB of them: beyond that the oldest lose
// their bodies, which BodyDropped tells. The newest request is always whole.
func (s *Server) Requests(op string) []Request {
	if !isRoute(op) {
		s.must(fmt.Sprintf("Requests(%q)", op), errNoRoute)
		return nil
	}
	s.journal.Lock()
	defer s.journal.Unlock()
	var found []Request
	for _, r := range s.requests.all {
		if op == anyRoute || r.Op == op {
			copied := *r
			copied.Header, copied.Query = r.Header.Clone(), url.Values(http.Header(r.Query).Clone())
			copied.Body, copied.Response = bytes.Clone(r.Body), bytes.Clone(r.Response)
			found = append(found, copied)
		}
	}
	return found
}

// record notes an arrived request and takes the fault queued for it, if any.
func (s *Server) record(r *http.Request, found *route) (*Request, *Fault) {
	redaction, head := s.redact(r)
	request := &head
	request.Time, request.redaction = s.settings.clock(), redaction
	if found != nil {
		request.Op = found.name
	}
	s.journal.Lock()
	defer s.journal.Unlock()
	s.arrived++
	request.RequestID = newIDs(s.settings.seed).id("req_", s.arrived)
	s.requests.add(request)
	return request, s.takeFault(request.Op)
}

// keepBody notes the body of a recorded request.
func (s *Server) keepBody(request *Request, body []byte) {
	body = request.redaction.bytes(body)
	s.note(func() {
		request.Body = body
		s.requests.grow(request, len(body))
	})
}

// keepResponse notes what became of a recorded request.
func (s *Server) keepResponse(request *Request, resp response, took time.Duration) {
	body := resp.body
	if len(body) > keptResponse {
		body = bytes.Clone(body[:keptResponse]) // the rest goes
	}
	body = request.redaction.bytes(body)
	s.note(func() {
		request.Status, request.Duration = resp.status, took
		if resp.end != dropped {
			request.Response = body
			s.requests.grow(request, len(body))
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
	k.grow(r, r.head())
}

// grow counts what was added to a request, and makes room for it.
func (k *recorded) grow(r *Request, size int) {
	if !r.forgotten {
		k.size += size
		k.trim()
	}
}

// trim forgets the oldest bodies, then the oldest requests, until the rest is within bounds.
func (k *recorded) trim() {
	for i := 0; k.size > keptBytes && i < len(k.all)-1; i++ {
		oldest := k.all[i]
		k.size -= len(oldest.Body) + len(oldest.Response)
		oldest.BodyDropped = oldest.BodyDropped || len(oldest.Body) > 0
		oldest.Body, oldest.Response = nil, nil
	}
	for len(k.all) > keptRequests || k.size > keptBytes && len(k.all) > 1 {
		k.size -= k.all[0].head() + len(k.all[0].Body) + len(k.all[0].Response)
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

// head is about how many bytes a request takes beside its bodies.
func (r *Request) head() int { return 512 + len(r.Path) + headerSize(r.Query) + headerSize(r.Header) }

// headerSize is about how many bytes a header or a query takes.
func headerSize(header map[string][]string) int {
	size := 0
	for name, values := range header {
		size += len(name)
		for _, value := range values {
			size += len(value) + 32
		}
	}
	return size
}
