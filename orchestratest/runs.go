package orchestratest

// run is the record of a prompt's execution, as the list shows it.
type run struct {
	ID                  string  `json:"id"`
	OrganizationID      string  `json:"organizationId"`
	Status              string  `json:"status"`
	PromptID            string  `json:"promptId"`
	PromptName          string  `json:"promptName"`
	PromptVersionID     string  `json:"promptVersionId"`
	PromptVersionNumber int     `json:"promptVersionNumber"`
	Provider            string  `json:"provider"`
	Model               string  `json:"model"`
	TransportType       string  `json:"transportType"`
	InputTokens         int     `json:"inputTokens"`
	OutputTokens        int     `json:"outputTokens"`
	EstimatedCost       float64 `json:"estimatedCost"`
	LatencyMs           int     `json:"latencyMs"`
	StepCount           int     `json:"stepCount"`
	ToolCallCount       int     `json:"toolCallCount"`
	ErrorMessage        *string `json:"errorMessage"`
	CreatedAt           string  `json:"createdAt"`
	CompletedAt         *string `json:"completedAt"`

	detail outcome
	input  map[string]any
	held   hold
}

type snapshot struct {
	Variables      map[string]any `json:"variables"`
	RenderedPrompt string         `json:"renderedPrompt"`
}

// shown is a run as it looks from outside: a held run has no result yet.
func (r *run) shown() *run {
	if r.held == 0 {
		return r
	}
	return &run{
		ID: r.ID, OrganizationID: r.OrganizationID, Status: statusRunning, PromptID: r.PromptID, PromptName: r.PromptName,
		PromptVersionID: r.PromptVersionID, PromptVersionNumber: r.PromptVersionNumber, Provider: r.Provider, Model: r.Model,
		TransportType: r.TransportType, CreatedAt: r.CreatedAt, input: r.input, detail: outcome{prompt: r.detail.prompt},
	}
}

// runDetail is a run with what went in, what came out and what happened between.
type runDetail struct {
	*run
	InputSnapshot  snapshot    `json:"inputSnapshot"`
	OutputSnapshot object      `json:"outputSnapshot"`
	Steps          []runStep   `json:"steps"`
	Diagnostic     *diagnostic `json:"diagnostic"`
}

// runPrompt runs the published version. A failed run is recorded, and found by the list, though the
// error does not name it.
func (c *call) runPrompt() any {
	p := find(c, &c.org.prompts, "promptId")
	variables := c.input.object("variables")
	v, err := p.version("")
	if c.fail(err); !c.ok() {
		return nil
	}
	j := c.promptJob(p, v, variables)
	created := c.srv.now()
	done := c.perform(j)
	completed := c.srv.now()
	r := &run{
		ID: c.srv.ids.next("run_"), OrganizationID: c.org.id, Status: done.status(),
		PromptID: p.ID, PromptName: p.Name, PromptVersionID: v.ID, PromptVersionNumber: v.VersionNumber,
		Provider: j.model.Provider, Model: j.model.ModelKey, TransportType: "http",
		InputTokens: done.usage.InputTokens, OutputTokens: done.usage.OutputTokens,
		EstimatedCost: done.usage.EstimatedCost, LatencyMs: done.latencyMs,
		StepCount: len(done.steps), CreatedAt: created, CompletedAt: &completed,
		detail: done, input: variables, held: c.srv.holdFor("Prompts.Run"),
	}
	for _, step := range done.steps {
		if step.ToolName != "" {
			r.ToolCallCount++
		}
	}
	if done.failure != "" {
		r.ErrorMessage = &done.failure
	}
	c.org.runs.add(r.ID, r)
	shown := r.shown()
	c.runFailed(shown.detail.failure, r.ID)
	return object{
		"runId": r.ID, "status": shown.Status, "promptId": p.ID, "promptVersionId": v.ID,
		"output": shown.detail.output, "outputText": shown.detail.text,
		"missingVariables": append([]string{}, shown.detail.missing...), "provider": r.Provider, "model": r.Model,
		"inputTokens": shown.InputTokens, "outputTokens": shown.OutputTokens, "estimatedCost": shown.EstimatedCost,
		"latencyMs": shown.LatencyMs, "diagnostic": shown.diagnostic(),
	}
}

// diagnostic says why a run failed, nil when it did not.
func (r *run) diagnostic() *diagnostic {
	if r.detail.failure == "" {
		return nil
	}
	failed := executionFailed(r.detail.failure, r.ID).diagnostic("prompts." + r.PromptID)
	return &failed
}

// listRuns returns the runs in the order in which they were recorded: the newest is the last.
func (c *call) listRuns() any {
	listed := []*run{}
	for _, r := range c.org.runs.all {
		listed = append(listed, r.shown())
	}
	return listed
}

func (c *call) getRun() any {
	recorded := find(c, &c.org.runs, "runId")
	recorded.held.fetch()
	r := recorded.shown()
	return runDetail{
		r,
		snapshot{r.input, r.detail.prompt},
		object{"output": r.detail.output, "outputText": r.detail.text},
		append([]runStep{}, r.detail.steps...), r.diagnostic(),
	}
}
