package orchestratest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A path into nested objects is followed member by member, but only when its name is of a sane
// length: a name without an end would take the square of its length.
func TestNamesInPromptsAreBounded(t *testing.T) {
	a := start(t)
	const depth = 5_000
	deep := nested(`{"a":`, "}", `"found"`, depth)
	short, long := "v"+strings.Repeat(".a", 120), "v"+strings.Repeat(".a", depth)
	shallow := nested(`{"a":`, "}", `"found"`, 120)
	promptID := a.srv.PublishPrompt("{{v}} {{" + short + "}} {{" + long + "}}")
	path := "/api/prompts/" + promptID + "/run"

	ran := a.raw("POST", path, `"variables":{"v":`+shallow+"}")
	assert.Contains(t, ran, " found {{"+long+"}}")
	ran = a.raw("POST", path, `"variables":{"v":`+deep+"}")
	assert.Contains(t, ran, "{{"+long+"}}")
	assert.Contains(t, ran, `"missingVariables":["`+long+`"]`)
}
