package orchestratest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Fault is one way in which a request can go wrong. The zero Fault is none: the request is handled
// as always.
type Fault struct {
	kind      faultKind
	name      string // what it does, for people
	reply     response
	rejection *failure // written in the shape of the route's generation
	header    http.Header
	count     int           // of cutBody
	duration  time.Duration // of slowBody
	delay     time.Duration
}

type faultKind int

const (
	noFault faultKind = iota
	replies
	rejects
	dropBefore
	dropAfter
	cutBody
	slowBody
)

// Status responds with a code and a body, and the request has no effect. The Content-Type is
// guessed from the body: JSON, HTML when it begins with "<", or plain text.
func Status(code int, body string) Fault {
	reply := response{status: code, header: http.Header{}, body: []byte(body)}
	switch {
	case body == "":
	case strings.HasPrefix(body, "<"):
		reply.header.Set("Content-Type", "text/html; charset=utf-8")
	case strings.HasPrefix(body, "{"), strings.HasPrefix(body, "["), json.Valid(reply.body):
		reply.header.Set("Content-Type", "application/json; charset=utf-8")
	default:
		reply.header.Set("Content-Type", "text/plain; charset=utf-8")
	}
	return Fault{kind: replies, name: fmt.Sprint("status ", code), reply: reply}
}

// HTML responds with the error page of a proxy, and the request has no effect.
func HTML(code int) Fault {
	title := strconv.Itoa(code) + " " + http.StatusText(code)
	return Status(code, "<html>\r\n<head><title>"+title+"</title></head>\r\n<body>\r\n<center><h1>"+title+
		"</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n")
}

// DropBefore closes the connection before the request's body is read. The request has no effect,
// but no client can know that: for an execution the outcome is unknown. Note that net/http itself
// retries a GET when this happens on a reused connection.
func DropBefore() Fault { return Fault{kind: dropBefore, name: "dropBefore"} }

// DropAfter lets the request have its effect, then closes the connection without a response.
func DropAfter() Fault { return Fault{kind: dropAfter, name: "dropAfter"} }

// CutBody announces the real response in full, sends n bytes of its body and closes the connection.
func CutBody(n int) Fault {
	return Fault{kind: cutBody, name: fmt.Sprintf("cutBody, %d bytes", n), count: max(n, 0)}
}

// SlowBody sends the real response's headers at once and its body piece by piece, in about d
// altogether.
func SlowBody(d time.Duration) Fault {
	return Fault{kind: slowBody, name: "slowBody, " + d.String(), duration: d}
}

// Delay lets the request have its effect at once and responds after d, so that a client that gives
// up before has a request whose outcome it does not know.
func Delay(d time.Duration) Fault { return Fault{name: "delay"}.WithDelay(d) }

// RateLimited responds with 429 and Retry-After in whole seconds, rounded up, and the request has
// no effect.
func RateLimited(retryAfter time.Duration) Fault {
	seconds := strconv.Itoa(int(math.Ceil(max(retryAfter, 0).Seconds())))
	return Fault{kind: rejects, name: "rateLimited, " + seconds + " s", rejection: rateLimited(seconds)}.WithHeader("Retry-After", seconds)
}

// NoSeats responds with 402, as for an organization with more members than seats.
func NoSeats() Fault {
	return Fault{kind: rejects, name: "noSeats", rejection: seatLimit(defaultMembers, defaultMembers-1)}
}

// NoFeature responds with 402 for a feature that the plan does not include, such as "voice".
func NoFeature(name string) Fault {
	return Fault{kind: rejects, name: "noFeature, " + name, rejection: featureMissing(name)}
}

// WithDelay returns the fault delayed: what it does to the response happens after d.
func (f Fault) WithDelay(d time.Duration) Fault {
	f.delay = d
	return f
}

