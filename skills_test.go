package promptorchestra_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

// An attachment that the server cannot take is rejected before sending, with its place.
func TestAttachmentsAreChecked(t *testing.T) {
	type attachment = promptorchestra.PromptAttachment
	const pinned, floating = promptorchestra.AttachmentModePinnedVersion, promptorchestra.AttachmentModeFloatingLatestPublished
	for _, row := range []struct {
		prompt attachment
		want   string // the argument, "" when it is sent
	}{
		{attachment{PromptID: "prm_1"}, ""},
		{attachment{PromptID: "prm_1", AttachmentMode: floating}, ""},
		{attachment{PromptID: "prm_1", AttachmentMode: pinned, VersionNumber: 2}, ""},
		{attachment{PromptID: "prm_1", AttachmentMode: "a mode of next year"}, ""},
		{attachment{Extra: map[string]promptorchestra.RawJSON{"promptId": promptorchestra.RawJSON(`{"id":"prm_1"}`)}}, ""},
		{attachment{}, "prompts[1].promptId"},
		{attachment{PromptID: "prm_1", AttachmentMode: pinned}, "prompts[1].versionNumber"},
		{attachment{PromptID: "prm_1", AttachmentMode: floating, VersionNumber: 2}, "prompts[1].versionNumber"},
	} {
		var seen apitest.Recorder
		client := apitest.NewClient(t, &seen)
		_, err := client.Skills.ReplacePrompts(t.Context(), "skv_1", []attachment{{PromptID: "prm_0"}, row.prompt})
		var argument *promptorchestra.ArgumentError
		if row.want == "" {
			assert.NotErrorAs(t, err, &argument, row.prompt)
			assert.Len(t, seen.All(), 1)
			continue
		}
		require.ErrorAs(t, err, &argument)
		assert.Equal(t, row.want, argument.Argument)
		assert.Empty(t, seen.All())
	}
	var seen apitest.Recorder
	_, err := apitest.NewClient(t, &seen).Skills.ReplaceTools(t.Context(), "skv_1", []promptorchestra.ToolAttachment{{ToolID: "tol_1"}, {}})
	var argument *promptorchestra.ArgumentError
	require.ErrorAs(t, err, &argument)
	assert.Equal(t, "tools[1].toolId", argument.Argument)
	assert.Empty(t, seen.All())
}
