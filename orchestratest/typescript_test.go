package orchestratest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Requests as version 0.2.8 of the official TypeScript SDK sends them, taken from what the emulator
// recorded when that SDK's own code made each of its calls. They are sent in this order.
var typescriptRequests = []struct{ op, request, body string }{
	{"Agents.List", "GET /api/agents?organizationId=$organization&publicContract=1", ""},
	{"Agents.Create", "POST /api/agents?publicContract=1", `{"organizationId":"$organization","name":"A"}`},
	{"Agents.Get", "GET /api/agents/$agent?organizationId=$organization&publicContract=1", ""},
	{"Agents.Update", "PATCH /api/agents/$agent?publicContract=1", `{"organizationId":"$organization","name":"A2"}`},
	{"Agents.CreateVersion", "POST /api/agents/$agent/versions?publicContract=1", `{"organizationId":"$organization"}`},
	{"Agents.SaveWorkflow", "PUT /api/agent-versions/$agentV3/workflow?publicContract=1", `{"organizationId":"$organization",` + typescriptGraph},
	{"Agents.ValidateWorkflow", "POST /api/agent-versions/$agentV3/workflow/validate?publicContract=1", `{"organizationId":"$organization",` + typescriptGraph},
	{"Agents.Publish", "POST /api/agents/$agent/publish?publicContract=1", `{"organizationId":"$organization","versionId":"$agentV3"}`},
	{"Agents.Run", "POST /api/agents/$agent/run?publicContract=1", `{"organizationId":"$organization","versionId":"$agentV2","variables":{"name":"Ada"}}`},
	{"Agents.Run", "POST /api/agents/$agent/run?publicContract=1", `{"organizationId":"$organization","variables":{}}`},
	{"Agents.DiffVersion", "GET /api/agents/$agent/versions/$agentV2/diff?organizationId=$organization&againstVersionId=$agentV1&publicContract=1", ""},
	{"Agents.RollbackVersion", "POST /api/agents/$agent/versions/$agentV1/rollback?publicContract=1", `{"organizationId":"$organization"}`},
	{"AgentRuns.Get", "GET /api/agent-runs/$agentRun1?organizationId=$organization&publicContract=1", ""},
	{"AgentRuns.Compare", "GET /api/agent-runs/compare?organizationId=$organization&leftRunId=$agentRun1&rightRunId=$agentRun2&publicContract=1", ""},
	{"AgentRuns.LoadInputs", "POST /api/agent-runs/$agentRun1/load-inputs?publicContract=1", `{"organizationId":"$organization"}`},
	{"AgentRuns.RerunFromStep", "POST /api/agent-runs/$agentRun1/rerun-from-step?publicContract=1", `{"organizationId":"$organization","stepKey":"greet"}`},

	{"Prompts.List", "GET /api/prompts?organizationId=$organization", ""},
	{"Prompts.Get", "GET /api/prompts/$prompt?organizationId=$organization", ""},
	{"Prompts.Create", "POST /api/prompts", `{"organizationId":"$organization","name":"P","promptKey":"p"}`},
	{"Prompts.Update", "PATCH /api/prompts/$prompt", `{"organizationId":"$organization","description":"d"}`},
	{"Prompts.CreateVersion", "POST /api/prompts/$prompt/versions", `{"organizationId":"$organization","content":"Hi {{name}}"}`},
	{"Prompts.Publish", "POST /api/prompts/$prompt/publish", `{"organizationId":"$organization","versionId":"$promptV2"}`},

	{"Skills.List", "GET /api/skills?organizationId=$organization", ""},
	{"Skills.Get", "GET /api/skills/$skill?organizationId=$organization", ""},
	{"Skills.Create", "POST /api/skills", `{"organizationId":"$organization","name":"S","skillKey":"s"}`},
	{"Skills.Update", "PATCH /api/skills/$skill", `{"organizationId":"$organization","name":"S2"}`},
	{"Skills.CreateVersion", "POST /api/skills/$skill/versions", `{"organizationId":"$organization"}`},
	{"Skills.ReplacePrompts", "POST /api/skill-versions/$skillV2/prompts", `{"organizationId":"$organization","prompts":[{"promptId":"$prompt","attachmentMode":"pinned_version","versionNumber":1,"positionIndex":0}]}`},
	{"Skills.ReplaceTools", "POST /api/skill-versions/$skillV2/tools", `{"organizationId":"$organization","tools":[]}`},
	{"Skills.Publish", "POST /api/skills/$skill/publish", `{"organizationId":"$organization","versionId":"$skillV2"}`},
	{"Skills.Preview", "POST /api/skills/$skill/preview", `{"organizationId":"$organization","variables":{"name":"Ada"}}`},
	{"Skills.Run", "POST /api/skills/$skill/run", `{"organizationId":"$organization","variables":{"name":"Ada"}}`},
	{"Skills.GenerateImage", "POST /api/skills/$skill/generated-images", `{"organizationId":"$organization","variables":{"name":"Ada"}}`},
	{"Skills.Diff", "GET /api/skills/$skill/versions/$skillV2/diff?organizationId=$organization", ""},
	{"SkillRuns.Get", "GET /api/skill-runs/$skillRun?organizationId=$organization&publicContract=1", ""},

	{"Tools.List", "GET /api/tools?organizationId=$organization", ""},
	{"Tools.Get", "GET /api/tools/$tool?organizationId=$organization", ""},
	{"Tools.Create", "POST /api/tools", `{"organizationId":"$organization","toolKey":"t","name":"T","type":"manual_stub","config":{"result":1},"inputSchema":{"type":"object"}}`},
	{"Tools.Update", "PATCH /api/tools/$tool", `{"organizationId":"$organization","name":"T2"}`},
	{"Tools.CreateVersion", "POST /api/tools/$tool/versions", `{"organizationId":"$organization","config":{"result":2},"inputSchema":{"type":"object"}}`},
	{"Tools.Diff", "GET /api/tools/$tool/versions/$toolV2/diff?organizationId=$organization", ""},

	{"Evaluations.ListCases", "GET /api/skills/$skill/evaluation-cases?organizationId=$organization", ""},
	{"Evaluations.CreateCase", "POST /api/skills/$skill/evaluation-cases", `{"organizationId":"$organization","label":"l","input":{"name":"Ada"},"expected":"x"}`},
	{"Evaluations.Run", "POST /api/skills/$skill/evaluations/run", `{"organizationId":"$organization","draftVersionId":"$skillV2"}`},
	{"Evaluations.Get", "GET /api/skills/$skill/evaluations/$evaluation?organizationId=$organization", ""},
	{"Models.List", "GET /api/models?organizationId=$organization&includeUnavailable=true&modalities=text%2Cimage", ""},
	{"Setup.Verify", "POST /api/setup/verify", `{"organizationId":"$organization"}`},
}

