package promptorchestra

import "context"

// ServiceKeysService makes API keys. Use it as Client.ServiceKeys.
type ServiceKeysService struct{ c *Client }

// ServiceKeyPreset is a named set of scopes; expect values not listed here.
type ServiceKeyPreset string

// The documented presets. This route's own documentation names ServiceKeyPresetFullControl; the others belong to the
// newer generation of API keys.
const (
	ServiceKeyPresetFullControl      ServiceKeyPreset = "ai_platform_full_control"
	ServiceKeyPresetRuntimeDefault   ServiceKeyPreset = "runtime_default"   // agents:read, runs:read
	ServiceKeyPresetRuntimeExecution ServiceKeyPreset = "runtime_execution" // skills:read, runs:read, runs:write
	ServiceKeyPresetAuthoringCI      ServiceKeyPreset = "authoring_ci"      // all authoring scopes, models:read, runs:read; must expire
)

// ServiceKey is a new API key. That the raw key is in the answer is documented, all names are inferred but Name and Preset.
type ServiceKey struct {
	ID        string           `json:"id"`
	Name      string           `json:"name"`
	Preset    ServiceKeyPreset `json:"preset"`
	Key       Secret           `json:"key"` // the raw key, shown this once; prints as redacted
	Scopes    []string         `json:"scopes"`
	CreatedAt Timestamp        `json:"createdAt"`
	ExpiresAt Timestamp        `json:"expiresAt"` // zero when it does not expire
}

// ServiceKeyCreateParams describes a new key. Both are required.
type ServiceKeyCreateParams struct {
	Name   string           `json:"name"`
	Preset ServiceKeyPreset `json:"preset"`
}

func (p ServiceKeyCreateParams) validate() error {
	return required("name", p.Name, "preset", string(p.Preset))
}

// Create returns the new key; no later answer shows the raw key again. A key whose answer was lost exists all the
// same.
//
// Classic. Access token only. Never repeated. Errors: those of every call; [KindInvalidRequest].
func (s *ServiceKeysService) Create(ctx context.Context, p ServiceKeyCreateParams, opts ...CallOption) (*ServiceKey, error) {
	return do[ServiceKey](ctx, s.c, call{route: routeServiceKeysCreate, body: p}, opts)
}
