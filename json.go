package promptorchestra

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strings"
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
	a, err := decodeExactly(r)
	b, otherErr := decodeExactly(other)
	return err == nil && otherErr == nil && reflect.DeepEqual(a, b)
}

// decodeExactly decodes a JSON value, with each number in one form that depends on its value alone.
func decodeExactly(text []byte) (any, error) {
	var v any
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return nil, err //nolint:wrapcheck // callers only look whether there is one
	}
	if !json.Valid(text) {
		return nil, errTrailing
	}
	return normalize(v), nil
}

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

// marshal is json.Marshal without escapes for HTML, which only a browser would need.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err //nolint:wrapcheck // as json.Marshal would return it
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
