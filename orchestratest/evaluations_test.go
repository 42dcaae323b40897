package orchestratest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func TestEvaluations(t *testing.T) {
	a := start(t)
	promptID, _ := a.publishedPrompt("Echo", "{{x}}")
	skillID, published := a.skill("echo", nil, object{"promptId": promptID})
	evaluations := "/api/skills/" + skillID + "/evaluations/run"
	a.rejected(409, "POST", evaluations, nil)
	cases := "/api/skills/" + skillID + "/evaluation-cases"
	assert.Empty(t, a.list(cases))
	made := a.ok("POST", cases, object{"label": "one", "input": object{"x": "1"}, "expected": "1"})
	assert.Regexp(t, `^evc_`, made["id"])
	a.create(cases, object{"input": object{"x": "2"}, "expected": "3"})
	a.create(cases, object{})
	a.rejected(400, "POST", cases, object{"input": "text"})
	assert.Len(t, a.list(cases), 3)

	first := a.ok("POST", evaluations, nil)
	assert.Equal(t, published, first["draftVersionId"], "the newest draft, when none is named")
	assert.Nil(t, first["publishedRunId"])
	assert.Equal(t, object{"cases": 3.0, "passed": 2.0, "failed": 1.0, "regressions": 0.0, "message": "2 of 3 cases passed"}, first["diagnosticSummary"])

	a.ok("POST", "/api/skills/"+skillID+"/publish", nil)
	a.rejected(409, "POST", evaluations, nil)
	other, _ := a.publishedPrompt("Wrong", "wrong")
	draft := a.create("/api/skills/"+skillID+"/versions", nil)
	a.ok("POST", "/api/skill-versions/"+draft+"/prompts", object{"prompts": []object{{"promptId": other}}})
	second := a.ok("POST", evaluations, object{"draftVersionId": draft})
	summary := second["diagnosticSummary"].(object)
	assert.InDelta(t, 1, summary["regressions"], 0)
	assert.Equal(t, "wrong", a.ok("GET", "/api/skill-runs/"+second["draftRunId"].(string), nil)["output"])
	assert.Equal(t, "1", a.ok("GET", "/api/skill-runs/"+second["publishedRunId"].(string), nil)["output"])
	assert.Equal(t, second, a.ok("GET", "/api/skills/"+skillID+"/evaluations/"+second["id"].(string), nil))

	stranger, _ := a.skill("stranger", nil)
	a.rejected(404, "GET", "/api/skills/"+stranger+"/evaluations/"+second["id"].(string), nil)
	a.srv.Restrict(orchestratest.AI(false))
	a.rejected(402, "POST", evaluations, object{"draftVersionId": draft})
}

// An evaluation that is rejected for one of its two versions has not run the other.
func TestRefusedEvaluationRunsNothing(t *testing.T) {
	a := start(t)
	skillID := a.create("/api/skills", object{"skillKey": "greet", "name": "Greet"})
	one := "/api/skills/" + skillID
	a.create(one+"/versions", nil)
	a.ok("POST", one+"/publish", nil) // without prompts it cannot be run
	promptID, _ := a.publishedPrompt("Greet", "Hello")
	draft := a.create(one+"/versions", nil)
	a.ok("POST", "/api/skill-versions/"+draft+"/prompts", object{"prompts": []object{{"promptId": promptID}}})
	a.create(one+"/evaluation-cases", nil)
	a.rejected(409, "POST", one+"/evaluations/run", nil)
	ran := a.ok("POST", one+"/run", object{"skillVersionId": draft, "variables": object{}})

	fresh := start(t)
	promptID, _ = fresh.publishedPrompt("Greet", "Hello")
	first, draft := fresh.skill("greet", nil, object{"promptId": promptID})
	assert.Equal(t, fresh.ok("POST", "/api/skills/"+first+"/run", object{"skillVersionId": draft, "variables": object{}})["runId"], ran["runId"],
		"the first recorded run of either server")
}
