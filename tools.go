package promptorchestra

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strings"
)

// ToolsService authors tools. Use it as Client.Tools.
type ToolsService struct{ c *Client }

// ToolType is the kind of a tool; expect values not listed here.
type ToolType string

// The documented kinds: a stub answers with its configured result, an http tool calls its URL.
const (
	ToolTypeManualStub ToolType = "manual_stub"
	ToolTypeHTTP       ToolType = "http"
)

// ToolCategory is what a tool is about; expect values not listed here.
type ToolCategory string

// The documented categories.
const (
	ToolCategoryData            ToolCategory = "data"
	ToolCategoryCommunication   ToolCategory = "communication"
	ToolCategoryContent         ToolCategory = "content"
	ToolCategoryAutomation      ToolCategory = "automation"
	ToolCategorySystem          ToolCategory = "system"
	ToolCategoryExternalService ToolCategory = "external_service"
	ToolCategoryOther           ToolCategory = "other"
)

// ToolAccessMode is how a tool touches what it works on; expect values not listed here.
type ToolAccessMode string

// The documented access modes.
const (
	ToolAccessModeRead      ToolAccessMode = "read"
	ToolAccessModeWrite     ToolAccessMode = "write"
	ToolAccessModeReadWrite ToolAccessMode = "read_write"
	ToolAccessModeExecute   ToolAccessMode = "execute"
)

// ToolSideEffectProfile is how much a call of a tool changes; expect values not listed here.
type ToolSideEffectProfile string

// The documented profiles.
const (
	ToolSideEffectProfileNone ToolSideEffectProfile = "none"
	ToolSideEffectProfileLow  ToolSideEffectProfile = "low"
	ToolSideEffectProfileHigh ToolSideEffectProfile = "high"
)

// ToolRiskLevel is how much care a tool wants; expect values not listed here.
type ToolRiskLevel string

// The documented levels.
const (
	ToolRiskLevelSafe      ToolRiskLevel = "safe"
	ToolRiskLevelCaution   ToolRiskLevel = "caution"
	ToolRiskLevelSensitive ToolRiskLevel = "sensitive"
)

// ToolCapability says what a tool does and how dangerous it is. The types of DomainTags and IntendedUse are inferred.
type ToolCapability struct {
	Category          ToolCategory          `json:"category,omitzero"`
	AccessMode        ToolAccessMode        `json:"accessMode,omitzero"`
	SideEffectProfile ToolSideEffectProfile `json:"sideEffectProfile,omitzero"`
	RiskLevel         ToolRiskLevel         `json:"riskLevel,omitzero"`
	DomainTags        []string              `json:"domainTags,omitzero"`
	IntendedUse       string                `json:"intendedUse,omitzero"`
}

// ToolRecord is a tool. It decodes from snake_case (old routes) and camelCase (new ones); where an answer has both,
// the one that is not empty wins, and camelCase if neither is. It encodes in camelCase.
type ToolRecord struct {
	ID            string          `json:"id"`
	ToolKey       string          `json:"toolKey"`
	Name          string          `json:"name"`
	Description   string          `json:"description"`
	Type          ToolType        `json:"type"`
	Config        RawJSON         `json:"config"` // of an http tool: url, method, allowlist
	InputSchema   RawJSON         `json:"inputSchema"`
	OutputSchema  RawJSON         `json:"outputSchema"`  // inferred
	Capability    *ToolCapability `json:"capability"`    // nil when the answer has none
	VersionID     string          `json:"versionId"`     // inferred; of the newest version
	VersionNumber int             `json:"versionNumber"` // inferred; of the newest version
	CreatedAt     Timestamp       `json:"createdAt"`     // inferred
	UpdatedAt     Timestamp       `json:"updatedAt"`     // inferred
}

// UnmarshalJSON reads both spellings of every member; one of an unexpected type stays zero and costs no other.
func (t *ToolRecord) UnmarshalJSON(data []byte) error {
	type plain ToolRecord
	return decodeEitherCase(data, (*plain)(t))
}

// ToolVersion is one version of a tool. It decodes from both spellings, as [ToolRecord] does.
type ToolVersion struct {
	ID            string          `json:"id"`
	ToolID        string          `json:"toolId"` // inferred
	VersionNumber int             `json:"versionNumber"`
	Config        RawJSON         `json:"config"`
	InputSchema   RawJSON         `json:"inputSchema"`
	OutputSchema  RawJSON         `json:"outputSchema"`
	Capability    *ToolCapability `json:"capability"` // nil when the answer has none
	CreatedAt     Timestamp       `json:"createdAt"`  // inferred
}

// UnmarshalJSON reads both spellings of every member; one of an unexpected type stays zero and costs no other.
func (v *ToolVersion) UnmarshalJSON(data []byte) error {
	type plain ToolVersion
	return decodeEitherCase(data, (*plain)(v))
}

// ToolVersionDiff tells two versions of a tool apart. All its names are inferred.
type ToolVersionDiff struct {
	ToolID           string  `json:"toolId"`
	VersionID        string  `json:"versionId"`
	AgainstVersionID string  `json:"againstVersionId"`
	Changes          RawJSON `json:"changes"`
}

// ToolCreateParams describes a new tool. ToolKey, Name and Type are required. Config and InputSchema are maps,
// structs or raw JSON; the API wants both, so nil is sent as {}.
type ToolCreateParams struct {
	ToolKey     string   `json:"toolKey"`
	Name        string   `json:"name"`
	Description string   `json:"description,omitzero"`
	Type        ToolType `json:"type"`
	Config      any      `json:"config"`
	InputSchema any      `json:"inputSchema"`
}

func (p ToolCreateParams) validate() error {
	return required("toolKey", p.ToolKey, "name", p.Name, "type", string(p.Type))
}

