package orchestratest

import (
	"encoding/json"
	"fmt"
)

// skillVersion is what a skill does: prompts and tools, each a list in order.
type skillVersion struct {
	version

	SkillID         string          `json:"skillId"`
	InputSchema     json.RawMessage `json:"inputSchema"`
	VariablesSchema json.RawMessage `json:"variablesSchema"`
	OutputSchema    json.RawMessage `json:"outputSchema"`
	UpdatedAt       string          `json:"updatedAt"`

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

	extra members
}

func (p promptAttachment) show() any { return show(p, p.extra) }

type skillTool struct {
	ToolID        string `json:"toolId"`
	PositionIndex int    `json:"positionIndex"`

	extra members
}

func (t skillTool) show() any { return show(t, t.extra) }

// skillVersionView is a version as it is sent, with what follows from the records it refers to.
type skillVersionView struct {
	*skillVersion

	OutputContractState string `json:"outputContractState"`
	PromptComposition   []any  `json:"promptComposition"`
	Tools               []any  `json:"tools"`
	Preview             object `json:"preview"`
	Validation          object `json:"validation"`
	ExecutionReadiness  object `json:"executionReadiness"`
}

// replaceSkillPrompts replaces the whole list; the order of the array counts, not the positionIndex
// inside.
func (c *call) replaceSkillPrompts() any {
	v := c.draftSkillVersion()
	prompts := []promptAttachment{}
	for i, in := range c.input.list("prompts") {
		prompts = append(prompts, in.readAttachment(i))
	}
	for _, attached := range prompts {
		p := lookup(c, &c.org.prompts, attached.PromptID)
		if n := attached.VersionNumber; n != nil && (*n < 1 || *n > len(p.versions.all)) {
			c.fail(notFound("version of prompt "+p.PromptKey, fmt.Sprint(*n)))
		}
	}
	if !c.ok() {
		return nil
	}
	v.prompts, v.UpdatedAt = prompts, c.srv.now()
	return v.receipt(len(prompts))
}

func (in input) readAttachment(position int) promptAttachment {
	attached := promptAttachment{
		PromptID: in.requiredText("promptId"), AttachmentMode: floating, PositionIndex: position,
	}
	if mode := in.choice("attachmentMode", floating, pinned); mode != nil {
		attached.AttachmentMode = *mode
	}
	in.read("versionNumber", "an integer", &attached.VersionNumber)
	if (in.raw("versionNumber") != nil) != (attached.AttachmentMode == pinned) {
		in.reject("versionNumber", "belongs to "+pinned+", which needs it")
	}
	in.has("positionIndex") // the position in the array stands for it
	attached.extra = in.unread()
	return attached
}

// replaceSkillTools does the same for tools.
func (c *call) replaceSkillTools() any {
	v := c.draftSkillVersion()
	tools := []skillTool{}
	for i, in := range c.input.list("tools") {
		attached := skillTool{ToolID: in.requiredText("toolId"), PositionIndex: i}
		in.has("positionIndex") // as above
		attached.extra = in.unread()
		tools = append(tools, attached)
	}
	for _, attached := range tools {
		lookup(c, &c.org.tools, attached.ToolID)
	}
	if !c.ok() {
		return nil
	}
	v.tools, v.UpdatedAt = tools, c.srv.now()
	return v.receipt(len(tools))
}

func (c *call) draftSkillVersion() *skillVersion {
	v := find(c, &c.org.skillVersions.table, "skillVersionId")
	c.checkDraft(&v.version)
	return v
}

// receipt is the response to replacing a list.
func (v *skillVersion) receipt(count int) any {
	return object{
		"skillVersionId": v.ID, "versionNumber": v.VersionNumber, "status": v.Status, "count": count, "updatedAt": v.UpdatedAt,
	}
}

// resolve finds the prompt version of an attachment; nil when it floats and nothing is published.
func (o *organization) resolve(attached promptAttachment) (*prompt, *promptVersion) {
	p := o.prompts.byID[attached.PromptID]
	if attached.VersionNumber != nil {
		return p, p.versions.all[*attached.VersionNumber-1]
	}
	return p, p.versions.published
}

// show returns a version as it is sent.
func (o *organization) show(v *skillVersion) any {
	templates, issues := o.compose(v)
	issues = append([]detail{}, issues...)
	template, _ := render(templates, nil)
	return show(skillVersionView{
		skillVersion: v, OutputContractState: contractState(v.OutputSchema),
		PromptComposition: o.composition(v), Tools: showAll(v.tools), Preview: object{"template": template},
		Validation: object{"valid": len(issues) == 0, "issues": issues},
		ExecutionReadiness: object{
			"runnable": len(issues) == 0, "blockingIssues": issues, "requiredProviderKeys": []string{models[0].Provider},
		},
	}, v.extra)
}

// composition says which prompt version gives which part of the text.
func (o *organization) composition(v *skillVersion) []any {
	composition := []any{}
	for _, attached := range v.prompts {
		p, resolved := o.resolve(attached)
		composed := object{
			"promptId": attached.PromptID, "attachmentMode": attached.AttachmentMode, "versionNumber": attached.VersionNumber,
			"positionIndex": attached.PositionIndex, "promptVersionId": nil, "resolvedVersionNumber": nil, "section": p.DefaultSection,
		}
		if resolved != nil {
			composed["promptVersionId"], composed["resolvedVersionNumber"] = resolved.ID, resolved.VersionNumber
		}
		composition = append(composition, show(composed, attached.extra))
	}
	return composition
}

// compose is the text of a version, prompt by prompt, and what keeps it from being run.
func (o *organization) compose(v *skillVersion) (templates []string, issues []detail) {
	if len(v.prompts) == 0 {
		issues = append(issues, detail{"no_prompts", "The version has no prompts", "prompts"})
	}
	for i, attached := range v.prompts {
		p, resolved := o.resolve(attached)
		if resolved == nil {
			message := fmt.Sprintf("Prompt %s has no published version", p.PromptKey)
			issues = append(issues, detail{"prompt_not_published", message, fmt.Sprintf("prompts[%d]", i)})
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
		blocked.says.Details = issues
		return job{}, blocked
	}
	ids := []string{v.SkillID}
	for _, attached := range v.prompts {
		ids = append(ids, attached.PromptID)
	}
	j := job{
		model: m, templates: templates, schema: v.OutputSchema, variables: variables,
		failure: c.failureOf(ids...),
	}
	for _, attached := range v.tools {
		j.tools = append(j.tools, c.org.tools.byID[attached.ToolID])
	}
	return j, nil
}
