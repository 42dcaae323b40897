package promptorchestra_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
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
		"a step behind one that returns": {func(w *promptorchestra.Workflow) {
			w.Steps = append(w.Steps, prompt("after"))
			w.Transitions = append(w.Transitions, edge("end", promptorchestra.TransitionTypeNext, "after"))
		}, []promptorchestra.ErrorDetail{
			{Code: "unreachable_step", Message: `Step "after" cannot be reached from the entry step`, Path: "steps[4].stepKey"},
		}},
		"a step behind a branch that is never followed": {func(w *promptorchestra.Workflow) {
			w.Steps = append(w.Steps, prompt("after"), prompt("later"))
			w.Transitions = append(w.Transitions, edge("send", promptorchestra.TransitionTypeConditionTrue, "after"), edge("after", promptorchestra.TransitionTypeNext, "later"))
		}, []promptorchestra.ErrorDetail{
			{Code: "unexpected_condition_branch", Message: `Step "send" decides nothing, so its condition_true transition is never followed`, Path: "transitions[5].transitionType"},
			{Code: "unreachable_step", Message: `Step "after" cannot be reached from the entry step`, Path: "steps[4].stepKey"},
			{Code: "unreachable_step", Message: `Step "later" cannot be reached from the entry step`, Path: "steps[5].stepKey"},
		}},
		"a way of an unknown kind behind one that returns": {func(w *promptorchestra.Workflow) {
			w.Steps = append(w.Steps, prompt("after"))
			w.Transitions = append(w.Transitions, edge("end", "timeout", "after"))
		}, nil},
		"two next": {func(w *promptorchestra.Workflow) {
			w.Transitions = append(w.Transitions, edge("send", promptorchestra.TransitionTypeNext, "draft"))
		}, []promptorchestra.ErrorDetail{
			{Code: "duplicate_next", Message: `Step "send" has two next transitions`, Path: "transitions[5].transitionType"},
		}},
		"a prompt in another form": {func(w *promptorchestra.Workflow) {
			w.Steps[1].PromptID, w.Steps[1].Extra = "", map[string]promptorchestra.RawJSON{"prompt_id": promptorchestra.RawJSON(`{"id":"prm_1"}`)}
		}, nil},
		"steps in another form": {func(w *promptorchestra.Workflow) {
			w.Steps, w.Extra = nil, map[string]promptorchestra.RawJSON{"steps": promptorchestra.RawJSON(`{"draft":{}}`)}
		}, nil},
		"an entry in another form": {func(w *promptorchestra.Workflow) {
			w.EntryStepKey, w.Extra = "", map[string]promptorchestra.RawJSON{"entryStepKey": promptorchestra.RawJSON(`{"key":"choice"}`)}
		}, nil},
		"transitions by other names": {func(w *promptorchestra.Workflow) {
			w.Transitions = []promptorchestra.WorkflowTransition{{Extra: map[string]promptorchestra.RawJSON{"source": promptorchestra.RawJSON(`"choice"`)}}}
		}, nil},
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

// keeper is a server that keeps the last body that it was sent as it is, and serves it.
type keeper struct {
	mu   sync.Mutex
	body []byte
}

func (k *keeper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r.Method != http.MethodGet {
		k.body, _ = io.ReadAll(r.Body)
	}
	_, _ = w.Write(k.body)
}

const graph = `{"id":"agt_1","versionId":"ver_1","entryStepKey":"decide","steps":[` +
	`{"stepKey":"decide","name":"Decide","stepType":"condition_step","positionIndex":0,"condition":{"all":[{"left":"{{score}}","op":"<","right":0.50}]},"ui":{"x":1e2, "y":null}},` +
	`{"step_key":"end","name":"End","step_type":"return_step","position_index":1,"zLast":"z","aFirst":[1,"<b>"]}],` +
	`"transitions":[{"fromStepKey":"decide","toStepKey":"end","transitionType":"condition_true","label":"low"},` +
	`{"from_step_key":"decide","to_step_key":"end","transition_type":"condition_false","priority":2}]}`

