package promptorchestra

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
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
