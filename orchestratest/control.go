package orchestratest

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// controlPath is where the control API begins, beside the API itself, which begins with /api/.
const controlPath = "/control/"

// WithControl serves a control API under /control/, for tests in other languages: what the methods
// of Server do, as JSON. At / it serves a page that shows what happens. It takes no credentials,
// and no orders from other web pages: a foreign Origin and a body that is not application/json are
// rejected. Its own requests are not recorded and take no faults. docs/emulator.md describes it.
func WithControl() Option {
	return func(s *settings) { s.control = true }
}

// An order is one request to the control API. It reads its members first, and notes in the input
// what is wrong with them; act is called only when nothing is, and no member is left over.
type order func(s *Server, in input) (act func() (any, error))

// orders returns the control API, by path and method.
func orders() map[string]map[string]order {
	return map[string]map[string]order{
		"health":        {http.MethodGet: shows((*Server).showHealth)},
		"reset":         {http.MethodPost: plainly((*Server).Reset)},
		"faults":        {http.MethodGet: shows((*Server).showFaults), http.MethodPost: orderFaults, http.MethodDelete: plainly((*Server).dropFaults)},
		"limits":        {http.MethodGet: shows((*Server).showLimits), http.MethodPost: orderLimits, http.MethodDelete: plainly((*Server).Lift)},
		"held":          {http.MethodGet: shows((*Server).showHeld), http.MethodPost: orderHold, http.MethodDelete: plainly((*Server).dropHeld)},
		"failures":      {http.MethodGet: shows((*Server).showFailures), http.MethodPost: orderFailure, http.MethodDelete: plainly((*Server).dropFailures)},
		"requests":      {http.MethodGet: showRequests, http.MethodDelete: plainly((*Server).forgetRequests)},
		"overview":      {http.MethodGet: shows((*Server).showOverview)},
		"runs":          {http.MethodGet: shows((*Server).showRuns)},
		"organizations": {http.MethodGet: shows((*Server).showOrganizations), http.MethodPost: orderOrganization},
		"tokens":        {http.MethodPost: issues(accessTokenKind, "accessToken", "permissions")},
		"keys":          {http.MethodPost: issues(apiKeyKind, "apiKey", "grants")},
		"members":       {http.MethodPost: orderMember},
		"expired":       {http.MethodPost: orderExpiry},
		"publish":       {http.MethodPost: orderPublish},
	}
}

// seedable are the paths whose orders a seed may hold, in the order in which they are carried out.
var seedable = []string{"organizations", "tokens", "keys", "members", "publish", "limits", "held", "failures", "faults"}

// control handles a request to the control API.
func (s *Server) control(r *http.Request) response {
	started := time.Now()
	result, status, err := s.obey(r)
	var resp response
	switch {
	case err != nil:
		resp = jsonResponse(status, object{"error": err.Error()})
	case result == nil:
		resp = response{status: http.StatusNoContent, header: http.Header{}}
	default:
		resp = jsonResponse(http.StatusOK, result)
	}
	if methods := orders()[strings.TrimPrefix(r.URL.Path, controlPath)]; status == http.StatusMethodNotAllowed {
		resp.header.Set("Allow", strings.Join(slices.Sorted(maps.Keys(methods)), ", "))
	}
	resp.body = (&redaction{srv: s}).bytes(resp.body) // runs hold what was sent
	level := slog.LevelInfo
	if r.URL.Path == controlPath+"overview" { // the page asks again and again
		level = slog.LevelDebug
	}
	s.settings.logger.Log(r.Context(), level, "control", "method", r.Method, "path", r.URL.Path,
		"status", resp.status, "duration", time.Since(started))
	return resp
}

// obey carries an order out, or says with which status it is rejected and why.
func (s *Server) obey(r *http.Request) (result any, status int, err error) {
	if err := fromHere(r); err != nil {
		return nil, http.StatusForbidden, err
	}
	methods := orders()[strings.TrimPrefix(r.URL.Path, controlPath)]
	if methods == nil {
		return nil, http.StatusNotFound, fmt.Errorf("there is no %s; the paths are %s", r.URL.Path,
			controlPath+strings.Join(slices.Sorted(maps.Keys(orders())), ", "+controlPath))
	}
	method := r.Method
	if method == http.MethodHead { // as what waits for a server may send
		method = http.MethodGet
	}
	carryOut := methods[method]
	if carryOut == nil {
		return nil, http.StatusMethodNotAllowed, fmt.Errorf("%s does not take %s", r.URL.Path, r.Method)
	}
	in, status, err := readOrder(r)
	if err != nil {
		return nil, status, err
	}
	result, err = s.carryOut(carryOut, in)
	if errors.Is(err, errTooMuch) {
		return nil, http.StatusRequestEntityTooLarge, err
	}
	return result, http.StatusBadRequest, err
}

