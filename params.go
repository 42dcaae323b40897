package promptorchestra

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
)

// object makes v fit for the named member, which is always a JSON object, such
// as the variables of a run: nothing becomes {}, raw JSON stays as it is, and what
// cannot be an object fails the encoding with a clear error.
func object(name string, v any) any {
	v = rawValue(v)
	switch o := v.(type) {
	case nil:
		return struct{}{}
	case json.RawMessage:
		if t := bytes.TrimLeft(o, " \t\r\n"); len(t) > 0 && t[0] == '{' {
			return o
		}
		return notAnObject{name, "raw JSON that does not begin with {"}
	case map[string]any:
		if o == nil {
			return struct{}{}
		}
		return v
	case json.Marshaler:
		return v
	}
	r := reflect.ValueOf(v)
	for r.Kind() == reflect.Pointer && !r.IsNil() {
		r = r.Elem()
	}
	switch r.Kind() {
	case reflect.Struct:
		return v
	case reflect.Map, reflect.Pointer:
		if r.IsNil() {
			return struct{}{}
		}
		return v
	default:
		return notAnObject{name, "a value of type " + r.Type().String()}
	}
}

// rawValue lets raw JSON of any byte type through as JSON, where encoding/json
// would send a []byte as base64.
func rawValue(v any) any {
	switch r := v.(type) {
	case RawJSON:
		return rawMessage(r)
	case json.RawMessage:
		return rawMessage(r)
	case []byte:
		return rawMessage(r)
	default:
		return v
	}
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

// required returns an *ArgumentError for the first empty value of its
// name-value pairs.
func required(pairs ...string) error {
	for i := 0; i+1 < len(pairs); i += 2 {
		if strings.TrimSpace(pairs[i+1]) == "" {
			return &ArgumentError{Argument: pairs[i], Reason: "must not be empty"}
		}
	}
	return nil
}