// WithHeader returns the fault with a response header set, which replaces the one the response
// would have had.
func (f Fault) WithHeader(key, value string) Fault {
	header := f.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set(key, value)
	f.header = header
	return f
}

// How much may be queued: a program in another language may never stop.
const (
	maxFaults     = 10_000
	maxFaultBytes = 64 << 20
)

// faults are what is queued, by the name of a route.
type faults struct {
	queued      map[string][]Fault
	count, size int
}

// Fail queues faults for a route by its name, such as "Agents.Run", or for any route with "*". Each
// request takes one fault, in order; those of its own route come first. No more than 10,000 faults
// and 64 MiB of their bodies and headers wait at a time. More than that, an unknown name, a header
// that cannot be sent, or a status that ends no request is reported by Err, and nothing is queued.
func (s *Server) Fail(op string, faults ...Fault) {
	s.must(fmt.Sprintf("Fail(%q)", op), s.queue(op, faults))
}

// queue queues all faults, or none and says why.
func (s *Server) queue(op string, added []Fault) error {
	if !isRoute(op) {
		return errNoRoute
	}
	size := 0
	for _, f := range added {
		size += f.size()
		for name, values := range f.header {
			if !headerName.MatchString(name) || strings.ContainsAny(strings.Join(values, ""), "\r\n") {
				return fmt.Errorf("the header %q cannot be sent", name)
			}
		}
		if f.kind == replies {
			if err := checkStatus(f.reply.status); err != nil {
				return err
			}
		}
	}
	s.journal.Lock()
	defer s.journal.Unlock()
	if s.faults.count+len(added) > maxFaults || s.faults.size+size > maxFaultBytes {
		return fmt.Errorf("%w: %d faults and %d bytes wait already", errTooMuch, s.faults.count, s.faults.size)
	}
	if s.faults.queued == nil {
		s.faults.queued = map[string][]Fault{}
	}
	s.faults.count, s.faults.size = s.faults.count+len(added), s.faults.size+size
	s.faults.queued[op] = append(s.faults.queued[op], added...)
	return nil
}

// size is about how many bytes a fault holds.
func (f *Fault) size() int {
	return len(f.reply.body) + len(f.name) + headerSize(f.header) + headerSize(f.reply.header)
}

var headerName = regexp.MustCompile("^[\\w!#$%&'*+.^`|~-]+$")

var errTooMuch = errors.New("more than 10,000 faults or 64 MiB of them cannot wait")

var errNoRoute = errors.New("there is no such route")

func checkStatus(code int) error {
	if code < 200 || code > 999 {
		return fmt.Errorf("Status(%d) ends no request", code)
	}
	return nil
}

// PendingFaults returns how many queued faults no request has taken yet, by the name they were
// queued for. It is empty when all were taken: a test that ends with some left has not tested what
// it meant to.
func (s *Server) PendingFaults() map[string]int {
	s.journal.Lock()
	defer s.journal.Unlock()
	pending := map[string]int{}
	for op, waiting := range s.faults.queued {
		if len(waiting) > 0 {
			pending[op] = len(waiting)
		}
	}
	return pending
}

// takeFault is called with the journal held.
func (s *Server) takeFault(op string) *Fault {
	for _, queue := range []string{op, anyRoute} {
		if waiting := s.faults.queued[queue]; len(waiting) > 0 {
			taken := waiting[0]
			waiting[0] = Fault{} // the queue holds its body no longer
			s.faults.queued[queue] = waiting[1:]
			s.faults.count, s.faults.size = s.faults.count-1, s.faults.size-taken.size()
			return &taken
		}
	}
	return &Fault{}
}

// responds reports whether the fault takes the place of the route.
func (f *Fault) responds() bool { return f.kind == replies || f.kind == rejects }

func (f *Fault) response(found *route) response {
	if f.kind == rejects {
		return encodeFailure(found, f.rejection)
	}
	return response{status: f.reply.status, header: f.reply.header.Clone(), body: f.reply.body}
}
