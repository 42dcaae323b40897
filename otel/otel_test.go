package promptorchestraotel_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	promptorchestraotel "github.com/prompt-orchestra/promptorchestra-go/otel"
)

const promptRun = `{"runId":"run_1","status":"completed","promptId":"prm_1","promptVersionId":"pv_1","output":"Hi Ann",
	"outputText":"Hi Ann","provider":"openai","model":"gpt-4.1-mini","inputTokens":12,"outputTokens":3,"estimatedCost":0.25}`

const agent = `{"id":"agt_1"}`

func TestSuccess(t *testing.T) {
	tel := newTelemetry(t)
	client := newClient(t, reply(200, promptRun), tel.with())
	_, err := client.Prompts.Run(t.Context(), "prm_1", promptorchestra.PromptRunParams{Variables: map[string]any{"name": "Ann"}})
	require.NoError(t, err)

	call, attempts := tel.tree(t)
	assert.Equal(t, "chat", call.Name)
	assert.Equal(t, sdktrace.Status{}, call.Status)
	assert.Equal(t, server(t, client, map[string]any{
		"promptorchestra.operation":          "Prompts.Run",
		"promptorchestra.outcome":            "success",
		"promptorchestra.attempts":           int64(1),
		"promptorchestra.request.id":         "req_200",
		"promptorchestra.organization.id":    "org_1",
		"promptorchestra.resource.prompt_id": "prm_1",
		"promptorchestra.run.id":             "run_1",
		"promptorchestra.run.status":         "completed",
		"promptorchestra.run.cost":           0.25,
		"gen_ai.operation.name":              "chat",
		"gen_ai.provider.name":               "openai",
		"gen_ai.response.model":              "gpt-4.1-mini",
		"gen_ai.usage.input_tokens":          int64(12),
		"gen_ai.usage.output_tokens":         int64(3),
	}), attributes(call.Attributes))

	require.Len(t, attempts, 1)
	assert.Equal(t, "POST /api/prompts/{promptId}/run", attempts[0].Name)
	assert.Equal(t, sdktrace.Status{}, attempts[0].Status)
	address := attributes(attempts[0].Attributes)["url.full"]
	assert.Regexp(t, `^http://127\.0\.0\.1:\d+/api/prompts/prm_1/run$`, address)
	assert.Equal(t, server(t, client, map[string]any{
		"promptorchestra.operation":         "Prompts.Run",
		"http.request.method":               "POST",
		"http.response.status_code":         int64(200),
		"http.response.header.x-request-id": []string{"req_200"},
		"network.protocol.version":          "1.1",
		"url.full":                          address,
		"url.template":                      "/api/prompts/{promptId}/run",
	}), attributes(attempts[0].Attributes))

	duration := tel.points(t, "promptorchestra.client.operation.duration")
	require.Len(t, duration, 1)
	assert.Equal(t, uint64(1), duration[0].count)
	assert.Equal(t, map[string]any{"promptorchestra.operation": "Prompts.Run", "promptorchestra.outcome": "success"}, duration[0].attributes)
	assert.Equal(t, []point{{duration[0].attributes, 1, 1}}, tel.points(t, "promptorchestra.client.operation.attempts"))

	request := tel.points(t, "http.client.request.duration")
	require.Len(t, request, 1)
	assert.Equal(t, server(t, client, map[string]any{
		"http.request.method": "POST", "http.response.status_code": int64(200), "network.protocol.version": "1.1",
		"url.template": "/api/prompts/{promptId}/run",
	}), request[0].attributes)
	assert.InDelta(t, attempts[0].EndTime.Sub(attempts[0].StartTime).Seconds(), request[0].sum, 1e-9, "as the convention wants it")

	model := map[string]any{"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.response.model": "gpt-4.1-mini"}
	modelDuration := tel.points(t, "gen_ai.client.operation.duration")
	require.Len(t, modelDuration, 1)
	assert.Equal(t, server(t, client, with(model, "promptorchestra.run.status", "completed")), modelDuration[0].attributes)
	assert.ElementsMatch(t, []point{
		{server(t, client, with(model, "gen_ai.token.type", "input")), 1, 12},
		{server(t, client, with(model, "gen_ai.token.type", "output")), 1, 3},
	}, tel.points(t, "gen_ai.client.token.usage"))
}

