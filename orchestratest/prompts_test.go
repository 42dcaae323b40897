package orchestratest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPrompts(t *testing.T) {
	a := start(t)
	created := a.ok("POST", "/api/prompts", object{
		"promptKey": "greet", "name": "Greet", "description": "says hello", "defaultSection": "foundation", "defaultModel": "my-model",
	})
	promptID := created["id"].(string)
	assert.Regexp(t, `^prm_[0-9a-z]{24}$`, promptID)
	assert.Equal(t, "greet", created["promptKey"])
	assert.Equal(t, "foundation", created["defaultSection"])
	run := "/api/prompts/" + promptID + "/run"
	assert.Equal(t, object{"error": "conflict", "message": "Prompt greet has no published version"}, a.refused(409, "POST", run, object{"variables": object{}}))

	version := a.ok("POST", "/api/prompts/"+promptID+"/versions", object{
		"systemPrompt": "You greet.", "developerPrompt": "Greet {{who}} in {{language}}.", "variablesSchema": object{"type": "object"}, "temperature": 0,
	})
	assert.Regexp(t, `^prv_[0-9a-z]{24}$`, version["id"])
	assert.InDelta(t, 1, version["versionNumber"], 0)
	assert.Equal(t, object{"type": "object"}, version["variablesSchema"])
	assert.NotNil(t, version["temperature"])
	published := a.ok("POST", "/api/prompts/"+promptID+"/publish", object{"versionId": version["id"]})
	assert.Equal(t, version["id"], published["versionId"])
	a.refused(409, "POST", "/api/prompts/"+promptID+"/publish", object{"versionId": version["id"]})

	ran := a.ok("POST", run, object{"variables": object{"who": "Ada"}})
	assert.Equal(t, "You greet.\n\nGreet Ada in {{language}}.", ran["output"])
	assert.Equal(t, []any{"language"}, ran["missingVariables"])
	assert.Equal(t, "my-model", ran["model"])

	detail := a.ok("GET", "/api/prompts/"+promptID, nil)
	assert.Equal(t, version["id"], detail["publishedVersionId"])
	assert.Len(t, detail["versions"], 1)
	assert.Equal(t, promptID, a.list("/api/prompts")[0].(object)["id"])
}

func TestPromptRefusals(t *testing.T) {
	a := start(t)
	promptID, versionID := a.publishedPrompt("Greet", "Hello")
	_, othersVersion := a.publishedPrompt("Other", "Hello")
	toolID := a.stub("weather", nil)
	one := "/api/prompts/" + promptID
	for name, c := range map[string]struct {
		path   string
		body   object
		status int
	}{
		"no name":                {"/api/prompts", object{}, 400},
		"a blank name":           {"/api/prompts", object{"name": " "}, 400},
		"a name of another type": {"/api/prompts", object{"name": 1}, 400},
		"an unknown section":     {"/api/prompts", object{"name": "A", "defaultSection": "top"}, 400},
		"a key that is taken":    {"/api/prompts", object{"name": "A", "promptKey": "greet"}, 409},
		"an empty version":       {one + "/versions", object{}, 400},
		"a schema that is none":  {one + "/versions", object{"content": "", "variablesSchema": "x"}, 400},
		"publish what":           {one + "/publish", object{}, 400},
		"publish nothing":        {one + "/publish", object{"versionId": "prv_none"}, 404},
		"publish another's":      {one + "/publish", object{"versionId": othersVersion}, 404},
		"run without variables":  {one + "/run", object{}, 400},
		"run with a list":        {one + "/run", object{"variables": []any{}}, 400},
		"run nothing":            {"/api/prompts/prm_none/run", object{"variables": object{}}, 404},
		"a tool when published":  {"/api/prompt-versions/" + versionID + "/tools", object{"toolId": toolID}, 409},
		"no tool":                {"/api/prompt-versions/" + versionID + "/tools", object{}, 400},
		"an unknown tool":        {"/api/prompt-versions/" + versionID + "/tools", object{"toolId": "tol_none"}, 404},
	} {
		t.Run(name, func(t *testing.T) {
			a.refused(c.status, "POST", c.path, c.body)
		})
	}
	assert.Len(t, a.list("/api/prompts"), 2, "nothing refused was made")
}

