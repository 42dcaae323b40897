package orchestratest_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// order gives an order that must be obeyed, and returns the response.
func (a *api) order(method, path, body string) object {
	a.t.Helper()
	status, value := a.control(method, path, body)
	require.Less(a.t, status, 300, "%s %s: %v", path, body, value)
	answer, _ := value.(object)
	return answer
}

// What Go's tests have, other languages have too.
func TestControlOrders(t *testing.T) {
	a := start(t, orchestratest.WithControl())
	assert.Equal(t, object{"status": "ok"}, a.order("GET", "/health", ""))
	none := object{"variables": object{"name": "Ada"}}

	promptID := a.order("POST", "/publish", `{"prompt":"Hello {{name}}","name":"Greeting"}`)["id"].(string)
	skillID := a.order("POST", "/publish", `{"skill":"Hi {{name}}"}`)["id"].(string)
	agentID := a.order("POST", "/publish", `{"agent":{"entryStepKey":"a","steps":[{"stepKey":"a","stepType":"prompt_step","promptId":"`+promptID+`"}],"transitions":[]}}`)["id"].(string)
	assert.Equal(t, "Greeting", a.list("/api/prompts")[0].(object)["name"])
	assert.Equal(t, "Hello Ada", a.ok("POST", "/api/prompts/"+promptID+"/run", none)["output"])

	assert.Equal(t, object{"held": object{"Skills.Run": 1.0}}, a.order("POST", "/held", `{"polls":1,"ops":["Skills.Run"]}`))
	assert.Equal(t, "running", a.ok("POST", "/api/skills/"+skillID+"/run", none)["status"])
	a.order("POST", "/held", `{"polls":0}`)
	assert.Equal(t, "completed", a.ok("POST", "/api/agents/"+agentID+"/run", none)["status"])
	a.order("DELETE", "/held", "")
	assert.Equal(t, "running", a.ok("POST", "/api/agents/"+agentID+"/run", none)["status"])
	assert.Equal(t, "completed", a.ok("POST", "/api/skills/"+skillID+"/run", none)["status"])

	a.order("POST", "/failures", `{"id":"`+promptID+`","message":"down","status":200}`)
	assert.Equal(t, "failed", a.ok("POST", "/api/prompts/"+promptID+"/run", none)["status"])
	failures := a.order("POST", "/failures", `{"id":"`+promptID+`","message":"down"}`)
	assert.Equal(t, object{"failures": []any{object{"id": promptID, "message": "down", "status": 500.0}}}, failures)
	a.rejected(500, "POST", "/api/prompts/"+promptID+"/run", none)
	a.order("DELETE", "/failures", "")
	assert.Equal(t, object{"failures": []any{}}, a.order("GET", "/failures", ""))
	a.ok("POST", "/api/prompts/"+promptID+"/run", none)

	runs := a.order("GET", "/runs", "")["runs"].([]any)
	assert.Len(t, runs, 8)
	kinds := map[string]int{}
	for _, r := range runs {
		kinds[fmt.Sprint(r.(object)["op"], " ", r.(object)["status"], " ", len(r.(object)["steps"].([]any)))]++
	}
	assert.Equal(t, map[string]int{
		"Prompts.Run completed 1": 2, "Prompts.Run failed 1": 2, "Skills.Run completed 1": 1, "Skills.Run running 0": 1,
		"Agents.Run completed 1": 1, "Agents.Run running 0": 1,
	}, kinds)
}

func TestControlCredentials(t *testing.T) {
	a := start(t, orchestratest.WithControl())
	beta := a.order("POST", "/organizations", `{"name":"Beta"}`)
	assert.Equal(t, []any{
		object{"id": a.org, "name": "Acme", "accessToken": a.token, "apiKey": a.srv.APIKey}, beta,
	}, a.order("GET", "/organizations", "")["organizations"])

	reader := a.order("POST", "/tokens", `{"permissions":["agents:read"]}`)["accessToken"].(string)
	a.with(reader).list("/api/agents")
	a.with(reader).rejected(403, "GET", "/api/skills", nil)
	key := a.order("POST", "/keys", `{"grants":["runtime_default"]}`)["apiKey"].(string)
	a.with(key).list("/api/agents")
	a.with(key).rejected(403, "GET", "/api/skills", nil)
	all, nothing := a.order("POST", "/keys", `{}`)["apiKey"].(string), a.order("POST", "/keys", `{"grants":[]}`)["apiKey"].(string)
	a.with(all).list("/api/skills")
	a.with(nothing).rejected(403, "GET", "/api/skills", nil)
	a.order("POST", "/expired", `{"credential":"`+key+`"}`)
	a.with(key).rejected(401, "GET", "/api/agents", nil)

	inBeta := a.with(reader)
	inBeta.org = beta["id"].(string)
	inBeta.rejected(403, "GET", "/api/agents", nil)
	a.order("POST", "/members", `{"accessToken":"`+reader+`","organization":"Beta"}`)
	assert.Empty(t, inBeta.list("/api/skills"))
	a.order("POST", "/publish", `{"prompt":"Hello","organization":"`+inBeta.org+`"}`)
	assert.Len(t, inBeta.list("/api/prompts"), 1)
	assert.Empty(t, a.list("/api/prompts"))
	other := a.order("POST", "/tokens", `{"organization":"Beta"}`)["accessToken"].(string)
	a.with(other).rejected(403, "GET", "/api/agents", nil)
}

