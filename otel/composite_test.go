package promptorchestraotel_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

const (
	running = `{"run":{"id":"arun_1","status":"running"}}`
	ended   = `{"run":{"id":"arun_1","status":"failed"}}`
)

var quick = promptorchestra.WithPollInterval(1, 1)

// named returns the spans of a name.
func named(spans tracetest.SpanStubs, name string) (found tracetest.SpanStubs) {
	for _, span := range spans {
		if span.Name == name {
			found = append(found, span)
		}
	}
	return found
}

// A method that makes several calls is one trace with them, and no call for the metrics of calls.
func TestCompositeIsASpanOverItsCalls(t *testing.T) {
	tel := newTelemetry(t)
	client := newClient(t, inTurn(reply(200, running), reply(200, ended)), tel.with())
	_, err := client.AgentRuns.Wait(t.Context(), "arun_1", quick)
	require.NoError(t, err)

	spans := tel.spans.GetSpans()
	require.Len(t, spans, 5)
	composites := named(spans, "AgentRuns.Wait")
	require.Len(t, composites, 1)
	composite := composites[0]
	assert.Equal(t, trace.SpanKindInternal, composite.SpanKind)
	calls := named(spans, "AgentRuns.Get")
	require.Len(t, calls, 2)
	for _, call := range calls {
		assert.Equal(t, trace.SpanKindClient, call.SpanKind)
		assert.Equal(t, composite.SpanContext.SpanID(), call.Parent.SpanID())
		assert.Equal(t, "success", attributes(call.Attributes)["promptorchestra.outcome"], "the read did")
	}
	for _, attempt := range named(spans, "GET /api/agent-runs/{runId}") {
		assert.Equal(t, composite.SpanContext.TraceID(), attempt.SpanContext.TraceID())
	}
	assert.Equal(t, map[string]any{
		"promptorchestra.operation": "AgentRuns.Wait", "promptorchestra.organization.id": "org_1", "promptorchestra.resource.run_id": "arun_1",
		"promptorchestra.outcome": "failure", "error.type": "run_failed", "promptorchestra.run.id": "arun_1", "promptorchestra.run.status": "failed",
	}, attributes(composite.Attributes))

	points := tel.points(t, "promptorchestra.client.operation.duration")
	require.Len(t, points, 1)
	assert.Equal(t, "AgentRuns.Get", points[0].attributes["promptorchestra.operation"])
	assert.EqualValues(t, 2, points[0].count)
	points = tel.points(t, "promptorchestra.client.composite.duration")
	require.Len(t, points, 1)
	assert.EqualValues(t, 1, points[0].count)
	assert.InDelta(t, composite.EndTime.Sub(composite.StartTime).Seconds(), points[0].sum, 0.5, "the whole wait")
}

// What a composite comes to: a run that failed is a failure, though the method returns no error.
func TestOutcomeOfComposites(t *testing.T) {
	wait := func(ctx context.Context, c *promptorchestra.Client) error {
		_, err := c.AgentRuns.Wait(ctx, "arun_1", quick)
		return err
	}
	status := func(status string) string { return `{"run":{"id":"arun_1","status":"` + status + `","output":"x"}}` }
	for name, tt := range map[string]struct {
		call      func(context.Context, *promptorchestra.Client) error
		responses []string // the last one again, if none is left: 404s
		op        string
		want      map[string]any
		fails     bool
	}{
		"a run that completed": {
			call: wait, responses: []string{running, status("completed")}, op: "AgentRuns.Wait",
			want: map[string]any{"promptorchestra.outcome": "success", "promptorchestra.run.status": "completed"},
		},
		"a run that failed, in another casing": {
			call: wait, responses: []string{status("FAILED")}, op: "AgentRuns.Wait",
			want: map[string]any{"promptorchestra.outcome": "failure", "error.type": "run_failed", "promptorchestra.run.status": "failed"},
		},
		"a run that was cancelled": {
			call: wait, responses: []string{status("cancelled")}, op: "AgentRuns.Wait",
			want: map[string]any{"promptorchestra.outcome": "failure", "error.type": "run_failed", "promptorchestra.run.status": "cancelled"},
		},
		"a run with a status that nobody knows": {
			call: wait, responses: []string{status("archived")}, op: "AgentRuns.Wait",
			want: map[string]any{"promptorchestra.outcome": "success", "promptorchestra.run.status": "archived"},
		},
		"a run that is not there": {
			call: wait, op: "AgentRuns.Wait", fails: true,
			want: map[string]any{"promptorchestra.outcome": "failure", "error.type": "not_found"},
		},
		"a run that was started, and cannot be waited for": {
			call: func(ctx context.Context, c *promptorchestra.Client) error {
				_, err := c.Agents.RunAndWait(ctx, "agt_1", promptorchestra.AgentRunParams{}, quick)
				return err
			}, responses: []string{`{"runId":"arun_1","status":"running"}`}, op: "Agents.RunAndWait", fails: true,
			want: map[string]any{"promptorchestra.outcome": "unknown", "error.type": "not_found"},
		},
		"a diagnosis": {
			call: func(ctx context.Context, c *promptorchestra.Client) error {
				c.DiagnoseRun(ctx, "arun_1")
				return nil
			}, op: "DiagnoseRun", want: map[string]any{"promptorchestra.outcome": "success"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tel := newTelemetry(t)
			left := tt.responses
			client := newClient(t, inTurnThen(left, reply(404, `{"error":"no"}`)), tel.with())
			err := tt.call(t.Context(), client)
			assert.Equal(t, tt.fails, err != nil, "%v", err)

			points := tel.points(t, "promptorchestra.client.composite.duration")
			require.Len(t, points, 1)
			assert.Equal(t, with(tt.want, "promptorchestra.operation", tt.op), points[0].attributes)
			assert.EqualValues(t, 1, points[0].count)
			for _, name := range []string{"promptorchestra.client.operation.duration", "promptorchestra.client.operation.attempts"} {
				for _, p := range tel.points(t, name) {
					assert.NotEqual(t, tt.op, p.attributes["promptorchestra.operation"], name)
				}
			}
			composites := named(tel.spans.GetSpans(), tt.op)
			require.Len(t, composites, 1)
			of := attributes(composites[0].Attributes)
			for _, key := range []string{"promptorchestra.outcome", "error.type"} {
				assert.Equal(t, tt.want[key], of[key])
			}
			wantStatus := sdktrace.Status{}
			if tt.want["error.type"] != nil {
				wantStatus.Code = codes.Error
			}
			assert.Equal(t, wantStatus.Code, composites[0].Status.Code)
		})
	}
}

