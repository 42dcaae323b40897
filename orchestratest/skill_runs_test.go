package orchestratest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func TestSkillRuns(t *testing.T) {
	a := start(t)
	promptID, _ := a.publishedPrompt("Sum up", "Sum up {{text}} under a {{tools.weather.sky}} sky")
	toolID := a.stub("weather", object{"sky": "blue"})
	skillID, versionID := a.skill("sum-up", object{"outputSchema": object{
		"properties": object{"summary": object{"type": "string"}}, "required": []any{"summary"},
	}}, object{"promptId": promptID})
	a.ok("POST", "/api/skill-versions/"+versionID+"/tools", object{"tools": []object{{"toolId": toolID}}})
	run := "/api/skills/" + skillID + "/run"
	a.rejected(409, "POST", run, object{"variables": object{}})
	assert.Equal(t, "completed", a.ok("POST", run, object{"skillVersionId": versionID, "variables": object{}})["status"], "a draft by name")
	a.ok("POST", "/api/skills/"+skillID+"/publish", nil)

	ran := a.ok("POST", run, object{"variables": object{"text": "this"}, "modelKey": "gpt-4.1"})
	assert.Equal(t, object{"summary": "Sum up this under a blue sky"}, ran["output"])
	assert.Equal(t, `{"summary":"Sum up this under a blue sky"}`, ran["outputText"])
	assert.Equal(t, "gpt-4.1", ran["modelKey"])
	assert.Equal(t, object{"state": "declared", "satisfied": true, "missingFields": []any{}}, ran["validation"].(object)["outputContract"])
	usage := ran["usage"].(object)
	assert.InDelta(t, usage["inputTokens"].(float64)+usage["outputTokens"].(float64), usage["totalTokens"], 0)
	detail := a.ok("GET", "/api/skill-runs/"+ran["runId"].(string), nil)
	assert.Equal(t, ran["output"], detail["output"])
	assert.Equal(t, object{"text": "this"}, detail["variables"])
	assert.Len(t, detail["steps"], 2)

	a.srv.FailExecution(skillID, "no provider")
	body := a.rejected(500, "POST", run, object{"variables": object{}})
	assert.Equal(t, "no provider", body["why"])
	failed := a.ok("GET", "/api/skill-runs/"+body["runId"].(string), nil)
	assert.Equal(t, "failed", failed["status"])
	assert.Equal(t, "no provider", failed["diagnostic"].(object)["why"])
	a.rejected(404, "GET", "/api/skill-runs/srun_none", nil)
}

func TestOutputsThatMissTheirContract(t *testing.T) {
	a := start(t)
	promptID, _ := a.publishedPrompt("JSON", `{"other": 1}`)
	skillID, versionID := a.skill("json", object{"outputSchema": object{"required": []any{"summary"}}}, object{"promptId": promptID})
	ran := a.ok("POST", "/api/skills/"+skillID+"/run", object{"skillVersionId": versionID, "variables": object{}})
	validation := ran["validation"].(object)
	assert.Equal(t, false, validation["valid"])
	assert.Equal(t, []any{"summary"}, validation["outputContract"].(object)["missingFields"])
	assert.Equal(t, "completed", ran["status"])
}

func TestPreviewsChangeNothing(t *testing.T) {
	a := start(t)
	promptID, _ := a.publishedPrompt("Hello", "Hello {{tools.weather}}")
	toolID := a.stub("weather", nil)
	a.srv.FailExecution(toolID, "not to be called")
	skillID, versionID := a.skill("hello", nil, object{"promptId": promptID})
	a.ok("POST", "/api/skill-versions/"+versionID+"/tools", object{"tools": []object{{"toolId": toolID}}})
	before := a.ok("GET", "/api/skills/"+skillID, nil)
	preview := object{"skillVersionId": versionID, "variables": object{}}
	first := a.ok("POST", "/api/skills/"+skillID+"/preview", preview)
	assert.Equal(t, first, a.ok("POST", "/api/skills/"+skillID+"/preview", preview))
	assert.Equal(t, before, a.ok("GET", "/api/skills/"+skillID, nil))
	assert.Empty(t, a.list("/api/runs"))
	a.srv.Restrict(orchestratest.AI(false))
	a.ok("POST", "/api/skills/"+skillID+"/preview", preview) // calls no model
}

func TestGeneratedImages(t *testing.T) {
	a := start(t)
	promptID, _ := a.publishedPrompt("Paint", "A {{thing}}")
	skillID, versionID := a.skill("paint", nil, object{"promptId": promptID})
	paint := object{"skillVersionId": versionID, "variables": object{"thing": "boat"}}
	made := a.ok("POST", "/api/skills/"+skillID+"/generated-images", paint)
	assert.Equal(t, "gpt-image-1", made["modelKey"])
	assert.Nil(t, made["failure"])
	reference := made["images"].([]any)[0].(object)["storageReference"].(object)
	assert.Equal(t, "object_storage", reference["kind"])
	assert.NotEmpty(t, reference["bucket"])
	assert.Contains(t, reference["objectKey"], made["runId"])
	assert.Contains(t, reference["signedUrl"], "expiresAt")
	assert.InDelta(t, 1, made["usage"].(object)["imageCount"], 0)
	assert.Equal(t, "A boat", a.ok("GET", "/api/skill-runs/"+made["runId"].(string), nil)["renderedPrompt"])

	a.srv.FailExecution(promptID, "not painted")
	failed := a.ok("POST", "/api/skills/"+skillID+"/generated-images", paint)
	assert.Equal(t, "failed", failed["status"])
	assert.Equal(t, "not painted", failed["failure"].(object)["message"])
	assert.Empty(t, failed["images"])
}
