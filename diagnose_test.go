package promptorchestra_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func newEmulator(t *testing.T) *orchestratest.Server {
	t.Helper()
	srv := orchestratest.NewServer()
	t.Cleanup(func() {
		srv.Close()
		assert.NoError(t, srv.Err())
	})
	return srv
}

func publishedPrompt(t *testing.T, client *promptorchestra.Client) (promptID, versionID string) {
	t.Helper()
	prompt, err := client.Prompts.Create(t.Context(), promptorchestra.PromptCreateParams{PromptKey: "greet", Name: "Greet"})
	require.NoError(t, err)
	version, err := client.Prompts.CreateVersion(t.Context(), prompt.ID, promptorchestra.PromptVersionCreateParams{Content: "Greet {{name}}"})
	require.NoError(t, err)
	_, err = client.Prompts.Publish(t.Context(), prompt.ID, promptorchestra.PromptPublishParams{VersionID: version.ID})
	require.NoError(t, err)
	return prompt.ID, version.ID
}

func draftAgent(t *testing.T, client *promptorchestra.Client) (agentID, versionID string) {
	t.Helper()
	agent, err := client.Agents.Create(t.Context(), promptorchestra.AgentCreateParams{Name: "Support"})
	require.NoError(t, err)
	version, err := client.Agents.CreateVersion(t.Context(), agent.ID)
	require.NoError(t, err)
	return agent.ID, version.ID
}

const (
	diagnosisOK         = promptorchestra.VerdictOK
	diagnosisProblem    = promptorchestra.VerdictProblem
	diagnosisNotChecked = promptorchestra.VerdictNotChecked
)

// step returns the first finding of a step with a verdict.
func step(t *testing.T, d *promptorchestra.Diagnosis, n int, verdict promptorchestra.Verdict) promptorchestra.Finding {
	t.Helper()
	for _, f := range d.Findings {
		if f.Step == n && f.Verdict == verdict {
			return f
		}
	}
	require.Failf(t, "no such finding", "step %d %s in\n%s", n, verdict, d)
	return promptorchestra.Finding{}
}