// carryOut reads an order whole before it does anything.
func (s *Server) carryOut(o order, in input) (any, error) {
	act := o(s, in)
	in.rejectUnread()
	if err := in.err(); err != nil {
		return nil, err
	}
	return act()
}

// fromHere rejects what a web page of another origin sends. Browsers name it, other programs do
// not.
func fromHere(r *http.Request) error {
	origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
	switch {
	case origin != "" && origin != "http://"+r.Host && origin != "https://"+r.Host:
		return fmt.Errorf("orders from the web page %q are rejected", origin)
	case site != "" && site != "same-origin" && site != "none":
		return errors.New("orders from other web pages are rejected")
	}
	return nil
}

// readOrder reads the members of an order: those of its body, or of the query where it has none.
func readOrder(r *http.Request) (in input, status int, err error) {
	in = newInput(members{})
	for name, values := range r.URL.Query() {
		in.members[name], _ = encode(strings.Join(values, ","))
	}
	if r.Method != http.MethodPost {
		return in, 0, nil
	}
	body, err := readAll(r)
	var rejected *failure
	if errors.As(err, &rejected) {
		return in, rejected.status, err
	}
	status, err = readMembers(r, body, in.members)
	return in, status, err
}

// Load carries out the orders of a seed, as promptorchestra-emulator does with -seed: an object
// whose members are paths of the control API, each with the body of a POST to it or a list of them.
//
//	{"publish": [{"prompt": "Hello {{name}}"}], "limits": {"seats": 3}}
//
// What is unknown or misspelt is an error that names it; the orders before it stay carried out.
// Reset loads the newest seed again. WithControl is not needed.
func (s *Server) Load(seed []byte) error {
	if err := s.load(seed); err != nil {
		return fmt.Errorf("orchestratest: seed: %w", err)
	}
	s.state.Lock()
	defer s.state.Unlock()
	s.seed = slices.Clone(seed)
	return nil
}

func (s *Server) load(seed []byte) error {
	if len(seed) == 0 {
		return nil
	}
	in := newInput(nil)
	if err := json.Unmarshal(seed, &in.members); err != nil || in.members == nil {
		return errors.New("it must be a JSON object")
	}
	for _, path := range slices.Sorted(maps.Keys(in.members)) {
		if !slices.Contains(seedable, path) {
			return fmt.Errorf("there is no %q; there are %s", path, strings.Join(seedable, ", "))
		}
	}
	for _, path := range seedable {
		if err := s.loadOrders(path, in); err != nil {
			return err
		}
	}
	return nil
}

// loadOrders carries out the orders of a seed for one path: one, or a list.
func (s *Server) loadOrders(path string, in input) error {
	if !in.has(path) {
		return nil
	}
	if raw := in.raw(path); raw != nil && raw[0] != '[' {
		in.members[path] = slices.Concat([]byte("["), raw, []byte("]"))
	}
	for _, each := range in.list(path) {
		if _, err := s.carryOut(orders()[path][http.MethodPost], each); err != nil {
			return err
		}
	}
	return in.err()
}

// plainly is an order without members that cannot fail and responds with nothing.
func plainly(do func(*Server)) order {
	return func(s *Server, _ input) func() (any, error) { return done(func() error { do(s); return nil }) }
}

// done is the act of an order that responds with nothing.
func done(do func() error) func() (any, error) {
	return func() (any, error) { return nil, do() }
}

// shows is an order without members that responds with what it reads under the server's state.
func shows(read func(*Server) object) order {
	return func(s *Server, _ input) func() (any, error) {
		return s.changed(func() error { return nil }, read)
	}
}

// locked changes the server's state.
func (s *Server) locked(change func()) {
	s.state.Lock()
	defer s.state.Unlock()
	change()
}

// changed is the act of an order that changes something and responds with what it is then.
func (s *Server) changed(change func() error, then func(*Server) object) func() (any, error) {
	return func() (any, error) {
		if err := change(); err != nil {
			return nil, err
		}
		s.state.Lock()
		defer s.state.Unlock()
		return then(s), nil
	}
}

func (s *Server) showHealth() object {
	if mistake := s.Err(); mistake != nil {
		return object{"status": "failing", "error": mistake.Error()}
	}
	return object{"status": "ok"}
}

func (s *Server) showFaults() object { return object{"pending": s.PendingFaults()} }

