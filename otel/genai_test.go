package promptorchestraotel_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	promptorchestraotel "github.com/prompt-orchestra/promptorchestra-go/otel"
)

// With v0.1.0 each operation has its own duration, tokens are counters, and spans are as before.
func TestGenAIConventions010(t *testing.T) {
	durations := map[any]string{
		"chat": "gen_ai.client.inference.duration", "generate_content": "gen_ai.client.inference.duration",
		"invoke_agent":    "gen_ai.client.invoke_agent.duration",
		"invoke_workflow": "gen_ai.client.operation.duration", "create_session": "gen_ai.client.operation.duration",
	}
	for _, tt := range modelCalls {
		t.Run(tt.name, func(t *testing.T) {
			now, before := newTelemetry(t), newTelemetry(t)
			version := promptorchestraotel.WithGenAIConventions(promptorchestraotel.GenAIConventions010)
			client := newClient(t, reply(200, tt.response), now.with(version))
			require.NoError(t, tt.call(t.Context(), client))
			require.NoError(t, tt.call(t.Context(), newClient(t, reply(200, tt.response), before.with())))

			call, _ := now.tree(t)
			callBefore, _ := before.tree(t)
			assert.Equal(t, callBefore.Name, call.Name)
			of, ofBefore := attributes(call.Attributes), attributes(callBefore.Attributes)
			of["server.port"] = ofBefore["server.port"]
			assert.Equal(t, ofBefore, of)

			operation := tt.want["gen_ai.operation.name"]
			for _, name := range []string{
				"gen_ai.client.inference.duration", "gen_ai.client.invoke_agent.duration", "gen_ai.client.operation.duration",
			} {
				want := 0
				if durations[operation] == name {
					want = 1
				}
				assert.Len(t, now.points(t, name), want, name)
			}
			common := maps.Clone(now.points(t, durations[operation])[0].attributes)
			delete(common, "promptorchestra.run.status")
			assert.Empty(t, now.points(t, "gen_ai.client.token.usage"))
			for name, key := range map[string]string{
				"gen_ai.client.inference.usage.input_tokens":  "gen_ai.usage.input_tokens",
				"gen_ai.client.inference.usage.output_tokens": "gen_ai.usage.output_tokens",
			} {
				points := now.points(t, name)
				if durations[operation] != "gen_ai.client.inference.duration" {
					assert.Empty(t, points, name)
					continue
				}
				require.Len(t, points, 1, name)
				used, _ := tt.want[key].(int64) // 0 where the response does not tell, as the convention has it
				assert.Equal(t, used, int64(points[0].sum), name)
				assert.Equal(t, with(common, "gen_ai.token.modality", "unknown"), points[0].attributes)
			}
		})
	}
}

// A failed call has its error there, too.
func TestFailureInGenAIConventions010(t *testing.T) {
	tel := newTelemetry(t)
	client := newClient(t, reply(402, ""), tel.with(promptorchestraotel.WithGenAIConventions(promptorchestraotel.GenAIConventions010)))
	_, err := client.Prompts.Run(t.Context(), "prm_1", promptorchestra.PromptRunParams{})
	require.Error(t, err)
	points := tel.points(t, "gen_ai.client.inference.duration")
	require.Len(t, points, 1)
	assert.Equal(t, "entitlement", points[0].attributes["error.type"])
	counted := tel.points(t, "gen_ai.client.inference.usage.input_tokens")
	require.Len(t, counted, 1)
	assert.Zero(t, counted[0].sum)
	assert.NotContains(t, counted[0].attributes, "error.type")
}

func TestDefaultOfGenAIConventions(t *testing.T) {
	for name, opts := range map[string][]promptorchestraotel.Option{
		"unset":      nil,
		"set":        {promptorchestraotel.WithGenAIConventions(promptorchestraotel.GenAIConventions141)},
		"no version": {promptorchestraotel.WithGenAIConventions("2.0")},
		"set back": {
			promptorchestraotel.WithGenAIConventions(promptorchestraotel.GenAIConventions010),
			promptorchestraotel.WithGenAIConventions(promptorchestraotel.GenAIConventions141),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OTEL_SEMCONV_STABILITY_OPT_IN", "gen_ai_latest_experimental") // changes nothing
			tel := newTelemetry(t)
			_, err := newClient(t, reply(200, promptRun), tel.with(opts...)).Prompts.Run(t.Context(), "prm_1", promptorchestra.PromptRunParams{})
			require.NoError(t, err)
			metrics, _ := tel.names(t)
			assert.Equal(t, []string{
				"gen_ai.client.operation.duration", "gen_ai.client.token.usage", "http.client.request.duration",
				"promptorchestra.client.operation.attempts", "promptorchestra.client.operation.duration",
			}, metrics)
		})
	}
}
