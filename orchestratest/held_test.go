package orchestratest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	sdk "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// An agent run is running until it is fetched, whatever else is asked about it.
func TestAgentRunsAreRunningAtFirst(t *testing.T) {
	a := start(t, orchestratest.WithControl())
	promptID := a.srv.PublishPrompt("Hello {{name}}")
	agentID := a.publishedAgent(flow([]object{step("greet", "prompt_step", "promptId", promptID)}))
	run := func() string {
		started := a.ok("POST", "/api/agents/"+agentID+"/run", object{"variables": object{"name": "Ada"}})
		assert.Equal(t, []any{"running", nil, nil}, []any{started["status"], started["output"], started["diagnostic"]})
		return started["runId"].(string)
	}
	left, right := run(), run()
	for range 3 {
		compared := a.ok("GET", "/api/agent-runs/compare?leftRunId="+left+"&rightRunId="+right, nil)
		assert.Equal(t, "running", compared["left"].(object)["status"])
		assert.Empty(t, compared["differences"])
		assert.Equal(t, object{"name": "Ada"}, a.ok("POST", "/api/agent-runs/"+left+"/load-inputs", nil)["variables"])
		assert.Equal(t, "running", a.ok("POST", "/api/agent-runs/"+left+"/rerun-from-step", object{"stepKey": "greet"})["status"])
		a.list("/api/agents")
		_, shown := a.control("GET", "/runs", "")
		assert.Equal(t, "running", shown.(object)["runs"].([]any)[0].(object)["status"])
	}
	for range 2 {
		fetched := a.ok("GET", "/api/agent-runs/"+left, nil)["run"].(object)
		assert.Equal(t, []any{"completed", "Hello Ada"}, []any{fetched["status"], fetched["output"]})
		assert.NotNil(t, fetched["completedAt"])
	}
	compared := a.ok("GET", "/api/agent-runs/compare?leftRunId="+left+"&rightRunId="+right, nil)
	assert.Equal(t, []any{"completed", "running"}, []any{compared["left"].(object)["status"], compared["right"].(object)["status"]})

	a.srv.HoldRuns(0)
	atOnce := a.ok("POST", "/api/agents/"+agentID+"/run", object{"variables": object{"name": "Ada"}})
	assert.Equal(t, []any{"completed", "Hello Ada"}, []any{atOnce["status"], atOnce["output"]})
}

func TestHeldPromptAndSkillRuns(t *testing.T) {
	a := start(t)
	promptID, skillID := a.srv.PublishPrompt("Hello {{name}}"), a.srv.PublishSkill("Hi {{name}}")
	for op, c := range map[string]struct{ run, get, list string }{
		"Prompts.Run": {"/api/prompts/" + promptID + "/run", "/api/runs/", "/api/runs"},
		"Skills.Run":  {"/api/skills/" + skillID + "/run", "/api/skill-runs/", ""},
	} {
		variables := object{"variables": object{"name": "Ada"}}
		assert.Equal(t, "completed", a.ok("POST", c.run, variables)["status"], "nothing is held at first")
		a.srv.HoldRuns(2, op)
		for _, ends := range []string{"completed", "failed"} {
			if ends == "failed" {
				a.srv.FailExecution(promptID, "down")
				a.srv.FailExecution(skillID, "down")
			}
			started := a.ok("POST", c.run, variables)
			assert.Equal(t, []any{"running", nil, ""}, []any{started["status"], started["output"], started["outputText"]}, op)
			for _, want := range []string{"running", "running", ends, ends} {
				if c.list != "" {
					listed := a.list(c.list)
					assert.Equal(t, want == ends && listed[len(listed)-1].(object)["status"] == ends, listed[len(listed)-1].(object)["status"] == ends)
				}
				fetched := a.ok("GET", c.get+started["runId"].(string), nil)
				assert.Equal(t, want, fetched["status"], op)
				assert.Equal(t, want == "running", fetched["completedAt"] == nil, op)
				assert.Equal(t, want == "running", len(fetched["steps"].([]any)) == 0, op)
			}
		}
		a.srv.HoldRuns(0, op)
		a.rejected(500, "POST", c.run, variables)
		a.srv.FailExecution(promptID, "")
		a.srv.FailExecution(skillID, "")
	}
}

