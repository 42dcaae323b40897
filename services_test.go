package promptorchestra_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
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
	someTransitions = []promptorchestra.WorkflowTransition{{FromStepKey: "a", ToStepKey: "b", TransitionType: promptorchestra.TransitionNext}}
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
				Config: promptorchestra.RawJSON(`{"method":"GET"}`), Capability: promptorchestra.ToolCapability{Category: promptorchestra.ToolCategoryData, RiskLevel: promptorchestra.ToolRiskSafe},
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
			return c.ServiceKeys.Create(ctx, promptorchestra.ServiceKeyCreateParams{Name: "N", Preset: promptorchestra.ServiceKeyFullControl})
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

func TestArgumentsAreCheckedBeforeAnythingIsSent(t *testing.T) {
	client := apitest.NewClient(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("something was sent") }))
	ctx := t.Context()
	for _, tt := range []struct {
		argument string
		call     func() (any, error)
	}{
		{"name", func() (any, error) { return client.Agents.Create(ctx, promptorchestra.AgentCreateParams{}) }},
		{"name", func() (any, error) {
			return client.Prompts.Create(ctx, promptorchestra.PromptCreateParams{PromptKey: "k"})
		}},
		{"versionId", func() (any, error) { return client.Prompts.Publish(ctx, "p", promptorchestra.PromptPublishParams{}) }},
		{"toolId", func() (any, error) { return client.Prompts.AttachTool(ctx, "v", "") }},
		{"promptVersionId", func() (any, error) { return client.Prompts.AttachTool(ctx, "..", "t") }},
		{"stepKey", func() (any, error) { return client.AgentRuns.RerunFromStep(ctx, "r", "") }},
		{"leftRunId", func() (any, error) { return client.AgentRuns.Compare(ctx, "", "r") }},
		{"rightRunId", func() (any, error) { return client.AgentRuns.Compare(ctx, "r", "") }},
		{"againstVersionId", func() (any, error) { return client.Agents.DiffVersion(ctx, "a", "v", "") }},
		{"versionId", func() (any, error) { return client.Agents.DiffVersion(ctx, "a", "", "v") }},
		{"runId", func() (any, error) { return client.AgentRuns.Wait(ctx, "") }},
		{"skillKey", func() (any, error) { return client.Skills.Create(ctx, promptorchestra.SkillCreateParams{Name: "N"}) }},
		{"name", func() (any, error) {
			return client.Skills.Create(ctx, promptorchestra.SkillCreateParams{SkillKey: "k"})
		}},
		{"toolKey", func() (any, error) {
			return client.Tools.Create(ctx, promptorchestra.ToolCreateParams{Name: "N", Type: promptorchestra.ToolTypeHTTP})
		}},
		{"name", func() (any, error) {
			return client.Tools.Create(ctx, promptorchestra.ToolCreateParams{ToolKey: "k", Type: promptorchestra.ToolTypeHTTP})
		}},
		{"type", func() (any, error) {
			return client.Tools.Create(ctx, promptorchestra.ToolCreateParams{ToolKey: "k", Name: "N"})
		}},
		{"promptVersionId", func() (any, error) {
			return client.VoiceAgents.CreateVersion(ctx, "a", promptorchestra.VoiceAgentVersionCreateParams{})
		}},
		{"name", func() (any, error) {
			return client.ServiceKeys.Create(ctx, promptorchestra.ServiceKeyCreateParams{Preset: promptorchestra.ServiceKeyFullControl})
		}},
		{"preset", func() (any, error) {
			return client.ServiceKeys.Create(ctx, promptorchestra.ServiceKeyCreateParams{Name: "N"})
		}},
		{"prompts[1].versionNumber", func() (any, error) {
			return client.Skills.ReplacePrompts(ctx, "v", []promptorchestra.PromptAttachment{
				{PromptID: "p"}, {PromptID: "p", AttachmentMode: promptorchestra.AttachmentModePinnedVersion},
			})
		}},
		{"prompts[0].versionNumber", func() (any, error) {
			return client.Skills.ReplacePrompts(ctx, "v", []promptorchestra.PromptAttachment{
				{PromptID: "p", AttachmentMode: promptorchestra.AttachmentModeFloatingLatestPublished, VersionNumber: 2},
			})
		}},
		{"prompts[0].promptId", func() (any, error) {
			return client.Skills.ReplacePrompts(ctx, "v", []promptorchestra.PromptAttachment{{}})
		}},
		{"tools[0].toolId", func() (any, error) { return client.Skills.ReplaceTools(ctx, "v", []promptorchestra.ToolAttachment{{}}) }},
		{"variables", func() (any, error) {
			return client.Skills.Run(ctx, "s", promptorchestra.SkillRunParams{Variables: []int{1}})
		}},
		{"variables", func() (any, error) {
			return client.Prompts.Run(ctx, "p", promptorchestra.PromptRunParams{Variables: promptorchestra.RawJSON(`[1]`)})
		}},
		{"body", func() (any, error) {
			return client.Agents.Run(ctx, "a", promptorchestra.AgentRunParams{Variables: map[string]any{"x": math.NaN()}})
		}},
		{"body", func() (any, error) {
			return client.Tools.CreateVersion(ctx, "t", promptorchestra.ToolVersionCreateParams{Config: make(chan int)})
		}},
	} {
		record, err := tt.call()
		var refused *promptorchestra.ArgumentError
		if assert.ErrorAs(t, err, &refused, tt.argument) {
			assert.Equal(t, tt.argument, refused.Argument)
		}
		assert.True(t, reflect.ValueOf(record).IsNil(), "a failed call returns nothing")
	}
}

