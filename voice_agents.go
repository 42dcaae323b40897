package promptorchestra

import "context"

// VoiceAgentsService authors voice agents and opens sessions with them. Use it as
// Client.VoiceAgents. Its agent ids are those of [AgentsService] (inferred).
type VoiceAgentsService struct{ c *Client }

// VoiceAgentVersion is one version of a voice agent. The names that [VoiceAgentVersionCreateParams]
// does not have are inferred.
type VoiceAgentVersion struct {
	ID                 string    `json:"id"`
	AgentID            string    `json:"agentId"`
	VersionNumber      int       `json:"versionNumber"`
	PromptVersionID    string    `json:"promptVersionId"`
	Voice              string    `json:"voice"`
	HandoffDescription string    `json:"handoffDescription"`
	CreatedAt          Timestamp `json:"createdAt"`
}

// VoiceAgentSession is a new session to connect to. Its fields are documented, and their spelling
// is inferred.
type VoiceAgentSession struct {
	RunID              string  `json:"runId"` // what RealtimeSessions.Get takes
	Provider           string  `json:"provider"`
	Model              string  `json:"model"`
	ExternalSessionID  string  `json:"externalSessionId"`
	ClientSecret       Secret  `json:"clientSecret"` // for a browser or phone; prints as "[redacted]"
	AgentGraphSnapshot RawJSON `json:"agentGraphSnapshot,omitzero"`
}

// VoiceAgentVersionCreateParams describes a new version. PromptVersionID is required.
type VoiceAgentVersionCreateParams struct {
	PromptVersionID    string `json:"promptVersionId"`
	Voice              string `json:"voice,omitzero"`
	HandoffDescription string `json:"handoffDescription,omitzero"`
}

func (p VoiceAgentVersionCreateParams) validate() error {
	return required("promptVersionId", p.PromptVersionID)
}

// CreateVersion adds a version to the voice agent and returns it.
//
//	POST /api/realtime-agents/{agentId}/versions
//
// Classic. Access token or API key.
// Not idempotent: retried only if it was not sent, or was rate limited (429).
// Errors: those of every call; [KindNotFound] for an unknown agent or prompt version;
// [KindInvalidRequest]; [KindEntitlement] for a plan without voice features.
func (s *VoiceAgentsService) CreateVersion(ctx context.Context, agentID string, p VoiceAgentVersionCreateParams, opts ...CallOption) (*VoiceAgentVersion, error) {
	return do[VoiceAgentVersion](ctx, (*service)(s), call{route: routeVoiceAgentsCreateVersion, ids: [2]string{agentID}, body: p}, opts)
}

// CreateSession opens a session with the voice agent and returns what a browser or phone needs to
// connect to it. If [OutcomeUnknown] reports true for the error, a session may be open: look for it
// with [RealtimeSessionsService.List].
//
//	POST /api/realtime-agents/{agentId}/session
//
// Classic. Access token or API key.
// Not idempotent: retried only if it was not sent, or was rate limited (429).
// Errors: those of every call; [KindNotFound] for an unknown id; [KindConflict] for an agent
// without a voice version; [KindEntitlement] for a plan without voice features; [KindServer] when
// the provider fails.
func (s *VoiceAgentsService) CreateSession(ctx context.Context, agentID string, opts ...CallOption) (*VoiceAgentSession, error) {
	return do[VoiceAgentSession](ctx, (*service)(s), call{route: routeVoiceAgentsCreateSession, ids: [2]string{agentID}}, opts)
}
