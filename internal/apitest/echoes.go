package apitest

import (
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
)

// OddToken holds every character that some encoding escapes.
const OddToken = `k/9+w==&"x'<y>\z~0123456789abcdef/%`

// Echoes are the ways in which a server, a gateway or a framework repeats a text.
var Echoes = map[string]func(token string) string{
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

// Shows reports whether a text holds half of a token, plain or escaped in one of these ways.
func Shows(text, token string) bool {
	for _, echo := range Echoes {
		if e := echo(token); strings.Contains(text, e[len(e)/2:]) {
			return true
		}
	}
	return false
}