// Each of the platform's six common failures, and what else there is, as the
// emulator makes them.
func TestDiagnose(t *testing.T) {
	type verdicts map[int]promptorchestra.Verdict
	type clientOf = *promptorchestra.Client
	for _, row := range []struct {
		name     string
		fail     func(t *testing.T, srv *orchestratest.Server) (clientOf, error)
		kind     promptorchestra.Kind
		cause    string // a regular expression
		advice   string
		verdicts verdicts
	}{
		{
			name: "bucket 1: the client has no organization",
			fail: func(t *testing.T, srv *orchestratest.Server) (clientOf, error) {
				client, err := promptorchestra.New(promptorchestra.WithBaseURL(srv.URL), promptorchestra.WithAPIKey(srv.APIKey))
				require.NoError(t, err)
				_, err = client.Agents.List(t.Context())
				return client, err
			},
			kind:  promptorchestra.KindMissingOrganization,
			cause: `^Neither the call nor the client has an organization`, advice: "WithOrganization",
			verdicts: verdicts{2: diagnosisProblem},
		},
		{
			name: "bucket 1: the server misses it",
			fail: func(t *testing.T, srv *orchestratest.Server) (clientOf, error) {
				srv.Fail("Agents.List", orchestratest.Status(400, `{"error":"organizationId is required"}`))
				_, err := srv.Client().Agents.List(t.Context())
				return srv.Client(), err
			},
			kind:  promptorchestra.KindMissingOrganization,
			cause: `^The call has no organization id: organizationId is required`, advice: "removes organizationId",
			verdicts: verdicts{2: diagnosisOK},
		},
		{
			name: "bucket 2: the token has expired",
			fail: func(t *testing.T, srv *orchestratest.Server) (clientOf, error) {
				srv.Expire(srv.AccessToken)
				_, err := srv.Client().Agents.Get(t.Context(), "agt_1")
				return srv.Client(), err
			},
			kind: promptorchestra.KindAuthentication, cause: `^The server does not accept the credential: .*expired`,
			advice: "access token", verdicts: verdicts{2: diagnosisProblem, 3: diagnosisNotChecked},
		},
		{
			name: "bucket 2: no credential that fits",
			fail: func(t *testing.T, srv *orchestratest.Server) (clientOf, error) {
				client, err := promptorchestra.New(promptorchestra.WithBaseURL(srv.URL), promptorchestra.WithAPIKey(srv.APIKey), promptorchestra.WithOrganization(srv.OrganizationID))
				require.NoError(t, err)
				_, err = client.Agents.Run(t.Context(), "agt_1", promptorchestra.AgentRunParams{})
				return client, err
			},
			kind:  promptorchestra.KindAuthentication,
			cause: `^The call needs an access token, but the client sends an API key`, advice: "access token",
			verdicts: verdicts{2: diagnosisProblem, 3: diagnosisProblem},
		},
		{
			name: "bucket 3: a scope is lacking",
			fail: func(t *testing.T, srv *orchestratest.Server) (clientOf, error) {
				client := srv.Client(promptorchestra.WithAccessToken(srv.IssueToken(srv.OrganizationID, "runs:read")))
				_, err := client.Agents.Create(t.Context(), promptorchestra.AgentCreateParams{Name: "Support"})
				return client, err
			},
			kind: promptorchestra.KindPermission, cause: `^The credential lacks the scope agents:write`,
			advice: "scope", verdicts: verdicts{2: diagnosisProblem},
		},
		{
			name: "bucket 3: a credential that may not ask either",
			fail: func(t *testing.T, srv *orchestratest.Server) (clientOf, error) {
				client := srv.Client(promptorchestra.WithAccessToken(srv.IssueToken(srv.OrganizationID, "skills:read")))
				_, err := client.Agents.Get(t.Context(), "agt_1")
				return client, err
			},
			kind: promptorchestra.KindPermission, cause: `^The credential is not allowed to do this: .*agents:read`,
			advice: "scope", verdicts: verdicts{2: diagnosisNotChecked, 3: diagnosisNotChecked},
		},
		{
			name: "bucket 3: a credential of another organization",
			fail: func(t *testing.T, srv *orchestratest.Server) (clientOf, error) {
				client := srv.Client(promptorchestra.WithAccessToken(srv.AddOrganization("Other").AccessToken))
				_, err := client.Agents.List(t.Context())
				return client, err
			},
			kind:   promptorchestra.KindPermission,
			cause:  `^The credential is not valid for this organization: .*another organization`,
			advice: "this organization", verdicts: verdicts{2: diagnosisProblem},
		},
		{
			name: "bucket 4: seats",
			fail: func(t *testing.T, srv *orchestratest.Server) (clientOf, error) {
				srv.Restrict(orchestratest.Seats(3))
				_, err := srv.Client().Agents.Get(t.Context(), "agt_1")
				return srv.Client(), err
			},
			kind:  promptorchestra.KindEntitlement,
			cause: `^The organization's plan does not allow this: .*5 members and 3 seats`, advice: "Upgrade",
			verdicts: verdicts{2: diagnosisProblem, 3: diagnosisNotChecked},
		},
		{
			name: "bucket 4: voice",
			fail: func(t *testing.T, srv *orchestratest.Server) (clientOf, error) {
				agentID, _ := draftAgent(t, srv.Client())
				srv.Restrict(orchestratest.Voice(false))
				_, err := srv.Client().VoiceAgents.CreateSession(t.Context(), agentID)
				return srv.Client(), err
			},
			kind: promptorchestra.KindEntitlement, cause: `^The organization's plan does not allow this: .*voice`,
			advice: "Upgrade", verdicts: verdicts{3: diagnosisOK, 4: diagnosisNotChecked},
		},
		{
			name: "bucket 5: an unknown prompt",
			fail: func(t *testing.T, srv *orchestratest.Server) (clientOf, error) {
				_, err := srv.Client().Prompts.Run(t.Context(), "prm_1", promptorchestra.PromptRunParams{})
				return srv.Client(), err
			},
			kind: promptorchestra.KindNotFound, cause: `^There is no prompt "prm_1" in organization org_`,
			advice: "Check the id", verdicts: verdicts{2: diagnosisOK, 3: diagnosisProblem},
		},
		{
			name: "bucket 5: a version of another agent",
			fail: func(t *testing.T, srv *orchestratest.Server) (clientOf, error) {
				agentID, _ := draftAgent(t, srv.Client())
				_, other := draftAgent(t, srv.Client())
				_, err := srv.Client().Agents.Publish(t.Context(), agentID, promptorchestra.AgentPublishParams{VersionID: other})
				return srv.Client(), err
			},
			kind: promptorchestra.KindNotFound, cause: `^versionId "agv_\w+" is not a version of agent "agt_`,
			advice: "Check the id", verdicts: verdicts{3: diagnosisProblem},
		},
		{
			name: "bucket 5: an unknown run",
			fail: func(t *testing.T, srv *orchestratest.Server) (clientOf, error) {
				_, err := srv.Client().AgentRuns.Get(t.Context(), "arun_1")
				return srv.Client(), err
			},
			kind: promptorchestra.KindNotFound, cause: `^There is no agent run "arun_1" in organization`,
			advice: "Check the id", verdicts: verdicts{4: diagnosisProblem},
		},
		{
			name: "bucket 6: an invalid graph",
			fail: func(t *testing.T, srv *orchestratest.Server) (clientOf, error) {
				agentID, versionID := draftAgent(t, srv.Client())
				_, err := srv.Client().Agents.SaveWorkflow(t.Context(), versionID, promptorchestra.Workflow{
					Steps:       []promptorchestra.WorkflowStep{{StepKey: "done", StepType: promptorchestra.StepTypeReturn}},
					Transitions: []promptorchestra.WorkflowTransition{{FromStepKey: "done", ToStepKey: "gone", TransitionType: promptorchestra.TransitionTypeNext}},
				})
				require.NoError(t, err)
				_, err = srv.Client().Agents.Publish(t.Context(), agentID, promptorchestra.AgentPublishParams{VersionID: versionID})
				return srv.Client(), err
			},
			kind:   promptorchestra.KindInvalidGraph,
			cause:  `missing_entry_step: Entry step is required; unknown_transition_target: .*gone`,
			advice: "SaveWorkflow", verdicts: verdicts{2: diagnosisOK, 3: diagnosisOK, 5: diagnosisProblem},
		},

		{
			name: "5xx of a prompt run, its run recorded as failed",
			fail: func(t *testing.T, srv *orchestratest.Server) (clientOf, error) {
				promptID, _ := publishedPrompt(t, srv.Client())
				srv.FailExecution(promptID, "the provider is down")
				_, err := srv.Client().Prompts.Run(t.Context(), promptID, promptorchestra.PromptRunParams{Variables: map[string]any{"name": "Ada"}})
				return srv.Client(), err
			},
			kind:   promptorchestra.KindServer,
			cause:  `^The server, or the provider behind it, failed: the provider is down`,
			advice: "do not retry it", verdicts: verdicts{2: diagnosisOK, 3: diagnosisOK, 4: diagnosisProblem},
		},
		{
			name: "5xx of a prompt run that never ran",
			fail: func(t *testing.T, srv *orchestratest.Server) (clientOf, error) {
				promptID, _ := publishedPrompt(t, srv.Client())
				srv.Fail("Prompts.Run", orchestratest.HTML(502))
				_, err := srv.Client().Prompts.Run(t.Context(), promptID, promptorchestra.PromptRunParams{})
				return srv.Client(), err
			},
			kind:  promptorchestra.KindServer,
			cause: `^The server, or the provider behind it, failed: 502 Bad Gateway`, advice: "do not retry it",
			verdicts: verdicts{4: diagnosisOK},
		},
		{
			name: "5xx of a prompt run, an earlier one recorded as failed",
			fail: func(t *testing.T, srv *orchestratest.Server) (clientOf, error) {
				promptID, _ := publishedPrompt(t, srv.Client())
				srv.FailExecution(promptID, "down on monday")
				_, err := srv.Client().Prompts.Run(t.Context(), promptID, promptorchestra.PromptRunParams{})
				require.Error(t, err)
				srv.FailExecution(promptID, "")
				srv.Fail("Prompts.Run", orchestratest.HTML(502))
				_, err = srv.Client().Prompts.Run(t.Context(), promptID, promptorchestra.PromptRunParams{})
				return srv.Client(), err
			},
			kind:  promptorchestra.KindServer,
			cause: `^The server, or the provider behind it, failed: 502 Bad Gateway`, advice: "do not retry it",
			verdicts: verdicts{4: diagnosisProblem},
		},
		{
			name: "a session that was lost",
			fail: func(t *testing.T, srv *orchestratest.Server) (clientOf, error) {
				_, promptVersionID := publishedPrompt(t, srv.Client())
				agentID, _ := draftAgent(t, srv.Client())
				_, err := srv.Client().VoiceAgents.CreateVersion(t.Context(), agentID, promptorchestra.VoiceAgentVersionCreateParams{PromptVersionID: promptVersionID})
				require.NoError(t, err)
				srv.Fail("VoiceAgents.CreateSession", orchestratest.DropAfter())
				_, err = srv.Client().VoiceAgents.CreateSession(t.Context(), agentID)
				return srv.Client(), err
			},
			kind: promptorchestra.KindTransport, cause: `^No response arrived`, advice: "do not retry it",
			verdicts: verdicts{3: diagnosisOK, 4: diagnosisOK},
		},
		{
			name: "5xx of a rerun: the run it begins from is not its record",
			fail: func(t *testing.T, srv *orchestratest.Server) (clientOf, error) {
				client := srv.Client()
				promptID, _ := publishedPrompt(t, client)
				agentID, versionID := draftAgent(t, client)
				_, err := client.Agents.SaveWorkflow(t.Context(), versionID, promptorchestra.Workflow{EntryStepKey: "greet", Steps: []promptorchestra.WorkflowStep{
					{StepKey: "greet", StepType: promptorchestra.StepTypePrompt, PromptID: promptID},
				}})
				require.NoError(t, err)
				srv.FailExecution(promptID, "down on monday")
				_, err = client.Agents.Run(t.Context(), agentID, promptorchestra.AgentRunParams{VersionID: versionID})
				var failed *promptorchestra.APIError
				require.ErrorAs(t, err, &failed)
				var body struct{ RunID string }
				require.NoError(t, json.Unmarshal(failed.RawBody, &body))
				srv.Fail("AgentRuns.RerunFromStep", orchestratest.HTML(502))
				_, err = client.AgentRuns.RerunFromStep(t.Context(), body.RunID, "greet")
				return client, err
			},
			kind:  promptorchestra.KindServer,
			cause: `^The server, or the provider behind it, failed: 502 Bad Gateway`, advice: "do not retry it",
			verdicts: verdicts{3: diagnosisOK, 4: diagnosisNotChecked},
		},
		{
			name: "5xx of an agent run, its run named by the body",
			fail: func(t *testing.T, srv *orchestratest.Server) (clientOf, error) {
				client := srv.Client()
				promptID, promptVersionID := publishedPrompt(t, client)
				agentID, versionID := draftAgent(t, client)
				_, err := client.Agents.SaveWorkflow(t.Context(), versionID, promptorchestra.Workflow{EntryStepKey: "greet", Steps: []promptorchestra.WorkflowStep{
					{StepKey: "greet", StepType: promptorchestra.StepTypePrompt, PromptID: promptID, PromptVersionID: promptVersionID},
				}})
				require.NoError(t, err)
				_, err = client.Agents.Publish(t.Context(), agentID, promptorchestra.AgentPublishParams{VersionID: versionID})
				require.NoError(t, err)
				srv.FailExecution(promptID, "the provider is down")
				_, err = client.Agents.Run(t.Context(), agentID, promptorchestra.AgentRunParams{})
				return client, err
			},
			kind:  promptorchestra.KindServer,
			cause: `^The agent run "arun_\w+" failed: Step greet failed: the provider is down`, advice: "request id",
			verdicts: verdicts{3: diagnosisOK, 4: diagnosisProblem, 5: diagnosisOK},
		},
		{
			name: "5xx of a skill run, its run named by the body",
			fail: func(t *testing.T, srv *orchestratest.Server) (clientOf, error) {
				client := srv.Client()
				promptID, _ := publishedPrompt(t, client)
				skill, err := client.Skills.Create(t.Context(), promptorchestra.SkillCreateParams{SkillKey: "greet", Name: "Greet"})
				require.NoError(t, err)
				version, err := client.Skills.CreateVersion(t.Context(), skill.ID, promptorchestra.SkillVersionCreateParams{})
				require.NoError(t, err)
				_, err = client.Skills.ReplacePrompts(t.Context(), version.ID, []promptorchestra.PromptAttachment{{
					PromptID: promptID, AttachmentMode: promptorchestra.AttachmentModeFloatingLatestPublished,
				}})
				require.NoError(t, err)
				srv.FailExecution(skill.ID, "the provider is down")
				_, err = client.Skills.Run(t.Context(), skill.ID, promptorchestra.SkillRunParams{SkillVersionID: version.ID})
				return client, err
			},
			kind: promptorchestra.KindServer, cause: `^The skill run "\w+" failed: .*the provider is down`,
			advice: "request id", verdicts: verdicts{3: diagnosisOK, 4: diagnosisProblem},
		},
		{
			name: "bucket 5: an unknown session",
			fail: func(t *testing.T, srv *orchestratest.Server) (clientOf, error) {
				_, err := srv.Client().RealtimeSessions.Get(t.Context(), "rts_1")
				return srv.Client(), err
			},
			kind: promptorchestra.KindNotFound, cause: `^There is no realtime session "rts_1" in organization`,
			advice: "Check the id", verdicts: verdicts{4: diagnosisProblem},
		},
		{
			name: "the context ended while the call waited",
			fail: func(t *testing.T, srv *orchestratest.Server) (clientOf, error) {
				srv.Fail("Agents.List", orchestratest.RateLimited(time.Second))
				ctx, cancel := context.WithCancel(t.Context())
				_, err := srv.Client(promptorchestra.WithLogger(slog.New(apitest.OnRetry(cancel)))).Agents.List(ctx)
				return srv.Client(), err
			},
			kind:  promptorchestra.KindRateLimited,
			cause: `^The server accepts no more requests for now: .*Too many requests`, advice: "Send fewer",
			verdicts: verdicts{2: diagnosisOK},
		},
		{
			name: "TransportError: the answer was lost",
			fail: func(t *testing.T, srv *orchestratest.Server) (clientOf, error) {
				promptID, _ := publishedPrompt(t, srv.Client())
				srv.Fail("Prompts.Run", orchestratest.DropAfter())
				_, err := srv.Client().Prompts.Run(t.Context(), promptID, promptorchestra.PromptRunParams{})
				return srv.Client(), err
			},
			kind: promptorchestra.KindTransport, cause: `^No response arrived: .*`, advice: "do not retry it",
			verdicts: verdicts{2: diagnosisOK, 3: diagnosisOK, 4: diagnosisOK},
		},
		{
			name: "TransportError: nobody listens",
			fail: func(t *testing.T, srv *orchestratest.Server) (clientOf, error) {
				client := srv.Client(apitest.FastRetries)
				srv.Close()
				_, err := client.Agents.Get(t.Context(), "agt_1")
				return client, err
			},
			kind: promptorchestra.KindTransport, cause: `^Setup.Verify gets no response either: .*refused`, advice: "base URL",
			verdicts: verdicts{2: diagnosisProblem, 3: diagnosisNotChecked},
		},
		{
			name: "DecodeError: half an answer",
			fail: func(t *testing.T, srv *orchestratest.Server) (clientOf, error) {
				promptID, _ := publishedPrompt(t, srv.Client())
				srv.Fail("Prompts.Run", orchestratest.CutBody(40))
				_, err := srv.Client().Prompts.Run(t.Context(), promptID, promptorchestra.PromptRunParams{})
				return srv.Client(), err
			},
			kind: promptorchestra.KindDecode, cause: `^The call succeeded, but its response cannot be used: .*cut short`,
			advice: "If the call left a record", verdicts: verdicts{4: diagnosisOK},
		},
		{
			name: "ArgumentError",
			fail: func(t *testing.T, srv *orchestratest.Server) (clientOf, error) {
				_, err := srv.Client().Agents.Create(t.Context(), promptorchestra.AgentCreateParams{})
				return srv.Client(), err
			},
			kind: promptorchestra.KindArgument, cause: `^The SDK rejected the call before sending it: name: must not be empty`,
			advice: "Fix the argument", verdicts: verdicts{2: diagnosisOK, 4: diagnosisNotChecked},
		},
		{
			name: "wrong base URL",
			fail: func(t *testing.T, srv *orchestratest.Server) (clientOf, error) {
				client := apitest.NewClient(t, apitest.Respond(404, "<html><title>404 Not Found</title></html>"))
				_, err := client.Prompts.Get(t.Context(), "prm_1")
				return client, err
			},
			kind: promptorchestra.KindUnknown, cause: `^The server that responds is not the API: 404 Not Found`,
			advice: "base URL", verdicts: verdicts{2: diagnosisProblem, 3: diagnosisNotChecked},
		},
		{
			name: "a rate limit",
			fail: func(t *testing.T, srv *orchestratest.Server) (clientOf, error) {
				srv.Fail("Agents.List", orchestratest.RateLimited(7*time.Second))
				_, err := srv.Client().Agents.List(t.Context(), promptorchestra.WithoutRetry())
				return srv.Client(), err
			},
			kind: promptorchestra.KindRateLimited, cause: `^The server accepts no more requests for now`,
			advice: "after 7s", verdicts: verdicts{2: diagnosisOK},
		},
		{
			name: "an error of somebody else's",
			fail: func(t *testing.T, srv *orchestratest.Server) (clientOf, error) {
				return srv.Client(), errors.New("disk full")
			},
			kind: promptorchestra.KindUnknown, cause: `^The error is not from this package: disk full`,
			advice:   "error that a method of the client returned",
			verdicts: verdicts{2: diagnosisOK, 3: diagnosisNotChecked, 4: diagnosisNotChecked, 5: diagnosisNotChecked},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			srv := newEmulator(t)
			client, err := row.fail(t, srv)
			require.Error(t, err)
			before := len(srv.Requests("*"))
			d := client.Diagnose(t.Context(), err)
			assert.Equal(t, row.kind, d.Kind)
			assert.Regexp(t, row.cause, d.Cause)
			assert.Contains(t, d.Advice, row.advice)
			step(t, d, 1, diagnosisProblem)
			last := 0
			for _, f := range d.Findings {
				assert.GreaterOrEqual(t, f.Step, last, "in the product's own order")
				last = f.Step
			}
			assert.Equal(t, 5, last, "every step has a finding")
			for n, verdict := range row.verdicts {
				step(t, d, n, verdict)
			}
			asked := srv.Requests("*")[before:]
			assert.LessOrEqual(t, len(asked), 8)
			for _, r := range asked {
				assert.True(t, r.Method == http.MethodGet || r.Op == "Setup.Verify", "%s changes something", r.Op)
			}
			for _, secret := range []string{srv.AccessToken, srv.APIKey} {
				assert.NotContains(t, fmt.Sprintf("%s %+v", d, *d), secret)
			}

			wrapped := client.Diagnose(t.Context(), errors.Join(errors.New("other"), fmt.Errorf("publishing: %w", err)))
			assert.Equal(t, d.Kind, wrapped.Kind)
			if row.name != "an error of somebody else's" {
				assert.Equal(t, d.Cause, wrapped.Cause)
			}
		})
	}
}

