package orchestratest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// raw sends a body as it is written, but for the organization, and returns the response's text.
func (a *api) raw(method, path, members string) string {
	a.t.Helper()
	address, body := a.srv.URL+path+"?publicContract=1", `{"organizationId":"`+a.org+`",`+members+`}`
	if method == http.MethodGet {
		address, body = address+"&organizationId="+a.org+members, ""
	}
	request, err := http.NewRequestWithContext(a.t.Context(), method, address, strings.NewReader(body))
	require.NoError(a.t, err)
	request.Header.Set("Authorization", "Bearer "+a.token)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := a.http.Do(request)
	require.NoError(a.t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(a.t, err)
	require.Less(a.t, response.StatusCode, 300, "%s %s: %s", method, path, text)
	return string(text)
}

// What a workflow holds beside what this server knows is there again, byte by byte, wherever the
// workflow is: in the draft, published, compared and rolled back.
func TestWorkflowsComeBackAsTheyWere(t *testing.T) {
	a := start(t)
	promptID, _ := a.publishedPrompt("Greet", "Hello {{name}}")
	agentID := a.create("/api/agents", object{"name": "Writer"})
	one := "/api/agents/" + agentID
	versionID := a.create(one+"/versions", nil)
	condition := `{"stepKey":"formal","name":"<Formal & co>","stepType":"condition_step","promptId":null,"condition":{"op":"eq","value":1.50,"deep":[{"a":null}],"a":1},"ui":{"x":1e3,"y":null},"positionIndex":0}`
	greet := `{"ui":[],"stepKey":"greet","name":"Greet","stepType":"prompt_step","promptId":"` + promptID + `","retries":null,"é":"\u00e9"}`
	edges := []string{
		`{"fromStepKey":"formal","toStepKey":"greet","transitionType":"condition_true","label":"yes","id":7}`,
		`{"label":null,"fromStepKey":"formal","toStepKey":"greet","transitionType":"condition_false"}`,
	}
	workflow := `"layout":{"zoom":1.0,"grid":null},"entryStepKey":"formal","notes":null,"steps":[` + condition + "," + greet + `],"transitions":[` + strings.Join(edges, ",") + `]`
	isThere := func(name, text string) {
		t.Helper()
		for _, part := range append([]string{condition, greet, `"layout":{"zoom":1.0,"grid":null}`, `"notes":null`}, edges...) {
			assert.Contains(t, text, part, name)
		}
	}

	assert.Contains(t, a.raw("POST", "/api/agent-versions/"+versionID+"/workflow/validate", workflow), `"valid":true`)
	isThere("saved", a.raw("PUT", "/api/agent-versions/"+versionID+"/workflow", workflow))
	isThere("got", a.raw("GET", one, ""))
	a.ok("POST", one+"/publish", nil)
	isThere("published", a.raw("GET", one, ""))
	a.ok("POST", one+"/run", object{"variables": object{"formal": true}})

	// The older route replaces the steps and leaves the rest.
	next := a.create(one+"/versions", nil)
	a.raw("PUT", "/api/agent-versions/"+next+"/workflow", strings.Replace(workflow, `"value":1.50`, `"value":2`, 1))
	changes := a.raw("GET", one+"/versions/"+next+"/diff", "&againstVersionId="+versionID)
	assert.Contains(t, changes, `"changes":[{"path":"steps[0].condition.value","change":"changed","before":1.50,"after":2}]`)
	steps := a.raw("POST", "/api/agent-versions/"+next+"/steps", `"steps":[`+condition+","+greet+`],"notes":null`)
	assert.Equal(t, "["+condition+","+greet+"]", steps)
	same := a.raw("GET", one+"/versions/"+next+"/diff", "&againstVersionId="+versionID)
	assert.Contains(t, same, `"changes":[]`)

	empty := a.create(one+"/versions", nil)
	a.raw("PUT", "/api/agent-versions/"+empty+"/workflow", `"entryStepKey":"greet","steps":[`+greet+`],"transitions":[]`)
	a.ok("POST", one+"/publish", object{"versionId": empty})
	assert.NotContains(t, a.raw("GET", one, ""), "layout")
	added := a.raw("GET", one+"/versions/"+versionID+"/diff", "&againstVersionId="+a.create(one+"/versions", nil))
	for _, part := range []string{
		`"condition":{"a":1,"deep":[{"a":null}],"op":"eq","value":1.50}`, `"promptId":null`, `"label":null`, `"retries":null`,
		`{"path":"notes","change":"added","before":null,"after":null}`, `"after":{"grid":null,"zoom":1.0}`,
	} {
		assert.Contains(t, added, part, "a comparison has the same members, in order of their names")
	}
	a.ok("POST", one+"/versions/"+versionID+"/rollback", nil)
	isThere("rolled back", a.raw("GET", one, ""))
}

// No member of a record can be replaced by an unknown one.
func TestUnknownMembersHideNothing(t *testing.T) {
	a := start(t)
	agentID, _ := a.agent(object{"entryStepKey": "a", "steps": []object{}, "transitions": []object{}, "id": "x", "name": 1, "versions": nil})
	got := a.ok("GET", "/api/agents/"+agentID, nil)
	assert.Equal(t, agentID, got["id"])
	assert.Equal(t, "Writer", got["name"])
	assert.Len(t, got["versions"], 1)
}

// The same goes for records, versions and attachments, and their schemas and configs.
func TestRecordsComeBackAsTheyWere(t *testing.T) {
	a := start(t)
	const extra = `"folder":{"id":1.0,"none":null,"b":1,"a":2},"archived":null`
	schema := `{"type":"object","z":1.50,"a":null,"properties":{"x":{"type":"string","x-order":1}}}`
	toolID := a.keptTool(extra, schema)
	for path, made := range map[string]string{
		"/api/agents":  `"name":"A"`,
		"/api/prompts": `"name":"P"`,
		"/api/skills":  `"name":"S","skillKey":"s"`,
	} {
		t.Run(path, func(t *testing.T) {
			text := a.raw("POST", path, made+","+extra)
			assert.Contains(t, text, `"archived":null,"folder":{"id":1.0,"none":null,"b":1,"a":2}`)
			assert.NotContains(t, text, "organizationId\":\""+a.org+"\",\"organizationId")
			id := idOf(text)
			assert.Contains(t, a.raw("GET", path, ""), `"folder":{"id":1.0,"none":null,"b":1,"a":2}`)
			changed := a.raw("PATCH", path+"/"+id, `"name":"B","archived":true`)
			assert.Contains(t, changed, `"archived":true,"folder":{"id":1.0,"none":null,"b":1,"a":2}`)
			assert.Contains(t, a.raw("GET", path+"/"+id, ""), `"archived":true,"folder":{"id":1.0,"none":null,"b":1,"a":2}`)
		})
	}

	promptID := a.create("/api/prompts", object{"name": "Prompt"})
	promptVersion := a.raw("POST", "/api/prompts/"+promptID+"/versions", `"content":"Hello","maxTokens":100,"stop":null,"variablesSchema":`+schema+`,"responseFormat":`+schema)
	for _, part := range []string{`"maxTokens":100,"stop":null`, `"variablesSchema":` + schema, `"responseFormat":` + schema} {
		assert.Contains(t, promptVersion, part)
		assert.Contains(t, a.raw("GET", "/api/prompts/"+promptID, ""), part)
	}
	attached := a.raw("POST", "/api/prompt-versions/"+idOf(promptVersion)+"/tools", `"toolId":"`+toolID+`","mode":"auto","limit":null`)
	assert.Contains(t, attached, `"limit":null,"mode":"auto"`)
	assert.Contains(t, a.raw("GET", "/api/prompts/"+promptID, ""), `"limit":null,"mode":"auto"`)

	skillID := a.create("/api/skills", object{"name": "Skill", "skillKey": "skill"})
	skillVersion := a.raw("POST", "/api/skills/"+skillID+"/versions", `"inputSchema":`+schema+`,"variablesSchema":null,"outputSchema":`+schema+`,"notes":null`)
	skillVersionID := idOf(skillVersion)
	a.raw("POST", "/api/skill-versions/"+skillVersionID+"/prompts", `"prompts":[{"weight":0.50,"promptId":"`+promptID+`","positionIndex":7,"when":null}]`)
	a.raw("POST", "/api/skill-versions/"+skillVersionID+"/tools", `"tools":[{"toolId":"`+toolID+`","alias":"w","args":null}]`)
	skill := a.raw("GET", "/api/skills/"+skillID, "")
	for _, part := range []string{
		`"inputSchema":` + schema, `"variablesSchema":null`, `"outputSchema":` + schema, `"notes":null`,
		`"when":null`, `"weight":0.50`, `"alias":"w","args":null`,
	} {
		assert.Contains(t, skill, part)
	}
	assert.Contains(t, skill, `"positionIndex":0`, "the order of the array counts")
	preview := a.raw("POST", "/api/skills/"+skillID+"/preview", `"skillVersionId":"`+skillVersionID+`","variables":{}`)
	assert.Contains(t, preview, `"weight":0.50`)
	next := a.create("/api/skills/"+skillID+"/versions", nil)
	assert.Contains(t, a.raw("GET", "/api/skills/"+skillID+"/versions/"+next+"/diff", ""), `"weight":0.50`)

	evaluation := a.raw("POST", "/api/skills/"+skillID+"/evaluation-cases", `"input":{"x":1.50},"expected":{"y":null},"tags":["a"]`)
	for _, part := range []string{`"input":{"x":1.50}`, `"expected":{"y":null}`, `"tags":["a"]`} {
		assert.Contains(t, evaluation, part)
		assert.Contains(t, a.raw("GET", "/api/skills/"+skillID+"/evaluation-cases", ""), part)
	}
}

// keptTool makes a tool that holds more than this server knows, in the record and in its documents.
func (a *api) keptTool(extra, schema string) (id string) {
	a.t.Helper()
	config := `{"result":{"x":1.50},"headers":{"X":null},"timeout":null}`
	made := a.raw("POST", "/api/tools", `"toolKey":"weather","name":"Weather","type":"manual_stub","config":`+config+`,"inputSchema":`+schema+","+extra)
	id = idOf(made)
	for _, text := range []string{made, a.raw("GET", "/api/tools/"+id, ""), a.raw("GET", "/api/tools", ""), a.raw("PATCH", "/api/tools/"+id, `"name":"W"`)} {
		assert.Contains(a.t, text, `"config":`+config)
		assert.Contains(a.t, text, schema)
		assert.Contains(a.t, text, `"archived":null,"folder":{"id":1.0,"none":null,"b":1,"a":2}`)
	}
	version := a.raw("POST", "/api/tools/"+id+"/versions", `"capability":{"category":"data","own":null},"changelog":"more"`)
	assert.Contains(a.t, version, `"capability":{"category":"data","own":null}`)
	assert.Contains(a.t, version, `"changelog":"more"`)
	assert.Contains(a.t, version, `"config":`+config, "what is absent is kept")
	return id
}

// idOf is the id of the record in a response.
func idOf(text string) string {
	_, after, _ := strings.Cut(text, `"id":"`)
	id, _, _ := strings.Cut(after, `"`)
	return id
}
