package promptorchestraotel_test

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
	promptorchestraotel "github.com/prompt-orchestra/promptorchestra-go/otel"
)

func ExampleWith() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	spans := tracetest.NewInMemoryExporter() // a service has one that exports to its collector
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))

	client := srv.Client(promptorchestraotel.With(promptorchestraotel.WithTracerProvider(provider)))
	if _, err := client.Agents.List(context.Background()); err != nil {
		fmt.Println(err)
	}
	for _, span := range spans.GetSpans() {
		fmt.Println(span.Name)
	}
	// Output:
	// GET /api/agents
	// Agents.List
}

func ExampleWithSpanAttributes() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	names := map[string]string{"agt_1": "Support"} // what the program knows of its agents
	client := srv.Client(promptorchestraotel.With(
		promptorchestraotel.WithSpanAttributes(func(_ context.Context, call promptorchestra.CallInfo) []attribute.KeyValue {
			if name, ok := names[call.Resource["agentId"]]; ok {
				return []attribute.KeyValue{attribute.String("gen_ai.agent.name", name)}
			}
			return nil
		}),
	))
	_ = client
}