func TestDiagnoseNothing(t *testing.T) {
	srv := newEmulator(t)
	assert.Equal(t, &promptorchestra.Diagnosis{Cause: "There is no error."}, srv.Client().Diagnose(t.Context(), nil))
	assert.Empty(t, srv.Requests("*"))
	var none *promptorchestra.Diagnosis
	assert.Empty(t, none.String())
	assert.NotPanics(t, func() {
		_ = none.LogValue()
		var client *promptorchestra.Client
		step(t, client.Diagnose(t.Context(), (*promptorchestra.APIError)(nil)), 2, diagnosisNotChecked)
		srv.Client().Diagnose(nil, &promptorchestra.APIError{}) //nolint:staticcheck // even that
	})
}

// It looks into the organization of the call, not into that of the client.
func TestDiagnoseLooksIntoTheOrganizationOfTheCall(t *testing.T) {
	srv := newEmulator(t)
	other := srv.AddOrganization("Other")
	client := srv.Client(promptorchestra.WithAccessTokenSource(func(_ context.Context, organizationID string) (string, error) {
		return map[string]string{other.ID: other.AccessToken, srv.OrganizationID: srv.AccessToken}[organizationID], nil
	}))
	agentID, _ := draftAgent(t, client)
	_, err := client.InOrganization(other.ID).Agents.Get(t.Context(), agentID)
	d := client.Diagnose(t.Context(), err)
	assert.Equal(t, fmt.Sprintf("There is no agent %q in organization %s (agentId).", agentID, other.ID), d.Cause)
}

