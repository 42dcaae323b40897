package orchestratest

import (
	"fmt"
	"slices"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// workflow is the graph of an agent version. The names inside transitions, and the
// ids of skills and tools inside steps, are inferred: no documentation states them.
type workflow struct {
	EntryStepKey string       `json:"entryStepKey"`
	Steps        []step       `json:"steps"`
	Transitions  []transition `json:"transitions"`
}

type step struct {
	StepKey         string `json:"stepKey"`
	Name            string `json:"name"`
	StepType        string `json:"stepType"`
	PromptID        string `json:"promptId,omitempty"`
	PromptVersionID string `json:"promptVersionId,omitempty"`
	SkillID         string `json:"skillId,omitempty"`
	SkillVersionID  string `json:"skillVersionId,omitempty"`
	ToolID          string `json:"toolId,omitempty"`
	PositionIndex   int    `json:"positionIndex"`
}

type transition struct {
	FromStepKey    string `json:"fromStepKey"`
	ToStepKey      string `json:"toStepKey"`
	TransitionType string `json:"transitionType"`
}

// transitionTypes are the kinds of transition that a run follows.
var transitionTypes = []string{"next", "success", "failure", "condition_true", "condition_false"}

// The kinds of step that can be executed.
const (
	promptStep    = "prompt_step"
	toolStep      = "tool_step"
	returnStep    = "return_step"
	conditionStep = "condition_step"
)

// savedWorkflow is the answer to saving one.
type savedWorkflow struct {
	AgentVersionID string `json:"agentVersionId"`
	VersionNumber  int    `json:"versionNumber"`
	workflow
	UpdatedAt string `json:"updatedAt"`
}

// workflowValidation is the answer to validating one.
type workflowValidation struct {
	Valid  bool            `json:"valid"`
	Issues []workflowIssue `json:"issues"`
}

type workflowIssue struct {
	detail
	StepKey  string `json:"stepKey,omitempty"`
	Severity string `json:"severity"`
}

func emptyWorkflow() workflow { return workflow{Steps: []step{}, Transitions: []transition{}} }

// readWorkflow reads a whole workflow, as it is: mistakes in the graph are for
// validation and publishing to find.
func (in input) readWorkflow() workflow {
	w := workflow{EntryStepKey: in.text("entryStepKey"), Steps: in.readSteps(), Transitions: []transition{}}
	for _, t := range in.list("transitions") {
		w.Transitions = append(w.Transitions, transition{t.text("fromStepKey"), t.text("toStepKey"), t.text("transitionType")})
	}
	return w
}

func (in input) readSteps() []step {
	steps := []step{}
	for _, s := range in.list("steps") {
		steps = append(steps, step{
			StepKey: s.text("stepKey"), Name: s.text("name"), StepType: s.text("stepType"),
			PromptID: s.text("promptId"), PromptVersionID: s.text("promptVersionId"),
			SkillID: s.text("skillId"), SkillVersionID: s.text("skillVersionId"),
			ToolID: s.text("toolId"), PositionIndex: s.integer("positionIndex"),
		})
	}
	return steps
}

// validateWorkflow changes nothing.
func (c *call) validateWorkflow() (any, error) {
	if _, err := c.org.agentVersions.find(c.params["agentVersionId"]); err != nil {
		return nil, err
	}
	w := c.input.readWorkflow()
	if err := c.input.err(); err != nil {
		return nil, err
	}
	result := workflowValidation{Valid: true, Issues: []workflowIssue{}}
	for _, issue := range c.org.check(w) {
		result.Valid = false
		result.Issues = append(result.Issues, workflowIssue{issue, w.stepAt(issue.Path), "error"})
	}
	return result, nil
}

// saveWorkflow replaces the workflow of a draft.
func (c *call) saveWorkflow() (any, error) {
	saved, err := c.changeDraft(func(*agentVersion) workflow { return c.input.readWorkflow() })
	if err != nil {
		return nil, err
	}
	return saved, nil
}

// saveSteps is the older way: it replaces the steps, leaves the rest and answers
// with the list.
func (c *call) saveSteps() (any, error) {
	saved, err := c.changeDraft(func(v *agentVersion) workflow {
		return workflow{v.workflow.EntryStepKey, c.input.readSteps(), v.workflow.Transitions}
	})
	if err != nil {
		return nil, err
	}
	return saved.Steps, nil
}

func (c *call) changeDraft(read func(*agentVersion) workflow) (*savedWorkflow, error) {
	v, err := c.org.agentVersions.find(c.params["agentVersionId"])
	if err != nil {
		return nil, err
	}
	w := read(v)
	if err := c.input.err(); err != nil {
		return nil, err
	}
	if v.IsPublished {
		return nil, conflict("Version %d is published and cannot change", v.VersionNumber)
	}
	v.workflow, v.UpdatedAt = w, c.srv.now()
	return &savedWorkflow{v.ID, v.VersionNumber, w, v.UpdatedAt}, nil
}

// check finds the mistakes of a workflow: those anyone can see, then those that
// only the organization's records show.
func (o *organization) check(w workflow) []detail {
	var issues []detail
	for _, found := range w.sdk().Validate() {
		issues = append(issues, detail{found.Code, found.Message, found.Path})
	}
	for i, s := range w.Steps {
		report := func(code, field, message string) {
			issues = append(issues, detail{code, fmt.Sprintf("Step %q: %s", s.StepKey, message), fmt.Sprintf("steps[%d].%s", i, field)})
		}
		if !slices.Contains([]string{promptStep, toolStep, returnStep, conditionStep}, s.StepType) {
			report("unknown_step_type", "stepType", fmt.Sprintf("there is no step type %q", s.StepType))
		}
		if _, err := o.stepPrompt(s); s.PromptID+s.PromptVersionID != "" && err != nil {
			report("unknown_prompt", "promptId", err.Error())
		}
		if _, err := o.stepSkill(s); s.SkillID+s.SkillVersionID != "" && err != nil {
			report("unknown_skill", "skillId", err.Error())
		}
		if _, err := o.tools.find(s.ToolID); s.ToolID != "" && err != nil {
			report("unknown_tool", "toolId", err.Error())
		}
	}
	for i, t := range w.Transitions {
		if !slices.Contains(transitionTypes, t.TransitionType) {
			issues = append(issues, detail{
				"unknown_transition_type", fmt.Sprintf("There is no transition type %q", t.TransitionType), fmt.Sprintf("transitions[%d].transitionType", i),
			})
		}
	}
	return issues
}

// stepPrompt resolves the prompt version of a step: the pinned one, which needs
// no prompt beside it, else the published one.
func (o *organization) stepPrompt(s step) (*promptVersion, error) {
	if s.PromptID == "" && s.PromptVersionID != "" {
		return o.promptVersions.find(s.PromptVersionID)
	}
	p, err := o.prompts.find(s.PromptID)
	if err != nil {
		return nil, err
	}
	if s.PromptVersionID != "" {
		v, err := o.promptVersions.find(s.PromptVersionID)
		if err != nil || v.PromptID != p.ID {
			return nil, notFound("prompt version", s.PromptVersionID)
		}
		return v, nil
	}
	if v := p.published(); v != nil {
		return v, nil
	}
	return nil, conflict("Prompt %s has no published version", p.PromptKey)
}

// stepSkill does the same for a skill.
func (o *organization) stepSkill(s step) (*skillVersion, error) {
	if s.SkillID == "" && s.SkillVersionID != "" {
		return o.skillVersions.find(s.SkillVersionID)
	}
	sk, err := o.skills.find(s.SkillID)
	if err != nil {
		return nil, err
	}
	return o.skillVersion(sk, s.SkillVersionID)
}

// sdk is the workflow as the SDK's own validation wants it.
func (w workflow) sdk() promptorchestra.Workflow {
	out := promptorchestra.Workflow{EntryStepKey: w.EntryStepKey}
	for _, s := range w.Steps {
		out.Steps = append(out.Steps, promptorchestra.WorkflowStep{
			StepKey: s.StepKey, Name: s.Name, StepType: promptorchestra.StepType(s.StepType), PromptID: s.PromptID,
			PromptVersionID: s.PromptVersionID, PositionIndex: s.PositionIndex, SkillID: s.SkillID,
			SkillVersionID: s.SkillVersionID, ToolID: s.ToolID,
		})
	}
	for _, t := range w.Transitions {
		out.Transitions = append(out.Transitions, promptorchestra.WorkflowTransition{
			FromStepKey: t.FromStepKey, ToStepKey: t.ToStepKey, TransitionType: promptorchestra.TransitionType(t.TransitionType),
		})
	}
	return out
}

// stepAt is the key of the step that a path such as steps[2].promptId leads to.
func (w workflow) stepAt(path string) string {
	var i int
	if _, err := fmt.Sscanf(path, "steps[%d]", &i); err != nil || i >= len(w.Steps) {
		return ""
	}
	return w.Steps[i].StepKey
}

func withoutPaths(issues []detail) []detail {
	plain := slices.Clone(issues)
	for i := range plain {
		plain[i].Path = ""
	}
	return plain
}
