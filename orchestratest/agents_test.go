package orchestratest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The order of authoring: create, version, validate, save, publish, run, get, compare, diff, roll
// back.
func TestAgentAuthoring(t *testing.T) {
	a := start(t)
	promptID, _ := a.publishedPrompt("Greet", "Hello {{name}}")
	workflow := flow([]object{step("greet", "prompt_step", "promptId", promptID), step("done", "return_step")}, "greet next done")

	created := a.ok("POST", "/api/agents", object{"name": "Ada's Greeter", "description": "greets"})
	agentID := created["id"].(string)
	assert.Equal(t, "ada-s-greeter", created["slug"])
	assert.Equal(t, "draft", created["status"])
	assert.Nil(t, created["publishedVersion"])

	version := a.ok("POST", "/api/agents/"+agentID+"/versions", nil)
	assert.InDelta(t, 1, version["versionNumber"], 0)
	assert.Equal(t, "draft", version["status"])
	versionID := version["id"].(string)

	a.refused(409, "POST", "/api/agents/"+agentID+"/run", object{"variables": object{}})
	valid := a.ok("POST", "/api/agent-versions/"+versionID+"/workflow/validate", workflow)
	assert.Equal(t, object{"valid": true, "issues": []any{}}, valid)
	assert.Empty(t, a.ok("GET", "/api/agents/"+agentID, nil)["steps"], "validating saves nothing")

	saved := a.ok("PUT", "/api/agent-versions/"+versionID+"/workflow", workflow)
	assert.Equal(t, versionID, saved["agentVersionId"])
	assert.Equal(t, "greet", saved["entryStepKey"])
	assert.Len(t, saved["steps"], 2)

	published := a.ok("POST", "/api/agents/"+agentID+"/publish", nil)
	assert.Equal(t, versionID, published["versionId"], "the newest draft is published when no version is named")
	assert.Equal(t, "published", published["status"])
	a.refused(409, "POST", "/api/agents/"+agentID+"/publish", nil)
	a.refused(409, "POST", "/api/agents/"+agentID+"/publish", object{"versionId": versionID})
	a.refused(409, "PUT", "/api/agent-versions/"+versionID+"/workflow", workflow)
	a.refused(409, "POST", "/api/agent-versions/"+versionID+"/steps", object{"steps": []object{}})

	first := a.ok("POST", "/api/agents/"+agentID+"/run", object{"variables": object{"name": "Ada"}})
	assert.Equal(t, "completed", first["status"])
	assert.Equal(t, "Hello Ada", first["output"])
	detail := a.ok("GET", "/api/agent-runs/"+first["runId"].(string), nil)
	run := detail["run"].(object)
	assert.Equal(t, agentID, run["agentId"])
	assert.Equal(t, versionID, run["agentVersionId"])
	assert.InDelta(t, 1, run["agentVersionNumber"], 0)
	assert.Equal(t, object{
		"actualBoundInput": object{"name": "Ada"}, "actualStructuredOutput": "Hello Ada",
		"renderedPromptTrace": []any{object{"stepKey": "greet", "renderedPrompt": "Hello Ada"}},
	}, detail["contractTrace"])
	assert.Nil(t, detail["diagnostic"])
	assert.Equal(t, []any{
		object{"step": "greet", "decision": "next", "reason": "the step succeeded, continues with done"},
		object{"step": "done", "decision": "end", "reason": "the run returns"},
	}, detail["decisionTrace"])

	second := a.ok("POST", "/api/agents/"+agentID+"/run", object{"variables": object{"name": "Grace"}})
	comparison := a.ok("GET", "/api/agent-runs/compare?leftRunId="+first["runId"].(string)+"&rightRunId="+second["runId"].(string), nil)
	assert.Contains(t, comparison["differences"], object{"path": "run.output", "change": "changed", "before": "Hello Ada", "after": "Hello Grace"})
	again := a.ok("POST", "/api/agents/"+agentID+"/run", object{"variables": object{"name": "Ada"}})
	comparison = a.ok("GET", "/api/agent-runs/compare?leftRunId="+first["runId"].(string)+"&rightRunId="+again["runId"].(string), nil)
	assert.Empty(t, comparison["differences"], "ids and times are no differences")
	usage := a.ok("GET", "/api/agents/"+agentID, nil)["usageMetrics"].(object)
	assert.InDelta(t, 3, usage["runCount"], 0)
	assert.Positive(t, usage["latencyMs"])
	assert.Positive(t, usage["estimatedCost"])

	next := a.create("/api/agents/"+agentID+"/versions", nil)
	renamed := flow([]object{step("greet", "prompt_step", "promptId", promptID)})
	a.ok("PUT", "/api/agent-versions/"+next+"/workflow", renamed)
	diff := a.ok("GET", "/api/agents/"+agentID+"/versions/"+next+"/diff?againstVersionId="+versionID, nil)
	assert.Equal(t, next, diff["versionId"])
	assert.Equal(t, versionID, diff["againstVersionId"])
	assert.Equal(t, []string{"steps[1]", "transitions[0]"}, paths(diff["changes"]))
	a.refused(400, "GET", "/api/agents/"+agentID+"/versions/"+next+"/diff", nil)
	a.refused(409, "POST", "/api/agents/"+agentID+"/versions/"+next+"/rollback", nil)
	a.ok("POST", "/api/agents/"+agentID+"/publish", object{"versionId": next})

	back := a.ok("POST", "/api/agents/"+agentID+"/versions/"+versionID+"/rollback", nil)
	assert.InDelta(t, 3, back["versionNumber"], 0)
	assert.Equal(t, versionID, back["rolledBackFromVersionId"])
	now := a.ok("GET", "/api/agents/"+agentID, nil)
	assert.Equal(t, back["id"], now["versionId"])
	assert.Equal(t, back["id"], now["publishedVersion"].(object)["id"])
	assert.Len(t, now["steps"], 2)
	assert.Len(t, now["versions"], 3)
}