// A run that was started, is held and then fails is counted by the document's queries, whichever way
// it is waited for.
func TestRunThatIsHeldAndThenFails(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	promptID := srv.PublishPrompt("Answer {{question}}.")
	agentID := srv.PublishAgent(promptorchestra.Workflow{
		EntryStepKey: "answer",
		Steps: []promptorchestra.WorkflowStep{
			{StepKey: "answer", StepType: promptorchestra.StepTypePrompt, PromptID: promptID},
			{StepKey: "done", StepType: promptorchestra.StepTypeReturn},
		},
		Transitions: []promptorchestra.WorkflowTransition{{FromStepKey: "answer", ToStepKey: "done", TransitionType: promptorchestra.TransitionTypeNext}},
	})
	skillID := srv.PublishSkill("Answer {{question}}.")
	require.NoError(t, srv.Err())
	srv.HoldRuns(2, "Agents.Run", "Skills.Run")
	variables := map[string]any{"question": "why"}
	agent := promptorchestra.AgentRunParams{Variables: variables}

	for name, run := range map[string]func(context.Context, *promptorchestra.Client) (promptorchestra.RunStatus, error){
		"Agents.Run and AgentRuns.Wait": func(ctx context.Context, c *promptorchestra.Client) (promptorchestra.RunStatus, error) {
			started, err := c.Agents.Run(ctx, agentID, agent)
			if err != nil {
				return "", err
			}
			assert.True(t, started.Status.Pending(), started.Status)
			done, err := c.AgentRuns.Wait(ctx, started.RunID, quick)
			if err != nil {
				return "", err
			}
			return done.Run.Status, nil
		},
		"Agents.RunAndWait": func(ctx context.Context, c *promptorchestra.Client) (promptorchestra.RunStatus, error) {
			done, err := c.Agents.RunAndWait(ctx, agentID, agent, quick)
			if err != nil {
				return "", err
			}
			return done.Run.Status, nil
		},
		"Skills.Run and SkillRuns.Wait": func(ctx context.Context, c *promptorchestra.Client) (promptorchestra.RunStatus, error) {
			started, err := c.Skills.Run(ctx, skillID, promptorchestra.SkillRunParams{Variables: variables})
			if err != nil {
				return "", err
			}
			assert.True(t, started.Status.Pending(), started.Status)
			done, err := c.SkillRuns.Wait(ctx, started.RunID, quick)
			if err != nil {
				return "", err
			}
			return done.Status, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			tel := newTelemetry(t)
			client := srv.Client(tel.with())
			completed, err := run(t.Context(), client)
			require.NoError(t, err)
			require.True(t, completed.Succeeded(), completed)
			failedRuns := query(t, "failed runs")
			assert.Zero(t, failedRuns.count(t, tel))

			srv.FailExecution(promptID, "the model refused")
			srv.FailExecution(skillID, "the model refused")
			defer srv.FailExecution(promptID, "")
			defer srv.FailExecution(skillID, "")
			failed, err := run(t.Context(), client)
			require.NoError(t, err)
			require.True(t, failed.Failed(), failed)
			assert.EqualValues(t, 1, failedRuns.count(t, tel))
			assert.EqualValues(t, 2, query(t, "time to the end").count(t, tel))
			assert.Zero(t, query(t, "failed, by kind").count(t, tel), "no call failed")
		})
	}
}

// A run whose response already says that it failed is one failed run for the document's query, though
// Agents.RunAndWait makes it and reads it.
func TestRunThatFailsAtOnceIsCountedOnce(t *testing.T) {
	tel := newTelemetry(t)
	client := newClient(t, inTurn(reply(200, `{"runId":"arun_1","status":"failed"}`), reply(200, ended)), tel.with())
	done, err := client.Agents.RunAndWait(t.Context(), "agt_1", promptorchestra.AgentRunParams{}, quick)
	require.NoError(t, err)
	require.True(t, done.Run.Status.Failed())
	assert.EqualValues(t, 1, query(t, "failed runs").count(t, tel))
}
