package promptorchestraotel

import (
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	genai "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/semconv/v1.41.0/genaiconv"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// instruments are what is measured. Those of the conventions have the bounds that the conventions give.
type instruments struct {
	duration      metric.Float64Histogram
	attempts      metric.Int64Histogram
	budget        metric.Int64Counter
	request       httpconv.ClientRequestDuration
	modelDuration genaiconv.ClientOperationDuration
	modelTokens   genaiconv.ClientTokenUsage
}

func newInstruments(provider metric.MeterProvider) instruments {
	meter := provider.Meter(ScopeName, metric.WithInstrumentationVersion(promptorchestra.Version))
	var (
		i    instruments
		errs [6]error
	)
	i.duration, errs[0] = meter.Float64Histogram(durationName, metric.WithUnit("s"),
		metric.WithDescription("Duration of calls, with all their attempts and waits."),
		metric.WithExplicitBucketBoundaries(.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600))
	i.attempts, errs[1] = meter.Int64Histogram(attemptsName, metric.WithUnit("{attempt}"),
		metric.WithDescription("Number of requests sent for a call: 0 if it was rejected before sending."),
		metric.WithExplicitBucketBoundaries(0, 1, 2, 3, 4, 6, 10))
	i.request, errs[2] = httpconv.NewClientRequestDuration(meter,
		metric.WithExplicitBucketBoundaries(.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10))
	i.modelDuration, errs[3] = genaiconv.NewClientOperationDuration(meter,
		metric.WithExplicitBucketBoundaries(.01, .02, .04, .08, .16, .32, .64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92))
	i.modelTokens, errs[4] = genaiconv.NewClientTokenUsage(meter,
		metric.WithExplicitBucketBoundaries(1, 1<<2, 1<<4, 1<<6, 1<<8, 1<<10, 1<<12, 1<<14, 1<<16, 1<<18, 1<<20, 1<<22, 1<<24, 1<<26))
	i.budget, errs[5] = meter.Int64Counter(budgetName, metric.WithUnit("{call}"),
		metric.WithDescription("Calls that failed for want of a retry: the client's retry budget was used up."))
	for _, err := range errs {
		if err != nil {
			otel.Handle(err) // the instrument is one that measures nothing
		}
	}
	return i
}

// record measures a call that has ended. A composite is none: the calls that it makes are measured.
func (c *call) record(result *promptorchestra.CallResult, run *run, outcome string, kind promptorchestra.Kind) {
	if c.info.Composite {
		return
	}
	ctx, m, seconds := c.ctx, &c.metrics, result.Duration.Seconds()
	attrs := make([]attribute.KeyValue, 0, 8+len(c.extra))
	attrs = append(attrs, operationKey.String(c.info.Op), outcomeKey.String(outcome))
	if kind != "" {
		attrs = append(attrs, semconv.ErrorTypeKey.String(string(kind)))
	}
	set := c.set(attrs)
	m.duration.Record(ctx, seconds, set)
	m.attempts.Record(ctx, int64(result.Attempts), set)
	if result.BudgetExhausted {
		m.budget.Add(ctx, 1, c.set(append(attrs[:0], operationKey.String(c.info.Op))))
	}
	if c.model == nil {
		return
	}

	common := make([]attribute.KeyValue, 0, 8)
	common = append(common, genai.GenAIOperationNameKey.String(c.model.name), genai.GenAIProviderNameKey.String(run.providerName()))
	common = append(common, c.server...)
	common = run.appendModels(common)
	attrs = append(attrs[:0], common...)
	if kind != "" {
		attrs = append(attrs, semconv.ErrorTypeKey.String(string(kind)))
	}
	if run.status != "" {
		attrs = append(attrs, runStatusKey.String(string(run.status)))
	}
	m.modelDuration.Inst().Record(ctx, seconds, c.set(attrs))
	for _, used := range []struct {
		kind   attribute.KeyValue
		tokens int
	}{{genai.GenAITokenTypeInput, run.inputTokens}, {genai.GenAITokenTypeOutput, run.outputTokens}} {
		if used.tokens > 0 { // 0 is also what a response without them has
			m.modelTokens.Inst().Record(ctx, int64(used.tokens), c.set(append(append(attrs[:0], common...), used.kind)))
		}
	}
}

// recordAttempt measures an attempt that has ended.
func (c *call) recordAttempt(a *attempt, kind promptorchestra.Kind) {
	attrs := make([]attribute.KeyValue, 0, 8+len(c.extra))
	attrs = append(attrs, semconv.HTTPRequestMethodKey.String(a.method))
	attrs = append(attrs, c.server...)
	if c.info.Path != "" {
		attrs = append(attrs, semconv.URLTemplate(c.info.Path))
	}
	if a.status > 0 {
		attrs = append(attrs, semconv.HTTPResponseStatusCode(a.status))
	}
	if a.protocol != "" {
		attrs = append(attrs, semconv.NetworkProtocolVersion(a.protocol))
	}
	if kind != "" {
		attrs = append(attrs, semconv.ErrorTypeKey.String(string(kind)))
	}
	c.metrics.request.Inst().Record(a.ctx, a.ended.Sub(a.started).Seconds(), c.set(attrs))
}

// set returns the attributes of a measurement, completed and filtered. It reorders the slice.
func (c *call) set(attrs []attribute.KeyValue) metric.MeasurementOption {
	set, _ := attribute.NewSetWithFiltered(append(attrs, c.extra...), c.keep)
	return metric.WithAttributeSet(set)
}
