package orchestratest

import "encoding/json"

// prompt is a text to be given to a model, in versions.
type prompt struct {
	ID                     string  `json:"id"`
	OrganizationID         string  `json:"organizationId"`
	PromptKey              string  `json:"promptKey"`
	Name                   string  `json:"name"`
	Slug                   string  `json:"slug"`
	Description            *string `json:"description"`
	DefaultSection         *string `json:"defaultSection"`
	DefaultModel           *string `json:"defaultModel"`
	Status                 string  `json:"status"`
	LatestVersionNumber    int     `json:"latestVersionNumber"`
	PublishedVersionID     *string `json:"publishedVersionId"`
	PublishedVersionNumber *int    `json:"publishedVersionNumber"`
	CreatedAt              string  `json:"createdAt"`
	UpdatedAt              string  `json:"updatedAt"`

	versions []*promptVersion
}

// promptVersion never changes once it is made: newer ones have content, older
// ones a system and a developer prompt.
type promptVersion struct {
	ID              string           `json:"id"`
	PromptID        string           `json:"promptId"`
	VersionNumber   int              `json:"versionNumber"`
	Status          string           `json:"status"`
	IsPublished     bool             `json:"isPublished"`
	Content         *string          `json:"content"`
	SystemPrompt    *string          `json:"systemPrompt"`
	DeveloperPrompt *string          `json:"developerPrompt"`
	VariablesSchema json.RawMessage  `json:"variablesSchema"`
	ResponseFormat  json.RawMessage  `json:"responseFormat"`
	Temperature     *float64         `json:"temperature"`
	Tools           []toolAttachment `json:"tools"`
	CreatedAt       string           `json:"createdAt"`
	PublishedAt     *string          `json:"publishedAt"`
}

// toolAttachment is a tool that a prompt version may call.
type toolAttachment struct {
	ID              string `json:"id"`
	PromptVersionID string `json:"promptVersionId"`
	ToolID          string `json:"toolId"`
	ToolKey         string `json:"tool_key"`
	CreatedAt       string `json:"createdAt"`
}

// promptDetail is a prompt with its versions and the skills that use it.
type promptDetail struct {
	*prompt
	Versions     []*promptVersion `json:"versions"`
	UsedBySkills []promptUsage    `json:"usedBySkills"`
}

type promptUsage struct {
	SkillID        string `json:"skillId"`
	SkillKey       string `json:"skillKey"`
	Name           string `json:"name"`
	SkillVersionID string `json:"skillVersionId"`
	VersionNumber  int    `json:"versionNumber"`
	AttachmentMode string `json:"attachmentMode"`
}

var sections = []string{"foundation", "task_context", "task_instructions", "examples", "output_format"}

func (c *call) listPrompts() (any, error) { return c.org.prompts.list(), nil }

func (c *call) getPrompt() (any, error) {
	p, err := c.org.prompts.find(c.params["promptId"])
	if err != nil {
		return nil, err
	}
	return promptDetail{p, append([]*promptVersion{}, p.versions...), c.org.usesOf(p.ID)}, nil
}

func (c *call) createPrompt() (any, error) {
	now := c.srv.now()
	p := &prompt{
		OrganizationID: c.org.id,
		PromptKey:      c.input.text("promptKey"),
		Name:           c.input.requiredText("name"),
		Description:    c.input.optionalText("description"),
		DefaultSection: c.input.choice("defaultSection", sections...),
		DefaultModel:   c.input.optionalText("defaultModel"),
		Status:         statusDraft,
		CreatedAt:      now,
		UpdatedAt:      now,
	}
	if err := c.input.err(); err != nil {
		return nil, err
	}
	if p.PromptKey == "" {
		p.PromptKey = c.org.derive("promptKey", p.Name)
	} else if err := c.org.claim("promptKey", p.PromptKey); err != nil {
		return nil, err
	}
	p.ID, p.Slug = c.srv.ids.next("prm_"), slug(p.Name, '-')
	c.org.prompts.add(p.ID, p)
	return p, nil
}

