package redact

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// Header returns a response's header without cookies, and without what holds a token, in clear or
// in base64. It returns the header itself if nothing must go, and never changes it.
func (t Tokens) Header(header map[string][]string) map[string][]string {
	safe, cloned := header, false
	for name, values := range header {
		isCookie := name == "Set-Cookie"
		if !isCookie && !slices.ContainsFunc(values, func(v string) bool { return t.Value(v) != v }) {
			continue
		}
		if !cloned {
			safe, cloned = maps.Clone(header), true
		}
		if isCookie {
			delete(safe, name)
			continue
		}
		safe[name] = slices.Clone(values)
		for i, v := range values {
			safe[name][i] = t.Value(v)
		}
	}
	return safe
}

// Value is Text for the value of a header, which is redacted whole if base64 in it holds a token.
func (t Tokens) Value(v string) string {
	v = t.Text(v)
	long := func(authorization string) bool { return len(authorization) <= len(v)*3/4+len("Bearer ") }
	if slices.ContainsFunc(t, long) && t.inBase64(v) {
		return Mark
	}
	return v
}

// inBase64 reports whether a part of a text is the base64 of something that holds a token.
func (t Tokens) inBase64(text string) bool {
	isOther := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("+/-_", r)
	}
	for _, part := range strings.FieldsFunc(text, isOther) {
		part = strings.NewReplacer("-", "+", "_", "/").Replace(part)
		decoded, _ := base64.RawStdEncoding.DecodeString(part) // up to where it is none
		if plain := string(decoded); t.Text(plain) != plain {
			return true
		}
	}
	return false
}
