package promptorchestra

import (
	"encoding/json"
	"fmt"
	"reflect"

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
