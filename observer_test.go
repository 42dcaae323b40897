package promptorchestra_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

func TestOperationTellsRoundTrippersTheCall(t *testing.T) {
	type told struct {
		op, template string
		attempt      int
	}
	var all []told
	transport := apitest.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		call, ok := promptorchestra.Operation(r.Context())
		require.True(t, ok)
		all = append(all, told{call.Op, call.Path, call.Attempts})
		return http.DefaultTransport.RoundTrip(r)
	})
	client := apitest.NewClient(t, apitest.InTurn(apitest.Respond(503, ""), apitest.Respond(200, agentDocument)), promptorchestra.WithTransport(transport))
	_, err := client.Agents.Get(t.Context(), "agt_9")
	require.NoError(t, err)
	require.NoError(t, client.Do(t.Context(), promptorchestra.Request{Method: http.MethodGet, Path: "/api/agents/agt_9"}, nil))
	assert.Equal(t, []told{
		{"Agents.Get", "/api/agents/{agentId}", 1},
		{"Agents.Get", "/api/agents/{agentId}", 2},
		{"Do", "", 1}, // its path holds whatever the caller put there
	}, all)

	_, ok := promptorchestra.Operation(t.Context())
	assert.False(t, ok)
}

// A dial may outlive its attempt, and ask what it is for.
func TestOperationBesideTheNextAttempt(t *testing.T) {
	srv := httptest.NewServer(apitest.Respond(200, apitest.Agent))
	t.Cleanup(srv.Close)
	var dials atomic.Int32
	var dialing sync.WaitGroup
	second := make(chan struct{})
	pool := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		dialing.Add(1)
		defer dialing.Done()
		switch dials.Add(1) {
		case 1:
			<-second
		case 2:
			close(second)
		}
		call, _ := promptorchestra.Operation(ctx)
		assert.Equal(t, "Agents.Get", call.Op)
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
	defer pool.CloseIdleConnections()
	require.NoError(t, apitest.Get(t.Context(), apitest.NewClientAt(t, srv.URL, promptorchestra.WithTransport(pool), promptorchestra.WithTimeout(time.Second))))
	dialing.Wait()
}

// An observer is told of every call of every kind, when it begins and when it ends, and of what came of it.
func TestObserverIsToldOfEveryCall(t *testing.T) {
	type told struct {
		op, method, path, organization string
		repeatable                     bool
		status, attempts               int
		requestID                      string
		failed                         bool
		result                         string // its type
	}
	var all []told
	var begun int
	observe := func(ctx context.Context, call promptorchestra.CallInfo) (context.Context, func(promptorchestra.CallResult)) {
		begun++
		assert.Zero(t, call.Attempts)
		return ctx, func(r promptorchestra.CallResult) {
			all = append(all, told{
				call.Op, call.Method, call.Path, call.Organization, call.Idempotent, r.StatusCode, r.Attempts, r.RequestID, r.Err != nil, fmt.Sprintf("%T", r.Result),
			})
			assert.GreaterOrEqual(t, r.Duration, time.Duration(0))
		}
	}
	var status atomic.Int32
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", "req_1")
		w.WriteHeader(int(status.Load()))
		switch {
		case status.Load() != 200:
		case r.URL.Path == "/api/agents":
			_, _ = w.Write([]byte("[" + apitest.Agent + "]"))
		default:
			_, _ = w.Write([]byte(`{"id":"agt_1","runId":"run_1"}`))
		}
	}), promptorchestra.WithObserver(observe))
	every := func() {
		_ = apitest.Get(t.Context(), client)
		_ = apitest.Run(t.Context(), client)
		_, _ = client.Agents.List(t.Context())
		for _, err := range client.Agents.All(t.Context()) {
			_ = err
			assert.Len(t, all, 3, "a stream has not ended in its loop")
		}
		_ = apitest.Post(t.Context(), client)
		_, _ = client.Agents.Get(t.Context(), "..")
	}
	status.Store(200)
	every()
	const agent, run, list = "/api/agents/{agentId}", "/api/agents/{agentId}/run", "/api/agents"
	assert.Equal(t, []told{
		{"Agents.Get", "GET", agent, "org_1", true, 200, 1, "req_1", false, "*promptorchestra.AgentVersionSummary"},
		{"Agents.Run", "POST", run, "org_1", false, 200, 1, "req_1", false, "*promptorchestra.AgentRunResponse"},
		{"Agents.List", "GET", list, "org_1", true, 200, 1, "req_1", false, "*[]promptorchestra.AgentListItem"},
		{"Agents.List", "GET", list, "org_1", true, 200, 1, "req_1", false, "<nil>"},
		{"Do", "POST", "", "org_1", false, 200, 1, "req_1", false, "*map[string]interface {}"},
		{"Agents.Get", "GET", agent, "org_1", true, 0, 0, "", true, "<nil>"},
	}, all)
	all = nil
	status.Store(503)
	every()
	require.Len(t, all, 6)
	for i, attempts := range []int{4, 1, 4, 4, 1, 0} {
		assert.Equal(t, attempts, all[i].attempts)
		assert.True(t, all[i].failed)
		assert.Equal(t, "<nil>", all[i].result)
	}
	assert.Equal(t, 12, begun)
}