func TestDiagnoseIsBounded(t *testing.T) {
	srv := newEmulator(t)
	ids := map[string]string{}
	for i := range 20 {
		ids[fmt.Sprintf("steps[%d].promptId", i)] = fmt.Sprintf("prm_%d", i)
	}
	failure := &promptorchestra.APIError{CallInfo: promptorchestra.CallInfo{Op: "Agents.SaveSteps", Organization: srv.OrganizationID, Resource: ids}, StatusCode: 404}
	d := srv.Client().Diagnose(t.Context(), failure)
	assert.Len(t, srv.Requests("*"), 8)
	assert.Contains(t, step(t, d, 3, diagnosisNotChecked).Summary, "all the requests")

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("shutting down"))
	d = srv.Client().Diagnose(ctx, failure)
	assert.Len(t, srv.Requests("*"), 8, "nothing is sent any more")
	assert.Contains(t, step(t, d, 2, diagnosisNotChecked).Summary, "shutting down")

	srv.Fail("Setup.Verify", orchestratest.Delay(time.Minute))
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer stop()
	d = srv.Client().Diagnose(ctx, failure)
	assert.Contains(t, step(t, d, 2, diagnosisNotChecked).Summary, "deadline exceeded")
	assert.Contains(t, step(t, d, 3, diagnosisNotChecked).Summary, "the diagnosis took too long")
}

