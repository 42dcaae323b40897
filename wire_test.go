package promptorchestra_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest/apidocs"
)

// A wireTest is one call of a method and the request it must send. The ids in the paths need escaping on purpose.
type wireTest struct {
	op   string
	call func(ctx context.Context, c *promptorchestra.Client) (any, error)
	line string // method and request target
	body string // "" for none
}

var (
	someSteps       = []promptorchestra.WorkflowStep{{StepKey: "a", Name: "A", StepType: promptorchestra.StepTypePrompt, PromptID: "prm_1"}}
	someTransitions = []promptorchestra.WorkflowTransition{{FromStepKey: "a", ToStepKey: "b", TransitionType: promptorchestra.TransitionTypeNext}}
)

const (
	stepsJSON       = `[{"stepKey":"a","name":"A","stepType":"prompt_step","promptId":"prm_1","positionIndex":0}]`
	transitionsJSON = `[{"fromStepKey":"a","toStepKey":"b","transitionType":"next"}]`
)

var wireTests = []wireTest{
	{
		"Agents.List", func(ctx context.Context, c *promptorchestra.Client) (any, error) { return c.Agents.List(ctx) },
		"GET /api/agents?organizationId=org_1&publicContract=1", "",
	},
	{
		"Agents.Create", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Agents.Create(ctx, promptorchestra.AgentCreateParams{Name: "Desk", Description: "Decides <refunds> & more"})
		},
		"POST /api/agents?publicContract=1", `{"organizationId":"org_1","name":"Desk","description":"Decides <refunds> & more"}`,
	},
	{
		"Agents.Get", func(ctx context.Context, c *promptorchestra.Client) (any, error) { return c.Agents.Get(ctx, "../a b") },
		"GET /api/agents/..%2Fa%20b?organizationId=org_1&publicContract=1", "",
	},
	{
		"Agents.Update", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Agents.Update(ctx, "a/1", promptorchestra.AgentUpdateParams{Name: promptorchestra.Set(""), Description: promptorchestra.Null[string]()})
		},
		"PATCH /api/agents/a%2F1?publicContract=1", `{"organizationId":"org_1","name":"","description":null}`,
	},
	{
		"Agents.CreateVersion", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Agents.CreateVersion(ctx, "a/1")
		},
		"POST /api/agents/a%2F1/versions?publicContract=1", `{"organizationId":"org_1"}`,
	},
	{
		"Agents.Publish", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Agents.Publish(ctx, "a/1", promptorchestra.AgentPublishParams{VersionID: "v1"})
		},
		"POST /api/agents/a%2F1/publish?publicContract=1", `{"organizationId":"org_1","versionId":"v1"}`,
	},
	{
		"Agents.SaveWorkflow", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Agents.SaveWorkflow(ctx, "v/1", promptorchestra.Workflow{EntryStepKey: "a", Steps: someSteps, Transitions: someTransitions})
		},
		"PUT /api/agent-versions/v%2F1/workflow?publicContract=1",
		`{"organizationId":"org_1","entryStepKey":"a","steps":` + stepsJSON + `,"transitions":` + transitionsJSON + `}`,
	},
	{
		"Agents.ValidateWorkflow", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Agents.ValidateWorkflow(ctx, "v/1", promptorchestra.Workflow{})
		},
		"POST /api/agent-versions/v%2F1/workflow/validate?publicContract=1", `{"organizationId":"org_1","steps":[],"transitions":[]}`,
	},
	{
		"Agents.SaveSteps", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Agents.SaveSteps(ctx, "v/1", promptorchestra.AgentStepsParams{Steps: someSteps})
		},
		"POST /api/agent-versions/v%2F1/steps", `{"organizationId":"org_1","steps":` + stepsJSON + `}`,
	},
	{
		"Agents.Run", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Agents.Run(ctx, "a/1", promptorchestra.AgentRunParams{VersionID: "v1", Variables: map[string]any{"claim": "broken"}})
		},
		"POST /api/agents/a%2F1/run?publicContract=1", `{"organizationId":"org_1","versionId":"v1","variables":{"claim":"broken"}}`,
	},
	{
		"Agents.DiffVersion", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Agents.DiffVersion(ctx, "a/1", "v?2", "v&1")
		},
		"GET /api/agents/a%2F1/versions/v%3F2/diff?organizationId=org_1&publicContract=1&againstVersionId=v%261", "",
	},
	{
		"Agents.RollbackVersion", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Agents.RollbackVersion(ctx, "a/1", "v?2")
		},
		"POST /api/agents/a%2F1/versions/v%3F2/rollback?publicContract=1", `{"organizationId":"org_1"}`,
	},
	{
		"AgentRuns.Get", func(ctx context.Context, c *promptorchestra.Client) (any, error) { return c.AgentRuns.Get(ctx, "r/1") },
		"GET /api/agent-runs/r%2F1?organizationId=org_1&publicContract=1", "",
	},
	{
		"AgentRuns.Compare", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.AgentRuns.Compare(ctx, "r/1", "r 2")
		},
		"GET /api/agent-runs/compare?organizationId=org_1&publicContract=1&leftRunId=r%2F1&rightRunId=r+2", "",
	},
	{
		"AgentRuns.LoadInputs", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.AgentRuns.LoadInputs(ctx, "r/1")
		},
		"POST /api/agent-runs/r%2F1/load-inputs?publicContract=1", `{"organizationId":"org_1"}`,
	},
	{
		"AgentRuns.RerunFromStep", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.AgentRuns.RerunFromStep(ctx, "r/1", "answer")
		},
		"POST /api/agent-runs/r%2F1/rerun-from-step?publicContract=1", `{"organizationId":"org_1","stepKey":"answer"}`,
	},
	{
		"Prompts.List", func(ctx context.Context, c *promptorchestra.Client) (any, error) { return c.Prompts.List(ctx) },
		"GET /api/prompts?organizationId=org_1", "",
	},
	{
		"Prompts.Get", func(ctx context.Context, c *promptorchestra.Client) (any, error) { return c.Prompts.Get(ctx, "p#1") },
		"GET /api/prompts/p%231?organizationId=org_1", "",
	},
	{
		"Prompts.Create", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Prompts.Create(ctx, promptorchestra.PromptCreateParams{
				PromptKey: "k", Name: "N", Description: "D", DefaultSection: promptorchestra.PromptSectionExamples, DefaultModel: "m",
			})
		},
		"POST /api/prompts",
		`{"organizationId":"org_1","promptKey":"k","name":"N","description":"D","defaultSection":"examples","defaultModel":"m"}`,
	},
	{
		"Prompts.Update", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Prompts.Update(ctx, "p#1", promptorchestra.PromptUpdateParams{
				DefaultSection: promptorchestra.Set(promptorchestra.PromptSectionFoundation), DefaultModel: promptorchestra.Null[string](),
			})
		},
		"PATCH /api/prompts/p%231", `{"organizationId":"org_1","defaultSection":"foundation","defaultModel":null}`,
	},
	{
		"Prompts.CreateVersion", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Prompts.CreateVersion(ctx, "p#1", promptorchestra.PromptVersionCreateParams{
				Content: "C", SystemPrompt: "S", DeveloperPrompt: "D", VariablesSchema: json.RawMessage(`{"type":"object"}`),
				ResponseFormat: map[string]any{"type": "json_object"}, Temperature: promptorchestra.Set(0.0),
			})
		},
		"POST /api/prompts/p%231/versions",
		`{"organizationId":"org_1","content":"C","systemPrompt":"S","developerPrompt":"D",` +
			`"variablesSchema":{"type":"object"},"responseFormat":{"type":"json_object"},"temperature":0}`,
	},
	{
		"Prompts.Publish", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Prompts.Publish(ctx, "p#1", promptorchestra.PromptPublishParams{VersionID: "v1"})
		},
		"POST /api/prompts/p%231/publish", `{"organizationId":"org_1","versionId":"v1"}`,
	},
	{
		"Prompts.Run", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Prompts.Run(ctx, "p#1", promptorchestra.PromptRunParams{})
		},
		"POST /api/prompts/p%231/run", `{"organizationId":"org_1","variables":{}}`,
	},
	{
		"Prompts.AttachTool", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Prompts.AttachTool(ctx, "v/1", "t1")
		},
		"POST /api/prompt-versions/v%2F1/tools", `{"organizationId":"org_1","toolId":"t1"}`,
	},
	{
		"Runs.List", func(ctx context.Context, c *promptorchestra.Client) (any, error) { return c.Runs.List(ctx) },
		"GET /api/runs?organizationId=org_1", "",
	},
	{
		"Runs.Get", func(ctx context.Context, c *promptorchestra.Client) (any, error) { return c.Runs.Get(ctx, "r/1") },
		"GET /api/runs/r%2F1?organizationId=org_1", "",
	},
	{
		"Skills.List", func(ctx context.Context, c *promptorchestra.Client) (any, error) { return c.Skills.List(ctx) },
		"GET /api/skills?organizationId=org_1", "",
	},
	{
		"Skills.Get", func(ctx context.Context, c *promptorchestra.Client) (any, error) { return c.Skills.Get(ctx, "s/1") },
		"GET /api/skills/s%2F1?organizationId=org_1", "",
	},
	{
		"Skills.Create", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Skills.Create(ctx, promptorchestra.SkillCreateParams{SkillKey: "k", Name: "N", Description: "D"})
		},
		"POST /api/skills", `{"organizationId":"org_1","skillKey":"k","name":"N","description":"D"}`,
	},
	{
		"Skills.Update", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Skills.Update(ctx, "s/1", promptorchestra.SkillUpdateParams{Name: promptorchestra.Set("N")})
		},
		"PATCH /api/skills/s%2F1", `{"organizationId":"org_1","name":"N"}`,
	},
	{
		"Skills.CreateVersion", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Skills.CreateVersion(ctx, "s/1", promptorchestra.SkillVersionCreateParams{
				InputSchema: []byte(`{"a":1}`), VariablesSchema: promptorchestra.RawJSON(`{"b":2}`), OutputSchema: struct{ C int }{3},
			})
		},
		"POST /api/skills/s%2F1/versions",
		`{"organizationId":"org_1","inputSchema":{"a":1},"variablesSchema":{"b":2},"outputSchema":{"C":3}}`,
	},
	{
		"Skills.ReplacePrompts", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Skills.ReplacePrompts(ctx, "v/1", []promptorchestra.PromptAttachment{
				{PromptID: "p1", AttachmentMode: promptorchestra.AttachmentModePinnedVersion, VersionNumber: 3},
				{PromptID: "p2", AttachmentMode: promptorchestra.AttachmentModeFloatingLatestPublished, PositionIndex: 1},
			})
		},
		"POST /api/skill-versions/v%2F1/prompts",
		`{"organizationId":"org_1","prompts":[{"promptId":"p1","attachmentMode":"pinned_version","versionNumber":3,"positionIndex":0},` +
			`{"promptId":"p2","attachmentMode":"floating_latest_published","positionIndex":1}]}`,
	},
	{
		"Skills.ReplaceTools", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Skills.ReplaceTools(ctx, "v/1", []promptorchestra.ToolAttachment{{ToolID: "t1"}, {ToolID: "t2", PositionIndex: 1}})
		},
		"POST /api/skill-versions/v%2F1/tools",
		`{"organizationId":"org_1","tools":[{"toolId":"t1","positionIndex":0},{"toolId":"t2","positionIndex":1}]}`,
	},
	{
		"Skills.Publish", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Skills.Publish(ctx, "s/1", promptorchestra.SkillPublishParams{})
		},
		"POST /api/skills/s%2F1/publish", `{"organizationId":"org_1"}`,
	},
	{
		"Skills.Preview", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Skills.Preview(ctx, "s/1", promptorchestra.SkillPreviewParams{SkillVersionID: "v1", Variables: map[string]string(nil)})
		},
		"POST /api/skills/s%2F1/preview", `{"organizationId":"org_1","skillVersionId":"v1","variables":{}}`,
	},
	{
		"Skills.Run", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Skills.Run(ctx, "s/1", promptorchestra.SkillRunParams{SkillVersionID: "v1", ModelKey: "m", Variables: json.RawMessage(`{"x":1}`)})
		},
		"POST /api/skills/s%2F1/run", `{"organizationId":"org_1","skillVersionId":"v1","modelKey":"m","variables":{"x":1}}`,
	},
	{
		"Skills.GenerateImage", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Skills.GenerateImage(ctx, "s/1", promptorchestra.ImageParams{SkillVersionID: "v1", ModelKey: "m"})
		},
		"POST /api/skills/s%2F1/generated-images", `{"organizationId":"org_1","skillVersionId":"v1","modelKey":"m","variables":{}}`,
	},
	{
		"Skills.Diff", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Skills.Diff(ctx, "s/1", "v?2", "")
		},
		"GET /api/skills/s%2F1/versions/v%3F2/diff?organizationId=org_1", "",
	},
	{
		"SkillRuns.Get", func(ctx context.Context, c *promptorchestra.Client) (any, error) { return c.SkillRuns.Get(ctx, "r/1") },
		"GET /api/skill-runs/r%2F1?organizationId=org_1&publicContract=1", "",
	},
	{
		"Tools.List", func(ctx context.Context, c *promptorchestra.Client) (any, error) { return c.Tools.List(ctx) },
		"GET /api/tools?organizationId=org_1", "",
	},
	{
		"Tools.Get", func(ctx context.Context, c *promptorchestra.Client) (any, error) { return c.Tools.Get(ctx, "t/1") },
		"GET /api/tools/t%2F1?organizationId=org_1", "",
	},
	{
		"Tools.Create", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Tools.Create(ctx, promptorchestra.ToolCreateParams{
				ToolKey: "k", Name: "N", Description: "D", Type: promptorchestra.ToolTypeHTTP, Config: map[string]any{"url": "https://x"},
			})
		},
		"POST /api/tools",
		`{"organizationId":"org_1","toolKey":"k","name":"N","description":"D","type":"http","config":{"url":"https://x"},"inputSchema":{}}`,
	},
	{
		"Tools.Update", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Tools.Update(ctx, "t/1", promptorchestra.ToolUpdateParams{Description: promptorchestra.Set("")})
		},
		"PATCH /api/tools/t%2F1", `{"organizationId":"org_1","description":""}`,
	},
	{
		"Tools.CreateVersion", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Tools.CreateVersion(ctx, "t/1", promptorchestra.ToolVersionCreateParams{
				Config: promptorchestra.RawJSON(`{"method":"GET"}`), Capability: promptorchestra.ToolCapability{Category: promptorchestra.ToolCategoryData, RiskLevel: promptorchestra.ToolRiskLevelSafe},
			})
		},
		"POST /api/tools/t%2F1/versions",
		`{"organizationId":"org_1","config":{"method":"GET"},"capability":{"category":"data","riskLevel":"safe"}}`,
	},
	{
		"Tools.Diff", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Tools.Diff(ctx, "t/1", "v?2", "v1")
		},
		"GET /api/tools/t%2F1/versions/v%3F2/diff?organizationId=org_1&againstVersionId=v1", "",
	},
	{
		"Evaluations.ListCases", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Evaluations.ListCases(ctx, "s/1")
		},
		"GET /api/skills/s%2F1/evaluation-cases?organizationId=org_1", "",
	},
	{
		"Evaluations.CreateCase", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Evaluations.CreateCase(ctx, "s/1", promptorchestra.EvaluationCaseCreateParams{
				Label: "L", Input: map[string]any{"claim": "x"}, Expected: json.RawMessage(`"refund"`),
			})
		},
		"POST /api/skills/s%2F1/evaluation-cases", `{"organizationId":"org_1","label":"L","input":{"claim":"x"},"expected":"refund"}`,
	},
	{
		"Evaluations.Run", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Evaluations.Run(ctx, "s/1", promptorchestra.EvaluationRunParams{DraftVersionID: "v1"})
		},
		"POST /api/skills/s%2F1/evaluations/run", `{"organizationId":"org_1","draftVersionId":"v1"}`,
	},
	{
		"Evaluations.Get", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Evaluations.Get(ctx, "s/1", "e?2")
		},
		"GET /api/skills/s%2F1/evaluations/e%3F2?organizationId=org_1", "",
	},
	{
		"Setup.Verify", func(ctx context.Context, c *promptorchestra.Client) (any, error) { return c.Setup.Verify(ctx) },
		"POST /api/setup/verify", `{"organizationId":"org_1"}`,
	},
	{
		"Models.List", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.Models.List(ctx, promptorchestra.ModelListParams{IncludeUnavailable: true, Modalities: []string{"text", "image"}})
		},
		"GET /api/models?organizationId=org_1&includeUnavailable=true&modalities=text%2Cimage", "",
	},
	{
		"VoiceAgents.CreateVersion", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.VoiceAgents.CreateVersion(ctx, "a/1", promptorchestra.VoiceAgentVersionCreateParams{
				PromptVersionID: "v1", Voice: "verse", HandoffDescription: "H",
			})
		},
		"POST /api/realtime-agents/a%2F1/versions",
		`{"organizationId":"org_1","promptVersionId":"v1","voice":"verse","handoffDescription":"H"}`,
	},
	{
		"VoiceAgents.CreateSession", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.VoiceAgents.CreateSession(ctx, "a/1")
		},
		"POST /api/realtime-agents/a%2F1/session", `{"organizationId":"org_1"}`,
	},
	{
		"RealtimeSessions.List", func(ctx context.Context, c *promptorchestra.Client) (any, error) { return c.RealtimeSessions.List(ctx) },
		"GET /api/realtime-sessions?organizationId=org_1", "",
	},
	{
		"RealtimeSessions.Get", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.RealtimeSessions.Get(ctx, "r/1")
		},
		"GET /api/realtime-sessions/r%2F1?organizationId=org_1", "",
	},
	{
		"ServiceKeys.Create", func(ctx context.Context, c *promptorchestra.Client) (any, error) {
			return c.ServiceKeys.Create(ctx, promptorchestra.ServiceKeyCreateParams{Name: "N", Preset: promptorchestra.ServiceKeyPresetFullControl})
		},
		"POST /api/service-keys", `{"organizationId":"org_1","name":"N","preset":"ai_platform_full_control"}`,
	},
}