// Observers add up: the first is the outermost, and the context that one returns is the next one's and the call's.
func TestObserversAddUp(t *testing.T) {
	type key struct{ name string }
	var order []string
	observe := func(name string) promptorchestra.Option {
		return promptorchestra.WithObserver(func(ctx context.Context, _ promptorchestra.CallInfo) (context.Context, func(promptorchestra.CallResult)) {
			order = append(order, "begin "+name)
			assert.Equal(t, name == "inner", ctx.Value(key{"outer"}) != nil)
			return context.WithValue(ctx, key{name}, name), func(promptorchestra.CallResult) { order = append(order, "end "+name) }
		})
	}
	nothing := promptorchestra.WithObserver(func(context.Context, promptorchestra.CallInfo) (context.Context, func(promptorchestra.CallResult)) {
		return nil, nil
	})
	client := apitest.NewClient(t, apitest.Respond(200, apitest.Agent), observe("outer"), nothing, observe("inner"),
		promptorchestra.WithTransportWrapper(func(below http.RoundTripper) http.RoundTripper {
			return apitest.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
				assert.NotNil(t, r.Context().Value(key{"outer"}))
				assert.NotNil(t, r.Context().Value(key{"inner"}))
				return below.RoundTrip(r)
			})
		}))
	require.NoError(t, apitest.Get(t.Context(), client))
	assert.Equal(t, []string{"begin outer", "begin inner", "end inner", "end outer"}, order)
}

// An observer may end the context of a call: nothing is sent.
func TestObserverThatCancels(t *testing.T) {
	var seen apitest.Recorder
	client := apitest.NewClient(t, &seen, promptorchestra.WithObserver(func(ctx context.Context, _ promptorchestra.CallInfo) (context.Context, func(promptorchestra.CallResult)) {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		return ctx, nil
	}))
	err := apitest.Run(t.Context(), client)
	require.ErrorIs(t, err, context.Canceled)
	assert.False(t, promptorchestra.OutcomeUnknown(err))
	assert.Empty(t, seen.All())
}

// Calls at the same time have an observation each.
func TestObserverOfParallelCalls(t *testing.T) {
	var open, ended atomic.Int32
	client := apitest.NewClient(t, apitest.Respond(200, apitest.Agent), promptorchestra.WithObserver(
		func(ctx context.Context, call promptorchestra.CallInfo) (context.Context, func(promptorchestra.CallResult)) {
			open.Add(1)
			return ctx, func(promptorchestra.CallResult) { ended.Add(1); call.Resource["agentId"] += "x" }
		}))
	var calls sync.WaitGroup
	for range 16 {
		calls.Go(func() {
			for range 20 {
				assert.NoError(t, apitest.Get(t.Context(), client))
			}
		})
	}
	calls.Wait()
	assert.EqualValues(t, 320, open.Load())
	assert.EqualValues(t, 320, ended.Load())
}

// A retry that the budget holds back is told, so that an outage shows where retries no longer do.
func TestObserverIsToldOfAnExhaustedBudget(t *testing.T) {
	held := map[bool]int{}
	client := apitest.NewClient(t, apitest.Respond(503, ""),
		promptorchestra.WithRetry(promptorchestra.RetryPolicy{MinWait: 1, MaxWait: 1}),
		promptorchestra.WithObserver(func(context.Context, promptorchestra.CallInfo) (context.Context, func(promptorchestra.CallResult)) {
			return nil, func(result promptorchestra.CallResult) { held[result.BudgetExhausted]++ }
		}))
	for range 40 {
		require.Error(t, apitest.Get(t.Context(), client))
	}
	assert.Equal(t, map[bool]int{false: 33, true: 7}, held, "100 retries are allowed, three a call")
}

