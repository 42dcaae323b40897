package promptorchestra_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

// No source documents what Setup.Verify answers: an unknown form is no problem.
func TestDiagnoseReadsAnyAnswerToVerify(t *testing.T) {
	failure := &promptorchestra.APIError{CallInfo: promptorchestra.CallInfo{Op: "Agents.Get"}, StatusCode: 403, Kind: promptorchestra.KindPermission, Message: "Forbidden"}
	for _, row := range []struct {
		status  int
		body    string
		verdict promptorchestra.Verdict
		summary string
	}{
		{200, `{}`, diagnosisOK, "accepts the credential"},
		{200, `{"ok":"yes","scopes":"all","checks":{"seats":true}}`, diagnosisOK, "accepts the credential"},
		{200, `{"scopes":["runs:read","agents:*"]}`, diagnosisOK, "accepts the credential"},
		{200, `{"scopes":"runs:read skills:read"}`, diagnosisProblem, "lacks the scope agents:read"},
		{200, `{"scopes":"runs:read agents:read"}`, diagnosisOK, "accepts the credential"},
		{200, `{"ok":true,"organizationId":"org_2"}`, diagnosisProblem, "belongs to organization org_2"},
		{200, `{"ok":false,"checks":"x"}`, diagnosisProblem, "its setup check failed"},
		{200, `{"scopes":[]}`, diagnosisOK, "accepts the credential"},
		{200, `<html>`, diagnosisProblem, "The server that responds is not the API"},
		{404, `{"error":"not_found","message":"Cannot POST /api/setup/verify"}`, diagnosisNotChecked, "Cannot POST"},
		{500, `{"error":"failed"}`, diagnosisNotChecked, "500"},
		{402, `{"error":"failed"}`, diagnosisNotChecked, "402"},
	} {
		d := apitest.NewClient(t, apitest.Respond(row.status, row.body)).Diagnose(t.Context(), failure)
		assert.Contains(t, step(t, d, 2, row.verdict).Summary, row.summary, row.body)
	}
}

func TestDiagnoseNamesIDsOfTheBody(t *testing.T) {
	srv := newEmulator(t)
	promptID, _ := publishedPrompt(t, srv.Client())
	d := srv.Client().Diagnose(t.Context(), &promptorchestra.APIError{
		CallInfo: promptorchestra.CallInfo{Op: "Agents.SaveWorkflow", Organization: srv.OrganizationID, Resource: map[string]string{
			"agentVersionId": "agv_1", "steps[0].promptId": promptID, "steps[1].promptId": "prm_1",
			"steps[1].promptVersionId": "prv_1", "steps[2].promptId": promptID, "steps[2].promptVersionId": "prv_2", "steps[3].toolId": "tol_1",
		}}, StatusCode: 404,
	})
	assert.Equal(t, `There is no prompt "prm_1" in organization `+srv.OrganizationID+" (steps[1].promptId).", d.Cause)
	text := d.String()
	assert.Contains(t, text, `agentVersionId "agv_1" could not be checked`)
	assert.Contains(t, text, fmt.Sprintf(`steps[0].promptId %q exists`, promptID))
	assert.Contains(t, text, fmt.Sprintf(`steps[2].promptVersionId "prv_2" is not a version of prompt %q`, promptID))
	assert.Contains(t, text, `There is no tool "tol_1"`)
	assert.Len(t, srv.Requests("Prompts.Get"), 2, "each record once")
}

func TestDiagnoseListsTwentyMistakes(t *testing.T) {
	details := make([]promptorchestra.ErrorDetail, 100)
	for i := range details {
		details[i] = promptorchestra.ErrorDetail{Code: "c", Message: fmt.Sprint(i)}
	}
	d := apitest.NewClient(t, apitest.Respond(200, `{}`)).Diagnose(t.Context(), &promptorchestra.APIError{StatusCode: 422, Kind: promptorchestra.KindInvalidGraph, Details: details})
	f := step(t, d, 5, diagnosisProblem)
	assert.Len(t, f.Evidence, 21)
	assert.Equal(t, "and 80 more", f.Evidence[20])
}

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

