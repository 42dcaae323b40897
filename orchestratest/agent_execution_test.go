package orchestratest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// visited names the executed steps of a recorded run.
func visited(detail object) []string {
	var keys []string
	for _, s := range detail["steps"].([]any) {
		keys = append(keys, s.(object)["stepKey"].(string))
	}
	return keys
}

// runOf fetches the run that an answer, or a failure, names.
func (a *api) runOf(body object) object {
	a.t.Helper()
	runID, _ := body["runId"].(string)
	require.NotEmpty(a.t, runID, "%v", body)
	return a.ok("GET", "/api/agent-runs/"+runID, nil)
}

func TestAgentsFollowTransitions(t *testing.T) {
	a := start(t)
	a.srv.HoldRuns(0)
	promptID, pinnedID := a.publishedPrompt("Draft", "v1 {{topic}}")
	later := a.create("/api/prompts/"+promptID+"/versions", object{"content": "v2 {{topic}} {{steps.weather}}"})
	a.ok("POST", "/api/prompts/"+promptID+"/publish", object{"versionId": later})
	weather := a.stub("weather", object{"sky": "blue"})
	broken := a.stub("broken", nil)
	a.srv.FailExecution(broken, "out of order")

	skillID, _ := a.skill("draft", nil, object{"promptId": promptID})
	a.ok("POST", "/api/skills/"+skillID+"/publish", nil)
	skillDraft := a.create("/api/skills/"+skillID+"/versions", nil)
	a.ok("POST", "/api/skill-versions/"+skillDraft+"/prompts", object{
		"prompts": []object{{"promptId": promptID, "attachmentMode": "pinned_version", "versionNumber": 1}},
	})

	draft := step("draft", "prompt_step", "promptId", promptID)
	choice, end := step("urgent", "condition_step"), step("end", "return_step")
	for name, c := range map[string]struct {
		workflow  object
		variables object
		visited   []string
		output    any
	}{
		"published version": {flow([]object{draft}), object{"topic": "x"}, []string{"draft"}, "v2 x {{steps.weather}}"},
		"pinned version": {
			flow([]object{step("draft", "prompt_step", "promptId", promptID, "promptVersionId", pinnedID)}),
			object{"topic": "x"},
			[]string{"draft"},
			"v1 x",
		},
		"a skill": {
			flow([]object{step("skill", "prompt_step", "skillId", skillID)}), object{"topic": "x"}, []string{"skill"}, "v2 x {{steps.weather}}",
		},
		"a draft of a skill": {
			flow([]object{step("skill", "prompt_step", "skillId", skillID, "skillVersionId", skillDraft)}), object{"topic": "x"}, []string{"skill"}, "v1 x",
		},
		"a tool's result": {
			flow([]object{step("weather", "tool_step", "toolId", weather), draft}, "weather next draft"),
			object{"topic": "x"},
			[]string{"weather", "draft"},
			`v2 x {"sky":"blue"}`,
		},
		"success before next": {
			flow([]object{draft, end, step("other", "return_step")}, "draft next other", "draft success end"),
			object{"topic": "x"},
			[]string{"draft", "end"},
			"v2 x {{steps.weather}}",
		},
		"failure": {
			flow([]object{step("broken", "tool_step", "toolId", broken), end, draft}, "broken success end", "broken failure draft"),
			object{"topic": "x"},
			[]string{"broken", "draft"},
			"v2 x {{steps.weather}}",
		},
		"condition true": {
			flow([]object{choice, draft, end}, "urgent condition_true draft", "urgent condition_false end"),
			object{"urgent": "yes", "topic": "x"},
			[]string{"urgent", "draft"},
			"v2 x {{steps.weather}}",
		},
		"condition false": {
			flow([]object{choice, draft, end}, "urgent condition_true draft", "urgent condition_false end"),
			object{"urgent": 0},
			[]string{"urgent", "end"},
			nil,
		},
		"condition without its variable": {
			flow([]object{choice, draft, end}, "urgent condition_true draft", "urgent condition_false end"),
			object{},
			[]string{"urgent", "end"},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			started := a.ok("POST", "/api/agents/"+a.publishedAgent(c.workflow)+"/run", object{"variables": c.variables})
			assert.Equal(t, c.output, started["output"])
			detail := a.runOf(started)
			assert.Equal(t, c.visited, visited(detail))
			assert.Len(t, detail["decisionTrace"], len(c.visited))
		})
	}
}