// Observers and requests are told where a call goes, and the model that its request asks for; an error
// is told the model.
func TestServerAndModelOfACall(t *testing.T) {
	var begun, sent []promptorchestra.CallInfo
	srv := httptest.NewServer(apitest.Respond(402, `{"error":"no"}`))
	defer srv.Close()
	client := apitest.NewClientAt(t, srv.URL+"/base", promptorchestra.WithTransport(apitest.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		call, _ := promptorchestra.Operation(r.Context())
		sent = append(sent, call)
		return http.DefaultTransport.RoundTrip(r)
	})), promptorchestra.WithObserver(func(_ context.Context, call promptorchestra.CallInfo) (context.Context, func(promptorchestra.CallResult)) {
		begun = append(begun, call)
		return nil, nil
	}))
	modelKey := promptorchestra.WithExtraBody(map[string]any{"modelKey": "m_2"})
	_, err := client.Skills.Run(t.Context(), "skl_1", promptorchestra.SkillRunParams{ModelKey: "m_1", Variables: map[string]any{"modelKey": "other"}})
	var failure *promptorchestra.APIError
	require.ErrorAs(t, err, &failure)
	assert.Equal(t, "m_1", failure.Model)
	assert.Empty(t, failure.Server)
	_ = apitest.ErrorOf(client.Prompts.Run(t.Context(), "prm_1", promptorchestra.PromptRunParams{}, modelKey))
	_ = apitest.ErrorOf(client.Prompts.Run(t.Context(), "prm_1", promptorchestra.PromptRunParams{}, promptorchestra.WithExtraBody(map[string]any{"modelKey": 7})))
	_ = apitest.Get(t.Context(), client)
	_ = apitest.ErrorOf(client.AgentRuns.Wait(t.Context(), "arun_1"))
	models := []string{"m_1", "m_2", "", "", "", ""}
	require.Len(t, begun, len(models))
	for i, call := range begun {
		assert.Equal(t, srv.URL, call.Server, call.Op)
		assert.Equal(t, models[i], call.Model, call.Op)
	}
	require.Len(t, sent, 5)
	assert.Equal(t, srv.URL, sent[0].Server)
	assert.Equal(t, "m_1", sent[0].Model)
}

// A method that makes several calls is a call too, with a context that the calls below it have.
func TestObserverOfComposites(t *testing.T) {
	type parent struct{}
	type told struct {
		op, beneath, run string
		composite        bool
		attempts, status int
		failed           bool
		result           string
	}
	var all []told
	var info promptorchestra.CallInfo
	client := apitest.NewClient(t,
		apitest.InTurn(apitest.Respond(200, `{"run":{"id":"arun_1","status":"running"}}`), apitest.Respond(200, `{"run":{"id":"arun_1","status":"failed"}}`), apitest.Respond(404, `{"error":"no"}`)),
		promptorchestra.WithObserver(func(ctx context.Context, call promptorchestra.CallInfo) (context.Context, func(promptorchestra.CallResult)) {
			beneath, _ := ctx.Value(parent{}).(string)
			if call.Composite {
				info = call
			}
			return context.WithValue(ctx, parent{}, call.Op), func(r promptorchestra.CallResult) {
				result := fmt.Sprintf("%T", r.Result)
				if run, ok := r.Result.(*promptorchestra.AgentRunDetail); ok {
					result = string(run.Run.Status)
				}
				all = append(all, told{call.Op, beneath, call.Resource["runId"], call.Composite, r.Attempts, r.StatusCode, r.Err != nil, result})
				assert.GreaterOrEqual(t, r.Duration, time.Duration(0))
			}
		}))
	quick := promptorchestra.WithPollInterval(1, 1)
	_, err := client.AgentRuns.Wait(t.Context(), "arun_1", quick)
	require.NoError(t, err)
	_, err = client.AgentRuns.Wait(t.Context(), "arun_2", quick)
	require.True(t, promptorchestra.IsNotFound(err))
	_, err = client.AgentRuns.Wait(t.Context(), "", quick)
	require.Error(t, err)
	assert.Equal(t, []told{
		{"AgentRuns.Get", "AgentRuns.Wait", "arun_1", false, 1, 200, false, "running"},
		{"AgentRuns.Get", "AgentRuns.Wait", "arun_1", false, 1, 200, false, "failed"},
		{"AgentRuns.Wait", "", "arun_1", true, 0, 0, false, "failed"},
		{"AgentRuns.Get", "AgentRuns.Wait", "arun_2", false, 1, 404, true, "<nil>"},
		{"AgentRuns.Wait", "", "arun_2", true, 0, 0, true, "<nil>"},
		{"AgentRuns.Get", "AgentRuns.Wait", "", false, 0, 0, true, "<nil>"},
		{"AgentRuns.Wait", "", "", true, 0, 0, true, "<nil>"},
	}, all)
	assert.Equal(t, promptorchestra.CallInfo{
		Op: "AgentRuns.Wait", Method: "GET", Path: "/api/agent-runs/{runId}", Organization: apitest.Organization, Idempotent: true, Composite: true,
		Server: info.Server,
	}, info)
}

