package promptorchestra_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// The version that runs is known of prompts and skills as they are read, before and after a publish.
func TestLiveVersionsAsTheyAreRead(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	ctx, client := t.Context(), srv.Client()
	promptID := srv.PublishPrompt("one")
	prompt, err := client.Prompts.Get(ctx, promptID)
	require.NoError(t, err)
	live, found := prompt.LiveVersion()
	require.True(t, found)
	assert.Equal(t, "one", live.Content)

	second, err := client.Prompts.CreateVersion(ctx, promptID, promptorchestra.PromptVersionCreateParams{Content: "two"})
	require.NoError(t, err)
	prompt, err = client.Prompts.Get(ctx, promptID)
	require.NoError(t, err)
	live, _ = prompt.LiveVersion()
	assert.Equal(t, "one", live.Content, "a draft does not run")

	_, err = client.Prompts.Publish(ctx, promptID, promptorchestra.PromptPublishParams{VersionID: second.ID})
	require.NoError(t, err)
	prompt, err = client.Prompts.Get(ctx, promptID)
	require.NoError(t, err)
	live, _ = prompt.LiveVersion()
	assert.Equal(t, second.ID, live.ID)
	assert.Equal(t, "two", live.Content)

	skill, err := client.Skills.Get(ctx, srv.PublishSkill("three"))
	require.NoError(t, err)
	ofSkill, found := skill.LiveVersion()
	require.True(t, found)
	assert.Contains(t, skill.Versions, ofSkill)

	created, err := client.Prompts.Create(ctx, promptorchestra.PromptCreateParams{Name: "new"})
	require.NoError(t, err)
	prompt, err = client.Prompts.Get(ctx, created.ID)
	require.NoError(t, err)
	_, found = prompt.LiveVersion()
	assert.False(t, found)
}
