package promptorchestra

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

// errorBody has the members of all known forms of failures. Every member may be of any type.
type errorBody struct {
	Error, Message, Code, Details              member
	Title, Category, Why                       member
	Where, AffectedFields, Recovery, Retryable member
	DocsHint, Type, Name, Detail, Description  member
	Reason, Errors, Data, Status, Success      member
	Path, Field, Loc                           member
}

// parse reads an object's members as far as it can: the body may be cut or malformed.
func (b *errorBody) parse(object []byte) {
	for name, value := range jsonscan.Members(object) {
		if m := b.member(name); m != nil {
			m.add(value)
		}
	}
}

const longestName = 64 // of members that are known, in any spelling

// member returns the member of a name in any spelling: docsHint, docs_hint.
func (b *errorBody) member(name []byte) *member {
	var buf [longestName]byte
	if len(name) > longestName {
		return nil
	}
	switch string(jsonscan.Fold(buf[:0], name)) {
	case "error", "err", "fault", "exception":
		return &b.Error
	case "message", "msg", "errormessage", "errormsg", "errortext", "usermessage":
		return &b.Message
	case "code", "errorcode", "errcode":
		return &b.Code
	case "details", "errordetails":
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
	case "retryable", "isretryable":
		return &b.Retryable
	case "docshint":
		return &b.DocsHint
	case "type":
		return &b.Type
	case "name":
		return &b.Name
	case "detail", "errordetail", "faultstring":
		return &b.Detail
	case "description", "errordescription":
		return &b.Description
	case "reason":
		return &b.Reason
	case "errors", "issues", "violations", "validationerrors", "errormessages", "formerrors", "fielderrors":
		return &b.Errors
	case "data":
		return &b.Data
	case "status":
		return &b.Status
	case "success":
		return &b.Success
	case "path":
		return &b.Path
	case "field", "property":
		return &b.Field
	case "loc":
		return &b.Loc
	default:
		return nil
	}
}

func (b *errorBody) shape() Shape {
	switch {
	case b.isDiagnostic():
		return ShapeDiagnostic
	case b.Error.given() && b.Details.given():
		return ShapeErrorDetails
	case b.Error.given() && b.Message.given():
		return ShapeErrorMessage
	case b.Error.given():
		return ShapeError
	default:
		return ShapeOther
	}
}

func (b *errorBody) isDiagnostic() bool {
	return b.Why.given() || b.Title.given() && b.Category.given()
}

// diagnostic returns the newer error object when the body is one.
func (b *errorBody) diagnostic() *Diagnostic {
	if !b.isDiagnostic() {
		return nil
	}
	d := new(Diagnostic)
	d.fill(b)
	return d
}

// failed reports whether the body says that it is a failure, in the forms {"status":"fail"} and
// {"success":false}.
func (b *errorBody) failed() bool {
	switch strings.ToLower(b.Status.text()) {
	case "fail", "error":
		return true
	}
	return string(b.Success.raw) == "false"
}

// errorsText returns the text of the member "errors": a list, or an object that names fields.
func (b *errorBody) errorsText(fields bool) string {
	if raw := b.Errors.raw; fields && len(raw) > 0 && raw[0] == '{' {
		return messagesOf(detailsOf(raw, fields))
	}
	return b.Errors.text()
}

// dataText returns the text of the member "data". It reads only texts that are certainly a
// failure's, because "data" may hold the user's own record.
func (b *errorBody) dataText() string {
	var texts []string
	jsonscan.EachElement(b.Data.raw, maxTexts, func(item []byte) {
		switch {
		case len(item) == 0:
		case item[0] == '{':
			data := (&member{raw: item}).object()
			texts = append(texts, first(data.Message.text(), data.Error.text(), data.Errors.text()))
		case item[0] == '"' && b.failed():
			texts = append(texts, textOf(item, 0))
		}
	})
	return joinTexts(texts)
}

// nameOrType returns the name or the type of an object without a text of its own.
func (b *errorBody) nameOrType() string {
	for _, m := range [...]*member{&b.Name, &b.Type} {
		if len(m.raw) > 0 && m.raw[0] == '"' {
			if text := m.text(); text != "" && text != "about:blank" {
				return text
			}
		}
	}
	return ""
}

// member is one member of a failure's body, of any type: a part of the body, not a copy. If a name
// occurs twice, it is an array of the values.
type member struct {
	raw      []byte
	repeated bool
}

func (m *member) add(value []byte) {
	const most = 16 << 10 // bytes of repetitions, which keeps the time linear
	switch {
	case holdsNothing(m.raw):
		m.raw = value
	case holdsNothing(value) || bytes.Equal(value, m.raw) || len(m.raw)+len(value) > most:
	case m.repeated:
		m.raw = append(append(append(m.raw[:len(m.raw)-1], ','), value...), ']')
	default:
		m.raw = bytes.Join([][]byte{[]byte("["), m.raw, []byte(","), value, []byte("]")}, nil)
		m.repeated = true
	}
}

func holdsNothing(raw []byte) bool {
	switch string(raw) {
	case "", "null", `""`, "[]", "{}":
		return true
	default:
		return false
	}
}

func (m *member) given() bool {
	return len(m.raw) > 0 && string(m.raw) != "null" && string(m.raw) != `""`
}

func (m *member) text() string { return textOf(m.raw, 0) }

var noBody errorBody // read only

// object returns the members of an object, or of the text of one; none where it is neither.
func (m *member) object() *errorBody {
	raw := documentIn(m.raw)
	if len(raw) == 0 || raw[0] != '{' {
		return &noBody
	}
	b := new(errorBody)
	b.parse(raw)
	return b
}

// keep returns a copy of the value, for fields that hold JSON.
func (m *member) keep() RawJSON { return keepJSON(m.raw) }

func keepJSON(raw []byte) RawJSON {
	if len(raw) == 0 || !json.Valid(raw) {
		return nil
	}
	return bytes.Clone(raw)
}