// A failure is told by the call, or in the run that a 200 holds.
func TestFailureInsideASuccess(t *testing.T) {
	a := start(t)
	promptID, skillID := a.srv.PublishPrompt("Hello"), a.srv.PublishSkill("Hi")
	agentID := a.publishedAgent(flow([]object{step("greet", "prompt_step", "promptId", promptID)}))
	a.srv.FailExecution(promptID, "provider down", http.StatusOK)
	a.srv.FailExecution(skillID, "provider down", http.StatusOK)
	none := object{"variables": object{}}
	for _, path := range []string{"/api/prompts/" + promptID, "/api/skills/" + skillID} {
		failed := a.ok("POST", path+"/run", none)
		assert.Equal(t, []any{"failed", nil}, []any{failed["status"], failed["output"]}, path)
		assert.Equal(t, "provider down", failed["diagnostic"].(object)["why"], path)
	}
	started := a.ok("POST", "/api/agents/"+agentID+"/run", none)
	assert.Equal(t, "running", started["status"])
	assert.Equal(t, "failed", a.ok("GET", "/api/agent-runs/"+started["runId"].(string), nil)["run"].(object)["status"])
	a.srv.HoldRuns(0)
	failed := a.ok("POST", "/api/agents/"+agentID+"/run", none)
	assert.Equal(t, "failed", failed["status"])
	assert.Equal(t, "Step greet failed: provider down", failed["diagnostic"].(object)["why"])

	a.srv.FailExecution(promptID, "provider down")
	a.rejected(500, "POST", "/api/prompts/"+promptID+"/run", none)
	a.rejected(500, "POST", "/api/agents/"+agentID+"/run", none)
}

// One user, two organizations, with permissions of their own; a key has one.
func TestUserOfSeveralOrganizations(t *testing.T) {
	srv := orchestratest.NewUnlistened()
	defer srv.Close()
	other := srv.AddOrganization("Other")
	client := srv.Client()
	_, err := client.InOrganization(other.ID).Agents.List(t.Context())
	require.True(t, sdk.IsForbidden(err), "%v", err)

	srv.Join(srv.AccessToken, other.ID, "agents:read")
	for _, organization := range []string{srv.OrganizationID, other.ID} {
		agents, err := client.InOrganization(organization).Agents.List(t.Context())
		require.NoError(t, err)
		assert.Empty(t, agents)
	}
	_, err = client.InOrganization(other.ID).Skills.List(t.Context())
	require.True(t, sdk.IsForbidden(err), "%v", err)
	_, err = client.Skills.List(t.Context())
	require.NoError(t, err, "the first organization's permissions are as before")

	srv.Join(srv.AccessToken, other.ID)
	made, err := client.InOrganization(other.ID).Agents.Create(t.Context(), sdk.AgentCreateParams{Name: "Writer"})
	require.NoError(t, err)
	_, err = client.Agents.Get(t.Context(), made.ID)
	require.True(t, sdk.IsNotFound(err), "organizations stay apart: %v", err)
	require.NoError(t, srv.Err())
	srv.Join(srv.APIKey, other.ID)
	require.ErrorContains(t, srv.Err(), "Join: the server issued no such access token")
}

// A name in a prompt is any text without braces.
func TestNamesOfVariables(t *testing.T) {
	a := start(t)
	for template, want := range map[string]string{
		"{{größe}} {{first name}} {{ first name }}": "XL Ada Ada",
		"{{名前}} {{a/b}} {{it's}} {{#if}}":           "Grace 1 yes no",
		"{{ }} {{}} {{missing one}} {{{größe}}}":    "{{ }} {{}} {{missing one}} {XL}",
		"{{user.first name}} {{\nfirst name\t}}":    "Lin Ada",
	} {
		ran := a.ok("POST", "/api/prompts/"+a.srv.PublishPrompt(template)+"/run", object{"variables": object{
			"größe": "XL", "first name": "Ada", "名前": "Grace", "a/b": 1, "it's": "yes", "#if": "no", "user": object{"first name": "Lin"},
		}})
		assert.Equal(t, want, ran["outputText"], template)
		if want == "{{ }} {{}} {{missing one}} {XL}" {
			assert.Equal(t, []any{"missing one"}, ran["missingVariables"])
		}
	}
}

