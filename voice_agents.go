package promptorchestra

import (
	"context"
	"iter"
)

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

// RealtimeSessionsService reads the recorded sessions of voice agents. Use it as
// Client.RealtimeSessions.
type RealtimeSessionsService struct{ c *Client }

// RealtimeSession is a recorded session. The names of CreatedAt and CompletedAt are inferred. The
// other fields are documented, and their spelling is inferred.
type RealtimeSession struct {
	ID                     string    `json:"id"`
	RootAgentID            string    `json:"rootAgentId"`
	RootAgentVersionID     string    `json:"rootAgentVersionId"`
	RootAgentVersionNumber int       `json:"rootAgentVersionNumber"`
	Provider               string    `json:"provider"`
	Model                  string    `json:"model"`
	ExternalSessionID      string    `json:"externalSessionId"`
	TransportType          string    `json:"transportType"`
	LatencyMS              float64   `json:"latencyMs"` // milliseconds
	CompletionState        string    `json:"completionState"`
	CreatedAt              Timestamp `json:"createdAt"`
	CompletedAt            Timestamp `json:"completedAt"` // zero while the session is open
}

// RealtimeSessionDetail is a recorded session with its handoffs and tool events.
type RealtimeSessionDetail struct {
	RealtimeSession
	Handoffs   RawJSON `json:"handoffs,omitzero"`   // inferred
	ToolEvents RawJSON `json:"toolEvents,omitzero"` // inferred
}

// List returns all recorded sessions of the organization, or an empty slice when there are none.
// The API does not paginate: prefer [RealtimeSessionsService.All] where there may be many.
//
//	GET /api/realtime-sessions
//
// Classic. Access token or API key.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call.
func (s *RealtimeSessionsService) List(ctx context.Context, opts ...CallOption) ([]RealtimeSession, error) {
	return list[RealtimeSession](ctx, (*service)(s), call{route: routeRealtimeSessionsList}, opts)
}

// All streams the list of [RealtimeSessionsService.List]: it yields one session at a time while the
// response arrives, in constant memory. After an error it yields nothing more. Each range over the
// result makes a new call.
//
//	GET /api/realtime-sessions
//
// Classic. Access token or API key.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505, until the response
// begins.
// Errors: those of every call.
func (s *RealtimeSessionsService) All(ctx context.Context, opts ...CallOption) iter.Seq2[RealtimeSession, error] {
	return stream[RealtimeSession](ctx, (*service)(s), call{route: routeRealtimeSessionsList}, opts)
}

// Get returns the recorded session, by the run id that [VoiceAgentsService.CreateSession] returned.
//
//	GET /api/realtime-sessions/{runId}
//
// Classic. Access token or API key.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; [KindNotFound] for an unknown id.
func (s *RealtimeSessionsService) Get(ctx context.Context, runID string, opts ...CallOption) (*RealtimeSessionDetail, error) {
	return do[RealtimeSessionDetail](ctx, (*service)(s), call{route: routeRealtimeSessionsGet, ids: [2]string{runID}}, opts)
}
