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
	CompletedAt         string  `json:"completedAt"`

	detail outcome
	input  map[string]any
}

// runDetail is a run with what went in, what came out and what happened between.
type runDetail struct {
	*run
	InputSnapshot  inputSnapshot  `json:"inputSnapshot"`
	OutputSnapshot outputSnapshot `json:"outputSnapshot"`
	Steps          []runStep      `json:"steps"`
}

type inputSnapshot struct {
	Variables      map[string]any `json:"variables"`
	RenderedPrompt string         `json:"renderedPrompt"`
}

type outputSnapshot struct {
	Output     any    `json:"output"`
	OutputText string `json:"outputText"`
}

// runResult is the response to running a prompt.
type runResult struct {
	RunID           string   `json:"runId"`
	Status          string   `json:"status"`
	PromptID        string   `json:"promptId"`
	PromptVersionID string   `json:"promptVersionId"`
	Output          any      `json:"output"`
	OutputText      string   `json:"outputText"`
	MissingVars     []string `json:"missingVariables"`
	Provider        string   `json:"provider"`
	Model           string   `json:"model"`
	InputTokens     int      `json:"inputTokens"`
	OutputTokens    int      `json:"outputTokens"`
	EstimatedCost   float64  `json:"estimatedCost"`
	LatencyMs       int      `json:"latencyMs"`
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
	r := &run{
		ID: c.srv.ids.next("run_"), OrganizationID: c.org.id, Status: done.status(),
		PromptID: p.ID, PromptName: p.Name, PromptVersionID: v.ID, PromptVersionNumber: v.VersionNumber,
		Provider: j.model.Provider, Model: j.model.ModelKey, TransportType: "http",
		InputTokens: done.usage.InputTokens, OutputTokens: done.usage.OutputTokens,
		EstimatedCost: done.usage.EstimatedCost, LatencyMs: done.latencyMs,
		StepCount: len(done.steps), CreatedAt: created, CompletedAt: c.srv.now(),
		detail: done, input: variables,
	}
	for _, step := range done.steps {
		if step.ToolName != "" {
			r.ToolCallCount++
		}
	}
	if done.failure != "" {
		r.ErrorMessage = &done.failure
		c.fail(executionFailed(done.failure, r.ID))
	}
	c.org.runs.add(r.ID, r)
	return runResult{
		RunID: r.ID, Status: r.Status, PromptID: p.ID, PromptVersionID: v.ID, Output: done.output, OutputText: done.text,
		MissingVars: append([]string{}, done.missing...), Provider: r.Provider, Model: r.Model,
		InputTokens: r.InputTokens, OutputTokens: r.OutputTokens, EstimatedCost: r.EstimatedCost, LatencyMs: r.LatencyMs,
	}
}

// listRuns returns the runs in the order in which they were recorded: the newest is the last.
func (c *call) listRuns() any { return append([]*run{}, c.org.runs.all...) }

func (c *call) getRun() any {
	r := find(c, &c.org.runs, "runId")
	return runDetail{
		r, inputSnapshot{r.input, r.detail.prompt}, outputSnapshot{r.detail.output, r.detail.text}, r.detail.steps,
	}
}
