package promptorchestra

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"

	"github.com/prompt-orchestra/promptorchestra-go/internal/lenient"
	"github.com/prompt-orchestra/promptorchestra-go/internal/redact"
)

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