func TestDiagnosisShowsNoSecret(t *testing.T) {
	srv := newEmulator(t)
	d := srv.Client().Diagnose(t.Context(), fmt.Errorf("refused %s and %s with Bearer %s\nlevel=ERROR", apitest.Token, apitest.Key, "0123456789abcdef01234567"))
	text := d.String()
	for _, secret := range []string{apitest.Token, apitest.Key, "0123456789abcdef01234567"} {
		assert.NotContains(t, text, secret)
	}
	assert.NotContains(t, text, "\nlevel=ERROR")
}

func TestDiagnosisCanBeBuiltAndPrinted(t *testing.T) {
	d := &promptorchestra.Diagnosis{
		Kind: promptorchestra.KindEntitlement, Cause: "No seats", Advice: "Upgrade.",
		Findings: []promptorchestra.Finding{
			{Step: 1, Verdict: diagnosisProblem, Summary: "No seats", Evidence: []string{"status: 402"}},
			{Step: 2, Verdict: diagnosisNotChecked, Summary: "No time."},
			{Step: 9, Verdict: "odd", Summary: "?"},
		},
	}
	assert.Equal(t, `cause:  No seats
advice: Upgrade.
1 status and body: problem
  No seats
    status: 402
9: odd
  ?
not checked: 2 No time.
`, d.String())
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Error("failed", "diagnosis", d)
	var record struct{ Diagnosis map[string]any }
	require.NoError(t, json.Unmarshal(out.Bytes(), &record))
	assert.Equal(t, map[string]any{"kind": "entitlement", "cause": "No seats", "advice": "Upgrade.", "findings": []any{
		"1 status and body: problem: No seats", "2 credential and organization: not checked: No time.", "9: odd: ?",
	}}, record.Diagnosis)
}

func TestDiagnoseTakesTenSecondsAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := apitest.NewStubbedClient(t, func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() })
		start := time.Now()
		client.Diagnose(t.Context(), &promptorchestra.APIError{StatusCode: 500})
		assert.Equal(t, 10*time.Second, time.Since(start))
	})
}

func TestDiagnoseDoesNotRetry(t *testing.T) {
	var seen atomic.Int32
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { seen.Add(1); w.WriteHeader(503) }))
	resource := map[string]string{}
	for i := range 20 {
		resource[fmt.Sprintf("steps[%d].promptId", i)] = fmt.Sprint("prm_", i)
	}
	client.Diagnose(t.Context(), &promptorchestra.APIError{CallInfo: promptorchestra.CallInfo{Op: "Agents.SaveSteps", Resource: resource}, StatusCode: 404})
	assert.EqualValues(t, 8, seen.Load())
}

func TestDiagnoseShowsNoSecretInItsEvidence(t *testing.T) {
	d := apitest.NewClient(t, apitest.Respond(200, `{}`)).Diagnose(t.Context(), &promptorchestra.APIError{
		StatusCode: 401, Code: "x " + apitest.Key, RequestID: "Bearer " + apitest.Token,
		Diagnostic: &promptorchestra.Diagnostic{Recovery: promptorchestra.RawJSON(`"use ` + apitest.Token + `"`)},
	})
	assert.NotContains(t, d.String(), apitest.Token)
	assert.NotContains(t, d.String(), apitest.Key)
}