// with returns the attributes with one more.
func with(attributes map[string]any, key string, value any) map[string]any {
	all := map[string]any{key: value}
	for k, v := range attributes {
		all[k] = v
	}
	return all
}

func TestRetriedCallIsOneSpanWithItsAttemptsBeneath(t *testing.T) {
	tel := newTelemetry(t)
	var traced []string
	record := func(h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			traced = append(traced, r.Header.Get("Traceparent"))
			h(w, r)
		}
	}
	client := newClient(t, inTurn(record(reply(503, "")), record(reply(429, "")), record(reply(200, "[]"))), tel.with())
	_, err := client.Agents.List(t.Context())
	require.NoError(t, err)

	call, attempts := tel.tree(t)
	assert.Equal(t, "Agents.List", call.Name)
	assert.Equal(t, sdktrace.Status{}, call.Status, "errors that were retried are not the call's")
	of := attributes(call.Attributes)
	assert.Equal(t, int64(3), of["promptorchestra.attempts"])
	assert.Equal(t, "req_200", of["promptorchestra.request.id"])
	assert.NotContains(t, of, "error.type")
	require.Len(t, attempts, 3)
	for i, want := range []struct {
		status int64
		kind   any
		resend any
		code   codes.Code
	}{{503, "server", nil, codes.Error}, {429, "rate_limited", int64(1), codes.Error}, {200, nil, int64(2), codes.Unset}} {
		of := attributes(attempts[i].Attributes)
		assert.Equal(t, "GET /api/agents", attempts[i].Name)
		assert.Equal(t, want.status, of["http.response.status_code"])
		assert.Equal(t, want.kind, of["error.type"])
		assert.Equal(t, want.resend, of["http.request.resend_count"])
		assert.Equal(t, sdktrace.Status{Code: want.code}, attempts[i].Status)
		assert.Contains(t, traced[i], attempts[i].SpanContext.SpanID().String(), "the server can join the trace")
	}
	assert.False(t, attempts[0].EndTime.After(attempts[1].StartTime), "an attempt ends before the wait for the next one")

	assert.Equal(t, []point{{
		map[string]any{"promptorchestra.operation": "Agents.List", "promptorchestra.outcome": "success"}, 1, 3,
	}}, tel.points(t, "promptorchestra.client.operation.attempts"))
	kinds := map[any]any{}
	for _, p := range tel.points(t, "http.client.request.duration") {
		kinds[p.attributes["http.response.status_code"]] = p.attributes["error.type"]
	}
	assert.Equal(t, map[any]any{int64(503): "server", int64(429): "rate_limited", int64(200): nil}, kinds)
	assert.Empty(t, tel.points(t, "gen_ai.client.operation.duration"), "no model ran")
}

