package promptorchestra_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

func TestWorkflowValidate(t *testing.T) {
	prompt := func(key string) promptorchestra.WorkflowStep {
		return promptorchestra.WorkflowStep{StepKey: key, StepType: promptorchestra.StepTypePrompt, PromptID: "prm_1"}
	}
	end := promptorchestra.WorkflowStep{StepKey: "end", StepType: promptorchestra.StepTypeReturn}
	edge := func(from string, kind promptorchestra.TransitionType, to string) promptorchestra.WorkflowTransition {
		return promptorchestra.WorkflowTransition{FromStepKey: from, ToStepKey: to, TransitionType: kind}
	}
	choice := promptorchestra.WorkflowStep{StepKey: "choice", StepType: promptorchestra.StepTypeCondition}
	whole := promptorchestra.Workflow{
		EntryStepKey: "choice",
		Steps:        []promptorchestra.WorkflowStep{choice, prompt("draft"), {StepKey: "send", StepType: promptorchestra.StepTypeTool, ToolID: "tol_1"}, end},
		Transitions: []promptorchestra.WorkflowTransition{
			edge("choice", promptorchestra.TransitionTypeConditionTrue, "draft"), edge("choice", promptorchestra.TransitionTypeConditionFalse, "send"),
			edge("draft", promptorchestra.TransitionTypeSuccess, "send"), edge("draft", promptorchestra.TransitionTypeFailure, "end"), edge("send", promptorchestra.TransitionTypeNext, "end"),
		},
	}
	for name, c := range map[string]struct {
		change func(w *promptorchestra.Workflow)
		want   []promptorchestra.ErrorDetail
	}{
		"nothing wrong": {func(*promptorchestra.Workflow) {}, nil},
		"no steps at all": {func(w *promptorchestra.Workflow) { *w = promptorchestra.Workflow{} }, []promptorchestra.ErrorDetail{
			{Code: "missing_entry_step", Message: "Entry step is required", Path: "entryStepKey"},
		}},
		"an entry but no steps": {func(w *promptorchestra.Workflow) { *w = promptorchestra.Workflow{EntryStepKey: "a"} }, []promptorchestra.ErrorDetail{
			{Code: "missing_entry_step", Message: "Entry step is required", Path: "entryStepKey"},
		}},
		"no entry": {func(w *promptorchestra.Workflow) { w.EntryStepKey = "" }, []promptorchestra.ErrorDetail{
			{Code: "missing_entry_step", Message: "Entry step is required", Path: "entryStepKey"},
		}},
		"an entry that does not exist": {func(w *promptorchestra.Workflow) { w.EntryStepKey = "start" }, []promptorchestra.ErrorDetail{
			{Code: "unknown_entry_step", Message: `Entry step "start" does not exist`, Path: "entryStepKey"},
		}},
		"a step without a key": {func(w *promptorchestra.Workflow) { w.Steps = append(w.Steps, prompt("")) }, []promptorchestra.ErrorDetail{
			{Code: "missing_step_key", Message: "Step 5 has no key", Path: "steps[4].stepKey"},
		}},
		"a key used twice": {func(w *promptorchestra.Workflow) { w.Steps = append(w.Steps, prompt("draft")) }, []promptorchestra.ErrorDetail{
			{Code: "duplicate_step_key", Message: `Step key "draft" is used twice`, Path: "steps[4].stepKey"},
		}},
		"a prompt step without a prompt": {func(w *promptorchestra.Workflow) { w.Steps[1].PromptID = "" }, []promptorchestra.ErrorDetail{
			{Code: "missing_prompt", Message: `Prompt step "draft" names no prompt and no skill`, Path: "steps[1].promptId"},
		}},
		"a prompt step with a skill":           {func(w *promptorchestra.Workflow) { w.Steps[1].PromptID, w.Steps[1].SkillID = "", "skl_1" }, nil},
		"a prompt step with a skill's version": {func(w *promptorchestra.Workflow) { w.Steps[1].PromptID, w.Steps[1].SkillVersionID = "", "skv_1" }, nil},
		"a prompt step with a version":         {func(w *promptorchestra.Workflow) { w.Steps[1].PromptID, w.Steps[1].PromptVersionID = "", "prv_1" }, nil},
		"a tool step without a tool": {func(w *promptorchestra.Workflow) { w.Steps[2].ToolID = "" }, []promptorchestra.ErrorDetail{
			{Code: "missing_tool", Message: `Tool step "send" names no tool`, Path: "steps[2].toolId"},
		}},
		"a condition without a branch": {func(w *promptorchestra.Workflow) {
			w.Transitions[1].TransitionType = promptorchestra.TransitionTypeNext
		}, []promptorchestra.ErrorDetail{
			{Code: "missing_condition_branch", Message: `Condition step "choice" has no condition_false transition`, Path: "steps[0].stepKey"},
		}},
		"a condition without any": {func(w *promptorchestra.Workflow) { w.EntryStepKey, w.Transitions = "draft", w.Transitions[2:] }, []promptorchestra.ErrorDetail{
			{Code: "missing_condition_branch", Message: `Condition step "choice" has no condition_true transition`, Path: "steps[0].stepKey"},
			{Code: "missing_condition_branch", Message: `Condition step "choice" has no condition_false transition`, Path: "steps[0].stepKey"},
			{Code: "unreachable_step", Message: `Step "choice" cannot be reached from the entry step`, Path: "steps[0].stepKey"},
		}},
		"a branch where nothing is decided": {func(w *promptorchestra.Workflow) {
			w.Transitions[2].TransitionType = promptorchestra.TransitionTypeConditionTrue
		}, []promptorchestra.ErrorDetail{
			{Code: "unexpected_condition_branch", Message: `Step "draft" decides nothing, so its condition_true transition is never followed`, Path: "transitions[2].transitionType"},
		}},
		"a branch from a tool": {func(w *promptorchestra.Workflow) {
			w.Transitions = append(w.Transitions, edge("send", promptorchestra.TransitionTypeConditionFalse, "end"))
		}, []promptorchestra.ErrorDetail{
			{Code: "unexpected_condition_branch", Message: `Step "send" decides nothing, so its condition_false transition is never followed`, Path: "transitions[5].transitionType"},
		}},
		"a transition from nowhere": {func(w *promptorchestra.Workflow) {
			w.Transitions = append(w.Transitions, edge("gone", promptorchestra.TransitionTypeNext, "end"))
		}, []promptorchestra.ErrorDetail{
			{Code: "unknown_transition_source", Message: `Transition from step "gone", which does not exist`, Path: "transitions[5].fromStepKey"},
		}},
		"a transition to nowhere": {func(w *promptorchestra.Workflow) {
			w.Transitions = append(w.Transitions, edge("send", promptorchestra.TransitionTypeFailure, ""))
		}, []promptorchestra.ErrorDetail{
			{Code: "unknown_transition_target", Message: `Transition to step "", which does not exist`, Path: "transitions[5].toStepKey"},
		}},
		"a step out of reach": {func(w *promptorchestra.Workflow) { w.Steps = append(w.Steps, prompt("spare")) }, []promptorchestra.ErrorDetail{
			{Code: "unreachable_step", Message: `Step "spare" cannot be reached from the entry step`, Path: "steps[4].stepKey"},
		}},
		"a circle": {func(w *promptorchestra.Workflow) {
			w.Transitions = append(w.Transitions, edge("send", promptorchestra.TransitionTypeFailure, "draft"))
		}, nil},
		"an unknown kind of step": {func(w *promptorchestra.Workflow) {
			w.Steps[1] = promptorchestra.WorkflowStep{StepKey: "draft", StepType: "loop_step"}
		}, nil},
		"an unknown kind of way": {func(w *promptorchestra.Workflow) {
			w.Transitions = append(w.Transitions, edge("draft", "timeout", "end"))
		}, nil},
		"a branch of an unknown kind": {func(w *promptorchestra.Workflow) {
			w.Steps[1].StepType, w.Transitions[2].TransitionType = "switch_step", promptorchestra.TransitionTypeConditionTrue
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := promptorchestra.Workflow{EntryStepKey: whole.EntryStepKey, Steps: slices.Clone(whole.Steps), Transitions: slices.Clone(whole.Transitions)}
			c.change(&w)
			before := fmt.Sprintf("%#v", w)
			assert.Equal(t, c.want, w.Validate())
			assert.Equal(t, before, fmt.Sprintf("%#v", w), "a workflow is not changed by looking at it")
		})
	}
}

