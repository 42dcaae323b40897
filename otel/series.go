package promptorchestraotel

import (
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	genai "go.opentelemetry.io/otel/semconv/v1.41.0"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// series holds the attributes of a measurement. An empty field is no attribute.
type series struct {
	operation, outcome, kind, status                        string
	model, provider, requested, responded, tokens, modality string
	method, template, protocol                              string
	code                                                    int
	server                                                  endpoint
}

// measurement is a series in the form that instruments take.
type measurement struct {
	record []metric.RecordOption
	add    []metric.AddOption
}

// measurements keeps what was made, because most calls have the attributes of an earlier one.
type measurements struct {
	mu   sync.RWMutex
	made map[series]*measurement
}

const maxMeasurements = 1000 // to keep

// measured returns the measurement of a series, with the attributes that WithMetricAttributes adds.
func (c *call) measured(s *series) *measurement {
	if len(c.extra) > 0 {
		return c.newMeasurement(s, c.extra)
	}
	kept := &c.telemetry.measurements
	kept.mu.RLock()
	m := kept.made[*s]
	kept.mu.RUnlock()
	if m != nil {
		return m
	}
	m = c.newMeasurement(s, nil)
	kept.mu.Lock()
	defer kept.mu.Unlock()
	if len(kept.made) < maxMeasurements {
		kept.made[*s] = m
	}
	return m
}

func (t *telemetry) newMeasurement(s *series, extra []attribute.KeyValue) *measurement {
	set, _ := attribute.NewSetWithFiltered(append(s.attributes(), extra...), t.keep)
	option := metric.WithAttributeSet(set)
	return &measurement{[]metric.RecordOption{option}, []metric.AddOption{option}}
}

func (s *series) attributes() []attribute.KeyValue {
	attrs := make([]attribute.KeyValue, 0, 16)
	for _, a := range []struct {
		key   attribute.Key
		value string
	}{
		{operationKey, s.operation},
		{outcomeKey, s.outcome},
		{semconv.ErrorTypeKey, s.kind},
		{runStatusKey, s.status},
		{genai.GenAIOperationNameKey, s.model},
		{genai.GenAIProviderNameKey, s.provider},
		{genai.GenAIRequestModelKey, s.requested},
		{genai.GenAIResponseModelKey, s.responded},
		{genai.GenAITokenTypeKey, s.tokens},
		{modalityKey, s.modality},
		{semconv.HTTPRequestMethodKey, s.method},
		{semconv.URLTemplateKey, s.template},
		{semconv.NetworkProtocolVersionKey, s.protocol},
	} {
		attrs = appendText(attrs, a.key, a.value)
	}
	if s.code > 0 {
		attrs = append(attrs, semconv.HTTPResponseStatusCode(s.code))
	}
	return s.server.appendTo(attrs)
}
