package orchestratest

import (
	"cmp"
	"slices"
	"time"
	"unicode/utf8"
)

// shownRun is an execution of any kind as the control API returns it.
type shownRun struct {
	Op             string      `json:"op"` // the call that started it
	ID             string      `json:"id"`
	OrganizationID string      `json:"organizationId"`
	Of             string      `json:"of"` // the id of the prompt, skill or agent
	Status         string      `json:"status"`
	Variables      any         `json:"variables"`
	Output         any         `json:"output"`
	Steps          any         `json:"steps"`
	Diagnostic     *diagnostic `json:"diagnostic"`
	CreatedAt      string      `json:"createdAt"`
	CompletedAt    *string     `json:"completedAt"`
}

// shownRuns is how many runs of each kind and organization are shown, the newest, and how many rows
// the page has.
const shownRuns = 100

// showRuns returns the newest runs, newest first. It is no fetch: held runs stay held.
func (s *Server) showRuns() object { return object{"runs": s.newestRuns()} }

func (s *Server) newestRuns() []shownRun {
	found := []shownRun{}
	for _, o := range s.orgs {
		found = append(found, o.shownRuns()...)
	}
	slices.SortStableFunc(found, func(a, b shownRun) int { return cmp.Compare(b.CreatedAt, a.CreatedAt) })
	return found
}

func (o *organization) shownRuns() []shownRun {
	var found []shownRun
	for _, recorded := range newest(o.agentRuns.all) {
		r := recorded.shown()
		found = append(found, shownRun{
			"Agents.Run", r.ID, o.id, r.AgentID, r.Status, r.variables, r.Output, append([]agentStep{}, r.steps...),
			r.failure, r.CreatedAt, r.CompletedAt,
		})
	}
	for _, recorded := range newest(o.skillRuns.all) {
		r := recorded.shown()
		found = append(found, shownRun{
			"Skills.Run", r.RunID, o.id, r.SkillID, r.Status, r.variables, r.Output, append([]runStep{}, r.done.steps...),
			r.Diagnostic, r.CreatedAt, r.CompletedAt,
		})
	}
	for _, recorded := range newest(o.runs.all) {
		r := recorded.shown()
		found = append(found, shownRun{
			"Prompts.Run", r.ID, o.id, r.PromptID, r.Status, r.input, r.detail.output, append([]runStep{}, r.detail.steps...),
			r.diagnostic, r.CreatedAt, r.CompletedAt,
		})
	}
	for _, r := range newest(o.sessions.all) {
		found = append(found, shownRun{
			"VoiceAgents.CreateSession", r.ID, o.id, r.RootAgentID, r.CompletionState, nil, nil, append([]runStep{}, r.steps...),
			nil, r.CreatedAt, &r.CompletedAt,
		})
	}
	return found
}

// newest returns the newest records, newest first.
func newest[T any](all []*T) []*T {
	last := slices.Clone(all[max(len(all)-shownRuns, 0):])
	slices.Reverse(last)
	return last
}

// showRequests returns recorded requests. Bodies that are not UTF-8 are in base64.
func showRequests(s *Server, in input) func() (any, error) {
	op := anyRoute
	if in.has("op") {
		op = in.op()
	}
	return func() (any, error) {
		found := []object{}
		for _, r := range s.Requests(op) {
			found = append(found, s.shownRequest(r))
		}
		return object{"requests": found}, nil
	}
}

func (s *Server) shownRequest(r Request) object {
	shown := object{
		"op": r.Op, "method": r.Method, "path": r.Path, "query": r.Query, "headers": r.Header, "bodyDropped": r.BodyDropped,
		"time": s.timestamp(r.Time), "status": r.Status, "durationMs": float64(r.Duration) / float64(time.Millisecond),
		"requestId": r.RequestID,
	}
	putBody(shown, "body", r.Body)
	putBody(shown, "response", r.Response)
	return shown
}

func putBody(shown object, name string, body []byte) {
	switch {
	case !utf8.Valid(body):
		shown[name], shown[name+"Base64"] = nil, body
	case body == nil:
		shown[name] = nil
	default:
		shown[name] = string(body)
	}
}

func (s *Server) forgetRequests() { s.note(s.requests.forget) }
