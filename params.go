package promptorchestra

import (
	"bytes"
	"cmp"
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
		return rawObject(name, o)
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

func rawObject(name string, raw json.RawMessage) any {
	switch text := bytes.TrimSpace(raw); {
	case string(text) == "null":
		return struct{}{}
	case len(text) > 0 && text[0] == '{':
		return raw
	default:
		return notAnObject{name, "raw JSON that does not begin with {"}
	}
}

var (
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

// rawValue lets raw JSON of any byte type through as JSON, where encoding/json would send a []byte
// as base64. A nil map, slice or pointer is nothing, where encoding/json would send null.
func rawValue(v any) any {
	r := reflect.ValueOf(v)
	for r.Kind() == reflect.Pointer && !r.IsNil() && !encodesItself(r.Type()) {
		r = r.Elem()
	}
	if !r.IsValid() || isNil(r) {
		return nil
	}
	if r.Kind() == reflect.Slice && r.Type().Elem().Kind() == reflect.Uint8 && !encodesItself(r.Type()) {
		return rawMessage(r.Bytes())
	}
	return v
}

func isNil(v reflect.Value) bool {
	k := v.Kind()
	return (k == reflect.Pointer || k == reflect.Map || k == reflect.Slice) && v.IsNil()
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
		return invalidElement(v, path, depth)
	case reflect.Map:
		return invalidEntry(v, path, depth)
	case reflect.Struct:
		return invalidField(v, path, depth)
	default:
		return "", false
	}
}

func invalidElement(v reflect.Value, path string, depth int) (name string, found bool) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		return path, v.Kind() == reflect.Slice && !utf8.Valid(v.Bytes())
	}
	for i := range v.Len() {
		if name, found = invalidText(v.Index(i), fmt.Sprintf("%s[%d]", path, i), depth+1); found {
			return name, true
		}
	}
	return "", false
}

func invalidEntry(v reflect.Value, path string, depth int) (name string, found bool) {
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
	return "", false
}

func invalidField(v reflect.Value, path string, depth int) (name string, found bool) {
	itself := v.Type().Implements(jsonMarshaler) // an Opt, which may encode any field
	for i := range v.NumField() {
		f := v.Type().Field(i)
		member, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.Anonymous && !itself && (member == "-" || !f.IsExported()) {
			continue
		}
		under := path
		if !f.Anonymous && f.IsExported() {
			under += "." + cmp.Or(member, f.Name)
		}
		if name, found = invalidText(v.Field(i), under, depth+1); found {
			return name, true
		}
	}
	return "", false
}
