package orchestratest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func TestToolsAreSpeltInTwoWays(t *testing.T) {
	a := start(t)
	created := a.ok("POST", "/api/tools", object{
		"toolKey": "weather", "name": "Weather", "type": "manual_stub", "config": object{"response": 1}, "inputSchema": object{"type": "object"},
	})
	assert.Equal(t, "weather", created["toolKey"])
	assert.Equal(t, object{"type": "object"}, created["inputSchema"])
	toolID := created["id"].(string)
	for _, older := range []object{a.ok("GET", "/api/tools/"+toolID, nil), a.list("/api/tools")[0].(object)} {
		assert.Equal(t, "weather", older["tool_key"])
		assert.Equal(t, object{"type": "object"}, older["input_schema"])
		assert.NotContains(t, older, "toolKey")
		assert.NotContains(t, older, "inputSchema")
	}

	version := a.ok("POST", "/api/tools/"+toolID+"/versions", object{"config": object{"response": 2}, "capability": object{"category": "data", "riskLevel": "safe"}})
	assert.InDelta(t, 2, version["version_number"], 0)
	assert.Equal(t, object{"type": "object"}, version["input_schema"], "what is absent stays")
	assert.Equal(t, object{"response": 2.0}, a.ok("GET", "/api/tools/"+toolID, nil)["config"], "the newest version is used")
	diff := a.ok("GET", "/api/tools/"+toolID+"/versions/"+version["id"].(string)+"/diff", nil)
	assert.Equal(t, []string{"capability", "config.response"}, paths(diff["changes"]))
	a.refused(404, "GET", "/api/tools/"+toolID+"/versions/"+version["id"].(string)+"/diff?againstVersionId=tlv_none", nil)

	for name, body := range map[string]object{
		"an odd type":         {"toolKey": "a", "name": "A", "type": "email", "config": object{}, "inputSchema": object{}},
		"no schema":           {"toolKey": "a", "name": "A", "type": "http", "config": object{}},
		"a schema of no type": {"toolKey": "a", "name": "A", "type": "http", "config": object{}, "inputSchema": "x"},
	} {
		status, _ := a.ask("POST", "/api/tools", body)
		assert.Equal(t, 400, status, name)
	}
	a.refused(409, "POST", "/api/tools", object{"toolKey": "weather", "name": "A", "type": "http", "config": object{}, "inputSchema": object{}})
	odd := a.refused(400, "POST", "/api/tools/"+toolID+"/versions", object{"capability": object{"category": "magic"}})
	assert.Equal(t, []any{"capability.category"}, odd["affectedFields"])
}

// Http tools are called only where the test and the tool allow it.
func TestHTTPTools(t *testing.T) {
	var received string
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		received = r.Method + " " + r.URL.Path + " " + string(body)
		switch r.URL.Path {
		case "/fail":
			w.WriteHeader(http.StatusTeapot)
		case "/away":
			http.Redirect(w, r, "http://example.com/", http.StatusFound)
		case "/text":
			_, _ = w.Write([]byte("plain"))
		default:
			_, _ = w.Write([]byte(`{"sky":"blue"}`))
		}
	}))
	defer hook.Close()
	host := strings.TrimPrefix(hook.URL, "http://")

	for name, c := range map[string]struct {
		allowed  []string
		config   object
		output   any
		failure  string
		received string
	}{
		"host and port":      {[]string{host}, object{"url": hook.URL + "/a"}, object{"sky": "blue"}, "", `POST /a {"city":"Rome"}`},
		"host alone":         {[]string{"127.0.0.1"}, object{"url": hook.URL + "/a", "method": "put"}, object{"sky": "blue"}, "", `PUT /a {"city":"Rome"}`},
		"GET has no body":    {[]string{host}, object{"url": hook.URL + "/a", "method": "GET"}, object{"sky": "blue"}, "", "GET /a "},
		"a text":             {[]string{host}, object{"url": hook.URL + "/text"}, "plain", "", `POST /text {"city":"Rome"}`},
		"its own allowlist":  {[]string{host}, object{"url": hook.URL + "/a", "allowlist": []string{"127.0.0.1"}}, object{"sky": "blue"}, "", `POST /a {"city":"Rome"}`},
		"not on its list":    {[]string{host}, object{"url": hook.URL + "/a", "allowlist": []string{"example.com"}}, nil, "is not in the tool's allowlist", ""},
		"an empty list":      {[]string{host}, object{"url": hook.URL + "/a", "allowlist": []string{}}, nil, "is not in the tool's allowlist", ""},
		"no host is allowed": {nil, object{"url": hook.URL + "/a"}, nil, "may not be called from here", ""},
		"another is allowed": {[]string{"example.com"}, object{"url": hook.URL + "/a"}, nil, "may not be called from here", ""},
		"no url":             {[]string{host}, object{}, nil, "no valid url", ""},
		"an odd url":         {[]string{host}, object{"url": "http://[::1"}, nil, "no valid url", ""},
		"an odd method":      {[]string{host}, object{"url": hook.URL, "method": "A B"}, nil, "make the request", ""},
		"an odd scheme":      {[]string{host}, object{"url": "ftp://" + host}, nil, "unsupported protocol scheme", ""},
		"a failure":          {[]string{host}, object{"url": hook.URL + "/fail"}, nil, "the tool answered 418", `POST /fail {"city":"Rome"}`},
		"a redirect":         {[]string{host}, object{"url": hook.URL + "/away"}, nil, "the tool answered 302", `POST /away {"city":"Rome"}`},
	} {
		t.Run(name, func(t *testing.T) {
			received = ""
			a := start(t, orchestratest.WithAllowedHosts(c.allowed...))
			toolID := a.create("/api/tools", object{"toolKey": "hook", "name": "Hook", "type": "http", "config": c.config, "inputSchema": object{}})
			promptID := a.create("/api/prompts", object{"name": "Ask"})
			versionID := a.create("/api/prompts/"+promptID+"/versions", object{"content": "x"})
			a.ok("POST", "/api/prompt-versions/"+versionID+"/tools", object{"toolId": toolID})
			a.ok("POST", "/api/prompts/"+promptID+"/publish", object{"versionId": versionID})

			status, body := a.ask("POST", "/api/prompts/"+promptID+"/run", object{"variables": object{"city": "Rome"}})
			assert.Equal(t, c.received, received)
			runs := a.list("/api/runs")
			require.Len(t, runs, 1)
			first := a.ok("GET", "/api/runs/"+runs[0].(object)["id"].(string), nil)["steps"].([]any)[0].(object)
			if c.failure == "" {
				assert.Equal(t, 200, status)
				assert.Equal(t, c.output, first["output"])
				return
			}
			assert.Equal(t, 500, status)
			assert.Contains(t, body.(object)["message"], c.failure)
			assert.Contains(t, first["error"], c.failure)
		})
	}
}

