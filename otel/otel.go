// Package promptorchestraotel gives every call of a promptorchestra.Client OpenTelemetry spans and
// metrics. It is one option of the client, and no call site changes:
//
//	client, err := promptorchestra.NewFromEnv(promptorchestraotel.With())
//
// A call is a span of kind CLIENT, and each of its attempts is an HTTP client span beneath it. A method
// that makes several calls is a span of kind INTERNAL over them. Runs of prompts, skills and agents
// also have the attributes of the conventions for generative AI. When a span starts, it has its name,
// the server and the requested model, so that samplers can decide by them.
//
// A failure has one error.type in all spans and metrics: its [promptorchestra.Kind]. A call that its
// caller cancelled is no error. If a method waits for a run that then fails, it returns no error, but
// its span and its measurement are a failure with the error.type run_failed.
//
// No attribute holds a prompt, an output or a variable, unless [WithContentCapture] is given, and no
// attribute of a metric holds an id.
//
// [docs/observability.md] lists every attribute and metric, shows queries for a dashboard, and how to
// export by OTLP.
//
// [docs/observability.md]: https://github.com/prompt-orchestra/promptorchestra-go/blob/main/docs/observability.md
package promptorchestraotel

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// ScopeName is the name of the instrumentation scope of all spans and metrics.
const ScopeName = "github.com/prompt-orchestra/promptorchestra-go/otel"

// With returns a client option that gives every call spans and metrics: it observes the calls, and wraps
// the transport for their attempts. Wrappers that are given after it see an attempt before its span
// begins. Spans and metrics go to the global providers, unless an option says otherwise.
//
// If a client is given With twice, the first one counts.
func With(opts ...Option) promptorchestra.Option {
	t := newTelemetry(newConfig(opts))
	observer := promptorchestra.WithObserver(t.begin)
	if t.withoutAttempts && !t.captureContent {
		return observer
	}
	return promptorchestra.Options(observer, promptorchestra.WithTransportWrapper(t.wrap))
}

// telemetry is what all calls share.
type telemetry struct {
	config

	tracer       trace.Tracer
	metrics      instruments
	measurements measurements
	server       atomic.Pointer[server] // of the last call
}

func newTelemetry(cfg config) *telemetry {
	return &telemetry{
		config: cfg,
		tracer: cfg.tracers.Tracer(ScopeName,
			trace.WithInstrumentationVersion(promptorchestra.Version), trace.WithSchemaURL(schemaURL)),
		metrics:      newInstruments(&cfg),
		measurements: measurements{made: map[series]*measurement{}},
	}
}

var (
	kindClient   = trace.WithSpanKind(trace.SpanKindClient)
	kindInternal = trace.WithSpanKind(trace.SpanKindInternal)
)

// callKey finds the call or the attempt to which a context belongs.
type callKey struct{}

// call is a call that has begun, and its context.
type call struct {
	context.Context //nolint:containedctx // it is one
	*telemetry

	info   promptorchestra.CallInfo
	model  *modelOperation // nil if no model runs
	span   trace.Span
	server *server
	extra  []attribute.KeyValue // for its metrics

	inComposite bool // a composite makes this call

	mu       sync.Mutex // other RoundTrippers may send attempts concurrently
	attempts int
	last     *attempt // has ended, but its span has not
	ended    bool
	input    string // the variables, if content is captured
}

