package orchestratest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func TestClientIsReadyToUse(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	client := srv.Client()
	agent, err := client.Agents.Create(t.Context(), promptorchestra.AgentCreateParams{Name: "Writer"})
	require.NoError(t, err)
	_, err = client.Agents.Run(t.Context(), agent.ID, promptorchestra.AgentRunParams{})
	require.True(t, promptorchestra.IsConflict(err), "a user's route is reached: %v", err)
	require.Len(t, srv.Requests("Agents.Create"), 1)
}

func TestClientTakesFurtherOptions(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	other := srv.AddOrganization("Other")
	client := srv.Client(promptorchestra.WithOrganization(other.ID), promptorchestra.WithAccessToken(other.AccessToken))
	verified, err := client.Setup.Verify(t.Context())
	require.NoError(t, err)
	assert.Equal(t, other.ID, verified.OrganizationID)
}

func TestClientWithBadOptionsFailsEachCall(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	client := srv.Client(promptorchestra.WithBaseURL("ftp://example.com"))
	_, err := client.Agents.List(t.Context())
	require.ErrorContains(t, err, "WithBaseURL: must begin with")
	var bad *promptorchestra.ArgumentError
	require.ErrorAs(t, err, &bad)
	assert.Empty(t, srv.Requests("*"))
}

func TestKeyClientHasAKeyAlone(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	promptID := srv.PublishPrompt("Hello {{name}}")
	client := srv.KeyClient(promptorchestra.WithHeader("X-Service", "billing"))
	_, err := client.Prompts.Run(t.Context(), promptID, promptorchestra.PromptRunParams{Variables: ada})
	require.NoError(t, err)
	sent := srv.Requests("Prompts.Run")
	require.Len(t, sent, 1)
	assert.Equal(t, "Bearer "+srv.APIKey, sent[0].Header.Get("Authorization"))
	assert.Equal(t, "api_key", sent[0].Header.Get("X-Prompt-Orchestra-Auth-Source"))
	assert.Equal(t, "billing", sent[0].Header.Get("X-Service"))

	_, err = client.Agents.Run(t.Context(), "agt_1", promptorchestra.AgentRunParams{})
	var rejected *promptorchestra.ArgumentError
	require.ErrorAs(t, err, &rejected, "a route for users")
	assert.Empty(t, srv.Requests("Agents.Run"))

	_, err = srv.KeyClient(promptorchestra.WithBaseURL("ftp://example.com")).Agents.List(t.Context())
	require.ErrorContains(t, err, "WithBaseURL: must begin with")
}

// Error is what a call returns, whichever call it is.
func TestErrorIsWhatTheCallReturns(t *testing.T) {
	for _, c := range routeTests {
		t.Run(c.op, func(t *testing.T) {
			const body = `{"error":"Graph validation failed","code":"AGENT_GRAPH_INVALID","details":[{"code":"missing_entry_step","message":"Entry step is required"}]}`
			err := orchestratest.Error(c.op, 422, body)
			var failed *promptorchestra.APIError
			require.ErrorAs(t, err, &failed)
			assert.Equal(t, c.op, failed.Op)
			assert.Equal(t, 422, failed.StatusCode)
			assert.Equal(t, promptorchestra.KindInvalidGraph, failed.Kind)
			assert.Equal(t, "missing_entry_step", failed.Details[0].Code)
			assert.Equal(t, 1, failed.Attempts)
			assert.True(t, promptorchestra.IsValidation(err))
		})
	}
}

// It is the same as the one that comes through a socket, but for what is made up.
func TestErrorIsTheSameAsThroughASocket(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	client := srv.Client(promptorchestra.WithOrganization("org_test"), promptorchestra.WithRetry(promptorchestra.RetryPolicy{MaxRetries: -1}))
	for _, c := range []struct {
		status int
		body   string
	}{
		{402, `{"error":"seat_limit_exceeded","message":"The organization has 5 members and 4 seats"}`},
		{402, `{"code":"feature_not_in_plan","title":"Feature not in plan","category":"billing","why":"no","retryable":false}`},
		{404, `<html><head><title>404 Not Found</title></head></html>`},
		{429, `{"error":"rate_limited"}`},
		{500, `{"error":"failed","message":"upstream","runId":"run_1"}`},
		{503, ""},
		{200, "<html></html>"},
		{200, "null"},
		{302, ""},
	} {
		srv.Fail("Agents.Publish", orchestratest.Status(c.status, c.body))
		_, want := client.Agents.Publish(t.Context(), "id", promptorchestra.AgentPublishParams{})
		got := orchestratest.Error("Agents.Publish", c.status, c.body)
		require.Error(t, want)
		assert.Equal(t, fmt.Sprintf("%T", want), fmt.Sprintf("%T", got))
		sent := srv.Requests("Agents.Publish")
		withoutID := strings.Replace(want.Error(), " [request_id="+sent[len(sent)-1].RequestID+"]", "", 1)
		assert.Equal(t, withoutID, got.Error())
		assert.Equal(t, promptorchestra.OutcomeUnknown(want), promptorchestra.OutcomeUnknown(got))
		assert.Equal(t, promptorchestra.IsRetryable(want), promptorchestra.IsRetryable(got))
	}
}

func TestErrorSaysWhatIsWrongWithIt(t *testing.T) {
	for name, c := range map[string]struct {
		op     string
		status int
		body   string
		why    string
	}{
		"a call that is none":  {op: "Agents.Rnu", status: 402, why: `orchestratest: Error("Agents.Rnu"): there is no such route`},
		"every call":           {op: "*", status: 402, why: `orchestratest: Error("*"): there is no such route`},
		"no call":              {status: 402, why: `orchestratest: Error(""): there is no such route`},
		"a service":            {op: "Agents", status: 402, why: "there is no such route"},
		"a status in progress": {op: "Agents.Run", status: 100, why: "Status(100) ends no request"},
		"no status":            {op: "Agents.Run", why: "Status(0) ends no request"},
		"a success":            {op: "Agents.Get", status: 200, body: `{"id":"agt_1"}`, why: "status 200 with this body is no failure"},
		"an empty success":     {op: "Agents.Get", status: 204, why: "status 204 with this body is no failure"},
	} {
		t.Run(name, func(t *testing.T) {
			err := orchestratest.Error(c.op, c.status, c.body)
			require.ErrorContains(t, err, c.why)
			var failed *promptorchestra.APIError
			assert.NotErrorAs(t, err, &failed)
		})
	}
}
