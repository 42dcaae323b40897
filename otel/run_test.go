package promptorchestraotel_test

import (
	"context"
	"fmt"
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// modelCalls are the calls that run a model, with a response and what the span has of both beside the
// server and what every call has.
var modelCalls = []struct {
	name     string
	op       string
	asked    string // the model that the request asks for
	call     func(context.Context, *promptorchestra.Client) error
	response string
	want     map[string]any
}{
	{
		name: "a prompt", op: "Prompts.Run",
		call: func(ctx context.Context, c *promptorchestra.Client) error {
			_, err := c.Prompts.Run(ctx, "prm_1", promptorchestra.PromptRunParams{})
			return err
		},
		response: promptRun,
		want: map[string]any{
			"promptorchestra.resource.prompt_id": "prm_1", "promptorchestra.run.id": "run_1", "promptorchestra.run.status": "completed",
			"promptorchestra.run.cost": 0.25, "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",
			"gen_ai.response.model": "gpt-4.1-mini", "gen_ai.usage.input_tokens": int64(12), "gen_ai.usage.output_tokens": int64(3),
		},
	},
	{
		name: "a skill, its usage in snake_case, a provider that the conventions spell otherwise", op: "Skills.Run", asked: "gemini-3",
		call: func(ctx context.Context, c *promptorchestra.Client) error {
			_, err := c.Skills.Run(ctx, "skl_1", promptorchestra.SkillRunParams{SkillVersionID: "sv_1", ModelKey: "gemini-3"})
			return err
		},
		response: `{"runId":"run_2","status":"failed","provider":"Google","modelKey":"gemini-3","model":"gemini-3-001",
			"usage":{"input_tokens":5,"completion_tokens":6,"estimatedCost":0.5}}`,
		want: map[string]any{
			"promptorchestra.resource.skill_id": "skl_1", "promptorchestra.resource.skill_version_id": "sv_1",
			"promptorchestra.run.id": "run_2", "promptorchestra.run.status": "failed", "promptorchestra.run.cost": 0.5,
			"gen_ai.operation.name": "chat", "gen_ai.provider.name": "gcp.gemini", "gen_ai.request.model": "gemini-3",
			"gen_ai.response.model": "gemini-3-001", "gen_ai.usage.input_tokens": int64(5), "gen_ai.usage.output_tokens": int64(6),
		},
	},
	{
		name: "a skill whose usage is no object", op: "Skills.Run",
		call: func(ctx context.Context, c *promptorchestra.Client) error {
			_, err := c.Skills.Run(ctx, "skl_1", promptorchestra.SkillRunParams{})
			return err
		},
		response: `{"runId":"run_2","usage":"much"}`,
		want: map[string]any{
			"promptorchestra.resource.skill_id": "skl_1", "promptorchestra.run.id": "run_2",
			"gen_ai.operation.name": "chat", "gen_ai.provider.name": "prompt_orchestra",
		},
	},
	{
		name: "an image", op: "Skills.GenerateImage",
		call: func(ctx context.Context, c *promptorchestra.Client) error {
			_, err := c.Skills.GenerateImage(ctx, "skl_1", promptorchestra.ImageParams{})
			return err
		},
		response: `{"runId":"run_3","status":"completed","modelKey":"gpt-image-1","usage":{"inputTokens":7,"outputTokens":8,"estimatedCost":0.75}}`,
		want: map[string]any{
			"promptorchestra.resource.skill_id": "skl_1", "promptorchestra.run.id": "run_3", "promptorchestra.run.status": "completed",
			"promptorchestra.run.cost": 0.75, "gen_ai.operation.name": "generate_content", "gen_ai.provider.name": "prompt_orchestra",
			"gen_ai.output.type": "image", "gen_ai.request.model": "gpt-image-1",
			"gen_ai.usage.input_tokens": int64(7), "gen_ai.usage.output_tokens": int64(8),
		},
	},
	{
		name: "an agent", op: "Agents.Run",
		call: func(ctx context.Context, c *promptorchestra.Client) error {
			_, err := c.Agents.Run(ctx, "agt_1", promptorchestra.AgentRunParams{})
			return err
		},
		response: `{"runId":"run_4","status":"running","agentId":"agt_1","agentVersionId":"ver_1","agentVersionNumber":3}`,
		want: map[string]any{
			"promptorchestra.resource.agent_id": "agt_1", "promptorchestra.run.id": "run_4", "promptorchestra.run.status": "running",
			"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": "prompt_orchestra",
			"gen_ai.agent.id": "agt_1", "gen_ai.agent.version": "3",
		},
	},
	{
		name: "a rerun", op: "AgentRuns.RerunFromStep",
		call: func(ctx context.Context, c *promptorchestra.Client) error {
			_, err := c.AgentRuns.RerunFromStep(ctx, "run_4", "answer")
			return err
		},
		response: `{"runId":"run_5","status":"running","sourceRunId":"run_4"}`,
		want: map[string]any{
			"promptorchestra.resource.run_id": "run_4", "promptorchestra.run.id": "run_5", "promptorchestra.run.status": "running",
			"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": "prompt_orchestra",
		},
	},
	{
		name: "an evaluation", op: "Evaluations.Run",
		call: func(ctx context.Context, c *promptorchestra.Client) error {
			_, err := c.Evaluations.Run(ctx, "skl_1", promptorchestra.EvaluationRunParams{})
			return err
		},
		response: `{"id":"evr_1","status":"completed"}`,
		want: map[string]any{
			"promptorchestra.resource.skill_id": "skl_1", "promptorchestra.run.id": "evr_1", "promptorchestra.run.status": "completed",
			"gen_ai.operation.name": "invoke_workflow", "gen_ai.provider.name": "prompt_orchestra",
		},
	},
	{
		name: "a voice session", op: "VoiceAgents.CreateSession",
		call: func(ctx context.Context, c *promptorchestra.Client) error {
			_, err := c.VoiceAgents.CreateSession(ctx, "agt_1")
			return err
		},
		response: `{"runId":"run_6","provider":"openai","model":"gpt-realtime","externalSessionId":"ses_1","clientSecret":"SECRET"}`,
		want: map[string]any{
			"promptorchestra.resource.agent_id": "agt_1", "promptorchestra.run.id": "run_6",
			"gen_ai.operation.name": "create_session", "gen_ai.provider.name": "openai", "gen_ai.agent.id": "agt_1",
			"gen_ai.request.model": "gpt-realtime", "gen_ai.conversation.id": "ses_1",
		},
	},
}

func TestCallsThatRunAModel(t *testing.T) {
	for _, tt := range modelCalls {
		t.Run(tt.name, func(t *testing.T) {
			tel := newTelemetry(t)
			client := newClient(t, reply(200, tt.response), tel.with())
			require.NoError(t, tt.call(t.Context(), client))
			want := server(t, client, maps.Clone(tt.want))
			maps.Copy(want, map[string]any{
				"promptorchestra.operation": tt.op, "promptorchestra.outcome": "success", "promptorchestra.attempts": int64(1),
				"promptorchestra.organization.id": "org_1", "promptorchestra.request.id": "req_200",
			})
			call, _ := tel.tree(t)
			name := tt.want["gen_ai.operation.name"]
			if tt.asked != "" {
				name = fmt.Sprint(name, " ", tt.asked)
			}
			assert.Equal(t, name, call.Name)
			assert.Equal(t, want, attributes(call.Attributes))

			duration := tel.points(t, "gen_ai.client.operation.duration")
			require.Len(t, duration, 1)
			of := map[string]any{}
			for key, value := range tt.want {
				switch key {
				case "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "gen_ai.response.model", "promptorchestra.run.status":
					of[key] = value
				}
			}
			assert.Equal(t, server(t, client, of), duration[0].attributes)
			used := map[any]float64{}
			for _, p := range tel.points(t, "gen_ai.client.token.usage") {
				used[p.attributes["gen_ai.token.type"]] = p.sum
			}
			if input, ok := tt.want["gen_ai.usage.input_tokens"]; ok {
				assert.Equal(t, map[any]float64{"input": float64(input.(int64)), "output": float64(tt.want["gen_ai.usage.output_tokens"].(int64))}, used)
			} else {
				assert.Empty(t, used, "0 is not reported where the response tells no tokens")
			}
		})
	}
}

// A recorded run tells its status, and no tokens: its own call has counted them.
func TestRecordedRuns(t *testing.T) {
	for name, tt := range map[string]struct {
		call     func(context.Context, *promptorchestra.Client) error
		response string
	}{
		"of an agent": {func(ctx context.Context, c *promptorchestra.Client) error {
			_, err := c.AgentRuns.Get(ctx, "run_1")
			return err
		}, `{"run":{"id":"run_1","status":"failed"}}`},
		"of a prompt": {func(ctx context.Context, c *promptorchestra.Client) error {
			_, err := c.Runs.Get(ctx, "run_1")
			return err
		}, `{"id":"run_1","status":"failed","provider":"openai","inputTokens":5}`},
		"of a skill": {func(ctx context.Context, c *promptorchestra.Client) error {
			_, err := c.SkillRuns.Get(ctx, "run_1")
			return err
		}, `{"runId":"run_1","status":"failed"}`},
	} {
		t.Run(name, func(t *testing.T) {
			tel := newTelemetry(t)
			require.NoError(t, tt.call(t.Context(), newClient(t, reply(200, tt.response), tel.with())))
			call, _ := tel.tree(t)
			of := attributes(call.Attributes)
			assert.Equal(t, "run_1", of["promptorchestra.run.id"])
			assert.Equal(t, "failed", of["promptorchestra.run.status"])
			for key := range of {
				assert.NotContains(t, key, "gen_ai.")
			}
		})
	}
}

// The run that a failure's body names is told, for it may go on.
func TestRunOfAFailure(t *testing.T) {
	tel := newTelemetry(t)
	client := newClient(t, reply(500, `{"error":"failed","runId":"run_9"}`), tel.with())
	_, err := client.Agents.Run(t.Context(), "agt_1", promptorchestra.AgentRunParams{})
	require.Error(t, err)
	call, _ := tel.tree(t)
	assert.Equal(t, "run_9", attributes(call.Attributes)["promptorchestra.run.id"])
}
