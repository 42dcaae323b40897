package promptorchestra

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/prompt-orchestra/promptorchestra-go/internal/lenient"
)

// Opt is an optional value with three states, used mainly in update params: the zero Opt is absent
// and leaves the server's value alone, [Null] clears it, and [Set] replaces it, even with a zero
// value.
type Opt[T any] struct {
	value T
	state optState
}

type optState uint8

const (
	optAbsent optState = iota
	optNull
	optSet
)

// Set returns an Opt that holds v, which is sent even when it is a zero value.
func Set[T any](v T) Opt[T] { return Opt[T]{value: v, state: optSet} }

// Null returns an Opt that is sent as JSON null.
func Null[T any]() Opt[T] { return Opt[T]{state: optNull} }

// Get returns the value and whether there is one; it is false for an absent Opt and for null.
func (o Opt[T]) Get() (T, bool) { return o.value, o.state == optSet }

// IsNull reports whether the Opt is an explicit null.
func (o Opt[T]) IsNull() bool { return o.state == optNull }

// IsZero reports whether the Opt is absent; encoding/json asks it for omitzero.
func (o Opt[T]) IsZero() bool { return o.state == optAbsent }

// Equal reports whether both are absent, both are null or both hold equal values. It is what go-cmp
// asks. Values with an Equal method for their own type are compared by it, others as
// reflect.DeepEqual does.
func (o Opt[T]) Equal(other Opt[T]) bool {
	if o.state != other.state || o.state != optSet {
		return o.state == other.state
	}
	if v, ok := any(o.value).(interface{ Equal(other T) bool }); ok {
		return v.Equal(other.value)
	}
	return reflect.DeepEqual(o.value, other.value)
}

// String returns the value in its default format, "null" or "absent".
func (o Opt[T]) String() string {
	switch o.state {
	case optNull:
		return "null"
	case optSet:
		return fmt.Sprint(o.value)
	default:
		return "absent"
	}
}

// MarshalJSON encodes the value, or null when there is none.
func (o Opt[T]) MarshalJSON() ([]byte, error) {
	if o.state != optSet {
		return []byte("null"), nil
	}
	return marshal(o.value)
}

// UnmarshalJSON decodes a value or null; a value of another type leaves the Opt absent.
func (o *Opt[T]) UnmarshalJSON(data []byte) error {
	*o = Opt[T]{}
	if string(data) == "null" {
		o.state = optNull
		return nil
	}
	var v T
	fits := true
	err := lenient.Unmarshal(data, &v, func(e *json.UnmarshalTypeError) { fits = fits && e.Field != "" })
	if err == nil && fits {
		*o = Set(v)
	}
	return err
}

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
	isBytes := r.Kind() == reflect.Slice && r.Type().Elem().Kind() == reflect.Uint8 && !encodesItself(r.Type())
	switch {
	case !r.IsValid(), isNil(r), isBytes && r.Len() == 0:
		return nil
	case isBytes:
		return json.RawMessage(r.Bytes())
	default:
		return v
	}
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
