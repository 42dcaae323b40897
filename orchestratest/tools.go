package orchestratest

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
)

// tool is something that a prompt, a skill or an agent can call: a stub with a fixed result, or an
// HTTP endpoint.
type tool struct {
	record

	ToolKey string
	Type    string

	versions versions[toolVersion]
}

// toolVersion is what a tool does. The newest is the one that is called: none is published.
type toolVersion struct {
	version

	Config       json.RawMessage
	InputSchema  json.RawMessage
	OutputSchema json.RawMessage
	Capability   json.RawMessage
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

// show returns the tool as the list and Get have always spelt it.
func (t *tool) show() any { return t.spelt("tool_key", "input_schema", "version_number") }

// showNewer returns the tool as the newer routes spell it.
func (t *tool) showNewer() any { return t.spelt("toolKey", "inputSchema", "versionNumber") }

// spelt returns the tool with its newest version, with the names of three members.
func (t *tool) spelt(key, input, number string) any {
	newest := cmp.Or(t.versions.newest(), &toolVersion{}) // a tool that was not found has none
	return show(object{
		"id": t.ID, "organizationId": t.OrganizationID, "name": t.Name, "description": t.Description, "type": t.Type,
		key: t.ToolKey, input: newest.InputSchema, number: newest.VersionNumber,
		"config": newest.Config, "outputSchema": newest.OutputSchema, "capability": newest.Capability,
		"versionId": newest.ID, "createdAt": t.CreatedAt, "updatedAt": t.UpdatedAt,
	}, t.extra)
}

func (c *call) listTools() any { return showAll(c.org.tools.all) }

func (c *call) getTool() any { return find(c, &c.org.tools, "toolId").show() }

// createTool also makes version 1.
func (c *call) createTool() any {
	t := &tool{ToolKey: c.input.requiredText("toolKey"), record: c.readRecord()}
	if t.Type = c.input.requiredText("type"); t.Type != "" {
		c.input.choice("type", manualStub, httpTool)
	}
	v := &toolVersion{
		Config: c.input.requiredJSONObject("config"), InputSchema: c.input.requiredJSONObject("inputSchema"),
	}
	if c.claim("toolKey", t.ToolKey); !c.ok() {
		return nil
	}
	t.begin(c, "tol_")
	c.org.toolVersions.begin(&t.versions, t.ID, "Tool "+t.ToolKey)
	t.versions.add(c, v).extra = nil // they are the tool's
	c.org.tools.add(t.ID, t)
	return t.showNewer()
}

func (c *call) updateTool() any {
	t := find(c, &c.org.tools, "toolId")
	t.patch(c)
	return t.showNewer()
}

// createToolVersion begins with what the newest version has.
func (c *call) createToolVersion() any {
	t := find(c, &c.org.tools, "toolId")
	v := *cmp.Or(t.versions.newest(), &toolVersion{})
	c.input.patchObject("config", &v.Config)
	c.input.patchObject("inputSchema", &v.InputSchema)
	c.input.patchObject("outputSchema", &v.OutputSchema)
	c.input.patchObject("capability", &v.Capability)
	if c.checkCapability(); !c.ok() {
		return nil
	}
	t.versions.add(c, &v)
	return show(map[string]any{
		"id": v.ID, "toolId": t.ID, "version_number": v.VersionNumber, "config": v.Config,
		"input_schema": v.InputSchema, "outputSchema": v.OutputSchema, "capability": v.Capability, "createdAt": v.CreatedAt,
	}, v.extra)
}

func (c *call) checkCapability() {
	capability := c.input.nested("capability", c.input.raw("capability"))
	for _, name := range slices.Sorted(maps.Keys(capabilities)) {
		capability.choice(name, capabilities[name]...)
	}
}

func (c *call) diffToolVersion() any {
	return find(c, &c.org.tools, "toolId").versions.diff(c)
}

// content is what two versions are compared by.
func (v *toolVersion) content() any {
	return map[string]any{
		"config": v.Config, "inputSchema": v.InputSchema, "outputSchema": v.OutputSchema, "capability": v.Capability,
	}
}
