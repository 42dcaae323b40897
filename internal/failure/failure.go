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
type Shape string

// The shapes: nothing, HTML or text, JSON, and of JSON the API's own forms.
const (
	Empty        Shape = "empty"
	NoJSON       Shape = "text"
	OtherJSON    Shape = "other"
	Error        Shape = "error"
	ErrorMessage Shape = "error_message"
	ErrorDetails Shape = "error_details"
	Diagnosed    Shape = "diagnostic"
)

// Read reads a body that came with a status. No text that it returns holds one of the tokens.
func Read(status int, body []byte, tokens redact.Tokens) Failure {
	f := Failure{Body: tokens.Bytes(body)}
	r := reader{fields: status == 400 || status == 422}
	if redact.IsEscaped(f.Body) { // else no token is left in what the body says
		r.tokens = tokens
	}
	switch text := bytes.TrimSpace(bytes.TrimPrefix(f.Body, []byte("\ufeff"))); {
	case len(text) == 0:
		f.Shape = Empty
	case looksLikeObject(text):
		r.read(&f, text)
	case json.Valid(text):
		f.Shape, f.Message, f.Details = OtherJSON, r.text(text, 0), r.details(text)
	default:
		f.Shape, f.Message = NoJSON, r.excerpt(text)
	}
	return f
}

// looksLikeObject reports whether a text may be an object, to its end or not: "{error} upstream
// timed out" is none.
func looksLikeObject(text []byte) bool {
	rest := jsonscan.SkipSpace(text[1:])
	return text[0] == '{' && (len(rest) == 0 || rest[0] == '"' || rest[0] == '}')
}

// reader reads one body.
type reader struct {
	tokens redact.Tokens

	// fields says that the failure may list mistakes by the names of fields. In other failures
	// such an object may be the user's data.
	fields bool
}

// read sets what an object says. The message comes from "message", else from "error", else from
// wherever frameworks put it.
func (r reader) read(f *Failure, text []byte) {
	o := r.parse(text)
	inner, data := o.inner("error"), o.inner("data")
	if f.Shape = o.shape(); f.Shape == Diagnosed {
		d := o.diagnostic()
		f.Diagnostic = &d
	}
	f.Code = r.code(o.get("code"), inner.get("code"), inner.get("type"), data.get("code"))
	for _, raw := range [...][]byte{
		o.get("details"), inner.get("details"), o.get("errors"), inner.get("errors"), data.get("details"), data.get("errors"),
		listOfObjects(o.get("detail")), listOfObjects(o.get("message")), listOfObjects(o.get("error")),
	} {
		if f.Details == nil && raw != nil {
			f.Details = r.details(raw)
		}
	}
	message, summary := o.text("message"), o.text("error")
	if f.Message = cmp.Or(message, summary); f.Message != "" {
		if message != "" && summary != message {
			f.Summary = summary
		}
		return
	}
	f.Message = cmp.Or(Join(": ", o.text("title"), o.text("why"), o.text("detail")), o.text("reason"),
		messages(r.details(o.get("errors"))), o.dataText())
	if f.Message == "" && f.Details == nil {
		f.Details = o.detailsByField(text)
	}
	f.Message = cmp.Or(f.Message, messages(f.Details), inner.nameOrType(), o.nameOrType())
}

func (o *object) shape() Shape {
	switch {
	case o.text("why") != "", o.text("title") != "" && o.text("category") != "":
		return Diagnosed
	case !o.has("error"):
		return OtherJSON
	case o.has("details"):
		return ErrorDetails
	case o.has("message"):
		return ErrorMessage
	default:
		return Error
	}
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
func (o *object) detailsByField(text []byte) []Detail {
	data := o.get("data")
	switch {
	case !o.fields:
		return nil
	case o.failed() && len(data) > 0 && data[0] == '{':
		return o.named(data, false)
	default:
		return o.named(text, true)
	}
}

// dataText returns the text of the member "data". It reads only texts that are certainly a
// failure's, because "data" may hold the user's own record.
func (o *object) dataText() string {
	var said []string
	jsonscan.EachElement(o.get("data"), maxTexts, func(item []byte) {
		inner := o.parse(item)
		t := cmp.Or(inner.text("message"), inner.text("error"), inner.text("errors"))
		if len(item) > 0 && item[0] == '"' && o.failed() {
			t = o.reader.text(item, 0)
		}
		said = append(said, t)
	})
	return Join("; ", said...)
}

// failed reports whether the body says that it is a failure, as in {"status":"fail"}.
func (o *object) failed() bool {
	status := strings.ToLower(o.text("status"))
	return status == "fail" || status == "error"
}

// nameOrType returns the name or the type of an object without a text of its own.
//
//mutelist:check
func (o *object) nameOrType() string {
	for _, m := range [...]string{"name", "type"} {
		if raw := o.get(m); len(raw) > 0 && raw[0] == '"' && string(raw) != `"about:blank"` {
			return o.text(m)
		}
	}
	return ""
}
