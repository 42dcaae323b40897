package promptorchestra_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// What records say that the emulator does not make.
func TestDiagnoseReadsRecords(t *testing.T) {
	lost := func(op string, resource map[string]string) error {
		return &promptorchestra.TransportError{CallInfo: promptorchestra.CallInfo{Op: op, Resource: resource}, OutcomeUnknown: true}
	}
	prompt := map[string]string{"promptId": "prm_1"}
	for name, row := range map[string]struct {
		err     error
		path    string // answered with body, all others with {}
		body    string
		step    int
		verdict promptorchestra.Verdict
		summary string
	}{
		"runs that do not name their prompt": {
			err: lost("Prompts.Run", prompt), path: "/api/runs", body: `[{"id":"run_1"}]`, step: 4,
			verdict: diagnosisNotChecked, summary: "1 of the listed runs do not show",
		},
		"a list that is none": {
			err: lost("Prompts.Run", prompt), path: "/api/runs", body: `{}`, step: 4, verdict: diagnosisNotChecked,
			summary: "The runs could not be listed",
		},
		"the newest of several": {
			err: lost("Prompts.Run", prompt), path: "/api/runs",
			body: `[{"id":"a","promptId":"prm_1","createdAt":"2026-01-01T00:00:00Z"},{"id":"b","promptId":"prm_1","createdAt":"2026-01-02T00:00:00Z","status":"running"},{"id":"c","promptId":"prm_2","createdAt":"2026-01-03T00:00:00Z"},{"id":"d","promptId":"prm_1","createdAt":"2025-01-01T00:00:00Z"}]`,
			step: 4, verdict: diagnosisOK, summary: `"b", which may belong to another call, has not ended yet`,
		},
		"a call that may be repeated, and so may have run": {
			err:  &promptorchestra.TransportError{CallInfo: promptorchestra.CallInfo{Op: "Prompts.Run", Idempotent: true, Resource: prompt}},
			path: "/api/runs", body: `[{"id":"a","promptId":"prm_1"}]`, step: 4, verdict: diagnosisNotChecked,
			summary: `The newest run of the prompt, "a", which may belong to another call, exists, but the record does not say how it ended`,
		},
		"a body that names the run to begin from": {
			err:  &promptorchestra.APIError{CallInfo: promptorchestra.CallInfo{Op: "AgentRuns.RerunFromStep", Resource: map[string]string{"runId": "arun_1"}}, StatusCode: 500, RawBody: []byte(`{"runId":"arun_1"}`)},
			path: "/api/agent-runs/arun_1", body: `{"run":{"id":"arun_1","status":"failed"}}`, step: 4,
			verdict: diagnosisNotChecked, summary: "the error names none",
		},
		"several without a time": {
			err: lost("Prompts.Run", prompt), path: "/api/runs",
			body: `[{"id":"a","promptId":"prm_1"},{"id":"b","promptId":"prm_1","createdAt":"2026-01-02T00:00:00Z"}]`,
			step: 4, verdict: diagnosisNotChecked, summary: "is not known: 1 of 2 have no time",
		},
		"several that say when they ended": {
			err: lost("Prompts.Run", prompt), path: "/api/runs",
			body: `[{"id":"a","promptId":"prm_1","completedAt":"2026-01-02T00:00:00Z"},{"id":"b","promptId":"prm_1","completedAt":"2025-01-02T00:00:00Z","status":"failed"}]`,
			step: 4, verdict: diagnosisNotChecked, summary: `The newest run of the prompt, "a"`,
		},
		"the sessions of an agent": {
			err:  lost("VoiceAgents.CreateSession", map[string]string{"agentId": "agt_1"}),
			path: "/api/realtime-sessions",
			body: `[{"id":"a","rootAgentId":"agt_1","completionState":"failed"},{"id":"b","rootAgentId":"agt_2"}]`,
			step: 4, verdict: diagnosisProblem,
			summary: `The newest session of the agent, "a", which may belong to another call, failed`,
		},
		"no session of the agent": {
			err:  lost("VoiceAgents.CreateSession", map[string]string{"agentId": "agt_1"}),
			path: "/api/realtime-sessions", body: `[]`, step: 4, verdict: diagnosisOK,
			summary: `No session of the agent "agt_1" is recorded`,
		},
		"a skill run that an agent's failure names": {
			err:  &promptorchestra.APIError{CallInfo: promptorchestra.CallInfo{Op: "Agents.Run"}, StatusCode: 500, RawBody: []byte(`{"error":"step 2","skillRunId":"srun_1"}`)},
			path: "/api/skill-runs/srun_1", body: `{"status":"failed","errorMessage":"provider down"}`, step: 4,
			verdict: diagnosisProblem, summary: `The skill run "srun_1" failed: provider down`,
		},
		"an evaluation run": {
			err:  lost("Evaluations.Get", map[string]string{"skillId": "skl_1", "evaluationRunId": "evr_1"}),
			path: "/api/skills/skl_1/evaluations/evr_1", body: `{"status":"failed"}`, step: 4,
			verdict: diagnosisProblem, summary: "failed: the record does not say why",
		},
		"an agent run's diagnostic": {
			err: lost("AgentRuns.Get", map[string]string{"runId": "arun_1"}), path: "/api/agent-runs/arun_1",
			body: `{"run":{"id":"arun_1","status":"failed"},"diagnostic":{"title":"Tool failed"}}`, step: 4,
			verdict: diagnosisProblem, summary: "failed: Tool failed",
		},
		"a session": {
			err:  lost("RealtimeSessions.Get", map[string]string{"runId": "rts_1"}),
			path: "/api/realtime-sessions/rts_1", body: `{"completionState":"completed"}`, step: 4,
			verdict: diagnosisOK, summary: "succeeded",
		},
		"an agent run that nobody names": {
			err: lost("Agents.Run", map[string]string{"agentId": "agt_1"}), path: "/", step: 4,
			verdict: diagnosisNotChecked, summary: "the error names none",
		},
		"a published graph with mistakes": {
			err: lost("Agents.Run", map[string]string{"agentId": "agt_1"}), path: "/api/agents/agt_1",
			body: `{"id":"agt_1","entryStepKey":"a","steps":[{"stepKey":"b","stepType":"return_step"}],"transitions":[{"fromStepKey":"b","toStepKey":"c"}]}`,
			step: 5, verdict: diagnosisProblem,
			summary: `Entry step "a" does not exist: at entryStepKey; unknown_transition_target`,
		},
		"a published graph whose skills and tools are named otherwise": {
			err: lost("Agents.Run", map[string]string{"agentId": "agt_1"}), path: "/api/agents/agt_1",
			body: `{"id":"agt_1","entryStepKey":"a","steps":[{"stepKey":"a","stepType":"tool_step","toolVersionId":"tlv_1"},{"stepKey":"b","stepType":"prompt_step","skill":"s"}],"transitions":[{"fromStepKey":"a","toStepKey":"b"}]}`,
			step: 5, verdict: diagnosisOK, summary: "finds no mistake",
		},
		"a published graph whose transitions are spelled otherwise": {
			err: lost("Agents.Run", map[string]string{"agentId": "agt_1"}), path: "/api/agents/agt_1",
			body: `{"id":"agt_1","entryStepKey":"a","steps":[{"stepKey":"a"},{"stepKey":"b"}],"transitions":[{"source":"a","target":"b"}]}`,
			step: 5, verdict: diagnosisNotChecked, summary: "transitions of the agent's current version have an unknown form",
		},
		"a graph of another version": {
			err:  lost("Agents.Publish", map[string]string{"agentId": "agt_1", "versionId": "agv_2"}),
			path: "/api/agents/agt_1",
			body: `{"id":"agt_1","versionId":"agv_1","entryStepKey":"a","steps":[{"stepKey":"a"}],"versions":[{"id":"agv_1"},{"id":"agv_2"}]}`,
			step: 5, verdict: diagnosisNotChecked, summary: `shows the graph of version "agv_1", not of "agv_2"`,
		},
		"a graph that cannot be read": {
			err: lost("Agents.Run", map[string]string{"agentId": "agt_1"}), path: "/api/agents/agt_1",
			body: `{"id":"agt_1","entryStepKey":"a","steps":"none"}`, step: 5, verdict: diagnosisNotChecked,
			summary: "could not be read",
		},
		"versions that are not listed": {
			err: lost("Agents.Publish", map[string]string{"agentId": "agt_1", "versionId": "agv_1"}), path: "/",
			step: 3, verdict: diagnosisNotChecked, summary: "does not list the versions",
		},
		"a record that may not be read": {
			err:  lost("Evaluations.Run", map[string]string{"skillId": "skl_1", "draftVersionId": "skv_1"}),
			path: "/api/skills/skl_1", body: `null`, step: 3, verdict: diagnosisNotChecked,
			summary: "could not be checked: promptorchestra: Skills.Get",
		},
	} {
		t.Run(name, func(t *testing.T) {
			client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == row.path {
					_, _ = w.Write([]byte(row.body))
					return
				}
				_, _ = w.Write([]byte(apitest.Anything))
			}))
			assert.Contains(t, step(t, client.Diagnose(t.Context(), row.err), row.step, row.verdict).Summary, row.summary)
		})
	}
}