// 1, 1.0 and 1e0 are the same number.
func TestNumbersCompareByValue(t *testing.T) {
	for _, c := range []struct {
		left, right string
		same        bool
	}{
		{"1", "1.0", true},
		{"1", "1e0", true},
		{"1000000", "1E+6", true},
		{"0.10", "1e-1", true},
		{"-0", "0.0", true},
		{"0", "0e9", true},
		{"12.50", "12.5", true},
		{"1e400", "10e399", true},
		{"123456789012345678901234567890", "1.2345678901234567890123456789e29", true},
		{"1234567890123456789", "1234567890123456800", false},
		{"1", "-1", false},
		{"1", "10", false},
		{"0.1", "0.01", false},
		{"1e999999999999999999", "1", false},
		{`"1"`, "1", false},
	} {
		srv := orchestratest.NewUnlistened()
		client := srv.Client()
		skillID := srv.PublishSkill(`{"n": [` + c.left + `]}`)
		v1, err := client.Skills.CreateVersion(t.Context(), skillID, sdk.SkillVersionCreateParams{InputSchema: sdk.RawJSON(`{"n":{"of":[` + c.left + `]}}`)})
		require.NoError(t, err)
		made(client.Skills.ReplacePrompts(t.Context(), v1.ID, []sdk.PromptAttachment{{PromptID: made(firstPrompt(t, client)).ID}}))
		made(client.Evaluations.CreateCase(t.Context(), skillID, sdk.EvaluationCaseCreateParams{Input: map[string]any{}, Expected: sdk.RawJSON(`{"n":[` + c.right + `]}`)}))
		evaluated, err := client.Evaluations.Run(t.Context(), skillID, sdk.EvaluationRunParams{})
		require.NoError(t, err)
		assert.Equal(t, c.same, strings.Contains(string(evaluated.Results), `"draftPassed":true`), "%s, %s", c.left, c.right)

		v2 := made(client.Skills.CreateVersion(t.Context(), skillID, sdk.SkillVersionCreateParams{InputSchema: sdk.RawJSON(`{"n":{"of":[` + c.right + `]}}`)}))
		made(client.Skills.ReplacePrompts(t.Context(), v2.ID, []sdk.PromptAttachment{{PromptID: made(firstPrompt(t, client)).ID}}))
		compared := made(client.Skills.Diff(t.Context(), skillID, v2.ID, v1.ID))
		assert.Equal(t, c.same, string(compared.Changes) == "[]", "%s, %s: %s", c.left, c.right, compared.Changes)
		srv.Close()
	}
}

func firstPrompt(t *testing.T, client *sdk.Client) (*sdk.PromptListItem, error) {
	t.Helper()
	prompts, err := client.Prompts.List(t.Context())
	return &prompts[0], err
}

func TestBodiesThatAreTooLarge(t *testing.T) {
	srv := orchestratest.NewUnlistened()
	defer srv.Close()
	large := make([]byte, 17<<20)
	for i := range large {
		large[i] = 'x'
	}
	_, err := srv.Client().Agents.Create(t.Context(), sdk.AgentCreateParams{Name: string(large)})
	var rejected *sdk.APIError
	require.ErrorAs(t, err, &rejected)
	assert.Equal(t, []any{413, "payload_too_large", false}, []any{rejected.StatusCode, rejected.Code, sdk.OutcomeUnknown(err)})
	assert.Empty(t, made(listOf(srv.Client().Agents.List(t.Context()))))
}

func listOf[T any](list []T, err error) (*[]T, error) { return &list, err }