// A diagnosis is a composite too, in the organization of the failed call.
func TestObserverOfADiagnosis(t *testing.T) {
	type parent struct{}
	var all []string
	client := apitest.NewClient(t, apitest.Respond(404, `{"error":"no such agent"}`), promptorchestra.WithObserver(
		func(ctx context.Context, call promptorchestra.CallInfo) (context.Context, func(promptorchestra.CallResult)) {
			beneath := ctx.Value(parent{})
			return context.WithValue(ctx, parent{}, call.Op), func(r promptorchestra.CallResult) {
				all = append(all, fmt.Sprintf("%s in %s beneath %v: %v %T", call.Op, call.Organization, beneath, call.Composite, r.Result))
			}
		}))
	_, failure := client.InOrganization("org_2").Agents.Get(t.Context(), "agt_1")
	all = nil
	d := client.Diagnose(t.Context(), failure)
	require.NotEmpty(t, d.Findings)
	require.GreaterOrEqual(t, len(all), 2)
	assert.Equal(t, "Setup.Verify in org_2 beneath Diagnose: false <nil>", all[0])
	assert.Equal(t, "Diagnose in org_2 beneath <nil>: true *promptorchestra.Diagnosis", all[len(all)-1])
}

// The header of the last response reaches observers and errors, as one map, without cookies and tokens.
func TestHeaderOfTheResponse(t *testing.T) {
	var told []promptorchestra.CallResult
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Plan", "gold")
		if r.Method == http.MethodPost {
			w.Header().Set("Set-Cookie", "session=1")
			w.Header().Set("X-Echo", r.Header.Get("Authorization"))
			w.Header().Set("X-Basic", base64.StdEncoding.EncodeToString([]byte("user:"+apitest.Token)))
			w.WriteHeader(402)
		}
		_, _ = w.Write([]byte("[" + apitest.Agent + "]"))
	}), promptorchestra.WithObserver(func(context.Context, promptorchestra.CallInfo) (context.Context, func(promptorchestra.CallResult)) {
		return nil, func(r promptorchestra.CallResult) { told = append(told, r) }
	}))
	_, err := client.Agents.List(t.Context())
	require.NoError(t, err)
	for _, err := range client.Agents.All(t.Context()) {
		require.NoError(t, err)
	}
	err = apitest.Run(t.Context(), client)
	_ = apitest.ErrorOf(client.Agents.Get(t.Context(), ""))
	require.Len(t, told, 4)
	for _, r := range told[:3] {
		assert.Equal(t, []string{"gold"}, r.Header["X-Plan"])
	}
	assert.Nil(t, told[3].Header, "nothing was sent")

	var failure *promptorchestra.APIError
	require.ErrorAs(t, err, &failure)
	assert.Equal(t, "Bearer [redacted]", failure.Header.Get("X-Echo"))
	assert.Equal(t, "[redacted]", failure.Header.Get("X-Basic"))
	assert.NotContains(t, failure.Header, "Set-Cookie")
	failure.Header["Same"] = nil
	assert.Contains(t, told[2].Header, "Same")
	text, err := json.Marshal(failure)
	require.NoError(t, err)
	for _, shown := range []string{failure.Error(), string(text), fmt.Sprint(failure.LogValue())} {
		assert.NotContains(t, shown, "gold")
		assert.NotContains(t, shown, "X-Plan")
	}
}

// A logEntry is one record that a logger was given.
type logEntry struct {
	level   slog.Level
	message string
	attrs   map[string]slog.Value
}

// logBook is a slog.Handler that keeps what it is given.
type logBook struct {
	level   slog.Level
	mu      sync.Mutex
	entries []logEntry
}

func (b *logBook) Enabled(_ context.Context, level slog.Level) bool { return level >= b.level }

