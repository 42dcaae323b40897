package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// setup is a client whose telemetry stays in memory, and its emulator.
type setup struct {
	telemetry *Telemetry
	client    *promptorchestra.Client
	emulator  *orchestratest.Server
	spans     *tracetest.InMemoryExporter
	reader    *sdkmetric.ManualReader
}

func newSetup(t *testing.T) *setup {
	t.Helper()
	s := &setup{emulator: orchestratest.NewServer(), spans: tracetest.NewInMemoryExporter(), reader: sdkmetric.NewManualReader()}
	t.Cleanup(s.emulator.Close)
	traces := sdktrace.NewTracerProvider(sdktrace.WithSyncer(s.spans))
	metrics := sdkmetric.NewMeterProvider(sdkmetric.WithReader(s.reader))
	t.Cleanup(func() {
		assert.NoError(t, traces.Shutdown(context.WithoutCancel(t.Context())))
		assert.NoError(t, metrics.Shutdown(context.WithoutCancel(t.Context())))
	})
	var err error
	s.telemetry, err = NewTelemetry(traces, metrics, propagation.TraceContext{})
	require.NoError(t, err)
	base := &http.Transport{}
	t.Cleanup(base.CloseIdleConnections)
	s.client = s.emulator.Client(
		promptorchestra.WithTransport(s.telemetry.Transport(base)),
		promptorchestra.WithRetry(promptorchestra.RetryPolicy{MinWait: time.Millisecond, MaxWait: 2 * time.Millisecond}),
	)
	return s
}

// split returns the call's span and its attempts' spans, in order.
func (s *setup) split(t *testing.T) (call tracetest.SpanStub, attempts tracetest.SpanStubs) {
	t.Helper()
	calls := 0
	for _, span := range s.spans.GetSpans() {
		if span.Parent.IsValid() {
			attempts = append(attempts, span)
		} else {
			call = span
			calls++
		}
	}
	require.Equal(t, 1, calls)
	for _, a := range attempts {
		require.Equal(t, call.SpanContext.SpanID(), a.Parent.SpanID(), "attempts are beneath their call")
	}
	return call, attempts
}

func (s *setup) metrics(t *testing.T) map[string]metricdata.Metrics {
	t.Helper()
	var collected metricdata.ResourceMetrics
	require.NoError(t, s.reader.Collect(t.Context(), &collected))
	byName := map[string]metricdata.Metrics{}
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			byName[m.Name] = m
		}
	}
	return byName
}

func get(attributes []attribute.KeyValue, key string) string {
	for _, a := range attributes {
		if string(a.Key) == key {
			return a.Value.String()
		}
	}
	return ""
}

func TestRetriedCallIsOneSpanWithItsAttemptsBeneath(t *testing.T) {
	s := newSetup(t)
	s.emulator.Fail("Agents.List", orchestratest.Status(http.StatusServiceUnavailable, ""))
	_, err := Call(t.Context(), s.telemetry, func(ctx context.Context) ([]promptorchestra.AgentListItem, error) {
		return s.client.Agents.List(ctx)
	})
	require.NoError(t, err)

	call, attempts := s.split(t)
	assert.Equal(t, "Agents.List", call.Name)
	assert.Equal(t, trace.SpanKindInternal, call.SpanKind)
	assert.Equal(t, codes.Unset, call.Status.Code)
	assert.Equal(t, "2", get(call.Attributes, "promptorchestra.attempts"))
	require.Len(t, attempts, 2)
	arrived := s.emulator.Requests("Agents.List")
	require.Len(t, arrived, 2)
	for i, a := range attempts {
		assert.Equal(t, "GET /api/agents", a.Name)
		assert.Equal(t, trace.SpanKindClient, a.SpanKind)
		assert.Equal(t, "Agents.List", get(a.Attributes, "promptorchestra.operation"))
		assert.Equal(t, "/api/agents", get(a.Attributes, "url.template"))
		assert.Equal(t, s.emulator.URL+"/api/agents", get(a.Attributes, "url.full"))
		assert.Equal(t, `["`+arrived[i].RequestID+`"]`, get(a.Attributes, "http.response.header.x-request-id"))
		assert.Contains(t, arrived[i].Header.Get("Traceparent"), a.SpanContext.SpanID().String(), "the server can join the trace")
	}
	assert.Equal(t, "503", get(attempts[0].Attributes, "error.type"))
	assert.Equal(t, codes.Error, attempts[0].Status.Code)
	assert.Empty(t, get(attempts[0].Attributes, "http.request.resend_count"))
	assert.Equal(t, "200", get(attempts[1].Attributes, "http.response.status_code"))
	assert.Equal(t, "1", get(attempts[1].Attributes, "http.request.resend_count"))

	metrics := s.metrics(t)
	duration, ok := metrics["promptorchestra.client.operation.duration"].Data.(metricdata.Histogram[float64])
	require.True(t, ok)
	require.Len(t, duration.DataPoints, 1)
	assert.Equal(t, uint64(1), duration.DataPoints[0].Count, "a retried call is one call")
	assert.Equal(t, attribute.NewSet(operationKey.String("Agents.List")), duration.DataPoints[0].Attributes)
	sent, ok := metrics["promptorchestra.client.attempts"].Data.(metricdata.Sum[int64])
	require.True(t, ok)
	counts := map[string]int64{}
	for _, p := range sent.DataPoints {
		counts[get(p.Attributes.ToSlice(), "http.response.status_code")] = p.Value
		assert.Equal(t, "Agents.List", get(p.Attributes.ToSlice(), "promptorchestra.operation"))
	}
	assert.Equal(t, map[string]int64{"503": 1, "200": 1}, counts)
}

