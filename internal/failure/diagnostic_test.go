package failure_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/prompt-orchestra/promptorchestra-go/internal/failure"
)

func TestReadDiagnostic(t *testing.T) {
	for text, want := range map[string]failure.Diagnostic{
		``:      {},
		`"why"`: {Why: "why"},
		`{"code":17,"title":"t","category":"c","why":["a","b"],"affected_fields":"slug","docs_hint":{"a":1},"retryable":"false"}`: {
			Code: "17", Title: "t", Category: "c", Why: "a; b", AffectedFields: []string{"slug"}, DocsHint: []byte(`{"a":1}`), Retryable: []byte("false"),
		},
		`{"where":null,"retryable":null,"recovery":["r"],"details":{"a":1}}`: {Where: []byte("null"), Retryable: []byte("null"), Recovery: []byte(`["r"]`), Details: []byte(`{"a":1}`)},
		`{"retryable":true}`: {Retryable: []byte("true")}, `{"retryable":"soon"}`: {}, `{"affectedFields":[]}`: {AffectedFields: []string{}}, `{"affectedFields":null}`: {},
		`[{"why":"w"},{"why":"v"}]`: {Why: "w"}, `"{\"why\":\"w\"}"`: {Why: "w"}, `{"message":"m","reason":"r"}`: {Why: "m"}, `{"reason":"r"}`: {Why: "r"}, `{"why":"w","message":"m"}`: {Why: "w"}, `{"title":"t","message":"m"}`: {Title: "t"},
	} {
		assert.Equal(t, want, failure.ReadDiagnostic([]byte(text)), text)
	}
}