// answers returns what each method's route answers: the captured document of its record.
func answers(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, m := range apidocs.Methods(reflect.TypeFor[promptorchestra.Client]()) {
		if m.IsWrapper() {
			continue
		}
		all[m.Op] = apidocs.Record(t, m.Record().Name())
		if m.IsList() {
			all[m.Op] = fmt.Appendf(nil, "[%s]", all[m.Op])
		}
	}
	return all
}

func TestEveryMethodOnTheWire(t *testing.T) {
	documented := apidocs.Routes(t)
	require.Len(t, wireTests, len(documented))
	answer := answers(t)
	credentials := []struct{ kind, token string }{{"access_token", "eyJ.test"}, {"api_key", "sk_test"}}
	seen := map[string]bool{}
	for _, tt := range wireTests {
		require.False(t, seen[tt.op], "%s is in the table twice", tt.op)
		seen[tt.op] = true
		for _, credential := range credentials {
			t.Run(tt.op+"/"+credential.kind, func(t *testing.T) {
				requests := 0
				srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					requests++
					assert.Equal(t, tt.line, r.Method+" "+r.RequestURI)
					body, _ := io.ReadAll(r.Body)
					assert.Equal(t, tt.body, string(body))
					assert.Equal(t, int64(len(tt.body)), r.ContentLength)
					if tt.body == "" {
						assert.NotContains(t, r.Header, "Content-Type")
					} else {
						assert.Equal(t, []string{"application/json"}, r.Header["Content-Type"])
					}
					assert.Equal(t, []string{"Bearer " + credential.token}, r.Header["Authorization"])
					assert.Equal(t, []string{credential.kind}, r.Header["X-Prompt-Orchestra-Auth-Source"])
					w.Header().Set("Content-Type", "application/json")
					_, _ = w.Write(answer[tt.op])
				}))
				defer srv.Close()
				with := promptorchestra.WithAccessToken(credential.token)
				if credential.kind == "api_key" {
					with = promptorchestra.WithAPIKey(credential.token)
				}
				client, err := promptorchestra.New(promptorchestra.WithBaseURL(srv.URL), promptorchestra.WithOrganization("org_1"), with)
				require.NoError(t, err)
				record, err := tt.call(t.Context(), client)
				if credential.kind == "api_key" && documented[tt.op].Auth == "user" {
					var refused *promptorchestra.ArgumentError
					require.ErrorAs(t, err, &refused)
					assert.Zero(t, requests)
					assert.True(t, reflect.ValueOf(record).IsNil())
					return
				}
				require.NoError(t, err)
				assert.Equal(t, 1, requests)
				assert.False(t, reflect.ValueOf(record).IsNil())
			})
		}
	}
}