func TestDiagnoseOfJoinedErrors(t *testing.T) {
	d := apitest.NewClient(t, apitest.Respond(200, `{}`)).Diagnose(t.Context(), errors.Join(&promptorchestra.APIError{StatusCode: 402}, &promptorchestra.APIError{StatusCode: 404}))
	assert.Contains(t, d.String(), "joined to it, not diagnosed: 1")
}

func TestDiagnoseOfContextsThatEnded(t *testing.T) {
	srv := newEmulator(t)
	for _, row := range []struct {
		err   error
		kind  promptorchestra.Kind
		cause string
	}{
		{context.Canceled, promptorchestra.KindCanceled, "The call's context was cancelled"},
		{context.DeadlineExceeded, promptorchestra.KindTimeout, "No response arrived in time"},
	} {
		d := srv.Client().Diagnose(t.Context(), &promptorchestra.TransportError{CallInfo: promptorchestra.CallInfo{Op: "Agents.List"}, Err: row.err})
		assert.Equal(t, row.kind, d.Kind)
		assert.Contains(t, d.Cause, row.cause)
		assert.NotEmpty(t, d.Advice)
	}
}

// The report of a usual failure fits on one screen.
func TestAReportFitsOnAScreen(t *testing.T) {
	srv := newEmulator(t)
	client := srv.Client()
	promptID := srv.PublishPrompt("Greet {{name}}")
	srv.Fail("Prompts.Run", orchestratest.DropAfter())
	_, lost := client.Prompts.Run(t.Context(), promptID, promptorchestra.PromptRunParams{Variables: map[string]any{"name": "Ada"}})
	_, missing := client.Prompts.Get(t.Context(), "prm_1")
	srv.Restrict(orchestratest.Seats(3))
	_, seats := client.Runs.List(t.Context())
	for _, err := range []error{lost, missing, seats} {
		text := client.Diagnose(t.Context(), err).String()
		assert.LessOrEqual(t, strings.Count(text, "\n"), 24, text)
		assert.LessOrEqual(t, strings.Count(text, "not checked"), 1, text)
	}
}
