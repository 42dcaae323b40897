package promptorchestra

import (
	"context"
	"iter"
)

// RealtimeSessionsService reads the recorded sessions of voice agents. Use it as Client.RealtimeSessions.
type RealtimeSessionsService struct{ c *Client }

// RealtimeSession is a recorded session. CreatedAt and CompletedAt are inferred. That it has the other members is
// documented, their spelling is inferred.
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

// RealtimeSessionDetail is a recorded session with what happened in it.
type RealtimeSessionDetail struct {
	RealtimeSession
	Handoffs   RawJSON `json:"handoffs"`   // inferred
	ToolEvents RawJSON `json:"toolEvents"` // inferred
}

// List returns all recorded sessions of the organization; none is an empty list. The API does not paginate: prefer
// [RealtimeSessionsService.All] where there may be many.
//
// Classic. Either credential. Repeated safely. Errors: those of every call.
func (s *RealtimeSessionsService) List(ctx context.Context, opts ...CallOption) ([]RealtimeSession, error) {
	return list[RealtimeSession](ctx, s.c, call{route: routeRealtimeSessionsList}, opts)
}

// All is [RealtimeSessionsService.List] as a stream: one session at a time, in constant memory. An error is the last
// pair; each range over the result makes a call of its own.
//
// Classic. Either credential. Repeated safely until the answer begins. Errors: those of every call.
func (s *RealtimeSessionsService) All(ctx context.Context, opts ...CallOption) iter.Seq2[RealtimeSession, error] {
	return stream[RealtimeSession](ctx, s.c, call{route: routeRealtimeSessionsList}, opts)
}

// Get returns the recorded session of a run, by the id that [VoiceAgentsService.CreateSession] answered.
//
// Classic. Either credential. Repeated safely. Errors: those of every call; [KindNotFound] for an unknown id.
func (s *RealtimeSessionsService) Get(ctx context.Context, runID string, opts ...CallOption) (*RealtimeSessionDetail, error) {
	return do[RealtimeSessionDetail](ctx, s.c, call{route: routeRealtimeSessionsGet, ids: [2]string{runID}}, opts)
}
