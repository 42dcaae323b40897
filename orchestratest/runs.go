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

	detail     outcome
	input      map[string]any
	diagnostic *diagnostic
}

type snapshot struct {
	Variables      map[string]any `json:"variables"`
	RenderedPrompt string         `json:"renderedPrompt"`
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
	v, err := p.versions.choose("")
	if c.fail(err); !c.ok() {
		return nil
	}
	j := c.promptJob(p, v, variables)
	created := c.srv.now()
	done := c.perform(j)
	running := run{
		ID: c.srv.ids.next("run_"), OrganizationID: c.org.id, Status: statusRunning,
		PromptID: p.ID, PromptName: p.Name, PromptVersionID: v.ID, PromptVersionNumber: v.VersionNumber,
		Provider: j.model.Provider, Model: j.model.ModelKey, TransportType: "http", CreatedAt: created,
		input: variables, detail: outcome{prompt: done.prompt},
	}
	recorded := &execution[run]{running, running.after(done, c.srv.now()), c.srv.holdFor("Prompts.Run")}
	c.org.runs.add(running.ID, recorded)
	r := recorded.shown()
	c.runFailed(r.detail.failure, r.ID)
	return object{
		"runId": r.ID, "status": r.Status, "promptId": p.ID, "promptVersionId": v.ID,
		"output": r.detail.output, "outputText": r.detail.text,
		"missingVariables": append([]string{}, r.detail.missing...), "provider": r.Provider, "model": r.Model,
		"inputTokens": r.InputTokens, "outputTokens": r.OutputTokens, "estimatedCost": r.EstimatedCost,
		"latencyMs": r.LatencyMs, "diagnostic": r.diagnostic,
	}
}

// after is a running run when it is over.
func (r run) after(done outcome, completed string) run {
	r.Status, r.CompletedAt, r.detail = done.status(), &completed, done
	r.InputTokens, r.OutputTokens = done.usage.InputTokens, done.usage.OutputTokens
	r.EstimatedCost, r.LatencyMs = done.usage.EstimatedCost, done.latencyMs
	r.StepCount = len(done.steps)
	for _, step := range done.steps {
		if step.ToolName != "" {
			r.ToolCallCount++
		}
	}
	if done.failure != "" {
		r.ErrorMessage = &done.failure
	}
	r.diagnostic = whyFailed(done.failure, r.ID, "prompts."+r.PromptID)
	return r
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
	r := find(c, &c.org.runs, "runId").fetch()
	return runDetail{
		r,
		snapshot{r.input, r.detail.prompt},
		object{"output": r.detail.output, "outputText": r.detail.text},
		append([]runStep{}, r.detail.steps...), r.diagnostic,
	}
}
