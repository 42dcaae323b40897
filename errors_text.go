package promptorchestra

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

const (
	maxErrorDepth = 8  // of nested values that are searched for a text
	maxTexts      = 10 // of a list that are joined to a message
)

// textOf returns the text for people in a value of any type. It never returns JSON, which may hold
// the user's prompt. An object without a text of its own gives "".
func textOf(raw []byte, depth int) string {
	if len(raw) == 0 || depth > maxErrorDepth {
		return ""
	}
	switch c := raw[0]; {
	case c == '"':
		return withoutJSON(jsonscan.Unquote(raw), depth)
	case c == '[':
		return joinTexts(textsOf(raw, maxTexts, depth+1))
	case c == '{':
		var b errorBody
		b.parse(raw)
		for _, m := range [...]*member{&b.Message, &b.Error, &b.Detail, &b.Why, &b.Title, &b.Description, &b.Reason, &b.Errors} {
			if t := textOf(m.raw, depth+1); t != "" {
				return t
			}
		}
	case c == '-' || c >= '0' && c <= '9':
		return jsonscan.Clip(strings.ToValidUTF8(string(raw[:min(len(raw), jsonscan.MaxText)]), "\uFFFD"), jsonscan.MaxText)
	}
	return ""
}

// textsOf returns the texts of an array's first elements, or of the one value.
func textsOf(raw []byte, most, depth int) []string {
	var texts []string
	jsonscan.EachElement(raw, most, func(item []byte) {
		if t := textOf(item, depth); t != "" {
			texts = append(texts, t)
		}
	})
	return texts
}

func joinTexts(texts []string) string {
	texts = slices.DeleteFunc(texts, func(t string) bool { return t == "" })
	return jsonscan.Clip(strings.Join(texts, "; "), jsonscan.MaxText)
}

// withoutJSON replaces each JSON object or array in a text by the text that textOf finds in it.
// Frameworks and providers write whole documents into a message.
func withoutJSON(text string, depth int) string {
	const most = 4 // documents in one text
	at := documentAt(text)
	if at < 0 {
		return text
	}
	var said []string
	for range most {
		end, _ := jsonscan.ValueEnd([]byte(text[at:]))
		said = append(said, strings.TrimSpace(text[:at]), textOf([]byte(text[at:at+end]), depth+1))
		text = text[at+end:]
		if at = documentAt(text); at < 0 {
			said = append(said, strings.TrimSpace(text))
			break
		}
	}
	return strings.Join(slices.DeleteFunc(said, func(s string) bool { return s == "" }), " ")
}

// documentAt returns where the first JSON object of a text begins, or the array that begins with
// it; -1 where there is none.
func documentAt(text string) int {
	const space, most = " \t\r\n", 20 // braces examined, which keeps the time linear
	from := 0
	for range most {
		at := strings.IndexByte(text[from:], '{')
		if at < 0 {
			return -1
		}
		at += from
		from = at + 1
		name := strings.TrimLeft(text[from:], space)
		if len(name) == 0 || name[0] != '"' {
			continue
		}
		end, closed := jsonscan.StringEnd([]byte(name))
		if after := strings.TrimLeft(name[end:], space); closed && (after == "" || after[0] != ':') {
			continue
		}
		before := strings.TrimRight(text[:at], space)
		for strings.HasSuffix(before, "[") {
			at = len(before) - 1
			before = strings.TrimRight(before[:at], space)
		}
		return at
	}
	return -1
}

// documentIn returns the JSON document that a string is, or the value itself.
func documentIn(raw []byte) []byte {
	const near = 16 // bytes of white space before it
	if len(raw) == 0 || raw[0] != '"' || !bytes.ContainsAny(raw[:min(len(raw), near)], "{[") {
		return raw
	}
	text := []byte(strings.TrimSpace(jsonscan.Unquote(raw)))
	if len(text) > 0 && (text[0] == '{' || text[0] == '[') && json.Valid(text) {
		return text
	}
	return raw
}

// listIn returns the value if it is a list of objects, or of arrays of them.
func listIn(raw []byte) []byte {
	raw = documentIn(raw)
	if len(raw) == 0 || raw[0] != '[' || !bytes.HasPrefix(bytes.TrimLeft(raw, "[ \t\r\n"), []byte("{")) {
		return nil
	}
	return raw
}

// detailsOf lists details of any type: objects, strings, a mix, one object alone, or an object that
// names fields. The texts of an object that names fields are read only if fields is true: see
// mayNameFields.
func detailsOf(raw []byte, fields bool) []ErrorDetail {
	raw = documentIn(bytes.TrimSpace(raw))
	if holdsNothing(raw) {
		return nil
	}
	if raw[0] == '{' {
		if fields {
			if listed := fieldsOf(raw, true, listedMistake); len(listed) > 0 && len(listed) == len(fieldsOf(raw, true, anyMistake)) {
				return listed
			}
		}
		if d := detailOf(raw); d.Code != "" || d.Path != "" || d.Message != "" {
			return []ErrorDetail{d}
		}
		return fieldsOf(raw, fields, anyMistake)
	}
	var details []ErrorDetail
	jsonscan.EachElement(raw, maxDetails, func(item []byte) { details = append(details, detailOf(item)) })
	return details
}

func detailOf(raw []byte) ErrorDetail {
	d := ErrorDetail{Message: textOf(raw, 0), Raw: keepJSON(raw)}
	if raw[0] == '{' {
		var b errorBody
		b.parse(raw)
		d.Code = first(b.Code.text(), b.Type.text())
		d.Path = first(pathOf(b.Path.raw), b.Field.text(), pathOf(b.Loc.raw))
	}
	return d
}

// fieldsOf lists the mistakes of an object that names fields, {"slug":["taken"]}, with their texts
// or without.
func fieldsOf(object []byte, texts bool, isMistake func(value []byte) bool) []ErrorDetail {
	var details []ErrorDetail
	for name, value := range jsonscan.Members(object) {
		if len(details) == maxDetails {
			break
		}
		if !isMistake(value) {
			continue
		}
		d := ErrorDetail{Path: string(name), Raw: keepJSON(value)}
		if texts {
			d.Message = textOf(value, 0)
		}
		details = append(details, d)
	}
	return details
}

func anyMistake([]byte) bool { return true }

// listedMistake reports whether a field's value is a list of texts.
func listedMistake(value []byte) bool {
	return len(value) > 0 && value[0] == '[' && len(textsOf(value, 1, 0)) > 0
}

// messagesOf joins the texts of the first details.
func messagesOf(details []ErrorDetail) string {
	var texts []string
	for _, d := range details[:min(len(details), maxTexts)] {
		texts = append(texts, d.Message)
	}
	return joinTexts(texts)
}

// pathOf writes a path given as an array, ["steps", 2, "promptId"], in the usual form.
func pathOf(raw []byte) string {
	if len(raw) == 0 || raw[0] != '[' {
		return textOf(raw, 0)
	}
	var path strings.Builder
	jsonscan.EachElement(raw, 100, func(part []byte) {
		if _, err := strconv.Atoi(string(part)); err == nil {
			path.WriteString("[" + string(part) + "]")
			return
		}
		if path.Len() > 0 {
			path.WriteByte('.')
		}
		path.WriteString(textOf(part, 0))
	})
	return path.String()
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

func join(texts ...string) string {
	var kept []string
	for _, t := range texts {
		if t != "" && (len(kept) == 0 || kept[len(kept)-1] != t) {
			kept = append(kept, t)
		}
	}
	return strings.Join(kept, ": ")
}
