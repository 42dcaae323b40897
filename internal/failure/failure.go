// Package failure reads the body of a failure, in every form that the API and what stands before it
// are known to send. It knows bodies, and neither HTTP nor the client. Everything it does takes
// linear time, and is bounded.
package failure

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strings"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
	"github.com/prompt-orchestra/promptorchestra-go/internal/redact"
)

// Failure is what a failure's body says.
type Failure struct {
	Shape      Shape
	Code       string      // for programs, or ""
	Message    string      // the most specific text, or ""
	Summary    string      // the "error" text when the "message" said more, or ""
	Details    []Detail    // at most MaxDetails
	Diagnostic *Diagnostic // nil in other shapes
	Body       []byte      // without the tokens; not a copy
}

// Shape is the form of a body.
type Shape uint8

// The shapes: nothing, HTML or text, JSON, and of JSON the API's own forms.
const (
	Empty Shape = iota
	NoJSON
	OtherJSON
	Error
	ErrorMessage
	ErrorDetails
	Diagnosed
)

// Read reads a body that came with a status. No text that it returns holds one of the tokens.
func Read(status int, body []byte, tokens redact.Tokens) Failure {
	// Where nothing is escaped there is no token left in what the body without them says.
	escaped := bytes.ContainsAny(body, `\&%`)
	f := Failure{Body: tokens.Bytes(body)}
	r := reader{fields: status == 400 || status == 422}
	if escaped {
		r.tokens = tokens
	}
	switch text := bytes.TrimSpace(bytes.TrimPrefix(f.Body, []byte("\ufeff"))); {
	case len(text) == 0:
		f.Shape = Empty
	case text[0] == '{' && jsonscan.LooksLikeJSON(text):
		r.read(&f, text)
	case text[0] == '[' && jsonscan.LooksLikeJSON(text), json.Valid(text):
		f.Shape, f.Message, f.Details = OtherJSON, r.text(text, 0), r.details(text)
	default:
		f.Shape, f.Message = NoJSON, r.excerpt(text)
	}
	return f
}

// reader reads one body.
type reader struct {
	tokens redact.Tokens

	// fields says that the failure may list mistakes by the names of fields. In other failures
	// such an object may be the user's data.
	fields bool
}

// read sets what an object says. The message comes from "message", else from "error", else from the
// texts of a diagnostic, else from wherever frameworks put it.
func (r reader) read(f *Failure, text []byte) {
	o := parse(text)
	inner, data := o.inner(errorMember), o.inner(dataMember)
	f.Shape = o.shape()
	if f.Shape == Diagnosed {
		d := r.diagnostic(o)
		f.Diagnostic = &d
	}
	f.Code = r.code(o.values[codeMember], inner.values[codeMember], inner.values[typeMember], data.values[codeMember])
	f.Details = r.detailsIn(o, inner, data)
	message, summary := r.text(o.values[messageMember], 0), r.text(o.values[errorMember], 0)
	if f.Message = cmp.Or(message, summary); f.Message != "" {
		if message != "" && summary != message {
			f.Summary = summary
		}
		return
	}
	f.Message = cmp.Or(
		Join(": ", r.text(o.values[titleMember], 0), r.text(o.values[whyMember], 0), r.text(o.values[detailMember], 0)),
		r.text(o.values[reasonMember], 0), r.errorsText(o), r.dataText(o))
	if f.Message == "" && f.Details == nil {
		f.Details = r.detailsByField(o, text)
	}
	f.Message = cmp.Or(f.Message, messages(f.Details), r.nameOrType(inner), r.nameOrType(o))
}

func (o *object) shape() Shape {
	switch {
	case o.says(whyMember), o.says(titleMember) && o.says(categoryMember):
		return Diagnosed
	case !o.has(errorMember):
		return OtherJSON
	case o.has(detailsMember):
		return ErrorDetails
	case o.has(messageMember):
		return ErrorMessage
	default:
		return Error
	}
}

// detailsIn lists the details from the first place that has some.
func (r reader) detailsIn(o, inner, data *object) []Detail {
	for _, raw := range [...][]byte{
		o.values[detailsMember], inner.values[detailsMember], o.values[errorsMember], inner.values[errorsMember],
		data.values[detailsMember], data.values[errorsMember],
		listOfObjects(o.values[detailMember]), listOfObjects(o.values[messageMember]), listOfObjects(o.values[errorMember]),
	} {
		if details := r.details(raw); details != nil {
			return details
		}
	}
	return nil
}

// listOfObjects returns a value if it is a list of objects, or of arrays of them.
func listOfObjects(raw []byte) []byte {
	raw = documentIn(raw)
	if len(raw) == 0 || raw[0] != '[' || !bytes.HasPrefix(bytes.TrimLeft(raw, "[ \t\r\n"), []byte("{")) {
		return nil
	}
	return raw
}

// detailsByField lists the mistakes of an object that has nothing but the names of fields.
func (r reader) detailsByField(o *object, text []byte) []Detail {
	data := o.values[dataMember]
	switch {
	case !r.fields:
		return nil
	case o.failed() && len(data) > 0 && data[0] == '{':
		return r.named(data, false)
	default:
		return r.named(text, true)
	}
}

// errorsText returns the text of the member "errors": a list, or an object that names fields.
func (r reader) errorsText(o *object) string {
	if raw := o.values[errorsMember]; r.fields && len(raw) > 0 && raw[0] == '{' {
		return messages(r.details(raw))
	}
	return r.text(o.values[errorsMember], 0)
}

// dataText returns the text of the member "data". It reads only texts that are certainly a
// failure's, because "data" may hold the user's own record.
func (r reader) dataText(o *object) string {
	var said []string
	jsonscan.EachElement(o.values[dataMember], maxTexts, func(item []byte) {
		switch {
		case len(item) == 0:
		case item[0] == '{':
			inner := parse(item)
			said = append(said, cmp.Or(r.text(inner.values[messageMember], 0), r.text(inner.values[errorMember], 0), r.text(inner.values[errorsMember], 0)))
		case item[0] == '"' && o.failed():
			said = append(said, r.text(item, 0))
		}
	})
	return Join("; ", said...)
}

// failed reports whether the body says that it is a failure, as in {"status":"fail"}.
func (o *object) failed() bool {
	status := strings.ToLower(Text(o.values[statusMember]))
	return status == "fail" || status == "error"
}

// nameOrType returns the name or the type of an object without a text of its own.
func (r reader) nameOrType(o *object) string {
	for _, m := range [...]member{nameMember, typeMember} {
		if raw := o.values[m]; len(raw) > 0 && raw[0] == '"' && string(raw) != `"about:blank"` {
			return r.text(raw, 0)
		}
	}
	return ""
}
