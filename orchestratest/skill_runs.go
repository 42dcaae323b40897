package orchestratest

import (
	"cmp"
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
	recorded := c.startSkillRun(models[0].ModelKey)
	recorded.held = c.srv.holdFor("Skills.Run")
	r := recorded.shown()
	c.runFailed(r.done.failure, r.RunID)
	return r
}

func (c *call) getSkillRun() any {
	r := find(c, &c.org.skillRuns, "runId").fetch()
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
	v, err := s.versions.choose(id)
	c.fail(err)
	return v, variables
}

// startSkillRun runs what the body asks for, with a default model.
func (c *call) startSkillRun(defaultModel string) *execution[skillRun] {
	v, variables := c.skillAndVariables()
	key := cmp.Or(c.input.text("modelKey"), defaultModel)
	m, err := findModel(key)
	if c.fail(err); c.route.is(makesImages) && !m.SupportsImageGeneration {
		c.fail(badRequest("modelKey "+key+" cannot generate images", "modelKey"))
	}
	return c.runSkillVersion(v, m, variables)
}

// runSkillVersion runs a version and records the run; a failed one too. It returns an empty run
// when there is none.
func (c *call) runSkillVersion(v *skillVersion, m model, variables map[string]any) *execution[skillRun] {
	if !c.ok() {
		return &execution[skillRun]{}
	}
	j, err := c.skillJob(v, m, variables)
	if c.fail(err); !c.ok() {
		return &execution[skillRun]{}
	}
	created := c.srv.now()
	done := c.perform(j)
	running := skillRun{
		RunID: c.srv.ids.next("srun_"), OrganizationID: c.org.id, Status: statusRunning, SkillID: v.SkillID,
		SkillVersionID: v.ID, SkillVersionNumber: v.VersionNumber, ModelKey: m.ModelKey, Provider: m.Provider, Model: m.Name,
		CreatedAt: created, variables: variables, done: outcome{prompt: done.prompt}, trace: c.org.composition(v),
		Validation: runValidation{true, []string{}, outputContract{contractState(v.OutputSchema), false, []string{}}},
	}
	missing := missingRequired(v.OutputSchema, done.output)
	recorded := &execution[skillRun]{running: running, over: running.after(done, missing, c.srv.now())}
	c.org.skillRuns.add(running.RunID, recorded)
	return recorded
}

// after is a running run when it is over, with the required members that its output lacks.
func (r skillRun) after(done outcome, missing []string, completed string) skillRun {
	r.Status, r.CompletedAt, r.done = done.status(), &completed, done
	r.Output, r.OutputText, r.Usage, r.LatencyMs = done.output, done.text, done.usage, done.latencyMs
	contract := outputContract{r.Validation.OutputContract.State, len(missing) == 0, missing}
	r.Validation = runValidation{done.failure == "" && len(missing) == 0, append([]string{}, done.missing...), contract}
	r.Diagnostic = whyFailed(done.failure, r.RunID, "skills."+r.SkillID)
	return r
}

// generateImage records a skill run whose output is one image. There is no image behind the URL.
// Unlike other executions, one that fails is a success with a failure in it.
func (c *call) generateImage() any {
	r := &c.startSkillRun(imageModel).over
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
