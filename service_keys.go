package promptorchestra

import "context"

// ServiceKeysService creates API keys. Use it as Client.ServiceKeys.
type ServiceKeysService struct{ c *Client }

// ServiceKeyPreset is a named set of scopes. The API may send values that have no constant here.
type ServiceKeyPreset string

// The documented presets. The documentation of this route names ServiceKeyPresetFullControl. The
// others belong to the newer generation of API keys.
const (
	ServiceKeyPresetFullControl    ServiceKeyPreset = "ai_platform_full_control"
	ServiceKeyPresetRuntimeDefault ServiceKeyPreset = "runtime_default" // agents:read, runs:read
	// ServiceKeyPresetRuntimeExecution has skills:read, runs:read and runs:write.
	ServiceKeyPresetRuntimeExecution ServiceKeyPreset = "runtime_execution"
	// ServiceKeyPresetAuthoringCI has all authoring scopes, models:read and runs:read. A key with
	// it needs an expiry.
	ServiceKeyPresetAuthoringCI ServiceKeyPreset = "authoring_ci"
)

// ServiceKey is a new API key. That the response has the key is documented. All names but Name and
// Preset are inferred.
type ServiceKey struct {
	ID        string           `json:"id"`
	Name      string           `json:"name"`
	Preset    ServiceKeyPreset `json:"preset"`
	Key       Secret           `json:"key"` // shown only once; prints as "[redacted]"
	Scopes    []string         `json:"scopes" split:"spaces"`
	CreatedAt Timestamp        `json:"createdAt"`
	ExpiresAt Timestamp        `json:"expiresAt"` // zero when it does not expire
}

// ServiceKeyCreateParams describes a new key. Both fields are required.
type ServiceKeyCreateParams struct {
	Name   string           `json:"name"`
	Preset ServiceKeyPreset `json:"preset"`
}

func (p ServiceKeyCreateParams) validate() error {
	return required("name", p.Name, "preset", string(p.Preset))
}

// Create creates an API key and returns it. No later response shows the key. When this
// response is lost, the key exists nevertheless.
//
//	POST /api/service-keys
//
// Classic. Access token only: an API key is not accepted.
// Not idempotent: retried only if it was not sent, or was rate limited (429).
// Errors: those of every call; [KindInvalidRequest].
func (s *ServiceKeysService) Create(ctx context.Context, p ServiceKeyCreateParams, opts ...CallOption) (*ServiceKey, error) {
	return do[ServiceKey](ctx, (*service)(s), call{route: routeServiceKeysCreate, body: p}, opts)
}
