package failure

import "github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"

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
	if len(value) == 0 || value[0] != '{' {
		return Diagnostic{Why: r.text(value, 0)}
	}
	o := parse(value)
	d := r.diagnostic(o)
	for _, m := range texts {
		if d.Why == "" && d.Title == "" {
			d.Why = r.text(o.values[m], 0)
		}
	}
	return d
}

func (r reader) diagnostic(o *object) Diagnostic {
	text := func(m member) string { return r.text(o.values[m], 0) }
	d := Diagnostic{
		Code: text(codeMember), Title: text(titleMember), Category: text(categoryMember), Why: text(whyMember),
		Where: o.raw(whereMember), Recovery: o.raw(recoveryMember), DocsHint: o.raw(docsMember), Details: o.raw(detailsMember),
	}
	if o.has(affectedMember) {
		d.AffectedFields = []string{}
		jsonscan.EachElement(o.values[affectedMember], MaxDetails, func(item []byte) {
			d.AffectedFields = append(d.AffectedFields, r.text(item, 0))
		})
	}
	switch said := string(o.values[retryableMember]); said {
	case "true", "false", "null":
		d.Retryable = []byte(said)
	case `"true"`, `"false"`:
		d.Retryable = []byte(said[1 : len(said)-1])
	}
	return d
}
