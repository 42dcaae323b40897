package promptorchestra

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
)

// object prepares v for a member that must be a JSON object, such as the variables of a run. Nil
// and null become {}, and raw JSON stays as it is. A value that cannot be an object becomes one
// whose encoding fails with an *ArgumentError.
func object(name string, v any) any {
	v = rawValue(v)
	switch o := v.(type) {
	case nil:
		return struct{}{}
	case json.RawMessage:
		switch t := bytes.TrimSpace(o); {
		case string(t) == "null":
			return struct{}{}
		case len(t) > 0 && t[0] == '{':
			return o
		}
		return notAnObject{name, "raw JSON that does not begin with {"}
	case json.Marshaler:
		return v
	}
	r := reflect.ValueOf(v)
	for r.Kind() == reflect.Pointer {
		r = r.Elem()
	}
	switch r.Kind() {
	case reflect.Struct, reflect.Map:
		return v
	case reflect.Invalid:
		return struct{}{}
	default:
		return notAnObject{name, "a value of type " + r.Type().String()}
	}
}

var (
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

// rawValue lets raw JSON of any byte type through as JSON, where encoding/json would send a []byte
// as base64. A nil map, slice or pointer is nothing, where encoding/json would send null.
func rawValue(v any) any {
	switch v := v.(type) {
	case nil:
		return nil
	case RawJSON:
		return rawMessage(v)
	case json.RawMessage:
		return rawMessage(v)
	case []byte:
		return rawMessage(v)
	}
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice:
		if r.IsNil() {
			return nil
		}
	default:
		return v
	}
	for r.Kind() == reflect.Pointer && !encodesItself(r.Type()) {
		if r = r.Elem(); !r.IsValid() {
			return nil
		}
	}
	switch t := r.Type(); {
	case encodesItself(t):
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		return rawMessage(r.Bytes())
	case (t.Kind() == reflect.Map || t.Kind() == reflect.Slice) && r.IsNil():
		return nil
	}
	return v
}

// encodesItself reports whether a type, other than one for raw JSON, has an encoding method.
func encodesItself(t reflect.Type) bool {
	raw := t
	if t.Kind() == reflect.Pointer {
		raw = t.Elem()
	}
	if raw == reflect.TypeFor[RawJSON]() || raw == reflect.TypeFor[json.RawMessage]() {
		return false
	}
	return t.Implements(jsonMarshaler) || t.Implements(textMarshaler)
}

func rawMessage(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return json.RawMessage(b)
}

type notAnObject struct{ name, what string }

func (n notAnObject) MarshalJSON() ([]byte, error) {
	return nil, &ArgumentError{Argument: n.name, Reason: "must be a JSON object, not " + n.what}
}

// required returns an *ArgumentError for the first empty value of its name-value pairs.
func required(pairs ...string) error {
	for i := 0; i+1 < len(pairs); i += 2 {
		if strings.TrimSpace(pairs[i+1]) == "" {
			return &ArgumentError{Argument: pairs[i], Reason: "must not be empty"}
		}
	}
	return nil
}

// checkUTF8 rejects a body made of texts that are not UTF-8: encoding/json sends U+FFFD in the
// place of each such byte, escaped or not, which would change a prompt silently. The values are
// searched only if the body has one.
func checkUTF8(body []byte, own any, extra map[string]any) error {
	whole := utf8.Valid(body)
	if whole && !bytes.Contains(body, []byte(`\ufffd`)) && !bytes.Contains(body, []byte("\ufffd")) {
		return nil
	}
	for _, v := range []any{own, extra} {
		if name, found := invalidText(reflect.ValueOf(v), "", 0); found {
			return &ArgumentError{Argument: clean(strings.TrimPrefix(name, "."), 80), Reason: "is not UTF-8"}
		}
	}
	if !whole {
		return &ArgumentError{Argument: "body", Reason: "is not UTF-8"}
	}
	return nil
}

// invalidText finds a text that is not UTF-8, and returns the names that lead to it.
func invalidText(v reflect.Value, path string, depth int) (name string, found bool) {
	const deepest = 100 // a value may lead back to itself
	if !v.IsValid() || depth > deepest {
		return "", false
	}
	switch v.Kind() {
	case reflect.String:
		return path, !utf8.ValidString(v.String())
	case reflect.Pointer, reflect.Interface:
		return invalidText(v.Elem(), path, depth+1)
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return path, v.Kind() == reflect.Slice && !utf8.Valid(v.Bytes())
		}
		for i := range v.Len() {
			if name, found = invalidText(v.Index(i), fmt.Sprintf("%s[%d]", path, i), depth+1); found {
				return name, true
			}
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			key := ""
			if entries.Key().Kind() == reflect.String {
				key = entries.Key().String()
			}
			if !utf8.ValidString(key) {
				return path, true
			}
			if name, found = invalidText(entries.Value(), path+"."+key, depth+1); found {
				return name, true
			}
		}
	case reflect.Struct:
		itself := v.Type().Implements(jsonMarshaler) // an Opt, which may encode any field
		for i := range v.NumField() {
			f := v.Type().Field(i)
			under := path
			switch member, _, _ := strings.Cut(f.Tag.Get("json"), ","); {
			case f.Anonymous:
			case !itself && (member == "-" || !f.IsExported()):
				continue
			case f.IsExported() && member != "":
				under += "." + member
			case f.IsExported():
				under += "." + f.Name
			}
			if name, found = invalidText(v.Field(i), under, depth+1); found {
				return name, true
			}
		}
	default:
	}
	return "", false
}