func (b *logBook) Handle(_ context.Context, r slog.Record) error {
	e := logEntry{level: r.Level, message: r.Message, attrs: map[string]slog.Value{}}
	r.Attrs(func(a slog.Attr) bool {
		e.attrs[a.Key] = a.Value
		return true
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries = append(b.entries, e)
	return nil
}

func (b *logBook) WithAttrs([]slog.Attr) slog.Handler { return b }
func (b *logBook) WithGroup(string) slog.Handler      { return b }

func (b *logBook) take() []logEntry {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := b.entries
	b.entries = nil
	return taken
}

func (e logEntry) text(key string) string { return e.attrs[key].String() }

const agentDocument = `{"agent":{"id":"agt_9"},"name":"Desk"}`

func TestLogTellsCallAttemptsAndRetries(t *testing.T) {
	book := &logBook{level: slog.LevelDebug}
	busy := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Request-Id", "req_busy")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	client := apitest.NewClient(t, apitest.InTurn(apitest.Drop, busy, apitest.Respond(http.StatusOK, agentDocument)), promptorchestra.WithLogger(slog.New(book)))
	_, err := client.Agents.Get(t.Context(), "agt_9")
	require.NoError(t, err)

	entries := book.take()
	require.Len(t, entries, 4, "one an attempt and one for the call")
	for _, e := range entries {
		assert.Equal(t, "Agents.Get", e.text("op"))
		assert.Equal(t, "GET", e.text("method"))
		assert.Equal(t, "/api/agents/{agentId}", e.text("path"))
		assert.Equal(t, slog.KindDuration, e.attrs["duration"].Kind())
		assert.Positive(t, e.attrs["duration"].Duration())
	}

	dropped, refused, answered, call := entries[0], entries[1], entries[2], entries[3]
	assert.Equal(t, slog.LevelInfo, refused.level)
	assert.Equal(t, "promptorchestra: retrying", refused.message)
	assert.Equal(t, int64(503), refused.attrs["status"].Int64())
	assert.Equal(t, int64(2), refused.attrs["attempt"].Int64())
	assert.Equal(t, "server", refused.text("kind"))
	assert.Equal(t, "req_busy", refused.text("request_id"))
	assert.Positive(t, refused.attrs["wait"].Duration())

	assert.Equal(t, slog.LevelInfo, dropped.level)
	assert.Equal(t, int64(1), dropped.attrs["attempt"].Int64())
	assert.Equal(t, "transport", dropped.text("kind"))
	assert.NotContains(t, dropped.attrs, "status", "nobody answered")

	assert.Equal(t, slog.LevelDebug, answered.level)
	assert.Equal(t, "promptorchestra: attempt", answered.message)
	assert.Equal(t, int64(3), answered.attrs["attempt"].Int64())
	assert.Equal(t, int64(200), answered.attrs["status"].Int64())
	assert.NotContains(t, answered.attrs, "kind")
	assert.NotContains(t, answered.attrs, "wait")

	assert.Equal(t, slog.LevelDebug, call.level)
	assert.Equal(t, "promptorchestra: call", call.message)
	assert.Equal(t, int64(3), call.attrs["attempts"].Int64())
	assert.Equal(t, int64(200), call.attrs["status"].Int64())
	assert.NotContains(t, call.attrs, "attempt")
	assert.GreaterOrEqual(t, call.attrs["duration"].Duration(), answered.attrs["duration"].Duration())
}

func TestLogOfAFailureTellsItsKind(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		status int64
		kind   string
	}{
		{"no seats", apitest.Respond(http.StatusPaymentRequired, `{"error":"seats"}`), 402, "entitlement"},
		{"an invalid graph", apitest.Respond(http.StatusUnprocessableEntity, `{"error":"x","code":"AGENT_GRAPH_INVALID","details":[]}`), 422, "invalid_graph"},
		{"no such agent", apitest.Respond(http.StatusNotFound, `{"error":"x"}`), 404, "not_found"},
		{"a proxy", apitest.Respond(http.StatusNotFound, `<html>`), 404, "unknown"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			book := &logBook{level: slog.LevelDebug}
			client := apitest.NewClient(t, tt.answer, promptorchestra.WithLogger(slog.New(book)))
			_, err := client.Agents.Get(t.Context(), "agt_9")
			require.Error(t, err)
			entries := book.take()
			require.Len(t, entries, 2, "the attempt, and the call that returned an error")
			assert.Equal(t, slog.LevelDebug, entries[0].level)
			assert.Equal(t, slog.LevelWarn, entries[1].level)
			for _, e := range entries {
				assert.Equal(t, tt.status, e.attrs["status"].Int64())
				assert.Equal(t, tt.kind, e.text("kind"))
			}
		})
	}
}

