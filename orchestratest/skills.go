package orchestratest

import "encoding/json"

// skill is an ability made of prompts and tools, in versions.
type skill struct {
	ID               string        `json:"id"`
	OrganizationID   string        `json:"organizationId"`
	SkillKey         string        `json:"skillKey"`
	Name             string        `json:"name"`
	Description      *string       `json:"description"`
	PublishedVersion *versionLabel `json:"publishedVersion"`
	CreatedAt        string        `json:"createdAt"`
	UpdatedAt        string        `json:"updatedAt"`

	versions  []*skillVersion
	published *skillVersion
}

// versionLabel names a version.
type versionLabel struct {
	ID            string `json:"id"`
	VersionNumber int    `json:"versionNumber"`
}

// skillDetail is a skill with its versions.
type skillDetail struct {
	*skill
	Versions []skillVersionView `json:"versions"`
}

func (c *call) listSkills() (any, error) { return c.org.skills.list(), nil }

func (c *call) getSkill() (any, error) {
	s, err := c.org.skills.find(c.params["skillId"])
	if err != nil {
		return nil, err
	}
	detail := skillDetail{s, []skillVersionView{}}
	for _, v := range s.versions {
		detail.Versions = append(detail.Versions, c.org.view(v))
	}
	return detail, nil
}

func (c *call) createSkill() (any, error) {
	now := c.srv.now()
	s := &skill{
		OrganizationID: c.org.id,
		SkillKey:       c.input.requiredText("skillKey"),
		Name:           c.input.requiredText("name"),
		Description:    c.input.optionalText("description"),
		CreatedAt:      now,
		UpdatedAt:      now,
	}
	if err := c.input.err(); err != nil {
		return nil, err
	}
	if err := c.org.claim("skillKey", s.SkillKey); err != nil {
		return nil, err
	}
	s.ID = c.srv.ids.next("skl_")
	c.org.skills.add(s.ID, s)
	return s, nil
}

func (c *call) updateSkill() (any, error) {
	s, err := c.org.skills.find(c.params["skillId"])
	if err != nil {
		return nil, err
	}
	changed := *s
	c.input.patchName(&changed.Name)
	c.input.patchOptional("description", &changed.Description)
	if err := c.input.err(); err != nil {
		return nil, err
	}
	changed.UpdatedAt = c.srv.now()
	*s = changed
	return s, nil
}

func (c *call) createSkillVersion() (any, error) {
	s, err := c.org.skills.find(c.params["skillId"])
	if err != nil {
		return nil, err
	}
	now := c.srv.now()
	v := &skillVersion{
		SkillID:         s.ID,
		VersionNumber:   len(s.versions) + 1,
		Status:          statusDraft,
		InputSchema:     c.input.jsonObject("inputSchema"),
		VariablesSchema: c.input.jsonObject("variablesSchema"),
		OutputSchema:    c.input.jsonObject("outputSchema"),
		CreatedAt:       now,
		UpdatedAt:       now,
		prompts:         []promptAttachment{},
		tools:           []skillTool{},
	}
	if err := c.input.err(); err != nil {
		return nil, err
	}
	v.ID = c.srv.ids.next("skv_")
	s.versions = append(s.versions, v)
	c.org.skillVersions.add(v.ID, v)
	return c.org.view(v), nil
}

// publishSkill publishes the version named, else the newest draft.
func (c *call) publishSkill() (any, error) {
	s, err := c.org.skills.find(c.params["skillId"])
	if err != nil {
		return nil, err
	}
	versionID := c.input.text("versionId")
	if err := c.input.err(); err != nil {
		return nil, err
	}
	v := s.newestDraft()
	if versionID != "" {
		if v, err = c.org.skillVersion(s, versionID); err != nil {
			return nil, err
		}
	}
	switch {
	case v == nil:
		return nil, conflict("The skill has no draft version to publish")
	case s.published == v:
		return nil, conflict("Version %d is published already", v.VersionNumber)
	}
	now := c.srv.now()
	v.Status, v.IsPublished, v.PublishedAt = statusPublished, true, &now
	s.published, s.PublishedVersion, s.UpdatedAt = v, &versionLabel{v.ID, v.VersionNumber}, now
	return publication{SkillID: s.ID, VersionID: v.ID, VersionNumber: v.VersionNumber, Status: v.Status, PublishedAt: now}, nil
}

func (c *call) diffSkillVersion() (any, error) {
	s, err := c.org.skills.find(c.params["skillId"])
	if err != nil {
		return nil, err
	}
	v, err := c.org.skillVersion(s, c.params["versionId"])
	if err != nil {
		return nil, err
	}
	against := s.versions[max(v.VersionNumber-2, 0)] // the one before
	if id := c.query.Get("againstVersionId"); id != "" {
		if against, err = c.org.skillVersion(s, id); err != nil {
			return nil, err
		}
	}
	return versionDiff{
		SkillID: s.ID, VersionID: v.ID, VersionNumber: v.VersionNumber, AgainstVersionID: against.ID,
		AgainstVersionNumber: against.VersionNumber, Changes: diff(against.content(), v.content()),
	}, nil
}

// skillVersion finds a version of one skill: the one named, else the published one.
func (o *organization) skillVersion(s *skill, id string) (*skillVersion, error) {
	if id == "" {
		if s.published == nil {
			return nil, conflict("Skill %s has no published version", s.SkillKey)
		}
		return s.published, nil
	}
	v, err := o.skillVersions.find(id)
	if err != nil || v.SkillID != s.ID {
		return nil, notFound("skill version", id)
	}
	return v, nil
}

func (s *skill) newestDraft() *skillVersion {
	for i := len(s.versions) - 1; i >= 0; i-- {
		if !s.versions[i].IsPublished {
			return s.versions[i]
		}
	}
	return nil
}

// usesOf names the skill versions that a prompt is attached to.
func (o *organization) usesOf(promptID string) []promptUsage {
	uses := []promptUsage{}
	for _, s := range o.skills.all {
		for _, v := range s.versions {
			for _, attached := range v.prompts {
				if attached.PromptID == promptID {
					uses = append(uses, promptUsage{s.ID, s.SkillKey, s.Name, v.ID, v.VersionNumber, attached.AttachmentMode})
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
		"prompts": v.prompts, "tools": v.tools,
	}
}

// contractState says whether outputs have a schema to meet.
func contractState(schema json.RawMessage) string {
	if schema == nil {
		return "undeclared"
	}
	return "declared"
}