// ToolUpdateParams changes a tool: what is not set is kept, [Null] clears.
type ToolUpdateParams struct {
	Name        Opt[string] `json:"name,omitzero"`
	Description Opt[string] `json:"description,omitzero"`
}

// ToolVersionCreateParams describes a new version. Config and the schemas are maps, structs or raw JSON; what is
// zero is left out.
type ToolVersionCreateParams struct {
	Config       any            `json:"config,omitzero"`
	InputSchema  any            `json:"inputSchema,omitzero"`
	OutputSchema any            `json:"outputSchema,omitzero"`
	Capability   ToolCapability `json:"capability,omitzero"`
}

// List returns all tools of the organization; none is an empty list.
//
// Beta. Either credential, scope tools:read. Repeated safely. Errors: those of every call.
func (s *ToolsService) List(ctx context.Context, opts ...CallOption) ([]ToolRecord, error) {
	return list[ToolRecord](ctx, s.c, call{route: routeToolsList}, opts)
}

// All is [ToolsService.List] as a stream: one tool at a time, in constant memory. An error is the last pair; each
// range over the result makes a call of its own.
//
// Beta. Either credential, scope tools:read. Repeated safely until the answer begins. Errors: those of every call.
func (s *ToolsService) All(ctx context.Context, opts ...CallOption) iter.Seq2[ToolRecord, error] {
	return stream[ToolRecord](ctx, s.c, call{route: routeToolsList}, opts)
}

// Get returns the tool.
//
// Beta. Either credential, scope tools:read. Repeated safely. Errors: those of every call; [KindNotFound] for an
// unknown id.
func (s *ToolsService) Get(ctx context.Context, toolID string, opts ...CallOption) (*ToolRecord, error) {
	return do[ToolRecord](ctx, s.c, call{route: routeToolsGet, ids: [2]string{toolID}}, opts)
}

// Create returns the new tool.
//
// Beta. Either credential, scope tools:write. Never repeated. Errors: those of every call; [KindInvalidRequest];
// [KindConflict] for a key in use.
func (s *ToolsService) Create(ctx context.Context, p ToolCreateParams, opts ...CallOption) (*ToolRecord, error) {
	p.Config, p.InputSchema = object("config", p.Config), object("inputSchema", p.InputSchema)
	return do[ToolRecord](ctx, s.c, call{route: routeToolsCreate, body: p}, opts)
}

// Update changes what p sets and returns the tool.
//
// Beta. Either credential, scope tools:write. Repeated safely. Errors: those of every call; [KindNotFound] for an
// unknown id; [KindInvalidRequest].
func (s *ToolsService) Update(ctx context.Context, toolID string, p ToolUpdateParams, opts ...CallOption) (*ToolRecord, error) {
	return do[ToolRecord](ctx, s.c, call{route: routeToolsUpdate, ids: [2]string{toolID}, body: p}, opts)
}

// CreateVersion adds a version to the tool and returns it.
//
// Beta. Either credential, scope tools:write. Never repeated. Errors: those of every call; [KindNotFound] for an
// unknown id; [KindInvalidRequest].
func (s *ToolsService) CreateVersion(ctx context.Context, toolID string, p ToolVersionCreateParams, opts ...CallOption) (*ToolVersion, error) {
	p.Config, p.InputSchema, p.OutputSchema = rawValue(p.Config), rawValue(p.InputSchema), rawValue(p.OutputSchema)
	return do[ToolVersion](ctx, s.c, call{route: routeToolsCreateVersion, ids: [2]string{toolID}, body: p}, opts)
}

// Diff returns what tells versionID from againstVersionID; with "" the server chooses what to compare with.
//
// Beta. Either credential, scope tools:read. Repeated safely. Errors: those of every call; [KindNotFound] for an
// unknown id.
func (s *ToolsService) Diff(ctx context.Context, toolID, versionID, againstVersionID string, opts ...CallOption) (*ToolVersionDiff, error) {
	return do[ToolVersionDiff](ctx, s.c, call{
		route: routeToolsDiff, ids: [2]string{toolID, versionID},
		query: []param{{name: "againstVersionId", value: againstVersionID, optional: true}},
	}, opts)
}

// decodeEitherCase decodes an object whose members are spelled in snake_case, in camelCase or in both into v, which
// knows the camelCase ones. A member of an unexpected type is no error, or encoding/json would drop the rest of the
// record that holds this one.
func decodeEitherCase(data []byte, v any) error {
	var members map[string]json.RawMessage
	if json.Unmarshal(data, &members) == nil {
		for name, value := range members {
			if camel := camelCase(name); camel != name && isEmpty(members[camel]) {
				members[camel] = value
			}
		}
		data = joinMembers(members)
	}
	return tolerate(json.Unmarshal(data, v))
}

// joinMembers encodes an object whose values are encoded, and leaves those as they are: json.Marshal would not.
func joinMembers(members map[string]json.RawMessage) []byte {
	out := []byte{'{'}
	for i, name := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			out = append(out, ',')
		}
		quoted, _ := json.Marshal(name) //nolint:errchkjson // a string always encodes
		out = append(append(append(out, quoted...), ':'), members[name]...)
	}
	return append(out, '}')
}

// camelCase spells tool_key as toolKey.
func camelCase(name string) string {
	words := strings.Split(name, "_")
	for i, word := range words[1:] {
		if word != "" {
			words[i+1] = strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return strings.Join(words, "")
}

// isEmpty reports whether a member says nothing, so that its other spelling may speak.
func isEmpty(value json.RawMessage) bool {
	switch string(bytes.TrimSpace(value)) {
	case "", "null", `""`, "0", "{}", "[]":
		return true
	}
	return false
}