// A failure has one error.type: that of its kind, in both spans and in all metrics.
func TestFailures(t *testing.T) {
	seats := `{"error":"Seat limit reached for this organization","code":"SEAT_LIMIT"}`
	graph := `{"error":"Graph validation failed","code":"AGENT_GRAPH_INVALID","details":[
		{"code":"missing_entry_step","message":"Entry step is required"},
		{"code":"unknown_prompt","message":"No such prompt: of Ann","path":"steps[2].promptId"},
		{"code":"not a code, but words of the server","message":"x"}]}`
	for _, tt := range []struct {
		name        string
		handler     http.HandlerFunc
		opts        []promptorchestra.Option
		agentID     string
		kind        promptorchestra.Kind
		outcome     string
		sent        int
		status      any // of the attempt
		attemptKind any // where the attempt did not fail of the same
		code        any
		description string
	}{
		{
			name: "402", handler: reply(402, seats), kind: promptorchestra.KindEntitlement, outcome: "failure",
			sent: 1, status: int64(402), code: "SEAT_LIMIT", description: "SEAT_LIMIT",
		},
		{
			name: "422", handler: reply(422, graph), kind: promptorchestra.KindInvalidGraph, outcome: "failure",
			sent: 1, status: int64(422), code: "AGENT_GRAPH_INVALID",
			description: "AGENT_GRAPH_INVALID: missing_entry_step, unknown_prompt at steps[2].promptId",
		},
		{
			name: "the code decides, not the status", handler: reply(400, `{"error":"no","code":"AUTH_SCOPE_MISSING"}`),
			kind: promptorchestra.KindPermission, outcome: "failure", sent: 1, status: int64(400),
			code: "AUTH_SCOPE_MISSING", description: "AUTH_SCOPE_MISSING",
		},
		{
			name: "500", handler: reply(500, `{"error":"failed","message":"Prompt of Ann failed"}`),
			kind: promptorchestra.KindServer, outcome: "unknown", sent: 1, status: int64(500),
		},
		{
			name: "lost response", handler: drop, kind: promptorchestra.KindTransport, outcome: "unknown", sent: 1,
		},
		{
			name: "cut response", handler: func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", "100")
				reply(200, `{"runId":`)(w, r)
			},
			kind: promptorchestra.KindDecode, outcome: "unknown", sent: 1, status: int64(200),
		},
		{
			name: "page of a proxy", handler: reply(200, "<html>"), kind: promptorchestra.KindDecode,
			outcome: "unknown", sent: 1, status: int64(200), attemptKind: "none",
		},
		{
			name: "timeout", handler: hang,
			opts: []promptorchestra.Option{promptorchestra.WithTimeout(500 * time.Millisecond)},
			kind: promptorchestra.KindTimeout, outcome: "unknown", sent: 1,
		},
		{
			name: "rejected before sending", handler: drop, agentID: "..", kind: promptorchestra.KindArgument,
			outcome: "failure",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tel := newTelemetry(t)
			client := newClient(t, tt.handler, append(tt.opts, tel.with())...)
			id := tt.agentID
			if id == "" {
				id = "agt_1"
			}
			_, err := client.Agents.Run(t.Context(), id, promptorchestra.AgentRunParams{})
			require.Error(t, err)

			call, attempts := tel.tree(t)
			assert.Equal(t, "invoke_agent", call.Name)
			assert.Equal(t, sdktrace.Status{Code: codes.Error, Description: tt.description}, call.Status)
			of := attributes(call.Attributes)
			assert.Equal(t, string(tt.kind), of["error.type"])
			assert.Equal(t, tt.outcome, of["promptorchestra.outcome"])
			assert.Equal(t, int64(tt.sent), of["promptorchestra.attempts"])
			assert.Equal(t, tt.code, of["promptorchestra.error.code"])
			assert.Equal(t, id, of["gen_ai.agent.id"])
			require.Len(t, attempts, tt.sent)
			for _, a := range attempts {
				var want any = string(tt.kind)
				code := codes.Error
				if tt.attemptKind != nil {
					want, code = nil, codes.Unset
				}
				of := attributes(a.Attributes)
				assert.Equal(t, want, of["error.type"])
				assert.Equal(t, tt.status, of["http.response.status_code"])
				assert.Equal(t, code, a.Status.Code)
				assert.NotContains(t, a.Status.Description, of["error.type"])
				request := tel.points(t, "http.client.request.duration")
				require.Len(t, request, 1)
				assert.Equal(t, want, request[0].attributes["error.type"])
			}

			outcome := map[string]any{
				"promptorchestra.operation": "Agents.Run", "promptorchestra.outcome": tt.outcome, "error.type": string(tt.kind),
			}
			assert.Equal(t, []point{{outcome, 1, float64(tt.sent)}}, tel.points(t, "promptorchestra.client.operation.attempts"))
			duration := tel.points(t, "promptorchestra.client.operation.duration")
			require.Len(t, duration, 1)
			assert.Equal(t, outcome, duration[0].attributes)
			model := tel.points(t, "gen_ai.client.operation.duration")
			require.Len(t, model, 1)
			assert.Equal(t, string(tt.kind), model[0].attributes["error.type"])
			assert.Equal(t, "prompt_orchestra", model[0].attributes["gen_ai.provider.name"])
			assert.Empty(t, tel.points(t, "gen_ai.client.token.usage"))
		})
	}
}

