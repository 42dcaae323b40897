package promptorchestra

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Opt is an optional value with three states, above all for the fields of update
// params: the zero Opt is absent and leaves the server's value alone, [Null]
// clears it, and [Set] replaces it, also by a zero value.
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

// Get returns the value and whether there is one; it is false for an absent
// Opt and for null.
func (o Opt[T]) Get() (T, bool) { return o.value, o.state == optSet }

// IsNull reports whether the Opt is an explicit null.
func (o Opt[T]) IsNull() bool { return o.state == optNull }

// IsZero reports whether the Opt is absent; encoding/json asks it for omitzero.
func (o Opt[T]) IsZero() bool { return o.state == optAbsent }

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
	return json.Marshal(o.value)
}

// UnmarshalJSON decodes a value or null; a value of another type leaves the
// Opt absent.
func (o *Opt[T]) UnmarshalJSON(data []byte) error {
	*o = Opt[T]{}
	if string(data) == "null" {
		o.state = optNull
		return nil
	}
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		return tolerate(err)
	}
	*o = Set(v)
	return nil
}

// RawJSON is a JSON value as the server sent it: the user's own data, or a
// member whose type no source states. It is nil when the member was absent, and
// the text null when it was null.
type RawJSON []byte

// Decode decodes the value into v, a non-nil pointer, as encoding/json does.
// It returns an error when there is no value or it does not fit.
func (r RawJSON) Decode(v any) error {
	if len(r) == 0 {
		return errors.New("promptorchestra: there is no JSON value to decode")
	}
	if err := json.Unmarshal(r, v); err != nil {
		return fmt.Errorf("promptorchestra: decoding a JSON value: %w", err)
	}
	return nil
}

// String returns the JSON text.
func (r RawJSON) String() string { return string(r) }

// MarshalJSON returns the value itself, or null when it is empty.
func (r RawJSON) MarshalJSON() ([]byte, error) {
	if len(r) == 0 {
		return []byte("null"), nil
	}
	return r, nil
}

// UnmarshalJSON keeps a copy of data.
func (r *RawJSON) UnmarshalJSON(data []byte) error {
	*r = append((*r)[:0], data...)
	return nil
}

// Timestamp is a time as the API writes it, in UTC. Decoding one never fails:
// an unknown form leaves it zero, and the text can be had through [WithInto].
type Timestamp struct{ time.Time }

// The forms seen in JSON APIs over SQL databases; RFC 3339 comes first.
var timestampLayouts = [...]string{
	time.RFC3339Nano,
	"2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05.999999999-07",
	"2006-01-02T15:04:05.999999999",
	"2006-01-02 15:04:05.999999999",
	time.DateOnly,
}

// UnmarshalJSON decodes RFC 3339, the usual SQL forms, and Unix seconds or
// milliseconds as a number.
func (t *Timestamp) UnmarshalJSON(data []byte) error {
	*t = Timestamp{}
	if len(data) > 0 && data[0] == '"' {
		text := bytes.Trim(data, `"`)
		if bytes.IndexByte(text, '\\') >= 0 {
			text = []byte(unquote(data))
		}
		t.parse(text)
		return nil
	}
	if n, err := strconv.ParseFloat(string(data), 64); err == nil {
		const firstMilli = 1e11 // as seconds, the year 5138
		if n > -firstMilli && n < firstMilli {
			n *= 1000
		}
		if n > -maxUnixMilli && n < maxUnixMilli {
			t.set(time.UnixMilli(int64(n)))
		}
	}
	return nil
}

func (t *Timestamp) parse(text []byte) {
	var v time.Time
	if v.UnmarshalText(text) == nil { // the usual form, without an allocation
		t.set(v)
		return
	}
	for _, layout := range timestampLayouts {
		if v, err := time.Parse(layout, string(text)); err == nil {
			t.set(v)
			return
		}
	}
}

const maxUnixMilli = 253402300800000 // 10000-01-01

// set leaves out a year that could not be encoded again.
func (t *Timestamp) set(v time.Time) {
	if v = v.UTC(); v.Year() >= 0 && v.Year() <= 9999 {
		t.Time = v
	}
}

// MarshalJSON encodes the time in RFC 3339, or null when it is zero.
func (t Timestamp) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return t.Time.MarshalJSON()
}

// Secret is a value that is shown once, such as a new service key. It prints
// as "[redacted]" under every verb of fmt, in slog and in JSON; Reveal returns
// the value itself.
type Secret struct {
	value *string // a pointer: fmt follows none inside an unexported field
}

// NewSecret returns a Secret that holds v, for tests and fakes.
func NewSecret(v string) Secret { return Secret{&v} }

const redacted = "[redacted]"

// Reveal returns the secret itself, or "" when there is none.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// String returns "[redacted]".
func (s Secret) String() string { return redacted }

// GoString returns "[redacted]".
func (s Secret) GoString() string { return redacted }

// Format prints "[redacted]" under every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns "[redacted]".
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns "[redacted]".
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalJSON keeps a JSON string; any other type leaves the Secret empty.
func (s *Secret) UnmarshalJSON(data []byte) error {
	var v string
	if err := json.Unmarshal(data, &v); err != nil {
		return tolerate(err)
	}
	*s = Secret{}
	if v != "" {
		s.value = &v
	}
	return nil
}

// tolerate drops the error of a member whose type is not the expected one:
// encoding/json has finished the rest of the value by then, and an answer that
// was paid for is worth more than one member of it.
func tolerate(err error) error {
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		return nil
	}
	return err
}

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
