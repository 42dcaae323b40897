package orchestratest

import "encoding/json"

// prompt is a text to be given to a model, in versions.
type prompt struct {
	record

	PromptKey              string  `json:"promptKey"`
	Slug                   string  `json:"slug"`
	DefaultSection         *string `json:"defaultSection"`
	DefaultModel           *string `json:"defaultModel"`
	Status                 string  `json:"status"`
	LatestVersionNumber    int     `json:"latestVersionNumber"`
	PublishedVersionID     *string `json:"publishedVersionId"`
	PublishedVersionNumber *int    `json:"publishedVersionNumber"`

	versions versions[promptVersion]
}

func (p *prompt) show() any { return show(p, p.extra) }

// promptVersion never changes once it is made: newer ones have content, older ones a system and a
// developer prompt.
type promptVersion struct {
	version

	PromptID        string            `json:"promptId"`
	Content         *string           `json:"content"`
	SystemPrompt    *string           `json:"systemPrompt"`
	DeveloperPrompt *string           `json:"developerPrompt"`
	VariablesSchema json.RawMessage   `json:"variablesSchema"`
	ResponseFormat  json.RawMessage   `json:"responseFormat"`
	Temperature     *float64          `json:"temperature"`
	Tools           []*toolAttachment `json:"tools"`
}

// MarshalJSON encodes the version with the members that this server does not know.
func (v *promptVersion) MarshalJSON() ([]byte, error) {
	type plain promptVersion
	return encodeWith((*plain)(v), v.extra)
}

// toolAttachment is a tool that a prompt version may call.
type toolAttachment struct {
	toolID string
	sent   any
}

// MarshalJSON returns the attachment as it is sent.
func (t *toolAttachment) MarshalJSON() ([]byte, error) { return encode(t.sent) }

// promptDetail is a prompt with its versions and the skills that use it.
type promptDetail struct {
	*prompt

	Versions     []*promptVersion `json:"versions"`
	UsedBySkills []object         `json:"usedBySkills"`
}

var sections = []string{"foundation", "task_context", "task_instructions", "examples", "output_format"}

func (c *call) listPrompts() any { return showAll(c.org.prompts.all) }

func (c *call) getPrompt() any {
	p := find(c, &c.org.prompts, "promptId")
	return show(promptDetail{p, p.versions.list(), c.org.usesOf(p.ID)}, p.extra)
}

func (c *call) createPrompt() any {
	p := &prompt{
		record: c.readRecord(), PromptKey: c.input.text("promptKey"), Status: statusDraft,
		DefaultSection: c.input.choice("defaultSection", sections...),
		DefaultModel:   c.input.optionalText("defaultModel"),
	}
	if !c.ok() {
		return nil
	}
	if p.PromptKey == "" {
		p.PromptKey = c.org.free("promptKey", p.Name)
	}
	if c.claim("promptKey", p.PromptKey); !c.ok() {
		return nil
	}
	p.begin(c, "prm_")
	p.Slug = slug(p.Name, '-')
	c.org.promptVersions.begin(&p.versions, p.ID, "Prompt "+p.PromptKey)
	c.org.prompts.add(p.ID, p)
	return p.show()
}

func (c *call) updatePrompt() any {
	p := find(c, &c.org.prompts, "promptId")
	model, section := p.DefaultModel, p.DefaultSection
	c.input.patch("defaultModel", &model)
	if c.input.has("defaultSection") {
		section = c.input.choice("defaultSection", sections...)
	}
	if p.patch(c) {
		p.DefaultModel, p.DefaultSection = model, section
	}
	return p.show()
}

func (c *call) createPromptVersion() any {
	p := find(c, &c.org.prompts, "promptId")
	v := &promptVersion{
		PromptID:        p.ID,
		Content:         c.input.optionalText("content"),
		SystemPrompt:    c.input.optionalText("systemPrompt"),
		DeveloperPrompt: c.input.optionalText("developerPrompt"),
		VariablesSchema: c.input.jsonObject("variablesSchema"),
		ResponseFormat:  c.input.raw("responseFormat"),
		Temperature:     c.input.number("temperature"),
		Tools:           []*toolAttachment{},
	}
	if v.Content == nil && v.SystemPrompt == nil && v.DeveloperPrompt == nil {
		c.input.reject("content", "is required, or systemPrompt or developerPrompt")
	}
	if !c.ok() {
		return nil
	}
	p.versions.add(c, v)
	p.LatestVersionNumber = v.VersionNumber
	return v
}

func (c *call) publishPrompt() any {
	p := find(c, &c.org.prompts, "promptId")
	v := p.versions.toPublish(c, c.input.requiredText("versionId"))
	if !c.ok() {
		return nil
	}
	response, now := p.versions.publish(c, v)
	p.Status, p.UpdatedAt = statusPublished, now
	p.PublishedVersionID, p.PublishedVersionNumber = &v.ID, &v.VersionNumber
	return response
}

// attachTool lets a draft version call a tool. Attaching it a second time is a conflict.
func (c *call) attachTool() any {
	v := find(c, &c.org.promptVersions.table, "promptVersionId")
	tool := lookup(c, &c.org.tools, c.input.requiredText("toolId"))
	c.checkDraft(&v.version)
	for _, attached := range v.Tools {
		if attached.toolID == tool.ID {
			c.fail(conflict("Tool %s is attached already", tool.ToolKey))
		}
	}
	if !c.ok() {
		return nil
	}
	attachment := &toolAttachment{tool.ID, show(object{
		"id": c.srv.ids.next("pta_"), "promptVersionId": v.ID, "toolId": tool.ID, "tool_key": tool.ToolKey, "createdAt": c.srv.now(),
	}, c.input.unread())}
	v.Tools = append(v.Tools, attachment)
	return attachment
}

// templates is what a version says to the model.
func (v *promptVersion) templates() []string {
	if v.Content != nil {
		return []string{*v.Content}
	}
	var parts []string
	for _, part := range []*string{v.SystemPrompt, v.DeveloperPrompt} {
		if part != nil && *part != "" {
			parts = append(parts, *part)
		}
	}
	return parts
}

// promptJob is a prompt version to be run on its own.
func (c *call) promptJob(p *prompt, v *promptVersion, variables map[string]any) job {
	j := job{
		model: promptModel(p.DefaultModel), templates: v.templates(), schema: v.outputSchema(),
		variables: variables, failure: c.failureOf(p.ID),
	}
	for _, attached := range v.Tools {
		if tool := c.org.tools.byID[attached.toolID]; tool != nil {
			j.tools = append(j.tools, tool)
		}
	}
	return j
}

// outputSchema is the schema in a responseFormat, in the two forms that providers use.
func (v *promptVersion) outputSchema() json.RawMessage {
	var format struct {
		Schema     json.RawMessage `json:"schema"`
		JSONSchema struct {
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
	}
	if json.Unmarshal(v.ResponseFormat, &format) != nil {
		return nil
	}
	if format.Schema != nil {
		return format.Schema
	}
	return format.JSONSchema.Schema
}