func TestWorkflowOnTheWire(t *testing.T) {
	encoded, err := json.Marshal(promptorchestra.Workflow{
		EntryStepKey: "draft",
		Steps:        []promptorchestra.WorkflowStep{{StepKey: "draft", Name: "Draft", StepType: promptorchestra.StepTypePrompt, PromptID: "prm_1"}},
		Transitions:  []promptorchestra.WorkflowTransition{{FromStepKey: "draft", ToStepKey: "end", TransitionType: promptorchestra.TransitionTypeNext}},
	})
	require.NoError(t, err)
	assert.JSONEq(t, `{
		"entryStepKey": "draft",
		"steps": [{"stepKey": "draft", "name": "Draft", "stepType": "prompt_step", "promptId": "prm_1", "positionIndex": 0}],
		"transitions": [{"fromStepKey": "draft", "toStepKey": "end", "transitionType": "next"}]
	}`, string(encoded))
}

// A chain of many steps takes no longer than its length: a thousand times the
// steps would otherwise take a million times as long.
func BenchmarkWorkflowValidate(b *testing.B) {
	for _, size := range []int{10, 10_000} {
		w := promptorchestra.Workflow{EntryStepKey: "step0"}
		for i := range size {
			w.Steps = append(w.Steps, promptorchestra.WorkflowStep{StepKey: fmt.Sprintf("step%d", i), StepType: promptorchestra.StepTypePrompt, PromptID: "prm_1"})
			if i > 0 {
				w.Transitions = append(w.Transitions, promptorchestra.WorkflowTransition{FromStepKey: fmt.Sprintf("step%d", i-1), ToStepKey: fmt.Sprintf("step%d", i), TransitionType: promptorchestra.TransitionTypeNext})
			}
		}
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			for b.Loop() {
				if found := w.Validate(); found != nil {
					b.Fatal(found)
				}
			}
		})
	}
}
