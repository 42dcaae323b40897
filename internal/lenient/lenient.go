// Package lenient decodes JSON into Go types as encoding/json does, and forgives what servers are
// known to do differently from their documentation: members spelled in snake_case in the place of
// camelCase or the other way round, scalars of another JSON type, a text in the place of a list of
// texts, and empty values of another kind in the place of nothing. It knows JSON and Go types, and
// nothing of the API.
//
// A document as encoding/json expects it is decoded by encoding/json. Only when one is not, a
// decoder of its own reads it, directed by the type.
package lenient

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

// A Misfit is called with a member that cannot be read as its field's type. The error's Field names
// struct fields only: a key of a map is data, and stands there as "*".
type Misfit func(*json.UnmarshalTypeError)

// Unmarshal decodes data into v, a non-nil pointer. A member that does not fit is left as it was,
// and the others are decoded. misfit, which may be nil, is called once for each name.
// Unmarshal returns an error if data is not JSON, or that of an UnmarshalJSON method; the other
// members are decoded all the same. A value that does not fit v at all is a misfit without a name.
func Unmarshal(data []byte, v any, misfit Misfit) error {
	if !spelled.of(reflect.TypeOf(v).Elem(), newSpellings).mayMislead(data) {
		err := json.Unmarshal(data, v)
		if err == nil || !isMismatch(err) && !json.Valid(data) {
			return err //nolint:wrapcheck // as encoding/json would return it
		}
	} else if !json.Valid(data) {
		return json.Unmarshal(data, new(any)) //nolint:wrapcheck // says what is wrong
	}
	return decode(data, v, misfit)
}

// Object decodes data into v for the UnmarshalJSON method of v's type, which it does not call and
// which has a field for what the others cannot hold. The error of a value that is no object is a
// *json.UnmarshalTypeError.
func Object(data []byte, v any) error {
	if !json.Valid(data) {
		return json.Unmarshal(data, new(any)) //nolint:wrapcheck // says what is wrong
	}
	d := decoder{data: data}
	begin := d.space()
	target := reflect.ValueOf(v).Elem()
	d.structure(target, structureOf(target.Type()))
	if begin != '{' && d.unheld > 0 {
		return &json.UnmarshalTypeError{Value: jsonscan.Kind(begin), Type: target.Type()}
	}
	return d.err
}

func isMismatch(err error) bool {
	var mismatch *json.UnmarshalTypeError
	return errors.As(err, &mismatch)
}

// Members are the names that a struct type decodes from.
type Members struct{ s *structure }

// MembersOf returns the members of what v points to, and false if that is no struct that decodes
// from an object by its fields.
func MembersOf(v any) (Members, bool) {
	m := known.of(reflect.TypeOf(v), findMembers)
	return m, m.s != nil
}

func findMembers(t reflect.Type) Members {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.Kind() != reflect.Struct || methodOf(t) != byFields && methodOf(t) != byPromotedMethod {
		return Members{}
	}
	return Members{structureOf(t)}
}

// Has reports whether a member of this name is decoded into a field, or is the record's all the
// same, by the tag of its field for other members.
func (m Members) Has(name []byte) bool {
	if m.s == nil {
		return false
	}
	i, _ := m.s.find(name)
	return i >= 0 || slices.Contains(m.s.listed, string(name))
}

// Field returns the field that a member of this name is decoded into, by its own name and its
// index, which is nil if there is none.
func (m Members) Field(name string) (own string, index []int) {
	if i, _ := m.s.find([]byte(name)); i >= 0 {
		return m.s.fields[i].name, m.s.fields[i].index
	}
	return "", nil
}

// Takes reports whether a type is one for JSON values of this kind, in encoding/json's words.
func Takes(t reflect.Type, kind string) bool {
	if m := methodOf(t); m == byItself || m == byPromotedMethod || m == byLibrary && t.Kind() != reflect.Array {
		return true
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return kind == "object"
	case reflect.Slice, reflect.Array:
		return kind == "array"
	case reflect.String:
		return kind == "string"
	case reflect.Bool:
		return kind == "bool"
	default:
		return kind == "number"
	}
}
