package orchestratest

// agent is a workflow over prompts, skills and tools, in versions.
type agent struct {
	ID               string        `json:"id"`
	OrganizationID   string        `json:"organizationId"`
	Name             string        `json:"name"`
	Slug             string        `json:"slug"`
	Description      *string       `json:"description"`
	Status           string        `json:"status"`
	EntryStepKey     *string       `json:"entryStepKey"` // of the published version
	PublishedVersion *agentVersion `json:"publishedVersion"`
	UsageMetrics     *usageMetrics `json:"usageMetrics"`
	CreatedAt        string        `json:"createdAt"`
	UpdatedAt        string        `json:"updatedAt"`

	versions []*agentVersion
	voices   []*voiceVersion
}

// usageMetrics sums up the runs of an agent.
type usageMetrics struct {
	RunCount      int     `json:"runCount"`
	LatencyMs     float64 `json:"latencyMs"` // the average
	EstimatedCost float64 `json:"estimatedCost"`
}

// agentVersion is one workflow of an agent.
type agentVersion struct {
	ID            string  `json:"id"`
	AgentID       string  `json:"agentId"`
	VersionNumber int     `json:"versionNumber"`
	Status        string  `json:"status"`
	IsPublished   bool    `json:"isPublished"`
	CreatedAt     string  `json:"createdAt"`
	UpdatedAt     string  `json:"updatedAt"`
	PublishedAt   *string `json:"publishedAt"`
	// RolledBackFromVersionID is the version that this one is a copy of.
	RolledBackFromVersionID *string `json:"rolledBackFromVersionId"`

	workflow workflow
}

// agentDetail is an agent with the version in use, which is the published one or,
// before there is one, the newest.
type agentDetail struct {
	*agent
	EntryStepKey  *string         `json:"entryStepKey"` // hides the agent's
	VersionID     *string         `json:"versionId"`
	VersionNumber *int            `json:"versionNumber"`
	Steps         []step          `json:"steps"`
	Transitions   []transition    `json:"transitions"`
	Versions      []*agentVersion `json:"versions"`
}

func (c *call) listAgents() (any, error) { return c.org.agents.list(), nil }

func (c *call) getAgent() (any, error) {
	a, err := c.org.agents.find(c.params["agentId"])
	if err != nil {
		return nil, err
	}
	detail := agentDetail{agent: a, Steps: []step{}, Transitions: []transition{}, Versions: append([]*agentVersion{}, a.versions...)}
	inUse := a.PublishedVersion
	if inUse == nil && len(a.versions) > 0 {
		inUse = a.versions[len(a.versions)-1]
	}
	if inUse != nil {
		detail.VersionID, detail.VersionNumber = &inUse.ID, &inUse.VersionNumber
		if key := inUse.workflow.EntryStepKey; key != "" {
			detail.EntryStepKey = &key
		}
		detail.Steps, detail.Transitions = inUse.workflow.Steps, inUse.workflow.Transitions
	}
	return detail, nil
}

func (c *call) createAgent() (any, error) {
	now := c.srv.now()
	a := &agent{
		OrganizationID: c.org.id,
		Name:           c.input.requiredText("name"),
		Description:    c.input.optionalText("description"),
		Status:         statusDraft,
		UsageMetrics:   &usageMetrics{},
		CreatedAt:      now,
		UpdatedAt:      now,
	}
	if err := c.input.err(); err != nil {
		return nil, err
	}
	a.ID, a.Slug = c.srv.ids.next("agt_"), slug(a.Name, '-')
	c.org.agents.add(a.ID, a)
	return a, nil
}

func (c *call) updateAgent() (any, error) {
	a, err := c.org.agents.find(c.params["agentId"])
	if err != nil {
		return nil, err
	}
	changed := *a
	c.input.patchName(&changed.Name)
	c.input.patchOptional("description", &changed.Description)
	if err := c.input.err(); err != nil {
		return nil, err
	}
	changed.UpdatedAt = c.srv.now()
	*a = changed
	return a, nil
}

// createAgentVersion makes an empty draft.
func (c *call) createAgentVersion() (any, error) {
	a, err := c.org.agents.find(c.params["agentId"])
	if err != nil {
		return nil, err
	}
	return c.addAgentVersion(a, emptyWorkflow()), nil
}

