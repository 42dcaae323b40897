package promptorchestra_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

// agentServer starts runs with one handler, counting them, and serves polls with the other.
func agentServer(started *atomic.Int32, run, poll http.HandlerFunc) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/agents/{agentId}/run", func(w http.ResponseWriter, r *http.Request) { started.Add(1); run(w, r) })
	mux.HandleFunc("GET /api/agent-runs/{runId}", poll)
	return mux
}

var (
	quickPolls = promptorchestra.WithPollInterval(1, 1)
	startsRun  = apitest.Respond(200, `{"runId":"arun_7","status":"running","agentId":"agt_1"}`)
)

func TestRunAndWait(t *testing.T) {
	var started atomic.Int32
	client := apitest.NewClient(t, agentServer(&started, startsRun, apitest.InTurn(
		apitest.Respond(200, `{"run":{"id":"arun_7","status":"running"}}`), apitest.Respond(200, `{"run":{"id":"arun_7","status":"failed"},"diagnostic":{"why":"no model"}}`))))
	var into struct{ Run struct{ Status string } }
	run, err := client.Agents.RunAndWait(t.Context(), "agt_1", promptorchestra.AgentRunParams{},
		quickPolls, promptorchestra.WithExtraBody(map[string]any{"priority": 1}), promptorchestra.WithInto(&into))
	require.NoError(t, err, "a run that failed is a result, and what WithExtraBody adds is for the run alone")
	assert.True(t, run.Run.Status.Failed())
	assert.Equal(t, "no model", run.Diagnostic.Why)
	assert.Equal(t, "failed", into.Run.Status)
	assert.EqualValues(t, 1, started.Load())
}

// Once the run was started every error has its id, is of unknown outcome, and is not to be retried.
func TestRunAndWaitThatFailsAfterTheStart(t *testing.T) {
	pending := apitest.Respond(200, `{"run":{"id":"arun_7","status":"running"}}`)
	for name, row := range map[string]struct {
		poll http.HandlerFunc
		is   func(error) bool
	}{
		"503 of the poll":            {apitest.Respond(503, ""), promptorchestra.IsServer},
		"429 of the poll":            {apitest.Respond(429, ""), promptorchestra.IsRateLimited},
		"404 of the poll":            {apitest.Respond(404, `{"error":"no such run"}`), promptorchestra.IsNotFound},
		"401 of a later poll":        {apitest.InTurn(pending, apitest.Respond(401, `{"error":"expired","code":"AUTH_INVALID_TOKEN"}`)), promptorchestra.IsUnauthorized},
		"a dropped poll":             {apitest.Drop, func(err error) bool { return promptorchestra.KindOf(err) == promptorchestra.KindTransport }},
		"HTML in place of the run":   {apitest.Respond(200, "<html>"), func(err error) bool { return promptorchestra.KindOf(err) == promptorchestra.KindDecode }},
		"a run that shows no status": {apitest.Respond(200, `{"run":{"id":"arun_8"}}`), func(err error) bool { return promptorchestra.KindOf(err) == promptorchestra.KindDecode }},
	} {
		t.Run(name, func(t *testing.T) {
			var started atomic.Int32
			client := apitest.NewClient(t, agentServer(&started, startsRun, row.poll))
			run, err := client.Agents.RunAndWait(t.Context(), "agt_1", promptorchestra.AgentRunParams{VersionID: "agv_1"}, quickPolls)
			assert.Nil(t, run)
			require.Error(t, err)
			assert.True(t, row.is(err), "%v", err)
			id, _ := promptorchestra.RunID(err)
			assert.Equal(t, "arun_7", id)
			assert.True(t, promptorchestra.OutcomeUnknown(err))
			assert.False(t, promptorchestra.IsRetryable(err))
			assert.Contains(t, err.Error(), "arun_7")
			assert.EqualValues(t, 1, started.Load())

			text, encodeErr := promptorchestra.MarshalError(err)
			require.NoError(t, encodeErr)
			back, decodeErr := promptorchestra.UnmarshalError(text)
			require.NoError(t, decodeErr)
			id, _ = promptorchestra.RunID(back)
			assert.Equal(t, "arun_7", id)
			assert.Equal(t, promptorchestra.KindOf(err), promptorchestra.KindOf(back))
			assert.True(t, promptorchestra.OutcomeUnknown(back))
			assert.False(t, promptorchestra.IsRetryable(back))
		})
	}
}

