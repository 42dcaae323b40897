// Package promptorchestraotel gives every call of a promptorchestra.Client a span and metrics of
// OpenTelemetry. It is one option of the client, and no call site changes:
//
//	client, err := promptorchestra.New(promptorchestraotel.With(), ...)
//
// A call is a span of kind CLIENT, and each of its attempts is an HTTP client span beneath. A method
// that makes several calls is a span of kind INTERNAL over theirs. Runs of prompts, skills and agents
// have the attributes of the conventions for generative AI as well. Spans are named and attributed when
// they start, with the server and the model that is asked for, so that samplers can decide by them.
//
// A failure has one error.type in all spans and metrics, the [promptorchestra.Kind]. A call that its
// own caller cancelled is no error. A method that waits for a run, which returns no error if the run
// failed, is then a failure with the error.type run_failed. No attribute holds a prompt, an output or a variable, unless
// [WithContentCapture] is given. No attribute of a metric holds an id.
//
// docs/observability.md in the repository lists every attribute, its convention and its source.
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

// With returns an option that gives every call of a client spans and metrics: an observer of its calls,
// and a wrapper of its transport for their attempts. Wrappers that are given after it see the attempt
// before its span begins. Spans go to the global providers, unless an option says otherwise.
//
// Of two of them that a client is given the first one counts.
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

// callKey finds in a context the call or the attempt that it is of.
type callKey struct{}

// call is a call on its way, and the context of it.
type call struct {
	context.Context //nolint:containedctx // it is one
	*telemetry

	info   promptorchestra.CallInfo
	model  *modelOperation // nil where no model runs
	span   trace.Span
	server *server
	extra  []attribute.KeyValue // of its metrics

	inComposite bool

	mu       sync.Mutex // RoundTrippers above may send attempts side by side
	attempts int
	last     *attempt // has ended, but its span has not
	ended    bool
	input    string // the variables, where content is captured
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

// is reports whether a call that has sent nothing yet is this one, told by another observer of the same
// client. The calls that a composite makes have another Op.
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
	if info.Organization != "" {
		attrs = append(attrs, organizationKey.String(info.Organization))
	}
	for name, id := range info.Resource {
		if !strings.Contains(name, "[") { // the parts of a graph are many
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
		outcome, kind = outcomeFailure, runFailed // the end of the run is what it was called for
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
	if result.RequestID != "" {
		attrs = append(attrs, requestIDKey.String(result.RequestID))
	}
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
	if code := codeOf(result.Err); code != "" {
		attrs = append(attrs, errorCodeKey.String(code))
	}
	if kind != "" {
		attrs = append(attrs, semconv.ErrorTypeKey.String(string(kind)))
		c.span.SetStatus(codes.Error, c.description(result.Err))
	}
	c.span.SetAttributes(c.filter(attrs)...)
}

// filter leaves the attributes that are to be kept. It reuses the slice.
func (t *telemetry) filter(attrs []attribute.KeyValue) []attribute.KeyValue {
	if t.keep == nil {
		return attrs
	}
	return slices.DeleteFunc(attrs, func(a attribute.KeyValue) bool { return !t.keep(a) })
}

// outcomeOf returns what came of a call, and what kind of error it was: "" for none. A call that its
// caller cancelled is none, though its outcome may be unknown.
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
