package recipes

import (
	"bytes"

	"github.com/google/go-cmp/cmp"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

var sameErrors = cmp.FilterValues(
	func(a, b error) bool { return encoded(a) != nil && encoded(b) != nil },
	cmp.Comparer(func(a, b error) bool { return bytes.Equal(encoded(a), encoded(b)) }),
)

func encoded(err error) []byte {
	text, _ := promptorchestra.MarshalError(err) // of another error there is none
	return text
}
