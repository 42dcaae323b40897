package jsonscan_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

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