// An id that only the body names may be of any kind: its absence is no cause.
func TestDiagnoseDoesNotBlameARunThatTheBodyNames(t *testing.T) {
	srv := newEmulator(t)
	d := srv.Client().Diagnose(t.Context(), &promptorchestra.APIError{
		CallInfo: promptorchestra.CallInfo{Op: "Evaluations.Run", Organization: srv.OrganizationID}, StatusCode: 500, Kind: promptorchestra.KindServer, Message: "case 2 failed",
		RawBody: []byte(`{"error":"failed","draftRunId":"srun_1"}`),
	})
	assert.Equal(t, "The server, or the provider behind it, failed: case 2 failed", d.Cause)
	assert.Contains(t, step(t, d, 4, diagnosisNotChecked).Summary, "srun_1")
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
	assert.Equal(t, []string{"runs of the agent so far: 2"}, step(t, d, 4, diagnosisNotChecked).Evidence)
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

// A run of any kind is found by its id alone.
func TestDiagnoseRun(t *testing.T) {
	srv := newEmulator(t)
	client := srv.Client()
	promptID := srv.PublishPrompt("Greet {{name}}")
	agentID := srv.PublishAgent(promptorchestra.Workflow{EntryStepKey: "greet", Steps: []promptorchestra.WorkflowStep{
		{StepKey: "greet", StepType: promptorchestra.StepTypePrompt, PromptID: promptID},
	}})
	skillID := srv.PublishSkill("Summarize {{text}}")
	variables := map[string]any{"name": "Ada", "text": "x"}

	run, err := client.Prompts.Run(t.Context(), promptID, promptorchestra.PromptRunParams{Variables: variables})
	require.NoError(t, err)
	d := client.DiagnoseRun(t.Context(), run.RunID)
	assert.Equal(t, fmt.Sprintf("The run %q succeeded: its result is in the record.", run.RunID), d.Cause)
	assert.Empty(t, d.Kind)
	assert.Contains(t, step(t, d, 4, diagnosisOK).Evidence, "prompt: "+promptID)

	skillRun, err := client.Skills.Run(t.Context(), skillID, promptorchestra.SkillRunParams{Variables: variables})
	require.NoError(t, err)
	assert.Contains(t, client.DiagnoseRun(t.Context(), skillRun.RunID).Cause, fmt.Sprintf("The skill run %q", skillRun.RunID))

	srv.HoldRuns(100)
	held, err := client.Agents.Run(t.Context(), agentID, promptorchestra.AgentRunParams{Variables: variables})
	require.NoError(t, err)
	d = client.DiagnoseRun(t.Context(), held.RunID)
	assert.Contains(t, d.Cause, "has not ended yet")
	assert.Contains(t, d.Advice, "AgentRuns.Wait")

	srv.HoldRuns(0)
	srv.FailExecution(promptID, "the provider is down")
	_, err = client.Agents.Run(t.Context(), agentID, promptorchestra.AgentRunParams{Variables: variables})
	failedID, ok := promptorchestra.RunID(err)
	require.True(t, ok)
	before := len(srv.Requests("*"))
	d = client.DiagnoseRun(t.Context(), failedID)
	assert.Contains(t, d.Cause, fmt.Sprintf("The agent run %q failed: ", failedID))
	assert.Contains(t, d.Cause, "the provider is down")
	assert.Contains(t, d.Advice, "paid for")
	f := step(t, d, 4, diagnosisProblem)
	assert.Equal(t, []string{"status: failed", "agent: " + agentID}, f.Evidence[:2])
	assert.Equal(t, "step: prompt_step: failed: the provider is down", f.Evidence[2])
	assert.Contains(t, f.Evidence[3], "decision: greet: ")
	for _, r := range srv.Requests("*")[before:] {
		assert.True(t, r.Method == http.MethodGet || r.Op == "Setup.Verify", r.Op)
	}
	assert.LessOrEqual(t, len(srv.Requests("*"))-before, 5)

	d = client.DiagnoseRun(t.Context(), "run_none")
	assert.Equal(t, promptorchestra.KindNotFound, d.Kind)
	assert.Equal(t, "Organization "+srv.OrganizationID+` has no agent run, run, skill run or realtime session "run_none".`, d.Cause)
}

func TestDiagnoseRunThatCannotBeRead(t *testing.T) {
	for name, row := range map[string]struct {
		status  int
		body    string
		kind    promptorchestra.Kind
		cause   string
		verdict promptorchestra.Verdict
	}{
		"a 404 of everything":           {404, `{"error":"Not Found"}`, promptorchestra.KindNotFound, "which proves nothing", diagnosisNotChecked},
		"a failure of the server":       {500, `{"error":"failed"}`, promptorchestra.KindServer, "could not be checked", diagnosisNotChecked},
		"a response that is not JSON":   {200, `<html>`, promptorchestra.KindUnknown, "The server that responds is not the API", diagnosisNotChecked},
		"a record that is not the run":  {200, `{"jobId":"job_1"}`, promptorchestra.KindDecode, "could not be checked", diagnosisNotChecked},
		"a credential that is rejected": {401, `{"error":"no","code":"AUTH_INVALID_TOKEN"}`, promptorchestra.KindUnknown, "does not accept the credential", diagnosisNotChecked},
	} {
		t.Run(name, func(t *testing.T) {
			d := apitest.NewClient(t, apitest.Respond(row.status, row.body)).DiagnoseRun(t.Context(), "run_1")
			assert.Equal(t, row.kind, d.Kind, d.String())
			assert.Contains(t, d.Cause, row.cause)
			step(t, d, 4, row.verdict)
		})
	}
	client := apitest.NewClient(t, apitest.Respond(200, `{}`))
	for _, id := range []string{"", "..", "a\nb"} {
		assert.Equal(t, promptorchestra.KindArgument, client.DiagnoseRun(t.Context(), id).Kind)
	}
	assert.Equal(t, promptorchestra.KindArgument, (*promptorchestra.Client)(nil).DiagnoseRun(t.Context(), "run_1").Kind)
	assert.Equal(t, promptorchestra.KindArgument, client.DiagnoseRun(nil, "run_1").Kind) //nolint:staticcheck // even that
}
