package promptorchestra

import (
	"context"
	"iter"
)

// EvaluationsService keeps the cases a skill is measured by and runs them. Use it as Client.Evaluations.
type EvaluationsService struct{ c *Client }

// SkillEvaluationCase is one case: what goes in and what is expected, the caller's own data.
type SkillEvaluationCase struct {
	ID        string    `json:"id"`      // inferred
	SkillID   string    `json:"skillId"` // inferred
	Label     string    `json:"label"`
	Input     RawJSON   `json:"input"` // the variables of a run
	Expected  RawJSON   `json:"expected"`
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
	Results            RawJSON   `json:"results"`            // inferred; one a case
	DiagnosticSummary  RawJSON   `json:"diagnosticSummary"`
	CreatedAt          Timestamp `json:"createdAt"`   // inferred
	CompletedAt        Timestamp `json:"completedAt"` // inferred; zero while the run is pending
}

// EvaluationCaseCreateParams describes a new case. Input, the variables of a run, and Expected are maps, structs or
// raw JSON; nil leaves them out.
type EvaluationCaseCreateParams struct {
	Label    string `json:"label,omitzero"`
	Input    any    `json:"input,omitzero"`
	Expected any    `json:"expected,omitzero"`
}

// EvaluationRunParams chooses the draft; which one the server takes when DraftVersionID is empty is its choice.
type EvaluationRunParams struct {
	DraftVersionID string `json:"draftVersionId,omitzero"`
}

// ListCases returns all cases of the skill; none is an empty list.
//
// Beta. Either credential, scope evaluations:read. Repeated safely. Errors: those of every call; [KindNotFound] for
// an unknown id.
func (s *EvaluationsService) ListCases(ctx context.Context, skillID string, opts ...CallOption) ([]SkillEvaluationCase, error) {
	return list[SkillEvaluationCase](ctx, s.c, call{route: routeEvaluationsListCases, ids: [2]string{skillID}}, opts)
}

// AllCases is [EvaluationsService.ListCases] as a stream: one case at a time, in constant memory. An error is the
// last pair; each range over the result makes a call of its own.
//
// Beta. Either credential, scope evaluations:read. Repeated safely until the answer begins. Errors: those of every
// call; [KindNotFound] for an unknown id.
func (s *EvaluationsService) AllCases(ctx context.Context, skillID string, opts ...CallOption) iter.Seq2[SkillEvaluationCase, error] {
	return stream[SkillEvaluationCase](ctx, s.c, call{route: routeEvaluationsListCases, ids: [2]string{skillID}}, opts)
}

// CreateCase returns the new case.
//
// Beta. Either credential, scope evaluations:write. Never repeated. Errors: those of every call; [KindNotFound] for
// an unknown id; [KindInvalidRequest].
func (s *EvaluationsService) CreateCase(ctx context.Context, skillID string, p EvaluationCaseCreateParams, opts ...CallOption) (*SkillEvaluationCase, error) {
	p.Input, p.Expected = rawValue(p.Input), rawValue(p.Expected)
	return do[SkillEvaluationCase](ctx, s.c, call{route: routeEvaluationsCreateCase, ids: [2]string{skillID}, body: p}, opts)
}

// Run executes the cases on the draft and on the published version and returns the comparison; every run in it is
// billed. When [OutcomeUnknown] is true of the error it may have run, so look before starting another.
//
// Beta. Either credential, scope evaluations:write. Never repeated. Errors: those of every call; [KindNotFound] for
// an unknown id; [KindInvalidRequest]; [KindConflict] when there is nothing to evaluate; [KindEntitlement] for a plan
// without AI features; [KindServer] when a provider fails.
func (s *EvaluationsService) Run(ctx context.Context, skillID string, p EvaluationRunParams, opts ...CallOption) (*SkillEvaluationRun, error) {
	return do[SkillEvaluationRun](ctx, s.c, call{route: routeEvaluationsRun, ids: [2]string{skillID}, body: p}, opts)
}

// Get returns the recorded evaluation run.
//
// Beta. Either credential, scope evaluations:read. Repeated safely. Errors: those of every call; [KindNotFound] for
// an unknown id.
func (s *EvaluationsService) Get(ctx context.Context, skillID, evaluationRunID string, opts ...CallOption) (*SkillEvaluationRun, error) {
	return do[SkillEvaluationRun](ctx, s.c, call{route: routeEvaluationsGet, ids: [2]string{skillID, evaluationRunID}}, opts)
}
