package promptorchestra_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest/apidocs"
)

func TestResourceOfAQuery(t *testing.T) {
	_, err := apitest.NewClient(t, apitest.Respond(404, `{"error":"x"}`)).AgentRuns.Compare(t.Context(), "arun_1", "arun_2")
	var e *promptorchestra.APIError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, map[string]string{"leftRunId": "arun_1", "rightRunId": "arun_2"}, e.Resource)
}

func TestResourceIsBounded(t *testing.T) {
	var steps []promptorchestra.WorkflowStep
	for i := range 500 {
		steps = append(steps, promptorchestra.WorkflowStep{StepKey: fmt.Sprint(i), PromptID: fmt.Sprint("prm_", i)})
	}
	_, err := apitest.NewClient(t, apitest.Respond(404, "{}")).Agents.SaveWorkflow(t.Context(), "agv_1", promptorchestra.Workflow{Steps: steps})
	var e *promptorchestra.APIError
	require.ErrorAs(t, err, &e)
	assert.LessOrEqual(t, len(e.Resource), 101)
}

func TestUserDataIsNoResource(t *testing.T) {
	_, err := apitest.NewClient(t, apitest.Respond(404, "{}")).Prompts.Run(t.Context(), "prm_1", promptorchestra.PromptRunParams{
		Variables: map[string]any{"patientId": "p1", "steps": []map[string]string{{"patientId": "p2"}}},
	})
	var e *promptorchestra.APIError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, map[string]string{"promptId": "prm_1"}, e.Resource)
	err = apitest.NewClient(t, apitest.Respond(404, "{}")).Do(t.Context(), promptorchestra.Request{Method: "POST", Path: "/api/x", Body: map[string]any{
		"rows": []map[string]string{{"patientId": "p2"}},
	}}, nil)
	require.ErrorAs(t, err, &e)
	assert.Empty(t, e.Resource)
}

func TestDiagnosticIsKeptWhole(t *testing.T) {
	d := failWith(t, 403, nil, string(apidocs.File(t, "errors/diagnostic.json"))).Diagnostic
	require.NotNil(t, d)
	assert.Equal(t, "Scope missing", d.Title)
	assert.Equal(t, "authorization", d.Category)
	assert.Equal(t, "The API key lacks the scope skills:write.", d.Why)
	assert.JSONEq(t, `{"route":"POST /api/skills","credential":"api_key"}`, d.Where.String())
	assert.Equal(t, []string{"authorization"}, d.AffectedFields)
	assert.JSONEq(t, `"Create a key with the authoring_ci preset."`, d.Recovery.String())
	assert.Equal(t, promptorchestra.Set(false), d.Retryable)
	assert.JSONEq(t, `"api-keys#scopes"`, d.DocsHint.String())
	assert.JSONEq(t, `[{"code":"missing_scope","message":"skills:write"}]`, d.Details.String())
}

func TestErrorsAreBounded(t *testing.T) {
	err := apitest.Run(t.Context(), apitest.NewClient(t, apitest.Respond(429, `{"error":"busy","runId":"`+strings.Repeat("r", 300)+`"}`)))
	assert.True(t, promptorchestra.IsRetryable(err))
	e := failWith(t, 502, nil, strings.Repeat("x ", 10_000))
	assert.LessOrEqual(t, len(e.Message), 304)
	var fields strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&fields, `,"f%d":"x"`, i)
	}
	assert.Len(t, failWith(t, 422, nil, `{"error":"x","details":{`+fields.String()[1:]+`}}`).Details, 1000)
}

func TestDiagnosticOfTheErrorDecoder(t *testing.T) {
	d := failWith(t, 400, nil, `{"code":17,"title":"t","why":["a","b"],"affected_fields":"slug","docs_hint":{"a":1},"retryable":"false"}`).Diagnostic
	assert.Equal(t, &promptorchestra.Diagnostic{
		Code: "17", Title: "t", Why: "a; b", AffectedFields: []string{"slug"}, DocsHint: promptorchestra.RawJSON(`{"a":1}`), Retryable: promptorchestra.Set(false),
	}, d)
}

func TestEscapedTokenIsRedacted(t *testing.T) {
	for name, echo := range apitest.Echoes {
		t.Run(name, func(t *testing.T) {
			for shape, body := range map[string]string{
				"message":    `{"error":"bad header Bearer $ given"}`,
				"details":    `{"error":"x","code":"$","details":[{"code":"$","message":"$","path":"$"}]}`,
				"diagnostic": `{"code":"c","title":"$","why":"$","where":"$","affectedFields":["$"],"details":{"a":"$"}}`,
				"document":   `{"message":"{\"error\":\"$\"}"}`,
				"page":       `<html><p>bad header Bearer $ given</p></html>`,
				"text":       `bad header Bearer $ given`,
				"cut":        `{"error":"bad header Bearer $`,
			} {
				client := apitest.NewClient(t, apitest.Respond(http.StatusUnauthorized, strings.ReplaceAll(body, "$", echo(apitest.OddToken))), promptorchestra.WithAccessToken(apitest.OddToken))
				err := apitest.Get(t.Context(), client)
				var e *promptorchestra.APIError
				require.ErrorAs(t, err, &e)
				for _, text := range []string{err.Error(), e.LogValue().String(), e.Message, string(e.RawBody), fmt.Sprintf("%+v", e.Details), fmt.Sprintf("%+v", e.Diagnostic)} {
					assert.False(t, apitest.Shows(text, apitest.OddToken), "%s: %s", shape, text)
				}
				assert.Contains(t, string(e.RawBody), "[redacted]", shape)
				encoded, err := json.Marshal(e)
				require.NoError(t, err)
				assert.False(t, apitest.Shows(string(encoded), apitest.OddToken), shape)
			}
			err := apitest.Get(t.Context(), apitest.NewClient(t, apitest.Respond(200, `<p>`+echo(apitest.OddToken)), promptorchestra.WithAccessToken(apitest.OddToken)))
			var e *promptorchestra.DecodeError
			require.ErrorAs(t, err, &e)
			assert.False(t, apitest.Shows(string(e.Body), apitest.OddToken))
		})
	}
}

type echoError struct{ text string }

func (e *echoError) Error() string { return e.text }

// errors.Is and errors.As find what the redacted error was.
func TestRedactedErrorIsStillItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := &echoError{"proxy said: " + apitest.Token}
		client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("sending: %w: %w", cause, context.DeadlineExceeded)
		})
		err := apitest.Get(t.Context(), client)
		assert.NotContains(t, err.Error(), apitest.Token)
		assert.Contains(t, err.Error(), "sending: proxy said: [redacted]: context deadline exceeded")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, cause)
		var found *echoError
		require.ErrorAs(t, err, &found)
		assert.Equal(t, promptorchestra.KindTimeout, promptorchestra.KindOf(err))
		assert.NotErrorIs(t, err, io.EOF)
	})
}

// An ArgumentError of a client that a RoundTripper uses is no rejection by the SDK.
func TestArgumentErrorOfARoundTripper(t *testing.T) {
	argument := &promptorchestra.ArgumentError{Argument: "x", Reason: "is not its own"}
	client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) { return nil, argument })
	_, err := client.Prompts.Run(t.Context(), "prm_1", promptorchestra.PromptRunParams{})
	var e *promptorchestra.TransportError
	require.ErrorAs(t, err, &e)
	assert.True(t, e.OutcomeUnknown)
	assert.ErrorIs(t, err, argument)
}
