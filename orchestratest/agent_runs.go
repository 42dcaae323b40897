package orchestratest

import "slices"

// agentRun is the record of an agent's execution.
type agentRun struct {
	ID                 string  `json:"id"`
	OrganizationID     string  `json:"organizationId"`
	Status             string  `json:"status"`
	AgentID            string  `json:"agentId"`
	AgentVersionID     string  `json:"agentVersionId"`
	AgentVersionNumber int     `json:"agentVersionNumber"`
	Output             any     `json:"output"`
	EstimatedCost      float64 `json:"estimatedCost"`
	LatencyMs          int     `json:"latencyMs"`
	SourceRunID        *string `json:"sourceRunId"` // the run that this one is a rerun of
	CreatedAt          string  `json:"createdAt"`
	CompletedAt        *string `json:"completedAt"`

	workflow  workflow
	variables map[string]any
	steps     []agentStep
	decisions []decision
	failure   *diagnostic
}

// agentStep is one executed step.
type agentStep struct {
	StepKey         string   `json:"stepKey"`
	Name            string   `json:"name"`
	StepType        string   `json:"stepType"`
	Status          string   `json:"status"`
	PromptID        string   `json:"promptId,omitempty"`
	PromptVersionID string   `json:"promptVersionId,omitempty"`
	SkillVersionID  string   `json:"skillVersionId,omitempty"`
	ToolID          string   `json:"toolId,omitempty"`
	RenderedPrompt  string   `json:"renderedPrompt,omitempty"`
	MissingVars     []string `json:"missingVariables,omitempty"`
	Output          any      `json:"output"`
	Error           *string  `json:"error"`
	LatencyMs       int      `json:"latencyMs"`
	EstimatedCost   float64  `json:"estimatedCost"`
}

// decision says which way a run took after a step, and why.
type decision struct {
	Step     string         `json:"step"`
	Decision string         `json:"decision"`
	Reason   string         `json:"reason"`
	Inputs   map[string]any `json:"inputs,omitempty"`
}

// agentRunDetail is a run as Get returns it.
type agentRunDetail struct {
	Run           agentRun      `json:"run"`
	ContractTrace object        `json:"contractTrace"`
	Validation    runValidation `json:"validation"`
	Diagnostic    *diagnostic   `json:"diagnostic"`
	DecisionTrace []decision    `json:"decisionTrace"`
	Steps         []agentStep   `json:"steps"`
}

type runValidation struct {
	Valid            bool           `json:"valid"`
	MissingVariables []string       `json:"missingVariables"`
	OutputContract   outputContract `json:"outputContract"`
}

// outputContract says how an output compares with the schema declared for it.
type outputContract struct {
	State         string   `json:"state"` // declared or undeclared
	Satisfied     bool     `json:"satisfied"`
	MissingFields []string `json:"missingFields"`
}

func (r *agentRun) detail() agentRunDetail {
	d := agentRunDetail{
		Run: *r, Diagnostic: r.failure,
		Validation: runValidation{
			Valid: r.failure == nil, MissingVariables: []string{},
			OutputContract: outputContract{State: "undeclared", Satisfied: r.Status == statusCompleted, MissingFields: []string{}},
		},
		DecisionTrace: append([]decision{}, r.decisions...),
		Steps:         append([]agentStep{}, r.steps...),
	}
	rendered := []any{}
	for _, s := range r.steps {
		if s.RenderedPrompt != "" {
			rendered = append(rendered, object{"stepKey": s.StepKey, "renderedPrompt": s.RenderedPrompt})
		}
		d.Validation.MissingVariables = append(d.Validation.MissingVariables, s.MissingVars...)
	}
	d.ContractTrace = object{
		"actualBoundInput": r.variables, "actualStructuredOutput": r.Output, "renderedPromptTrace": rendered,
	}
	return d
}

func (c *call) getAgentRun() any {
	return find(c, &c.org.agentRuns, "runId").fetch().detail()
}

func (c *call) compareAgentRuns() any {
	left, right := c.comparedRun("leftRunId"), c.comparedRun("rightRunId")
	if !c.ok() {
		return nil
	}
	return map[string]any{
		"leftRunId": left.Run.ID, "rightRunId": right.Run.ID, "left": left.Run, "right": right.Run,
		"differences": diff(left.content(), right.content()),
	}
}

func (c *call) comparedRun(name string) agentRunDetail {
	id := c.query.Get(name)
	if id == "" {
		c.fail(badRequest(name+" is required", name))
	}
	return lookup(c, &c.org.agentRuns, id).shown().detail()
}

// content is what two runs are compared by. It leaves out their ids and times.
func (d agentRunDetail) content() any {
	d.Run.ID, d.Run.SourceRunID, d.Run.CreatedAt, d.Run.CompletedAt = "", nil, "", nil
	return d
}

// loadAgentRunInputs only reads: it returns what a run was started with.
func (c *call) loadAgentRunInputs() any {
	r := find(c, &c.org.agentRuns, "runId").over
	return map[string]any{
		"runId": r.ID, "agentId": r.AgentID, "agentVersionId": r.AgentVersionID, "variables": r.variables,
	}
}

// runAgent runs the version named, else the published one.
func (c *call) runAgent() any {
	a := find(c, &c.org.agents, "agentId")
	variables := c.input.object("variables")
	id := c.input.text("versionId")
	if !c.ok() {
		return nil
	}
	v, err := a.versions.choose(id)
	if c.fail(err); !c.ok() {
		return nil
	}
	if issues := c.org.check(v.workflow); len(issues) > 0 {
		c.fail(invalidGraph(issues))
		return nil
	}
	return c.execute(a, c.newAgentRun(a, v, variables), v.workflow.entry())
}

// rerunAgentFromStep executes a run from one of its steps on, also when the run is still running.
// The steps before it are copied, not executed.
func (c *call) rerunAgentFromStep() any {
	source := find(c, &c.org.agentRuns, "runId").over
	stepKey := c.input.requiredText("stepKey")
	begin := slices.IndexFunc(source.steps, func(s agentStep) bool { return s.StepKey == stepKey })
	if begin < 0 {
		c.fail(badRequest("the run has no step "+stepKey, "stepKey"))
	}
	a := lookup(c, &c.org.agents, source.AgentID)
	v := a.versions.lookup(c, source.AgentVersionID)
	if !c.ok() {
		return nil
	}
	r := c.newAgentRun(a, v, source.variables)
	r.SourceRunID, r.workflow = &source.ID, source.workflow
	r.steps = slices.Clone(source.steps[:begin])
	r.decisions = slices.Clone(source.decisions[:begin])
	for _, earlier := range r.steps {
		r.keep(earlier)
	}
	return c.execute(a, r, stepKey)
}

// keep takes the output of a step that did something for the output of the run.
func (r *agentRun) keep(s agentStep) {
	if s.Error == nil && s.StepType != conditionStep {
		r.Output = s.Output
	}
}

func (c *call) newAgentRun(a *agent, v *agentVersion, variables map[string]any) *agentRun {
	return &agentRun{
		ID: c.srv.ids.next("arun_"), OrganizationID: c.org.id, Status: statusRunning, AgentID: a.ID, AgentVersionID: v.ID,
		AgentVersionNumber: v.VersionNumber, CreatedAt: c.srv.now(), workflow: v.workflow, variables: variables,
	}
}
