package promptorchestra

import (
	"bytes"
	"encoding/json"
	"html"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxErrorDepth = 8        // of nested values that are searched for a text
	maxText       = 64 << 10 // of one text
)

// errorBody is the union of what failures are known to look like. Every member
// may be of any type; encoding/json matches names in any casing.
type errorBody struct {
	Error, Message, Code, Details                       member
	Title, Category, Why                                member
	Where, AffectedFields, Recovery, Retryable          member
	DocsHint, Type, Detail, Description, Reason, Errors member
}

// parse reads the object's members, up to the point where it was cut.
func (b *errorBody) parse(text []byte) {
	if json.Unmarshal(text, b) == nil {
		return
	}
	*b = errorBody{}
	dec := json.NewDecoder(bytes.NewReader(text))
	if _, err := dec.Token(); err != nil {
		return
	}
	for {
		name, err := dec.Token()
		key, ok := name.(string)
		if err != nil || !ok {
			return
		}
		at := dec.InputOffset()
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			value = cutString(text[at:])
		}
		if value == nil {
			return
		}
		pair, _ := json.Marshal(map[string]json.RawMessage{key: value})
		_ = json.Unmarshal(pair, b) // fails for no member: each takes any JSON
	}
}

// cutString turns a string that ends in the middle into a whole one.
func cutString(rest []byte) json.RawMessage {
	rest = bytes.TrimLeft(rest, ": \t\r\n")
	if len(rest) < 2 || rest[0] != '"' {
		return nil
	}
	whole := append(bytes.Clone(rest), '"')
	for end := len(rest); end > max(1, len(rest)-12); end-- { // back past a cut escape
		whole[end] = '"'
		if s := whole[:end+1]; json.Valid(s) {
			return s
		}
	}
	return nil
}

// diagnostic returns the newer object when the body is one.
func (b *errorBody) diagnostic() *Diagnostic {
	d := Diagnostic{Code: b.Code.text(), Title: b.Title.text(), Category: b.Category.text(), Why: b.Why.text()}
	if d.Why == "" && (d.Title == "" || d.Category == "") {
		return nil
	}
	d.Where, d.Recovery, d.DocsHint = RawJSON(b.Where.raw), RawJSON(b.Recovery.raw), RawJSON(b.DocsHint.raw)
	d.AffectedFields, d.Details = textsOf(b.AffectedFields.raw, maxDetails, 0), RawJSON(b.Details.raw)
	if b.Retryable.given() {
		_ = d.Retryable.UnmarshalJSON(b.Retryable.raw)
	}
	return &d
}

// member is one member of a failure's body, of any type. A name that comes
// again, in this casing or another, makes it an array of the values.
type member struct {
	raw      json.RawMessage
	repeated bool
}

func (m *member) UnmarshalJSON(data []byte) error {
	const most = 16 << 10 // of repetitions, so that they cost no square time
	switch s := string(data); {
	case !m.given():
		m.raw = append(m.raw[:0], data...)
	case s == "null" || s == `""` || s == string(m.raw) || len(m.raw)+len(data) > most:
	case m.repeated:
		m.raw = append(append(append(m.raw[:len(m.raw)-1], ','), data...), ']')
	default:
		m.raw = bytes.Join([][]byte{[]byte("["), m.raw, []byte(","), data, []byte("]")}, nil)
		m.repeated = true
	}
	return nil
}

func (m *member) given() bool {
	return len(m.raw) > 0 && string(m.raw) != "null" && string(m.raw) != `""`
}

func (m *member) text() string { return textOf(m.raw, 0) }

func (m *member) object() *errorBody {
	if len(m.raw) == 0 || m.raw[0] != '{' {
		return nil
	}
	var b errorBody
	_ = json.Unmarshal(m.raw, &b)
	return &b
}

// textOf returns what a value of any type says to a person.
func textOf(raw []byte, depth int) string {
	if len(raw) == 0 || string(raw) == "null" || depth > maxErrorDepth {
		return ""
	}
	switch raw[0] {
	case '"':
		return unquote(raw)
	case '[':
		return clip(strings.Join(textsOf(raw, 10, depth+1), "; "), maxText)
	case '{':
		var b errorBody
		_ = json.Unmarshal(raw, &b)
		for _, m := range []*member{&b.Message, &b.Error, &b.Detail, &b.Why, &b.Title, &b.Description, &b.Reason, &b.Errors} {
			if t := textOf(m.raw, depth+1); t != "" {
				return t
			}
		}
	}
	return clip(strings.ToValidUTF8(string(raw[:min(len(raw), maxText)]), "\uFFFD"), maxText)
}

