package orchestratest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestVoiceAgents(t *testing.T) {
	a := start(t)
	agentID := a.create("/api/agents", object{"name": "Phone"})
	toolID := a.stub("weather", object{"sky": "blue"})
	promptID := a.create("/api/prompts", object{"name": "Talk"})
	promptVersion := a.create("/api/prompts/"+promptID+"/versions", object{"content": "The sky is {{tools.weather.sky}}"})
	a.ok("POST", "/api/prompt-versions/"+promptVersion+"/tools", object{"toolId": toolID})
	one := "/api/realtime-agents/" + agentID
	a.rejected(409, "POST", one+"/session", nil)
	a.rejected(400, "POST", one+"/versions", nil)
	a.rejected(404, "POST", one+"/versions", object{"promptVersionId": "prv_none"})

	version := a.ok("POST", one+"/versions", object{"promptVersionId": promptVersion, "handoffDescription": "calls"})
	assert.Equal(t, "alloy", version["voice"])
	assert.InDelta(t, 1, version["versionNumber"], 0)
	session := a.ok("POST", one+"/session", nil)
	assert.Regexp(t, `^rts_`, session["runId"])
	assert.Regexp(t, `^ek_`, session["clientSecret"])
	assert.NotEmpty(t, session["externalSessionId"])
	graph := session["agentGraphSnapshot"].(object)
	assert.Equal(t, agentID, graph["rootAgentId"])
	assert.Equal(t, "The sky is blue", graph["agents"].([]any)[0].(object)["instructions"])

	listed := a.list("/api/realtime-sessions")
	require.Len(t, listed, 1)
	assert.Equal(t, session["runId"], listed[0].(object)["id"])
	detail := a.ok("GET", "/api/realtime-sessions/"+session["runId"].(string), nil)
	assert.Equal(t, version["id"], detail["rootAgentVersionId"])
	assert.Equal(t, "completed", detail["completionState"])
	assert.Empty(t, detail["handoffs"])
	assert.Equal(t, object{"sky": "blue"}, detail["toolEvents"].([]any)[0].(object)["output"])

	a.srv.FailExecution(promptID, "line is dead")
	assert.Equal(t, object{"error": "failed", "message": "line is dead"}, a.rejected(500, "POST", one+"/session", nil))
	assert.Len(t, a.list("/api/realtime-sessions"), 2)
	a.rejected(404, "GET", "/api/realtime-sessions/rts_none", nil)
}
