package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/examples/internal/exampletest"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestQuickstartOnTheEmulator(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out))
	assert.Contains(t, out.String(), "Using the emulator")
	assert.Regexp(t, `run run_\w+ returned "Greet Ada`, out.String())
	assert.Regexp(t, `run arun_\w+ is completed and returned "Greet Grace`, out.String())
	assert.Contains(t, out.String(), "missing_entry_step: Entry step is required")
	assert.Contains(t, out.String(), "entitlement failure")
	assert.Contains(t, out.String(), "402 Payment Required")
}

func TestQuickstartOnTheAPIThatTheEnvironmentNames(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	exampletest.Live(t, map[string]string{
		"BASE_URL": srv.URL, "ORGANIZATION_ID": srv.OrganizationID, "ACCESS_TOKEN": srv.AccessToken,
	})
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out))
	assert.Contains(t, out.String(), "Using the API that PROMPT_ORCHESTRA_* names, where executions cost money: promptorchestra.Client{"+srv.URL)
	assert.Contains(t, out.String(), "missing_entry_step")
	assert.NotContains(t, out.String(), srv.AccessToken)
	assert.Len(t, srv.Requests("Agents.Run"), 1)
}

func TestQuickstartSaysWhatIsMissing(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	exampletest.Live(t, map[string]string{"BASE_URL": srv.URL})
	err := run(t.Context(), new(bytes.Buffer))
	require.ErrorContains(t, err, "use WithOrganization or InOrganization")
	assert.Empty(t, srv.Requests("*"))
}

// A 200 may hold a run that failed: that is no result to go on with.
func TestQuickstartStopsAtARunThatDidNotSucceed(t *testing.T) {
	for op, body := range map[string]string{
		"Prompts.Run":   `{"runId":"run_7","status":"failed","output":null}`,
		"AgentRuns.Get": `{"run":{"id":"run_7","status":"cancelled"}}`,
	} {
		srv := orchestratest.NewServer()
		srv.Fail("Agents.Run", orchestratest.Status(200, `{"runId":"run_7","status":"running"}`))
		srv.Fail(op, orchestratest.Status(200, body))
		exampletest.Live(t, map[string]string{"BASE_URL": srv.URL, "ORGANIZATION_ID": srv.OrganizationID, "ACCESS_TOKEN": srv.AccessToken})
		require.ErrorContains(t, run(t.Context(), new(bytes.Buffer)), "run run_7 is paid for", op)
		srv.Close()
	}
	assert.True(t, hasSucceeded("", promptorchestra.RawJSON(`"Hi"`), nil), "the status is not documented")
	assert.False(t, hasSucceeded("", promptorchestra.RawJSON(`"Hi"`), &promptorchestra.Diagnostic{}))
	assert.False(t, hasSucceeded("in_progress", promptorchestra.RawJSON(`"Hi"`), nil))
	assert.False(t, hasSucceeded("", promptorchestra.RawJSON(`null`), nil))
}
