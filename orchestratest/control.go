package orchestratest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// controlPath is where the control API begins, beside the API itself, which begins with /api/.
const controlPath = "/control/"

// WithControl serves a control API under /control/, for tests in other languages: Fail,
// PendingFaults, Restrict, Lift and Requests as JSON. It takes no credentials. Its own requests are
// not recorded and take no faults. docs/emulator.md describes it.
func WithControl() Option {
	return func(s *settings) { s.control = true }
}

// controlRoutes are the control API, by path and method.
var controlRoutes = map[string]map[string]func(*Server, *control) any{
	"faults": {
		http.MethodGet:    (*Server).controlPending,
		http.MethodPost:   (*Server).controlFail,
		http.MethodDelete: (*Server).controlDropFaults,
	},
	"limits": {
		http.MethodGet:    (*Server).controlLimits,
		http.MethodPost:   (*Server).controlRestrict,
		http.MethodDelete: (*Server).controlLift,
	},
	"requests": {
		http.MethodGet:    (*Server).controlRequests,
		http.MethodDelete: (*Server).controlForget,
	},
}

// control is one request to the control API. What is wrong with it is collected in input.
type control struct {
	query url.Values
	input input
}

// serveControl handles a request to the control API.
func (s *Server) serveControl(w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	resp := s.controlResponse(w, r)
	maps.Copy(w.Header(), resp.header)
	w.WriteHeader(resp.status)
	_, _ = w.Write(resp.body) // the client may be gone
	s.settings.logger.Info("control", "method", r.Method, "path", r.URL.Path,
		"status", resp.status, "duration", time.Since(started))
}

func (s *Server) controlResponse(w http.ResponseWriter, r *http.Request) response {
	methods := controlRoutes[strings.TrimPrefix(r.URL.Path, controlPath)]
	if methods == nil {
		return jsonResponse(http.StatusNotFound, errorOnly{fmt.Sprintf(
			"there is no %s; the paths are /control/faults, /control/limits and /control/requests", r.URL.Path)})
	}
	handle := methods[r.Method]
	if handle == nil {
		resp := jsonResponse(http.StatusMethodNotAllowed, errorOnly{r.URL.Path + " does not take " + r.Method})
		resp.header.Set("Allow", strings.Join(slices.Sorted(maps.Keys(methods)), ", "))
		return resp
	}
	c := &control{query: r.URL.Query(), input: newInput(nil)}
	if r.Method == http.MethodPost {
		body, err := readAll(http.MaxBytesReader(w, r.Body, maxBody), r.ContentLength)
		if err == nil {
			err = json.Unmarshal(body, &c.input.members)
		}
		if err != nil || c.input.members == nil {
			return jsonResponse(http.StatusBadRequest, errorOnly{"the request body must be a JSON object"})
		}
	}
	result := handle(s, c)
	if err := c.input.err(); err != nil {
		return jsonResponse(http.StatusBadRequest, errorOnly{err.Error()})
	}
	if result == nil {
		return response{http.StatusNoContent, http.Header{}, nil}
	}
	return jsonResponse(http.StatusOK, result)
}

type pendingFaults struct {
	Pending map[string]int `json:"pending"`
}

func (s *Server) controlPending(*control) any { return pendingFaults{s.PendingFaults()} }

// controlFail queues all faults of a request, or none.
func (s *Server) controlFail(c *control) any {
	op := c.input.requiredText("op")
	c.input.checkOp(op)
	var faults []Fault
	for _, in := range c.input.list("faults") {
		faults = append(faults, in.readFault())
	}
	if c.input.rejectUnread(); c.input.err() != nil {
		return nil
	}
	if err := s.queue(op, faults); err != nil {
		c.input.reject("faults", "cannot be queued: "+err.Error())
	}
	return pendingFaults{s.PendingFaults()}
}

func (in input) checkOp(op string) {
	if op != "" && !isRoute(op) {
		in.reject("op", fmt.Sprintf("must be a call such as Agents.Run, or *: there is no %q", op))
	}
}

func (s *Server) controlDropFaults(*control) any {
	s.note(func() { s.faults = map[string][]Fault{} })
	return nil
}

// faultNames are the faults by the names that the control API has for them.
var faultNames = []string{
	"status", "html", "dropBefore", "dropAfter", "cutBody", "slowBody", "delay", "rateLimited", "noSeats", "noFeature",
}

func (in input) readFault() Fault {
	var f Fault
	switch name := in.requiredText("fault"); name {
	case "status":
		f = Status(in.statusCode(), in.bodyText())
	case "html":
		f = HTML(in.statusCode())
	case "dropBefore":
		f = DropBefore()
	case "dropAfter":
		f = DropAfter()
	case "cutBody":
		f = CutBody(in.whole("bytes"))
	case "slowBody":
		f = SlowBody(in.milliseconds("ms"))
	case "delay":
		f = Delay(in.milliseconds("ms"))
	case "rateLimited":
		f = RateLimited(time.Duration(in.amount("retryAfter") * float64(time.Second)))
	case "noSeats":
		f = NoSeats()
	case "noFeature":
		f = NoFeature(in.requiredText("feature"))
	case "":
	default:
		in.reject("fault", fmt.Sprintf("must be one of %s: there is no %q", strings.Join(faultNames, ", "), name))
		return f
	}
	if in.has("delayMs") {
		f = f.WithDelay(in.milliseconds("delayMs"))
	}
	var headers map[string]string
	in.read("headers", "an object of strings", &headers)
	for name, value := range headers {
		f = f.WithHeader(name, value)
	}
	in.rejectUnread()
	return f
}