func TestLogLevels(t *testing.T) {
	for level, want := range map[slog.Level]int{
		slog.LevelDebug: 3, // two attempts and the call
		slog.LevelInfo:  1, // the retry
		slog.LevelWarn:  0, // the call succeeded
		slog.LevelError: 0,
	} {
		t.Run(level.String(), func(t *testing.T) {
			book := &logBook{level: level}
			client := apitest.NewClient(t, apitest.InTurn(apitest.Respond(503, ""), apitest.Respond(200, agentDocument)), promptorchestra.WithLogger(slog.New(book)))
			_, err := client.Agents.Get(t.Context(), "agt_9")
			require.NoError(t, err)
			entries := book.take()
			assert.Len(t, entries, want)
			for _, e := range entries {
				assert.GreaterOrEqual(t, e.level, level, "what is off is not even offered to the handler")
			}
		})
	}
}

func TestLogOfAStream(t *testing.T) {
	book := &logBook{level: slog.LevelDebug}
	client := apitest.NewClient(t, apitest.InTurn(apitest.Respond(503, ""), apitest.Respond(200, `[{"id":"agt_1"},{"id":"agt_2"}]`)), promptorchestra.WithLogger(slog.New(book)))
	for _, err := range client.Agents.All(t.Context()) {
		require.NoError(t, err)
	}
	var messages []string
	for _, e := range book.take() {
		messages = append(messages, strings.TrimPrefix(e.message, "promptorchestra: "))
	}
	assert.Equal(t, []string{"retrying", "attempt", "call"}, messages)
}

// Each call that returns an error is one warning, however it failed; one that its caller ended, a
// poll and a look-up are none. The composite that they belong to is.
func TestLogWarnsOnceOfAnError(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, row := range map[string]struct {
		handler http.HandlerFunc
		call    func(ctx context.Context, c *promptorchestra.Client) error
		warned  string // the op, or "" for none
	}{
		"success":       {apitest.Respond(200, agentDocument), func(ctx context.Context, c *promptorchestra.Client) error { return apitest.Get(ctx, c) }, ""},
		"not found":     {apitest.Respond(404, `{"error":"x"}`), func(ctx context.Context, c *promptorchestra.Client) error { return apitest.Get(ctx, c) }, "Agents.Get"},
		"after retries": {apitest.Respond(503, ""), func(ctx context.Context, c *promptorchestra.Client) error { return apitest.Get(ctx, c) }, "Agents.Get"},
		"dropped":       {apitest.Drop, func(ctx context.Context, c *promptorchestra.Client) error { return apitest.Run(ctx, c) }, "Agents.Run"},
		"not decoded":   {apitest.Respond(200, "<html>"), func(ctx context.Context, c *promptorchestra.Client) error { return apitest.Get(ctx, c) }, "Agents.Get"},
		"Do":            {apitest.Respond(200, "[]"), func(ctx context.Context, c *promptorchestra.Client) error { return apitest.Post(ctx, c) }, "Do"},
		"rejected": {apitest.Respond(200, "{}"), func(ctx context.Context, c *promptorchestra.Client) error {
			return apitest.ErrorOf(c.Agents.Get(ctx, ".."))
		}, "Agents.Get"},
		"a stream": {apitest.Respond(200, `[{"id":"agt_1"},`), func(ctx context.Context, c *promptorchestra.Client) (err error) {
			for _, err = range c.Agents.All(ctx) {
			}
			return err
		}, "Agents.List"},
		"cancelled": {apitest.Respond(200, agentDocument), func(_ context.Context, c *promptorchestra.Client) error { return apitest.Get(cancelled, c) }, ""},
		"a wait": {apitest.Respond(404, `{"error":"x"}`), func(ctx context.Context, c *promptorchestra.Client) error {
			return apitest.ErrorOf(c.AgentRuns.Wait(ctx, "run_1"))
		}, "AgentRuns.Wait"},
		"a diagnosis": {apitest.Respond(404, `{"error":"x"}`), func(ctx context.Context, c *promptorchestra.Client) error {
			c.Diagnose(ctx, &promptorchestra.APIError{StatusCode: 404, Kind: promptorchestra.KindNotFound})
			return nil
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			book := &logBook{level: slog.LevelWarn}
			_ = row.call(t.Context(), apitest.NewClient(t, row.handler, promptorchestra.WithLogger(slog.New(book))))
			var warned []string
			for _, e := range book.take() {
				assert.Equal(t, slog.LevelWarn, e.level)
				assert.NotEmpty(t, e.text("kind"))
				warned = append(warned, e.text("op"))
			}
			if row.warned == "" {
				assert.Empty(t, warned)
				return
			}
			assert.Equal(t, []string{row.warned}, warned)
		})
	}
}

