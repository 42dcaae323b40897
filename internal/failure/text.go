package failure

import (
	"html"
	"regexp"
	"strings"
	"unicode"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

const (
	deepest  = 8  // of nested values that are searched for a text
	maxTexts = 10 // of a list that are joined to a message
)

// Text returns the text for people in a JSON value of any type, or "". It never returns JSON, which
// may hold the user's prompt.
func Text(value []byte) string { return reader{}.text(value, 0) }

// texts are the members in which an object may say what is wrong, the best one first.
//
//mutelist:check
var texts = [...]string{"message", "error", "detail", "why", "title", "reason", "errors"}

func (r reader) text(raw []byte, depth int) string {
	if len(raw) == 0 || depth > deepest {
		return ""
	}
	switch c := raw[0]; {
	case c == '"':
		return r.withoutJSON(r.tokens.Text(jsonscan.Unquote(raw)), depth)
	case c == '[':
		return r.list(raw, depth)
	case c == '{':
		o := r.parse(raw)
		for _, m := range texts {
			if t := r.text(o.get(m), depth+1); t != "" {
				return t
			}
		}
	case strings.IndexByte("-0123456789", c) >= 0:
		return strings.ToValidUTF8(jsonscan.Clip(string(raw[:min(len(raw), jsonscan.MaxText)]), jsonscan.MaxText), "\uFFFD")
	}
	return ""
}

// list joins the texts of an array's first elements.
func (r reader) list(array []byte, depth int) string {
	var said []string
	jsonscan.EachElement(array, maxTexts, func(item []byte) { said = append(said, r.text(item, depth+1)) })
	return Join("; ", said...)
}

// Join joins the texts that are not empty, each once in a row.
func Join(separator string, texts ...string) string {
	var kept []string
	for _, t := range texts {
		if t != "" && (len(kept) == 0 || kept[len(kept)-1] != t) {
			kept = append(kept, t)
		}
	}
	return jsonscan.Clip(strings.Join(kept, separator), jsonscan.MaxText)
}

// jsonStart finds where a JSON object begins in a text, or the arrays around it: a brace, then the
// name of a member, then a colon or the text's end.
var jsonStart = regexp.MustCompile(`(?s)(?:\[\s*)*\{\s*"(?:[^"\\]|\\.)*(?:"\s*(?::|\z)|\\?\z)`)

// withoutJSON replaces each JSON document in a text by the text that it holds. Frameworks and
// providers write whole documents into a message.
func (r reader) withoutJSON(text string, depth int) string {
	const most = 4 // documents in one text; what follows them is left out
	if strings.IndexByte(text, '{') < 0 {
		return text
	}
	var said []string
	for range most {
		at := jsonStart.FindStringIndex(text)
		if at == nil {
			break
		}
		document := []byte(text[at[0]:])
		end, _ := jsonscan.ValueEnd(document)
		said = append(said, strings.TrimSpace(text[:at[0]]), r.text(document[:end], depth+1))
		text = text[at[0]+end:]
	}
	if len(said) < 2*most {
		said = append(said, strings.TrimSpace(text))
	}
	return Join(" ", said...)
}

// markup is what a browser does not show of a page: comments, the content of some elements, tags.
var markup = regexp.MustCompile(`(?is)<!--.*?(?:-->|\z)` +
	`|<script\b.*?(?:</script\b[^>]*>|\z)|<style\b.*?(?:</style\b[^>]*>|\z)|<svg\b.*?(?:</svg\b[^>]*>|\z)` +
	`|<[a-z/!?](?:="[^"]*"|='[^']*'|[^>])*(?:>|\z)`)

// excerpt returns the beginning of a text, or of what a page says, as one line.
func (r reader) excerpt(body []byte) string {
	const most, longest = 300, 16 << 10
	said := string(body[:min(len(body), longest)])
	if body[0] == '<' {
		said = pageText(body, longest)
	}
	said = strings.ToValidUTF8(r.withoutJSON(r.tokens.Text(said), 0), "\uFFFD")
	words := strings.FieldsFunc(said, func(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) })
	return jsonscan.Clip(strings.Join(words, " "), most)
}

// pageText returns what a reader sees of a page, up to about so many bytes.
func pageText(page []byte, most int) string {
	var said strings.Builder
	for len(page) > 0 && said.Len() < most {
		at := markup.FindIndex(page)
		if at == nil {
			at = []int{len(page), len(page)}
		}
		said.Write(page[:min(at[0], most)])
		said.WriteByte(' ')
		page = page[at[1]:]
	}
	return html.UnescapeString(said.String())
}