func paths(changes any) []string {
	var found []string
	for _, c := range changes.([]any) {
		found = append(found, c.(object)["path"].(string))
	}
	return found
}

func TestUpdateKeepsWhatIsAbsentAndClearsNull(t *testing.T) {
	a := start(t)
	for path, made := range map[string]object{
		"/api/agents":  {"name": "One", "description": "text"},
		"/api/prompts": {"name": "One", "description": "text", "defaultModel": "gpt-4.1"},
		"/api/skills":  {"skillKey": "one", "name": "One", "description": "text"},
		"/api/tools":   {"toolKey": "one", "name": "One", "description": "text", "type": "http", "config": object{}, "inputSchema": object{}},
	} {
		t.Run(path, func(t *testing.T) {
			one := path + "/" + a.create(path, made)
			kept := a.ok("PATCH", one, object{})
			assert.Equal(t, "One", kept["name"])
			assert.Equal(t, "text", kept["description"])
			changed := a.ok("PATCH", one, object{"name": "Two", "description": nil})
			assert.Equal(t, "Two", changed["name"])
			assert.Nil(t, changed["description"])
			a.refused(400, "PATCH", one, object{"name": nil})
			a.refused(400, "PATCH", one, object{"name": ""})
			a.refused(400, "PATCH", one, object{"description": 1})
			a.refused(404, "PATCH", path+"/none", object{})
			assert.Equal(t, "Two", a.ok("GET", one, nil)["name"], "a refused update changes nothing")
		})
	}
}

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
			body := a.refused(422, "POST", "/api/agents/"+agentID+"/publish", object{"versionId": versionID})
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

			run := a.refused(422, "POST", "/api/agents/"+agentID+"/run", object{"versionId": versionID, "variables": object{}})
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
	assert.Equal(t, object{"error": "steps is required"}, a.refused(400, "POST", "/api/agent-versions/"+versionID+"/steps", nil))
}

func TestAgentRunsNeedTheirParts(t *testing.T) {
	a := start(t)
	agentID := a.publishedAgent(flow([]object{step("a", "return_step")}))
	other, otherVersion := a.agent(flow([]object{step("a", "return_step")}))
	run := "/api/agents/" + agentID + "/run"
	for name, c := range map[string]struct {
		method, path string
		body         object
		status       int
	}{
		"no variables":                {"POST", run, object{}, 400},
		"variables are a list":        {"POST", run, object{"variables": []any{}}, 400},
		"variables are null":          {"POST", run, object{"variables": nil}, 400},
		"another's version":           {"POST", run, object{"versionId": otherVersion, "variables": object{}}, 404},
		"no published version":        {"POST", "/api/agents/" + other + "/run", object{"variables": object{}}, 409},
		"a draft by name":             {"POST", "/api/agents/" + other + "/run", object{"versionId": otherVersion, "variables": object{}}, 200},
		"no agent":                    {"POST", "/api/agents/agt_none/run", object{"variables": object{}}, 404},
		"no run":                      {"GET", "/api/agent-runs/arun_none", nil, 404},
		"compare nothing":             {"GET", "/api/agent-runs/compare", nil, 400},
		"compare with nothing":        {"GET", "/api/agent-runs/compare?leftRunId=x", nil, 404},
		"inputs of nothing":           {"POST", "/api/agent-runs/arun_none/load-inputs", nil, 404},
		"rerun nothing":               {"POST", "/api/agent-runs/arun_none/rerun-from-step", object{"stepKey": "a"}, 404},
		"misspelt members are absent": {"POST", "/api/agents", object{"Name": "Writer"}, 400},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := a.ask(c.method, c.path, c.body)
			assert.Equal(t, c.status, status, "%v", body)
		})
	}
}