// allowedInLogs are the only attributes of a record: names and numbers.
var allowedInLogs = map[string]slog.Kind{
	"op": slog.KindString, "method": slog.KindString, "path": slog.KindString, "kind": slog.KindString,
	"request_id": slog.KindString, "status": slog.KindInt64, "attempt": slog.KindInt64, "attempts": slog.KindInt64,
	"duration": slog.KindDuration, "wait": slog.KindDuration,
	"detail_codes": slog.KindString, "detail_paths": slog.KindString, // of an invalid graph
	"member": slog.KindString, "type": slog.KindString, // of an answer's member that has another type than expected
}

func TestLogNamesTheMistakesOfAGraph(t *testing.T) {
	book := &logBook{level: slog.LevelDebug}
	client := apitest.NewClient(t, apitest.Respond(422, `{"error":"Graph validation failed","code":"AGENT_GRAPH_INVALID","details":[
		{"code":"missing_entry_step","message":"PRIVATE"},{"code":"unknown_prompt","message":"PRIVATE","path":"steps[2].promptId"}]}`),
		promptorchestra.WithLogger(slog.New(book)))
	require.Error(t, apitest.ErrorOf(client.Agents.Publish(t.Context(), "agt_1", promptorchestra.AgentPublishParams{})))
	entries := book.take()
	require.Len(t, entries, 2)
	for _, e := range entries {
		assert.Equal(t, "missing_entry_step, unknown_prompt", e.text("detail_codes"))
		assert.Equal(t, "steps[2].promptId", e.text("detail_paths"))
	}
	checkLog(t, entries, "PRIVATE")
}

