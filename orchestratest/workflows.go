package orchestratest

import (
	"encoding/json"
	"fmt"
	"slices"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// workflow is the graph of an agent version. The names inside transitions, and the ids of skills
// and tools inside steps, are inferred: no documentation states them.
type workflow struct {
	EntryStepKey *string      `json:"entryStepKey"`
	Steps        []step       `json:"steps"`
	Transitions  []transition `json:"transitions"`

	extra members
}

// step is what this server reads of a step. It is encoded as it was sent.
type step struct {
	StepKey, Name, StepType string
	PromptID                string
	PromptVersionID         string
	SkillID                 string
	SkillVersionID          string
	ToolID                  string

	source json.RawMessage
}

// MarshalJSON returns the step as it was sent.
func (s step) MarshalJSON() ([]byte, error) { return s.source, nil }

// transition is what this server reads of a transition. It is encoded as it was sent.
type transition struct {
	FromStepKey, ToStepKey, TransitionType string

	source json.RawMessage
}

// MarshalJSON returns the transition as it was sent.
func (t transition) MarshalJSON() ([]byte, error) { return t.source, nil }

// transitionTypes are the kinds of transition that a run follows.
var transitionTypes = []string{"next", "success", "failure", "condition_true", "condition_false"}

// stepTypes are the kinds of step that can be executed.
var stepTypes = []string{promptStep, toolStep, returnStep, conditionStep}

const (
	promptStep    = "prompt_step"
	toolStep      = "tool_step"
	returnStep    = "return_step"
	conditionStep = "condition_step"
)

type workflowIssue struct {
	detail
	StepKey  string `json:"stepKey,omitempty"`
	Severity string `json:"severity"`
}

func emptyWorkflow() workflow { return workflow{Steps: []step{}, Transitions: []transition{}} }

// readWorkflow reads a whole workflow, as it is: mistakes in the graph are for validation and
// publishing to find.
func (in input) readWorkflow() workflow {
	w := workflow{EntryStepKey: in.optionalText("entryStepKey"), Steps: in.readSteps(), Transitions: []transition{}}
	for _, t := range in.list("transitions") {
		w.Transitions = append(w.Transitions, transition{
			FromStepKey: t.text("fromStepKey"), ToStepKey: t.text("toStepKey"),
			TransitionType: t.text("transitionType"), source: t.source,
		})
	}
	w.extra = in.unread()
	return w
}

func (in input) readSteps() []step {
	steps := []step{}
	for _, s := range in.list("steps") {
		member[int](s, "positionIndex", "an integer") // must be one, and is not looked at
		steps = append(steps, step{
			StepKey: s.text("stepKey"), Name: s.text("name"), StepType: s.text("stepType"),
			PromptID: s.text("promptId"), PromptVersionID: s.text("promptVersionId"),
			SkillID: s.text("skillId"), SkillVersionID: s.text("skillVersionId"),
			ToolID: s.text("toolId"), source: s.source,
		})
	}
	return steps
}

// entry is the key of the first step, "" when there is none.
func (w workflow) entry() string {
	if w.EntryStepKey == nil {
		return ""
	}
	return *w.EntryStepKey
}

// content is what two versions are compared by.
func (v *agentVersion) content() any { return show(v.workflow, v.workflow.extra) }

// validateWorkflow changes nothing.
func (c *call) validateWorkflow() any {
	find(c, &c.org.agentVersions.table, "agentVersionId")
	w := c.input.readWorkflow()
	if !c.ok() {
		return nil
	}
	issues := []workflowIssue{}
	for _, issue := range c.org.check(w) {
		issues = append(issues, workflowIssue{issue, w.stepAt(issue.Path), "error"})
	}
	return object{"valid": len(issues) == 0, "issues": issues}
}

// saveWorkflow replaces the workflow of a draft.
func (c *call) saveWorkflow() any {
	v := find(c, &c.org.agentVersions.table, "agentVersionId")
	w := c.input.readWorkflow()
	c.changeDraft(v, w)
	return show(object{
		"agentVersionId": v.ID, "versionNumber": v.VersionNumber, "updatedAt": v.UpdatedAt,
		"entryStepKey": w.EntryStepKey, "steps": w.Steps, "transitions": w.Transitions,
	}, w.extra)
}

// saveSteps is the older way: it replaces the steps, leaves the rest and responds with the list.
func (c *call) saveSteps() any {
	v := find(c, &c.org.agentVersions.table, "agentVersionId")
	changed := v.workflow
	changed.Steps = c.input.readSteps()
	changed.extra = changed.extra.with(c.input.unread())
	c.changeDraft(v, changed)
	return changed.Steps
}

func (c *call) changeDraft(v *agentVersion, w workflow) {
	if c.checkDraft(&v.version); c.ok() {
		v.workflow, v.UpdatedAt = w, c.srv.now()
	}
}

// check finds the mistakes of a workflow: those anyone can see, then those that only the
// organization's records show.
func (o *organization) check(w workflow) []detail {
	issues := w.mistakes()
	report := func(code, path, format string, args ...any) {
		issues = append(issues, detail{code, fmt.Sprintf(format, args...), path})
	}
	for i, s := range w.Steps {
		path := fmt.Sprintf("steps[%d].", i)
		if !slices.Contains(stepTypes, s.StepType) {
			report("unknown_step_type", path+"stepType", "Step %q: there is no step type %q", s.StepKey, s.StepType)
		}
		if _, err := o.promptVersions.choose(s.PromptID, s.PromptVersionID); s.PromptID+s.PromptVersionID != "" && err != nil {
			report("unknown_prompt", path+"promptId", "Step %q: %v", s.StepKey, err)
		}
		if _, err := o.skillVersions.choose(s.SkillID, s.SkillVersionID); s.SkillID+s.SkillVersionID != "" && err != nil {
			report("unknown_skill", path+"skillId", "Step %q: %v", s.StepKey, err)
		}
		if _, err := o.tools.find(s.ToolID); s.ToolID != "" && err != nil {
			report("unknown_tool", path+"toolId", "Step %q: %v", s.StepKey, err)
		}
	}
	for i, t := range w.Transitions {
		if !slices.Contains(transitionTypes, t.TransitionType) {
			path := fmt.Sprintf("transitions[%d].transitionType", i)
			report("unknown_transition_type", path, "There is no transition type %q", t.TransitionType)
		}
	}
	return issues
}

// mistakes finds what anyone can see, by the rules that the SDK has for the same purpose. It shares
// no struct with the SDK: the graph goes over as JSON.
func (w workflow) mistakes() []detail {
	var graph promptorchestra.Workflow
	encoded, err := encode(w)
	if err == nil {
		err = json.Unmarshal(encoded, &graph)
	}
	if err != nil {
		return []detail{{Code: "invalid_workflow", Message: err.Error()}}
	}
	var issues []detail
	for _, found := range graph.Validate() {
		issues = append(issues, detail{found.Code, found.Message, found.Path})
	}
	return issues
}

// stepAt is the key of the step that a path such as steps[2].promptId leads to.
func (w workflow) stepAt(path string) string {
	var i int
	if _, err := fmt.Sscanf(path, "steps[%d]", &i); err != nil || i >= len(w.Steps) {
		return ""
	}
	return w.Steps[i].StepKey
}
