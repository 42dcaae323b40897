package promptorchestra_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
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
