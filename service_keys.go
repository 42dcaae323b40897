package promptorchestra

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"

	"github.com/prompt-orchestra/promptorchestra-go/internal/lenient"
	"github.com/prompt-orchestra/promptorchestra-go/internal/redact"
)

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

// Secret is a value that is shown once, such as a new service key. It prints as "[redacted]" under
// every verb of fmt, in slog and in JSON; Reveal returns the value itself. Secrets of one value are
// equal, also to reflect.DeepEqual.
type Secret struct {
	masked string // dumps by reflection, as testify's of a failed assertion, print unexported fields
}

// maskKey hides secrets from dumps, not from whoever reads the memory.
var maskKey = func() (key [1 << 10]byte) {
	_, _ = rand.Read(key[:]) // never fails
	return key
}()

// mask masks a text, and unmasks a masked one.
func mask(text string) string {
	masked := []byte(text)
	for i := range masked {
		masked[i] ^= maskKey[i%len(maskKey)]
	}
	return string(masked)
}

// NewSecret returns a Secret that holds v, for tests and fakes.
func NewSecret(v string) Secret { return Secret{mask(v)} }

const redacted = redact.Mark

// Reveal returns the secret itself, or "" when there is none.
func (s Secret) Reveal() string { return mask(s.masked) }

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.masked == "" }

// Equal reports whether both hold the same value. It is what go-cmp asks.
func (s Secret) Equal(other Secret) bool { return s == other }

// String returns "[redacted]".
func (s Secret) String() string { return redacted }

// GoString returns "[redacted]".
func (s Secret) GoString() string { return redacted }

// Format prints "[redacted]" under every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns "[redacted]".
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns "[redacted]".
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalJSON keeps a JSON string or number, or the member "value" of an object, as providers
// wrap a client secret. Anything else leaves the Secret empty, and so does "[redacted]": the secret
// itself is not in what a Secret was encoded to.
func (s *Secret) UnmarshalJSON(data []byte) error {
	var v string
	err := lenient.Unmarshal(data, &v, nil)
	if err == nil && len(data) > 0 && data[0] == '{' {
		var wrapped struct {
			Value string `json:"value"`
		}
		err = lenient.Unmarshal(data, &wrapped, nil)
		v = wrapped.Value
	}
	*s = Secret{}
	if v != "" && v != redacted && data[0] != 't' && data[0] != 'f' {
		*s = NewSecret(v)
	}
	return err
}
