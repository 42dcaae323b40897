package orchestratest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestInvalidGraphAtPublish(t *testing.T) {
	a := start(t)
	promptID := a.create("/api/prompts", object{"name": "Unpublished"})
	for name, c := range map[string]struct {
		workflow object
		code     string
		message  string
	}{
		"empty":              {object{"steps": []object{}, "transitions": []object{}}, "missing_entry_step", "Entry step is required"},
		"unknown prompt":     {flow([]object{step("a", "prompt_step", "promptId", "prm_none")}), "unknown_prompt", `Step "a": There is no prompt "prm_none" in this organization`},
		"unpublished prompt": {flow([]object{step("a", "prompt_step", "promptId", promptID)}), "unknown_prompt", `Step "a": Prompt unpublished has no published version`},
		"unknown skill":      {flow([]object{step("a", "prompt_step", "skillId", "skl_none")}), "unknown_skill", `Step "a": There is no skill "skl_none" in this organization`},
		"unknown tool":       {flow([]object{step("a", "tool_step", "toolId", "tol_none")}), "unknown_tool", `Step "a": There is no tool "tol_none" in this organization`},
		"unknown step type":  {flow([]object{step("a", "loop_step")}), "unknown_step_type", `Step "a": there is no step type "loop_step"`},
		"unknown transition": {
			flow([]object{step("a", "return_step"), step("b", "return_step")}, "a maybe b"), "unknown_transition_type", `There is no transition type "maybe"`,
		},
		"unreachable step": {flow([]object{step("a", "return_step"), step("b", "return_step")}), "unreachable_step", `Step "b" cannot be reached from the entry step`},
	} {
		t.Run(name, func(t *testing.T) {
			agentID, versionID := a.agent(c.workflow)
			body := a.rejected(422, "POST", "/api/agents/"+agentID+"/publish", object{"versionId": versionID})
			assert.Equal(t, object{
				"error": "Graph validation failed", "code": "AGENT_GRAPH_INVALID",
				"details": []any{object{"code": c.code, "message": c.message}},
			}, body, "the documented shape")

			result := a.ok("POST", "/api/agent-versions/"+versionID+"/workflow/validate", c.workflow)
			assert.Equal(t, false, result["valid"])
			issue := result["issues"].([]any)[0].(object)
			assert.Equal(t, c.code, issue["code"])
			assert.Equal(t, "error", issue["severity"])
			assert.NotEmpty(t, issue["path"])

			run := a.rejected(422, "POST", "/api/agents/"+agentID+"/run", object{"versionId": versionID, "variables": object{}})
			assert.Equal(t, "AGENT_GRAPH_INVALID", run["code"])
			assert.NotEmpty(t, run["title"], "only publishing answers in the older shape")
		})
	}
}

func TestSaveSteps(t *testing.T) {
	a := start(t)
	_, versionID := a.agent(flow([]object{step("a", "return_step"), step("b", "return_step")}, "a next b"))
	status, saved := a.ask("POST", "/api/agent-versions/"+versionID+"/steps", object{"steps": []object{step("b", "return_step"), step("a", "return_step")}})
	require.Equal(t, 200, status)
	assert.Equal(t, "b", saved.([]any)[0].(object)["stepKey"], "the order is kept")
	agentID := a.srv.Requests("Agents.CreateVersion")[0].Path[len("/api/agents/"):]
	detail := a.ok("GET", "/api/agents/"+agentID[:len("agt_")+24], nil)
	assert.Len(t, detail["steps"], 2)
	assert.Len(t, detail["transitions"], 1, "transitions stay")
	assert.Equal(t, object{"error": "steps is required"}, a.rejected(400, "POST", "/api/agent-versions/"+versionID+"/steps", nil))
}
