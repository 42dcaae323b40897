package promptorchestraotel

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// Option configures [With]. A later option overrides an earlier one.
type Option interface{ apply(cfg *config) }

type optionFunc func(*config)

func (f optionFunc) apply(cfg *config) { f(cfg) }

// attributesFunc returns attributes of a call.
type attributesFunc = func(ctx context.Context, call promptorchestra.CallInfo) []attribute.KeyValue

type config struct {
	tracers          trace.TracerProvider
	meters           metric.MeterProvider
	propagator       propagation.TextMapPropagator
	keep             attribute.Filter
	spanAttributes   attributesFunc
	metricAttributes attributesFunc
	captureContent   bool
	withoutAttempts  bool
	genAI            GenAIConventions
}

func newConfig(opts []Option) config {
	cfg := config{
		tracers: otel.GetTracerProvider(), meters: otel.GetMeterProvider(), propagator: otel.GetTextMapPropagator(),
	}
	for _, opt := range opts {
		if opt != nil {
			opt.apply(&cfg)
		}
	}
	return cfg
}

// WithTracerProvider sets where spans go. The default, also for nil, is the global provider.
func WithTracerProvider(provider trace.TracerProvider) Option {
	return optionFunc(func(cfg *config) {
		if provider != nil {
			cfg.tracers = provider
		}
	})
}

// WithMeterProvider sets where metrics go. The default, also for nil, is the global provider.
func WithMeterProvider(provider metric.MeterProvider) Option {
	return optionFunc(func(cfg *config) {
		if provider != nil {
			cfg.meters = provider
		}
	})
}

// WithPropagators sets how a request carries its trace to the server. The default, also for nil, is
// the global propagator, which carries nothing until the program sets one.
func WithPropagators(propagator propagation.TextMapPropagator) Option {
	return optionFunc(func(cfg *config) {
		if propagator != nil {
			cfg.propagator = propagator
		}
	})
}

// WithAttributeFilter keeps only the attributes of spans and metrics for which keep returns true. The
// package attribute makes such filters: see [attribute.NewDenyKeysFilter]. By default all are kept.
func WithAttributeFilter(keep attribute.Filter) Option {
	return optionFunc(func(cfg *config) { cfg.keep = keep })
}

// WithSpanAttributes adds what the function returns to the span of each call when it starts, so that
// samplers see it: a tenant's plan, or an agent's name, which responses do not have. The function runs
// in the caller's goroutine, perhaps in several at once.
func WithSpanAttributes(attributes func(ctx context.Context, call promptorchestra.CallInfo) []attribute.KeyValue) Option {
	return optionFunc(func(cfg *config) { cfg.spanAttributes = attributes })
}

// WithMetricAttributes adds what the function returns to every measurement of a call. Each combination
// of values becomes a time series: return few different values, and no ids. The function runs in the
// caller's goroutine, perhaps in several at once.
func WithMetricAttributes(attributes func(ctx context.Context, call promptorchestra.CallInfo) []attribute.KeyValue) Option {
	return optionFunc(func(cfg *config) { cfg.metricAttributes = attributes })
}

// WithContentCapture adds the caller's data to spans: a run's variables as gen_ai.input.messages, its
// output as gen_ai.output.messages, and the text of an error, which may quote the server, as the
// description of the span's status. Without this option no span holds any of it.
func WithContentCapture() Option {
	return optionFunc(func(cfg *config) { cfg.captureContent = true })
}

// WithoutAttempts leaves out the spans and metrics of attempts, and the trace's header in requests. It
// is for a client whose transport is already wrapped by otelhttp, which makes all three: its spans are
// then beneath the spans of calls.
func WithoutAttempts() Option {
	return optionFunc(func(cfg *config) { cfg.withoutAttempts = true })
}

// WithGenAIConventions sets the version of the conventions for generative AI. The default, also for a
// version without a constant here, is [GenAIConventions141].
func WithGenAIConventions(version GenAIConventions) Option {
	return optionFunc(func(cfg *config) { cfg.genAI = version })
}