// A failed dial says where it failed: the text is the network's, not the server's.
func TestFailedDial(t *testing.T) {
	tel := newTelemetry(t)
	client := newClientAt(t, "http://127.0.0.1:1", tel.with(), promptorchestra.WithRetry(promptorchestra.RetryPolicy{MaxRetries: -1}))
	_, err := client.Prompts.Run(t.Context(), "prm_1", promptorchestra.PromptRunParams{})
	require.Error(t, err)
	call, attempts := tel.tree(t)
	require.Len(t, attempts, 1)
	assert.Equal(t, "failure", attributes(call.Attributes)["promptorchestra.outcome"], "nothing was sent")
	for _, span := range append(attempts, call) {
		assert.Equal(t, "transport", attributes(span.Attributes)["error.type"])
		assert.Equal(t, codes.Error, span.Status.Code)
		assert.Contains(t, span.Status.Description, "dial tcp 127.0.0.1:1: connect")
	}
}

// What its own caller cancelled is no error, in any span or metric.
func TestCancellation(t *testing.T) {
	for _, tt := range []struct {
		name    string
		call    func(context.Context, *promptorchestra.Client) error
		before  bool
		outcome string
	}{
		{name: "a read", call: func(ctx context.Context, c *promptorchestra.Client) error {
			_, err := c.Agents.Get(ctx, "agt_1")
			return err
		}, outcome: "canceled"},
		{name: "a run, which may go on", call: func(ctx context.Context, c *promptorchestra.Client) error {
			_, err := c.Agents.Run(ctx, "agt_1", promptorchestra.AgentRunParams{})
			return err
		}, outcome: "unknown"},
		{name: "before it was sent", call: func(ctx context.Context, c *promptorchestra.Client) error {
			_, err := c.Agents.Run(ctx, "agt_1", promptorchestra.AgentRunParams{})
			return err
		}, before: true, outcome: "canceled"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tel := newTelemetry(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if tt.before {
				cancel()
			}
			client := newClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				cancel()
				hang(w, r)
			}), tel.with())
			require.ErrorIs(t, tt.call(ctx, client), context.Canceled)

			call, attempts := tel.tree(t)
			assert.Equal(t, tt.outcome, attributes(call.Attributes)["promptorchestra.outcome"])
			for _, span := range append(attempts, call) {
				assert.Equal(t, sdktrace.Status{}, span.Status)
				assert.NotContains(t, attributes(span.Attributes), "error.type")
			}
			_, keys := tel.names(t)
			assert.NotContains(t, keys, "error.type")
		})
	}
}

func TestStream(t *testing.T) {
	list := `[{"id":"agt_1"},{"id":"agt_2"}]`
	t.Run("its span lasts as long as the loop", func(t *testing.T) {
		tel := newTelemetry(t)
		client := newClient(t, reply(200, list), tel.with())
		for agent, err := range client.Agents.All(t.Context()) {
			require.NoError(t, err)
			assert.NotEmpty(t, agent.ID)
			assert.Empty(t, tel.spans.GetSpans())
		}
		call, attempts := tel.tree(t)
		assert.Equal(t, "Agents.List", call.Name)
		assert.Equal(t, "success", attributes(call.Attributes)["promptorchestra.outcome"])
		require.Len(t, attempts, 1)
		assert.Equal(t, sdktrace.Status{}, attempts[0].Status)
	})
	t.Run("a loop that stops early is a success", func(t *testing.T) {
		tel := newTelemetry(t)
		client := newClient(t, reply(200, list), tel.with())
		for _, err := range client.Agents.All(t.Context()) {
			require.NoError(t, err)
			break
		}
		call, attempts := tel.tree(t)
		assert.Equal(t, "success", attributes(call.Attributes)["promptorchestra.outcome"])
		require.Len(t, attempts, 1)
		assert.Equal(t, sdktrace.Status{}, attempts[0].Status)
	})
	t.Run("a stream that is cut is a failure of both", func(t *testing.T) {
		tel := newTelemetry(t)
		client := newClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			reply(200, `[{"id":"agt_1"},`)(w, r)
		}), tel.with())
		failed := 0
		for _, err := range client.Agents.All(t.Context()) {
			if err != nil {
				failed++
			}
		}
		assert.Equal(t, 1, failed)
		call, attempts := tel.tree(t)
		require.Len(t, attempts, 1)
		for _, span := range append(attempts, call) {
			assert.Equal(t, "decode", attributes(span.Attributes)["error.type"])
			assert.Equal(t, codes.Error, span.Status.Code)
		}
	})
}

