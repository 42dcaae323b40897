package promptorchestra

import (
	"context"
	"iter"
)

// EvaluationsService keeps the evaluation cases of skills and runs them. Use it as
// Client.Evaluations.
type EvaluationsService struct{ c *Client }

// SkillEvaluationCase is one evaluation case: an input and the output expected for it. Both are the
// caller's own data.
type SkillEvaluationCase struct {
	ID        string    `json:"id"`      // inferred
	SkillID   string    `json:"skillId"` // inferred
	Label     string    `json:"label"`
	Input     RawJSON   `json:"input,omitzero"` // the variables of a run
	Expected  RawJSON   `json:"expected,omitzero"`
	CreatedAt Timestamp `json:"createdAt"` // inferred
}

// SkillEvaluationRun compares a draft of a skill with its published version.
type SkillEvaluationRun struct {
	ID                 string    `json:"id"`      // inferred
	SkillID            string    `json:"skillId"` // inferred
	Status             RunStatus `json:"status"`  // inferred
	DraftVersionID     string    `json:"draftVersionId"`
	DraftRunID         string    `json:"draftRunId"`
	PublishedRunID     string    `json:"publishedRunId"`
	PublishedVersionID string    `json:"publishedVersionId"` // inferred
	Results            RawJSON   `json:"results,omitzero"`   // inferred; one for each case
	DiagnosticSummary  RawJSON   `json:"diagnosticSummary,omitzero"`
	CreatedAt          Timestamp `json:"createdAt"`   // inferred
	CompletedAt        Timestamp `json:"completedAt"` // inferred; zero while the run is pending
}

// EvaluationCaseCreateParams describes a new case. Input holds the variables of a run. Input and
// Expected are maps, structs or raw JSON; nil leaves them out.
type EvaluationCaseCreateParams struct {
	Label    string `json:"label,omitzero"`
	Input    any    `json:"input,omitzero"`
	Expected any    `json:"expected,omitzero"`
}

// EvaluationRunParams chooses the draft to evaluate. When DraftVersionID is empty, the server
// chooses.
type EvaluationRunParams struct {
	DraftVersionID string `json:"draftVersionId,omitzero"`
}

// ListCases returns all evaluation cases of the skill, or an empty slice when there are none.
//
//	GET /api/skills/{skillId}/evaluation-cases
//
// Beta. Access token, or API key with scope evaluations:read.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; [KindNotFound] for an unknown id.
func (s *EvaluationsService) ListCases(ctx context.Context, skillID string, opts ...CallOption) ([]SkillEvaluationCase, error) {
	return list[SkillEvaluationCase](ctx, (*service)(s), call{route: routeEvaluationsListCases, ids: [2]string{skillID}}, opts)
}

// AllCases streams the list of [EvaluationsService.ListCases]: it yields one case at a time while
// the response arrives, in constant memory. After an error it yields nothing more. Each range over
// the result makes a new call.
//
//	GET /api/skills/{skillId}/evaluation-cases
//
// Beta. Access token, or API key with scope evaluations:read.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505, until the response
// begins.
// Errors: those of every call; [KindNotFound] for an unknown id.
func (s *EvaluationsService) AllCases(ctx context.Context, skillID string, opts ...CallOption) iter.Seq2[SkillEvaluationCase, error] {
	return stream[SkillEvaluationCase](ctx, (*service)(s), call{route: routeEvaluationsListCases, ids: [2]string{skillID}}, opts)
}

// CreateCase creates an evaluation case of the skill and returns it.
//
//	POST /api/skills/{skillId}/evaluation-cases
//
// Beta. Access token, or API key with scope evaluations:write.
// Not idempotent: retried only if it was not sent, or was rate limited (429).
// Errors: those of every call; [KindNotFound] for an unknown id; [KindInvalidRequest].
func (s *EvaluationsService) CreateCase(ctx context.Context, skillID string, p EvaluationCaseCreateParams, opts ...CallOption) (*SkillEvaluationCase, error) {
	p.Input, p.Expected = rawValue(p.Input), rawValue(p.Expected)
	return do[SkillEvaluationCase](ctx, (*service)(s), call{route: routeEvaluationsCreateCase, ids: [2]string{skillID}, body: p}, opts)
}

// Run runs the cases on a draft and on the published version of the skill and returns the
// comparison. Each of these runs is billed. If [OutcomeUnknown] reports true for the error, they
// may have happened: check before you start another evaluation.
//
//	POST /api/skills/{skillId}/evaluations/run
//
// Beta. Access token, or API key with scope evaluations:write.
// Not idempotent: retried only if it was not sent, or was rate limited (429).
// Errors: those of every call; [KindNotFound] for an unknown id; [KindInvalidRequest];
// [KindConflict] when there is nothing to evaluate; [KindEntitlement] for a plan without AI
// features; [KindServer] when a provider fails.
func (s *EvaluationsService) Run(ctx context.Context, skillID string, p EvaluationRunParams, opts ...CallOption) (*SkillEvaluationRun, error) {
	return do[SkillEvaluationRun](ctx, (*service)(s), call{route: routeEvaluationsRun, ids: [2]string{skillID}, body: p}, opts)
}

// Get returns the recorded evaluation run.
//
//	GET /api/skills/{skillId}/evaluations/{evaluationRunId}
//
// Beta. Access token, or API key with scope evaluations:read.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; [KindNotFound] for an unknown id.
func (s *EvaluationsService) Get(ctx context.Context, skillID, evaluationRunID string, opts ...CallOption) (*SkillEvaluationRun, error) {
	return do[SkillEvaluationRun](ctx, (*service)(s), call{route: routeEvaluationsGet, ids: [2]string{skillID, evaluationRunID}}, opts)
}
