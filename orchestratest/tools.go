package orchestratest

import (
	"encoding/json"
	"maps"
	"slices"
)

// tool is something that a prompt, a skill or an agent can call: a stub with a
// fixed result, or an HTTP endpoint.
type tool struct {
	ID             string
	OrganizationID string
	ToolKey        string
	Name           string
	Description    *string
	Type           string
	CreatedAt      string
	UpdatedAt      string

	versions []*toolVersion
}

// toolRecord is a tool as the newer routes spell it.
type toolRecord struct {
	ID             string          `json:"id"`
	OrganizationID string          `json:"organizationId"`
	ToolKey        string          `json:"toolKey"`
	Name           string          `json:"name"`
	Description    *string         `json:"description"`
	Type           string          `json:"type"`
	Config         json.RawMessage `json:"config"`
	InputSchema    json.RawMessage `json:"inputSchema"`
	OutputSchema   json.RawMessage `json:"outputSchema"`
	Capability     json.RawMessage `json:"capability"`
	VersionNumber  int             `json:"versionNumber"`
	VersionID      string          `json:"versionId"`
	CreatedAt      string          `json:"createdAt"`
	UpdatedAt      string          `json:"updatedAt"`
}

// classicToolRecord is the same tool as the list and Get have always spelt it.
type classicToolRecord struct {
	ID             string          `json:"id"`
	OrganizationID string          `json:"organizationId"`
	ToolKey        string          `json:"tool_key"`
	Name           string          `json:"name"`
	Description    *string         `json:"description"`
	Type           string          `json:"type"`
	Config         json.RawMessage `json:"config"`
	InputSchema    json.RawMessage `json:"input_schema"`
	OutputSchema   json.RawMessage `json:"outputSchema"`
	Capability     json.RawMessage `json:"capability"`
	VersionNumber  int             `json:"version_number"`
	VersionID      string          `json:"versionId"`
	CreatedAt      string          `json:"createdAt"`
	UpdatedAt      string          `json:"updatedAt"`
}

// toolVersion is what a tool does. The newest is the one that is called.
type toolVersion struct {
	ID            string          `json:"id"`
	ToolID        string          `json:"toolId"`
	VersionNumber int             `json:"version_number"`
	Config        json.RawMessage `json:"config"`
	InputSchema   json.RawMessage `json:"input_schema"`
	OutputSchema  json.RawMessage `json:"outputSchema"`
	Capability    json.RawMessage `json:"capability"`
	CreatedAt     string          `json:"createdAt"`
}

const (
	manualStub = "manual_stub"
	httpTool   = "http"
)

// capabilities are the members of a capability that have fixed values.
var capabilities = map[string][]string{
	"category":          {"data", "communication", "content", "automation", "system", "external_service", "other"},
	"accessMode":        {"read", "write", "read_write", "execute"},
	"sideEffectProfile": {"none", "low", "high"},
	"riskLevel":         {"safe", "caution", "sensitive"},
}

func (t *tool) latest() *toolVersion { return t.versions[len(t.versions)-1] }

func (t *tool) record() toolRecord {
	v := t.latest()
	return toolRecord{
		t.ID, t.OrganizationID, t.ToolKey, t.Name, t.Description, t.Type, v.Config, v.InputSchema,
		v.OutputSchema, v.Capability, v.VersionNumber, v.ID, t.CreatedAt, t.UpdatedAt,
	}
}

func (c *call) listTools() (any, error) {
	listed := []classicToolRecord{}
	for _, t := range c.org.tools.all {
		listed = append(listed, classicToolRecord(t.record()))
	}
	return listed, nil
}

func (c *call) getTool() (any, error) {
	t, err := c.org.tools.find(c.params["toolId"])
	if err != nil {
		return nil, err
	}
	return classicToolRecord(t.record()), nil
}

