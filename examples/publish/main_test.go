package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/prompt-orchestra/promptorchestra-go/examples/internal/exampletest"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheChartsBeforeAndAfter(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	assert.Equal(t, `Rejected: Graph validation failed
- missing_entry_step: Entry step is required
- missing_condition_branch: Condition step "urgent" has no condition_false transition
- unknown_transition_target: Transition to step "escalate", which does not exist

flowchart TD
    start(("start<br/>missing_entry_step"))
    n0{"urgent<br/>Urgent?<br/>missing_condition_branch"}
    n1["answer"]
    n2(["done"])
    m0["escalate<br/>missing"]
    n0 -->|"condition_true<br/>unknown_transition_target"| m0
    n1 -->|"next"| n2
    classDef missing fill:#fff,stroke:#999,color:#666,stroke-dasharray:4
    class m0 missing
    classDef mistake fill:#fee,stroke:#c00,color:#900,stroke-width:2px
    class start,n0 mistake
    linkStyle 0 stroke:#c00,color:#900,stroke-width:2px

Published:

flowchart TD
    start(("start"))
    n0{"urgent<br/>Urgent?"}
    n1["answer"]
    n2(["done"])
    start --> n0
    n0 -->|"condition_true"| n1
    n1 -->|"next"| n2
    n0 -->|"condition_false"| n2
`, out.String())
}

func TestAgainstAnAPI(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	exampletest.Live(t, map[string]string{"BASE_URL": srv.URL, "ORGANIZATION_ID": srv.OrganizationID, "API_KEY": srv.APIKey})
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	agents, err := srv.Client().Agents.List(t.Context())
	require.NoError(t, err)
	require.Len(t, agents, 1)
	assert.Equal(t, "urgent", agents[0].EntryStepKey)

	srv.Restrict(orchestratest.Seats(1))
	assert.ErrorContains(t, run(t.Context(), &out), "creating a prompt: promptorchestra: Prompts.Create: 402")
}
