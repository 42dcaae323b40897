package redact_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/prompt-orchestra/promptorchestra-go/internal/redact"
)

// oddToken holds every character that some encoding escapes.
const oddToken = `k/9+w==&"x'<y>\z~0123456789abcdef/%`

// In how many ways a server, a gateway or a framework repeats a text.
var echoes = map[string]func(token string) string{
	"plain":          func(s string) string { return s },
	"JSON":           quoted,
	"JSON, slashes":  func(s string) string { return strings.ReplaceAll(quoted(s), "/", `\/`) },
	"JSON in JSON":   func(s string) string { return quoted(quoted(s)) },
	"all in \\u":     func(s string) string { return everyByte(s, `\u%04x`) },
	"all in \\U":     func(s string) string { return everyByte(s, `\u%04X`) },
	"Go":             func(s string) string { return strings.Trim(fmt.Sprintf("%q", s), `"`) },
	"HTML":           html.EscapeString,
	"HTML in JSON":   func(s string) string { return quoted(html.EscapeString(s)) },
	"HTML, decimal":  func(s string) string { return everyByte(s, "&#%d;") },
	"HTML, by x":     func(s string) string { return everyByte(s, "&#x%x;") },
	"HTML in HTML":   func(s string) string { return html.EscapeString(html.EscapeString(s)) },
	"a URL":          url.QueryEscape,
	"a URL in a URL": func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
	"a URL in HTML":  func(s string) string { return html.EscapeString(everyByte(s, "%%%02x")) },
	"a URL, in full": func(s string) string { return everyByte(s, "%%%02x") },
}

func quoted(s string) string {
	text, _ := json.Marshal(s)
	return string(text[1 : len(text)-1])
}

func everyByte(s, format string) string {
	var out strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&out, format, s[i])
	}
	return out.String()
}

// shows reports whether a text holds half of a token, plain or escaped in one of these ways.
func shows(text, token string) bool {
	for _, echo := range echoes {
		if e := echo(token); strings.Contains(text, e[len(e)/2:]) {
			return true
		}
	}
	return false
}

func TestEscapedTokensAreRedacted(t *testing.T) {
	tokens := redact.Tokens{"short", "Bearer " + oddToken}
	for name, echo := range echoes {
		text := "bad header Bearer " + echo(oddToken) + " given, Bearer " + echo(oddToken)
		assert.Equal(t, "bad header Bearer [redacted] given, Bearer [redacted]", tokens.Text(text), name)
		assert.Equal(t, "bad header Bearer [redacted] given, Bearer [redacted]", string(tokens.Bytes([]byte(text))), name)
		cut := text[:len(text)-len(echo(oddToken))/3]
		assert.False(t, shows(tokens.Text(cut), oddToken), "%s: %s", name, tokens.Text(cut))
	}
}

// Words that only begin as a token does stay, and so does the body that has none.
func TestOtherTextsStay(t *testing.T) {
	tokens := redact.Tokens{"Bearer " + oddToken, "short"}
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
	tokens := redact.Tokens{"Bearer " + oddToken}
	cause := &echoError{"proxy said: " + oddToken}
	for _, given := range []error{fmt.Errorf("sending: %w: %w", cause, context.Canceled), errors.Join(context.Canceled, cause)} {
		err := tokens.Err(given)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, cause)
		var found *echoError
		require.ErrorAs(t, err, &found)
		assert.NotErrorIs(t, err, io.EOF)
		for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
			assert.False(t, shows(fmt.Sprintf(verb, err), oddToken), verb)
		}
	}
	assert.Same(t, cause, redact.Tokens{"Bearer another-token"}.Err(cause))
	assert.NoError(t, tokens.Err(nil))
}
