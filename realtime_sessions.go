package promptorchestra

import (
	"context"
	"iter"
)

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