func TestReadChangeWriteLosesNothing(t *testing.T) {
	server := &keeper{body: []byte(graph)}
	client := apitest.NewClient(t, server)
	agent, err := client.Agents.Get(t.Context(), "agt_1")
	require.NoError(t, err)
	workflow := agent.Workflow()
	workflow.Steps[0].Name = "Decide by score"
	workflow.Extra = map[string]promptorchestra.RawJSON{"layout": promptorchestra.RawJSON(`{"zoom":1.0}`)}
	_, err = client.Agents.SaveWorkflow(t.Context(), agent.VersionID, workflow)
	require.NoError(t, err)
	assert.Equal(t, `{"organizationId":"org_1","entryStepKey":"decide","steps":[`+
		`{"stepKey":"decide","name":"Decide by score","stepType":"condition_step","positionIndex":0,"condition":{"all":[{"left":"{{score}}","op":"<","right":0.50}]},"ui":{"x":1e2,"y":null}},`+
		`{"stepKey":"end","name":"End","stepType":"return_step","positionIndex":1,"aFirst":[1,"<b>"],"zLast":"z"}],`+
		`"transitions":[{"fromStepKey":"decide","toStepKey":"end","transitionType":"condition_true","label":"low"},`+
		`{"fromStepKey":"decide","toStepKey":"end","transitionType":"condition_false","priority":2}],"layout":{"zoom":1.0}}`, string(server.body))

	steps, err := client.Agents.SaveSteps(t.Context(), "ver_1", promptorchestra.AgentStepsParams{Steps: workflow.Steps})
	require.NoError(t, err)
	assert.Equal(t, workflow.Steps[1], steps[1])
	assert.JSONEq(t, `{"x":1e2,"y":null}`, steps[0].Extra["ui"].String())
}

// All of a response can be read as a workflow, which may be saved: the organization is sent once.
func TestWorkflowOfAWholeResponse(t *testing.T) {
	server := &keeper{body: []byte(`{"id":"agt_1","organization_id":"org_1","entryStepKey":"a","steps":[{"stepKey":"a"}],"layout":{"zoom":2}}`)}
	client := apitest.NewClient(t, server)
	var workflow promptorchestra.Workflow
	_, err := client.Agents.Get(t.Context(), "agt_1", promptorchestra.WithInto(&workflow))
	require.NoError(t, err)
	_, err = client.Agents.SaveWorkflow(t.Context(), "ver_1", workflow)
	require.NoError(t, err)
	assert.Equal(t, `{"organizationId":"org_1","entryStepKey":"a","steps":[{"stepKey":"a","positionIndex":0}],"transitions":[],"id":"agt_1","layout":{"zoom":2}}`, string(server.body))
	assert.Contains(t, workflow.Extra, "organization_id", "the caller's own map stays as it is")
	_, err = client.InOrganization("org_2").Agents.SaveWorkflow(t.Context(), "ver_1", workflow)
	var e *promptorchestra.ArgumentError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "Extra", e.Argument)
}

