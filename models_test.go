package promptorchestra_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

// A text in the place of a list of texts is a list of one, in lists and streams alike.
func TestOneTextIsAListOfOne(t *testing.T) {
	for text, want := range map[string][]string{
		`"text"`: {"text"}, `" text and image "`: {"text and image"}, `"text,image"`: {"text,image"}, `["text","image"]`: {"text", "image"},
		`""`: nil, `" "`: nil, `null`: nil, `7`: nil, `{"text":true}`: nil,
	} {
		client := apitest.NewClient(t, apitest.Respond(200, `[{"modelKey":"m","inputModalities":`+text+`,"output_modalities":`+text+`}]`))
		models, err := client.Models.List(t.Context(), promptorchestra.ModelListParams{})
		require.NoError(t, err, text)
		for model, err := range client.Models.All(t.Context(), promptorchestra.ModelListParams{}) {
			require.NoError(t, err, text)
			models = append(models, model)
		}
		require.Len(t, models, 2)
		for _, model := range models {
			assert.Equal(t, want, model.InputModalities, text)
			assert.Equal(t, want, model.OutputModalities, text)
		}
	}
}
