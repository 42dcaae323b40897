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

// shownRuns is how many runs of each kind and organization are shown, the newest.
const shownRuns = 100

// showRuns returns the newest runs, newest first. It is no fetch: held runs stay held.
func showRuns(s *Server, _ input) func() (any, error) {
	return s.shown(func() any {
		found := []shownRun{}
		for _, o := range s.orgs {
			found = append(found, o.shownRuns()...)
		}
		slices.SortStableFunc(found, func(a, b shownRun) int { return cmp.Compare(b.CreatedAt, a.CreatedAt) })
		return map[string]any{"runs": found}
	})
}

func (o *organization) shownRuns() []shownRun {
	var found []shownRun
	for _, r := range newest(o.agentRuns.all) {
		shown := r.shown()
		found = append(found, shownRun{
			"Agents.Run", r.ID, o.id, r.AgentID, shown.Status, r.variables, shown.Output, append([]agentStep{}, shown.steps...),
			shown.failure, r.CreatedAt, shown.CompletedAt,
		})
	}
	for _, r := range newest(o.skillRuns.all) {
		shown := r.shown()
		found = append(found, shownRun{
			"Skills.Run", r.RunID, o.id, r.SkillID, shown.Status, r.variables, shown.Output, append([]runStep{}, shown.done.steps...),
			shown.Diagnostic, r.CreatedAt, shown.CompletedAt,
		})
	}
	for _, r := range newest(o.runs.all) {
		shown := r.shown()
		found = append(found, shownRun{
			"Prompts.Run", r.ID, o.id, r.PromptID, shown.Status, r.input, shown.detail.output, append([]runStep{}, shown.detail.steps...),
			shown.diagnostic(), r.CreatedAt, shown.CompletedAt,
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

// shownRequest is a recorded request as the control API returns it.
type shownRequest struct {
	Op             string              `json:"op"`
	Method         string              `json:"method"`
	Path           string              `json:"path"`
	Query          map[string][]string `json:"query"`
	Headers        map[string][]string `json:"headers"`
	Body           *string             `json:"body"`                 // null if unread or not UTF-8
	BodyBase64     []byte              `json:"bodyBase64,omitempty"` // if not UTF-8
	BodyDropped    bool                `json:"bodyDropped"`
	Time           string              `json:"time"`
	Status         int                 `json:"status"`
	DurationMs     float64             `json:"durationMs"`
	Response       *string             `json:"response"`
	ResponseBase64 []byte              `json:"responseBase64,omitempty"`
	RequestID      string              `json:"requestId"`
}

func showRequests(s *Server, in input) func() (any, error) {
	op := anyRoute
	if in.has("op") {
		op = in.op()
	}
	return func() (any, error) {
		found := []shownRequest{}
		for _, r := range s.Requests(op) {
			shown := shownRequest{
				Op: r.Op, Method: r.Method, Path: r.Path, Query: r.Query, Headers: r.Header, BodyDropped: r.BodyDropped,
				Time: s.timestamp(r.Time), Status: r.Status, DurationMs: float64(r.Duration) / float64(time.Millisecond),
				RequestID: r.RequestID,
			}
			shown.Body, shown.BodyBase64 = textOrBytes(r.Body)
			shown.Response, shown.ResponseBase64 = textOrBytes(r.Response)
			found = append(found, shown)
		}
		return map[string]any{"requests": found}, nil
	}
}

func textOrBytes(body []byte) (text *string, other []byte) {
	if !utf8.Valid(body) {
		return nil, body
	}
	if body != nil {
		whole := string(body)
		text = &whole
	}
	return text, nil
}

func forgetRequests(s *Server, _ input) func() (any, error) {
	return done(func() { s.note(func() { s.requests.forget() }) })
}
