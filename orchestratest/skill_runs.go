package orchestratest

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// skillRun is the record of a skill's execution and the response to running one.
type skillRun struct {
	RunID              string        `json:"runId"`
	OrganizationID     string        `json:"organizationId"`
	Status             string        `json:"status"`
	SkillID            string        `json:"skillId"`
	SkillVersionID     string        `json:"skillVersionId"`
	SkillVersionNumber int           `json:"skillVersionNumber"`
	Output             any           `json:"output"`
	OutputText         string        `json:"outputText"`
	Images             []object      `json:"images,omitempty"`
	Validation         runValidation `json:"validation"`
	Diagnostic         *diagnostic   `json:"diagnostic"`
	Usage              usage         `json:"usage"`
	LatencyMs          int           `json:"latencyMs"`
	ModelKey           string        `json:"modelKey"`
	Provider           string        `json:"provider"`
	Model              string        `json:"model"`
	CreatedAt          string        `json:"createdAt"`
	CompletedAt        *string       `json:"completedAt"`

	variables map[string]any
	done      outcome
	trace     []any
	held      hold
}

// shown is a run as it looks from outside: a held run has no result yet.
func (r *skillRun) shown() *skillRun {
	if r.held == 0 {
		return r
	}
	shown := *r
	shown.Status, shown.Output, shown.OutputText, shown.CompletedAt = statusRunning, nil, "", nil
	shown.Diagnostic, shown.Usage, shown.LatencyMs = nil, usage{}, 0
	shown.Validation = runValidation{
		Valid: true, MissingVariables: []string{},
		OutputContract: outputContract{State: r.Validation.OutputContract.State, MissingFields: []string{}},
	}
	shown.done = outcome{prompt: r.done.prompt}
	return &shown
}

// skillRunDetail is a recorded run with what went in and what happened.
type skillRunDetail struct {
	*skillRun
	Variables        map[string]any `json:"variables"`
	RenderedPrompt   string         `json:"renderedPrompt"`
	CompositionTrace []any          `json:"compositionTrace"`
	Steps            []runStep      `json:"steps"`
}

// previewSkill renders a version. It calls no model and no tool and records nothing.
func (c *call) previewSkill() any {
	v, variables := c.skillAndVariables()
	if !c.ok() {
		return nil
	}
	templates, issues := c.org.compose(v)
	text, missing := render(templates, variables)
	return map[string]any{
		"skillVersionId": v.ID, "renderedPrompt": text, "compositionTrace": c.org.composition(v),
		"missingVariables": append([]string{}, missing...), "blockingIssues": append([]detail{}, issues...),
	}
}

func (c *call) runSkill() any {
	r := c.startSkillRun(models[0].ModelKey)
	r.held = c.srv.holdFor("Skills.Run")
	shown := r.shown()
	c.runFailed(shown.done.failure, r.RunID)
	return shown
}

func (c *call) getSkillRun() any {
	recorded := find(c, &c.org.skillRuns, "runId")
	recorded.held.fetch()
	r := recorded.shown()
	return skillRunDetail{r, r.variables, r.done.prompt, r.trace, append([]runStep{}, r.done.steps...)}
}

// skillAndVariables reads what previews and runs have in common.
func (c *call) skillAndVariables() (*skillVersion, map[string]any) {
	s := find(c, &c.org.skills, "skillId")
	variables := c.input.object("variables")
	id := c.input.text("skillVersionId")
	if !c.ok() {
		return &skillVersion{}, nil
	}
	v, err := s.version(id)
	c.fail(err)
	return v, variables
}

// startSkillRun runs what the body asks for, with a default model.
func (c *call) startSkillRun(defaultModel string) *skillRun {
	v, variables := c.skillAndVariables()
	key := c.input.text("modelKey")
	if key == "" {
		key = defaultModel
	}
	m, err := findModel(key)
	if c.fail(err); c.route.is(makesImages) && !m.SupportsImageGeneration {
		c.fail(badRequest("modelKey "+key+" cannot generate images", "modelKey"))
	}
	return c.runSkillVersion(v, m, variables)
}

// runSkillVersion runs a version and records the run; a failed one too. It returns an empty run
// when there is none.
func (c *call) runSkillVersion(v *skillVersion, m model, variables map[string]any) *skillRun {
	if !c.ok() {
		return &skillRun{}
	}
	j, err := c.skillJob(v, m, variables)
	if c.fail(err); !c.ok() {
		return &skillRun{}
	}
	created := c.srv.now()
	done := c.perform(j)
	completed, missing := c.srv.now(), missingRequired(v.OutputSchema, done.output)
	r := &skillRun{
		RunID: c.srv.ids.next("srun_"), OrganizationID: c.org.id, Status: done.status(), SkillID: v.SkillID,
		SkillVersionID: v.ID, SkillVersionNumber: v.VersionNumber, Output: done.output, OutputText: done.text,
		Usage: done.usage, LatencyMs: done.latencyMs, ModelKey: m.ModelKey, Provider: m.Provider, Model: m.Name,
		CreatedAt: created, CompletedAt: &completed, variables: variables, done: done, trace: c.org.composition(v),
		Validation: runValidation{
			Valid: done.failure == "" && len(missing) == 0, MissingVariables: append([]string{}, done.missing...),
			OutputContract: outputContract{contractState(v.OutputSchema), len(missing) == 0, missing},
		},
	}
	if done.failure != "" {
		failed := executionFailed(done.failure, r.RunID).diagnostic("skills." + v.SkillID)
		r.Diagnostic = &failed
	}
	c.org.skillRuns.add(r.RunID, r)
	return r
}

// generateImage records a skill run whose output is one image. There is no image behind the URL.
// Unlike other executions, one that fails is a success with a failure in it.
func (c *call) generateImage() any {
	r := c.startSkillRun(imageModel)
	if !c.ok() {
		return nil
	}
	result := object{
		"runId": r.RunID, "status": r.Status, "skillVersionId": r.SkillVersionID, "diagnostic": r.Diagnostic,
		"modelKey": r.ModelKey, "provider": r.Provider, "latencyMs": r.LatencyMs, "failure": nil,
	}
	if r.done.failure != "" {
		result["failure"] = object{"code": "execution_failed", "message": r.done.failure, "retryable": false}
	} else {
		r.Images = []object{c.image(r.RunID)}
	}
	result["images"] = append([]object{}, r.Images...)
	result["usage"] = show(r.Usage, members{"imageCount": json.RawMessage(strconv.Itoa(len(r.Images)))})
	return result
}

// image is where an image was put. Its bucket and key last; its URL does not.
func (c *call) image(runID string) object {
	key := fmt.Sprintf("%s/%s.png", c.org.id, runID)
	return object{
		"mimeType": "image/png", "width": 1024, "height": 1024,
		"storageReference": object{
			"kind": "object_storage", "bucket": "generated-images", "objectKey": key,
			"signedUrl": object{
				"url": "https://generated-images.invalid/" + key, "expiresAt": c.srv.timestamp(c.srv.settings.clock().Add(time.Hour)),
			},
		},
	}
}
