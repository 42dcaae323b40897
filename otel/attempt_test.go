package promptorchestraotel_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	promptorchestraotel "github.com/prompt-orchestra/promptorchestra-go/otel"
)

// A client whose transport has otelhttp has one span and one measurement for each attempt.
func TestWithoutAttempts(t *testing.T) {
	for name, capture := range map[string][]promptorchestraotel.Option{
		"": nil, "content is captured": {promptorchestraotel.WithContentCapture()},
	} {
		t.Run(name, func(t *testing.T) {
			tel := newTelemetry(t)
			var traced []string
			record := func(h http.HandlerFunc) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					traced = append(traced, r.Header.Values("Traceparent")...)
					h(w, r)
				}
			}
			base := &http.Transport{}
			defer base.CloseIdleConnections()
			client := newClient(t, inTurn(record(reply(429, "")), record(reply(200, promptRun))), promptorchestra.WithTransport(otelhttp.NewTransport(base,
				otelhttp.WithTracerProvider(tel.traces), otelhttp.WithMeterProvider(tel.metrics), otelhttp.WithPropagators(propagation.TraceContext{}))),
				tel.with(append(capture, promptorchestraotel.WithoutAttempts())...))
			_, err := client.Prompts.Run(t.Context(), "prm_1", promptorchestra.PromptRunParams{Variables: map[string]any{"name": "Ann"}})
			require.NoError(t, err)

			spans := tel.spans.GetSpans()
			require.Len(t, spans, 3)
			calls := named(spans, "chat")
			require.Len(t, calls, 1)
			of := attributes(calls[0].Attributes)
			assert.Equal(t, int64(2), of["promptorchestra.attempts"])
			assert.Contains(t, of, "server.address")
			require.Len(t, traced, 2, "one header each")
			for i, attempt := range spans[:2] {
				assert.Equal(t, otelhttp.ScopeName, attempt.InstrumentationScope.Name)
				assert.Equal(t, calls[0].SpanContext.SpanID(), attempt.Parent.SpanID())
				assert.Contains(t, traced[i], attempt.SpanContext.SpanID().String())
			}
			requests := uint64(0)
			for _, p := range tel.points(t, "http.client.request.duration") {
				requests += p.count
				assert.NotContains(t, p.attributes, "url.template")
			}
			assert.EqualValues(t, 2, requests)
			assert.Len(t, tel.points(t, "promptorchestra.client.operation.duration"), 1)
			if capture != nil {
				assert.Contains(t, of["gen_ai.input.messages"], "Ann")
			}
		})
	}
}

// The model and the server are known when a span starts, where samplers see them, and are those of the
// request: a response that names another model does not change that.
func TestModelAndServerAtStart(t *testing.T) {
	var seen []sdktrace.SamplingParameters
	tel := newTelemetry(t, sdktrace.WithSampler(sampler(func(p sdktrace.SamplingParameters) { seen = append(seen, p) })))
	client := newClient(t, reply(200, `{"runId":"run_1","modelKey":"the-default","model":"m-2"}`), tel.with())
	_, err := client.Skills.Run(t.Context(), "skl_1", promptorchestra.SkillRunParams{ModelKey: "m-1"})
	require.NoError(t, err)
	require.Len(t, seen, 2)
	assert.Equal(t, "chat m-1", seen[0].Name)
	start := attributes(seen[0].Attributes)
	assert.Equal(t, server(t, client, map[string]any{
		"promptorchestra.operation": "Skills.Run", "promptorchestra.organization.id": "org_1", "promptorchestra.resource.skill_id": "skl_1",
		"gen_ai.operation.name": "chat", "gen_ai.provider.name": "prompt_orchestra", "gen_ai.request.model": "m-1",
	}), start)
	call, _ := tel.tree(t)
	of := attributes(call.Attributes)
	assert.Equal(t, "m-1", of["gen_ai.request.model"])
	assert.Equal(t, "m-2", of["gen_ai.response.model"])

	t.Run("a call that is rejected has them too", func(t *testing.T) {
		tel := newTelemetry(t)
		client := newClientAt(t, "https://api.example.com", tel.with())
		_, err := client.Agents.Get(t.Context(), "")
		require.Error(t, err)
		call, _ := tel.tree(t)
		of := attributes(call.Attributes)
		assert.Equal(t, "api.example.com", of["server.address"])
		assert.Equal(t, int64(443), of["server.port"])
	})
}

