package orchestratest

import (
	"encoding/json"
	"fmt"
)

// evaluationCase is an input of a skill with what should come out.
type evaluationCase struct {
	ID        string          `json:"id"`
	SkillID   string          `json:"skillId"`
	Label     *string         `json:"label"`
	Input     json.RawMessage `json:"input"` // the variables of a run
	Expected  json.RawMessage `json:"expected"`
	CreatedAt string          `json:"createdAt"`

	extra members
}

func (e *evaluationCase) show() any { return show(e, e.extra) }

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

func (c *call) listEvaluationCases() any {
	s := find(c, &c.org.skills, "skillId")
	return showAll(c.org.casesOf(s.ID))
}

func (o *organization) casesOf(skillID string) []*evaluationCase {
	var found []*evaluationCase
	for _, made := range o.evaluationCases.all {
		if made.SkillID == skillID {
			found = append(found, made)
		}
	}
	return found
}

func (c *call) createEvaluationCase() any {
	s := find(c, &c.org.skills, "skillId")
	made := &evaluationCase{
		SkillID:   s.ID,
		Label:     c.input.optionalText("label"),
		Input:     c.input.jsonObject("input"),
		Expected:  c.input.raw("expected"),
		CreatedAt: c.srv.now(),
	}
	if !c.ok() {
		return nil
	}
	made.ID, made.extra = c.srv.ids.next("evc_"), c.input.unread()
	c.org.evaluationCases.add(made.ID, made)
	return made.show()
}

// runEvaluation runs every case on a draft, the newest when none is named, and on the published
// version if there is one.
func (c *call) runEvaluation() any {
	s := find(c, &c.org.skills, "skillId")
	draft := s.versions.draft(c, c.input.text("draftVersionId"), "evaluate")
	published := s.versions.published
	cases := c.org.casesOf(s.ID)
	if len(cases) == 0 {
		c.fail(conflict("The skill has no evaluation cases"))
	}
	for _, v := range []*skillVersion{draft, published} { // before anything is recorded
		if v != nil && c.ok() {
			_, err := c.skillJob(v, models[0], nil)
			c.fail(err)
		}
	}
	if !c.ok() {
		return nil
	}
	r := &evaluationRun{
		ID: c.srv.ids.next("evr_"), SkillID: s.ID, Status: statusCompleted, DraftVersionID: draft.ID,
		Results: []evaluationResult{}, CreatedAt: c.srv.now(),
	}
	if published != nil {
		r.PublishedVersionID = &published.ID
	}
	for _, each := range cases {
		r.add(c.evaluate(each, draft, published))
	}
	r.DiagnosticSummary.Message = fmt.Sprintf("%d of %d cases passed", r.DiagnosticSummary.Passed, r.DiagnosticSummary.Cases)
	r.CompletedAt = c.srv.now()
	if !c.ok() { // a prompt was changed while a tool was called
		return nil
	}
	c.org.evaluationRuns.add(r.ID, r)
	return r
}

func (r *evaluationRun) add(result evaluationResult) {
	if len(r.Results) == 0 {
		r.DraftRunID, r.PublishedRunID = &result.DraftRunID, result.PublishedRunID
	}
	r.Results = append(r.Results, result)
	summary := &r.DiagnosticSummary
	summary.Cases++
	switch {
	case result.DraftPassed:
		summary.Passed++
	case result.PublishedPassed != nil && *result.PublishedPassed:
		summary.Regressions++
	}
	summary.Failed = summary.Cases - summary.Passed
}

// evaluate runs one case, which also records its skill runs.
func (c *call) evaluate(each *evaluationCase, draft, published *skillVersion) evaluationResult {
	variables, _ := decode(each.Input).(map[string]any)
	if variables == nil {
		variables = map[string]any{}
	}
	run := c.runSkillVersion(draft, models[0], variables).over
	result := evaluationResult{CaseID: each.ID, Label: each.Label, DraftRunID: run.RunID, DraftPassed: each.passes(run)}
	if published != nil {
		run := c.runSkillVersion(published, models[0], variables).over
		passed := each.passes(run)
		result.PublishedRunID, result.PublishedPassed = &run.RunID, &passed
	}
	return result
}

// passes reports whether a run succeeded and gave what was expected, as JSON or as a text. With no
// expectation success is enough.
func (e *evaluationCase) passes(r skillRun) bool {
	if r.Status != statusCompleted || e.Expected == nil {
		return r.Status == statusCompleted
	}
	expected := decode(e.Expected)
	return expected == any(r.OutputText) || same(expected, plain(r.Output))
}

func (c *call) getEvaluationRun() any {
	s := find(c, &c.org.skills, "skillId")
	r := find(c, &c.org.evaluationRuns, "evaluationRunId")
	if r.SkillID != s.ID {
		c.fail(notFound("evaluation run", c.params["evaluationRunId"]))
	}
	return r
}
