package promptorchestraotel_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	promptorchestraotel "github.com/prompt-orchestra/promptorchestra-go/otel"
)

// BenchmarkCall compares a client without telemetry, with otelhttp around its transport, which gives
// the attempts alone, and with this module. Spans are sampled or not, and nobody exports them.
//
//	go -C otel test -run '^$' -bench Call -benchmem
func BenchmarkCall(b *testing.B) {
	metrics := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	for _, sampling := range []struct {
		name    string
		sampler sdktrace.Sampler
	}{{"sampled", sdktrace.AlwaysSample()}, {"unsampled", sdktrace.NeverSample()}} {
		traces := sdktrace.NewTracerProvider(sdktrace.WithSampler(sampling.sampler))
		wrapped := func(next http.RoundTripper) http.RoundTripper {
			return otelhttp.NewTransport(next, otelhttp.WithTracerProvider(traces), otelhttp.WithMeterProvider(metrics),
				otelhttp.WithPropagators(propagation.TraceContext{}))
		}
		for _, tt := range []struct {
			name string
			opt  promptorchestra.Option
		}{
			{"none", promptorchestra.Options()},
			{"otelhttp", promptorchestra.WithTransportWrapper(wrapped)},
			{"promptorchestraotel", promptorchestraotel.With(promptorchestraotel.WithTracerProvider(traces),
				promptorchestraotel.WithMeterProvider(metrics), promptorchestraotel.WithPropagators(propagation.TraceContext{}))},
		} {
			if tt.name == "none" && sampling.name == "unsampled" {
				continue
			}
			for _, op := range []struct {
				name, response string
				call           func(context.Context, *promptorchestra.Client) error
			}{
				{"GET", `{"id":"agt_1","name":"Support"}`, func(ctx context.Context, c *promptorchestra.Client) error {
					_, err := c.Agents.Get(ctx, "agt_1")
					return err
				}},
				{"POST", promptRun, func(ctx context.Context, c *promptorchestra.Client) error {
					_, err := c.Prompts.Run(ctx, "prm_1", promptorchestra.PromptRunParams{Variables: variables})
					return err
				}},
			} {
				b.Run(strings.Join([]string{"process", op.name, sampling.name, tt.name}, "/"), func(b *testing.B) {
					bench(b, newClientAt(b, "http://127.0.0.1", promptorchestra.WithTransport(stub(op.response)), tt.opt), op.call)
				})
				b.Run(strings.Join([]string{"socket", op.name, sampling.name, tt.name}, "/"), func(b *testing.B) {
					srv := httptest.NewServer(reply(200, op.response))
					b.Cleanup(srv.Close)
					bench(b, newClientAt(b, srv.URL, tt.opt), op.call)
				})
			}
		}
	}
}

var variables = map[string]any{"name": "Ann"}

func bench(b *testing.B, client *promptorchestra.Client, call func(context.Context, *promptorchestra.Client) error) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 1<<40)
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		if err := call(ctx, client); err != nil {
			b.Fatal(err)
		}
	}
}

// stub responds without a network.
type stub string

func (s stub) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{},
		ContentLength: int64(len(s)), Body: io.NopCloser(strings.NewReader(string(s))),
	}, nil
}

// What telemetry costs a POST: it has a limit, of a trace that the sampler drops a lower one.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates too")
	}
	metrics := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	for name, tt := range map[string]struct {
		sampler sdktrace.Sampler
		most    float64
	}{
		"sampled":   {sdktrace.AlwaysSample(), 90},
		"unsampled": {sdktrace.NeverSample(), 75},
	} {
		t.Run(name, func(t *testing.T) {
			client := newClientAt(t, "http://127.0.0.1", promptorchestra.WithTransport(stub(promptRun)), promptorchestraotel.With(
				promptorchestraotel.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSampler(tt.sampler))),
				promptorchestraotel.WithMeterProvider(metrics), promptorchestraotel.WithPropagators(propagation.TraceContext{})))
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			got := testing.AllocsPerRun(200, func() {
				_, err := client.Prompts.Run(ctx, "prm_1", promptorchestra.PromptRunParams{Variables: variables})
				assert.NoError(t, err)
			})
			t.Logf("%.0f allocations", got)
			assert.LessOrEqual(t, got, tt.most)
		})
	}
}
