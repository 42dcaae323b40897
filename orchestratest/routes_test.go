package orchestratest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	sdk "github.com/prompt-orchestra/promptorchestra-go"
)

// A routeTest is one method of the SDK and the members its answer must have. In those, $agent and
// the like are ids of the world, and "*" is any value but none.
type routeTest struct {
	op   string
	call func(ctx context.Context, w *world) (any, error)
	want string
}

// routeTests drives every route of the API once.
var routeTests = []routeTest{
	{
		"Agents.List", func(ctx context.Context, w *world) (any, error) { return w.Agents.List(ctx) },
		`[{"id":"$agent","name":"Greeter","slug":"greeter","status":"published","entryStepKey":"greet","usageMetrics":{"runCount":2}}]`,
	},
	{"Agents.Create", func(ctx context.Context, w *world) (any, error) {
		return w.Agents.Create(ctx, sdk.AgentCreateParams{Name: "Front Desk", Description: "Answers"})
	}, `{"id":"*","name":"Front Desk","slug":"front-desk","description":"Answers","status":"draft","createdAt":"2026-01-02T03:04:05Z"}`},
	{
		"Agents.Get", func(ctx context.Context, w *world) (any, error) { return w.Agents.Get(ctx, w.id("agent")) },
		`{"id":"$agent","versionId":"$agentV2","versionNumber":2,"steps":[{"stepKey":"greet","name":"agentV2"},{"stepKey":"done"}],
		"transitions":[{"fromStepKey":"greet","toStepKey":"done"}],"versions":[{"id":"$agentV1"},{"isPublished":true},{"status":"draft"}]}`,
	},
	{"Agents.Update", func(ctx context.Context, w *world) (any, error) {
		return w.Agents.Update(ctx, w.id("agent"), sdk.AgentUpdateParams{Name: sdk.Set("Porter"), Description: sdk.Null[string]()})
	}, `{"id":"$agent","name":"Porter","description":""}`},
	{
		"Agents.CreateVersion", func(ctx context.Context, w *world) (any, error) { return w.Agents.CreateVersion(ctx, w.id("agent")) },
		`{"id":"*","agentId":"$agent","versionNumber":4,"status":"draft","isPublished":false}`,
	},
	{"Agents.Publish", func(ctx context.Context, w *world) (any, error) {
		return w.Agents.Publish(ctx, w.id("agent"), sdk.AgentPublishParams{VersionID: w.id("agentV3")})
	}, `{"agentId":"$agent","versionId":"$agentV3","versionNumber":3,"status":"published","publishedAt":"2026-01-02T03:04:05Z"}`},
	{"Agents.SaveWorkflow", func(ctx context.Context, w *world) (any, error) {
		return w.Agents.SaveWorkflow(ctx, w.id("agentV3"), w.greeting("Again"))
	}, `{"agentVersionId":"$agentV3","versionNumber":3,"entryStepKey":"greet","steps":[{"name":"Again","promptId":"$prompt"},{"stepType":"return_step"}],
		"transitions":[{"transitionType":"next"}]}`},
	{"Agents.ValidateWorkflow", func(ctx context.Context, w *world) (any, error) {
		workflow := w.greeting("Again")
		workflow.Steps[0].PromptID = "prm_none"
		return w.Agents.ValidateWorkflow(ctx, w.id("agentV3"), workflow)
	}, `{"valid":false,"issues":[{"code":"unknown_prompt","path":"steps[0].promptId","stepKey":"greet","severity":"error"}]}`},
	{"Agents.SaveSteps", func(ctx context.Context, w *world) (any, error) {
		return w.Agents.SaveSteps(ctx, w.id("agentV3"), sdk.AgentStepsParams{Steps: w.greeting("Again").Steps[:1]})
	}, `[{"stepKey":"greet","name":"Again","stepType":"prompt_step","promptId":"$prompt"}]`},
	{"Agents.Run", func(ctx context.Context, w *world) (any, error) {
		return w.Agents.Run(ctx, w.id("agent"), sdk.AgentRunParams{VersionID: w.id("agentV1"), Variables: ada})
	}, `{"runId":"*","status":"running","agentId":"$agent","agentVersionId":"$agentV1","agentVersionNumber":1,"output":null,"diagnostic":null}`},
	{"Agents.DiffVersion", func(ctx context.Context, w *world) (any, error) {
		return w.Agents.DiffVersion(ctx, w.id("agent"), w.id("agentV2"), w.id("agentV1"))
	}, `{"agentId":"$agent","versionId":"$agentV2","againstVersionId":"$agentV1",
		"changes":[{"path":"steps[0].name","change":"changed","before":"agentV1","after":"agentV2"}]}`},
	{"Agents.RollbackVersion", func(ctx context.Context, w *world) (any, error) {
		return w.Agents.RollbackVersion(ctx, w.id("agent"), w.id("agentV1"))
	}, `{"id":"*","agentId":"$agent","versionNumber":4,"status":"published","isPublished":true}`},

	{
		"AgentRuns.Get", func(ctx context.Context, w *world) (any, error) { return w.AgentRuns.Get(ctx, w.id("agentRun1")) },
		`{"run":{"id":"$agentRun1","status":"completed","agentVersionId":"$agentV2","agentVersionNumber":2,"output":"Hello Ada"},
		"contractTrace":{"actualBoundInput":{"name":"Ada"},"renderedPromptTrace":[{"stepKey":"greet","renderedPrompt":"Hello Ada"}]},
		"validation":{"outputContract":{"state":"undeclared"}},"decisionTrace":[{"step":"greet","decision":"next"},{"step":"done","decision":"end"}]}`,
	},
	{"AgentRuns.Compare", func(ctx context.Context, w *world) (any, error) {
		return w.AgentRuns.Compare(ctx, w.id("agentRun1"), w.id("agentRun2"))
	}, `{"leftRunId":"$agentRun1","rightRunId":"$agentRun2","left":{"output":"Hello Ada"},"right":{"output":"Hello Grace"},"differences":"*"}`},
	{
		"AgentRuns.LoadInputs", func(ctx context.Context, w *world) (any, error) {
			return w.AgentRuns.LoadInputs(ctx, w.id("agentRun2"))
		},
		`{"runId":"$agentRun2","agentId":"$agent","agentVersionId":"$agentV2","variables":{"name":"Grace"}}`,
	},
	{"AgentRuns.RerunFromStep", func(ctx context.Context, w *world) (any, error) {
		return w.AgentRuns.RerunFromStep(ctx, w.id("agentRun1"), "done")
	}, `{"runId":"*","status":"running","sourceRunId":"$agentRun1","stepKey":"done","output":null}`},

	{
		"Prompts.List", func(ctx context.Context, w *world) (any, error) { return w.Prompts.List(ctx) },
		`[{"id":"$prompt","promptKey":"greeting","name":"Greeting","publishedVersionId":"$promptV1","publishedVersionNumber":1}]`,
	},
	{
		"Prompts.Get", func(ctx context.Context, w *world) (any, error) { return w.Prompts.Get(ctx, w.id("prompt")) },
		`{"id":"$prompt","versions":[{"id":"$promptV1","content":"Hello {{name}}","isPublished":true},{"id":"$promptV2","status":"draft"}],
		"usedBySkills":[{"skillId":"$skill","skillVersionId":"$skillV1"},{"skillVersionId":"$skillV2","attachmentMode":"pinned_version"}]}`,
	},
	{"Prompts.Create", func(ctx context.Context, w *world) (any, error) {
		return w.Prompts.Create(ctx, sdk.PromptCreateParams{Name: "Fare well", DefaultSection: sdk.PromptSectionExamples})
	}, `{"id":"*","promptKey":"fare_well","name":"Fare well","slug":"fare-well","defaultSection":"examples","publishedVersionId":""}`},
	{"Prompts.Update", func(ctx context.Context, w *world) (any, error) {
		return w.Prompts.Update(ctx, w.id("prompt"), sdk.PromptUpdateParams{DefaultModel: sdk.Set("gpt-4.1")})
	}, `{"id":"$prompt","name":"Greeting","description":"Greets","defaultModel":"gpt-4.1"}`},
	{"Prompts.CreateVersion", func(ctx context.Context, w *world) (any, error) {
		return w.Prompts.CreateVersion(ctx, w.id("prompt"), sdk.PromptVersionCreateParams{SystemPrompt: "Greet", Temperature: sdk.Set(0.0)})
	}, `{"id":"*","promptId":"$prompt","versionNumber":3,"status":"draft","systemPrompt":"Greet","content":""}`},
	{"Prompts.Publish", func(ctx context.Context, w *world) (any, error) {
		return w.Prompts.Publish(ctx, w.id("prompt"), sdk.PromptPublishParams{VersionID: w.id("promptV2")})
	}, `{"promptId":"$prompt","versionId":"$promptV2","versionNumber":2,"status":"published"}`},
	{"Prompts.Run", func(ctx context.Context, w *world) (any, error) {
		return w.Prompts.Run(ctx, w.id("prompt"), sdk.PromptRunParams{Variables: grace})
	}, `{"runId":"*","status":"completed","promptId":"$prompt","promptVersionId":"$promptV1","output":"Hello Grace","outputText":"Hello Grace",
		"provider":"openai","inputTokens":3,"outputTokens":3,"estimatedCost":"*"}`},
	{"Prompts.AttachTool", func(ctx context.Context, w *world) (any, error) {
		return w.Prompts.AttachTool(ctx, w.id("promptV2"), w.id("tool"))
	}, `{"id":"*","promptVersionId":"$promptV2","toolId":"$tool"}`},

	{
		"Runs.List", func(ctx context.Context, w *world) (any, error) { return w.Runs.List(ctx) },
		`[{"id":"$run","status":"completed","promptId":"$prompt","promptName":"Greeting","promptVersionNumber":1,"stepCount":1}]`,
	},
	{
		"Runs.Get", func(ctx context.Context, w *world) (any, error) { return w.Runs.Get(ctx, w.id("run")) },
		`{"id":"$run","steps":[{"stepType":"final_response","output":"Hello Ada"}],"inputSnapshot":{"variables":{"name":"Ada"}},"outputSnapshot":{"outputText":"Hello Ada"}}`,
	},

	{
		"Skills.List", func(ctx context.Context, w *world) (any, error) { return w.Skills.List(ctx) },
		`[{"id":"$skill","skillKey":"greet","name":"Greet","publishedVersion":{"id":"$skillV1"}}]`,
	},
	{
		"Skills.Get", func(ctx context.Context, w *world) (any, error) { return w.Skills.Get(ctx, w.id("skill")) },
		`{"id":"$skill","versions":[{"id":"$skillV1","isPublished":true,"promptComposition":[{"promptVersionId":"$promptV1"}]},
		{"id":"$skillV2","status":"draft","promptComposition":[{"versionNumber":2,"promptVersionId":"$promptV2"}],"executionReadiness":{"runnable":true}}]}`,
	},
	{"Skills.Create", func(ctx context.Context, w *world) (any, error) {
		return w.Skills.Create(ctx, sdk.SkillCreateParams{SkillKey: "summarize", Name: "Summarize"})
	}, `{"id":"*","skillKey":"summarize","name":"Summarize","publishedVersion":null}`},
	{"Skills.Update", func(ctx context.Context, w *world) (any, error) {
		return w.Skills.Update(ctx, w.id("skill"), sdk.SkillUpdateParams{Description: sdk.Set("Says hello")})
	}, `{"id":"$skill","name":"Greet","description":"Says hello"}`},
	{"Skills.CreateVersion", func(ctx context.Context, w *world) (any, error) {
		return w.Skills.CreateVersion(ctx, w.id("skill"), sdk.SkillVersionCreateParams{OutputSchema: map[string]any{"type": "object"}})
	}, `{"id":"*","skillId":"$skill","versionNumber":3,"status":"draft","outputSchema":{"type":"object"},"outputContractState":"declared",
		"executionReadiness":{"runnable":false,"blockingIssues":[{"code":"no_prompts"}]}}`},
	{"Skills.ReplacePrompts", func(ctx context.Context, w *world) (any, error) {
		return w.Skills.ReplacePrompts(ctx, w.id("skillV2"), []sdk.PromptAttachment{{PromptID: w.id("prompt")}})
	}, `{"skillVersionId":"$skillV2","versionNumber":2,"status":"draft"}`},
	{"Skills.ReplaceTools", func(ctx context.Context, w *world) (any, error) {
		return w.Skills.ReplaceTools(ctx, w.id("skillV2"), []sdk.ToolAttachment{{ToolID: w.id("tool")}})
	}, `{"skillVersionId":"$skillV2","versionNumber":2,"status":"draft"}`},
	{"Skills.Publish", func(ctx context.Context, w *world) (any, error) {
		return w.Skills.Publish(ctx, w.id("skill"), sdk.SkillPublishParams{})
	}, `{"skillId":"$skill","versionId":"$skillV2","versionNumber":2,"status":"published"}`},
	{"Skills.Preview", func(ctx context.Context, w *world) (any, error) {
		return w.Skills.Preview(ctx, w.id("skill"), sdk.SkillPreviewParams{SkillVersionID: w.id("skillV2")})
	}, `{"renderedPrompt":"Good evening, {{name}}","missingVariables":["name"],"compositionTrace":[{"promptVersionId":"$promptV2"}]}`},
	{"Skills.Run", func(ctx context.Context, w *world) (any, error) {
		return w.Skills.Run(ctx, w.id("skill"), sdk.SkillRunParams{ModelKey: "gpt-4.1", Variables: ada})
	}, `{"runId":"*","status":"completed","output":"Hello Ada","outputText":"Hello Ada","validation":{"valid":true},"usage":{"totalTokens":6},"modelKey":"gpt-4.1"}`},
	{"Skills.GenerateImage", func(ctx context.Context, w *world) (any, error) {
		return w.Skills.GenerateImage(ctx, w.id("skill"), sdk.ImageParams{Variables: ada})
	}, `{"runId":"*","status":"completed","modelKey":"gpt-image-1","usage":{"imageCount":1},"failure":null,
		"images":[{"mimeType":"image/png","storageReference":{"kind":"object_storage","bucket":"*","objectKey":"*","signedUrl":"*"}}]}`},
	{"Skills.Diff", func(ctx context.Context, w *world) (any, error) {
		return w.Skills.Diff(ctx, w.id("skill"), w.id("skillV2"), "")
	}, `{"skillId":"$skill","versionId":"$skillV2","againstVersionId":"$skillV1",
		"changes":[{"path":"prompts[0].attachmentMode","after":"pinned_version"},{"path":"prompts[0].versionNumber","change":"added","after":2}]}`},

	{
		"SkillRuns.Get", func(ctx context.Context, w *world) (any, error) { return w.SkillRuns.Get(ctx, w.id("skillRun")) },
		`{"runId":"$skillRun","status":"completed","skillId":"$skill","skillVersionId":"$skillV1","skillVersionNumber":1,"variables":{"name":"Ada"},"output":"Hello Ada"}`,
	},

	{
		"Tools.List", func(ctx context.Context, w *world) (any, error) { return w.Tools.List(ctx) },
		`[{"id":"$tool","toolKey":"weather","type":"manual_stub","versionId":"$toolV2","versionNumber":2,"config":{"result":"sun"}}]`,
	},
	{
		"Tools.Get", func(ctx context.Context, w *world) (any, error) { return w.Tools.Get(ctx, w.id("tool")) },
		`{"id":"$tool","toolKey":"weather","name":"Weather","inputSchema":{},"versionNumber":2}`,
	},
	{"Tools.Create", func(ctx context.Context, w *world) (any, error) {
		return w.Tools.Create(ctx, sdk.ToolCreateParams{ToolKey: "hook", Name: "Hook", Type: sdk.ToolTypeHTTP, Config: map[string]any{"url": "https://example.com"}})
	}, `{"id":"*","toolKey":"hook","type":"http","config":{"url":"https://example.com"},"versionNumber":1}`},
	{"Tools.Update", func(ctx context.Context, w *world) (any, error) {
		return w.Tools.Update(ctx, w.id("tool"), sdk.ToolUpdateParams{Name: sdk.Set("Forecast")})
	}, `{"id":"$tool","toolKey":"weather","name":"Forecast"}`},
	{"Tools.CreateVersion", func(ctx context.Context, w *world) (any, error) {
		return w.Tools.CreateVersion(ctx, w.id("tool"), sdk.ToolVersionCreateParams{Capability: sdk.ToolCapability{Category: "data", RiskLevel: "safe"}})
	}, `{"id":"*","toolId":"$tool","versionNumber":3,"config":{"result":"sun"},"capability":{"category":"data","riskLevel":"safe"}}`},
	{"Tools.Diff", func(ctx context.Context, w *world) (any, error) {
		return w.Tools.Diff(ctx, w.id("tool"), w.id("toolV2"), w.id("toolV1"))
	}, `{"toolId":"$tool","versionId":"$toolV2","againstVersionId":"$toolV1","changes":[{"path":"config.result","before":"rain","after":"sun"}]}`},

	{
		"Evaluations.ListCases", func(ctx context.Context, w *world) (any, error) { return w.Evaluations.ListCases(ctx, w.id("skill")) },
		`[{"id":"$case","skillId":"$skill","label":"Ada","input":{"name":"Ada"},"expected":"Hello Ada"}]`,
	},
	{"Evaluations.CreateCase", func(ctx context.Context, w *world) (any, error) {
		return w.Evaluations.CreateCase(ctx, w.id("skill"), sdk.EvaluationCaseCreateParams{Label: "Grace", Input: grace})
	}, `{"id":"*","skillId":"$skill","label":"Grace","input":{"name":"Grace"}}`},
	{"Evaluations.Run", func(ctx context.Context, w *world) (any, error) {
		return w.Evaluations.Run(ctx, w.id("skill"), sdk.EvaluationRunParams{})
	}, `{"id":"*","status":"completed","draftVersionId":"$skillV2","publishedVersionId":"$skillV1","draftRunId":"*","publishedRunId":"*",
		"diagnosticSummary":{"cases":1,"failed":1,"regressions":1}}`},
	{"Evaluations.Get", func(ctx context.Context, w *world) (any, error) {
		return w.Evaluations.Get(ctx, w.id("skill"), w.id("evaluation"))
	}, `{"id":"$evaluation","skillId":"$skill","results":[{"caseId":"$case","draftPassed":false,"publishedPassed":true}]}`},

	{"Models.List", func(ctx context.Context, w *world) (any, error) {
		return w.Models.List(ctx, sdk.ModelListParams{IncludeUnavailable: true, Modalities: []string{"text", "image"}})
	}, `[{"modelKey":"gpt-4.1","imageGenerationMode":"hosted_image_generation_tool"},{"modelKey":"gpt-image-1","supportsImageGeneration":true},
		{"modelKey":"claude-sonnet-4","available":false,"supportsImageInput":true}]`},

	{
		"Setup.Verify", func(ctx context.Context, w *world) (any, error) { return w.Setup.Verify(ctx) },
		`{"ok":true,"organizationId":"$organization","authSource":"access_token","scopes":"*","checks":"*"}`,
	},

	{"VoiceAgents.CreateVersion", func(ctx context.Context, w *world) (any, error) {
		return w.VoiceAgents.CreateVersion(ctx, w.id("agent"), sdk.VoiceAgentVersionCreateParams{PromptVersionID: w.id("promptV2"), Voice: "verse"})
	}, `{"id":"*","agentId":"$agent","versionNumber":2,"promptVersionId":"$promptV2","voice":"verse"}`},
	{
		"VoiceAgents.CreateSession", func(ctx context.Context, w *world) (any, error) {
			return w.VoiceAgents.CreateSession(ctx, w.id("agent"))
		},
		`{"runId":"*","provider":"openai","model":"gpt-realtime","externalSessionId":"*","clientSecret":"[redacted]",
		"agentGraphSnapshot":{"rootAgentId":"$agent","agents":[{"agentVersionId":"$voice"}]}}`,
	},

	{
		"RealtimeSessions.List", func(ctx context.Context, w *world) (any, error) { return w.RealtimeSessions.List(ctx) },
		`[{"id":"$session","rootAgentId":"$agent","rootAgentVersionId":"$voice","completionState":"completed"}]`,
	},
	{
		"RealtimeSessions.Get", func(ctx context.Context, w *world) (any, error) { return w.RealtimeSessions.Get(ctx, w.id("session")) },
		`{"id":"$session","model":"gpt-realtime","transportType":"webrtc","handoffs":[],"toolEvents":[]}`,
	},

	{"ServiceKeys.Create", func(ctx context.Context, w *world) (any, error) {
		return w.ServiceKeys.Create(ctx, sdk.ServiceKeyCreateParams{Name: "CI", Preset: sdk.ServiceKeyPresetRuntimeExecution})
	}, `{"id":"*","name":"CI","preset":"runtime_execution","key":"[redacted]","scopes":["skills:read","runs:read","runs:write"]}`},
}

