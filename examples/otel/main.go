// Otel shows the SDK in a service's own traces and metrics: a span for each call,
// named by its operation, with a span for each attempt beneath, and metrics by
// operation. The emulator refuses the first attempt, so that a retried call is
// seen. Run it in its own module:
//
//	go -C examples/otel run .
//
// A service would give its own providers, which export to its collector, where
// this program keeps everything in memory and prints it.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "The example did not get through:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	spans := tracetest.NewInMemoryExporter()
	traces := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	reader := sdkmetric.NewManualReader()
	metrics := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	defer func() {
		_ = traces.Shutdown(ctx)
		_ = metrics.Shutdown(ctx)
	}()
	telemetry, err := NewTelemetry(traces, metrics, propagation.TraceContext{})
	if err != nil {
		return err
	}

	emulator := orchestratest.NewServer()
	defer emulator.Close()
	// The pool of a service that calls one host: net/http keeps two connections by default.
	base := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 64, IdleConnTimeout: 90 * time.Second}
	defer base.CloseIdleConnections()
	client := emulator.Client(promptorchestra.WithTransport(telemetry.Transport(base)))

	emulator.Fail("Prompts.List", orchestratest.Status(http.StatusServiceUnavailable, `{"error":"Service unavailable"}`))
	if _, err := Call(ctx, telemetry, func(ctx context.Context) ([]promptorchestra.PromptListItem, error) {
		return client.Prompts.List(ctx)
	}); err != nil {
		return fmt.Errorf("listing prompts: %w", err)
	}
	_, err = Call(ctx, telemetry, func(ctx context.Context) (*promptorchestra.PromptDetail, error) {
		return client.Prompts.Get(ctx, "prm_of_nobody")
	})
	if !promptorchestra.IsNotFound(err) {
		return fmt.Errorf("getting a prompt that is not there: %w", err)
	}

	printSpans(out, spans.GetSpans())
	var collected metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &collected); err != nil {
		return fmt.Errorf("collecting the metrics: %w", err)
	}
	printMetrics(out, collected)
	return nil
}

// printSpans prints each trace: a call, and its attempts beneath.
func printSpans(out io.Writer, spans tracetest.SpanStubs) {
	for _, call := range spans {
		if call.Parent.IsValid() {
			continue
		}
		fmt.Fprintf(out, "trace %s\n", call.SpanContext.TraceID())
		printSpan(out, "  ", call)
		for _, attempt := range spans {
			if attempt.Parent.SpanID() == call.SpanContext.SpanID() {
				printSpan(out, "    ", attempt)
			}
		}
		fmt.Fprintln(out)
	}
}

func printSpan(out io.Writer, indent string, span tracetest.SpanStub) {
	fmt.Fprintf(out, "%s%s (%s, %s)", indent, span.Name, span.SpanKind, span.EndTime.Sub(span.StartTime).Round(time.Microsecond))
	if span.Status.Code != 0 {
		fmt.Fprintf(out, " %s", strings.TrimSpace(span.Status.Code.String()+" "+span.Status.Description))
	}
	fmt.Fprintln(out)
	for _, line := range lines(span.Attributes) {
		fmt.Fprintf(out, "%s    %s\n", indent, line)
	}
}

func printMetrics(out io.Writer, collected metricdata.ResourceMetrics) {
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			fmt.Fprintf(out, "metric %s (%s)\n", m.Name, m.Unit)
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					fmt.Fprintf(out, "  %d  %s\n", p.Value, strings.Join(lines(p.Attributes.ToSlice()), " "))
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					fmt.Fprintf(out, "  count %d, sum %.3f  %s\n", p.Count, p.Sum, strings.Join(lines(p.Attributes.ToSlice()), " "))
				}
			case metricdata.Histogram[int64]:
				for _, p := range data.DataPoints {
					fmt.Fprintf(out, "  count %d, sum %d  %s\n", p.Count, p.Sum, strings.Join(lines(p.Attributes.ToSlice()), " "))
				}
			}
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
