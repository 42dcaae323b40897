package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEachMistakeIsShownAtItsPlace(t *testing.T) {
	clearEnvironment(t)
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	assert.Equal(t, `Refused: Graph validation failed

begin at ""
    ^ missing_entry_step: Entry step is required
step "urgent", a condition_step
    ^ missing_condition_branch: Condition step "urgent" has no condition_false transition
step "answer", a prompt_step
step "done", a return_step
from "urgent" on condition_true to "escalate"
    ^ unknown_transition_target: Transition to step "escalate", which does not exist
from "answer" on next to "done"
end

Published:

begin at "urgent"
step "urgent", a condition_step
step "answer", a prompt_step
step "done", a return_step
from "urgent" on condition_true to "answer"
from "answer" on next to "done"
from "urgent" on condition_false to "done"
end
`, out.String())
}

func TestMistakesWithoutAPlaceComeLast(t *testing.T) {
	var out strings.Builder
	show(&out, promptorchestra.Workflow{}, []promptorchestra.ErrorDetail{{Code: "odd", Message: "Nobody knows this"}})
	assert.Equal(t, "begin at \"\"\nend\n    ^ odd: Nobody knows this\n", out.String())
}

func TestAgainstAnAPI(t *testing.T) {
	clearEnvironment(t)
	srv := orchestratest.NewServer()
	defer srv.Close()
	t.Setenv("PROMPT_ORCHESTRA_BASE_URL", srv.URL)
	t.Setenv("PROMPT_ORCHESTRA_ORGANIZATION_ID", srv.OrganizationID)
	t.Setenv("PROMPT_ORCHESTRA_API_KEY", srv.APIKey)
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	agents, err := srv.Client().Agents.List(t.Context())
	require.NoError(t, err)
	require.Len(t, agents, 1)
	assert.Equal(t, "urgent", agents[0].EntryStepKey)

	srv.Restrict(orchestratest.Seats(1))
	assert.ErrorContains(t, run(t.Context(), &out), "creating a prompt: promptorchestra: Prompts.Create: 402")
}

func clearEnvironment(t *testing.T) {
	t.Helper()
	for _, name := range []string{"BASE_URL", "ORGANIZATION_ID", "ACCESS_TOKEN", "API_KEY", "AUTHORING_API_KEY"} {
		t.Setenv("PROMPT_ORCHESTRA_"+name, "")
	}
}
