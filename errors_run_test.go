package promptorchestra_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// However a failure's body spells it: RunID finds the apitest.Run, and a rate limit that names one
// is not retried.
var bodiesOfRuns = []struct {
	body string
	id   string // of RunID
	runs bool   // it names a run or session, so that a rate limit is not retried
}{
	{body: `{"runId":"run_1"}`, id: "run_1", runs: true},
	{body: `{"run_id":"run_1"}`, id: "run_1", runs: true},
	{body: `{"RunID":"run_1"}`, id: "run_1", runs: true},
	{body: `{"run-id":"run_1"}`, id: "run_1", runs: true},
	{body: `{"run\u0049d":"run_1"}`, id: "run_1", runs: true},
	{body: `{"runId":4711}`, id: "4711", runs: true},
	{body: `{"runIds":["run_1","run_2"]}`, id: "run_1", runs: true},
	{body: `{"run_ids":[null,"run_2"]}`, id: "run_2", runs: true},
	{body: `{"runId":{"value":1,"id":"run_1"}}`, id: "run_1", runs: true},
	{body: `{"run":"run_1"}`, id: "run_1", runs: true},
	{body: `{"run":"0190a0b1-7f3a-7000-8000-0a0b0c0d0e0f"}`, id: "0190a0b1-7f3a-7000-8000-0a0b0c0d0e0f", runs: true},
	{body: `{"run":{"status":"failed","meta":{"id":null},"id":"run_1"}}`, id: "run_1", runs: true},
	{body: `{"run":{"agent":{"id":"agt_1"},"ID":"run_1"}}`, id: "run_1", runs: true},
	{body: `{"run":{"_id":7}}`, id: "7", runs: true},
	{body: `{"runs":[{"id":"run_1"}]}`, id: "run_1", runs: true},
	{body: `{"runs":["run_1"]}`, id: "run_1", runs: true},
	{body: `{"runs":{"items":[{"id":"run_1"}]}}`, id: "run_1", runs: true},
	{body: `{"error":"x","details":[{"agentRun":{"id":"arun_1"}}]}`, id: "arun_1", runs: true},
	{body: `{"published_run_id":null,"draft_run_id":"run_1"}`, id: "run_1", runs: true},
	{body: `{"sourceRunId":"arun_1","newRunId":"arun_2"}`, id: "arun_2", runs: true},
	{body: `{"skillRunId":"srun_1","runId":"arun_1","stepRunId":"x"}`, id: "arun_1", runs: true},
	{body: `{"message":"{\"runId\":\"run_1\"}"}`, id: "run_1", runs: true},
	{body: `{"x":` + strings.Repeat(`{"runs":3,"y":`, 40) + `0` + strings.Repeat(`}`, 40) + `,"runId":"run_1"}`, id: "run_1", runs: true},
	{body: `{"error":"` + strings.Repeat("busy ", 20<<10) + `","runId":"run_1"}`, id: "run_1", runs: true},
	{body: `{"sessionId":"ses_1"}`, runs: true},
	{body: `{"realtime_session_id":"ses_1"}`, runs: true},
	{body: `{"session":{"id":"ses_1"}}`, runs: true},
	{body: `{"sessionId":"ses_1","runId":"run_1"}`, id: "run_1", runs: true},
	{body: `{"error":"busy"}`},
	{body: `{"error":"no runId was given"}`},
	{body: `{"error":"\"runId\": none"}`},
	{body: `{"runId":null}`},
	{body: `{"runId":""}`},
	{body: `{"runId":0}`},
	{body: `{"runId":true}`},
	{body: `{"runId":"` + strings.Repeat("r", 300) + `"}`},
	{body: `{"run":60}`},
	{body: `{"runs":3,"runCount":4,"maxRuns":"60"}`},
	{body: `{"limit":{"runs":"60/min","run":"1.5"}}`},
	{body: `{"runs":[]}`},
	{body: `{"runs":[1,2]}`},
	{body: `{"run":"failed"}`},
	{body: `{"run":{"status":"failed"}}`},
	{body: `{"run":{"agent":{"id":"agt_1"}}}`},
	{body: `{"run":"was not started"}`},
	{body: `{"dryRun":true,"runStatus":"failed","lastRunAt":"2026-01-01"}`},
	{body: `{"sourceRunId":"arun_1"}`},
	{body: `{"source_agent_run":{"id":"arun_1"}}`},
	{body: `{"session":"expired"}`},
	{body: `<html>429 Too Many Requests</html>`},
	{body: ``},
}

func TestRunIDInAnySpelling(t *testing.T) {
	for _, row := range bodiesOfRuns {
		if len(row.body) > 64<<10 {
			continue // beyond RawBody only the decoder sees it
		}
		for name, err := range map[string]error{
			"APIError":       &promptorchestra.APIError{StatusCode: 500, RawBody: []byte(row.body)},
			"DecodeError":    &promptorchestra.DecodeError{StatusCode: 200, Body: []byte(row.body)},
			"TransportError": &promptorchestra.TransportError{Err: fmt.Errorf("%w; before that: %w", context.Canceled, &promptorchestra.APIError{StatusCode: 500, RawBody: []byte(row.body)})},
		} {
			id, ok := promptorchestra.RunID(fmt.Errorf("running: %w", err))
			assert.Equal(t, row.id, id, "%s %s", name, row.body)
			assert.Equal(t, row.id != "", ok, "%s %s", name, row.body)
		}
	}
}

