package promptorchestra

import (
	"bytes"
	"encoding/json"
	"html"
	"strconv"
	"strings"
	"unicode"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

const maxErrorDepth = 8 // of nested values that are searched for a text

// errorBody is the union of what failures are known to look like. Every member
// may be of any type.
type errorBody struct {
	Error, Message, Code, Details                       member
	Title, Category, Why                                member
	Where, AffectedFields, Recovery, Retryable          member
	DocsHint, Type, Detail, Description, Reason, Errors member
	Path, Field, Loc                                    member
}

// parse reads an object's members. It takes what it can: a body may have been
// cut, or be JSON only at first sight.
func (b *errorBody) parse(object []byte) {
	jsonscan.EachMember(object, func(name, value []byte) {
		if m := b.member(name); m != nil {
			m.add(value)
		}
	})
}

// member returns the member of a name in any casing: docsHint, docs_hint.
func (b *errorBody) member(name []byte) *member {
	var buf [20]byte
	folded := buf[:0]
	for _, c := range name {
		if c == '_' || c == '-' {
			continue
		}
		if len(folded) == len(buf) {
			return nil
		}
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		folded = append(folded, c)
	}
	switch string(folded) {
	case "error":
		return &b.Error
	case "message", "msg":
		return &b.Message
	case "code":
		return &b.Code
	case "details":
		return &b.Details
	case "title":
		return &b.Title
	case "category":
		return &b.Category
	case "why":
		return &b.Why
	case "where":
		return &b.Where
	case "affectedfields":
		return &b.AffectedFields
	case "recovery":
		return &b.Recovery
	case "retryable":
		return &b.Retryable
	case "docshint":
		return &b.DocsHint
	case "type":
		return &b.Type
	case "detail":
		return &b.Detail
	case "description", "errordescription":
		return &b.Description
	case "reason":
		return &b.Reason
	case "errors":
		return &b.Errors
	case "path":
		return &b.Path
	case "field":
		return &b.Field
	case "loc":
		return &b.Loc
	default:
		return nil
	}
}

// diagnostic returns the newer object when the body is one.
func (b *errorBody) diagnostic() *Diagnostic {
	if !b.Why.given() && (!b.Title.given() || !b.Category.given()) {
		return nil
	}
	d := &Diagnostic{
		Code: b.Code.text(), Title: b.Title.text(), Category: b.Category.text(), Why: b.Why.text(),
		Where: b.Where.keep(), Recovery: b.Recovery.keep(), DocsHint: b.DocsHint.keep(), Details: b.Details.keep(),
	}
	if b.AffectedFields.given() {
		d.AffectedFields = textsOf(b.AffectedFields.raw, maxDetails, 0)
	}
	if b.Retryable.given() {
		_ = d.Retryable.UnmarshalJSON(b.Retryable.raw) // another type leaves it absent
	}
	return d
}

// member is one member of a failure's body, of any type: a part of the body,
// not a copy. A name that comes again makes it an array of the values.
type member struct {
	raw      []byte
	repeated bool
}

func (m *member) add(value []byte) {
	const most = 16 << 10 // of repetitions, so that they cost no square time
	switch {
	case !m.given():
		m.raw = value
	case string(value) == "null" || string(value) == `""` || bytes.Equal(value, m.raw) || len(m.raw)+len(value) > most:
	case m.repeated:
		m.raw = append(append(append(m.raw[:len(m.raw)-1], ','), value...), ']')
	default:
		m.raw = bytes.Join([][]byte{[]byte("["), m.raw, []byte(","), value, []byte("]")}, nil)
		m.repeated = true
	}
}

func (m *member) given() bool {
	return len(m.raw) > 0 && string(m.raw) != "null" && string(m.raw) != `""`
}

func (m *member) text() string { return textOf(m.raw, 0) }

// keep returns a copy of the value, for fields that hold JSON.
func (m *member) keep() RawJSON { return keepJSON(m.raw) }

func keepJSON(raw []byte) RawJSON {
	if len(raw) == 0 || !json.Valid(raw) {
		return nil
	}
	return bytes.Clone(raw)
}

// textOf returns what a value of any type says to a person.
func textOf(raw []byte, depth int) string {
	if len(raw) == 0 || string(raw) == "null" || depth > maxErrorDepth {
		return ""
	}
	switch raw[0] {
	case '"':
		return jsonscan.Unquote(raw)
	case '[':
		return jsonscan.Clip(strings.Join(textsOf(raw, 10, depth+1), "; "), jsonscan.MaxText)
	case '{':
		var b errorBody
		b.parse(raw)
		for _, m := range [...]*member{&b.Message, &b.Error, &b.Detail, &b.Why, &b.Title, &b.Description, &b.Reason, &b.Errors} {
			if t := textOf(m.raw, depth+1); t != "" {
				return t
			}
		}
	}
	return jsonscan.Clip(strings.ToValidUTF8(string(raw[:min(len(raw), jsonscan.MaxText)]), "\uFFFD"), jsonscan.MaxText)
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

// detailsOf lists details of any type: objects, strings, a mix, one object
// alone, or an object that names fields.
func detailsOf(raw []byte) []ErrorDetail {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var details []ErrorDetail
	if raw[0] == '{' {
		if d := detailOf(raw); d.Code != "" || d.Path != "" || d.Message != string(raw) {
			return []ErrorDetail{d}
		}
		jsonscan.EachMember(raw, func(name, value []byte) {
			if len(details) < maxDetails {
				details = append(details, ErrorDetail{Path: jsonscan.Name(name), Message: textOf(value, 0), Raw: keepJSON(value)})
			}
		})
		return details
	}
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
		if d.Code != "" && d.Message == string(raw) {
			d.Message = "" // it had no text
		}
	}
	return d
}

// pathOf writes a path given as an array, ["steps", 2, "promptId"], in the
// usual form.
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

// excerpt returns the beginning of a text or an HTML page as one line.
func excerpt(text []byte) string {
	const most = 300
	var out strings.Builder
	s := string(text[:min(len(text), 16<<10)])
	if text[0] == '<' {
		s = html.UnescapeString(withoutTags(s))
	}
	space := false
	for _, r := range s {
		switch {
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
	return out.String()
}

// withoutTags puts a space in the place of each tag of a page.
func withoutTags(page string) string {
	tag := false
	return strings.Map(func(r rune) rune {
		switch {
		case r == '<':
			tag = true
			return ' '
		case r == '>' && tag:
			tag = false
			return -1
		case tag:
			return -1
		default:
			return r
		}
	}, page)
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
