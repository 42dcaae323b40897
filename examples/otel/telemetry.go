package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

const scope = "github.com/prompt-orchestra/promptorchestra-go/examples/otel"

// What the HTTP conventions have no name for.
const (
	operationKey = attribute.Key("promptorchestra.operation") // "Agents.Get"
	attemptsKey  = attribute.Key("promptorchestra.attempts")  // of a call
	unknownKey   = attribute.Key("promptorchestra.outcome_unknown")
)

// Telemetry traces and measures calls of the SDK. Copy this file into a service:
// Transport goes into the client, and Call around each call of it.
//
// No attribute holds a query, an id of a record, a body or a token.
type Telemetry struct {
	tracer   trace.Tracer
	duration metric.Float64Histogram
	attempts metric.Int64Counter
	options  []otelhttp.Option
}

// NewTelemetry returns a Telemetry that reports to the providers.
func NewTelemetry(traces trace.TracerProvider, metrics metric.MeterProvider, propagator propagation.TextMapPropagator) (*Telemetry, error) {
	meter := metrics.Meter(scope)
	duration, err := meter.Float64Histogram("promptorchestra.client.operation.duration",
		metric.WithUnit("s"), metric.WithDescription("Duration of calls, with all their attempts and waits."),
		metric.WithExplicitBucketBoundaries(.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600))
	if err != nil {
		return nil, fmt.Errorf("making the histogram: %w", err)
	}
	attempts, err := meter.Int64Counter("promptorchestra.client.attempts",
		metric.WithUnit("{attempt}"), metric.WithDescription("Requests sent, retries included."))
	if err != nil {
		return nil, fmt.Errorf("making the counter: %w", err)
	}
	return &Telemetry{
		tracer: traces.Tracer(scope), duration: duration, attempts: attempts,
		options: []otelhttp.Option{
			otelhttp.WithTracerProvider(traces), otelhttp.WithMeterProvider(metrics), otelhttp.WithPropagators(propagator),
			otelhttp.WithSpanNameFormatter(attemptName),
		},
	}, nil
}

// Transport returns what to give to promptorchestra.WithTransport: each attempt
// gets a client span of its own.
func (t *Telemetry) Transport(base http.RoundTripper) http.RoundTripper {
	return otelhttp.NewTransport(attempt{base, t.attempts}, t.options...)
}

// Call makes one call of the SDK in a span named by its operation, and measures
// it. The attempts' spans are beneath. A streamed list is ranged over inside
// call, so that the span lasts as long as the stream.
func Call[T any](ctx context.Context, t *Telemetry, call func(context.Context) (T, error)) (T, error) {
	ctx, span := t.tracer.Start(ctx, "promptorchestra") // until an attempt says which operation it is
	defer span.End()
	seen := new(progress)
	started := time.Now()
	result, err := call(context.WithValue(ctx, progressKey{}, seen))

	operation, attempts, requestID := seen.read()
	if operation == "" {
		operation = operationOf(err) // nothing was sent
	}
	if operation != "" {
		span.SetName(operation)
	}
	span.SetAttributes(operationKey.String(operation), attemptsKey.Int(attempts))
	if requestID != "" {
		span.SetAttributes(semconv.HTTPResponseHeader("x-request-id", requestID))
	}
	labels := []attribute.KeyValue{operationKey.String(operation)}
	if err != nil {
		kind := kindOf(err)
		labels = append(labels, kind)
		span.SetAttributes(kind, unknownKey.Bool(promptorchestra.OutcomeUnknown(err)))
		span.SetStatus(codes.Error, kind.Value.AsString()) // not err.Error(), which quotes the server
	}
	t.duration.Record(ctx, time.Since(started).Seconds(), metric.WithAttributes(labels...))
	return result, err
}

// kindOf returns what sort of failure it was: of few values, so that it can be
// counted by.
func kindOf(err error) attribute.KeyValue {
	var (
		failure  *promptorchestra.APIError
		refused  *promptorchestra.ArgumentError
		unusable *promptorchestra.DecodeError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return semconv.ErrorTypeKey.String("canceled")
	case errors.Is(err, context.DeadlineExceeded):
		return semconv.ErrorTypeKey.String("timeout")
	case errors.As(err, &failure):
		return semconv.ErrorTypeKey.String(string(failure.Kind))
	case errors.As(err, &refused):
		return semconv.ErrorTypeKey.String("argument")
	case errors.As(err, &unusable):
		return semconv.ErrorTypeKey.String("decode")
	default:
		return semconv.ErrorTypeKey.String("transport")
	}
}

// operationOf returns the operation of a call that failed before anything was sent.
func operationOf(err error) string {
	var (
		refused *promptorchestra.ArgumentError
		ended   *promptorchestra.TransportError
	)
	switch {
	case errors.As(err, &refused):
		return refused.Op
	case errors.As(err, &ended):
		return ended.Op
	default:
		return ""
	}
}

// attempt is beneath otelhttp: it adds to the attempt's span what only the SDK
// knows, and takes the ids and the query out of its URL.
type attempt struct {
	base  http.RoundTripper
	count metric.Int64Counter
}

func (a attempt) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	call, ok := promptorchestra.Operation(ctx)
	if !ok { // not the SDK's
		return a.base.RoundTrip(req) //nolint:wrapcheck // a RoundTripper passes on what it gets
	}
	operation, template, number := call.Op, call.Path, call.Attempts
	span := trace.SpanFromContext(ctx)
	known := []attribute.KeyValue{operationKey.String(operation)}
	path := "/REDACTED" // of Client.Do: only its caller knows where the ids are
	if template != "" {
		path = template
		known = append(known, semconv.URLTemplate(template))
	}
	span.SetAttributes(known...)
	span.SetAttributes(semconv.URLFull(req.URL.Scheme + "://" + req.URL.Host + path))
	if labeler, ok := otelhttp.ClientLabelerFromContext(ctx); ok { // of otelhttp's own metrics
		labeler.Add(known...)
	}
	if number > 1 {
		span.SetAttributes(semconv.HTTPRequestResendCount(number - 1))
	}
	resp, err := a.base.RoundTrip(req)
	labels := []attribute.KeyValue{operationKey.String(operation)}
	requestID := ""
	if err != nil {
		labels = append(labels, semconv.ErrorType(err))
	} else {
		labels = append(labels, semconv.HTTPResponseStatusCode(resp.StatusCode))
		if requestID = resp.Header.Get("X-Request-Id"); requestID != "" {
			span.SetAttributes(semconv.HTTPResponseHeader("x-request-id", requestID))
		}
	}
	a.count.Add(ctx, 1, metric.WithAttributes(labels...))
	if seen, ok := ctx.Value(progressKey{}).(*progress); ok {
		seen.note(operation, requestID)
	}
	return resp, err //nolint:wrapcheck // a RoundTripper passes on what it gets
}

// attemptName names an attempt's span as the HTTP conventions do.
func attemptName(_ string, req *http.Request) string {
	if call, ok := promptorchestra.Operation(req.Context()); ok && call.Path != "" {
		return req.Method + " " + call.Path
	}
	return req.Method
}

// progress is how a call's attempts tell the call of themselves.
type progress struct {
	mu        sync.Mutex
	operation string
	requestID string
	attempts  int
}

type progressKey struct{}

func (p *progress) note(operation, requestID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.operation, p.requestID = operation, requestID
	p.attempts++
}

func (p *progress) read() (operation string, attempts int, requestID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.operation, p.attempts, p.requestID
}
