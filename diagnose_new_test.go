package promptorchestra_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// A token source that fails for good is a matter of the credential; one that may recover stays what
// it is.
func TestDiagnoseATokenSource(t *testing.T) {
	for name, row := range map[string]struct {
		err  error
		kind promptorchestra.Kind
	}{
		"for good":  {errors.New("the vault is sealed"), promptorchestra.KindAuthentication},
		"in time":   {fmt.Errorf("the vault is sealed: %w", os.ErrDeadlineExceeded), promptorchestra.KindTimeout},
		"API error": {fmt.Errorf("the vault is sealed: %w", &promptorchestra.APIError{StatusCode: 401}), promptorchestra.KindAuthentication},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newEmulator(t)
			client := srv.Client(promptorchestra.WithAccessTokenSource(func(context.Context, string) (string, error) { return "", row.err }))
			_, err := client.Agents.Get(t.Context(), "agt_1")
			d := client.Diagnose(t.Context(), err)
			assert.Equal(t, row.kind, d.Kind)
			assert.Contains(t, d.Cause, "The token source failed: WithAccessTokenSource: the vault is sealed")
			assert.Contains(t, d.Advice, "token source")
			assert.NotContains(t, d.Advice, "network")
			assert.Contains(t, step(t, d, 2, diagnosisProblem).Summary, "The token source failed: ")
			assert.Empty(t, srv.Requests("*"))
		})
	}
}

// An agent's runs cannot be listed; how many there are can be seen.
func TestDiagnoseShowsTheRunsOfAnAgent(t *testing.T) {
	srv := newEmulator(t)
	client := srv.Client()
	promptID, _ := publishedPrompt(t, client)
	agentID, versionID := draftAgent(t, client)
	_, err := client.Agents.SaveWorkflow(t.Context(), versionID, promptorchestra.Workflow{EntryStepKey: "greet", Steps: []promptorchestra.WorkflowStep{
		{StepKey: "greet", StepType: promptorchestra.StepTypePrompt, PromptID: promptID},
	}})
	require.NoError(t, err)
	_, err = client.Agents.Publish(t.Context(), agentID, promptorchestra.AgentPublishParams{VersionID: versionID})
	require.NoError(t, err)
	_, err = client.Agents.Run(t.Context(), agentID, promptorchestra.AgentRunParams{})
	require.NoError(t, err)
	srv.Fail("Agents.Run", orchestratest.DropAfter())
	_, err = client.Agents.Run(t.Context(), agentID, promptorchestra.AgentRunParams{})
	require.True(t, promptorchestra.OutcomeUnknown(err))
	d := client.Diagnose(t.Context(), err)
	assert.Equal(t, []string{"runs of the agent now: 2"}, step(t, d, 4, diagnosisNotChecked).Evidence)
}

// The run is found in what arrived of a response.
func TestDiagnoseReadsTheRunOfACutResponse(t *testing.T) {
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/runs/run_1" {
			_, _ = w.Write([]byte(`{"id":"run_1","status":"failed","errorMessage":"provider down"}`))
			return
		}
		_, _ = w.Write([]byte(`{}`))
	}))
	d := client.Diagnose(t.Context(), &promptorchestra.DecodeError{
		CallInfo: promptorchestra.CallInfo{Op: "Prompts.Run", Resource: map[string]string{"promptId": "prm_1"}}, StatusCode: 200,
		Body: []byte(`{"status":"failed","run_id":"run_1","outp`), Err: errors.New("cut"),
	})
	assert.Equal(t, `The run "run_1" failed: provider down`, step(t, d, 4, diagnosisProblem).Summary)
}

func TestDiagnoseOfContextsThatEnded(t *testing.T) {
	srv := newEmulator(t)
	for _, row := range []struct {
		err   error
		kind  promptorchestra.Kind
		cause string
	}{
		{context.Canceled, promptorchestra.KindCanceled, "The context of the call was cancelled"},
		{context.DeadlineExceeded, promptorchestra.KindTimeout, "No response came in time"},
	} {
		d := srv.Client().Diagnose(t.Context(), &promptorchestra.TransportError{CallInfo: promptorchestra.CallInfo{Op: "Agents.List"}, Err: row.err})
		assert.Equal(t, row.kind, d.Kind)
		assert.Contains(t, d.Cause, row.cause)
		assert.NotEmpty(t, d.Advice)
	}
}
