package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	metricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	tracespb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// What a short program did has arrived when it ends, though the batches are not due yet.
func TestWhatIsExportedArrives(t *testing.T) {
	var mu sync.Mutex
	received := map[string][]byte{}
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		mu.Lock()
		defer mu.Unlock()
		received[r.URL.Path] = body
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	require.NoError(t, runExported(t.Context(), greet))
	require.Len(t, received, 2)

	var traces tracespb.ExportTraceServiceRequest
	require.NoError(t, proto.Unmarshal(received["/v1/traces"], &traces))
	require.Len(t, traces.GetResourceSpans(), 1)
	assert.Contains(t, traces.GetResourceSpans()[0].GetResource().String(), "greeter")
	scopes := traces.GetResourceSpans()[0].GetScopeSpans()
	require.Len(t, scopes, 1)
	assert.Equal(t, "https://opentelemetry.io/schemas/1.43.0", scopes[0].GetSchemaUrl())
	var names []string
	for _, span := range scopes[0].GetSpans() {
		names = append(names, span.GetName())
	}
	const attempt = "POST /api/prompts/{promptId}/run"
	assert.ElementsMatch(t, []string{"chat", attempt, attempt, attempt}, names)

	var metrics metricspb.ExportMetricsServiceRequest
	require.NoError(t, proto.Unmarshal(received["/v1/metrics"], &metrics))
	names = nil
	for _, metric := range metrics.GetResourceMetrics()[0].GetScopeMetrics()[0].GetMetrics() {
		names = append(names, metric.GetName())
	}
	assert.Contains(t, names, "gen_ai.client.token.usage")
	assert.Contains(t, names, "promptorchestra.client.operation.duration")
}

// The comment's default is the exporters'. Whatever listens there does not speak TLS for localhost.
func TestDefaultOfTheEndpoint(t *testing.T) {
	source, err := os.ReadFile("otlp.go")
	require.NoError(t, err)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
	err = runExported(t.Context(), func(ctx context.Context, _ promptorchestra.Option) error {
		counter, err := otel.Meter("test").Int64Counter("test")
		counter.Add(ctx, 1)
		return err
	})
	require.Error(t, err)
	const endpoint = "https://localhost:4318"
	assert.Contains(t, err.Error(), endpoint)
	assert.Contains(t, string(source), endpoint+", with TLS")
}

// The document shows what is compiled here.
func TestTheDocumentShowsTheExport(t *testing.T) {
	source, err := os.ReadFile("otlp.go")
	require.NoError(t, err)
	_, functions, found := strings.Cut(string(source), "\n)\n\n")
	require.True(t, found)
	document, err := os.ReadFile("../../docs/observability.md")
	require.NoError(t, err)
	assert.Contains(t, string(document), "```golang\n"+functions+"```\n")
}
