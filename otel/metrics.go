package promptorchestraotel

import (
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// instruments measure calls and attempts. Those that the conventions define have the conventions' bounds.
type instruments struct {
	duration  metric.Float64Histogram
	attempts  metric.Int64Histogram
	composite metric.Float64Histogram
	budget    metric.Int64Counter
	request   metric.Float64Histogram
	model     modelInstruments
}

func newInstruments(cfg *config) instruments {
	meter := cfg.meters.Meter(ScopeName,
		metric.WithInstrumentationVersion(promptorchestra.Version), metric.WithSchemaURL(schemaURL))
	return instruments{
		duration: made(meter.Float64Histogram(durationName, metric.WithUnit("s"),
			metric.WithDescription("Duration of calls, with all their attempts and waits."),
			metric.WithExplicitBucketBoundaries(.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600))),
		attempts: made(meter.Int64Histogram(attemptsName, metric.WithUnit("{attempt}"),
			metric.WithDescription("Number of attempts of a call: 0 if it was rejected before sending."),
			metric.WithExplicitBucketBoundaries(0, 1, 2, 3, 4, 6, 10))),
		composite: made(meter.Float64Histogram(compositeName, metric.WithUnit("s"),
			metric.WithDescription("Duration of methods that make several calls, such as waiting for the end of a run."),
			metric.WithExplicitBucketBoundaries(.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200))),
		budget: made(meter.Int64Counter(budgetName, metric.WithUnit("{call}"),
			metric.WithDescription("Calls that were not retried because the client's retry budget was used up."))),
		request: made(httpconv.NewClientRequestDuration(meter,
			metric.WithExplicitBucketBoundaries(.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10))).Inst(),
		model: newModelInstruments(meter, cfg.genAI),
	}
}

// made returns an instrument. One that could not be made measures nothing.
func made[I any](instrument I, err error) I {
	if err != nil {
		otel.Handle(err)
	}
	return instrument
}

// record measures a call that has ended. A composite has another instrument: the calls that it makes
// are measured as calls.
func (c *call) record(result *promptorchestra.CallResult, run *run, outcome string, kind promptorchestra.Kind) {
	m, seconds := &c.metrics, result.Duration.Seconds()
	s := series{operation: c.info.Op, outcome: outcome, kind: string(kind)}
	if c.info.Composite {
		s.status = metricStatus(run.status)
		m.composite.Record(c, seconds, c.measured(&s).record...)
		return
	}
	measured := c.measured(&s)
	m.duration.Record(c, seconds, measured.record...)
	m.attempts.Record(c, int64(result.Attempts), measured.record...)
	if result.BudgetExhausted {
		m.budget.Add(c, 1, c.measured(&series{operation: c.info.Op}).add...)
	}
	if c.model != nil {
		c.recordModel(run, kind, seconds)
	}
}

// recordAttempt measures an attempt that has ended.
func (c *call) recordAttempt(a *attempt, kind promptorchestra.Kind) {
	s := series{
		method: a.method, template: c.info.Path, protocol: a.protocol, code: a.status, kind: string(kind),
		server: a.server.endpoint,
	}
	c.metrics.request.Record(a.Context, a.ended.Sub(a.started).Seconds(), c.measured(&s).record...)
}

// metricStatus returns a run's status for metrics: a plain name in lower case, because RunStatus.Failed
// accepts any casing and a query does not.
func metricStatus(status promptorchestra.RunStatus) string {
	return plain(strings.ToLower(string(status)))
}