func TestRateLimitThatNamesARunIsNotRetried(t *testing.T) {
	for _, row := range bodiesOfRuns {
		srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool { r.Respond(429, row.body, -1); return true })
		err := apitest.Run(t.Context(), apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t)))
		want := 4
		if row.runs {
			want = 1
		}
		short := row.body[:min(len(row.body), 100)]
		assert.Equal(t, want, srv.Count(http.MethodPost), short)
		assert.Equal(t, row.runs, promptorchestra.OutcomeUnknown(err), short)
		assert.Equal(t, !row.runs, promptorchestra.IsRetryable(err), short)
		id, _ := promptorchestra.RunID(err)
		assert.Equal(t, row.id, id, short)
	}
}

// A response that broke off names its run all the same, unless it broke off within the id.
func TestRunIDOfACutResponse(t *testing.T) {
	const body = `{"runId":"run_1","status":"completed","output":"Hello Ada"}`
	for length := range len(body) {
		client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			_, _ = w.Write([]byte(body[:length]))
		}), apitest.OwnPool(t))
		err := apitest.Run(t.Context(), client)
		require.True(t, promptorchestra.OutcomeUnknown(err), "%v", err)
		id, ok := promptorchestra.RunID(err)
		if named := strings.Contains(body[:length], `"run_1"`); named != ok || ok && id != "run_1" {
			t.Errorf("%q names the run %q", body[:length], id)
		}
	}
}

func TestRunIDOfAnEmulatedFailure(t *testing.T) {
	srv := newEmulator(t)
	client := srv.Client()
	promptID, _ := publishedPrompt(t, client)
	agentID, versionID := draftAgent(t, client)
	_, err := client.Agents.SaveWorkflow(t.Context(), versionID, promptorchestra.Workflow{EntryStepKey: "greet", Steps: []promptorchestra.WorkflowStep{
		{StepKey: "greet", StepType: promptorchestra.StepTypePrompt, PromptID: promptID},
	}})
	require.NoError(t, err)
	srv.FailExecution(promptID, "the provider is down")
	_, err = client.Agents.Run(t.Context(), agentID, promptorchestra.AgentRunParams{VersionID: versionID})
	id, ok := promptorchestra.RunID(err)
	require.True(t, ok, "%v", err)
	recorded, err := client.AgentRuns.Get(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, promptorchestra.RunStatus("failed"), recorded.Run.Status)

	// A rerun that fails may name the run it began from: that is not its outcome.
	srv.Fail("AgentRuns.RerunFromStep", orchestratest.Status(500, `{"error":"failed","runId":"`+id+`"}`))
	_, err = client.AgentRuns.RerunFromStep(t.Context(), id, "greet")
	_, ok = promptorchestra.RunID(err)
	assert.False(t, ok)
	srv.Fail("AgentRuns.RerunFromStep", orchestratest.Status(500, `{"error":"failed","runId":"`+id+`","run":{"id":"arun_new"}}`))
	_, err = client.AgentRuns.RerunFromStep(t.Context(), id, "greet")
	named, _ := promptorchestra.RunID(err)
	assert.Equal(t, "arun_new", named)
}

func TestRunIDOfOtherErrors(t *testing.T) {
	named := &promptorchestra.APIError{StatusCode: 500, RawBody: []byte(`{"runId":"run_1"}`)}
	for _, err := range []error{
		nil, errors.New(`"runId":"run_1"`), &promptorchestra.ArgumentError{}, &promptorchestra.TransportError{}, &promptorchestra.APIError{},
		(*promptorchestra.APIError)(nil), (*promptorchestra.TransportError)(nil), (*promptorchestra.DecodeError)(nil), (*promptorchestra.ArgumentError)(nil),
	} {
		id, ok := promptorchestra.RunID(err)
		assert.False(t, ok, "%v", err)
		assert.Empty(t, id)
		id, ok = promptorchestra.RunID(errors.Join(err, named))
		assert.True(t, ok)
		assert.Equal(t, "run_1", id)
	}
}

// After a wait that was cut off, the last failure says which run there is.
func TestRunIDAfterAWait(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	client := apitest.NewClient(t, apitest.Respond(503, `{"error":"busy","runId":"run_1"}`), promptorchestra.WithLogger(slog.New(apitest.OnRetry(cancel))),
		promptorchestra.WithRetry(promptorchestra.RetryPolicy{MinWait: time.Minute, MaxWait: time.Minute}))
	err := apitest.Get(ctx, client)
	var e *promptorchestra.TransportError
	require.ErrorAs(t, err, &e)
	id, _ := promptorchestra.RunID(err)
	assert.Equal(t, "run_1", id)
	assert.Equal(t, promptorchestra.KindServer, promptorchestra.KindOf(err))
	assert.False(t, promptorchestra.IsRetryable(err))
}

// A body says that a retry is pointless in any spelling.
func TestBodyThatSaysItIsFinal(t *testing.T) {
	for body, final := range map[string]bool{
		`{"error":"x","retryable":false}`:                          true,
		`{"error":"x","Retryable": "false"}`:                       true,
		`{"error":{"name":"AI_APICallError","isRetryable":false}}`: true,
		`{"error":{"is_retryable":false}}`:                         true,
		`{"retryable":true,"error":{"isRetryable":false}}`:         false,
		`{"retryable":"true","error":{"isRetryable":false}}`:       false,
		`{"error":"x"}`:                      false,
		`{"error":"\"retryable\": no"}`:      false,
		`{"error":"x","notRetryable":false}`: false,
	} {
		srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool { r.Respond(503, body, -1); return true })
		err := apitest.Get(t.Context(), apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t)))
		assert.Equal(t, !final, promptorchestra.IsRetryable(err), body)
		assert.Equal(t, map[bool]int{true: 1, false: 4}[final], srv.Count(http.MethodGet), body)
	}
}
