package orchestratest

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// evaluationCase is an input of a skill with what should come out.
type evaluationCase struct {
	ID        string          `json:"id"`
	SkillID   string          `json:"skillId"`
	Label     *string         `json:"label"`
	Input     json.RawMessage `json:"input"` // the variables of a run
	Expected  json.RawMessage `json:"expected"`
	CreatedAt string          `json:"createdAt"`
}

// evaluationRun compares a draft with the published version over all cases.
type evaluationRun struct {
	ID                 string             `json:"id"`
	SkillID            string             `json:"skillId"`
	Status             string             `json:"status"`
	DraftVersionID     string             `json:"draftVersionId"`
	PublishedVersionID *string            `json:"publishedVersionId"`
	DraftRunID         *string            `json:"draftRunId"`     // of the first case
	PublishedRunID     *string            `json:"publishedRunId"` // of the first case
	Results            []evaluationResult `json:"results"`
	DiagnosticSummary  evaluationSummary  `json:"diagnosticSummary"`
	CreatedAt          string             `json:"createdAt"`
	CompletedAt        string             `json:"completedAt"`
}

type evaluationResult struct {
	CaseID          string  `json:"caseId"`
	Label           *string `json:"label"`
	DraftRunID      string  `json:"draftRunId"`
	DraftPassed     bool    `json:"draftPassed"`
	PublishedRunID  *string `json:"publishedRunId"`
	PublishedPassed *bool   `json:"publishedPassed"`
}

type evaluationSummary struct {
	Cases       int    `json:"cases"`
	Passed      int    `json:"passed"`
	Failed      int    `json:"failed"`
	Regressions int    `json:"regressions"` // passed when published, fail in the draft
	Message     string `json:"message"`
}

func (c *call) listEvaluationCases() (any, error) {
	if _, err := c.org.skills.find(c.params["skillId"]); err != nil {
		return nil, err
	}
	return c.org.casesOf(c.params["skillId"]), nil
}

func (o *organization) casesOf(skillID string) []*evaluationCase {
	found := []*evaluationCase{}
	for _, made := range o.evaluationCases.all {
		if made.SkillID == skillID {
			found = append(found, made)
		}
	}
	return found
}

func (c *call) createEvaluationCase() (any, error) {
	s, err := c.org.skills.find(c.params["skillId"])
	if err != nil {
		return nil, err
	}
	made := &evaluationCase{
		SkillID:   s.ID,
		Label:     c.input.optionalText("label"),
		Input:     c.input.jsonObject("input"),
		Expected:  c.input.raw("expected"),
		CreatedAt: c.srv.now(),
	}
	if err := c.input.err(); err != nil {
		return nil, err
	}
	made.ID = c.srv.ids.next("evc_")
	c.org.evaluationCases.add(made.ID, made)
	return made, nil
}

// runEvaluation runs every case on a draft, the newest when none is named, and on
// the published version if there is one.
func (c *call) runEvaluation() (any, error) {
	s, err := c.org.skills.find(c.params["skillId"])
	if err != nil {
		return nil, err
	}
	versionID := c.input.text("draftVersionId")
	if err := c.input.err(); err != nil {
		return nil, err
	}
	draft := s.newestDraft()
	if versionID != "" {
		if draft, err = c.org.skillVersion(s, versionID); err != nil {
			return nil, err
		}
	}
	cases := c.org.casesOf(s.ID)
	switch {
	case draft == nil:
		return nil, conflict("The skill has no draft version to evaluate")
	case len(cases) == 0:
		return nil, conflict("The skill has no evaluation cases")
	}
	for _, v := range []*skillVersion{draft, s.published} { // before anything is recorded
		if v == nil {
			continue
		}
		if _, err := c.skillJob(v, models[0], nil); err != nil {
			return nil, err
		}
	}
	r := &evaluationRun{
		ID: c.srv.ids.next("evr_"), SkillID: s.ID, Status: statusCompleted, DraftVersionID: draft.ID,
		Results: []evaluationResult{}, CreatedAt: c.srv.now(),
	}
	published := s.published
	if published != nil {
		r.PublishedVersionID = &published.ID
	}
	for _, each := range cases {
		result, err := c.evaluate(each, draft, published)
		if err != nil {
			return nil, err
		}
		r.add(result)
	}
	r.DiagnosticSummary.Message = fmt.Sprintf("%d of %d cases passed", r.DiagnosticSummary.Passed, r.DiagnosticSummary.Cases)
	r.CompletedAt = c.srv.now()
	c.org.evaluationRuns.add(r.ID, r)
	return r, nil
}

func (r *evaluationRun) add(result evaluationResult) {
	if len(r.Results) == 0 {
		r.DraftRunID, r.PublishedRunID = &result.DraftRunID, result.PublishedRunID
	}
	r.Results = append(r.Results, result)
	summary := &r.DiagnosticSummary
	summary.Cases++
	if result.DraftPassed {
		summary.Passed++
		return
	}
	summary.Failed++
	if result.PublishedPassed != nil && *result.PublishedPassed {
		summary.Regressions++
	}
}

// evaluate runs one case, which also records its skill runs.
func (c *call) evaluate(each *evaluationCase, draft, published *skillVersion) (evaluationResult, error) {
	variables, _ := decode(each.Input).(map[string]any)
	if variables == nil {
		variables = map[string]any{}
	}
	run, err := c.runSkillVersion(draft, models[0], variables)
	if err != nil {
		return evaluationResult{}, err
	}
	result := evaluationResult{CaseID: each.ID, Label: each.Label, DraftRunID: run.RunID, DraftPassed: each.passes(run)}
	if published != nil {
		run, err := c.runSkillVersion(published, models[0], variables)
		if err != nil {
			return evaluationResult{}, err
		}
		passed := each.passes(run)
		result.PublishedRunID, result.PublishedPassed = &run.RunID, &passed
	}
	return result, nil
}

// passes reports whether a run succeeded and gave what was expected, as JSON or as
// a text. With no expectation success is enough.
func (e *evaluationCase) passes(r *skillRun) bool {
	if r.Status != statusCompleted || e.Expected == nil {
		return r.Status == statusCompleted
	}
	expected := decode(e.Expected)
	return expected == any(r.OutputText) || reflect.DeepEqual(expected, plain(r.Output))
}

func (c *call) getEvaluationRun() (any, error) {
	r, err := c.org.evaluationRuns.find(c.params["evaluationRunId"])
	if err != nil || r.SkillID != c.params["skillId"] {
		return nil, notFound("evaluation run", c.params["evaluationRunId"])
	}
	return r, nil
}
