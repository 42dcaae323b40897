package promptorchestra

import (
	"context"
	"iter"
)

// ToolsService authors tools. Use it as Client.Tools.
type ToolsService struct{ c *Client }

// ToolType is the kind of a tool. The API may send values that have no constant here.
type ToolType string

// The documented kinds. A stub returns its configured result, and an http tool calls its URL.
const (
	ToolTypeManualStub ToolType = "manual_stub"
	ToolTypeHTTP       ToolType = "http"
)

// ToolCategory is what a tool is about. The API may send values that have no constant here.
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

// ToolAccessMode is how a tool accesses what it works on. The API may send values that have no
// constant here.
type ToolAccessMode string

// The documented access modes.
const (
	ToolAccessModeRead      ToolAccessMode = "read"
	ToolAccessModeWrite     ToolAccessMode = "write"
	ToolAccessModeReadWrite ToolAccessMode = "read_write"
	ToolAccessModeExecute   ToolAccessMode = "execute"
)

// ToolSideEffectProfile is how much a call of a tool changes. The API may send values that have no
// constant here.
type ToolSideEffectProfile string

// The documented profiles.
const (
	ToolSideEffectProfileNone ToolSideEffectProfile = "none"
	ToolSideEffectProfileLow  ToolSideEffectProfile = "low"
	ToolSideEffectProfileHigh ToolSideEffectProfile = "high"
)

// ToolRiskLevel is how carefully a tool must be used. The API may send values that have no constant
// here.
type ToolRiskLevel string

// The documented levels.
const (
	ToolRiskLevelSafe      ToolRiskLevel = "safe"
	ToolRiskLevelCaution   ToolRiskLevel = "caution"
	ToolRiskLevelSensitive ToolRiskLevel = "sensitive"
)

// ToolCapability says what a tool does and how risky that is. The types of DomainTags and
// IntendedUse are inferred. Extra holds what the fields do not, and is sent back, as in a
// [Workflow].
type ToolCapability struct {
	Category          ToolCategory          `json:"category,omitzero"`
	AccessMode        ToolAccessMode        `json:"accessMode,omitzero"`
	SideEffectProfile ToolSideEffectProfile `json:"sideEffectProfile,omitzero"`
	RiskLevel         ToolRiskLevel         `json:"riskLevel,omitzero"`
	DomainTags        []string              `json:"domainTags,omitempty"`
	IntendedUse       string                `json:"intendedUse,omitzero"`
	Extra             map[string]RawJSON    `json:"-" keep:""`
}

// ToolRecord is a tool. Old routes send it in snake_case and new ones in camelCase: the client
// reads both. Where a response has both spellings of a field, the one that is not empty counts, and
// camelCase when neither is empty.
type ToolRecord struct {
	ID            string          `json:"id"`
	ToolKey       string          `json:"toolKey"`
	Name          string          `json:"name"`
	Description   string          `json:"description"`
	Type          ToolType        `json:"type"`
	Config        RawJSON         `json:"config,omitzero"` // an http tool has url, method and allowlist
	InputSchema   RawJSON         `json:"inputSchema,omitzero"`
	OutputSchema  RawJSON         `json:"outputSchema,omitzero"` // inferred
	Capability    *ToolCapability `json:"capability"`            // nil when the response has none
	VersionID     string          `json:"versionId"`             // inferred; of the newest version
	VersionNumber int             `json:"versionNumber"`         // inferred; of the newest version
	CreatedAt     Timestamp       `json:"createdAt"`             // inferred
	UpdatedAt     Timestamp       `json:"updatedAt"`             // inferred
}

// ToolVersion is one version of a tool. The client reads both spellings, as of a [ToolRecord].
type ToolVersion struct {
	ID            string          `json:"id"`
	ToolID        string          `json:"toolId"` // inferred
	VersionNumber int             `json:"versionNumber"`
	Config        RawJSON         `json:"config,omitzero"`
	InputSchema   RawJSON         `json:"inputSchema,omitzero"`
	OutputSchema  RawJSON         `json:"outputSchema,omitzero"`
	Capability    *ToolCapability `json:"capability"` // nil when the response has none
	CreatedAt     Timestamp       `json:"createdAt"`  // inferred
}

// ToolVersionDiff holds the differences between two versions of a tool. All its names are inferred.
type ToolVersionDiff struct {
	ToolID           string  `json:"toolId"`
	VersionID        string  `json:"versionId"`
	AgainstVersionID string  `json:"againstVersionId"`
	Changes          RawJSON `json:"changes,omitzero"`
}

// ToolCreateParams describes a new tool. ToolKey, Name and Type are required. Config and
// InputSchema are maps, structs or raw JSON. The API requires both, so nil is sent as {}.
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

