package orchestratest

import (
	"encoding/json"
	"fmt"
	"slices"
)

// skillVersion is what a skill does: prompts and tools, each a list in order.
type skillVersion struct {
	ID              string          `json:"id"`
	SkillID         string          `json:"skillId"`
	VersionNumber   int             `json:"versionNumber"`
	Status          string          `json:"status"`
	IsPublished     bool            `json:"isPublished"`
	InputSchema     json.RawMessage `json:"inputSchema"`
	VariablesSchema json.RawMessage `json:"variablesSchema"`
	OutputSchema    json.RawMessage `json:"outputSchema"`
	CreatedAt       string          `json:"createdAt"`
	UpdatedAt       string          `json:"updatedAt"`
	PublishedAt     *string         `json:"publishedAt"`

	prompts []promptAttachment
	tools   []skillTool
}

// The two ways of attaching a prompt.
const (
	floating = "floating_latest_published"
	pinned   = "pinned_version"
)

type promptAttachment struct {
	PromptID       string `json:"promptId"`
	AttachmentMode string `json:"attachmentMode"`
	VersionNumber  *int   `json:"versionNumber"` // only when pinned
	PositionIndex  int    `json:"positionIndex"`
}

type skillTool struct {
	ToolID        string `json:"toolId"`
	PositionIndex int    `json:"positionIndex"`
}

// composedPrompt is an attachment with the version that it stands for now.
type composedPrompt struct {
	promptAttachment
	PromptVersionID       *string `json:"promptVersionId"`
	ResolvedVersionNumber *int    `json:"resolvedVersionNumber"`
	Section               *string `json:"section"`
}

// skillVersionView is a version as it is answered, with what follows from the
// records it refers to.
type skillVersionView struct {
	*skillVersion
	OutputContractState string             `json:"outputContractState"`
	PromptComposition   []composedPrompt   `json:"promptComposition"`
	Tools               []skillTool        `json:"tools"`
	Preview             versionPreview     `json:"preview"`
	Validation          versionValidation  `json:"validation"`
	ExecutionReadiness  executionReadiness `json:"executionReadiness"`
}

type versionPreview struct {
	Template string `json:"template"`
}

type versionValidation struct {
	Valid  bool     `json:"valid"`
	Issues []detail `json:"issues"`
}

type executionReadiness struct {
	Runnable             bool     `json:"runnable"`
	BlockingIssues       []detail `json:"blockingIssues"`
	RequiredProviderKeys []string `json:"requiredProviderKeys"`
}

// mutationReceipt is the answer to replacing a list.
type mutationReceipt struct {
	SkillVersionID string `json:"skillVersionId"`
	VersionNumber  int    `json:"versionNumber"`
	Status         string `json:"status"`
	Count          int    `json:"count"`
	UpdatedAt      string `json:"updatedAt"`
}

// replaceSkillPrompts replaces the whole list; the order of the array counts, not
// the positionIndex inside.
func (c *call) replaceSkillPrompts() (any, error) {
	v, err := c.draftSkillVersion()
	if err != nil {
		return nil, err
	}
	prompts := []promptAttachment{}
	for i, in := range c.input.list("prompts") {
		attached := promptAttachment{PromptID: in.requiredText("promptId"), AttachmentMode: floating, PositionIndex: i}
		if mode := in.choice("attachmentMode", floating, pinned); mode != nil {
			attached.AttachmentMode = *mode
		}
		if in.read("versionNumber", "an integer", &attached.VersionNumber) != (attached.AttachmentMode == pinned) {
			in.reject("versionNumber", "belongs to "+pinned+", which needs it")
		}
		prompts = append(prompts, attached)
	}
	if err := c.input.err(); err != nil {
		return nil, err
	}
	for _, attached := range prompts {
		p, err := c.org.prompts.find(attached.PromptID)
		if err != nil {
			return nil, err
		}
		if n := attached.VersionNumber; n != nil && (*n < 1 || *n > len(p.versions)) {
			return nil, notFound("version of prompt "+p.PromptKey, fmt.Sprint(*n))
		}
	}
	v.prompts, v.UpdatedAt = prompts, c.srv.now()
	return mutationReceipt{v.ID, v.VersionNumber, v.Status, len(prompts), v.UpdatedAt}, nil
}