func TestOptionalMembersAreLeftOut(t *testing.T) {
	var got string
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = r.URL.RawQuery + string(body)
		_, _ = io.WriteString(w, map[bool]string{true: "[]", false: "{}"}[r.Method == http.MethodGet || strings.HasSuffix(r.URL.Path, "/steps")])
	}))
	ctx := t.Context()
	for _, tt := range []struct {
		want string
		call func() (any, error)
	}{
		{`publicContract=1{"organizationId":"org_1","name":"N"}`, func() (any, error) { return client.Agents.Create(ctx, promptorchestra.AgentCreateParams{Name: "N"}) }},
		{`publicContract=1{"organizationId":"org_1"}`, func() (any, error) { return client.Agents.Update(ctx, "a", promptorchestra.AgentUpdateParams{}) }},
		{`publicContract=1{"organizationId":"org_1","variables":{}}`, func() (any, error) { return client.Agents.Run(ctx, "a", promptorchestra.AgentRunParams{}) }},
		{`{"organizationId":"org_1","steps":[]}`, func() (any, error) { return client.Agents.SaveSteps(ctx, "v", promptorchestra.AgentStepsParams{}) }},
		{`{"organizationId":"org_1","name":"N"}`, func() (any, error) { return client.Prompts.Create(ctx, promptorchestra.PromptCreateParams{Name: "N"}) }},
		{`{"organizationId":"org_1"}`, func() (any, error) {
			return client.Prompts.CreateVersion(ctx, "p", promptorchestra.PromptVersionCreateParams{})
		}},
		{`{"organizationId":"org_1","prompts":[]}`, func() (any, error) { return client.Skills.ReplacePrompts(ctx, "v", nil) }},
		{`{"organizationId":"org_1","tools":[]}`, func() (any, error) { return client.Skills.ReplaceTools(ctx, "v", nil) }},
		{`{"organizationId":"org_1"}`, func() (any, error) {
			return client.Tools.CreateVersion(ctx, "t", promptorchestra.ToolVersionCreateParams{})
		}},
		{
			`{"organizationId":"org_1","toolKey":"k","name":"N","type":"manual_stub","config":{},"inputSchema":{}}`,
			func() (any, error) {
				return client.Tools.Create(ctx, promptorchestra.ToolCreateParams{ToolKey: "k", Name: "N", Type: promptorchestra.ToolTypeManualStub, Config: promptorchestra.RawJSON(nil)})
			},
		},
		{`{"organizationId":"org_1"}`, func() (any, error) {
			return client.Evaluations.CreateCase(ctx, "s", promptorchestra.EvaluationCaseCreateParams{})
		}},
		{`organizationId=org_1`, func() (any, error) { return client.Models.List(ctx, promptorchestra.ModelListParams{}) }},
		{`organizationId=org_1&modalities=text`, func() (any, error) {
			return client.Models.List(ctx, promptorchestra.ModelListParams{Modalities: []string{"text"}})
		}},
	} {
		_, err := tt.call()
		require.NoError(t, err)
		assert.Equal(t, tt.want, got)
	}
}

