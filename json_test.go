package promptorchestra

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRawJSONEqual(t *testing.T) {
	for _, same := range [][2]string{
		{"", ""},
		{"null", " null"},
		{`{"a":1,"b":[1,2]}`, `{ "b": [1.0, 2e0], "\u0061": 10e-1 }`},
		{"0", "-0.0e5"},
		{"1200", "12e2"},
		{"-0.0012", "-12E-4"},
		{"1e999999999999999999999", "10e999999999999999999998"},
		{"12345678901234567890123", "12345678901234567890123.0"},
		{`"\u00e4"`, `"ä"`},
		{"not JSON", "not JSON"},
	} {
		assert.True(t, RawJSON(same[0]).Equal(RawJSON(same[1])), "%q", same)
		assert.True(t, RawJSON(same[1]).Equal(RawJSON(same[0])), "%q", same)
	}
	for _, other := range [][2]string{
		{"", "null"},
		{"1", "2"},
		{"1", "-1"},
		{"1", `"1"`},
		{"12345678901234567890123", "12345678901234567890124"},
		{"[1,2]", "[2,1]"},
		{"[]", "{}"},
		{`{"a":null}`, "{}"},
		{"1 ", "1 1"},
		{"not JSON", "not  JSON"},
		{"", " "},
		{"1", strings.Repeat("[", 20000)},
	} {
		assert.False(t, RawJSON(other[0]).Equal(RawJSON(other[1])), "%q", other)
		assert.False(t, RawJSON(other[1]).Equal(RawJSON(other[0])), "%q", other)
	}
}

// The YAML modules themselves are in internal/compat.

func TestMarshalYAML(t *testing.T) {
	v, err := WorkflowStep{StepKey: "a", Extra: map[string]RawJSON{"x": RawJSON(`[1, 1.5, 1e3, 18446744073709551615, null, true, {"y": "<b>"}]`)}}.MarshalYAML()
	require.NoError(t, err)
	assert.Equal(t, map[string]any{
		"stepKey": "a", "positionIndex": int64(0),
		"x": []any{int64(1), 1.5, 1000.0, uint64(math.MaxUint64), nil, true, map[string]any{"y": "<b>"}},
	}, v)
	v, err = RawJSON(nil).MarshalYAML()
	require.NoError(t, err)
	assert.Nil(t, v)
	for _, bad := range []string{"{", "12345678901234567890123", "[1e999]", `{"a":[{"<<":1}]}`} {
		_, err = RawJSON(bad).MarshalYAML()
		require.Error(t, err, bad)
	}
	_, err = RawJSON("1 2").MarshalYAML()
	require.EqualError(t, err, "promptorchestra: decoding a JSON value: more follows it")
	_, err = Workflow{Extra: map[string]RawJSON{"a": RawJSON("{")}}.MarshalYAML()
	require.Error(t, err)
}

// scalar is what a YAML module does with a scalar: it has a value, and a text.
func scalar(value any, text string) func(any) error {
	return func(into any) error {
		switch into := into.(type) {
		case *any:
			*into = value
		case *string:
			*into = text
		default:
			return errors.New("cannot unmarshal a scalar")
		}
		return nil
	}
}

func TestUnmarshalYAMLScalars(t *testing.T) {
	for text, value := range map[string]any{"12345678901234567890123": 1.2345678901234568e22, "1.50": 1.5, "true": true, "null": nil, `"a"`: "a"} {
		var r RawJSON
		require.NoError(t, r.UnmarshalYAML(scalar(value, text)))
		assert.Equal(t, text, r.String())
	}
	var r RawJSON
	require.NoError(t, r.UnmarshalYAML(scalar(31, "0x1F")))
	assert.Equal(t, "31", r.String())
	require.Error(t, r.UnmarshalYAML(scalar(math.Inf(1), ".inf")))
	require.Error(t, r.UnmarshalYAML(scalar("\xff", "!!binary /w==")))
	var w Workflow
	require.Error(t, w.UnmarshalYAML(scalar("a", "a")))
}

func TestUnmarshalYAMLKeys(t *testing.T) {
	object := func(key any) func(any) error {
		return func(into any) error {
			if m, ok := into.(*map[any]RawJSON); ok {
				*m = map[any]RawJSON{key: RawJSON(`"a"`)}
				return nil
			}
			return errors.New("not a mapping")
		}
	}
	var step WorkflowStep
	require.NoError(t, step.UnmarshalYAML(object("step_key")))
	assert.Equal(t, WorkflowStep{StepKey: "a"}, step)
	for _, key := range []any{1, true, nil, 1.5, "\xff"} {
		require.Error(t, step.UnmarshalYAML(object(key)), "%v", key)
	}
}
