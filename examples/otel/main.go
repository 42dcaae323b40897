// Otel shows the SDK in a service's own traces and metrics. The server is out of reach for the first
// attempt of a paid run and refuses the second one for its rate: the program prints the run's trace and
// its metrics. Run it in its own module:
//
//	go -C examples/otel run .
//
// With -otlp it exports them instead, to the collector that OTEL_EXPORTER_OTLP_ENDPOINT names.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
	promptorchestraotel "github.com/prompt-orchestra/promptorchestra-go/otel"
)

func main() {
	otlp := flag.Bool("otlp", false, "export to a collector instead of printing")
	flag.Parse()
	ctx, err := context.Background(), error(nil)
	if *otlp {
		err = runExported(ctx, greet)
	} else {
		err = run(ctx, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "The example did not get through:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	memory := newMemory()
	defer memory.shutdown(ctx)
	err := greet(ctx, promptorchestraotel.With( // without these two the global providers are used
		promptorchestraotel.WithTracerProvider(memory.traces),
		promptorchestraotel.WithMeterProvider(memory.metrics),
	))
	if err != nil {
		return err
	}
	return memory.print(ctx, out)
}

// greet runs a prompt, at the third attempt.
func greet(ctx context.Context, telemetry promptorchestra.Option) error {
	emulator := orchestratest.NewServer()
	defer emulator.Close()
	promptID := emulator.PublishPrompt("Greet {{name}}.")
	emulator.Fail("Prompts.Run", orchestratest.RateLimited(0))

	transport := outOfReachAtFirst()
	defer transport.CloseIdleConnections()
	client := emulator.Client(promptorchestra.WithTransport(transport), telemetry)
	_, err := client.Prompts.Run(ctx, promptID, promptorchestra.PromptRunParams{Variables: map[string]any{"name": "Ann"}})
	if err != nil {
		return fmt.Errorf("running the prompt: %w", err)
	}
	return nil
}
