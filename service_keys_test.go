package promptorchestra_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
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