// Lists

func TestListFormsAndWithInto(t *testing.T) {
	for _, form := range []string{"array", "envelope"} {
		t.Run(form, func(t *testing.T) {
			data, err := os.ReadFile("testdata/lists/" + form + ".json")
			require.NoError(t, err)
			client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data) }))
			want := []promptorchestra.AgentListItem{
				{ID: "agt_1", Name: "Refund desk", Status: "active"},
				{ID: "agt_2", Name: "Order status", Status: "paused"},
				{ID: "agt_3", Name: "Night shift", Status: "a status of next year"},
			}

			var whole json.RawMessage
			agents, err := client.Agents.List(t.Context(), promptorchestra.WithInto(&whole))
			require.NoError(t, err)
			assert.Equal(t, want, agents)
			assert.JSONEq(t, string(data), string(whole))

			var element struct{ Labels []string }
			var streamed []promptorchestra.AgentListItem
			var labels [][]string
			for agent, err := range client.Agents.All(t.Context(), promptorchestra.WithInto(&element)) {
				require.NoError(t, err)
				streamed = append(streamed, agent)
				labels = append(labels, element.Labels)
			}
			assert.Equal(t, want, streamed)
			assert.Equal(t, [][]string{{"claims"}, {}, nil}, labels)
		})
	}
}