func TestAttachmentsKeepWhatTheyDoNotKnow(t *testing.T) {
	server := &keeper{body: []byte(`{"id":"skl_1","versions":[{"id":"skv_1","promptComposition":[` +
		`{"prompt_id":"p","attachmentMode":"pinned_version","versionNumber":"2","positionIndex":0,"promptVersionId":"prv_1","section":"examples","weight":0.5}],` +
		`"tools":[{"toolId":"t","positionIndex":1,"alias":"<lookup>"}]}]}`)}
	client := apitest.NewClient(t, server)
	skill, err := client.Skills.Get(t.Context(), "skl_1")
	require.NoError(t, err)
	item := skill.Versions[0].PromptComposition[0]
	assert.Equal(t, "prv_1", item.PromptVersionID)
	assert.Equal(t, promptorchestra.PromptSectionExamples, item.Section)
	_, err = client.Skills.ReplacePrompts(t.Context(), "skv_1", []promptorchestra.PromptAttachment{item.PromptAttachment})
	require.NoError(t, err)
	assert.Equal(t, `{"organizationId":"org_1","prompts":[{"promptId":"p","attachmentMode":"pinned_version","versionNumber":2,"positionIndex":0,"weight":0.5}]}`, string(server.body))
	_, err = client.Skills.ReplaceTools(t.Context(), "skv_1", skill.Versions[0].Tools)
	require.NoError(t, err)
	assert.Equal(t, `{"organizationId":"org_1","tools":[{"toolId":"t","positionIndex":1,"alias":"<lookup>"}]}`, string(server.body))
}

func TestExtraThatCannotBeSent(t *testing.T) {
	client, ctx := apitest.NewClient(t, apitest.Respond(200, "{}")), t.Context()
	save := func(w promptorchestra.Workflow) error {
		return apitest.ErrorOf(client.Agents.SaveWorkflow(ctx, "v", w))
	}
	extra := func(name, value string) map[string]promptorchestra.RawJSON {
		return map[string]promptorchestra.RawJSON{"fine": promptorchestra.RawJSON("1"), name: promptorchestra.RawJSON(value)}
	}
	twice := func(name, other string) map[string]promptorchestra.RawJSON {
		return map[string]promptorchestra.RawJSON{name: promptorchestra.RawJSON("1"), other: promptorchestra.RawJSON("[1]")}
	}
	for name, err := range map[string]error{
		"steps":          save(promptorchestra.Workflow{Extra: twice("steps", "Steps")}),
		"entry_step_key": save(promptorchestra.Workflow{EntryStepKey: "a", Extra: twice("entryStepKey", "entry_step_key")}),
		"stepKey":        save(promptorchestra.Workflow{Steps: []promptorchestra.WorkflowStep{{Extra: twice("StepKey", "stepKey")}}}),
		"to_step_key":    save(promptorchestra.Workflow{Transitions: []promptorchestra.WorkflowTransition{{Extra: twice("toStepKey", "to_step_key")}}}),
		"condition":      save(promptorchestra.Workflow{Steps: []promptorchestra.WorkflowStep{{Extra: extra("condition", `{"a":`)}}}),
		"version_number": apitest.ErrorOf(client.Skills.ReplacePrompts(ctx, "v", []promptorchestra.PromptAttachment{{PromptID: "p", Extra: twice("versionNumber", "version_number")}})),
		"toolId":         apitest.ErrorOf(client.Skills.ReplaceTools(ctx, "v", []promptorchestra.ToolAttachment{{ToolID: "t", Extra: twice("ToolId", "toolId")}})),
	} {
		var e *promptorchestra.ArgumentError
		require.ErrorAs(t, err, &e, name)
		assert.Equal(t, "Extra", e.Argument)
		assert.Contains(t, e.Reason, name)
	}
	require.NoError(t, save(promptorchestra.Workflow{Extra: map[string]promptorchestra.RawJSON{"absent": nil}}))
	var step *promptorchestra.WorkflowStep
	require.Error(t, step.UnmarshalJSON([]byte("{}")))
}

