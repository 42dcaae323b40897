package orchestratest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// skill returns the ids of a new skill and a draft version with prompts.
func (a *api) skill(key string, version object, prompts ...object) (skillID, versionID string) {
	a.t.Helper()
	skillID = a.create("/api/skills", object{"skillKey": key, "name": key})
	versionID = a.create("/api/skills/"+skillID+"/versions", version)
	a.ok("POST", "/api/skill-versions/"+versionID+"/prompts", object{"prompts": append([]object{}, prompts...)})
	return skillID, versionID
}

func TestSkillAuthoring(t *testing.T) {
	a := start(t)
	first, firstVersion := a.publishedPrompt("First", "1 {{x}}")
	second, _ := a.publishedPrompt("Second", "2 {{x}}")
	toolID := a.stub("weather", object{"sky": "blue"})
	skillID, versionID := a.skill("forecast", object{"outputSchema": object{"type": "object"}},
		object{"promptId": second, "positionIndex": 7}, object{"promptId": first, "attachmentMode": "pinned_version", "versionNumber": 1})
	receipt := a.ok("POST", "/api/skill-versions/"+versionID+"/tools", object{"tools": []object{{"toolId": toolID}}})
	assert.Equal(t, versionID, receipt["skillVersionId"])
	assert.Equal(t, "draft", receipt["status"])

	version := a.ok("GET", "/api/skills/"+skillID, nil)["versions"].([]any)[0].(object)
	assert.Equal(t, "declared", version["outputContractState"])
	assert.Equal(t, true, version["executionReadiness"].(object)["runnable"])
	assert.Equal(t, []any{object{"toolId": toolID, "positionIndex": 0.0}}, version["tools"])
	composition := version["promptComposition"].([]any)
	require.Len(t, composition, 2)
	assert.Equal(t, second, composition[0].(object)["promptId"], "the order of the array counts")
	assert.InDelta(t, 0, composition[0].(object)["positionIndex"], 0)
	assert.Equal(t, "floating_latest_published", composition[0].(object)["attachmentMode"])
	assert.Nil(t, composition[0].(object)["versionNumber"])
	assert.Equal(t, firstVersion, composition[1].(object)["promptVersionId"])

	published := a.ok("POST", "/api/skills/"+skillID+"/publish", nil)
	assert.Equal(t, versionID, published["versionId"])
	a.rejected(409, "POST", "/api/skills/"+skillID+"/publish", nil)
	a.rejected(409, "POST", "/api/skills/"+skillID+"/publish", object{"versionId": versionID})
	a.rejected(409, "POST", "/api/skill-versions/"+versionID+"/prompts", object{"prompts": []object{}})
	a.rejected(409, "POST", "/api/skill-versions/"+versionID+"/tools", object{"tools": []object{}})

	// A newer prompt version changes what floats and not what is pinned.
	for _, promptID := range []string{first, second} {
		newer := a.create("/api/prompts/"+promptID+"/versions", object{"content": "new"})
		a.ok("POST", "/api/prompts/"+promptID+"/publish", object{"versionId": newer})
	}
	preview := a.ok("POST", "/api/skills/"+skillID+"/preview", object{"variables": object{}})
	assert.Equal(t, "new\n\n1 {{x}}", preview["renderedPrompt"])
	assert.Equal(t, []any{"x"}, preview["missingVariables"])
	assert.Len(t, preview["compositionTrace"], 2)

	used := a.ok("GET", "/api/prompts/"+first, nil)["usedBySkills"].([]any)[0].(object)
	assert.Equal(t, skillID, used["skillId"])
	assert.Equal(t, "pinned_version", used["attachmentMode"])

	next := a.create("/api/skills/"+skillID+"/versions", object{"inputSchema": object{"type": "object"}})
	diff := a.ok("GET", "/api/skills/"+skillID+"/versions/"+next+"/diff", nil)
	assert.Equal(t, versionID, diff["againstVersionId"], "the version before, when none is named")
	assert.Equal(t, []string{"inputSchema", "outputSchema", "prompts[0]", "prompts[1]", "tools[0]"}, paths(diff["changes"]))
	same := a.ok("GET", "/api/skills/"+skillID+"/versions/"+next+"/diff?againstVersionId="+next, nil)
	assert.Empty(t, same["changes"])
}

