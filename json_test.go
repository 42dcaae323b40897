package promptorchestra

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
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
