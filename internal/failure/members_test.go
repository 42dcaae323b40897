package failure_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/prompt-orchestra/promptorchestra-go/internal/failure"
)

// Any casing and either way to join words is a spelling of a name.
func TestSpellingsOfAName(t *testing.T) {
	for _, name := range []string{"errorMessage", "error_message", "Error-Message", "ERRORMESSAGE", "error\\u004dessage"} {
		assert.Equal(t, "x", failure.Read(500, []byte(`{"`+name+`":"x"}`), nil).Message, name)
	}
	for _, name := range []string{"errorMessages2", "@message", "$error", "userMessage", ""} {
		assert.Empty(t, failure.Read(500, []byte(`{"`+name+`":"x"}`), nil).Message, name)
	}
}