// The endpoint of a Do is its caller's own: no template is known, and the query may hold anything.
func TestDo(t *testing.T) {
	tel := newTelemetry(t)
	client := newClient(t, reply(200, agent), tel.with())
	err := client.Do(t.Context(), promptorchestra.Request{
		Method: http.MethodGet, Path: "/api/reports/rep_1", Query: url.Values{"q": {"PRIVATE"}},
	}, nil)
	require.NoError(t, err)
	call, attempts := tel.tree(t)
	assert.Equal(t, "Do", call.Name)
	require.Len(t, attempts, 1)
	assert.Equal(t, "GET", attempts[0].Name)
	of := attributes(attempts[0].Attributes)
	assert.Regexp(t, `^http://127\.0\.0\.1:\d+/api/reports/rep_1$`, of["url.full"])
	assert.NotContains(t, of, "url.template")
	request := tel.points(t, "http.client.request.duration")
	require.Len(t, request, 1)
	assert.NotContains(t, request[0].attributes, "url.template")
}

// Samplers see the operation, whose call it is, and what the caller adds.
func TestSpansAreNamedAndAttributedAtStart(t *testing.T) {
	var seen []sdktrace.SamplingParameters
	tel := newTelemetry(t, sdktrace.WithSampler(sampler(func(p sdktrace.SamplingParameters) { seen = append(seen, p) })))
	client := newClient(t, reply(200, `{"runId":"run_1"}`), tel.with(
		promptorchestraotel.WithSpanAttributes(func(_ context.Context, call promptorchestra.CallInfo) []attribute.KeyValue {
			assert.Equal(t, "Agents.Run", call.Op)
			return []attribute.KeyValue{attribute.String("tenant.plan", "gold")}
		}),
	))
	_, err := client.Agents.Run(t.Context(), "agt_1", promptorchestra.AgentRunParams{VersionID: "ver_1"})
	require.NoError(t, err)
	require.Len(t, seen, 2)
	assert.Equal(t, "invoke_agent", seen[0].Name)
	assert.Equal(t, server(t, client, map[string]any{
		"promptorchestra.operation":           "Agents.Run",
		"promptorchestra.organization.id":     "org_1",
		"promptorchestra.resource.agent_id":   "agt_1",
		"promptorchestra.resource.version_id": "ver_1",
		"gen_ai.operation.name":               "invoke_agent",
		"gen_ai.provider.name":                "prompt_orchestra",
		"gen_ai.agent.id":                     "agt_1",
		"tenant.plan":                         "gold",
	}), attributes(seen[0].Attributes))
	assert.Equal(t, "POST /api/agents/{agentId}/run", seen[1].Name)
	for _, key := range []string{"http.request.method", "url.full", "url.template", "server.address", "server.port"} {
		assert.Contains(t, attributes(seen[1].Attributes), key)
	}
}

type sampler func(sdktrace.SamplingParameters)

func (s sampler) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	s(p)
	return sdktrace.AlwaysSample().ShouldSample(p)
}

func (sampler) Description() string { return "records what it sees" }

