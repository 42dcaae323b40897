package orchestratest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
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

	a.rejected(409, "POST", "/api/agents/"+agentID+"/run", object{"variables": object{}})
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
	a.rejected(409, "POST", "/api/agents/"+agentID+"/publish", nil)
	a.rejected(409, "POST", "/api/agents/"+agentID+"/publish", object{"versionId": versionID})
	a.rejected(409, "PUT", "/api/agent-versions/"+versionID+"/workflow", workflow)
	a.rejected(409, "POST", "/api/agent-versions/"+versionID+"/steps", object{"steps": []object{}})

	first := a.ok("POST", "/api/agents/"+agentID+"/run", object{"variables": object{"name": "Ada"}})
	assert.Equal(t, "running", first["status"])
	assert.Nil(t, first["output"])
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

	a.srv.HoldRuns(0)
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
	a.rejected(400, "GET", "/api/agents/"+agentID+"/versions/"+next+"/diff", nil)
	a.rejected(409, "POST", "/api/agents/"+agentID+"/versions/"+next+"/rollback", nil)
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
