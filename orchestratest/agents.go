package orchestratest

import "cmp"

// agent is a workflow over prompts, skills and tools, in versions.
type agent struct {
	record

	Slug             string        `json:"slug"`
	Status           string        `json:"status"`
	EntryStepKey     *string       `json:"entryStepKey"` // of the published version
	PublishedVersion *agentVersion `json:"publishedVersion"`
	UsageMetrics     *usageMetrics `json:"usageMetrics"`

	versions versions[agentVersion]
	voices   []*voiceVersion
}

func (a *agent) show() any { return show(a, a.extra) }

// usageMetrics sums up the runs of an agent.
type usageMetrics struct {
	RunCount      int     `json:"runCount"`
	LatencyMs     float64 `json:"latencyMs"` // the average
	EstimatedCost float64 `json:"estimatedCost"`
}

// agentVersion is one workflow of an agent.
type agentVersion struct {
	version

	AgentID   string `json:"agentId"`
	UpdatedAt string `json:"updatedAt"`
	// RolledBackFromVersionID is the version that this one is a copy of.
	RolledBackFromVersionID *string `json:"rolledBackFromVersionId"`

	workflow workflow
}

// MarshalJSON encodes the version with the members that this server does not know.
func (v *agentVersion) MarshalJSON() ([]byte, error) {
	type plain agentVersion
	return encodeWith((*plain)(v), v.extra)
}

// agentDetail is an agent with the version in use, which is the published one or, before there is
// one, the newest.
type agentDetail struct {
	*agent

	EntryStepKey  *string         `json:"entryStepKey"` // hides the agent's
	VersionID     *string         `json:"versionId"`
	VersionNumber *int            `json:"versionNumber"`
	Steps         []step          `json:"steps"`
	Transitions   []transition    `json:"transitions"`
	Versions      []*agentVersion `json:"versions"`
}

func (c *call) listAgents() any { return showAll(c.org.agents.all) }

func (c *call) getAgent() any {
	a := find(c, &c.org.agents, "agentId")
	detail := agentDetail{agent: a, Steps: []step{}, Transitions: []transition{}, Versions: a.versions.list()}
	inUse := cmp.Or(a.versions.published, a.versions.newest())
	if inUse == nil {
		return show(detail, a.extra)
	}
	w := inUse.workflow
	detail.VersionID, detail.VersionNumber = &inUse.ID, &inUse.VersionNumber
	detail.EntryStepKey, detail.Steps, detail.Transitions = w.EntryStepKey, w.Steps, w.Transitions
	return show(detail, a.extra.with(w.extra))
}

func (c *call) createAgent() any {
	a := &agent{record: c.readRecord(), Status: statusDraft, UsageMetrics: &usageMetrics{}}
	if !c.ok() {
		return nil
	}
	a.begin(c, "agt_")
	a.Slug = slug(a.Name, '-')
	c.org.agentVersions.begin(&a.versions, a.ID, "The agent")
	c.org.agents.add(a.ID, a)
	return a.show()
}

func (c *call) updateAgent() any {
	a := find(c, &c.org.agents, "agentId")
	a.patch(c)
	return a.show()
}

// createAgentVersion makes an empty draft.
func (c *call) createAgentVersion() any {
	a := find(c, &c.org.agents, "agentId")
	if !c.ok() {
		return nil
	}
	return c.addAgentVersion(a, emptyWorkflow())
}

func (c *call) addAgentVersion(a *agent, w workflow) *agentVersion {
	return a.versions.add(c, &agentVersion{AgentID: a.ID, UpdatedAt: c.srv.now(), workflow: w})
}

// publishAgent publishes a version whose workflow has no mistakes: the one named, else the newest
// draft.
func (c *call) publishAgent() any {
	a := find(c, &c.org.agents, "agentId")
	v := a.versions.toPublish(c, c.input.text("versionId"))
	if !c.ok() {
		return nil
	}
	if issues := c.org.check(v.workflow); len(issues) > 0 {
		// This body is documented as it is, on a route that responds with diagnostics otherwise;
		// its details have no path.
		for i := range issues {
			issues[i].Path = ""
		}
		rejected := invalidGraph(issues)
		rejected.detailed = true
		c.fail(rejected)
		return nil
	}
	return c.publish(a, v)
}

func (c *call) publish(a *agent, v *agentVersion) (response object) {
	response, a.UpdatedAt = a.versions.publish(c, v)
	a.Status, a.PublishedVersion, a.EntryStepKey = statusPublished, v, v.workflow.EntryStepKey
	return response
}

// rollbackAgentVersion publishes a copy of an older published version as a new version, so that
// history only grows.
func (c *call) rollbackAgentVersion() any {
	a := find(c, &c.org.agents, "agentId")
	old := a.versions.lookup(c, c.params["versionId"])
	switch {
	case !old.IsPublished:
		c.fail(conflict("Version %d was never published", old.VersionNumber))
	case old == a.versions.published:
		c.fail(conflict("Version %d is the published one", old.VersionNumber))
	}
	if !c.ok() {
		return nil
	}
	v := c.addAgentVersion(a, old.workflow)
	v.RolledBackFromVersionID = &old.ID
	c.publish(a, v)
	return v
}

func (c *call) diffAgentVersion() any {
	a := find(c, &c.org.agents, "agentId")
	if c.query.Get("againstVersionId") == "" {
		c.fail(badRequest("againstVersionId is required", "againstVersionId"))
	}
	return a.versions.diff(c)
}