// ToolUpdateParams changes a tool. A field that is not set is kept; [Null] clears one.
type ToolUpdateParams struct {
	Name        Opt[string] `json:"name,omitzero"`
	Description Opt[string] `json:"description,omitzero"`
}

// ToolVersionCreateParams describes a new version. Config and the schemas are maps, structs or raw
// JSON. A field that is zero is left out.
type ToolVersionCreateParams struct {
	Config       any            `json:"config,omitzero"`
	InputSchema  any            `json:"inputSchema,omitzero"`
	OutputSchema any            `json:"outputSchema,omitzero"`
	Capability   ToolCapability `json:"capability,omitzero"`
}

// List returns all tools of the organization, or an empty slice when there are none.
//
//	GET /api/tools
//
// Beta. Access token, or API key with scope tools:read.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call.
func (s *ToolsService) List(ctx context.Context, opts ...CallOption) ([]ToolRecord, error) {
	return list[ToolRecord](ctx, (*service)(s), call{route: routeToolsList}, opts)
}

// All streams the list of [ToolsService.List]: it yields one tool at a time while the response
// arrives, in constant memory. After an error it yields nothing more. Each range over the result
// makes a new call.
//
//	GET /api/tools
//
// Beta. Access token, or API key with scope tools:read.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505, until the response
// begins.
// Errors: those of every call.
func (s *ToolsService) All(ctx context.Context, opts ...CallOption) iter.Seq2[ToolRecord, error] {
	return stream[ToolRecord](ctx, (*service)(s), call{route: routeToolsList}, opts)
}

// Get returns the tool.
//
//	GET /api/tools/{toolId}
//
// Beta. Access token, or API key with scope tools:read.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; [KindNotFound] for an unknown id.
func (s *ToolsService) Get(ctx context.Context, toolID string, opts ...CallOption) (*ToolRecord, error) {
	return do[ToolRecord](ctx, (*service)(s), call{route: routeToolsGet, ids: [2]string{toolID}}, opts)
}

// Create creates a tool and returns it.
//
//	POST /api/tools
//
// Beta. Access token, or API key with scope tools:write.
// Not idempotent: retried only if it was not sent, or was rate limited (429).
// Errors: those of every call; [KindInvalidRequest]; [KindConflict] for a key that is in use.
func (s *ToolsService) Create(ctx context.Context, p ToolCreateParams, opts ...CallOption) (*ToolRecord, error) {
	p.Config, p.InputSchema = object("config", p.Config), object("inputSchema", p.InputSchema)
	return do[ToolRecord](ctx, (*service)(s), call{route: routeToolsCreate, body: p}, opts)
}

// Update changes the fields that p sets and returns the tool.
//
//	PATCH /api/tools/{toolId}
//
// Beta. Access token, or API key with scope tools:write.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; [KindNotFound] for an unknown id; [KindInvalidRequest].
func (s *ToolsService) Update(ctx context.Context, toolID string, p ToolUpdateParams, opts ...CallOption) (*ToolRecord, error) {
	return do[ToolRecord](ctx, (*service)(s), call{route: routeToolsUpdate, ids: [2]string{toolID}, body: p}, opts)
}

// CreateVersion adds a version to the tool and returns it.
//
//	POST /api/tools/{toolId}/versions
//
// Beta. Access token, or API key with scope tools:write.
// Not idempotent: retried only if it was not sent, or was rate limited (429).
// Errors: those of every call; [KindNotFound] for an unknown id; [KindInvalidRequest].
func (s *ToolsService) CreateVersion(ctx context.Context, toolID string, p ToolVersionCreateParams, opts ...CallOption) (*ToolVersion, error) {
	p.Config, p.InputSchema, p.OutputSchema = rawValue(p.Config), rawValue(p.InputSchema), rawValue(p.OutputSchema)
	return do[ToolVersion](ctx, (*service)(s), call{route: routeToolsCreateVersion, ids: [2]string{toolID}, body: p}, opts)
}

// Diff returns the differences between versionID and againstVersionID. When againstVersionID is "",
// the server chooses the version to compare with.
//
//	GET /api/tools/{toolId}/versions/{versionId}/diff
//
// Beta. Access token, or API key with scope tools:read.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; [KindNotFound] for an unknown id.
func (s *ToolsService) Diff(ctx context.Context, toolID, versionID, againstVersionID string, opts ...CallOption) (*ToolVersionDiff, error) {
	return do[ToolVersionDiff](ctx, (*service)(s), call{
		route: routeToolsDiff, ids: [2]string{toolID, versionID},
		query: []param{{name: "againstVersionId", value: againstVersionID, optional: true}},
	}, opts)
}
