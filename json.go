package promptorchestra

import (
	"bytes"
	"cmp"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// RawJSON is a JSON value as the server sent it: the user's own data, or a member of an
// undocumented type. It is nil when the member was absent, and the text null when it was null.
// Where the API takes a value, one that was read can be sent as it is.
type RawJSON []byte

// Decode decodes the value into v, a non-nil pointer, as encoding/json does. It returns an error
// when there is no value or it does not fit.
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

// Equal reports whether both are the same JSON value, however it is written: white space, escapes,
// the order of members and forms of a number do not count. No value equals no value, and nothing
// else. Texts that are not JSON are equal byte by byte.
func (r RawJSON) Equal(other RawJSON) bool {
	if bytes.Equal(r, other) {
		return true
	}
	a, err := r.decodeNumbers()
	b, otherErr := other.decodeNumbers()
	return err == nil && otherErr == nil && reflect.DeepEqual(normalize(a), normalize(b))
}

// decodeNumbers decodes the value with its numbers as they are written.
func (r RawJSON) decodeNumbers() (v any, err error) {
	dec := json.NewDecoder(bytes.NewReader(r))
	dec.UseNumber()
	if err = dec.Decode(&v); err == nil && !json.Valid(r) {
		err = errors.New("more follows it")
	}
	if err != nil {
		return nil, fmt.Errorf("promptorchestra: decoding a JSON value: %w", err)
	}
	return v, nil
}

// normalize writes each number in a decoded value in one form that depends on its value alone.
func normalize(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			v[name] = normalize(v[name])
		}
	case []any:
		for i := range v {
			v[i] = normalize(v[i])
		}
	case json.Number:
		return normalizeNumber(v)
	}
	return v
}

// normalizeNumber writes a number as an integer without zeros at its end, and a power of ten.
func normalizeNumber(n json.Number) json.Number {
	digits, power, _ := strings.Cut(strings.ToLower(string(n)), "e")
	digits, negative := strings.CutPrefix(digits, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	exponent, ok := new(big.Int).SetString(cmp.Or(power, "0"), 10)
	if !ok {
		return n
	}
	digits = strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return "0"
	}
	short := strings.TrimRight(digits, "0")
	exponent.Add(exponent, big.NewInt(int64(len(digits)-len(short)-len(fraction))))
	if negative {
		short = "-" + short
	}
	return json.Number(short + "e" + exponent.String())
}

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

// marshal is json.Marshal without escapes for HTML.
func marshal(v any) ([]byte, error) {
	e := encoders.Get().(*encoder) //nolint:forcetypeassert // the pool holds nothing else
	if err := e.json.Encode(v); err != nil {
		return nil, err //nolint:wrapcheck // as json.Marshal would return it
	}
	return bytes.TrimSuffix(e.finish(), []byte("\n")), nil
}