func TestFailuresAreToldByTheirKind(t *testing.T) {
	canceled := func(ctx context.Context) context.Context {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		return ctx
	}
	same := func(ctx context.Context) context.Context { return ctx }
	for _, tt := range []struct {
		name    string
		fault   orchestratest.Fault
		ctx     func(context.Context) context.Context
		agentID string
		kind    string
		unknown string
		sent    int
	}{
		{
			name: "no seats", fault: orchestratest.NoSeats(), ctx: same, agentID: "agt_1", kind: "entitlement",
			unknown: "false", sent: 1,
		},
		{
			name: "no answer", fault: orchestratest.DropAfter(), ctx: same, agentID: "agt_1", kind: "transport",
			unknown: "true", sent: 1,
		},
		{
			name: "a page of a proxy", fault: orchestratest.Status(200, "<html>"), ctx: same, agentID: "agt_1",
			kind: "decode", unknown: "true", sent: 1,
		},
		{
			name: "given up by the caller", fault: orchestratest.Fault{}, ctx: canceled, agentID: "agt_1",
			kind: "canceled", unknown: "false",
		},
		{
			name: "refused on our side", fault: orchestratest.Fault{}, ctx: same, agentID: "..", kind: "argument",
			unknown: "false",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSetup(t)
			s.emulator.Fail("Agents.Run", tt.fault)
			_, err := Call(tt.ctx(t.Context()), s.telemetry, func(ctx context.Context) (*promptorchestra.AgentRunResponse, error) {
				return s.client.Agents.Run(ctx, tt.agentID, promptorchestra.AgentRunParams{})
			})
			require.Error(t, err)
			call, attempts := s.split(t)
			assert.Equal(t, "Agents.Run", call.Name, "also when nothing was sent")
			assert.Equal(t, codes.Error, call.Status.Code)
			assert.Equal(t, tt.kind, get(call.Attributes, "error.type"))
			assert.Equal(t, tt.unknown, get(call.Attributes, "promptorchestra.outcome_unknown"))
			assert.Len(t, attempts, tt.sent)
			duration, ok := s.metrics(t)["promptorchestra.client.operation.duration"].Data.(metricdata.Histogram[float64])
			require.True(t, ok)
			assert.Equal(t, tt.kind, get(duration.DataPoints[0].Attributes.ToSlice(), "error.type"))
		})
	}
}

func TestTelemetryHoldsNothingPrivate(t *testing.T) {
	s := newSetup(t)
	ctx := t.Context()
	client := s.client.InOrganization("org_PRIVATE")
	calls := []func(context.Context) error{
		func(ctx context.Context) error { _, err := client.Agents.Get(ctx, "agt_PRIVATE"); return err },
		func(ctx context.Context) error {
			_, err := client.Agents.DiffVersion(ctx, "agt_PRIVATE", "ver_PRIVATE", "ver_PRIVATE")
			return err
		},
		func(ctx context.Context) error {
			_, err := client.Agents.Run(ctx, "agt_PRIVATE", promptorchestra.AgentRunParams{Variables: map[string]any{"x": "PRIVATE"}})
			return err
		},
		func(ctx context.Context) error {
			for _, err := range client.Prompts.All(ctx) {
				if err != nil {
					return err
				}
			}
			return errors.New("the organization is unknown")
		},
		func(ctx context.Context) error {
			return client.Do(ctx, promptorchestra.Request{
				Method: http.MethodGet, Path: "/api/PRIVATE", Query: url.Values{"q": {"PRIVATE"}},
			}, nil)
		},
	}
	for _, call := range calls {
		s.emulator.Fail("*", orchestratest.Status(422, `{"error":"PRIVATE","code":"PRIVATE"}`))
		_, err := Call(ctx, s.telemetry, func(ctx context.Context) (struct{}, error) { return struct{}{}, call(ctx) })
		require.Error(t, err)
	}
	spans := s.spans.GetSpans()
	require.Len(t, spans, 2*len(calls))
	var all strings.Builder
	for _, span := range spans {
		fmt.Fprintln(&all, span.Name, span.Status, lines(span.Attributes), span.Events)
	}
	for _, m := range s.metrics(t) {
		fmt.Fprintf(&all, "%+v\n", m)
	}
	for _, private := range []string{"PRIVATE", "organizationId", s.emulator.AccessToken, s.emulator.APIKey} {
		assert.NotContains(t, all.String(), private)
	}
}

func TestExamplePrintsARetriedCall(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out))
	for _, want := range []string{
		"  Prompts.List (internal", "    GET /api/prompts (client", "http.request.resend_count=1", "error.type=503",
		"error.type=not_found", "metric promptorchestra.client.operation.duration (s)", "metric promptorchestra.client.attempts ({attempt})",
	} {
		assert.Contains(t, out.String(), want)
	}
}
