package orchestratest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

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

func TestHeldRuns(t *testing.T) {
	a := start(t)
	promptID, _ := a.publishedPrompt("Draft", "text")
	agentID := a.publishedAgent(flow([]object{step("draft", "prompt_step", "promptId", promptID)}))
	poll := func(runID any) []any {
		var statuses []any
		for range 3 {
			statuses = append(statuses, a.ok("GET", "/api/agent-runs/"+runID.(string), nil)["run"].(object)["status"])
		}
		return statuses
	}
	a.srv.HoldRuns(2)
	started := a.ok("POST", "/api/agents/"+agentID+"/run", object{"variables": object{"a": 1}})
	assert.Equal(t, "running", started["status"])
	assert.Nil(t, started["output"])
	assert.Equal(t, []any{"running", "running", "completed"}, poll(started["runId"]))

	a.srv.FailExecution(promptID, "down")
	started = a.ok("POST", "/api/agents/"+agentID+"/run", object{"variables": object{}})
	assert.Equal(t, []any{"running", "running", "failed"}, poll(started["runId"]))

	a.srv.HoldRuns(0)
	a.rejected(500, "POST", "/api/agents/"+agentID+"/run", object{"variables": object{}})
}

func TestRerunFromStep(t *testing.T) {
	a := start(t)
	a.srv.HoldRuns(0)
	first, _ := a.publishedPrompt("First", "1 {{x}}")
	second, _ := a.publishedPrompt("Second", "2 {{steps.first}}")
	agentID := a.publishedAgent(flow([]object{step("first", "prompt_step", "promptId", first), step("second", "prompt_step", "promptId", second), step("end", "return_step")},
		"first next second", "second next end"))
	source := a.ok("POST", "/api/agents/"+agentID+"/run", object{"variables": object{"x": int64(10000000000000001)}})
	runID := source["runId"].(string)
	assert.Equal(t, "2 1 10000000000000001", source["output"], "numbers keep their digits")

	inputs := a.ok("POST", "/api/agent-runs/"+runID+"/load-inputs", nil)
	assert.Equal(t, agentID, inputs["agentId"])
	assert.Contains(t, inputs["variables"], "x")

	// The first step would fail now, and the second says something else.
	a.srv.FailExecution(first, "down")
	newer := a.create("/api/prompts/"+second+"/versions", object{"content": "again {{steps.first}}"})
	a.ok("POST", "/api/prompts/"+second+"/publish", object{"versionId": newer})
	rerun := a.ok("POST", "/api/agent-runs/"+runID+"/rerun-from-step", object{"stepKey": "second"})
	assert.NotEqual(t, runID, rerun["runId"])
	assert.Equal(t, runID, rerun["sourceRunId"])
	assert.Equal(t, "second", rerun["stepKey"])
	assert.Equal(t, "again 1 10000000000000001", rerun["output"])
	assert.Equal(t, []string{"first", "second", "end"}, visited(a.runOf(rerun)))
	assert.Equal(t, source["output"], a.ok("POST", "/api/agent-runs/"+runID+"/rerun-from-step", object{"stepKey": "end"})["output"])

	a.rejected(400, "POST", "/api/agent-runs/"+runID+"/rerun-from-step", object{"stepKey": "third"})
	a.rejected(400, "POST", "/api/agent-runs/"+runID+"/rerun-from-step", object{})
	a.rejected(500, "POST", "/api/agent-runs/"+runID+"/rerun-from-step", object{"stepKey": "first"})
	assert.Equal(t, "AUTH_MODE_INVALID", a.with(a.srv.APIKey).rejected(403, "POST", "/api/agent-runs/"+runID+"/rerun-from-step", object{"stepKey": "second"})["code"])
}