func (c *call) addAgentVersion(a *agent, w workflow) *agentVersion {
	now := c.srv.now()
	v := &agentVersion{
		ID: c.srv.ids.next("agv_"), AgentID: a.ID, VersionNumber: len(a.versions) + 1,
		Status: statusDraft, CreatedAt: now, UpdatedAt: now, workflow: w,
	}
	a.versions = append(a.versions, v)
	c.org.agentVersions.add(v.ID, v)
	return v
}

// publishAgent publishes a version whose workflow has no mistakes: the one named,
// else the newest draft.
func (c *call) publishAgent() (any, error) {
	a, err := c.org.agents.find(c.params["agentId"])
	if err != nil {
		return nil, err
	}
	versionID := c.input.text("versionId")
	if err := c.input.err(); err != nil {
		return nil, err
	}
	v := a.newestDraft()
	if versionID != "" {
		if v, err = c.agentVersion(a, versionID); err != nil {
			return nil, err
		}
	}
	switch {
	case v == nil:
		return nil, conflict("The agent has no draft version to publish")
	case a.PublishedVersion == v:
		return nil, conflict("Version %d is published already", v.VersionNumber)
	}
	if issues := c.org.check(v.workflow); len(issues) > 0 {
		// This body is documented as it is, on a route that otherwise answers with
		// diagnostics; its details have no path.
		refused := invalidGraph(withoutPaths(issues))
		refused.detailed = true
		return nil, refused
	}
	c.publish(a, v)
	return publication{AgentID: a.ID, VersionID: v.ID, VersionNumber: v.VersionNumber, Status: v.Status, PublishedAt: *v.PublishedAt}, nil
}

func (c *call) publish(a *agent, v *agentVersion) {
	now := c.srv.now()
	v.Status, v.IsPublished, v.PublishedAt = statusPublished, true, &now
	a.Status, a.PublishedVersion = statusPublished, v
	a.EntryStepKey, a.UpdatedAt = &v.workflow.EntryStepKey, now
}

// rollbackAgentVersion publishes a copy of an older published version as a new
// version, so that history only grows.
func (c *call) rollbackAgentVersion() (any, error) {
	a, err := c.org.agents.find(c.params["agentId"])
	if err != nil {
		return nil, err
	}
	old, err := c.agentVersion(a, c.params["versionId"])
	switch {
	case err != nil:
		return nil, err
	case !old.IsPublished:
		return nil, conflict("Version %d was never published", old.VersionNumber)
	case a.PublishedVersion == old:
		return nil, conflict("Version %d is the published one", old.VersionNumber)
	}
	v := c.addAgentVersion(a, old.workflow)
	v.RolledBackFromVersionID = &old.ID
	c.publish(a, v)
	return v, nil
}

func (c *call) diffAgentVersion() (any, error) {
	a, err := c.org.agents.find(c.params["agentId"])
	if err != nil {
		return nil, err
	}
	v, err := c.agentVersion(a, c.params["versionId"])
	if err != nil {
		return nil, err
	}
	againstID := c.query.Get("againstVersionId")
	if againstID == "" {
		return nil, badRequest("againstVersionId is required", "againstVersionId")
	}
	against, err := c.agentVersion(a, againstID)
	if err != nil {
		return nil, err
	}
	return versionDiff{
		AgentID: a.ID, VersionID: v.ID, VersionNumber: v.VersionNumber, AgainstVersionID: against.ID,
		AgainstVersionNumber: against.VersionNumber, Changes: diff(against.workflow, v.workflow),
	}, nil
}

// agentVersion finds a version of one agent.
func (c *call) agentVersion(a *agent, id string) (*agentVersion, error) {
	v, err := c.org.agentVersions.find(id)
	if err != nil || v.AgentID != a.ID {
		return nil, notFound("agent version", id)
	}
	return v, nil
}

func (a *agent) newestDraft() *agentVersion {
	for i := len(a.versions) - 1; i >= 0; i-- {
		if !a.versions[i].IsPublished {
			return a.versions[i]
		}
	}
	return nil
}