func TestModels(t *testing.T) {
	a := start(t)
	keys := func(query string) []string {
		var found []string
		for _, m := range a.ok("GET", "/api/models"+query, nil)["models"].([]any) {
			found = append(found, m.(object)["modelKey"].(string))
		}
		return found
	}
	assert.Equal(t, []string{"gpt-4.1-mini", "gpt-4.1", "gpt-image-1", "gpt-realtime"}, keys(""))
	assert.Equal(t, []string{"gpt-4.1-mini", "gpt-4.1", "gpt-image-1", "claude-sonnet-4", "gpt-realtime"}, keys("?includeUnavailable=true"))
	assert.Equal(t, []string{"gpt-4.1", "gpt-image-1"}, keys("?modalities=text,image"))
	assert.Equal(t, []string{"gpt-realtime"}, keys("?modalities=audio"))
	assert.Equal(t, []string{"gpt-4.1", "gpt-image-1", "claude-sonnet-4"}, keys("?modalities=image&includeUnavailable=true"))
	assert.Empty(t, keys("?modalities=smell"))
	first := a.ok("GET", "/api/models?modalities=audio", nil)["models"].([]any)[0].(object)
	assert.Equal(t, "none", first["imageGenerationMode"])
}

func TestVoiceAgents(t *testing.T) {
	a := start(t)
	agentID := a.create("/api/agents", object{"name": "Phone"})
	toolID := a.stub("weather", object{"sky": "blue"})
	promptID := a.create("/api/prompts", object{"name": "Talk"})
	promptVersion := a.create("/api/prompts/"+promptID+"/versions", object{"content": "The sky is {{tools.weather.sky}}"})
	a.ok("POST", "/api/prompt-versions/"+promptVersion+"/tools", object{"toolId": toolID})
	one := "/api/realtime-agents/" + agentID
	a.refused(409, "POST", one+"/session", nil)
	a.refused(400, "POST", one+"/versions", nil)
	a.refused(404, "POST", one+"/versions", object{"promptVersionId": "prv_none"})

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
	assert.Equal(t, object{"error": "failed", "message": "line is dead"}, a.refused(500, "POST", one+"/session", nil))
	assert.Len(t, a.list("/api/realtime-sessions"), 2)
	a.refused(404, "GET", "/api/realtime-sessions/rts_none", nil)
}

func TestProblemsAreNamedInOrder(t *testing.T) {
	a := start(t)
	toolID := a.stub("weather", nil)
	for range 5 {
		body := a.refused(400, "POST", "/api/tools/"+toolID+"/versions", object{
			"config": 1, "inputSchema": 1, "outputSchema": 1, "capability": object{"riskLevel": "x", "category": "x", "accessMode": "x"},
		})
		assert.Equal(t, []any{"config", "inputSchema", "outputSchema", "capability.accessMode", "capability.category", "capability.riskLevel"}, body["affectedFields"])
	}
	_, versionID := a.agent(flow([]object{step("a", "return_step")}))
	assert.Equal(t, object{"error": "steps must be an array of objects"},
		a.refused(400, "POST", "/api/agent-versions/"+versionID+"/steps", object{"steps": []any{nil}}))
}