// rejectUnread rejects the members that were not read: they are misspelt or belong elsewhere.
func (in input) rejectUnread() {
	for _, name := range slices.Sorted(maps.Keys(in.unread())) {
		in.reject(name, "does not belong here")
	}
}

func (in input) statusCode() int {
	code := in.whole("code")
	if err := checkStatus(code); err != nil && in.raw("code") != nil {
		in.reject("code", "must be a status from 200 to 999")
	}
	return code
}

// bodyText is the member body: a text as it is, any other JSON as it was written.
func (in input) bodyText() string {
	raw := in.raw("body")
	if raw == nil || raw[0] == '"' {
		return in.text("body")
	}
	return string(raw)
}

// amount is a number that must be there and not be negative.
func (in input) amount(name string) float64 {
	const most = 1_000_000_000
	n := in.number(name)
	switch {
	case n == nil && in.raw(name) == nil:
		in.reject(name, "is required")
	case n == nil: // rejected already
	case *n < 0 || *n > most:
		in.reject(name, fmt.Sprintf("must be from 0 to %d", most))
	default:
		return *n
	}
	return 0
}

// whole is an amount of something that is counted.
func (in input) whole(name string) int {
	n := in.amount(name)
	if n != math.Trunc(n) {
		in.reject(name, "must be a whole number")
	}
	return int(n)
}

func (in input) flag(name string) bool {
	var b bool
	if !in.read(name, "true or false", &b) && in.raw(name) == nil {
		in.reject(name, "must be true or false")
	}
	return b
}

func (in input) milliseconds(name string) time.Duration {
	return time.Duration(in.amount(name) * float64(time.Millisecond))
}

type shownLimits struct {
	Members int  `json:"members"`
	Seats   int  `json:"seats"`
	AI      bool `json:"ai"`
	Voice   bool `json:"voice"`
}

func (s *Server) controlLimits(*control) any {
	s.state.Lock()
	defer s.state.Unlock()
	return shownLimits{defaultMembers, s.limits.seats, s.limits.ai, s.limits.voice}
}

// controlRestrict adds all limits of a request, or none.
func (s *Server) controlRestrict(c *control) any {
	var added []Limit
	if c.input.has("seats") {
		added = append(added, Seats(c.input.whole("seats")))
	}
	if c.input.has("ai") {
		added = append(added, AI(c.input.flag("ai")))
	}
	if c.input.has("voice") {
		added = append(added, Voice(c.input.flag("voice")))
	}
	for _, name := range slices.Sorted(maps.Keys(c.input.unread())) {
		c.input.reject(name, "is no limit: the limits are seats, ai and voice")
	}
	if c.input.err() != nil {
		return nil
	}
	s.Restrict(added...)
	return s.controlLimits(c)
}

func (s *Server) controlLift(*control) any {
	s.Lift()
	return nil
}

// shownRequest is a recorded request as the control API returns it.
type shownRequest struct {
	Op          string              `json:"op"`
	Method      string              `json:"method"`
	Path        string              `json:"path"`
	Query       map[string][]string `json:"query"`
	Headers     map[string][]string `json:"headers"`
	Body        *string             `json:"body"`                 // null if unread or not UTF-8
	BodyBase64  []byte              `json:"bodyBase64,omitempty"` // if not UTF-8
	BodyDropped bool                `json:"bodyDropped"`
	Time        string              `json:"time"`
	Status      int                 `json:"status"`
	RequestID   string              `json:"requestId"`
}

func (s *Server) controlRequests(c *control) any {
	op := anyRoute
	for _, name := range slices.Sorted(maps.Keys(c.query)) {
		if name != "op" {
			c.input.reject(name, "is no parameter: op is the only one")
		}
		op = c.query.Get("op")
	}
	if c.input.checkOp(op); c.input.err() != nil {
		return nil
	}
	found := []shownRequest{}
	for _, r := range s.Requests(op) {
		shown := shownRequest{
			Op: r.Op, Method: r.Method, Path: r.Path, Query: r.Query, Headers: r.Header, BodyDropped: r.BodyDropped,
			Time: s.timestamp(r.Time), Status: r.Status, RequestID: r.RequestID,
		}
		switch {
		case !utf8.Valid(r.Body):
			shown.BodyBase64 = r.Body
		case r.Body != nil:
			text := string(r.Body)
			shown.Body = &text
		}
		found = append(found, shown)
	}
	return map[string]any{"requests": found}
}

func (s *Server) controlForget(*control) any {
	s.note(func() { s.requests.forget() })
	return nil
}