// replaceSkillTools does the same for tools.
func (c *call) replaceSkillTools() (any, error) {
	v, err := c.draftSkillVersion()
	if err != nil {
		return nil, err
	}
	tools := []skillTool{}
	for i, in := range c.input.list("tools") {
		tools = append(tools, skillTool{in.requiredText("toolId"), i})
	}
	if err := c.input.err(); err != nil {
		return nil, err
	}
	for _, attached := range tools {
		if _, err := c.org.tools.find(attached.ToolID); err != nil {
			return nil, err
		}
	}
	v.tools, v.UpdatedAt = tools, c.srv.now()
	return mutationReceipt{v.ID, v.VersionNumber, v.Status, len(tools), v.UpdatedAt}, nil
}

func (c *call) draftSkillVersion() (*skillVersion, error) {
	v, err := c.org.skillVersions.find(c.params["skillVersionId"])
	if err != nil {
		return nil, err
	}
	if v.IsPublished {
		return nil, conflict("Version %d is published and cannot change", v.VersionNumber)
	}
	return v, nil
}

// resolve finds the prompt version of an attachment; nil when it floats and
// nothing is published.
func (o *organization) resolve(attached promptAttachment) (*prompt, *promptVersion) {
	p := o.prompts.byID[attached.PromptID]
	if attached.VersionNumber != nil {
		return p, p.versions[*attached.VersionNumber-1]
	}
	return p, p.published()
}

func (o *organization) view(v *skillVersion) skillVersionView {
	view := skillVersionView{
		skillVersion: v, OutputContractState: contractState(v.OutputSchema), PromptComposition: []composedPrompt{}, Tools: v.tools,
		Validation:         versionValidation{Valid: true, Issues: []detail{}},
		ExecutionReadiness: executionReadiness{Runnable: true, BlockingIssues: []detail{}, RequiredProviderKeys: []string{models[0].Provider}},
	}
	for _, attached := range v.prompts {
		p, resolved := o.resolve(attached)
		composed := composedPrompt{promptAttachment: attached, Section: p.DefaultSection}
		if resolved != nil {
			composed.PromptVersionID, composed.ResolvedVersionNumber = &resolved.ID, &resolved.VersionNumber
		}
		view.PromptComposition = append(view.PromptComposition, composed)
	}
	templates, issues := o.compose(v)
	view.Preview.Template, _ = render(templates, nil)
	if len(issues) > 0 {
		view.Validation = versionValidation{Issues: issues}
		view.ExecutionReadiness.Runnable, view.ExecutionReadiness.BlockingIssues = false, issues
	}
	return view
}

// compose is the text of a version, prompt by prompt, and what keeps it from being run.
func (o *organization) compose(v *skillVersion) (templates []string, issues []detail) {
	if len(v.prompts) == 0 {
		issues = append(issues, detail{"no_prompts", "The version has no prompts", "prompts"})
	}
	for i, attached := range v.prompts {
		p, resolved := o.resolve(attached)
		if resolved == nil {
			issues = append(issues, detail{"prompt_not_published", fmt.Sprintf("Prompt %s has no published version", p.PromptKey), fmt.Sprintf("prompts[%d]", i)})
			continue
		}
		templates = append(templates, resolved.templates()...)
	}
	return templates, issues
}

// skillJob is a skill version to be run.
func (c *call) skillJob(v *skillVersion, m model, variables map[string]any) (job, error) {
	templates, issues := c.org.compose(v)
	if len(issues) > 0 {
		blocked := conflict("Version %d cannot be run: %s", v.VersionNumber, issues[0].Message)
		blocked.details = issues
		return job{}, blocked
	}
	ids := []string{v.SkillID}
	for _, attached := range v.prompts {
		ids = append(ids, attached.PromptID)
	}
	j := job{model: m, templates: templates, schema: v.OutputSchema, variables: variables, failure: c.failureOf(ids...)}
	for _, attached := range v.tools {
		tool := c.org.tools.byID[attached.ToolID]
		j.tools = append(j.tools, boundTool{tool, tool.latest()})
	}
	return j, nil
}

// compositionTrace tells which prompt version gave which part of a text.
func (o *organization) compositionTrace(v *skillVersion) []composedPrompt {
	return slices.Clone(o.view(v).PromptComposition)
}
