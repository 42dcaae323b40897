package orchestratest

// realtimeSession is the record of a conversation with a voice agent.
type realtimeSession struct {
	ID                     string `json:"id"`
	OrganizationID         string `json:"organizationId"`
	RootAgentID            string `json:"rootAgentId"`
	RootAgentVersionID     string `json:"rootAgentVersionId"`
	RootAgentVersionNumber int    `json:"rootAgentVersionNumber"`
	Provider               string `json:"provider"`
	Model                  string `json:"model"`
	ExternalSessionID      string `json:"externalSessionId"`
	TransportType          string `json:"transportType"`
	LatencyMs              int    `json:"latencyMs"`
	CompletionState        string `json:"completionState"`
	CreatedAt              string `json:"createdAt"`
	CompletedAt            string `json:"completedAt"`

	steps []runStep
}

// realtimeSessionDetail is a session with what happened in it. Nothing is handed off.
type realtimeSessionDetail struct {
	*realtimeSession
	Handoffs   []any `json:"handoffs"`
	ToolEvents []any `json:"toolEvents"`
}

func (c *call) listSessions() any { return append([]*realtimeSession{}, c.org.sessions.all...) }

func (c *call) getSession() any {
	s := find(c, &c.org.sessions, "runId")
	detail := realtimeSessionDetail{s, []any{}, []any{}}
	for _, done := range s.steps {
		if done.ToolName != "" {
			detail.ToolEvents = append(detail.ToolEvents, object{
				"tool_name": done.ToolName, "status": done.Status, "output": done.Output, "error": done.Error, "createdAt": done.CreatedAt,
			})
		}
	}
	return detail
}