const typescriptGraph = `"entryStepKey":"greet","steps":[{"stepKey":"greet","name":"greet","stepType":"prompt_step","promptId":"$prompt","positionIndex":0}],"transitions":[]}`

// typescript sends a request with the headers of Node's fetch, and decodes the response.
func (w *world) typescript(t *testing.T, request, body string) (*http.Response, object) {
	t.Helper()
	method, path, _ := strings.Cut(w.fill(request), " ")
	var content io.Reader
	if body != "" {
		content = strings.NewReader(w.fill(body))
	}
	r, err := http.NewRequestWithContext(t.Context(), method, w.srv.URL+path, content)
	require.NoError(t, err)
	r.Header = http.Header{
		"Accept": {"*/*"}, "Accept-Encoding": {"gzip, deflate"}, "Accept-Language": {"*"}, "Sec-Fetch-Mode": {"cors"}, "User-Agent": {"node"},
		"Authorization": {"Bearer " + w.srv.AccessToken}, "X-Prompt-Orchestra-Auth-Source": {"access_token"},
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := w.srv.Transport().RoundTrip(r)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	var decoded any
	require.NoError(t, json.NewDecoder(response.Body).Decode(&decoded))
	answer, _ := decoded.(object)
	return response, answer
}

func TestRequestsOfTheTypeScriptSDK(t *testing.T) {
	missing := map[string]bool{}
	file, err := os.ReadFile("../testdata/routes.json")
	require.NoError(t, err)
	var contract struct {
		Routes []struct{ Name, Stability string }
	}
	require.NoError(t, json.Unmarshal(file, &contract))
	for _, r := range contract.Routes {
		missing[r.Name] = r.Stability != "classic" // that SDK has no call for these
	}
	w := newWorld(t)
	for _, c := range typescriptRequests {
		response, body := w.typescript(t, c.request, c.body)
		assert.Less(t, response.StatusCode, 300, "%s: %v", c.request, body)
		arrived := w.srv.Requests("*")
		assert.Equal(t, c.op, arrived[len(arrived)-1].Op)
		assert.Equal(t, response.Header.Get("X-Request-Id"), arrived[len(arrived)-1].RequestID)
		missing[c.op] = false
	}
	for op, without := range missing {
		assert.False(t, without, "no request for %s", op)
	}
}

// Its programs fetch a run until it is no longer running.
func TestTypeScriptSDKWaitsForAnAgentRun(t *testing.T) {
	w := newWorld(t)
	_, started := w.typescript(t, "POST /api/agents/$agent/run?publicContract=1", `{"organizationId":"$organization","variables":{"name":"Ada"}}`)
	assert.Equal(t, []any{"running", nil}, []any{started["status"], started["output"]})
	w.ids["started"] = started["runId"].(string)
	_, fetched := w.typescript(t, "GET /api/agent-runs/$started?organizationId=$organization&publicContract=1", "")
	run := fetched["run"].(object)
	assert.Equal(t, []any{started["runId"], "completed", "Hello Ada"}, []any{run["id"], run["status"], run["output"]})
}

// Of an error body it keeps a diagnostic with code, title and category, else the text in error.
func TestErrorsThatTheTypeScriptSDKReads(t *testing.T) {
	w := newWorld(t)
	response, body := w.typescript(t, "GET /api/agents/none?organizationId=$organization&publicContract=1", "")
	assert.Equal(t, http.StatusNotFound, response.StatusCode)
	assert.Equal(t, []any{"not_found", "Not found", "not_found"}, []any{body["code"], body["title"], body["category"]})

	response, body = w.typescript(t, "POST /api/agents/$agent/versions?publicContract=1", `{"organizationId":"$organization"}`)
	require.Equal(t, http.StatusCreated, response.StatusCode)
	w.ids["empty"] = body["id"].(string)
	response, body = w.typescript(t, "POST /api/agents/$agent/publish?publicContract=1", `{"organizationId":"$organization","versionId":"$empty"}`)
	assert.Equal(t, http.StatusUnprocessableEntity, response.StatusCode)
	assert.Equal(t, "Graph validation failed", body["error"])
}