// A reset is a new start: with the credentials that were printed, and the seed.
func TestReset(t *testing.T) {
	a := start(t, orchestratest.WithControl())
	require.NoError(t, a.srv.Load([]byte(`{"organizations":{"name":"Beta"},"publish":[{"prompt":"Hello","organization":"Beta"},{"prompt":"Bye"}],"limits":{"voice":false}}`)))
	before := a.list("/api/prompts")
	require.Len(t, before, 1)
	a.create("/api/agents", object{"name": "Writer"})
	token := a.srv.IssueToken(a.org)
	a.srv.Expire(a.token)
	a.srv.Fail("*", orchestratest.DropAfter())
	a.srv.Restrict(orchestratest.Seats(1))
	a.srv.HoldRuns(7, "Skills.Run")
	a.srv.FailExecution(before[0].(object)["id"].(string), "down")

	status, _ := a.control("POST", "/reset", "")
	assert.Equal(t, http.StatusNoContent, status)
	assert.Empty(t, a.srv.Requests("*"))
	assert.Empty(t, a.srv.PendingFaults())
	assert.Empty(t, a.list("/api/agents"))
	after := a.list("/api/prompts")
	require.Len(t, after, 1)
	assert.Equal(t, before[0].(object)["id"], after[0].(object)["id"], "ids begin again")
	assert.Len(t, a.order("GET", "/organizations", "")["organizations"], 2)
	assert.Equal(t, object{"members": 5.0, "seats": 5.0, "ai": true, "voice": false}, a.order("GET", "/limits", ""))
	assert.Equal(t, object{"held": object{}}, a.order("GET", "/held", ""))
	assert.Equal(t, object{"failures": []any{}}, a.order("GET", "/failures", ""))
	a.with(token).rejected(401, "GET", "/api/agents", nil)
}

// A mistake in an order or in a seed is named, and nothing of the order is done.
func TestControlOrdersAreReadWhole(t *testing.T) {
	a := start(t, orchestratest.WithControl())
	for _, c := range []struct{ path, body, why string }{
		{"publish", `{"prompt":"Hello","nmae":"x"}`, "nmae does not belong here"},
		{"publish", `{}`, "prompt is required, or skill or agent"},
		{"publish", `{"prompt":"Hello","skill":"Hi"}`, "only one of them"},
		{"publish", `{"prompt":7}`, "prompt must be a string"},
		{"publish", `{"prompt":"Hello","organization":"Gamma"}`, `there is no "Gamma"`},
		{"publish", `{"agent":{"steps":[],"transitions":[]}}`, "Graph validation failed: Entry step is required"},
		{"publish", `{"agent":{"steps":7}}`, "steps must be an array of objects"},
		{"held", `{"polls":1,"op":"Skills.Run"}`, "op does not belong here"},
		{"held", `{"polls":1,"ops":["Skills.Rnu"]}`, `op must be one of Agents.Run, Prompts.Run, Skills.Run: not "Skills.Rnu"`},
		{"held", `{"polls":-1}`, "polls must be from 0"},
		{"held", `{"polls":1,"ops":"Skills.Run"}`, "ops must be a list of strings"},
		{"held", `{"polls":1,"ops":null}`, "ops must be a list of strings"},
		{"failures", `{"id":"prm_none","message":"down"}`, `there is no prompt, tool or skill "prm_none"`},
		{"failures", `{"id":"x","message":"down","status":404}`, "status 404 is neither 200 nor 500"},
		{"failures", `{"id":"x"}`, "message is required"},
		{"organizations", `{"title":"Beta"}`, "title does not belong here"},
		{"tokens", `{"permissions":["agent:read"]}`, `there is no scope or preset "agent:read"`},
		{"tokens", `{"grants":[]}`, "grants does not belong here"},
		{"keys", `{"grants":["runtime-default"]}`, `there is no scope or preset "runtime-default"`},
		{"members", `{"accessToken":"sk_none","organization":"Acme"}`, "the server issued no such access token"},
		{"limits", `{"seats":2,"AI":false}`, "AI does not belong here"},
	} {
		status, rejected := a.control("POST", "/"+c.path, c.body)
		assert.Equal(t, http.StatusBadRequest, status, c.body)
		assert.Contains(t, rejected.(object)["error"], c.why)
		require.ErrorContains(t, a.srv.Load([]byte(`{"`+c.path+`":`+c.body+`}`)), c.why)
	}
	for seed, why := range map[string]string{
		`[]`: "it must be a JSON object", `{"prompts":[]}`: `there is no "prompts"`, `{"reset":{}}`: `there is no "reset"`, `{"publish":7}`: "publish must be an array of objects",
		`{"publish":[{"prompt":"Hello"},{"prompts":"Bye"}]}`: "publish[1].prompt is required",
	} {
		require.ErrorContains(t, a.srv.Load([]byte(seed)), why)
	}
	status, _ := a.control("POST", "/expired", `{"credential":"sk_none"}`)
	assert.Equal(t, http.StatusBadRequest, status)
	require.NoError(t, a.srv.Err(), "the mistake of another language is none of Go's")
	assert.Len(t, a.order("GET", "/organizations", "")["organizations"], 1)
	assert.Equal(t, object{"held": object{}}, a.order("GET", "/held", ""))
}