func TestOptions(t *testing.T) {
	t.Run("a filter takes attributes out of spans and metrics", func(t *testing.T) {
		tel := newTelemetry(t)
		client := newClient(t, inTurn(reply(503, ""), reply(402, "")), tel.with(promptorchestraotel.WithAttributeFilter(
			attribute.NewDenyKeysFilter("promptorchestra.organization.id", "promptorchestra.operation", "server.port", "error.type", "url.full"),
		)))
		_, err := client.Agents.Get(t.Context(), "agt_1")
		require.Error(t, err)
		call, attempts := tel.tree(t)
		_, keys := tel.names(t)
		for _, span := range append(attempts, call) {
			for key := range attributes(span.Attributes) {
				keys = append(keys, key)
			}
		}
		for _, gone := range []string{"promptorchestra.organization.id", "promptorchestra.operation", "server.port", "error.type", "url.full"} {
			assert.NotContains(t, keys, gone)
		}
		assert.Contains(t, keys, "promptorchestra.outcome")
	})
	t.Run("attributes of metrics", func(t *testing.T) {
		tel := newTelemetry(t)
		client := newClient(t, reply(200, promptRun), tel.with(
			promptorchestraotel.WithMetricAttributes(func(context.Context, promptorchestra.CallInfo) []attribute.KeyValue {
				return []attribute.KeyValue{attribute.String("tenant.plan", "gold")}
			}),
		))
		_, err := client.Prompts.Run(t.Context(), "prm_1", promptorchestra.PromptRunParams{})
		require.NoError(t, err)
		metrics, _ := tel.names(t)
		assert.Equal(t, []string{
			"gen_ai.client.operation.duration", "gen_ai.client.token.usage", "http.client.request.duration",
			"promptorchestra.client.operation.attempts", "promptorchestra.client.operation.duration",
		}, metrics)
		for _, name := range metrics {
			for _, p := range tel.points(t, name) {
				assert.Equal(t, "gold", p.attributes["tenant.plan"], name)
			}
		}
	})
	t.Run("nil is the default", func(t *testing.T) {
		client := newClient(t, reply(200, agent), promptorchestraotel.With(nil, promptorchestraotel.WithTracerProvider(nil),
			promptorchestraotel.WithMeterProvider(nil), promptorchestraotel.WithPropagators(nil)))
		_, err := client.Agents.Get(t.Context(), "agt_1")
		require.NoError(t, err, "the global providers, which nobody set, take it")
	})
	t.Run("of two the first one counts", func(t *testing.T) {
		one, two := newTelemetry(t), newTelemetry(t)
		same := one.with()
		client := newClient(t, inTurn(reply(503, ""), reply(200, agent)), same, two.with(), one.with(), same)
		_, err := client.Agents.Get(t.Context(), "agt_1")
		require.NoError(t, err)
		_, attempts := one.tree(t)
		assert.Len(t, attempts, 2)
		points := one.points(t, "promptorchestra.client.operation.attempts")
		require.Len(t, points, 1)
		assert.Equal(t, uint64(1), points[0].count)
		requests := one.points(t, "http.client.request.duration")
		require.Len(t, requests, 2)
		assert.Equal(t, uint64(2), requests[0].count+requests[1].count)
		assert.Empty(t, two.spans.GetSpans())
		metrics, _ := two.names(t)
		assert.Empty(t, metrics)
	})
}

// Nothing of the caller's own data is in any span or metric, and no secret.
func TestTelemetryHoldsNothingPrivate(t *testing.T) {
	tel := newTelemetry(t)
	ctx := t.Context()
	token := "eyJ.token-of-the-tests"
	failure := `{"error":"PRIVATE text","code":"PRIVATE words","details":[{"code":"PRIVATE words","message":"PRIVATE","path":"PRIVATE words"}]}`
	echo := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = w.Write([]byte(failure))
	}
	page := `{"runId":"run_1","status":"failed","output":{"text":"PRIVATE"},"outputText":"PRIVATE","diagnostic":{"code":"x","why":"PRIVATE"}}`
	client := newClient(t, inTurn(echo, echo, echo, reply(200, page), drop, reply(200, "PRIVATE")), tel.with())
	variables := map[string]any{"x": "PRIVATE"}
	run := func() error {
		_, err := client.Prompts.Run(ctx, "prm_1", promptorchestra.PromptRunParams{Variables: variables})
		return err
	}
	calls := []func() error{
		run,
		func() error {
			for _, err := range client.Prompts.All(ctx) {
				return err
			}
			return nil
		},
		func() error {
			return client.Do(ctx, promptorchestra.Request{
				Method: http.MethodPost, Path: "/api/x", Query: url.Values{"q": {"PRIVATE"}}, Body: variables,
			}, nil)
		},
		func() error {
			if err := run(); err != nil {
				return err
			}
			return errors.New("the run failed")
		},
		run,
		run,
	}
	for _, call := range calls {
		require.Error(t, call())
	}
	spans := tel.spans.GetSpans()
	require.Len(t, spans, 2*len(calls))
	var all strings.Builder
	for _, span := range spans {
		fmt.Fprintln(&all, span.Name, span.Status, attributes(span.Attributes), span.Events)
	}
	metrics, keys := tel.names(t)
	for _, name := range metrics {
		fmt.Fprintln(&all, tel.points(t, name))
	}
	for _, private := range []string{"PRIVATE", token} {
		assert.NotContains(t, all.String(), private)
	}
	assert.Equal(t, []string{
		"error.type", "gen_ai.operation.name", "gen_ai.provider.name", "http.request.method", "http.response.status_code",
		"network.protocol.version", "promptorchestra.operation", "promptorchestra.outcome", "promptorchestra.run.status",
		"server.address", "server.port", "url.template",
	}, keys, "no attribute of a metric is an id or an organization")
}

