package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// memory keeps spans and metrics, and prints them.
type memory struct {
	spans   *tracetest.InMemoryExporter
	reader  *sdkmetric.ManualReader
	traces  *sdktrace.TracerProvider
	metrics *sdkmetric.MeterProvider
}

func newMemory() *memory {
	m := &memory{spans: tracetest.NewInMemoryExporter(), reader: sdkmetric.NewManualReader()}
	m.traces = sdktrace.NewTracerProvider(sdktrace.WithSyncer(m.spans))
	m.metrics = sdkmetric.NewMeterProvider(sdkmetric.WithReader(m.reader))
	return m
}

func (m *memory) shutdown(ctx context.Context) {
	_ = m.traces.Shutdown(ctx) // of memory neither can fail
	_ = m.metrics.Shutdown(ctx)
}

// outOfReachAtFirst is a transport whose first dial finds nobody.
func outOfReachAtFirst() *http.Transport {
	var dialed atomic.Bool
	return &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if dialed.CompareAndSwap(false, true) {
			address = "127.0.0.1:1"
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}}
}

func (m *memory) print(ctx context.Context, out io.Writer) error {
	var collected metricdata.ResourceMetrics
	if err := m.reader.Collect(ctx, &collected); err != nil {
		return fmt.Errorf("collecting the metrics: %w", err)
	}
	spans := m.spans.GetSpans()
	for _, call := range spans {
		if call.Parent.IsValid() {
			continue
		}
		printSpan(out, "", call)
		for _, attempt := range spans {
			if attempt.Parent.SpanID() == call.SpanContext.SpanID() {
				printSpan(out, "    ", attempt)
			}
		}
	}
	for _, scope := range collected.ScopeMetrics {
		for _, metric := range scope.Metrics {
			fmt.Fprintf(out, "\n%s (%s)\n", metric.Name, metric.Unit)
			printPoints(out, metric.Data)
		}
	}
	return nil
}

func printSpan(out io.Writer, indent string, span tracetest.SpanStub) {
	fmt.Fprintf(out, "\n%s%s, %s, %s", indent, span.Name, span.SpanKind, span.EndTime.Sub(span.StartTime).Round(10*time.Microsecond))
	if span.Status.Code != codes.Unset {
		fmt.Fprintf(out, ", %s %q", span.Status.Code, span.Status.Description)
	}
	fmt.Fprintln(out)
	for _, line := range lines(span.Attributes) {
		fmt.Fprintf(out, "%s  %s\n", indent, line)
	}
}

func printPoints(out io.Writer, data metricdata.Aggregation) {
	switch data := data.(type) {
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			fmt.Fprintf(out, "  %d, sum %.4f: %s\n", p.Count, p.Sum, strings.Join(lines(p.Attributes.ToSlice()), " "))
		}
	case metricdata.Histogram[int64]:
		for _, p := range data.DataPoints {
			fmt.Fprintf(out, "  %d, sum %d: %s\n", p.Count, p.Sum, strings.Join(lines(p.Attributes.ToSlice()), " "))
		}
	}
}

func lines(attributes []attribute.KeyValue) []string {
	all := make([]string, 0, len(attributes))
	for _, a := range attributes {
		all = append(all, fmt.Sprintf("%s=%s", a.Key, a.Value.String()))
	}
	slices.Sort(all)
	return all
}
