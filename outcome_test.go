package promptorchestra_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
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
