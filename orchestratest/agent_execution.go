package orchestratest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// maxAgentSteps ends a run whose transitions go round in a circle.
const maxAgentSteps = 100

// execute runs an agent from a step to its end and records the run.
func (c *call) execute(a *agent, r *agentRun, from string) any {
	running := *r
	running.Output, running.steps, running.decisions = nil, nil, nil // those that a rerun copied
	first := len(r.steps)                                            // which are not counted either
	r.Status = statusCompleted
	if failedAt, why := c.follow(r, from); why != "" {
		r.Status = statusFailed
		r.failure = whyFailed(fmt.Sprintf("Step %s failed: %s", failedAt, why), r.ID, "steps."+failedAt)
	}
	for _, s := range r.steps[first:] {
		r.EstimatedCost = dollars(r.EstimatedCost + s.EstimatedCost)
		r.LatencyMs += s.LatencyMs
	}
	completed := c.srv.now()
	r.CompletedAt = &completed
	recorded := &execution[agentRun]{running, *r, c.srv.holdFor("Agents.Run")}
	if _, set := c.srv.held["Agents.Run"]; !set && r.failure != nil && !c.failsInside {
		recorded.held = 0 // the response is to be the 500
	}
	c.org.agentRuns.add(r.ID, recorded)
	m := a.UsageMetrics
	m.LatencyMs = (m.LatencyMs*float64(m.RunCount) + float64(r.LatencyMs)) / float64(m.RunCount+1)
	m.RunCount++
	m.EstimatedCost = dollars(m.EstimatedCost + r.EstimatedCost)

	shown := recorded.shown()
	if shown.failure != nil {
		c.runFailed(shown.failure.Why, r.ID)
	}
	result := object{
		"runId": r.ID, "status": shown.Status, "agentId": r.AgentID, "agentVersionId": r.AgentVersionID,
		"agentVersionNumber": r.AgentVersionNumber, "output": shown.Output, "diagnostic": shown.failure,
	}
	if r.SourceRunID != nil {
		result["sourceRunId"], result["stepKey"] = r.SourceRunID, from // where the rerun began
	}
	return result
}

// follow executes steps along the transitions until none is left. It returns the step at which the
// run failed and why, or nothing.
func (c *call) follow(r *agentRun, from string) (failedAt, why string) {
	for at := from; at != ""; {
		i := slices.IndexFunc(r.workflow.Steps, func(s step) bool { return s.StepKey == at })
		if i < 0 {
			return at, "the step does not exist"
		}
		if len(r.steps) >= maxAgentSteps {
			return at, fmt.Sprintf("the run has executed %d steps and has not ended", maxAgentSteps)
		}
		executed, verdict := c.executeStep(r, r.workflow.Steps[i])
		r.steps = append(r.steps, executed)
		r.keep(executed)
		taken, found := r.workflow.next(at, verdict.kinds)
		r.decisions = append(r.decisions, verdict.explain(at, taken))
		if !found && verdict.mustMove {
			return at, verdict.reason
		}
		at = taken.ToStepKey
	}
	return "", ""
}

// verdict says where a run may go after a step.
type verdict struct {
	kinds    []string // of transition, the first that exists is taken
	mustMove bool     // no such transition fails the run instead of ending it
	reason   string
	inputs   map[string]any
}

func (v verdict) explain(at string, taken transition) decision {
	d := decision{Step: at, Decision: "end", Reason: v.reason, Inputs: v.inputs}
	if taken.ToStepKey != "" {
		d.Decision = taken.TransitionType
		d.Reason += ", continues with " + taken.ToStepKey
	}
	return d
}

// next finds the transition out of a step.
func (w workflow) next(from string, kinds []string) (transition, bool) {
	for _, kind := range kinds {
		for _, t := range w.Transitions {
			if t.FromStepKey == from && t.TransitionType == kind {
				return t, true
			}
		}
	}
	return transition{}, false
}

func (c *call) executeStep(r *agentRun, s step) (agentStep, verdict) {
	executed := agentStep{StepKey: s.StepKey, Name: s.Name, StepType: s.StepType, Status: statusCompleted}
	switch s.StepType {
	case returnStep:
		executed.Output = r.Output
		return executed, verdict{reason: "the run returns"}
	case conditionStep:
		return executed.decide(r.variables)
	}
	why := c.work(r, s, &executed)
	if why != "" {
		executed.Status, executed.Error = statusFailed, &why
		return executed, verdict{kinds: []string{"failure"}, mustMove: true, reason: why}
	}
	return executed, verdict{kinds: []string{"success", "next"}, reason: "the step succeeded"}
}

// decide takes a condition from the variable that has the step's key: true unless it is missing,
// null, false, 0, "", "false", or empty.
func (s agentStep) decide(variables map[string]any) (agentStep, verdict) {
	value, given := variables[s.StepKey]
	kind := "condition_false"
	s.Output = truthy(value)
	if truthy(value) {
		kind = "condition_true"
	}
	reason := fmt.Sprintf("variable %s is %s", s.StepKey, textOf(value))
	if !given {
		reason = fmt.Sprintf("there is no variable %s", s.StepKey)
	}
	return s, verdict{kinds: []string{kind}, mustMove: true, reason: reason, inputs: map[string]any{s.StepKey: value}}
}

func truthy(value any) bool {
	switch v := value.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != "" && v != "false"
	case json.Number:
		return decimalOf(v).digits != ""
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return true
}

// work executes a step that does something and returns why it failed, if it did. The outputs of
// earlier steps are variables: {{steps.draft}}.
func (c *call) work(r *agentRun, s step, executed *agentStep) (why string) {
	variables := maps.Clone(r.variables)
	outputs := map[string]any{}
	for _, earlier := range r.steps {
		outputs[earlier.StepKey] = earlier.Output
	}
	variables["steps"] = outputs
	if s.StepType == toolStep {
		return c.workTool(s, variables, executed)
	}
	j, err := c.stepJob(s, variables, executed)
	if err != nil {
		return err.Error()
	}
	done := c.perform(j)
	executed.RenderedPrompt, executed.MissingVars, executed.Output = done.prompt, done.missing, done.output
	executed.LatencyMs, executed.EstimatedCost = done.latencyMs, done.usage.EstimatedCost
	return done.failure
}

func (c *call) workTool(s step, variables map[string]any, executed *agentStep) (why string) {
	t, err := c.org.tools.find(s.ToolID)
	if err != nil {
		return err.Error()
	}
	executed.ToolID, executed.LatencyMs = t.ID, latency(usage{})
	executed.Output, why = c.callTool(t, variables)
	return why
}

// stepJob is what a prompt step has to do: a prompt or a skill.
func (c *call) stepJob(s step, variables map[string]any, executed *agentStep) (job, error) {
	if s.PromptID+s.PromptVersionID == "" {
		v, err := c.org.skillVersions.choose(s.SkillID, s.SkillVersionID)
		if err != nil {
			return job{}, err
		}
		executed.SkillVersionID = v.ID
		return c.skillJob(v, models[0], variables)
	}
	v, err := c.org.promptVersions.choose(s.PromptID, s.PromptVersionID)
	if err != nil {
		return job{}, err
	}
	executed.PromptID, executed.PromptVersionID = v.PromptID, v.ID
	p, err := c.org.prompts.find(v.PromptID)
	if err != nil {
		return job{}, err
	}
	return c.promptJob(p, v, variables), nil
}
