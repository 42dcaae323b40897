package promptorchestraotel_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	promptorchestraotel "github.com/prompt-orchestra/promptorchestra-go/otel"
)

// docs/observability.md names every attribute and every metric, and no other.
func TestTheDocumentNamesWhatThereIs(t *testing.T) {
	tel := newTelemetry(t)
	everything(t, tel)
	everything(t, tel, promptorchestraotel.WithGenAIConventions(promptorchestraotel.GenAIConventions010))
	names, keys := tel.names(t)
	for _, span := range tel.spans.GetSpans() {
		for key := range attributes(span.Attributes) {
			if strings.HasPrefix(key, "promptorchestra.resource.") {
				key = "promptorchestra.resource.<name>"
			}
			keys = append(keys, key)
		}
	}
	names = append(names, keys...)
	slices.Sort(names)

	var documented []string
	for _, name := range regexp.MustCompile("`((?:promptorchestra|gen_ai|http|url|server|network|error)\\.[a-z0-9_.<>-]+)`").FindAllStringSubmatch(document(t), -1) {
		documented = append(documented, name[1])
	}
	slices.Sort(documented)
	assert.Equal(t, slices.Compact(names), slices.Compact(documented))
}

// everything makes calls of every kind, with every outcome.
func everything(t *testing.T, tel *telemetry, opts ...promptorchestraotel.Option) {
	t.Helper()
	capture := tel.with(append(opts, promptorchestraotel.WithContentCapture())...)
	for _, tt := range modelCalls {
		require.NoError(t, tt.call(t.Context(), newClient(t, inTurn(reply(429, ""), reply(200, tt.response)), capture)))
	}
	client := newClient(t, reply(422, `{"error":"no","code":"AGENT_GRAPH_INVALID"}`), capture)
	_, err := client.Agents.Publish(t.Context(), "agt_1", promptorchestra.AgentPublishParams{})
	require.Error(t, err)
	client = newClient(t, inTurn(reply(200, promptRun), reply(500, "")), capture)
	params := promptorchestra.PromptRunParams{Variables: map[string]any{"name": "Ann"}}
	_, err = client.Prompts.Run(t.Context(), "prm_1", params)
	require.NoError(t, err)
	_, err = client.Prompts.Run(t.Context(), "prm_1", params)
	require.Error(t, err)
	client = newClient(t, inTurn(reply(200, running), reply(200, ended)), capture)
	_, err = client.AgentRuns.Wait(t.Context(), "arun_1", quick)
	require.NoError(t, err)
	client = newClient(t, reply(503, ""), capture, promptorchestra.WithRetry(promptorchestra.RetryPolicy{MinWait: 1, MaxWait: 1}))
	for range 40 { // more than the retry budget
		_, err = client.Agents.List(t.Context())
		require.Error(t, err)
	}
}
