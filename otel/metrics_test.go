package promptorchestraotel_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	promptorchestraotel "github.com/prompt-orchestra/promptorchestra-go/otel"
)

// What a request or a response names is an attribute of metrics only if it looks like a name.
func TestNamesInMetrics(t *testing.T) {
	for name, want := range map[string]string{
		"completed":                   "completed",
		"gpt-4.1-mini":                "gpt-4.1-mini",
		"openai/gpt-4o:free":          "openai/gpt-4o:free",
		"claude-sonnet-4@20250514":    "claude-sonnet-4@20250514",
		"anthropic.claude-3-5-v2:0":   "anthropic.claude-3-5-v2:0",
		strings.Repeat("m", 64):       strings.Repeat("m", 64),
		strings.Repeat("m", 65):       "other",
		"failed because of ann":       "other",
		"ann@example.com":             "other",
		"@ann":                        "other",
		"https://models.internal/gpt": "other",
		"gpt\n4":                      "other",
		"gpt-4\t":                     "other",
		" ":                           "other",
		"модель":                      "other",
		`{"model":"gpt"}`:             "other",
		"<b>gpt</b>":                  "other",
		"50%":                         "other",
		"gpt-4#ann":                   "other",
	} {
		for _, version := range []promptorchestraotel.GenAIConventions{
			promptorchestraotel.GenAIConventions141, promptorchestraotel.GenAIConventions010,
		} {
			tel := newTelemetry(t)
			text, err := json.Marshal(name)
			require.NoError(t, err)
			run := fmt.Sprintf(`{"runId":"run_1","status":%s,"provider":%[1]s,"model":%[1]s,"usage":{"inputTokens":1}}`, text)
			waited := fmt.Sprintf(`{"run":{"id":"arun_1","status":%s,"output":"x"}}`, text)
			client := newClient(t, inTurn(reply(200, run), reply(200, waited)), tel.with(promptorchestraotel.WithGenAIConventions(version)))
			_, err = client.Skills.Run(t.Context(), "skl_1", promptorchestra.SkillRunParams{ModelKey: name})
			require.NoError(t, err)
			_, err = client.AgentRuns.Wait(t.Context(), "arun_1", quick)
			require.NoError(t, err)

			metrics, _ := tel.names(t)
			seen := map[string]bool{}
			for _, metric := range metrics {
				for _, p := range tel.points(t, metric) {
					for _, key := range []string{"promptorchestra.run.status", "gen_ai.provider.name", "gen_ai.request.model", "gen_ai.response.model"} {
						if value, ok := p.attributes[key]; ok {
							seen[key] = true
							assert.Equal(t, want, value, "%s of %s for %q", key, metric, name)
						}
					}
				}
			}
			assert.Len(t, seen, 4)
			if want != "other" {
				continue
			}
			for _, span := range tel.spans.GetSpans() {
				assert.NotEqual(t, "chat "+name, span.Name, "names of spans are few, too")
			}
		}
	}
}

// However many models there are, each has its own measurements: keeping what was measured before ends
// somewhere, measuring does not.
func TestManyModels(t *testing.T) {
	tel := newTelemetry(t)
	client := newClientAt(t, "http://127.0.0.1", promptorchestra.WithTransport(stub(promptRun)), tel.with())
	const models = 1200
	for i := range 2 * models {
		_, err := client.Skills.Run(t.Context(), "skl_1", promptorchestra.SkillRunParams{ModelKey: fmt.Sprint("model-", i%models)})
		require.NoError(t, err)
	}
	points := tel.points(t, "gen_ai.client.operation.duration")
	require.Len(t, points, models)
	for _, p := range points {
		assert.EqualValues(t, 2, p.count)
	}
}

// What the caller adds to metrics is asked for each call anew.
func TestMetricAttributesOfEachCall(t *testing.T) {
	type plan struct{}
	tel := newTelemetry(t)
	client := newClient(t, reply(200, agent), tel.with(
		promptorchestraotel.WithMetricAttributes(func(ctx context.Context, _ promptorchestra.CallInfo) []attribute.KeyValue {
			if name, ok := ctx.Value(plan{}).(string); ok {
				return []attribute.KeyValue{attribute.String("tenant.plan", name)}
			}
			return nil
		})))
	for _, name := range []string{"gold", "", "silver", "gold"} {
		ctx := t.Context()
		if name != "" {
			ctx = context.WithValue(ctx, plan{}, name)
		}
		_, err := client.Agents.Get(ctx, "agt_1")
		require.NoError(t, err)
	}
	counts := map[any]uint64{}
	for _, p := range tel.points(t, "http.client.request.duration") {
		counts[p.attributes["tenant.plan"]] = p.count
	}
	assert.Equal(t, map[any]uint64{"gold": 2, nil: 1, "silver": 1}, counts)
}
