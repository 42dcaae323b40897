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

// realtimeSessionDetail is a session with what happened in it.
type realtimeSessionDetail struct {
	*realtimeSession
	Handoffs   []handoff   `json:"handoffs"`
	ToolEvents []toolEvent `json:"toolEvents"`
}

// handoff is one agent passing the conversation to another.
type handoff struct {
	FromAgentID string `json:"fromAgentId"`
	ToAgentID   string `json:"toAgentId"`
}

// toolEvent is one call of a tool.
type toolEvent struct {
	ToolName  string  `json:"tool_name"`
	Status    string  `json:"status"`
	Output    any     `json:"output"`
	Error     *string `json:"error"`
	CreatedAt string  `json:"createdAt"`
}

func (c *call) listSessions() any { return append([]*realtimeSession{}, c.org.sessions.all...) }

func (c *call) getSession() any {
	s := find(c, &c.org.sessions, "runId")
	detail := realtimeSessionDetail{s, []handoff{}, []toolEvent{}}
	for _, done := range s.steps {
		if done.ToolName != "" {
			detail.ToolEvents = append(detail.ToolEvents, toolEvent{done.ToolName, done.Status, done.Output, done.Error, done.CreatedAt})
		}
	}
	return detail
}