// Value returns the call for its key.
func (c *call) Value(key any) any {
	if key == (callKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// begin is the client's observer.
func (t *telemetry) begin(ctx context.Context, info promptorchestra.CallInfo) (context.Context, func(promptorchestra.CallResult)) {
	outer, ok := ctx.Value(callKey{}).(*call)
	if ok && outer.is(&info) {
		return nil, nil // the client has another With
	}
	c := &call{telemetry: t, info: info, model: modelOperations[info.Op], server: t.serverOf(info.Server)}
	c.inComposite = ok && outer.info.Composite
	name, kind := info.Op, kindClient
	if c.model != nil {
		name = c.model.spanName(info.Model)
	}
	if info.Composite { // the calls beneath it are the client's
		kind = kindInternal
	}
	attrs := c.startAttributes()
	if t.spanAttributes != nil {
		attrs = append(attrs, t.spanAttributes(ctx, info)...)
	}
	if t.metricAttributes != nil {
		c.extra = t.metricAttributes(ctx, info)
	}
	c.Context, c.span = t.tracer.Start(ctx, name, kind, trace.WithAttributes(t.filter(attrs)...))
	return c, c.end
}

// is reports whether this call, which has sent nothing yet, is the one that another observer of the
// same client is told about. The calls that a composite makes have another Op.
func (c *call) is(info *promptorchestra.CallInfo) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.attempts == 0 && !c.ended && c.info.Op == info.Op && c.info.Server == info.Server &&
		c.info.Organization == info.Organization && maps.Equal(c.info.Resource, info.Resource)
}

// startAttributes returns what is known of a call before its response.
func (c *call) startAttributes() []attribute.KeyValue {
	info := &c.info
	attrs := make([]attribute.KeyValue, 0, 12)
	attrs = append(attrs, operationKey.String(info.Op))
	if c.model != nil {
		attrs = c.model.appendStart(attrs, info)
	}
	attrs = appendText(attrs, organizationKey, info.Organization)
	for name, id := range info.Resource {
		if !strings.Contains(name, "[") { // a graph has many parts
			attrs = append(attrs, resourceKey(name).String(id))
		}
	}
	if !info.Composite {
		attrs = c.server.appendTo(attrs)
	}
	return attrs
}

// end records the result of the call.
func (c *call) end(result promptorchestra.CallResult) {
	outcome, kind := c.outcomeOf(result.Err)
	c.finishLast(&result, kind)
	run := runOf(&result)
	run.requested = cmp.Or(c.info.Model, run.requested)
	if c.info.Composite && result.Err == nil && run.status.Failed() {
		outcome, kind = outcomeFailure, runFailed // its caller wants to know how the run ended
	}
	c.record(&result, &run, outcome, kind)
	if c.span.IsRecording() {
		c.describe(&result, &run, outcome, kind)
	}
	c.span.End()
}

// describe completes the span.
func (c *call) describe(result *promptorchestra.CallResult, run *run, outcome string, kind promptorchestra.Kind) {
	attrs := make([]attribute.KeyValue, 0, 16)
	attrs = append(attrs, outcomeKey.String(outcome))
	if !c.info.Composite {
		attrs = append(attrs, attemptsKey.Int(result.Attempts))
	}
	attrs = appendText(attrs, requestIDKey, result.RequestID)
	if result.BudgetExhausted {
		attrs = append(attrs, budgetKey.Bool(true))
	}
	attrs = run.appendTo(attrs)
	if c.model != nil {
		attrs = run.appendModel(attrs)
		if c.captureContent {
			attrs = run.appendContent(attrs, c.input)
		}
	}
	attrs = appendText(attrs, errorCodeKey, codeOf(result.Err))
	if kind != "" {
		attrs = append(attrs, semconv.ErrorTypeKey.String(string(kind)))
		c.span.SetStatus(codes.Error, c.description(result.Err))
	}
	c.span.SetAttributes(c.filter(attrs)...)
}

// appendText adds an attribute, unless its value is empty.
func appendText(attrs []attribute.KeyValue, key attribute.Key, value string) []attribute.KeyValue {
	if value == "" {
		return attrs
	}
	return append(attrs, key.String(value))
}

// filter returns the attributes to keep. It reuses the slice.
func (t *telemetry) filter(attrs []attribute.KeyValue) []attribute.KeyValue {
	if t.keep == nil {
		return attrs
	}
	return slices.DeleteFunc(attrs, func(a attribute.KeyValue) bool { return !t.keep(a) })
}

// outcomeOf returns the outcome of a call, and the kind of its error, "" for none. A call that its caller
// cancelled has no kind, though its outcome may be unknown.
func (c *call) outcomeOf(err error) (outcome string, kind promptorchestra.Kind) {
	if err == nil {
		return outcomeSuccess, ""
	}
	kind, outcome = promptorchestra.KindOf(err), outcomeFailure
	if kind == promptorchestra.KindCanceled && errors.Is(c.Err(), context.Canceled) {
		kind, outcome = "", outcomeCanceled
	}
	if promptorchestra.OutcomeUnknown(err) {
		outcome = outcomeUnknown
	}
	return outcome, kind
}