// createTool also makes version 1.
func (c *call) createTool() (any, error) {
	now := c.srv.now()
	t := &tool{
		OrganizationID: c.org.id, ToolKey: c.input.requiredText("toolKey"), Name: c.input.requiredText("name"),
		Description: c.input.optionalText("description"), CreatedAt: now, UpdatedAt: now,
	}
	if kind := c.input.requiredText("type"); kind != "" {
		c.input.choice("type", manualStub, httpTool)
		t.Type = kind
	}
	v := &toolVersion{VersionNumber: 1, Config: c.input.jsonObject("config"), InputSchema: c.input.jsonObject("inputSchema"), CreatedAt: now}
	if v.Config == nil && c.input.fine("config") {
		c.input.reject("config", "is required")
	}
	if v.InputSchema == nil && c.input.fine("inputSchema") {
		c.input.reject("inputSchema", "is required")
	}
	if err := c.input.err(); err != nil {
		return nil, err
	}
	if err := c.org.claim("toolKey", t.ToolKey); err != nil {
		return nil, err
	}
	t.ID = c.srv.ids.next("tol_")
	c.addToolVersion(t, v)
	c.org.tools.add(t.ID, t)
	return t.record(), nil
}

func (c *call) addToolVersion(t *tool, v *toolVersion) {
	v.ID, v.ToolID = c.srv.ids.next("tlv_"), t.ID
	t.versions = append(t.versions, v)
	c.org.toolVersions.add(v.ID, v)
}

func (c *call) updateTool() (any, error) {
	t, err := c.org.tools.find(c.params["toolId"])
	if err != nil {
		return nil, err
	}
	changed := *t
	c.input.patchName(&changed.Name)
	c.input.patchOptional("description", &changed.Description)
	if err := c.input.err(); err != nil {
		return nil, err
	}
	changed.UpdatedAt = c.srv.now()
	*t = changed
	return t.record(), nil
}

// createToolVersion begins with what the newest version has.
func (c *call) createToolVersion() (any, error) {
	t, err := c.org.tools.find(c.params["toolId"])
	if err != nil {
		return nil, err
	}
	v := *t.latest()
	v.VersionNumber++
	v.CreatedAt = c.srv.now()
	for _, member := range []struct {
		name   string
		target *json.RawMessage
	}{
		{"config", &v.Config}, {"inputSchema", &v.InputSchema}, {"outputSchema", &v.OutputSchema}, {"capability", &v.Capability},
	} {
		if c.input.has(member.name) {
			*member.target = c.input.jsonObject(member.name)
		}
	}
	c.checkCapability()
	if err := c.input.err(); err != nil {
		return nil, err
	}
	c.addToolVersion(t, &v)
	return v, nil
}

func (c *call) checkCapability() {
	members := map[string]json.RawMessage{}
	if raw := c.input.raw("capability"); raw == nil || json.Unmarshal(raw, &members) != nil {
		return
	}
	capability := input{path: "capability.", members: members, problems: c.input.problems}
	for _, name := range slices.Sorted(maps.Keys(capabilities)) {
		capability.choice(name, capabilities[name]...)
	}
}

func (c *call) diffToolVersion() (any, error) {
	t, err := c.org.tools.find(c.params["toolId"])
	if err != nil {
		return nil, err
	}
	v, err := c.org.toolVersions.find(c.params["versionId"])
	if err != nil || v.ToolID != t.ID {
		return nil, notFound("tool version", c.params["versionId"])
	}
	against := t.versions[max(v.VersionNumber-2, 0)] // the one before
	if id := c.query.Get("againstVersionId"); id != "" {
		if against, err = c.org.toolVersions.find(id); err != nil || against.ToolID != t.ID {
			return nil, notFound("tool version", id)
		}
	}
	return versionDiff{
		ToolID: t.ID, VersionID: v.ID, VersionNumber: v.VersionNumber, AgainstVersionID: against.ID,
		AgainstVersionNumber: against.VersionNumber, Changes: diff(against.content(), v.content()),
	}, nil
}

// content is what two versions are compared by.
func (v *toolVersion) content() any {
	return map[string]any{"config": v.Config, "inputSchema": v.InputSchema, "outputSchema": v.OutputSchema, "capability": v.Capability}
}
