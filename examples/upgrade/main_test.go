package main

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSeatsAndAFeatureLeadToAnUpgrade(t *testing.T) {
	clearEnvironment(t)
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	assert.Regexp(t, `^Not in your plan: .*The organization has 5 members and 3 seats
  Upgrade at https://app.example.com/billing/seats\?organization=org_\w+
The organization has 0 agents.
Not in your plan: .*The plan does not include the feature "ai"
  Upgrade at https://app.example.com/billing/plans\?organization=org_\w+
The prompt answered: Greet Ada.
$`, out.String())
}

// The call that was refused is made again after the upgrade, and only then.
func TestTheSameCallSucceedsAfterTheUpgrade(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	var out strings.Builder
	app := application{client: srv.Client(), out: &out, upgrade: func(context.Context) error { srv.Lift(); return nil }}
	require.NoError(t, app.meetLimits(t.Context(), srv))
	var statuses []int
	for _, r := range srv.Requests("Prompts.Run") {
		statuses = append(statuses, r.Status)
	}
	assert.Equal(t, []int{402, 200}, statuses)
}

func TestAgainstAnAPI(t *testing.T) {
	clearEnvironment(t)
	srv := orchestratest.NewServer()
	defer srv.Close()
	srv.Restrict(orchestratest.Seats(1))
	t.Setenv("PROMPT_ORCHESTRA_BASE_URL", srv.URL)
	t.Setenv("PROMPT_ORCHESTRA_ORGANIZATION_ID", srv.OrganizationID)
	t.Setenv("PROMPT_ORCHESTRA_API_KEY", srv.APIKey)
	var out strings.Builder
	err := run(t.Context(), &out)
	require.ErrorContains(t, err, "run this again once the plan has changed; before that: promptorchestra: Agents.List: 402")
	assert.Contains(t, out.String(), "billing/seats?organization="+srv.OrganizationID)
	assert.Len(t, srv.Requests("*"), 1)

	srv.Expire(srv.APIKey)
	assert.ErrorContains(t, run(t.Context(), &out), "401 Unauthorized", "no upgrade helps")
}

func clearEnvironment(t *testing.T) {
	t.Helper()
	for _, name := range []string{"BASE_URL", "ORGANIZATION_ID", "ACCESS_TOKEN", "API_KEY", "AUTHORING_API_KEY"} {
		t.Setenv("PROMPT_ORCHESTRA_"+name, "")
	}
}
