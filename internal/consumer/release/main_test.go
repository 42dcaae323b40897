package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// newAgent returns an agent with a live version, and a graph to replace it.
func newAgent(t *testing.T) (*orchestratest.Server, *promptorchestra.Client, string, promptorchestra.Workflow) {
	t.Helper()
	srv := orchestratest.NewServer()
	t.Cleanup(srv.Close)
	file := `{"entryStepKey":"greet","steps":[
		{"stepKey":"greet","name":"Greet","stepType":"prompt_step","promptId":"` + srv.PublishPrompt("Hello {{name}}") + `"},
		{"stepKey":"done","name":"Done","stepType":"return_step","positionIndex":1}
	],"transitions":[{"fromStepKey":"greet","toStepKey":"done","transitionType":"next"}]}`
	var graph promptorchestra.Workflow
	if err := json.Unmarshal([]byte(file), &graph); err != nil {
		t.Fatal(err)
	}
	client := srv.Client(promptorchestra.WithRetry(promptorchestra.RetryPolicy{MinWait: time.Millisecond, MaxWait: time.Millisecond}))
	return srv, client, srv.PublishAgent(graph), graph
}

func liveVersion(t *testing.T, client *promptorchestra.Client, agentID string) promptorchestra.AgentVersionRef {
	t.Helper()
	agent, err := client.Agents.Get(t.Context(), agentID)
	if err != nil {
		t.Fatal(err)
	}
	live, _ := agent.LiveVersion()
	return live
}

func TestPublish(t *testing.T) {
	for name, faults := range map[string]map[string][]orchestratest.Fault{
		"no fault":              {},
		"the response is lost":  {"Agents.Publish": {orchestratest.DropAfter()}},
		"the response is cut":   {"Agents.Publish": {orchestratest.CutBody(5)}},
		"reads and writes fail": {"Agents.Get": {orchestratest.Status(503, "")}, "Agents.SaveWorkflow": {orchestratest.DropAfter()}, "AgentRuns.Get": {orchestratest.HTML(502)}},
		"rate limited":          {"Agents.CreateVersion": {orchestratest.RateLimited(0)}, "Agents.Run": {orchestratest.RateLimited(0)}},
	} {
		t.Run(name, func(t *testing.T) {
			srv, client, agentID, graph := newAgent(t)
			for op, queue := range faults {
				srv.Fail(op, queue...)
			}
			var out bytes.Buffer
			if err := publish(t.Context(), client, &out, agentID, graph, map[string]any{"name": "Ada"}); err != nil {
				t.Fatal(err)
			}
			if live := liveVersion(t, client, agentID); live.VersionNumber != 2 {
				t.Errorf("version %d is live", live.VersionNumber)
			}
			for _, want := range []string{"against version 1", "published version 2", "flowchart", "completed", "Hello Ada"} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is missing in\n%s", want, &out)
				}
			}
			if pending := srv.PendingFaults(); len(pending) > 0 {
				t.Errorf("faults that no call met: %v", pending)
			}
			if n := len(srv.Requests("Agents.Run")); n != 1 && name != "rate limited" {
				t.Errorf("%d trial runs", n)
			}
		})
	}
}

func TestMistakesAreShown(t *testing.T) {
	srv, client, agentID, graph := newAgent(t)
	rejected := `{"error":"Graph validation failed","code":"AGENT_GRAPH_INVALID","details":[{"code":"no_budget","message":"Step \"greet\" is too dear"}]}`
	for name, tt := range map[string]struct {
		change func(*promptorchestra.Workflow)
		want   string
	}{
		"found without the server": {func(g *promptorchestra.Workflow) { g.EntryStepKey = "" }, "missing_entry_step"},
		"found by the server": {func(g *promptorchestra.Workflow) {
			g.Steps = append([]promptorchestra.WorkflowStep(nil), g.Steps...)
			g.Steps[0].PromptID = "prm_none"
		}, "prm_none"},
		"found at publish": {func(*promptorchestra.Workflow) { srv.Fail("Agents.Publish", orchestratest.Status(422, rejected)) }, "no_budget"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := graph
			tt.change(&changed)
			var out bytes.Buffer
			err := publish(t.Context(), client, &out, agentID, changed, nil)
			if err == nil || !strings.Contains(out.String(), tt.want) || !strings.Contains(out.String(), "flowchart") {
				t.Errorf("got %v and\n%s", err, &out)
			}
			if live := liveVersion(t, client, agentID); live.VersionNumber != 1 {
				t.Errorf("version %d is live", live.VersionNumber)
			}
		})
	}
}

func TestRollback(t *testing.T) {
	srv, client, agentID, graph := newAgent(t)
	before := liveVersion(t, client, agentID)
	srv.FailExecution(graph.Steps[0].PromptID, "provider down")
	err := publish(t.Context(), client, &bytes.Buffer{}, agentID, graph, nil)
	if err == nil || len(srv.Requests("Agents.RollbackVersion")) != 1 {
		t.Fatalf("got %v", err)
	}
	diff, err := client.Agents.DiffVersion(t.Context(), agentID, liveVersion(t, client, agentID).ID, before.ID)
	if err != nil || string(diff.Changes) != "[]" {
		t.Errorf("the live version differs from the one before: %+v, %v", diff, err)
	}
}

// An API key cannot run agents: the SDK says so before the request, and the release is taken back.
func TestAnAPIKeyCannotTry(t *testing.T) {
	srv, _, agentID, graph := newAgent(t)
	err := publish(t.Context(), srv.KeyClient(), &bytes.Buffer{}, agentID, graph, nil)
	var refused *promptorchestra.ArgumentError
	if !errors.As(err, &refused) || len(srv.Requests("Agents.Run")) != 0 || len(srv.Requests("Agents.RollbackVersion")) != 1 {
		t.Errorf("got %v", err)
	}
}
