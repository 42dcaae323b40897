package orchestratest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	sdk "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func TestPublishedRecordsRunAtOnce(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	srv.AddOrganization("Other") // they are the first organization's
	promptIDs := []string{srv.PublishPrompt("Hello {{name}}"), srv.PublishPrompt("Bye {{name}}")}
	skillIDs := []string{srv.PublishSkill("Hi {{name}}"), srv.PublishSkill("Hey {{name}}")}
	agentID := srv.PublishAgent(sdk.Workflow{
		EntryStepKey: "greet",
		Steps: []sdk.WorkflowStep{
			{StepKey: "greet", Name: "Greet", StepType: sdk.StepTypePrompt, PromptID: promptIDs[0]},
			{StepKey: "bow", Name: "Bow", StepType: sdk.StepTypePrompt, SkillID: skillIDs[0]},
		},
		Transitions: []sdk.WorkflowTransition{{FromStepKey: "greet", ToStepKey: "bow", TransitionType: sdk.TransitionTypeNext}},
	})
	alone := srv.PublishAgent(sdk.Workflow{
		EntryStepKey: "greet", Steps: []sdk.WorkflowStep{{StepKey: "greet", StepType: sdk.StepTypePrompt, PromptID: promptIDs[1]}},
	})
	require.NoError(t, srv.Err())
	assert.Empty(t, srv.Requests("*"), "no request was sent")

	client := srv.Client()
	for i, want := range []string{`"Hello Ada"`, `"Bye Ada"`} {
		ran, err := client.Prompts.Run(t.Context(), promptIDs[i], sdk.PromptRunParams{Variables: ada})
		require.NoError(t, err)
		assert.JSONEq(t, want, string(ran.Output))
	}
	for i, want := range []string{`"Hi Ada"`, `"Hey Ada"`} {
		ran, err := client.Skills.Run(t.Context(), skillIDs[i], sdk.SkillRunParams{Variables: ada})
		require.NoError(t, err)
		assert.JSONEq(t, want, string(ran.Output))
	}
	srv.HoldRuns(0)
	for id, want := range map[string]string{agentID: `"Hi Ada"`, alone: `"Bye Ada"`} {
		ran, err := client.Agents.Run(t.Context(), id, sdk.AgentRunParams{Variables: ada})
		require.NoError(t, err)
		assert.JSONEq(t, want, string(ran.Output))
	}
}

func TestPublishAgentReportsAGraphThatIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		workflow sdk.Workflow
		why      string
	}{
		"nothing":           {sdk.Workflow{}, "orchestratest: PublishAgent: Graph validation failed: Entry step is required"},
		"an unknown prompt": {sdk.Workflow{EntryStepKey: "a", Steps: []sdk.WorkflowStep{{StepKey: "a", StepType: sdk.StepTypePrompt, PromptID: "prm_none"}}}, `There is no prompt "prm_none" in this organization`},
	} {
		t.Run(name, func(t *testing.T) {
			srv := orchestratest.NewServer()
			defer srv.Close()
			assert.Empty(t, srv.PublishAgent(c.workflow))
			require.ErrorContains(t, srv.Err(), c.why)
			_, err := srv.Client().Agents.List(t.Context())
			require.ErrorContains(t, err, "PublishAgent")
		})
	}
}

// The limits of the plan are for requests: a test publishes first and restricts then, or the other
// way round.
func TestPublishIgnoresLimitsAndFaults(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	srv.Restrict(orchestratest.Seats(1), orchestratest.AI(false))
	srv.Fail("*", orchestratest.DropBefore())
	assert.NotEmpty(t, srv.PublishSkill("Hello"))
	require.NoError(t, srv.Err())
	assert.Equal(t, map[string]int{"*": 1}, srv.PendingFaults())
}