// What is promised of one call holds for every route: these tests make each call of the table.

func TestOddAnswersAreTheSameOnEveryRoute(t *testing.T) {
	documented := apidocs.Routes(t)
	for name, row := range map[string]struct {
		status int
		body   string
		err    string // what the error says
	}{
		"204":                    {http.StatusNoContent, "", ""},
		"205":                    {http.StatusResetContent, "", ""},
		"200 without a body":     {http.StatusOK, "", "no body"},
		"201 with white space":   {http.StatusCreated, " \r\n", "no body"},
		"200 with null":          {http.StatusOK, " null\n", "null"},
		"200 with HTML":          {http.StatusOK, "\n<!doctype html><p>Sign in</p>", "HTML"},
		"200 with text":          {http.StatusOK, "OK", ""},
		"200 with a number":      {http.StatusOK, "7", ""},
		"200 with a string":      {http.StatusOK, `"OK"`, ""},
		"200 with half a number": {http.StatusOK, `-`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(row.status)
				_, _ = w.Write([]byte(row.body))
			}))
			for _, tt := range wireTests {
				record, err := tt.call(t.Context(), client)
				if row.status == http.StatusNoContent || row.status == http.StatusResetContent {
					require.NoError(t, err, tt.op)
					v := reflect.ValueOf(record)
					if v.Kind() == reflect.Slice {
						assert.Zero(t, v.Len(), tt.op)
						assert.False(t, v.IsNil(), tt.op)
					} else {
						assert.True(t, v.Elem().IsZero(), tt.op)
					}
					continue
				}
				var e *promptorchestra.DecodeError
				require.ErrorAs(t, err, &e, tt.op)
				require.ErrorContains(t, err, row.err, tt.op)
				assert.True(t, reflect.ValueOf(record).IsNil(), tt.op)
				assert.Equal(t, row.body, string(e.Body), tt.op)
				assert.Equal(t, documented[tt.op].Replay == "never", promptorchestra.OutcomeUnknown(err), tt.op)
				assert.False(t, promptorchestra.IsRetryable(err), tt.op)
			}
			n := 0
			for _, err := range client.Runs.All(t.Context()) {
				n++
				var e *promptorchestra.DecodeError
				require.ErrorAs(t, err, &e)
				require.ErrorContains(t, err, row.err)
			}
			assert.Equal(t, row.status < 202, n == 1, "streaming is no exception")
		})
	}
}