func asJSON(text string) []byte {
	if url.QueryEscape(text) == text { // as most names are
		return []byte(`"` + text + `"`)
	}
	quoted, _ := marshal(text) // a text always encodes
	return quoted
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
	for r.Kind() == reflect.Pointer && !encodesItself(r.Type()) {
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

// A workflow, its steps and transitions and RawJSON are in YAML the JSON that they are. The methods
// have the forms without an import that gopkg.in/yaml.v3 and go.yaml.in/yaml know.

// UnmarshalYAML reads any YAML value as JSON. A key that is not a text is an error.
func (r *RawJSON) UnmarshalYAML(unmarshal func(any) error) error {
	var object map[any]RawJSON
	notObject := unmarshal(&object)
	if notObject == nil && object != nil {
		return r.setObject(object)
	}
	var list []RawJSON
	notList := unmarshal(&list)
	if notList == nil && list != nil {
		text, err := marshal(list)
		*r = text
		return err
	}
	var scalar any
	if err := unmarshal(&scalar); err != nil {
		return err
	}
	switch scalar.(type) {
	case map[string]any, map[any]any:
		return notObject
	case []any:
		return notList
	}
	text, err := marshalYAMLScalar(scalar, unmarshal)
	*r = text
	return err
}

func (r *RawJSON) setObject(object map[any]RawJSON) error {
	members := make(map[string]RawJSON, len(object))
	for key, value := range object {
		name, isText := key.(string)
		if !isText || !utf8.ValidString(name) {
			return fmt.Errorf("promptorchestra: the YAML key %s is not a string", clean(fmt.Sprint(key), 80))
		}
		members[name] = value
	}
	text, err := marshal(members)
	*r = text
	return err
}

// marshalYAMLScalar writes a scalar as JSON. Numbers and times are taken from the text: as values,
// long numbers are rounded, and times have lost their form.
func marshalYAMLScalar(scalar any, unmarshal func(any) error) ([]byte, error) {
	var text string
	switch v := scalar.(type) {
	case string:
		if !utf8.ValidString(v) {
			return nil, errors.New("promptorchestra: a YAML string is not UTF-8")
		}
	case nil, bool:
	case time.Time:
		if err := unmarshal(&text); err != nil {
			return nil, err
		}
		scalar = text
	default:
		if unmarshal(&text) == nil && json.Valid([]byte(text)) {
			return []byte(text), nil
		}
	}
	return marshal(scalar)
}

// MarshalYAML returns the value as maps, slices and scalars. A number that YAML would round is an
// error, and so is a member with the name <<.
func (r RawJSON) MarshalYAML() (any, error) {
	if len(r) == 0 {
		return nil, nil //nolint:nilnil // YAML's null
	}
	v, err := r.decodeNumbers()
	if err != nil {
		return nil, err
	}
	return withYAMLNumbers(v)
}

// withYAMLNumbers returns a decoded JSON value with its numbers in types that YAML has.
func withYAMLNumbers(v any) (any, error) {
	var err error
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if name == "<<" {
				return nil, errors.New(`promptorchestra: YAML would merge the member "<<"`)
			}
			if v[name], err = withYAMLNumbers(member); err != nil {
				return nil, err
			}
		}
	case []any:
		for i, element := range v {
			if v[i], err = withYAMLNumbers(element); err != nil {
				return nil, err
			}
		}
	case json.Number:
		return yamlNumber(v)
	}
	return v, nil
}

func yamlNumber(n json.Number) (any, error) {
	if i, err := n.Int64(); err == nil {
		return i, nil
	}
	if u, err := strconv.ParseUint(string(n), 10, 64); err == nil {
		return u, nil
	}
	f, err := n.Float64()
	if exact := strconv.FormatFloat(f, 'g', -1, 64); err != nil || normalizeNumber(json.Number(exact)) != normalizeNumber(n) {
		return nil, fmt.Errorf("promptorchestra: YAML would round the number %s", clean(string(n), 80))
	}
	return f, nil
}

func unmarshalYAML(v json.Unmarshaler, unmarshal func(any) error) error {
	var text RawJSON
	if err := text.UnmarshalYAML(unmarshal); err != nil {
		return err
	}
	return v.UnmarshalJSON(text) //nolint:wrapcheck // as encoding/json would return it
}

func marshalYAML(v json.Marshaler) (any, error) {
	text, err := v.MarshalJSON()
	if err != nil {
		return nil, err
	}
	return RawJSON(text).MarshalYAML()
}

// UnmarshalYAML reads what JSON would hold, under the same names. What no field holds goes into
// Extra, in strict mode, too.
func (w *Workflow) UnmarshalYAML(unmarshal func(any) error) error { return unmarshalYAML(w, unmarshal) }

// MarshalYAML writes what JSON would hold, under the same names.
func (w Workflow) MarshalYAML() (any, error) { return marshalYAML(w) }

// UnmarshalYAML reads what JSON would hold, under the same names. What no field holds goes into
// Extra, in strict mode, too.
func (s *WorkflowStep) UnmarshalYAML(unmarshal func(any) error) error {
	return unmarshalYAML(s, unmarshal)
}

// MarshalYAML writes what JSON would hold, under the same names.
func (s WorkflowStep) MarshalYAML() (any, error) { return marshalYAML(s) }

// UnmarshalYAML reads what JSON would hold, under the same names. What no field holds goes into
// Extra, in strict mode, too.
func (t *WorkflowTransition) UnmarshalYAML(unmarshal func(any) error) error {
	return unmarshalYAML(t, unmarshal)
}

// MarshalYAML writes what JSON would hold, under the same names.
func (t WorkflowTransition) MarshalYAML() (any, error) { return marshalYAML(t) }