func TestLogHoldsNothingPrivate(t *testing.T) {
	const private = "PRIVATE" // in everything that must not be logged
	failing := func(status int) http.HandlerFunc {
		body := `{"error":"PRIVATE","code":"PRIVATE","message":"PRIVATE","details":[{"code":"PRIVATE","message":"PRIVATE"}]}`
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Private", private)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	cut := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, `{"id":"PRIVATE`)
	}
	mismatched := apitest.Respond(http.StatusOK, `{"run":{"id":"PRIVATE","agentVersionNumber":77001177.5},"status":77001177.5}`)
	book := &logBook{level: slog.LevelDebug}
	calls := func(client *promptorchestra.Client) {
		ctx := t.Context()
		var extra struct {
			Status bool `json:"status"`
		}
		_, _ = client.Agents.Run(ctx, "agt_PRIVATE", promptorchestra.AgentRunParams{Variables: map[string]any{"claim": private}},
			promptorchestra.WithExtraBody(map[string]any{"more": private}), promptorchestra.WithHeader("X-Trace", private))
		_, _ = client.Agents.DiffVersion(ctx, "agt_PRIVATE", "ver_PRIVATE", "ver_PRIVATE", promptorchestra.WithExtraQuery("q", private))
		_, _ = client.AgentRuns.Get(ctx, "run_PRIVATE", promptorchestra.WithInto(&extra))
		_ = client.Do(ctx, promptorchestra.Request{
			Method: http.MethodGet, Path: "/api/PRIVATE", Query: url.Values{"q": {private}},
		}, nil)
		for _, err := range client.Prompts.All(ctx, promptorchestra.WithInto(&extra)) {
			_ = err
		}
	}
	token := promptorchestra.WithAccessToken("eyJ.PRIVATE.token")
	for name, handler := range map[string]http.HandlerFunc{
		"success":               apitest.Respond(200, `{"runId":"PRIVATE"}`),
		"rejected":              failing(422),
		"busy":                  failing(503),
		"dropped":               apitest.Drop,
		"cut":                   cut,
		"html":                  apitest.Respond(200, `<html>PRIVATE`),
		"of an unexpected type": mismatched,
	} {
		t.Run(name, func(t *testing.T) {
			calls(apitest.NewClient(t, handler, token, promptorchestra.WithOrganization("org_PRIVATE"), promptorchestra.WithLogger(slog.New(book))))
			checkLog(t, book.take(), private, "77001177")
		})
	}
	t.Run("a token source that fails", func(t *testing.T) {
		source := func(context.Context, string) (string, error) { return "", errors.New("vault says PRIVATE") }
		calls(apitest.NewClient(t, apitest.Respond(200, `{}`), promptorchestra.WithAccessTokenSource(source), promptorchestra.WithLogger(slog.New(book))))
		checkLog(t, book.take(), private)
	})
	t.Run("an address that nobody listens on", func(t *testing.T) {
		transport := apitest.RoundTripFunc(func(*http.Request) (*http.Response, error) { return nil, errors.New("dial PRIVATE") })
		calls(apitest.NewClientAt(t, "http://127.0.0.1:1", token, promptorchestra.WithTransport(transport), promptorchestra.WithLogger(slog.New(book))))
		checkLog(t, book.take(), private)
	})
}

func checkLog(t *testing.T, entries []logEntry, private ...string) {
	t.Helper()
	require.NotEmpty(t, entries)
	for _, e := range entries {
		assert.True(t, strings.HasPrefix(e.message, "promptorchestra: "), e.message)
		for key, value := range e.attrs {
			kind, allowed := allowedInLogs[key]
			assert.True(t, allowed, "%s: %s=%s may not be logged", e.message, key, value)
			assert.Equal(t, kind, value.Kind(), key)
		}
		all := e.message
		for _, value := range e.attrs {
			all += " " + value.String()
		}
		for _, p := range private {
			assert.NotContains(t, all, p)
		}
	}
}

func TestLogFollowsTheContext(t *testing.T) {
	type key struct{}
	seen := make(chan any, 10)
	handler := contextHandler{&logBook{level: slog.LevelDebug}, func(ctx context.Context) { seen <- ctx.Value(key{}) }}
	client := apitest.NewClient(t, apitest.Respond(200, agentDocument), promptorchestra.WithLogger(slog.New(handler)))
	ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "a trace"), time.Minute)
	defer cancel()
	_, err := client.Agents.Get(ctx, "agt_9")
	require.NoError(t, err)
	close(seen)
	n := 0
	for v := range seen {
		assert.Equal(t, "a trace", v, "handlers that add a trace id find it in every record's context")
		n++
	}
	assert.Equal(t, 2, n)
}

type contextHandler struct {
	*logBook

	see func(context.Context)
}

func (h contextHandler) Handle(ctx context.Context, r slog.Record) error {
	h.see(ctx)
	return h.logBook.Handle(ctx, r)
}

func TestLogOfAnAnswerThatCannotBeUsed(t *testing.T) {
	book := &logBook{level: slog.LevelDebug}
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Request-Id", strings.Repeat("r", 5000))
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, `{"id":`)
	}), promptorchestra.WithLogger(slog.New(book)))
	require.Error(t, apitest.Run(t.Context(), client))
	for _, e := range book.take() {
		assert.Equal(t, "decode", e.text("kind"))
		assert.Less(t, len(e.text("request_id")), 100)
	}
}

// A key of the user's data may stand in the path of a member that does not fit the caller's type.
func TestKeysOfTheUsersDataAreNotLogged(t *testing.T) {
	var out bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	client := apitest.NewClient(t, apitest.Respond(200, `{"id":"agt_1","name":[7],"patients":{"ada@example.com":{"age":"text"}}}`), promptorchestra.WithLogger(logger))
	var v struct{ Patients map[string]struct{ Age int } }
	require.NoError(t, apitest.Get(t.Context(), client, promptorchestra.WithInto(&v)))
	require.NoError(t, client.Do(t.Context(), promptorchestra.Request{Method: "GET", Path: "/api/x"}, &v))
	assert.Contains(t, out.String(), "member=name type=array")
	assert.NotContains(t, out.String(), "ada")
}

// By default nothing is written to standard error or output, whatever happens.
func TestNothingIsPrinted(t *testing.T) {
	read, write, err := os.Pipe()
	require.NoError(t, err)
	stderr, stdout := os.Stderr, os.Stdout
	os.Stderr, os.Stdout = write, write
	log.SetOutput(write)
	restore := func() { os.Stderr, os.Stdout = stderr, stdout; log.SetOutput(stderr) }
	defer restore()
	for _, handle := range []func(*apitest.RawRequest) bool{
		func(r *apitest.RawRequest) bool { r.Respond(503, "", -1); return true },
		func(r *apitest.RawRequest) bool { r.Respond(402, `{"error":"x"}`, -1); return true },
		func(*apitest.RawRequest) bool { return false },
		func(r *apitest.RawRequest) bool { r.Respond(200, apitest.Agent, 3); return false },
	} {
		srv := apitest.NewRawServer(t, handle)
		client := apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t))
		_ = apitest.Get(t.Context(), client)
		_ = apitest.Run(t.Context(), client)
	}
	restore()
	require.NoError(t, write.Close())
	printed, err := io.ReadAll(read)
	require.NoError(t, err)
	assert.Empty(t, string(printed))
}
