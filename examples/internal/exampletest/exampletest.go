// Package exampletest is what the examples' tests share.
package exampletest

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/require"
)

// Live makes the examples use an API, as -live does, until the test ends. The settings are those of
// PROMPT_ORCHESTRA_*, by the rest of their names; the others are empty.
func Live(t *testing.T, settings map[string]string) {
	t.Helper()
	for _, name := range []string{"BASE_URL", "ORGANIZATION_ID", "ACCESS_TOKEN", "API_KEY", "AUTHORING_API_KEY"} {
		t.Setenv("PROMPT_ORCHESTRA_"+name, settings[name])
	}
	require.NoError(t, flag.Set("live", "true"))
	t.Cleanup(func() { require.NoError(t, flag.Set("live", "false")) })
}