// documentedRoute is a row of the documented surface.
type documentedRoute struct {
	Name, Method, Path, Auth, Org string
	PublicContract                bool
}

func documentedRoutes(t *testing.T) map[string]documentedRoute {
	t.Helper()
	data, err := os.ReadFile("../testdata/routes.json")
	require.NoError(t, err)
	var file struct{ Routes []documentedRoute }
	require.NoError(t, json.Unmarshal(data, &file))
	byName := map[string]documentedRoute{}
	for _, r := range file.Routes {
		byName[r.Name] = r
	}
	return byName
}

var pathID = regexp.MustCompile(`\{\w+\}`)

func TestEveryRouteThroughTheSDK(t *testing.T) {
	documented := documentedRoutes(t)
	driven := map[string]bool{}
	shared := newWorld(t) // by those that change nothing
	for _, c := range routeTests {
		driven[c.op] = true
		t.Run(c.op, func(t *testing.T) {
			row := documented[c.op]
			w := shared
			if row.Method != http.MethodGet {
				w = newWorld(t)
			}
			before := len(w.srv.Requests(c.op))
			got, err := c.call(t.Context(), w)
			require.NoError(t, err)
			assertHas(t, w.fill(c.want), got)

			arrived := w.srv.Requests(c.op)[before:]
			require.Len(t, arrived, 1)
			assert.Equal(t, row.Method, arrived[0].Method)
			assert.Regexp(t, "^"+pathID.ReplaceAllString(row.Path, `\w+`)+"$", arrived[0].Path)
			assert.Equal(t, row.PublicContract, arrived[0].Query.Get("publicContract") == "1")
			assert.Equal(t, row.Org == "query", arrived[0].Query.Has("organizationId"))
			assert.Equal(t, row.Org == "body", strings.Contains(string(arrived[0].Body), w.srv.OrganizationID))
			assert.NoError(t, w.srv.Err())
		})
	}
	for op := range driven {
		assert.Contains(t, documented, op)
	}
	assert.GreaterOrEqual(t, len(driven), 56, "every route that the server has")
	assert.Len(t, routeTests, len(driven), "each once")
}

