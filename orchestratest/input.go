package orchestratest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// input reads the members of a JSON object and collects what is wrong with them. Names are compared
// exactly: encoding/json ignores case, and would hide a client's misspelt member.
type input struct {
	path     string // "steps[2]." inside a list
	source   json.RawMessage
	members  map[string]json.RawMessage
	known    map[string]bool // the members that somebody asked for
	problems *[]problem
}

type problem struct{ field, reason string }

func newInput(members map[string]json.RawMessage) input {
	return input{members: members, known: map[string]bool{}, problems: new([]problem)}
}

// err is a 400 that names every member at fault.
func (in input) err() error {
	if in.problems == nil || len(*in.problems) == 0 {
		return nil
	}
	var reasons, fields []string
	for _, p := range *in.problems {
		reasons = append(reasons, p.field+" "+p.reason)
		fields = append(fields, p.field)
	}
	return badRequest(strings.Join(reasons, "; "), fields...)
}

func (in input) reject(name, reason string) {
	*in.problems = append(*in.problems, problem{in.path + name, reason})
}

// get returns a member as it came, null included.
func (in input) get(name string) (value json.RawMessage, ok bool) {
	in.known[name] = true
	value, ok = in.members[name]
	return value, ok
}

// has reports whether a member is there, null included.
func (in input) has(name string) bool {
	_, ok := in.get(name)
	return ok
}

// unread returns the members that were not read.
func (in input) unread() members {
	more := members{}
	for name, value := range in.members {
		if !in.known[name] {
			more[name] = value
		}
	}
	return more
}

// raw is a member of any type, nil when absent or null.
func (in input) raw(name string) json.RawMessage {
	if value, _ := in.get(name); string(value) != "null" {
		return value
	}
	return nil
}

// read decodes a member into target. It reports whether the member was there and fitted.
func (in input) read(name, kind string, target any) (fits bool) {
	value := in.raw(name)
	if value == nil {
		return false
	}
	if err := json.Unmarshal(value, target); err != nil {
		in.reject(name, "must be "+kind)
		return false
	}
	return true
}

// member is a member, or the zero value when it is absent, null or no such value.
func member[T any](in input, name, kind string) (value T) {
	in.read(name, kind, &value)
	return value
}

func (in input) text(name string) string { return member[string](in, name, "a string") }

// optionalText is nil when the member is absent or null.
func (in input) optionalText(name string) *string { return member[*string](in, name, "a string") }

func (in input) number(name string) *float64 { return member[*float64](in, name, "a number") }

func (in input) requiredText(name string) string {
	s := in.text(name)
	if raw := in.raw(name); strings.TrimSpace(s) == "" && (raw == nil || raw[0] == '"') { // others are rejected already
		in.reject(name, "is required")
	}
	return s
}

// choice is a text that must be one of a few.
func (in input) choice(name string, allowed ...string) *string {
	var s *string
	if in.read(name, "a string", &s) && !slices.Contains(allowed, *s) {
		in.reject(name, "must be one of "+strings.Join(allowed, ", "))
	}
	return s
}

// object is a member that must be a JSON object, such as variables; numbers keep their digits.
func (in input) object(name string) map[string]any {
	value, ok := in.get(name)
	if !ok {
		in.reject(name, "is required")
		return nil
	}
	object, ok := decode(value).(map[string]any)
	if !ok {
		in.reject(name, "must be an object")
	}
	return object
}

// jsonObject is a member as it came, which must be an object or absent.
func (in input) jsonObject(name string) json.RawMessage {
	raw := in.raw(name)
	if raw != nil && raw[0] != '{' {
		in.reject(name, "must be an object")
	}
	return raw
}

func (in input) requiredJSONObject(name string) json.RawMessage {
	raw := in.jsonObject(name)
	if raw == nil {
		in.reject(name, "is required")
	}
	return raw
}

// nested reads an object inside, with the same problems. It has nil members when it is no object.
func (in input) nested(name string, source json.RawMessage) input {
	inner := input{in.path + name + ".", source, nil, map[string]bool{}, in.problems}
	if json.Unmarshal(source, &inner.members) != nil {
		inner.members = nil
	}
	return inner
}

// list is a member that must be an array of objects.
func (in input) list(name string) []input {
	value, ok := in.get(name)
	if !ok {
		in.reject(name, "is required")
		return nil
	}
	var elements []json.RawMessage
	fits := json.Unmarshal(value, &elements) == nil && elements != nil
	items := make([]input, len(elements))
	for i, source := range elements {
		items[i] = in.nested(fmt.Sprintf("%s[%d]", name, i), source)
		fits = fits && items[i].members != nil
	}
	if !fits {
		in.reject(name, "must be an array of objects")
		return nil
	}
	return items
}

// patch changes a text that may go: null clears, absent keeps.
func (in input) patch(name string, target **string) {
	if in.has(name) {
		*target = in.optionalText(name)
	}
}

// patchObject does the same for an object.
func (in input) patchObject(name string, target *json.RawMessage) {
	if in.has(name) {
		*target = in.jsonObject(name)
	}
}

// decode is JSON as maps, slices and texts, with numbers as they were written; nil when it is not
// JSON.
func decode(raw json.RawMessage) any {
	if !json.Valid(raw) { // a Decoder would not mind what follows the value
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return nil
	}
	return value
}