func (c *call) updatePrompt() (any, error) {
	p, err := c.org.prompts.find(c.params["promptId"])
	if err != nil {
		return nil, err
	}
	changed := *p
	c.input.patchName(&changed.Name)
	c.input.patchOptional("description", &changed.Description)
	c.input.patchOptional("defaultModel", &changed.DefaultModel)
	if c.input.has("defaultSection") {
		changed.DefaultSection = c.input.choice("defaultSection", sections...)
	}
	if err := c.input.err(); err != nil {
		return nil, err
	}
	changed.UpdatedAt = c.srv.now()
	*p = changed
	return p, nil
}

func (c *call) createPromptVersion() (any, error) {
	p, err := c.org.prompts.find(c.params["promptId"])
	if err != nil {
		return nil, err
	}
	v := &promptVersion{
		PromptID:        p.ID,
		VersionNumber:   len(p.versions) + 1,
		Status:          statusDraft,
		Content:         c.input.optionalText("content"),
		SystemPrompt:    c.input.optionalText("systemPrompt"),
		DeveloperPrompt: c.input.optionalText("developerPrompt"),
		VariablesSchema: c.input.jsonObject("variablesSchema"),
		ResponseFormat:  c.input.raw("responseFormat"),
		Temperature:     c.input.number("temperature"),
		Tools:           []toolAttachment{},
		CreatedAt:       c.srv.now(),
	}
	if v.Content == nil && v.SystemPrompt == nil && v.DeveloperPrompt == nil {
		c.input.reject("content", "is required, or systemPrompt or developerPrompt")
	}
	if err := c.input.err(); err != nil {
		return nil, err
	}
	v.ID = c.srv.ids.next("prv_")
	p.versions = append(p.versions, v)
	p.LatestVersionNumber = v.VersionNumber
	c.org.promptVersions.add(v.ID, v)
	return v, nil
}

func (c *call) publishPrompt() (any, error) {
	p, err := c.org.prompts.find(c.params["promptId"])
	if err != nil {
		return nil, err
	}
	versionID := c.input.requiredText("versionId")
	if err := c.input.err(); err != nil {
		return nil, err
	}
	v, err := c.org.promptVersions.find(versionID)
	if err != nil || v.PromptID != p.ID {
		return nil, notFound("prompt version", versionID)
	}
	if p.PublishedVersionID != nil && *p.PublishedVersionID == v.ID {
		return nil, conflict("Version %d is published already", v.VersionNumber)
	}
	now := c.srv.now()
	v.Status, v.IsPublished, v.PublishedAt = statusPublished, true, &now
	p.Status, p.PublishedVersionID, p.PublishedVersionNumber, p.UpdatedAt = statusPublished, &v.ID, &v.VersionNumber, now
	return publication{PromptID: p.ID, VersionID: v.ID, VersionNumber: v.VersionNumber, Status: statusPublished, PublishedAt: now}, nil
}

// publication is the answer of every publish route.
type publication struct {
	AgentID       string `json:"agentId,omitempty"`
	PromptID      string `json:"promptId,omitempty"`
	SkillID       string `json:"skillId,omitempty"`
	VersionID     string `json:"versionId"`
	VersionNumber int    `json:"versionNumber"`
	Status        string `json:"status"`
	PublishedAt   string `json:"publishedAt"`
}

// attachTool lets a draft version call a tool. Attaching it again is a conflict.
func (c *call) attachTool() (any, error) {
	v, err := c.org.promptVersions.find(c.params["promptVersionId"])
	if err != nil {
		return nil, err
	}
	toolID := c.input.requiredText("toolId")
	if err := c.input.err(); err != nil {
		return nil, err
	}
	tool, err := c.org.tools.find(toolID)
	if err != nil {
		return nil, err
	}
	if v.IsPublished {
		return nil, conflict("Version %d is published and cannot change", v.VersionNumber)
	}
	for _, attached := range v.Tools {
		if attached.ToolID == tool.ID {
			return nil, conflict("Tool %s is attached already", tool.ToolKey)
		}
	}
	attachment := toolAttachment{c.srv.ids.next("pta_"), v.ID, tool.ID, tool.ToolKey, c.srv.now()}
	v.Tools = append(v.Tools, attachment)
	return attachment, nil
}

// published is the version that runs by default, nil when there is none.
func (p *prompt) published() *promptVersion {
	if p.PublishedVersionNumber == nil {
		return nil
	}
	return p.versions[*p.PublishedVersionNumber-1]
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
		if tool := c.org.tools.byID[attached.ToolID]; tool != nil {
			j.tools = append(j.tools, boundTool{tool, tool.latest()})
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