// textsOf returns the texts of an array's first elements, or of the one value.
func textsOf(raw []byte, most, depth int) []string {
	var texts []string
	for _, item := range elements(raw, most) {
		if t := textOf(item, depth); t != "" {
			texts = append(texts, t)
		}
	}
	return texts
}

// elements returns an array's first elements, or the value itself when it is
// no array.
func elements(raw []byte, most int) []json.RawMessage {
	if len(raw) == 0 || raw[0] != '[' {
		return []json.RawMessage{raw}
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if _, err := dec.Token(); err != nil {
		return nil
	}
	var items []json.RawMessage
	for len(items) < most && dec.More() {
		var item json.RawMessage
		if dec.Decode(&item) != nil {
			break
		}
		items = append(items, item)
	}
	return items
}

// unquote decodes a JSON string; most need no decoding at all.
func unquote(raw []byte) string {
	if s := raw[1 : len(raw)-1]; len(s) <= maxText && bytes.IndexByte(s, '\\') < 0 && utf8.Valid(s) {
		return string(s)
	}
	var s string
	_ = json.Unmarshal(raw, &s) // valid JSON by now; replaces invalid UTF-8
	return clip(s, maxText)
}

// detailsOf lists details of any type: objects, strings, a mix, one object
// alone, or an object that names fields.
func detailsOf(raw []byte) []ErrorDetail {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	if raw[0] == '{' {
		if d := detailOf(raw); d.Code != "" || d.Path != "" || d.Message != string(raw) {
			return []ErrorDetail{d}
		}
		return fieldsOf(raw)
	}
	var details []ErrorDetail
	for _, item := range elements(raw, maxDetails) {
		details = append(details, detailOf(item))
	}
	return details
}

func detailOf(raw json.RawMessage) ErrorDetail {
	d := ErrorDetail{Message: textOf(raw, 0), Raw: bytes.Clone(raw)}
	var b struct{ Code, Type, Path, Field, Loc member }
	if len(raw) > 0 && raw[0] == '{' && json.Unmarshal(raw, &b) == nil {
		d.Code = first(b.Code.text(), b.Type.text())
		d.Path = first(pathOf(b.Path.raw), b.Field.text(), pathOf(b.Loc.raw))
	}
	return d
}

// pathOf writes a path given as an array, ["steps", 2, "promptId"], in the
// usual form.
func pathOf(raw []byte) string {
	var parts []json.RawMessage
	if json.Unmarshal(raw, &parts) != nil {
		return textOf(raw, 0)
	}
	var path strings.Builder
	for _, part := range parts {
		if _, err := strconv.Atoi(string(part)); err == nil {
			path.WriteString("[" + string(part) + "]")
			continue
		}
		if path.Len() > 0 {
			path.WriteByte('.')
		}
		path.WriteString(textOf(part, 0))
	}
	return path.String()
}

// fieldsOf lists an object of messages by field, in the order they came.
func fieldsOf(raw json.RawMessage) []ErrorDetail {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if _, err := dec.Token(); err != nil {
		return nil
	}
	var details []ErrorDetail
	for dec.More() && len(details) < maxDetails {
		name, _ := dec.Token()
		field, _ := name.(string)
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			break
		}
		details = append(details, ErrorDetail{Path: field, Message: textOf(value, 0), Raw: RawJSON(value)})
	}
	return details
}

// excerpt returns the beginning of a text or an HTML page as one line.
func excerpt(text []byte) string {
	const most = 300
	var out strings.Builder
	tag, space := false, false
	for _, r := range string(text[:min(len(text), 16<<10)]) {
		switch {
		case r == '<' && text[0] == '<':
			tag, space = true, true
		case r == '>' && tag:
			tag = false
		case tag:
		case unicode.IsSpace(r) || unicode.IsControl(r):
			space = true
		default:
			if space && out.Len() > 0 {
				out.WriteByte(' ')
			}
			space = false
			out.WriteRune(r)
		}
		if out.Len() >= most {
			break
		}
	}
	s := out.String()
	if text[0] == '<' {
		s = html.UnescapeString(s)
	}
	return s
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

// clip shortens s to at most n bytes, at a rune's boundary.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

var (
	runMember   = regexp.MustCompile(`(?i)"(?:agent|skill)?_?run_?id"\s*:\s*"([^"\\]{1,200})"|"run"\s*:\s*\{[^{}]*?"id"\s*:\s*"([^"\\]{1,200})"`)
	finalMember = regexp.MustCompile(`(?i)"retryable"\s*:\s*false`)
)

// namedRun returns the id of the run that a failure's body names, or "".
func namedRun(body []byte) string {
	m := runMember.FindSubmatch(body)
	if m == nil {
		return ""
	}
	return string(m[1]) + string(m[2])
}