func TestRunsAreRecorded(t *testing.T) {
	a := start(t)
	toolID := a.stub("weather", object{"sky": "blue"})
	promptID := a.create("/api/prompts", object{"name": "Forecast"})
	versionID := a.create("/api/prompts/"+promptID+"/versions", object{"content": "{{city}}: {{tools.weather.sky}}"})
	attached := a.ok("POST", "/api/prompt-versions/"+versionID+"/tools", object{"toolId": toolID})
	assert.Equal(t, toolID, attached["toolId"])
	a.refused(409, "POST", "/api/prompt-versions/"+versionID+"/tools", object{"toolId": toolID})
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
		a.refused(500, "POST", "/api/prompts/"+promptID+"/run", object{"variables": object{}}))
	all := a.list("/api/runs")
	require.Len(t, all, 2, "the failed run is recorded, the newest last")
	failed := a.ok("GET", "/api/runs/"+all[1].(object)["id"].(string), nil)
	assert.Equal(t, "failed", failed["status"])
	assert.Equal(t, "Prompt execution failed upstream", failed["errorMessage"])

	a.srv.FailExecution(promptID, "")
	a.srv.FailExecution(toolID, "no weather")
	assert.Equal(t, "Tool weather failed: no weather", a.refused(500, "POST", "/api/prompts/"+promptID+"/run", object{"variables": object{}})["message"])
	assert.Equal(t, object{"error": "not_found", "message": `There is no run "run_none" in this organization`}, a.refused(404, "GET", "/api/runs/run_none", nil))
}

func TestPromptsRender(t *testing.T) {
	a := start(t)
	schema := object{"type": "object", "properties": object{
		"summary": object{"type": "string"}, "score": object{"type": "number"}, "done": object{"type": "boolean"}, "tags": object{"type": "array"},
		"given": object{"type": "string"},
	}}
	for name, c := range map[string]struct {
		version object
		output  any
	}{
		"plain":               {object{"content": "text"}, "text"},
		"a variable":          {object{"content": "{{ given }}, {{given}}"}, "x, x"},
		"an object":           {object{"content": "{{deep}} {{deep.a}} {{deep.b.c}}"}, `{"a":"<&>","b":{"c":1.50}} <&> 1.50`},
		"no such variable":    {object{"content": "{{none}} {{deep.none}}"}, "{{none}} {{deep.none}}"},
		"no content":          {object{"content": ""}, ""},
		"system prompt alone": {object{"systemPrompt": "s"}, "s"},
		"content comes first": {object{"content": "c", "systemPrompt": "s"}, "c"},
		"JSON":                {object{"content": `{"answer": "{{given}}"}`}, object{"answer": "x"}},
		"a schema": {
			object{"content": "text", "responseFormat": object{"type": "json_schema", "schema": schema}},
			object{"summary": "text", "score": 0.0, "done": false, "tags": []any{}, "given": "x"},
		},
		"a schema as OpenAI has it": {
			object{"content": "text", "responseFormat": object{"json_schema": object{"schema": schema}}},
			object{"summary": "text", "score": 0.0, "done": false, "tags": []any{}, "given": "x"},
		},
		"another format": {object{"content": "text", "responseFormat": "text"}, "text"},
	} {
		t.Run(name, func(t *testing.T) {
			promptID := a.create("/api/prompts", object{"name": name})
			versionID := a.create("/api/prompts/"+promptID+"/versions", c.version)
			a.ok("POST", "/api/prompts/"+promptID+"/publish", object{"versionId": versionID})
			variables := object{"given": "x", "deep": object{"a": "<&>", "b": object{"c": jsonNumber("1.50")}}}
			assert.Equal(t, c.output, a.ok("POST", "/api/prompts/"+promptID+"/run", object{"variables": variables})["output"])
		})
	}
}

// jsonNumber is a number that is written as it stands.
type jsonNumber string

func (n jsonNumber) MarshalJSON() ([]byte, error) { return []byte(n), nil }
