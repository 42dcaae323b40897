package main

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/prompt-orchestra/promptorchestra-go/examples/internal/exampletest"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSeatsAndAFeatureLeadToAnUpgrade(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	assert.Regexp(t, `^Not in your plan: .*The organization has 5 members and 3 seats
  Upgrade at https://app.example.com/billing/seats\?organization=org_\w+
The organization has 0 agents.
Not in your plan: .*The plan does not include the feature "ai"
  Upgrade at https://app.example.com/billing/plans\?organization=org_\w+
The prompt returned: Greet Ada.
$`, out.String())
}

// The call that was rejected is retried after the upgrade, and only then.
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

// A 200 may hold a run that failed: it is paid for, and not sent again.
func TestARunThatDidNotSucceed(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	promptID := srv.PublishPrompt("Greet {{name}}.")
	srv.Fail("Prompts.Run", orchestratest.Status(200, `{"runId":"run_7","status":"failed","output":null}`))
	app := application{client: srv.Client(), out: new(strings.Builder)}
	require.ErrorContains(t, app.greet(t.Context(), promptID, "Ada"), "run run_7 is paid for")
	assert.Len(t, srv.Requests("Prompts.Run"), 1)
}

func TestAgainstAnAPI(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	srv.Restrict(orchestratest.Seats(1))
	exampletest.Live(t, map[string]string{"BASE_URL": srv.URL, "ORGANIZATION_ID": srv.OrganizationID, "API_KEY": srv.APIKey})
	var out strings.Builder
	err := run(t.Context(), &out)
	require.ErrorContains(t, err, "run this again once the plan has changed; before that: promptorchestra: Agents.List: 402")
	assert.Contains(t, out.String(), "billing/seats?organization="+srv.OrganizationID)
	assert.Len(t, srv.Requests("*"), 1)

	srv.Expire(srv.APIKey)
	assert.ErrorContains(t, run(t.Context(), &out), "401 Unauthorized", "no upgrade helps")
}