func TestEveryRouteIsRepeatedByItsClass(t *testing.T) {
	var sent atomic.Int32
	var status atomic.Int32
	documented := apidocs.Routes(t)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		sent.Add(1)
		if s := int(status.Load()); s != 0 {
			w.WriteHeader(s)
			return
		}
		panic(http.ErrAbortHandler)
	}))
	defer srv.Close()
	fast := promptorchestra.WithRetry(promptorchestra.RetryPolicy{MinWait: time.Microsecond, MaxWait: time.Microsecond})
	pool := promptorchestra.WithTransport(&http.Transport{DisableKeepAlives: true})
	for _, failure := range []int{503, 500, 0, 429} {
		status.Store(int32(failure))
		for _, tt := range wireTests {
			client := apitest.NewClientAt(t, srv.URL, fast, pool) // one retry budget would not do for all
			before := sent.Load()
			_, err := tt.call(t.Context(), client)
			require.Error(t, err)
			never := documented[tt.op].Replay == "never"
			want := 4
			if never && failure != http.StatusTooManyRequests {
				want = 1
			}
			assert.EqualValues(t, want, sent.Load()-before, "%s on %d", tt.op, failure)
			assert.Equal(t, never && failure != http.StatusTooManyRequests, promptorchestra.OutcomeUnknown(err), tt.op)
		}
	}
}
