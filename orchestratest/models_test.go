package orchestratest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestModels(t *testing.T) {
	a := start(t)
	keys := func(query string) []string {
		var found []string
		for _, m := range a.ok("GET", "/api/models"+query, nil)["models"].([]any) {
			found = append(found, m.(object)["modelKey"].(string))
		}
		return found
	}
	assert.Equal(t, []string{"gpt-4.1-mini", "gpt-4.1", "gpt-image-1", "gpt-realtime"}, keys(""))
	assert.Equal(t, []string{"gpt-4.1-mini", "gpt-4.1", "gpt-image-1", "claude-sonnet-4", "gpt-realtime"}, keys("?includeUnavailable=true"))
	assert.Equal(t, []string{"gpt-4.1", "gpt-image-1"}, keys("?modalities=text,image"))
	assert.Equal(t, []string{"gpt-realtime"}, keys("?modalities=audio"))
	assert.Equal(t, []string{"gpt-4.1", "gpt-image-1", "claude-sonnet-4"}, keys("?modalities=image&includeUnavailable=true"))
	assert.Empty(t, keys("?modalities=smell"))
	first := a.ok("GET", "/api/models?modalities=audio", nil)["models"].([]any)[0].(object)
	assert.Equal(t, "none", first["imageGenerationMode"])
}
