package promptorchestraotel_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// spanHandler adds to each record the span of its context, as the bridges of OpenTelemetry do.
type spanHandler struct{ slog.Handler }

func (h spanHandler) Handle(ctx context.Context, record slog.Record) error {
	record.AddAttrs(slog.String("span_id", trace.SpanContextFromContext(ctx).SpanID().String()))
	return h.Handler.Handle(ctx, record)
}

// The client's own records belong to the span of their call.
func TestRecordsCarryTheSpan(t *testing.T) {
	tel := newTelemetry(t)
	var out bytes.Buffer
	logger := slog.New(spanHandler{slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})})
	client := newClient(t, inTurn(reply(503, ""), reply(200, `{"id":7.5,"name":[]}`)), tel.with(), promptorchestra.WithLogger(logger))
	_, err := client.Agents.Get(t.Context(), "agt_1")
	require.NoError(t, err)

	call, _ := tel.tree(t)
	var records int
	for dec := json.NewDecoder(&out); dec.More(); records++ {
		var record struct {
			Msg    string `json:"msg"`
			SpanID string `json:"span_id"`
		}
		require.NoError(t, dec.Decode(&record))
		assert.Equal(t, call.SpanContext.SpanID().String(), record.SpanID, record.Msg)
	}
	assert.GreaterOrEqual(t, records, 3, "two attempts and the call")
}
