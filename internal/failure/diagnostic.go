package failure

import (
	"strings"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

// Diagnostic is the newer error object of the API. What is JSON in it is nil if it was absent.
type Diagnostic struct {
	Code, Title, Category, Why         string
	AffectedFields                     []string
	Where, Recovery, DocsHint, Details []byte // JSON of any type
	Retryable                          []byte // true, false or null
}

// ReadDiagnostic reads a diagnostic of any form: names in any spelling, a text alone, a list in the
// place of a text, a number in the place of a code.
func ReadDiagnostic(value []byte) Diagnostic {
	var r reader
	if list := listOfObjects(value); list != nil {
		jsonscan.EachElement(list, 1, func(first []byte) { value = first })
	}
	value = documentIn(value)
	o := r.parse(value) // of a text alone there is nothing in it
	d := o.diagnostic()
	if d.Why == "" && d.Title == "" {
		d.Why = r.text(value, 0)
	}
	return d
}

func (o *object) diagnostic() Diagnostic {
	d := Diagnostic{
		Code: o.text("code"), Title: o.text("title"), Category: o.text("category"), Why: o.text("why"),
		Where: keep(o.get("where")), Recovery: keep(o.get("recovery")), DocsHint: keep(o.get("docshint")), Details: keep(o.get("details")),
	}
	if o.has("affectedfields") {
		d.AffectedFields = []string{}
		jsonscan.EachElement(o.get("affectedfields"), MaxDetails, func(item []byte) {
			d.AffectedFields = append(d.AffectedFields, o.reader.text(item, 0))
		})
	}
	switch said := strings.Trim(string(o.get("retryable")), `"`); said {
	case "true", "false", "null":
		d.Retryable = []byte(said)
	}
	return d
}
