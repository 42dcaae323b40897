package jsonscan_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

func TestValueEnd(t *testing.T) {
	for text, want := range map[string]struct {
		value string
		whole bool
	}{
		``:                 {"", false},
		`{"a":[1,"}"]},7`:  {`{"a":[1,"}"]}`, true},
		`["a\"]",2] `:      {`["a\"]",2]`, true},
		`"a\\" `:           {`"a\\"`, true},
		`"a\"`:             {`"a\"`, false},
		`12.5e3,`:          {"12.5e3", true},
		`true}`:            {"true", true},
		`null`:             {"null", true},
		`{"a":{"b":"c"}`:   {`{"a":{"b":"c"}`, false},
		`[[1,2],`:          {`[[1,2],`, false},
		`{"a":"unclosed}`:  {`{"a":"unclosed}`, false},
		`,`:                {"", true},
		`{mismatched]tail`: {`{mismatched]`, true},
	} {
		end, whole := jsonscan.ValueEnd([]byte(text))
		assert.Equal(t, want.value, text[:end], text)
		assert.Equal(t, want.whole, whole, text)
	}
}

func TestMembers(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:                           ``,
		`{"a":1,"b" : {"c":2} , "d":}`: `a=1 b={"c":2}`,
		`{"a":"x","a":"y"}`:            `a="x" a="y"`,
		`{"a\u0062":[1]}`:              `ab=[1]`,
		"{\"a\xff\":1}":                "a\uFFFD=1",
		`{"a":1,broken`:                `a=1`,
		`{"a":{"cut":`:                 `a={"cut":`,
		`{"a"`:                         ``,
		`{"a`:                          ``,
	} {
		var got []string
		for name, value := range jsonscan.Members([]byte(text)) {
			got = append(got, string(name)+"="+string(value))
		}
		assert.Equal(t, want, strings.Join(got, " "), text)
	}
}

func TestEachElement(t *testing.T) {
	for text, want := range map[string]string{
		`[]`:                    ``,
		`[1, "a,b" ,{"c":[2]}]`: `1|"a,b"|{"c":[2]}`,
		`[1,2,3,4,5]`:           `1|2|3|4`,
		`{"a":1}`:               `{"a":1}`,
		`["cut`:                 `"cut`,
		`[1}`:                   `1`,
		``:                      ``,
	} {
		var got []string
		jsonscan.EachElement([]byte(text), 4, func(element []byte) { got = append(got, string(element)) })
		assert.Equal(t, want, strings.Join(got, "|"), text)
	}
}

func TestUnquote(t *testing.T) {
	for text, want := range map[string]string{
		`"plain"`:                 "plain",
		`"a\"b\u00e4"`:            `a"bä`,
		`"cut`:                    "cut",
		`"cut\u00`:                "cut",
		"\"a\xffb\"":              "a\uFFFDb",
		`"\ud83d\ude00"`:          "😀",
		`"bad \q in a long text"`: `bad \q in a long text`,
	} {
		assert.Equal(t, want, jsonscan.Unquote([]byte(text)), text)
	}
	assert.Len(t, jsonscan.Unquote([]byte(`"`+strings.Repeat("x", 200<<10)+`"`)), jsonscan.MaxText)
	assert.Equal(t, "aä", jsonscan.Clip("aäö", 3))
	assert.Equal(t, "a", jsonscan.Clip("aä", 2))
}

func TestFold(t *testing.T) {
	for name, want := range map[string]string{
		"docsHint": "docshint", "docs_hint": "docshint", "Docs-Hint": "docshint", "DOCS HINT": "docshint", "docs.hint": "docshint",
		"v2": "v2", "@type": "@type", "$ref": "$ref", "größe": "größe", "名前": "名前", "_": "", "": "",
	} {
		assert.Equal(t, want, string(jsonscan.Fold(nil, name)), name)
		assert.Equal(t, "x"+want, string(jsonscan.Fold([]byte("x"), []byte(name))), name)
	}
}

func TestIsEmpty(t *testing.T) {
	for value, want := range map[string]bool{
		``: true, ` null `: true, `""`: true, `false`: true, `0`: true, `-0.0e3`: true, `{}`: true, "[ \n]": true,
		`true`: false, `" "`: false, `"0"`: false, `1`: false, `0.1`: false, `{"a":null}`: false, `[null]`: false, `[1`: false, `[`: false, `-`: false,
	} {
		assert.Equal(t, want, jsonscan.IsEmpty([]byte(value)), value)
	}
}

func TestKind(t *testing.T) {
	for value, want := range map[string]string{
		`{}`: "object", `[1]`: "array", `"a"`: "string", `true`: "bool", `false`: "bool", `null`: "null", `12`: "number", `-1e9`: "number",
	} {
		assert.Equal(t, want, jsonscan.Kind(value[0]), value)
		assert.Equal(t, want, jsonscan.Kind(value[len(value)-1]), value)
	}
}