// FuzzReadChangeWrite: whatever a server keeps in a graph is there after a client has read the graph,
// changed a step and saved it.
func FuzzReadChangeWrite(f *testing.F) {
	f.Add("condition", `{"all":[1, "<b>"]}`, "label", `"x"`)
	f.Add("step_id", `null`, "ä €", `1.50`)
	f.Add("positionindex2", `[[]]`, `a"\b`, `"\u2028\ud83d\ude00"`)
	f.Add("stepKey", `"x"`, "To_Step_Key", `{"toStepKey":1}`)
	f.Add("", `false`, "-", `{}`)
	f.Fuzz(func(t *testing.T, first, one, second, two string) {
		if !json.Valid([]byte(one)) || !json.Valid([]byte(two)) || !utf8.ValidString(strings.Join([]string{first, second, one, two}, ",")) {
			t.Skip()
		}
		names := []string{first, second}
		values := map[string]string{first: one, second: two}
		members := ""
		for name := range values {
			quoted, err := json.Marshal(name)
			require.NoError(t, err)
			members += "," + string(quoted) + ":" + values[name]
		}
		graph := fmt.Sprintf(`{"entryStepKey":"a","steps":[{"stepKey":"a"%s}],"transitions":[{"fromStepKey":"a","toStepKey":"b"%s}]}`, members, members)
		server := &keeper{body: []byte(`{"id":"agt_1",` + graph[1:])}
		changeAStep(t, stubbed(t, server), "agt_1", "ver_1")
		checkKept(t, server.body, names, values)

		emulator := orchestratest.NewServer()
		defer emulator.Close()
		client := emulator.Client()
		agent, err := client.Agents.Create(t.Context(), promptorchestra.AgentCreateParams{Name: "x"})
		require.NoError(t, err)
		version, err := client.Agents.CreateVersion(t.Context(), agent.ID)
		require.NoError(t, err)
		require.NoError(t, client.Do(t.Context(), promptorchestra.Request{Method: "PUT", Path: "/api/agent-versions/" + version.ID + "/workflow", Query: url.Values{"publicContract": {"1"}}, Body: []byte(graph)}, nil))
		changeAStep(t, client, agent.ID, version.ID)
		var kept json.RawMessage
		require.NoError(t, client.Do(t.Context(), promptorchestra.Request{Method: "GET", Path: "/api/agents/" + agent.ID, Query: url.Values{"publicContract": {"1"}}}, &kept))
		checkKept(t, kept, names, values)
	})
}

func changeAStep(t *testing.T, client *promptorchestra.Client, agentID, versionID string) {
	t.Helper()
	agent, err := client.Agents.Get(t.Context(), agentID)
	require.NoError(t, err)
	workflow := agent.Workflow()
	workflow.Steps[0].Name = "changed"
	_, err = client.Agents.SaveWorkflow(t.Context(), versionID, workflow)
	require.NoError(t, err)
}

// checkKept looks for the members that no field is for in what a server keeps.
func checkKept(t *testing.T, body []byte, names []string, values map[string]string) {
	t.Helper()
	var kept struct{ Steps, Transitions []map[string]json.RawMessage }
	require.NoError(t, json.Unmarshal(body, &kept))
	known := func(name string, fields ...string) bool {
		return slices.ContainsFunc(fields, func(field string) bool { return strings.EqualFold(string(jsonscan.Fold(nil, name)), field) })
	}
	for _, name := range names {
		if !known(name, "stepKey", "name", "stepType", "promptId", "promptVersionId", "positionIndex", "skillId", "skillVersionId", "toolId") {
			require.NotEmpty(t, kept.Steps[0][name], "%q of a step", name)
			assert.Equal(t, decodeTree(t, []byte(values[name])), decodeTree(t, kept.Steps[0][name]), "%q of a step", name)
		}
		if !known(name, "fromStepKey", "toStepKey", "transitionType") {
			require.NotEmpty(t, kept.Transitions[0][name], "%q of a transition", name)
			assert.Equal(t, decodeTree(t, []byte(values[name])), decodeTree(t, kept.Transitions[0][name]), "%q of a transition", name)
		}
	}
	assert.Equal(t, `"changed"`, string(kept.Steps[0]["name"]))
}

// stubbed returns a client of a handler without a server between them.
func stubbed(t *testing.T, handler http.Handler) *promptorchestra.Client {
	t.Helper()
	return apitest.NewClientAt(t, "https://api.example", promptorchestra.WithTransport(apitest.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Result(), nil
	})))
}