// A 404 means that a record is missing only where the API is known to respond.
func TestDiagnoseABaseURLThatIsWrong(t *testing.T) {
	calls := map[string]func(*promptorchestra.Client) error{
		"a record": func(c *promptorchestra.Client) error { _, err := c.Prompts.Get(t.Context(), "prm_1"); return err },
		"a run": func(c *promptorchestra.Client) error {
			_, err := c.Prompts.Run(t.Context(), "prm_1", promptorchestra.PromptRunParams{})
			return err
		},
		"a list":       func(c *promptorchestra.Client) error { _, err := c.Agents.List(t.Context()); return err },
		"an agent run": func(c *promptorchestra.Client) error { _, err := c.AgentRuns.Get(t.Context(), "arun_1"); return err },
	}
	for _, body := range []string{`{"error":"Not Found"}`, `{"statusCode":404,"message":"Cannot GET /api/api/prompts","error":"Not Found"}`, `{"detail":"Not Found"}`, `<html>`, `no such page`, ``} {
		for name, call := range calls {
			t.Run(name+" "+body, func(t *testing.T) {
				client := apitest.NewClient(t, apitest.Respond(404, body))
				d := client.Diagnose(t.Context(), call(client))
				assert.Regexp(t, `base URL is wrong|is not the API`, d.Cause)
				assert.NotContains(t, d.String(), "There is no ")
				assert.Contains(t, d.Advice, "base URL")
			})
		}
	}
}

func TestDiagnoseARouteThatTheServerLacks(t *testing.T) {
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/setup/verify" {
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"error":"Not Found"}`))
			return
		}
		_, _ = w.Write([]byte(`{"ok":true}`))
	}))
	_, err := client.Models.List(t.Context(), promptorchestra.ModelListParams{})
	d := client.Diagnose(t.Context(), err)
	assert.Equal(t, "The call names no record that could be missing, so the server does not have its route, /api/models.", d.Cause)
	assert.Contains(t, d.Advice, "release")
}

// A JSON body of an unusual status is the API's.
func TestDiagnoseUnusualStatuses(t *testing.T) {
	for _, row := range []struct {
		status int
		body   string
		cause  string
	}{
		{408, `{"error":"The request took too long","code":"REQUEST_TIMEOUT"}`, "The API responded with an undocumented status: The request took too long"},
		{423, `{"error":"The agent is locked","code":"AGENT_LOCKED"}`, "The API responded with an undocumented status: The agent is locked"},
		{451, `{"message":"No"}`, "The API responded with an undocumented status: No"},
		{423, `<html><title>Locked</title></html>`, "The API did not send this response"},
		{418, ``, "The API did not send this response"},
	} {
		client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/api/setup/verify" {
				_, _ = w.Write([]byte(`{"ok":true}`))
				return
			}
			w.WriteHeader(row.status)
			_, _ = w.Write([]byte(row.body))
		}))
		_, err := client.Agents.List(t.Context(), promptorchestra.WithoutRetry())
		d := client.Diagnose(t.Context(), err)
		assert.Contains(t, d.Cause, row.cause)
		assert.Equal(t, promptorchestra.KindUnknown, d.Kind)
	}
}

// A redirect is told with its target, without what a query or a user may hold.
func TestDiagnoseARedirect(t *testing.T) {
	for location, target := range map[string]string{
		"https://user:pass@api.example.com/v2/agents?token=secret#x": "https://api.example.com/v2/agents",
		"/login?next=/api/agents":                                    "/login",
	} {
		client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusFound)
		}))
		_, err := client.Agents.List(t.Context())
		assert.Contains(t, err.Error(), "302 Found: redirects to "+target)
		d := client.Diagnose(t.Context(), err)
		assert.Contains(t, d.Cause, "redirects Setup.Verify to "+target+", so the base URL is wrong")
		for _, secret := range []string{"secret", "pass@", "next="} {
			assert.NotContains(t, d.String()+err.Error(), secret)
		}
	}
}

// What the setup check says is shown as it came: its form is not documented.
func TestDiagnoseShowsAFailedSetupCheck(t *testing.T) {
	client := apitest.NewClient(t, apitest.Respond(200, `{"ok":false,"checks":[{"name":"seats","ok":false}]}`))
	f := step(t, client.Diagnose(t.Context(), errors.New("x")), 2, diagnosisProblem)
	assert.Contains(t, f.Summary, "its setup check failed")
	assert.Contains(t, f.Evidence, `checks: [{"name":"seats","ok":false}]`)
}
