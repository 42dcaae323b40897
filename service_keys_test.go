package promptorchestra_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest/apidocs"
)

// Scopes may come as one text, as OAuth has them.
func TestScopesInOneText(t *testing.T) {
	for text, want := range map[string][]string{
		`"agents:read runs:read"`:            {"agents:read", "runs:read"},
		"\"  agents:read\\n\\truns:read  \"": {"agents:read", "runs:read"},
		`"agents:read"`:                      {"agents:read"},
		`["agents:read","runs:read"]`:        {"agents:read", "runs:read"},
		`["agents:read runs:read"]`:          {"agents:read runs:read"},
		`""`:                                 nil,
		`"  "`:                               nil,
		`null`:                               nil,
		`{"agents":"read"}`:                  nil,
	} {
		client := apitest.NewClient(t, apitest.Respond(200, `{"id":"key_1","scopes":`+text+`}`))
		key, err := client.ServiceKeys.Create(t.Context(), promptorchestra.ServiceKeyCreateParams{Name: "CI", Preset: "runtime_default"})
		require.NoError(t, err, text)
		assert.Equal(t, want, key.Scopes, text)
		setup, err := client.Setup.Verify(t.Context())
		require.NoError(t, err, text)
		assert.Equal(t, want, setup.Scopes, text)
	}
}

func TestSecretsOfRecordsStaySecret(t *testing.T) {
	var key promptorchestra.ServiceKey
	var session promptorchestra.VoiceAgentSession
	require.NoError(t, json.Unmarshal(apidocs.Record(t, "ServiceKey"), &key))
	require.NoError(t, json.Unmarshal(apidocs.Record(t, "VoiceAgentSession"), &session))
	assert.Equal(t, "an example of a raw key", key.Key.Reveal())
	assert.Equal(t, "an example of a client secret", session.ClientSecret.Reveal())

	var printed bytes.Buffer
	for _, record := range []any{key, &key, session, &session} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&printed, verb, record)
		}
		require.NoError(t, json.NewEncoder(&printed).Encode(record))
		slog.New(slog.NewTextHandler(&printed, nil)).Info("made", "record", record)
		slog.New(slog.NewJSONHandler(&printed, nil)).Info("made", "record", record)
	}
	assert.NotContains(t, printed.String(), "an example of")
	assert.NotContains(t, printed.String(), fmt.Sprintf("%x", "an example of"))
	assert.Contains(t, printed.String(), "[redacted]")
}

// recorder is a TestingT that keeps what a failed assertion prints.
type recorder struct{ bytes.Buffer }

func (r *recorder) Errorf(format string, args ...any) { fmt.Fprintf(&r.Buffer, format, args...) }

// Dumps by reflection print what unexported fields hold and point to.
func TestSecretsStayOutOfDumps(t *testing.T) {
	const value = "sk_live_0123456789"
	key := promptorchestra.ServiceKey{Key: promptorchestra.NewSecret(value)}
	var printed recorder
	assert.Equal(&printed, promptorchestra.ServiceKey{}, key)
	type holder struct{ key promptorchestra.Secret }
	for _, hidden := range []any{holder{key.Key}, &holder{key.Key}, struct{ key any }{key}, []any{&key}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&printed, verb, hidden)
		}
	}
	for _, form := range []string{value, value[8:], fmt.Sprintf("%x", value), fmt.Sprintf("% x", value[:8]), fmt.Sprint([]byte(value[:8]))} {
		assert.NotContains(t, printed.String(), strings.Trim(form, "[]"))
	}
	assert.NotEmpty(t, printed.String())
}

func TestSecretsOfOneValueAreEqual(t *testing.T) {
	long := strings.Repeat("0123456789", 500)
	for _, value := range []string{"", "a", long, "\x00\xff"} {
		one, other := promptorchestra.NewSecret(value), promptorchestra.NewSecret(value)
		assert.Equal(t, one, other)
		assert.True(t, one.Equal(other))
		assert.Equal(t, value, promptorchestra.NewSecret(value).Reveal())
		assert.NotEqual(t, promptorchestra.NewSecret(value), promptorchestra.NewSecret(value+"b"))
	}
	assert.True(t, promptorchestra.NewSecret("").IsZero())
	assert.Equal(t, promptorchestra.Secret{}, promptorchestra.NewSecret(""))
}
