package redact_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
	"github.com/prompt-orchestra/promptorchestra-go/internal/redact"
)

func TestEscapedTokensAreRedacted(t *testing.T) {
	tokens := redact.Tokens{"short", "Bearer " + apitest.OddToken}
	for name, echo := range apitest.Echoes {
		text := "bad header Bearer " + echo(apitest.OddToken) + " given, Bearer " + echo(apitest.OddToken)
		assert.Equal(t, "bad header Bearer [redacted] given, Bearer [redacted]", tokens.Text(text), name)
		assert.Equal(t, "bad header Bearer [redacted] given, Bearer [redacted]", string(tokens.Bytes([]byte(text))), name)
		cut := text[:len(text)-len(echo(apitest.OddToken))/3]
		assert.False(t, apitest.Shows(tokens.Text(cut), apitest.OddToken), "%s: %s", name, tokens.Text(cut))
	}
}

// Words that only begin as a token does stay, and so does the body that has none.
func TestOtherTextsStay(t *testing.T) {
	tokens := redact.Tokens{"Bearer " + apitest.OddToken, "short"}
	for _, text := range []string{`use a token such as k/9+w`, `50% of \"x\" &amp; y`, `a&b`, `%`, `\`, `&`, ``, `a short text`} {
		assert.Equal(t, text, tokens.Text(text))
		body := []byte(text)
		if got := tokens.Bytes(body); len(body) > 0 {
			assert.Same(t, &body[0], &got[0])
		}
	}
}

func TestLookalikes(t *testing.T) {
	for text, want := range map[string]string{
		"rejected eyJhbGciOi.eyJzdWIi.sig and sk_0123456789": "rejected [redacted] and [redacted]",
		"Authorization: bearer 0123456789abcdef":             "Authorization: [redacted]",
		"the bearer token, eyJhbGci, sk_1, task_0123456789":  "the bearer token, eyJhbGci, sk_1, task_0123456789",
	} {
		assert.Equal(t, want, redact.Lookalikes(text))
	}
}

type echoError struct{ text string }

func (e *echoError) Error() string { return e.text }

// errors.Is and errors.As find what the redacted error was.
func TestRedactedErrorIsStillItself(t *testing.T) {
	tokens := redact.Tokens{"Bearer " + apitest.OddToken}
	cause := &echoError{"proxy said: " + apitest.OddToken}
	for _, given := range []error{fmt.Errorf("sending: %w: %w", cause, context.Canceled), errors.Join(context.Canceled, cause)} {
		err := tokens.Err(given)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, cause)
		var found *echoError
		require.ErrorAs(t, err, &found)
		assert.NotErrorIs(t, err, io.EOF)
		for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
			assert.False(t, apitest.Shows(fmt.Sprintf(verb, err), apitest.OddToken), verb)
		}
	}
	assert.Same(t, cause, redact.Tokens{"Bearer another-token"}.Err(cause))
	assert.NoError(t, tokens.Err(nil))
}
