package promptorchestraotel_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	promptorchestraotel "github.com/prompt-orchestra/promptorchestra-go/otel"
)

// telemetry keeps spans and metrics in memory.
type telemetry struct {
	spans   *tracetest.InMemoryExporter
	reader  *sdkmetric.ManualReader
	traces  *sdktrace.TracerProvider
	metrics *sdkmetric.MeterProvider
}

func newTelemetry(t testing.TB, opts ...sdktrace.TracerProviderOption) *telemetry {
	tel := &telemetry{spans: tracetest.NewInMemoryExporter(), reader: sdkmetric.NewManualReader()}
	tel.traces = sdktrace.NewTracerProvider(append(opts, sdktrace.WithSyncer(tel.spans))...)
	tel.metrics = sdkmetric.NewMeterProvider(sdkmetric.WithReader(tel.reader))
	t.Cleanup(func() {
		assert.NoError(t, tel.traces.Shutdown(context.WithoutCancel(t.Context())))
		assert.NoError(t, tel.metrics.Shutdown(context.WithoutCancel(t.Context())))
	})
	return tel
}

// with is the option of the client that is tested.
func (tel *telemetry) with(opts ...promptorchestraotel.Option) promptorchestra.Option {
	return promptorchestraotel.With(append([]promptorchestraotel.Option{
		promptorchestraotel.WithTracerProvider(tel.traces),
		promptorchestraotel.WithMeterProvider(tel.metrics),
		promptorchestraotel.WithPropagators(propagation.TraceContext{}),
	}, opts...)...)
}

// newClient returns a client of a server that serves the handler.
func newClient(t testing.TB, handler http.Handler, opts ...promptorchestra.Option) *promptorchestra.Client {
	t.Helper()
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	return newClientAt(t, srv.URL, opts...)
}

func newClientAt(t testing.TB, baseURL string, opts ...promptorchestra.Option) *promptorchestra.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client, err := promptorchestra.New(append([]promptorchestra.Option{
		promptorchestra.WithBaseURL(baseURL), promptorchestra.WithOrganization("org_1"),
		promptorchestra.WithAccessToken("eyJ.token-of-the-tests"), promptorchestra.WithTransport(transport),
		promptorchestra.WithRetry(promptorchestra.RetryPolicy{MinWait: time.Millisecond, MaxWait: time.Millisecond}),
	}, opts...)...)
	require.NoError(t, err)
	return client
}

// reply responds the same always.
func reply(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Request-Id", "req_"+strconv.Itoa(status))
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// inTurn serves one handler after the other. The calls of a test come one after the other, too.
func inTurn(handlers ...http.HandlerFunc) http.HandlerFunc {
	next := make(chan http.HandlerFunc, len(handlers))
	for _, h := range handlers {
		next <- h
	}
	return func(w http.ResponseWriter, r *http.Request) { (<-next)(w, r) }
}

// drop ends the connection without a response.
func drop(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// hang responds when the client has gone. The server notices that once it has read the request.
func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// tree returns the only call's span, and its attempts' spans in order.
func (tel *telemetry) tree(t testing.TB) (call tracetest.SpanStub, attempts tracetest.SpanStubs) {
	t.Helper()
	calls := 0
	for _, span := range tel.spans.GetSpans() {
		assert.Equal(t, trace.SpanKindClient, span.SpanKind)
		assert.Equal(t, promptorchestraotel.ScopeName, span.InstrumentationScope.Name)
		assert.Equal(t, promptorchestra.Version, span.InstrumentationScope.Version)
		assert.Equal(t, semconv.SchemaURL, span.InstrumentationScope.SchemaURL)
		if span.Parent.IsValid() {
			attempts = append(attempts, span)
			continue
		}
		call = span
		calls++
	}
	require.Equal(t, 1, calls)
	for _, a := range attempts {
		assert.Equal(t, call.SpanContext.SpanID(), a.Parent.SpanID(), "attempts are beneath their call")
		assert.False(t, a.EndTime.After(call.EndTime))
	}
	return call, attempts
}

// attributes returns attributes by their names.
func attributes(list []attribute.KeyValue) map[string]any {
	all := make(map[string]any, len(list))
	for _, a := range list {
		all[string(a.Key)] = a.Value.AsInterface()
	}
	return all
}

// server returns the attributes that name the server.
func server(t testing.TB, client *promptorchestra.Client, more map[string]any) map[string]any {
	t.Helper()
	address, _, _ := strings.Cut(strings.TrimPrefix(client.String(), "promptorchestra.Client{"), " ")
	u, err := url.Parse(address)
	require.NoError(t, err)
	port, err := strconv.ParseInt(u.Port(), 10, 64)
	require.NoError(t, err)
	more["server.address"], more["server.port"] = u.Hostname(), port
	return more
}

// point is a data point of a metric: its attributes, how many measurements it has, and their sum.
type point struct {
	attributes map[string]any
	count      uint64
	sum        float64
}

// points returns the data points of a metric.
func (tel *telemetry) points(t testing.TB, name string) []point {
	t.Helper()
	var collected metricdata.ResourceMetrics
	require.NoError(t, tel.reader.Collect(t.Context(), &collected))
	var points []point
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name != name {
				continue
			}
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					points = append(points, point{attributes(p.Attributes.ToSlice()), p.Count, p.Sum})
				}
			case metricdata.Histogram[int64]:
				for _, p := range data.DataPoints {
					points = append(points, point{attributes(p.Attributes.ToSlice()), p.Count, float64(p.Sum)})
				}
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					points = append(points, point{attributes(p.Attributes.ToSlice()), uint64(p.Value), float64(p.Value)})
				}
			}
		}
	}
	return points
}

// names returns the names of all metrics, and of all their attributes.
func (tel *telemetry) names(t testing.TB) (metrics, keys []string) {
	t.Helper()
	var collected metricdata.ResourceMetrics
	require.NoError(t, tel.reader.Collect(t.Context(), &collected))
	for _, scope := range collected.ScopeMetrics {
		if scope.Scope.Name == promptorchestraotel.ScopeName {
			assert.Equal(t, semconv.SchemaURL, scope.Scope.SchemaURL)
		}
		for _, m := range scope.Metrics {
			metrics = append(metrics, m.Name)
			for _, p := range tel.points(t, m.Name) {
				for key := range p.attributes {
					keys = append(keys, key)
				}
			}
		}
	}
	slices.Sort(metrics)
	slices.Sort(keys)
	return metrics, slices.Compact(keys)
}

// inTurnThen responds with one body after the other, and then always with the handler.
func inTurnThen(bodies []string, last http.HandlerFunc) http.HandlerFunc {
	next := make(chan string, len(bodies))
	for _, body := range bodies {
		next <- body
	}
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case body := <-next:
			reply(200, body)(w, r)
		default:
			last(w, r)
		}
	}
}
