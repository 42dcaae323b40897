package orchestratest

import "encoding/json"

// skill is an ability made of prompts and tools, in versions.
type skill struct {
	record

	SkillKey         string `json:"skillKey"`
	PublishedVersion any    `json:"publishedVersion"` // its id and number

	versions versions[skillVersion]
}

func (s *skill) show() any { return show(s, s.extra) }

// skillDetail is a skill with its versions.
type skillDetail struct {
	*skill

	Versions []any `json:"versions"`
}

func (c *call) listSkills() any { return showAll(c.org.skills.all) }

func (c *call) getSkill() any {
	s := find(c, &c.org.skills, "skillId")
	detail := skillDetail{s, []any{}}
	for _, v := range s.versions.all {
		detail.Versions = append(detail.Versions, c.org.show(v))
	}
	return show(detail, s.extra)
}

func (c *call) createSkill() any {
	s := &skill{SkillKey: c.input.requiredText("skillKey"), record: c.readRecord()}
	if c.claim("skillKey", s.SkillKey); !c.ok() {
		return nil
	}
	s.begin(c, "skl_")
	c.org.skillVersions.begin(&s.versions, s.ID, "Skill "+s.SkillKey)
	c.org.skills.add(s.ID, s)
	return s.show()
}

func (c *call) updateSkill() any {
	s := find(c, &c.org.skills, "skillId")
	s.patch(c)
	return s.show()
}

func (c *call) createSkillVersion() any {
	s := find(c, &c.org.skills, "skillId")
	v := &skillVersion{
		SkillID:         s.ID,
		InputSchema:     c.input.jsonObject("inputSchema"),
		VariablesSchema: c.input.jsonObject("variablesSchema"),
		OutputSchema:    c.input.jsonObject("outputSchema"),
		UpdatedAt:       c.srv.now(),
		prompts:         []promptAttachment{},
		tools:           []skillTool{},
	}
	if !c.ok() {
		return nil
	}
	return c.org.show(s.versions.add(c, v))
}

// publishSkill publishes the version named, else the newest draft.
func (c *call) publishSkill() any {
	s := find(c, &c.org.skills, "skillId")
	v := s.versions.toPublish(c, c.input.text("versionId"))
	if !c.ok() {
		return nil
	}
	response, now := s.versions.publish(c, v)
	s.PublishedVersion, s.UpdatedAt = object{"id": v.ID, "versionNumber": v.VersionNumber}, now
	return response
}

func (c *call) diffSkillVersion() any {
	return find(c, &c.org.skills, "skillId").versions.diff(c)
}

// usesOf names the skill versions that a prompt is attached to.
func (o *organization) usesOf(promptID string) []object {
	uses := []object{}
	for _, s := range o.skills.all {
		for _, v := range s.versions.all {
			for _, attached := range v.prompts {
				if attached.PromptID == promptID {
					uses = append(uses, object{
						"skillId": s.ID, "skillKey": s.SkillKey, "name": s.Name, "skillVersionId": v.ID,
						"versionNumber": v.VersionNumber, "attachmentMode": attached.AttachmentMode,
					})
				}
			}
		}
	}
	return uses
}

// content is what two versions are compared by.
func (v *skillVersion) content() any {
	return map[string]any{
		"inputSchema": v.InputSchema, "variablesSchema": v.VariablesSchema, "outputSchema": v.OutputSchema,
		"prompts": showAll(v.prompts), "tools": showAll(v.tools),
	}
}

// contractState says whether outputs have a schema to meet.
func contractState(schema json.RawMessage) string {
	if schema == nil {
		return "undeclared"
	}
	return "declared"
}