// A client that has nothing but an API key sends every call but those of routes for users, and the
// server takes the key.
func TestEveryRouteWithAnAPIKey(t *testing.T) {
	documented := documentedRoutes(t)
	w := newWorld(t)
	var err error
	w.Client, err = sdk.New(sdk.WithBaseURL(w.srv.URL), sdk.WithOrganization(w.srv.OrganizationID), sdk.WithAPIKey(w.srv.APIKey))
	require.NoError(t, err)
	for _, c := range routeTests {
		before := len(w.srv.Requests("*"))
		_, err := c.call(t.Context(), w)
		sent := w.srv.Requests("*")[before:]
		if documented[c.op].Auth == "user" {
			var rejected *sdk.ArgumentError
			require.ErrorAs(t, err, &rejected, c.op)
			assert.Empty(t, sent, c.op)
			continue
		}
		require.Len(t, sent, 1, c.op)
		assert.False(t, sdk.IsUnauthorized(err) || sdk.IsForbidden(err), "%s: %v", c.op, err)
	}
}

// assertHas compares the JSON of a value with the members it must have. Lists must be as long as
// wanted.
func assertHas(t *testing.T, want string, value any) {
	t.Helper()
	encoded, err := json.Marshal(value)
	require.NoError(t, err)
	var wanted, got any
	require.NoError(t, json.Unmarshal([]byte(want), &wanted), want)
	require.NoError(t, json.Unmarshal(encoded, &got))
	if difference := lacks("", wanted, got); difference != "" {
		t.Errorf("%s\nin %s", difference, encoded)
	}
}