// One v may serve many calls: nothing of the answer before stays in it.
func TestWithIntoBeginsAtZero(t *testing.T) {
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"runs":[{"id":"run_1"}]}`)) }))
	list, more := []promptorchestra.Run{{ID: "old"}}, struct{ Count int }{7}
	_, err := client.Runs.List(t.Context(), promptorchestra.WithInto(&list))
	require.NoError(t, err)
	assert.Empty(t, list, "v gets the whole answer, which is no list here")
	_, err = client.Runs.List(t.Context(), promptorchestra.WithInto(&more))
	require.NoError(t, err)
	assert.Zero(t, more.Count)
}

func TestWithIntoReachesUndocumentedMembers(t *testing.T) {
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(apidocs.Record(t, "ToolRecord"))
	}))
	var more struct {
		IsArchived *bool
		Config     struct{ Allowlist []string }
	}
	tool, err := client.Tools.Get(t.Context(), "tol_8", promptorchestra.WithInto(&more))
	require.NoError(t, err)
	assert.Equal(t, "lookup_order", tool.ToolKey)
	require.NotNil(t, more.IsArchived)
	assert.False(t, *more.IsArchived)
	assert.Equal(t, []string{"shop.example"}, more.Config.Allowlist)
}

func TestNoElementsAreAnEmptyList(t *testing.T) {
	for _, body := range []string{`[]`, `{"runs":[],"count":0}`} {
		client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
		runs, err := client.Runs.List(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []promptorchestra.Run{}, runs)
		for _, err := range client.Runs.All(t.Context()) {
			t.Error("there is no element", err)
		}
	}
}

// collect runs a stream to its end.
func collect[T any](all func(func(T, error) bool)) (elements []T, errs []error) {
	for element, err := range all {
		if err != nil {
			errs = append(errs, err)
		} else {
			elements = append(elements, element)
		}
	}
	return elements, errs
}

func TestStreamReportsAnErrorLast(t *testing.T) {
	for name, body := range map[string]string{
		"broken JSON":     `[{"id":"1"},{"id":"2"},{"id"`,
		"cut off":         `[{"id":"1"},{"id":"2"},`,
		"rubbish":         `[{"id":"1"},{"id":"2"},<html>`,
		"rubbish after":   `[{"id":"1"},{"id":"2"}] <html>`,
		"second array":    `{"runs":[{"id":"1"},{"id":"2"}],"others":[{"id":"3"}]}`,
		"envelope is cut": `{"runs":[{"id":"1"},{"id":"2"}]`,
	} {
		t.Run(name, func(t *testing.T) {
			client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
			runs, errs := collect(client.Runs.All(t.Context()))
			assert.Equal(t, []promptorchestra.Run{{ID: "1"}, {ID: "2"}}, runs)
			require.Len(t, errs, 1)
			var undecodable *promptorchestra.DecodeError
			require.ErrorAs(t, errs[0], &undecodable)
			assert.Equal(t, "Runs.List", undecodable.Op)
		})
	}
	t.Run("the connection drops", func(t *testing.T) {
		client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `[{"id":"1"},{"id":"2"},`)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}))
		runs, errs := collect(client.Runs.All(t.Context()))
		assert.Len(t, runs, 2)
		require.Len(t, errs, 1)
	})
	t.Run("no list at all", func(t *testing.T) {
		client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusPaymentRequired)
			_, _ = io.WriteString(w, `{"error":"No AI in this plan"}`)
		}))
		runs, errs := collect(client.Runs.All(t.Context()))
		assert.Empty(t, runs)
		require.Len(t, errs, 1)
		assert.True(t, promptorchestra.IsEntitlement(errs[0]))
	})
}

func TestStreamElementOfAnUnexpectedType(t *testing.T) {
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `[{"id":"1","inputTokens":"many","model":"m"},{"id":"2"}]`)
	}))
	runs, errs := collect(client.Runs.All(t.Context()))
	assert.Empty(t, errs)
	assert.Equal(t, []promptorchestra.Run{{ID: "1", Model: "m"}, {ID: "2"}}, runs)
}

func TestStoppingAStreamClosesTheBody(t *testing.T) {
	closed := make(chan struct{})
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(closed)
		_, _ = io.WriteString(w, `[{"id":"run_0"}`)
		for i := 1; r.Context().Err() == nil; i++ {
			if _, err := fmt.Fprintf(w, `,{"id":"run_%d"}`, i); err != nil {
				return
			}
		}
	}))
	taken := 0
	for _, err := range client.Runs.All(t.Context()) {
		require.NoError(t, err)
		if taken++; taken == 3 {
			break
		}
	}
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Fatal("the server still writes")
	}
}

// The context ends while the consumer waits for more, wherever the answer has stopped.
func TestCancelledStream(t *testing.T) {
	for _, begin := range []string{`[{"id":"1"}`, `[{"id":"1"},`, `[{"id":"1"},{"id"`} {
		for _, want := range []error{context.Canceled, context.DeadlineExceeded} {
			client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, begin)
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			}))
			ctx, cancel := context.WithCancel(t.Context())
			if errors.Is(want, context.DeadlineExceeded) {
				ctx, cancel = context.WithTimeout(t.Context(), 250*time.Millisecond)
			}
			var last error
			pairs := 0
			for _, err := range client.Runs.All(ctx) {
				pairs++
				last = err
				if errors.Is(want, context.Canceled) {
					time.AfterFunc(20*time.Millisecond, cancel)
				}
			}
			cancel()
			assert.Equal(t, 2, pairs)
			require.ErrorIs(t, last, want, begin)
			assert.Equal(t, errors.Is(want, context.DeadlineExceeded), promptorchestra.IsRetryable(last), "%s: %v", begin, last)
		}
	}
}

func TestSlowConsumerHitsNoTimeout(t *testing.T) {
	const timeout = 50 * time.Millisecond
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `[{"id":"1"},{"id":"2"}`)
		_ = http.NewResponseController(w).Flush()
		time.Sleep(2 * timeout) // a slow server does not hit it either, once the headers are here
		_, _ = io.WriteString(w, `,{"id":"3"}]`)
	}), promptorchestra.WithTimeout(timeout))
	taken := 0
	for _, err := range client.Runs.All(t.Context()) {
		require.NoError(t, err)
		taken++
		time.Sleep(2 * timeout)
	}
	assert.Equal(t, 3, taken)
}

// streamRuns streams a list of n runs over loopback and returns the highest heap seen, in bytes.
func streamRuns(t testing.TB, client *promptorchestra.Client, n int) uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	var peak uint64
	taken := 0
	for run, err := range client.Runs.All(t.Context()) {
		require.NoError(t, err)
		if run.PromptVersionNumber != 7 {
			t.Fatalf("element %d: %+v", taken, run)
		}
		if taken++; taken%1000 == 0 {
			metrics.Read(sample)
			peak = max(peak, sample[0].Value.Uint64())
		}
	}
	require.Equal(t, n, taken)
	return peak
}

func manyRuns(t testing.TB, n int) http.HandlerFunc {
	run := []byte(strings.Join(strings.Fields(string(apidocs.Record(t, "Run"))), ""))
	return func(w http.ResponseWriter, _ *http.Request) {
		separator := []byte("[")
		for range n {
			_, _ = w.Write(separator)
			_, _ = w.Write(run)
			separator = []byte(",")
		}
		_, _ = io.WriteString(w, "]")
	}
}

func TestStreamTakesConstantMemory(t *testing.T) {
	const n = 40_000 // 20 MiB
	client := apitest.NewClient(t, manyRuns(t, n))
	defer debug.SetGCPercent(debug.SetGCPercent(20)) // or a busy machine's collector is late
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	peak := streamRuns(t, client, n)
	assert.Less(t, peak, before.HeapAlloc+8<<20)
}

func BenchmarkStream100000(b *testing.B) {
	const n = 100_000
	client := apitest.NewClient(b, manyRuns(b, n))
	var peak uint64
	b.ReportAllocs()
	for b.Loop() {
		runtime.GC()
		peak = max(peak, streamRuns(b, client, n))
	}
	b.ReportMetric(float64(peak)/(1<<20), "peak-heap-MiB")
	if peak >= 8<<20 {
		b.Fatalf("the heap reached %d bytes", peak)
	}
}

// Waiting

// statuses answers an agent run with one status after the other; the last one repeats.
func statuses(t *testing.T, looks *atomic.Int64, all ...promptorchestra.RunStatus) *promptorchestra.Client {
	t.Helper()
	client, err := promptorchestra.New(promptorchestra.WithOrganization("org_1"), promptorchestra.WithAccessToken("eyJ.test"), promptorchestra.WithTransport(apitest.RoundTripFunc(
		func(r *http.Request) (*http.Response, error) {
			i := min(int(looks.Add(1)), len(all)) - 1
			body := fmt.Sprintf(`{"run":{"id":"agr_1","status":%q}}`, all[i])
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{}, Request: r}, nil
		})))
	require.NoError(t, err)
	return client
}

func TestWaitPollsUntilTheRunIsFinished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var looks atomic.Int64
		client := statuses(t, &looks, "queued", "pending", "running", "running", "completed")
		begun := time.Now()
		run, err := client.AgentRuns.Wait(t.Context(), "agr_1")
		require.NoError(t, err)
		assert.Equal(t, promptorchestra.RunStatus("completed"), run.Run.Status)
		assert.EqualValues(t, 5, looks.Load())
		assert.Greater(t, time.Since(begun), time.Second, "the four waits are 0.5, 0.75, 1.125 and 1.6875 s, less up to half each")
		assert.Less(t, time.Since(begun), 5*time.Second)
	})
}

func TestWaitGrowsToTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var looks atomic.Int64
		client := statuses(t, &looks, promptorchestra.RunStatusRunning)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err := client.AgentRuns.Wait(ctx, "agr_1")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Less(t, looks.Load(), int64(800), "an hour in waits of 5 to 10 s")
		assert.Greater(t, looks.Load(), int64(360))
	})
}

func TestWaitEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var looks atomic.Int64
		client := statuses(t, &looks, promptorchestra.RunStatusRunning)
		stop := errors.New("the caller has gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(100*time.Millisecond, func() { cancel(stop) })
		begun := time.Now()
		run, err := client.AgentRuns.Wait(ctx, "agr_1")
		assert.Nil(t, run)
		assert.Equal(t, 100*time.Millisecond, time.Since(begun))
		var ended *promptorchestra.TransportError
		require.ErrorAs(t, err, &ended)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, stop)
		assert.Equal(t, "AgentRuns.Wait", ended.Op)
		assert.Equal(t, map[string]string{"runId": "agr_1"}, ended.Resource)
		assert.Equal(t, "org_1", ended.Organization)
		assert.True(t, ended.Repeatable)
		assert.False(t, ended.OutcomeUnknown)
	})
}

func TestWaitTakesAnUnknownStatusForFinished(t *testing.T) {
	var looks atomic.Int64
	run, err := statuses(t, &looks, "a status of next year").AgentRuns.Wait(t.Context(), "agr_1")
	require.NoError(t, err)
	assert.False(t, run.Run.Status.Pending())
	assert.EqualValues(t, 1, looks.Load())
}