func TestConditionsTakeAVariable(t *testing.T) {
	a := start(t)
	agentID := a.publishedAgent(flow([]object{step("go", "condition_step"), step("yes", "return_step"), step("no", "return_step")},
		"go condition_true yes", "go condition_false no"))
	for name, c := range map[string]struct {
		value any
		taken string
	}{
		"true": {true, "yes"}, "one": {1, "yes"}, "a text": {"no", "yes"}, "a list": {[]any{0}, "yes"}, "an object": {object{"a": 1}, "yes"},
		"false": {false, "no"}, "zero": {0.0, "no"}, "no text": {"", "no"}, "the text false": {"false", "no"},
		"an empty list": {[]any{}, "no"}, "an empty object": {object{}, "no"}, "null": {nil, "no"},
	} {
		t.Run(name, func(t *testing.T) {
			detail := a.runOf(a.ok("POST", "/api/agents/"+agentID+"/run", object{"variables": object{"go": c.value}}))
			assert.Equal(t, []string{"go", c.taken}, visited(detail))
			first := detail["decisionTrace"].([]any)[0].(object)
			assert.Contains(t, first["inputs"], "go")
			assert.Contains(t, first["reason"], "variable go is")
		})
	}
}

func TestFailedAgentRuns(t *testing.T) {
	a := start(t)
	promptID, _ := a.publishedPrompt("Draft", "text")
	agentID := a.publishedAgent(flow([]object{step("draft", "prompt_step", "promptId", promptID), step("end", "return_step")}, "draft next end"))
	circle := a.publishedAgent(flow([]object{step("a", "prompt_step", "promptId", promptID)}, "a next a"))
	run := object{"variables": object{}}

	body := a.rejected(500, "POST", "/api/agents/"+circle+"/run", run)
	assert.Contains(t, body["why"], "the run has executed 100 steps")
	assert.Len(t, a.runOf(body)["steps"], 100)

	doubling, _ := a.publishedPrompt("Doubling", "x{{steps.a}}{{steps.a}}")
	circle = a.publishedAgent(flow([]object{step("a", "prompt_step", "promptId", doubling)}, "a next a"))
	assert.Contains(t, a.rejected(500, "POST", "/api/agents/"+circle+"/run", run)["why"], "The prompt is too long")

	a.srv.FailExecution(promptID, "Prompt execution failed upstream")
	body = a.rejected(500, "POST", "/api/agents/"+agentID+"/run", run)
	assert.Equal(t, "execution_failed", body["code"])
	assert.Equal(t, "Step draft failed: Prompt execution failed upstream", body["why"])
	detail := a.runOf(body)
	assert.Equal(t, "failed", detail["run"].(object)["status"])
	diagnostic := detail["diagnostic"].(object)
	assert.Equal(t, "steps.draft", diagnostic["where"])
	assert.Equal(t, body["why"], diagnostic["why"])
	assert.Equal(t, "failed", detail["steps"].([]any)[0].(object)["status"])

	a.srv.FailExecution(promptID, "")
	a.srv.HoldRuns(0)
	assert.Equal(t, "completed", a.ok("POST", "/api/agents/"+agentID+"/run", run)["status"])
}

func TestClosingWhileAToolIsCalled(t *testing.T) {
	blocked := start(t) // answers nothing in time
	blocked.srv.Fail("*", orchestratest.Delay(time.Hour))
	a := start(t, orchestratest.WithAllowedHosts("127.0.0.1"))
	toolID := a.create("/api/tools", object{
		"toolKey": "slow", "name": "Slow", "type": "http", "config": object{"url": blocked.srv.URL + "/hook"}, "inputSchema": object{},
	})
	agentID := a.publishedAgent(flow([]object{step("slow", "tool_step", "toolId", toolID)}))
	ended := make(chan error, 1)
	go func() {
		_, _, err := a.send("POST", "/api/agents/"+agentID+"/run", object{"variables": object{}})
		ended <- err
	}()
	for len(blocked.srv.Requests("*")) == 0 {
		a.list("/api/agents") // the rest of the server answers meanwhile
	}
	a.srv.Close()
	require.Error(t, <-ended)
}