func lacks(path string, want, got any) string {
	switch want := want.(type) {
	case map[string]any:
		object, _ := got.(map[string]any)
		for name, member := range want {
			if difference := lacks(path+"."+name, member, object[name]); difference != "" {
				return difference
			}
		}
		return ""
	case []any:
		list, _ := got.([]any)
		if len(list) != len(want) {
			return fmt.Sprintf("%s has %d elements, want %d", path, len(list), len(want))
		}
		for i := range want {
			if difference := lacks(fmt.Sprintf("%s[%d]", path, i), want[i], list[i]); difference != "" {
				return difference
			}
		}
		return ""
	case string:
		if want == "*" && got != nil && got != "" {
			return ""
		}
	}
	if !assert.ObjectsAreEqual(want, got) {
		return fmt.Sprintf("%s is %v, want %v", path, got, want)
	}
	return ""
}

func TestUnknownRoutesAndMethods(t *testing.T) {
	a := start(t)
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/", 404, ""},
		{"GET", "/api/agents/", 404, ""},
		{"GET", "/api//agents", 404, ""},
		{"GET", "/api/agents/a/b/c", 404, ""},
		{"GET", "/api/agents/agt_1", 404, ""},
		{"GET", "/api/agents/..%2F..%2Fadmin%3Fx=1%23y", 404, ""},
		{"DELETE", "/api/agents", 405, "GET, POST"},
		{"PUT", "/api/agents/agt_1", 405, "GET, PATCH"},
		{"GET", "/api/setup/verify", 405, "POST"},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			response, body, err := a.send(c.method, c.path, nil)
			require.NoError(t, err)
			assert.Equal(t, c.status, response.StatusCode)
			assert.Equal(t, c.allow, response.Header.Get("Allow"))
			assert.Equal(t, "application/json; charset=utf-8", response.Header.Get("Content-Type"))
			assert.True(t, strings.HasPrefix(response.Header.Get("X-Request-Id"), "req_"))
			assert.True(t, strings.HasPrefix(string(body), "{"))
		})
	}
	escaped := a.srv.Requests("Agents.Get")
	assert.Equal(t, "/api/agents/..%2F..%2Fadmin%3Fx=1%23y", escaped[len(escaped)-1].Path, "an escaped id is one segment")
}