// A RoundTripper above that sends a request elsewhere changes the attempt's server, not the call's.
func TestAttemptElsewhere(t *testing.T) {
	tel := newTelemetry(t)
	other := httptest.NewServer(reply(200, agent))
	defer other.Close()
	elsewhere, err := url.Parse(other.URL)
	require.NoError(t, err)
	client := newClient(t, http.HandlerFunc(drop), tel.with(), promptorchestra.WithTransportWrapper(func(next http.RoundTripper) http.RoundTripper {
		return roundTripFunc(func(r *http.Request) (*http.Response, error) {
			r = r.Clone(r.Context())
			r.URL.Host = elsewhere.Host
			return next.RoundTrip(r)
		})
	}))
	_, err = client.Agents.Get(t.Context(), "agt_1")
	require.NoError(t, err)
	call, attempts := tel.tree(t)
	require.Len(t, attempts, 1)
	port := attributes(attempts[0].Attributes)["server.port"]
	assert.NotEqual(t, port, attributes(call.Attributes)["server.port"])
	assert.Equal(t, port, tel.points(t, "http.client.request.duration")[0].attributes["server.port"])
	assert.Equal(t, other.URL+"/api/agents/agt_1", attributes(attempts[0].Attributes)["url.full"])
}

// A propagator of baggage sends all of it: the document says so, and what to set instead.
func TestBaggage(t *testing.T) {
	member, err := baggage.NewMember("user.id", "ann")
	require.NoError(t, err)
	bag, err := baggage.New(member)
	require.NoError(t, err)
	for want, propagator := range map[string]propagation.TextMapPropagator{
		"":            propagation.TraceContext{},
		"user.id=ann": propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}),
	} {
		tel := newTelemetry(t)
		var sent string
		client := newClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			sent = r.Header.Get("Baggage")
			reply(200, agent)(w, r)
		}), tel.with(promptorchestraotel.WithPropagators(propagator)))
		_, err := client.Agents.Get(baggage.ContextWithBaggage(t.Context(), bag), "agt_1")
		require.NoError(t, err)
		assert.Equal(t, want, sent)
	}
}

// A RoundTripper above that sends two requests for one attempt and takes the first response leaves no
// span open: the slower one outlives its call.
func TestRoundTripperThatHedges(t *testing.T) {
	tel := newTelemetry(t)
	release := make(chan struct{})
	var slow sync.WaitGroup
	hedge := func(next http.RoundTripper) http.RoundTripper {
		return roundTripFunc(func(r *http.Request) (*http.Response, error) {
			slow.Go(func() {
				second := r.Clone(context.WithoutCancel(r.Context()))
				second.URL.Path = "/slow"
				if resp, err := next.RoundTrip(second); err == nil {
					_ = resp.Body.Close()
				}
			})
			return next.RoundTrip(r)
		})
	}
	client := newClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-release
		}
		reply(200, agent)(w, r)
	}), tel.with(), promptorchestra.WithTransportWrapper(hedge))
	_, err := client.Agents.Get(t.Context(), "agt_1")
	require.NoError(t, err)
	close(release)
	slow.Wait()
	assert.Len(t, tel.spans.GetSpans(), 3)
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A RoundTripper that calls the same method of another client, with the context of the request, makes
// another call, beneath the first one.
func TestCallInARoundTripper(t *testing.T) {
	tel := newTelemetry(t)
	inner := newClient(t, reply(200, agent), tel.with())
	client := newClient(t, reply(200, agent), tel.with(), promptorchestra.WithTransportWrapper(func(next http.RoundTripper) http.RoundTripper {
		return roundTripFunc(func(r *http.Request) (*http.Response, error) {
			if _, err := inner.Agents.Get(r.Context(), "agt_1"); err != nil {
				return nil, err
			}
			return next.RoundTrip(r)
		})
	}))
	_, err := client.Agents.Get(t.Context(), "agt_1")
	require.NoError(t, err)
	calls := named(tel.spans.GetSpans(), "Agents.Get")
	require.Len(t, calls, 2)
	assert.Equal(t, trace.SpanKindClient, calls[0].SpanKind)
	assert.Equal(t, calls[1].SpanContext.SpanID(), calls[0].Parent.SpanID())
	assert.Len(t, tel.spans.GetSpans(), 4)
}
