package promptorchestraotel_test

import (
	"os"
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
	capture := tel.with(promptorchestraotel.WithContentCapture())
	for _, tt := range modelCalls {
		require.NoError(t, tt.call(t.Context(), newClient(t, inTurn(reply(429, ""), reply(200, tt.response)), capture)))
	}
	client := newClient(t, reply(422, `{"error":"no","code":"AGENT_GRAPH_INVALID"}`), capture)
	_, err := client.Agents.Publish(t.Context(), "agt_1", promptorchestra.AgentPublishParams{})
	require.Error(t, err)
	client = newClient(t, reply(200, promptRun), capture)
	_, err = client.Prompts.Run(t.Context(), "prm_1", promptorchestra.PromptRunParams{Variables: map[string]any{"name": "Ann"}})
	require.NoError(t, err)
	client = newClient(t, reply(503, ""), capture, promptorchestra.WithRetry(promptorchestra.RetryPolicy{MinWait: 1, MaxWait: 1}))
	for range 40 { // more than the retry budget
		_, err = client.Agents.List(t.Context())
		require.Error(t, err)
	}

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

	text, err := os.ReadFile("../docs/observability.md")
	if os.IsNotExist(err) {
		t.Skip("the module stands alone")
	}
	require.NoError(t, err)
	var documented []string
	for _, row := range regexp.MustCompile(`(?m)^\|.*$`).FindAllString(string(text), -1) {
		for _, name := range regexp.MustCompile("`((?:promptorchestra|gen_ai|http|url|server|network|error)\\.[a-z0-9_.<>-]+)`").FindAllStringSubmatch(row, -1) {
			documented = append(documented, name[1])
		}
	}
	slices.Sort(documented)
	assert.Equal(t, slices.Compact(names), slices.Compact(documented))
}