// The context may end while the run is awaited: between two polls, or in one.
func TestRunAndWaitWhoseContextEnds(t *testing.T) {
	stop := errors.New("stopped")
	for name, interval := range map[string]promptorchestra.CallOption{
		"between polls": promptorchestra.WithPollInterval(time.Hour, time.Hour), "in a poll": quickPolls,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			var polls, started atomic.Int32
			client := apitest.NewClient(t, agentServer(&started, startsRun, func(w http.ResponseWriter, r *http.Request) {
				_, _ = w.Write([]byte(`{"run":{"id":"arun_7","status":"running"}}`))
				if polls.Add(1) == 3 || name == "between polls" {
					context.AfterFunc(r.Context(), func() { cancel(stop) })
				}
			}))
			_, err := client.Agents.RunAndWait(ctx, "agt_1", promptorchestra.AgentRunParams{}, interval)
			var ended *promptorchestra.TransportError
			require.ErrorAs(t, err, &ended)
			require.ErrorIs(t, err, stop)
			assert.Equal(t, "Agents.RunAndWait", ended.Op)
			assert.Equal(t, map[string]string{"agentId": "agt_1", "runId": "arun_7"}, ended.Resource)
			id, _ := promptorchestra.RunID(err)
			assert.Equal(t, "arun_7", id)
			assert.True(t, promptorchestra.OutcomeUnknown(err))
			assert.False(t, promptorchestra.IsRetryable(err))
		})
	}
}

// The error of the run itself is that of Agents.Run.
func TestRunAndWaitThatDoesNotStart(t *testing.T) {
	var started atomic.Int32
	client := apitest.NewClient(t, agentServer(&started, apitest.Respond(402, `{"error":"no AI features"}`), apitest.Respond(500, "")))
	_, err := client.Agents.RunAndWait(t.Context(), "agt_1", promptorchestra.AgentRunParams{})
	assert.True(t, promptorchestra.IsEntitlement(err))
	assert.False(t, promptorchestra.OutcomeUnknown(err))

	client = apitest.NewClient(t, agentServer(&started, apitest.Respond(500, `{"error":"failed","runId":"arun_9"}`), apitest.Respond(500, "")))
	_, err = client.Agents.RunAndWait(t.Context(), "agt_1", promptorchestra.AgentRunParams{})
	id, _ := promptorchestra.RunID(err)
	assert.Equal(t, "arun_9", id)
	assert.True(t, promptorchestra.OutcomeUnknown(err))
}

// An option that the polls cannot take is rejected before there is a run to pay for.
func TestRunAndWaitRejectsOptionsBeforeTheRun(t *testing.T) {
	var started atomic.Int32
	client := apitest.NewClient(t, agentServer(&started, startsRun, apitest.Respond(500, "")))
	for name, opt := range map[string]promptorchestra.CallOption{
		"a bad interval": promptorchestra.WithPollInterval(2, 1), "nil": nil,
		"a query of the polls' own": promptorchestra.WithExtraQuery("organizationId", "org_2"),
	} {
		_, err := client.Agents.RunAndWait(t.Context(), "agt_1", promptorchestra.AgentRunParams{}, opt)
		var argument *promptorchestra.ArgumentError
		require.ErrorAs(t, err, &argument, name)
		assert.Equal(t, "Agents.RunAndWait", argument.Op, name)
	}
	_, err := client.Agents.RunAndWait(t.Context(), "", promptorchestra.AgentRunParams{})
	require.Error(t, err)
	assert.Zero(t, started.Load())
}

// A response without a run's id is returned if the run has ended, and else an error that says that it may run.
func TestRunAndWaitWithoutARunID(t *testing.T) {
	var started atomic.Int32
	client := apitest.NewClient(t, agentServer(&started, apitest.Respond(200, `{"status":"completed","agentId":"agt_1","output":{"a":1}}`), apitest.Respond(500, "")))
	run, err := client.Agents.RunAndWait(t.Context(), "agt_1", promptorchestra.AgentRunParams{})
	require.NoError(t, err)
	assert.JSONEq(t, `{"a":1}`, run.Run.Output.String())

	client = apitest.NewClient(t, agentServer(&started, apitest.Respond(200, `{"status":"running","jobId":"job_1"}`), apitest.Respond(500, "")))
	_, err = client.Agents.RunAndWait(t.Context(), "agt_1", promptorchestra.AgentRunParams{})
	var unusable *promptorchestra.DecodeError
	require.ErrorAs(t, err, &unusable)
	assert.JSONEq(t, `{"status":"running","jobId":"job_1"}`, string(unusable.Body))
	assert.True(t, promptorchestra.OutcomeUnknown(err))
}
