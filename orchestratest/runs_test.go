package orchestratest_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// What looking for a run by one of its variables needs: the list names the prompt and the time of
// each run, failed ones too, in the order in which they were recorded; the Date of the response is
// on the same clock; the detail has the variables as they were sent.
func TestRunsCanBeLookedFor(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	a := start(t, orchestratest.WithClock(func() time.Time { return at }))
	greet, bye := a.srv.PublishPrompt("Hello {{job}}"), a.srv.PublishPrompt("Bye {{job}}")
	run := func(promptID string, job int) {
		_, _, err := a.send("POST", "/api/prompts/"+promptID+"/run", object{"variables": object{"job": fmt.Sprint("job_", job), "n": jsonNumber("1.50")}})
		require.NoError(t, err)
	}
	run(greet, 0)
	run(bye, 1)
	a.srv.FailExecution(greet, "provider down")
	run(greet, 2)

	response, body, err := a.send("GET", "/api/runs", nil)
	require.NoError(t, err)
	sent, err := http.ParseTime(response.Header.Get("Date"))
	require.NoError(t, err)
	assert.Equal(t, at, sent.UTC())
	assert.NotContains(t, string(body), "job_", "the list is short")

	runs := a.list("/api/runs")
	require.Len(t, runs, 3)
	for i, promptID := range []string{greet, bye, greet} {
		listed := runs[i].(object)
		assert.Equal(t, promptID, listed["promptId"])
		assert.Equal(t, "2026-01-02T03:04:05.000Z", listed["createdAt"])
		_, detail, err := a.send("GET", "/api/runs/"+listed["id"].(string), nil)
		require.NoError(t, err)
		assert.Contains(t, string(detail), fmt.Sprintf(`"inputSnapshot":{"variables":{"job":"job_%d","n":1.50}`, i))
	}
	assert.Equal(t, "failed", runs[2].(object)["status"])
}

func TestRunsAreRecorded(t *testing.T) {
	a := start(t)
	toolID := a.stub("weather", object{"sky": "blue"})
	promptID := a.create("/api/prompts", object{"name": "Forecast"})
	versionID := a.create("/api/prompts/"+promptID+"/versions", object{"content": "{{city}}: {{tools.weather.sky}}"})
	attached := a.ok("POST", "/api/prompt-versions/"+versionID+"/tools", object{"toolId": toolID})
	assert.Equal(t, toolID, attached["toolId"])
	a.rejected(409, "POST", "/api/prompt-versions/"+versionID+"/tools", object{"toolId": toolID})
	a.ok("POST", "/api/prompts/"+promptID+"/publish", object{"versionId": versionID})

	ran := a.ok("POST", "/api/prompts/"+promptID+"/run", object{"variables": object{"city": "Rome"}})
	assert.Equal(t, "Rome: blue", ran["outputText"])
	record := a.ok("GET", "/api/runs/"+ran["runId"].(string), nil)
	assert.Equal(t, "completed", record["status"])
	assert.Equal(t, promptID, record["promptId"])
	assert.Equal(t, versionID, record["promptVersionId"])
	assert.Positive(t, record["inputTokens"])
	assert.Positive(t, record["outputTokens"])
	assert.Positive(t, record["estimatedCost"])
	assert.Positive(t, record["latencyMs"])
	assert.InDelta(t, 2, record["stepCount"], 0)
	assert.Equal(t, object{"variables": object{"city": "Rome"}, "renderedPrompt": "Rome: blue"}, record["inputSnapshot"])
	assert.Equal(t, object{"output": "Rome: blue", "outputText": "Rome: blue"}, record["outputSnapshot"])
	steps := record["steps"].([]any)
	require.Len(t, steps, 2)
	assert.Equal(t, "tool_call", steps[0].(object)["step_type"])
	assert.Equal(t, "weather", steps[0].(object)["tool_name"])
	assert.Equal(t, object{"sky": "blue"}, steps[0].(object)["output"])
	assert.Equal(t, "final_response", steps[1].(object)["step_type"])
	assert.NotContains(t, a.list("/api/runs")[0], "steps", "the list is short")

	a.srv.FailExecution(promptID, "Prompt execution failed upstream")
	assert.Equal(t, object{"error": "failed", "message": "Prompt execution failed upstream"},
		a.rejected(500, "POST", "/api/prompts/"+promptID+"/run", object{"variables": object{}}))
	all := a.list("/api/runs")
	require.Len(t, all, 2, "the failed run is recorded, the newest last")
	failed := a.ok("GET", "/api/runs/"+all[1].(object)["id"].(string), nil)
	assert.Equal(t, "failed", failed["status"])
	assert.Equal(t, "Prompt execution failed upstream", failed["errorMessage"])

	a.srv.FailExecution(promptID, "")
	a.srv.FailExecution(toolID, "no weather")
	assert.Equal(t, "Tool weather failed: no weather", a.rejected(500, "POST", "/api/prompts/"+promptID+"/run", object{"variables": object{}})["message"])
	assert.Equal(t, object{"error": "not_found", "message": `There is no run "run_none" in this organization`}, a.rejected(404, "GET", "/api/runs/run_none", nil))
}
