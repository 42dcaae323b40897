// Package redact takes tokens out of texts.
package redact

import (
	"bytes"
	"errors"
	"html"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Mark is what stands in the place of a token.
const Mark = "[redacted]"

// minSecret is the length of the shortest token that is redacted. A shorter one, as in tests, may
// be an ordinary word.
const minSecret = 8

// Tokens are the Authorization values of a call. A server, a proxy or net/http may put a token into
// what becomes an error or a log entry: it is removed from every such text, however it is escaped.
type Tokens []string

// LongestFirst sorts tokens: one may be the beginning of another, of which the rest must not stay.
func LongestFirst(tokens Tokens) Tokens {
	length := func(authorization string) int { return len(strings.TrimPrefix(authorization, "Bearer ")) }
	slices.SortFunc(tokens, func(a, b string) int { return length(b) - length(a) })
	return tokens
}

// Text returns a text without the tokens.
func (t Tokens) Text(text string) string { return remove(t, text) }

// Bytes is Text for a body. It returns the body itself where there is nothing to redact, and never
// changes it.
func (t Tokens) Bytes(body []byte) []byte { return remove(t, body) }

func remove[T string | []byte](tokens Tokens, text T) T {
	for _, authorization := range tokens {
		token := strings.TrimPrefix(authorization, "Bearer ")
		if len(token) < minSecret || !mayHold(text, token) {
			continue
		}
		if start, _ := findToken(text, token, 0); start >= 0 {
			text = T(replaceToken(string(text), token))
		}
	}
	return text
}

// mayHold tells quickly of most texts that they hold no token: nothing in them is escaped, and they
// lack the token's beginning.
func mayHold[T string | []byte](text T, token string) bool {
	begin := token[:minSecret]
	if b, ok := any(text).([]byte); ok {
		return IsEscaped(text) || bytes.Contains(b, []byte(begin))
	}
	return IsEscaped(text) || strings.Contains(string(text), begin)
}

// IsEscaped reports whether something in a text may be escaped.
func IsEscaped[T string | []byte](text T) bool {
	if b, ok := any(text).([]byte); ok {
		return bytes.IndexByte(b, '\\') >= 0 || bytes.IndexByte(b, '&') >= 0 || bytes.IndexByte(b, '%') >= 0
	}
	s := string(text)
	return strings.IndexByte(s, '\\') >= 0 || strings.IndexByte(s, '&') >= 0 || strings.IndexByte(s, '%') >= 0
}

var lookalike = regexp.MustCompile(`(?i:bearer)\s+[\w.~+/=-]{16,}|\bsk_[\w-]{8,}|\beyJ[\w-]+\.[\w.-]+`)

// Lookalikes returns a text without what looks like a token. It is for texts from elsewhere, such
// as an error of another package, whose tokens are not known.
func Lookalikes(text string) string { return lookalike.ReplaceAllString(text, Mark) }

// Err returns an error whose text, and that of what it wraps, has no token. errors.Is and errors.As
// find in it what they found before.
func (t Tokens) Err(err error) error {
	if err == nil || !t.in(err, 0) {
		return err
	}
	return &redactedError{
		text: t.Text(err.Error()),
		is:   func(target error) bool { return errors.Is(err, target) },
		as:   func(target any) bool { return errors.As(err, target) },
	}
}

// in reports whether the text of an error, or of one that it wraps, has a token.
func (t Tokens) in(err error, depth int) bool {
	const deepest = 20 // of wrapped errors: a tree of more is not from net/http
	if err == nil || depth > deepest {
		return false
	}
	var wrapped []error
	switch e := err.(type) { //nolint:errorlint // this is the walk itself
	case interface{ Unwrap() error }:
		wrapped = []error{e.Unwrap()}
	case interface{ Unwrap() []error }:
		wrapped = e.Unwrap()
	}
	text := err.Error()
	return t.Text(text) != text || slices.ContainsFunc(wrapped, func(e error) bool { return t.in(e, depth+1) })
}

// redactedError stands for an error that shows a token. The error itself is in closures, which no
// verb of fmt looks into.
type redactedError struct {
	text string
	is   func(target error) bool
	as   func(target any) bool
}

func (e *redactedError) Error() string        { return e.text }
func (e *redactedError) Is(target error) bool { return e.is(target) }
func (e *redactedError) As(target any) bool   { return e.as(target) }

func replaceToken(text, token string) string {
	var out strings.Builder
	for from := 0; ; {
		start, end := findToken(text, token, from)
		if start < 0 {
			out.WriteString(text[from:])
			return out.String()
		}
		out.WriteString(text[from:start] + Mark)
		from = end
	}
}

// findToken returns where the next token begins and ends, plain or escaped; -1 where there is none.
// A token that the text's end cuts counts from half its length on.
func findToken[T string | []byte](text T, token string, from int) (start, end int) {
	for start = from; start < len(text); start++ {
		if text[start] != token[0] && !isEscape(text[start]) {
			continue
		}
		if end = matchToken(text, start, token); end > 0 {
			return start, end
		}
	}
	return -1, -1
}

func matchToken[T string | []byte](text T, at int, token string) (end int) {
	if len(text)-at >= len(token) && string(text[at:at+len(token)]) == token {
		return at + len(token)
	}
	// Two characters tell nearly everywhere that no token begins.
	if !isEscape(text[at]) && at+1 < len(text) && text[at+1] != token[1] && !isEscape(text[at+1]) {
		return 0
	}
	const deepest = 3 // encodings of an encoding
	for depth := range deepest + 1 {
		if end = matchEscaped(text, at, token, depth); end > 0 {
			return end
		}
	}
	return 0
}

// isEscape reports whether a character may begin one that is escaped.
func isEscape(c byte) bool { return c == '\\' || c == '&' || c == '%' }

func matchEscaped[T string | []byte](text T, at int, token string, depth int) (end int) {
	for i := range len(token) {
		if at >= len(text) {
			if i >= minSecret && i >= len(token)/2 {
				return at
			}
			return 0
		}
		c, n := unescape(text, at, depth)
		if c != token[i] && text[at] == token[i] {
			c, n = token[i], 1
		}
		if c != token[i] {
			return 0
		}
		at += n
	}
	return at
}

// unescape returns the character that stands at a place of a text, and in how many bytes: plain, or
// escaped as in JSON and Go (\/, \u0026, \x26), in a URL (%26) or in HTML (&amp;, &#38;). It looks
// so many levels deep for HTML or a URL within that. Backslashes may be many: JSON within JSON
// doubles them.
func unescape[T string | []byte](text T, at, depth int) (c byte, n int) {
	c, n = unescapeOnce(text, at)
	for range depth {
		inner, more := byte(0), 0
		switch c {
		case '&':
			inner, more = reference(text, at+n)
		case '%':
			inner, more = hexByte(text, at+n, 2)
		}
		if more == 0 {
			break
		}
		c, n = inner, n+more
	}
	return c, n
}

func unescapeOnce[T string | []byte](text T, at int) (c byte, n int) {
	const most = 16 // backslashes: JSON within JSON within JSON within JSON
	i := at
	for text[at] == '\\' && i < min(len(text)-1, at+most) && text[i] == '\\' {
		i++
	}
	digits := 0
	switch {
	case i > at && text[i] == 'u':
		digits = 4
	case i > at && text[i] == 'x', text[at] == '%':
		digits = 2
	}
	if v, n := hexByte(text, i+1, digits); n > 0 {
		return v, i + 1 + n - at
	}
	return text[i], i + 1 - at
}

// hexByte returns the byte that so many digits stand for, and their number, or 0 if they are none.
func hexByte[T string | []byte](text T, from, digits int) (v byte, n int) {
	if digits == 0 || from+digits > len(text) {
		return 0, 0
	}
	value, err := strconv.ParseUint(string(text[from:from+digits]), 16, 8)
	if err != nil {
		return 0, 0
	}
	return byte(value), digits
}

// reference returns the character of an HTML reference, of which text[from:] is what follows the
// "&".
func reference[T string | []byte](text T, from int) (c byte, n int) {
	const longest = 10 // of those of a token's characters
	if from >= len(text) || text[from] != '#' && (text[from]|0x20 < 'a' || text[from]|0x20 > 'z') {
		return 0, 0
	}
	for i := from; i < len(text) && i < from+longest; i++ {
		if text[i] == ';' {
			if s := html.UnescapeString("&" + string(text[from:i+1])); len(s) == 1 {
				return s[0], i + 1 - from
			}
			break
		}
	}
	return 0, 0
}
