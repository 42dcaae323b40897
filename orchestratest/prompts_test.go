package orchestratest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
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
	assert.Equal(t, object{"error": "conflict", "message": "Prompt greet has no published version"}, a.rejected(409, "POST", run, object{"variables": object{}}))

	version := a.ok("POST", "/api/prompts/"+promptID+"/versions", object{
		"systemPrompt": "You greet.", "developerPrompt": "Greet {{who}} in {{language}}.", "variablesSchema": object{"type": "object"}, "temperature": 0,
	})
	assert.Regexp(t, `^prv_[0-9a-z]{24}$`, version["id"])
	assert.InDelta(t, 1, version["versionNumber"], 0)
	assert.Equal(t, object{"type": "object"}, version["variablesSchema"])
	assert.NotNil(t, version["temperature"])
	published := a.ok("POST", "/api/prompts/"+promptID+"/publish", object{"versionId": version["id"]})
	assert.Equal(t, version["id"], published["versionId"])
	a.rejected(409, "POST", "/api/prompts/"+promptID+"/publish", object{"versionId": version["id"]})

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
			a.rejected(c.status, "POST", c.path, c.body)
		})
	}
	assert.Len(t, a.list("/api/prompts"), 2, "nothing rejected was made")
}
