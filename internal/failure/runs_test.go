package failure_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/prompt-orchestra/promptorchestra-go/internal/failure"
)

func TestRunsInAnySpelling(t *testing.T) {
	for _, row := range []struct {
		body string
		id   string
		runs bool // it names a run or session
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
		{body: `{"runs":{"data":[{"id":"run_1"}]}}`, id: "run_1", runs: true},
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
		{body: `{"session":"ses_1"}`, runs: true},
		{body: `{"runId":"run_1","session":{"state":"x"}}`, id: "run_1", runs: true},
		{body: `{"draftRunId":"run_1","run":{"status":"failed"},"runs":3}`, id: "run_1", runs: true},
		{body: `{"runId":"is not known"}`},
		{body: `{"run":"2nd"}`},
		{body: `<html>429 Too Many Requests</html>`},
		{body: ``},
	} {
		found := failure.FindRuns([]byte(row.body), nil)
		assert.Equal(t, row.id, found.ID, row.body)
		assert.Equal(t, row.runs, found.Named, row.body)
	}
}

func TestPrefixOfARun(t *testing.T) {
	for body, want := range map[string]string{
		`{"runId":"r"}`: "", `{"skillRunId":"r"}`: "skill", `{"agent_run":{"id":"r"}}`: "agent", `{"draftRuns":[{"id":"r"}]}`: "draft", `{"skillRunId":"r","run":"run_1"}`: "",
	} {
		assert.Equal(t, want, failure.FindRuns([]byte(body), nil).Prefix, body)
	}
}

func TestRunsThatAreSkipped(t *testing.T) {
	found := failure.FindRuns([]byte(`{"runId":"own","run":{"id":"new"}}`), func(id string) bool { return id == "own" })
	assert.Equal(t, failure.Runs{Named: true, ID: "new"}, found)
}

// A body that was cut names its run, unless it was cut within the id.
func TestRunOfACutBody(t *testing.T) {
	for _, body := range []string{`{"runId":"run_1","status":"completed"}`, `{"runId":4711,"status":"completed"}`} {
		for length := range len(body) {
			id := failure.FindRuns([]byte(body[:length]), nil).ID
			assert.True(t, id == "" || id == "run_1" || id == "4711", "%q of %s", id, body[:length])
		}
		assert.NotEmpty(t, failure.FindRuns([]byte(body[:20]), nil).ID)
	}
	assert.True(t, failure.FindRuns([]byte(strings.Repeat("[", 2000)), nil).Named, "too deep to tell")
}

// A body says that a retry is pointless in any spelling.
func TestForbidsRetry(t *testing.T) {
	for body, forbidden := range map[string]bool{
		`{"error":"x","retryable":false}`:                          true,
		`{"error":"x","Retryable": "false"}`:                       true,
		`{"error":{"name":"AI_APICallError","isRetryable":false}}`: true,
		`{"error":{"is_retryable":false}}`:                         true,
		`{"retryable":true,"error":{"isRetryable":false}}`:         false,
		`{"retryable":"true","error":{"isRetryable":false}}`:       false,
		`{"error":"x"}`:                                    false,
		`{"error":"\"retryable\": no"}`:                    false,
		`{"error":"x","notRetryable":false}`:               false,
		`{"a":{"retryable":false},"b":{"retryable":true}}`: true,
		`{"a":{"retryable":null},"b":{"retryable":true}}`:  false,
	} {
		assert.Equal(t, forbidden, failure.ForbidsRetry([]byte(body)), body)
	}
}