func TestSkillRefusals(t *testing.T) {
	a := start(t)
	promptID, _ := a.publishedPrompt("Hello", "Hello")
	unpublished := a.create("/api/prompts", object{"name": "Unpublished"})
	skillID, versionID := a.skill("hello", nil, object{"promptId": promptID})
	_, blocked := a.skill("blocked", nil, object{"promptId": unpublished})
	_, empty := a.skill("empty", nil)
	one, prompts := "/api/skills/"+skillID, "/api/skill-versions/"+versionID+"/prompts"
	attach := func(members object) object {
		return object{"prompts": []object{members}}
	}
	for name, c := range map[string]struct {
		path   string
		body   object
		status int
		fields []any
	}{
		"no key":                   {"/api/skills", object{"name": "A"}, 400, []any{"skillKey"}},
		"nothing at all":           {"/api/skills", object{}, 400, []any{"skillKey", "name"}},
		"a key that is taken":      {"/api/skills", object{"skillKey": "hello", "name": "A"}, 409, nil},
		"no list":                  {prompts, object{}, 400, []any{"prompts"}},
		"a list of texts":          {prompts, object{"prompts": []any{"x"}}, 400, []any{"prompts"}},
		"pinned to nothing":        {prompts, attach(object{"promptId": promptID, "attachmentMode": "pinned_version"}), 400, []any{"prompts[0].versionNumber"}},
		"floating with a version":  {prompts, attach(object{"promptId": promptID, "versionNumber": 1}), 400, []any{"prompts[0].versionNumber"}},
		"an unknown mode":          {prompts, attach(object{"promptId": promptID, "attachmentMode": "loose"}), 400, []any{"prompts[0].attachmentMode"}},
		"an unknown prompt":        {prompts, attach(object{"promptId": "prm_none"}), 404, nil},
		"an unknown version":       {prompts, attach(object{"promptId": promptID, "attachmentMode": "pinned_version", "versionNumber": 2}), 404, nil},
		"an unknown tool":          {"/api/skill-versions/" + versionID + "/tools", object{"tools": []object{{"toolId": "tol_none"}}}, 404, nil},
		"an unknown skill version": {"/api/skill-versions/skv_none/prompts", attach(object{"promptId": promptID}), 404, nil},
		"run without variables":    {one + "/run", object{}, 400, []any{"variables"}},
		"preview a list":           {one + "/preview", object{"variables": []any{}}, 400, []any{"variables"}},
		"another's version":        {one + "/run", object{"skillVersionId": empty, "variables": object{}}, 404, nil},
		"an unknown model":         {one + "/run", object{"skillVersionId": versionID, "modelKey": "m", "variables": object{}}, 400, []any{"modelKey"}},
		"a model without a key":    {one + "/run", object{"skillVersionId": versionID, "modelKey": "claude-sonnet-4", "variables": object{}}, 400, []any{"modelKey"}},
		"an image from words":      {one + "/generated-images", object{"skillVersionId": versionID, "modelKey": "gpt-4.1-mini", "variables": object{}}, 400, []any{"modelKey"}},
		"publish another's":        {one + "/publish", object{"versionId": empty}, 404, nil},
	} {
		t.Run(name, func(t *testing.T) {
			body := a.rejected(c.status, "POST", c.path, c.body)
			assert.NotEmpty(t, body["why"])
			if c.fields != nil {
				assert.Equal(t, c.fields, body["affectedFields"])
			}
		})
	}
	for version, issue := range map[string]string{blocked: "prompt_not_published", empty: "no_prompts"} {
		owner := a.versionOwner(version)
		body := a.rejected(409, "POST", "/api/skills/"+owner+"/run", object{"skillVersionId": version, "variables": object{}})
		assert.Equal(t, issue, body["details"].([]any)[0].(object)["code"])
	}
}

// versionOwner finds the skill of a version.
func (a *api) versionOwner(versionID string) string {
	for _, s := range a.list("/api/skills") {
		id := s.(object)["id"].(string)
		for _, v := range a.ok("GET", "/api/skills/"+id, nil)["versions"].([]any) {
			if v.(object)["id"] == versionID {
				return id
			}
		}
	}
	return ""
}