// orderFaults queues all faults of an order, or none.
func orderFaults(s *Server, in input) func() (any, error) {
	op := in.op()
	var faults []Fault
	for _, each := range in.list("faults") {
		f, times := each.readFault()
		if len(faults) <= maxFaults { // more are not queued anyway
			faults = append(faults, slices.Repeat([]Fault{f}, times)...)
		}
	}
	return s.changed(func() error { return s.queue(op, faults) }, (*Server).showFaults)
}

func (s *Server) dropFaults() { s.note(func() { s.faults = faults{} }) }

func (s *Server) showLimits() object {
	return object{"members": defaultMembers, "seats": s.limits.seats, "ai": s.limits.ai, "voice": s.limits.voice}
}

// orderLimits adds all limits of an order, or none.
func orderLimits(s *Server, in input) func() (any, error) {
	var added []Limit
	if in.has("seats") {
		added = append(added, Seats(in.whole("seats")))
	}
	if in.has("ai") {
		added = append(added, AI(in.flag("ai")))
	}
	if in.has("voice") {
		added = append(added, Voice(in.flag("voice")))
	}
	return s.changed(func() error { s.Restrict(added...); return nil }, (*Server).showLimits)
}

func (s *Server) showHeld() object { return object{"held": maps.Clone(s.held)} }

func orderHold(s *Server, in input) func() (any, error) {
	polls, ops := in.whole("polls"), in.texts("ops")
	return s.changed(func() error { return s.holdRuns(polls, ops) }, (*Server).showHeld)
}

func (s *Server) dropHeld() { s.locked(func() { clear(s.held) }) }

func (s *Server) showFailures() object {
	listed := []failing{}
	for _, id := range slices.Sorted(maps.Keys(s.failing)) {
		listed = append(listed, s.failing[id])
	}
	return object{"failures": listed}
}

func orderFailure(s *Server, in input) func() (any, error) {
	f := failing{in.requiredText("id"), in.requiredText("message"), http.StatusInternalServerError}
	if in.has("status") {
		f.Status = in.whole("status")
	}
	return s.changed(func() error { return s.failExecution(f) }, (*Server).showFailures)
}

func (s *Server) dropFailures() { s.locked(func() { clear(s.failing) }) }

func (s *Server) showOrganizations() object {
	listed := []Organization{}
	for _, o := range s.orgs {
		listed = append(listed, o.first)
	}
	return object{"organizations": listed}
}

func orderOrganization(s *Server, in input) func() (any, error) {
	name := in.requiredText("name")
	return func() (any, error) { return s.AddOrganization(name), nil }
}

// issues is an order for a credential, with the grants that a member names.
func issues(kind, credential, grants string) order {
	return func(s *Server, in input) func() (any, error) {
		organizationID, granted := s.named(in), in.texts(grants)
		return func() (any, error) {
			token, err := s.issue(kind, organizationID, granted)
			return map[string]string{credential: token}, err
		}
	}
}

func orderMember(s *Server, in input) func() (any, error) {
	token, organizationID, permissions := in.requiredText("accessToken"), s.named(in), in.texts("permissions")
	return done(func() error { return s.join(token, organizationID, permissions) })
}

func orderExpiry(s *Server, in input) func() (any, error) {
	credential := in.requiredText("credential")
	return done(func() error { return s.expire(credential) })
}

// named is the organization that an order names by its id or its name: the first one if none.
func (s *Server) named(in input) (id string) {
	name := in.text("organization")
	if name == "" {
		return s.OrganizationID
	}
	s.state.Lock()
	defer s.state.Unlock()
	for _, o := range s.orgs {
		if o.id == name || o.name == name {
			return o.id
		}
	}
	in.reject("organization", fmt.Sprintf("must be the id or the name of an organization: there is no %q", name))
	return ""
}

// orderPublish makes a published prompt, skill or agent.
func orderPublish(s *Server, in input) func() (any, error) {
	name, organizationID := in.text("name"), s.named(in)
	var work func(*author) string
	switch prompt, skill, agent := in.has("prompt"), in.has("skill"), in.has("agent"); {
	case prompt && !skill && !agent:
		work = publishedPrompt(name, in.requiredText("prompt"))
	case skill && !prompt && !agent:
		work = publishedSkill(name, in.requiredText("skill"))
	case agent && !prompt && !skill:
		work = publishedAgent(name, in.requiredJSONObject("agent"))
	default:
		in.reject("prompt", "is required, or skill or agent, and only one of them")
	}
	return func() (any, error) {
		id, err := s.author(organizationID, work)
		return map[string]string{"id": id}, err
	}
}