func TestContentCapture(t *testing.T) {
	tel := newTelemetry(t)
	client := newClient(t, inTurn(reply(200, promptRun), reply(500, `{"error":"failed","message":"Prompt of Ann failed"}`)),
		tel.with(promptorchestraotel.WithContentCapture()))
	params := promptorchestra.PromptRunParams{Variables: map[string]any{"name": "Ann"}}
	_, err := client.Prompts.Run(t.Context(), "prm_1", params)
	require.NoError(t, err)
	call, _ := tel.tree(t)
	of := attributes(call.Attributes)
	assert.Equal(t, `[{"role":"user","parts":[{"type":"text","content":"{\"name\":\"Ann\"}"}]}]`, of["gen_ai.input.messages"])
	assert.Equal(t, `[{"role":"assistant","parts":[{"type":"text","content":"Hi Ann"}]}]`, of["gen_ai.output.messages"], "no response says why the run ended")

	tel.spans.Reset()
	_, err = client.Prompts.Run(t.Context(), "prm_1", params)
	require.Error(t, err)
	call, _ = tel.tree(t)
	assert.Equal(t, err.Error(), call.Status.Description)
	assert.Contains(t, attributes(call.Attributes)["gen_ai.input.messages"], "Ann")
}

// A client serves many goroutines at once, and each call has its own attempts.
func TestConcurrentCalls(t *testing.T) {
	tel := newTelemetry(t)
	client := newClient(t, reply(200, agent), tel.with())
	var group sync.WaitGroup
	const calls = 50
	for range calls {
		group.Go(func() {
			_, err := client.Agents.Get(t.Context(), "agt_1")
			assert.NoError(t, err)
		})
	}
	group.Wait()
	beneath := map[string]int{}
	for _, span := range tel.spans.GetSpans() {
		if span.Parent.IsValid() {
			beneath[span.Parent.SpanID().String()]++
		}
	}
	assert.Len(t, beneath, calls)
	for _, n := range beneath {
		assert.Equal(t, 1, n)
	}
}

// In an outage the budget holds retries back: that is counted, and no call that was simply not retried is.
func TestRetryBudget(t *testing.T) {
	tel := newTelemetry(t)
	client := newClient(t, reply(503, ""), tel.with(), promptorchestra.WithRetry(promptorchestra.RetryPolicy{MinWait: 1, MaxWait: 1}))
	for range 40 {
		_, err := client.Agents.Get(t.Context(), "agt_1")
		require.Error(t, err)
		_, err = client.Agents.Run(t.Context(), "agt_1", promptorchestra.AgentRunParams{})
		require.Error(t, err)
	}
	assert.Equal(t, []point{{map[string]any{"promptorchestra.operation": "Agents.Get"}, 7, 7}},
		tel.points(t, "promptorchestra.client.retry_budget.exhausted"), "of 40 calls 33 had the three retries that they asked for")
	told := 0
	for _, span := range tel.spans.GetSpans() {
		if attributes(span.Attributes)["promptorchestra.retry_budget.exhausted"] == true {
			told++
		}
	}
	assert.Equal(t, 7, told)
}
