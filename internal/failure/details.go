package failure

import (
	"bytes"
	"cmp"
	"strconv"
	"strings"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

// MaxDetails bounds the details of a failure that are listed.
const MaxDetails = 1000

// Detail is one entry of a failure's details.
type Detail struct {
	Code, Message, Path string
	Raw                 []byte // as it came; nil if it is not JSON, such as one that was cut
}

// details lists details of any type: objects, strings, a mix, one object alone, or an object that
// names fields.
func (r reader) details(raw []byte) []Detail {
	raw = documentIn(bytes.TrimSpace(raw))
	switch {
	case jsonscan.IsEmpty(raw):
		return nil
	case raw[0] == '{':
		return r.objectDetails(raw)
	}
	var details []Detail
	jsonscan.EachElement(raw, MaxDetails, func(item []byte) { details = append(details, r.detail(item)) })
	return details
}

func (r reader) objectDetails(raw []byte) []Detail {
	all := r.named(raw, false)
	if r.fields && len(r.named(raw, true)) == len(all) {
		return all
	}
	if d := r.detail(raw); d.Code != "" || d.Path != "" || d.Message != "" {
		return []Detail{d}
	}
	return all
}

func (r reader) detail(raw []byte) Detail {
	o := r.parse(raw)
	return Detail{
		Code: r.code(o.get("code"), o.get("type")), Message: r.text(raw, 0),
		Path: cmp.Or(r.path(o.get("path")), r.path(o.get("loc"))), Raw: keep(raw),
	}
}

// code returns the first of the values that is a text, or else the first that says something.
func (r reader) code(values ...[]byte) string {
	code, best := "", 0
	for _, value := range values {
		if t := r.text(value, 0); t != "" && weight(value) > best {
			code, best = t, weight(value)
		}
	}
	return code
}

// named lists the mistakes of an object that names fields, {"slug":["taken"]}: all its members, or
// those whose value is a list of texts. The texts are read only if the failure may name fields.
func (r reader) named(object []byte, onlyLists bool) []Detail {
	var details []Detail
	for name, value := range jsonscan.Members(object) {
		if onlyLists && (value[0] != '[' || r.list(value, 0) == "") {
			continue
		}
		d := Detail{Path: r.tokens.Text(string(name)), Raw: keep(value)}
		if r.fields {
			d.Message = r.text(value, 0)
		}
		if details = append(details, d); len(details) == MaxDetails {
			break
		}
	}
	return details
}

// messages joins the texts of the first details.
func messages(details []Detail) string {
	var said []string
	for _, d := range details[:min(len(details), maxTexts)] {
		said = append(said, d.Message)
	}
	return Join("; ", said...)
}

// path writes a path in the usual form, also one that is an array, ["steps", 2, "promptId"].
func (r reader) path(raw []byte) string {
	const longest = 100
	var path strings.Builder
	jsonscan.EachElement(raw, longest, func(part []byte) {
		if _, err := strconv.Atoi(string(part)); err == nil {
			path.WriteString("[" + string(part) + "]")
			return
		}
		if path.Len() > 0 {
			path.WriteByte('.')
		}
		path.WriteString(r.text(part, 0))
	})
	return path.String()
}
