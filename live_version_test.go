package promptorchestra

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLiveVersion(t *testing.T) {
	const versions = `"versions": [
		{"id": "agv_1", "versionNumber": 1, "isPublished": true, "status": "published", "publishedAt": "2026-01-01T00:00:00Z"},
		{"id": "agv_2", "versionNumber": 2, "isPublished": true, "status": "published", "publishedAt": "2026-01-02T00:00:00Z"},
		{"id": "agv_3", "versionNumber": 3, "status": "draft"}
	]`
	for name, c := range map[string]struct {
		agent  string
		id     string
		number int
		none   bool
	}{
		"an id":                           {agent: `{"publishedVersion": "agv_1",` + versions + `}`, id: "agv_1", number: 1},
		"a number":                        {agent: `{"publishedVersion": 2,` + versions + `}`, id: "agv_2", number: 2},
		"a number in text":                {agent: `{"publishedVersion": "2",` + versions + `}`, id: "agv_2", number: 2},
		"an object":                       {agent: `{"publishedVersion": {"id": "agv_1", "versionNumber": 1},` + versions + `}`, id: "agv_1", number: 1},
		"an object with an id alone":      {agent: `{"publishedVersion": {"versionId": "agv_1"},` + versions + `}`, id: "agv_1", number: 1},
		"an object with a number alone":   {agent: `{"publishedVersion": {"version_number": 1},` + versions + `}`, id: "agv_1", number: 1},
		"an object with a numeric id":     {agent: `{"publishedVersion": {"id": 4711}, "versions": [{"id": "4711", "versionNumber": 9}]}`, id: "4711", number: 9},
		"null":                            {agent: `{"publishedVersion": null,` + versions + `}`, none: true},
		"no text":                         {agent: `{"publishedVersion": "",` + versions + `}`, none: true},
		"zero":                            {agent: `{"publishedVersion": 0,` + versions + `}`, none: true},
		"not said":                        {agent: `{` + versions + `}`, id: "agv_2", number: 2},
		"an empty object":                 {agent: `{"publishedVersion": {},` + versions + `}`, id: "agv_2", number: 2},
		"a boolean":                       {agent: `{"publishedVersion": true,` + versions + `}`, id: "agv_2", number: 2},
		"a list":                          {agent: `{"publishedVersion": [1],` + versions + `}`, id: "agv_2", number: 2},
		"a huge number":                   {agent: `{"publishedVersion": 1e400,` + versions + `}`, id: "agv_2", number: 2},
		"published again":                 {agent: `{"versions": [{"id": "a", "versionNumber": 1, "isPublished": true, "publishedAt": "2026-02-01T00:00:00Z"}, {"id": "b", "versionNumber": 2, "isPublished": true, "publishedAt": "2026-01-01T00:00:00Z"}]}`, id: "a", number: 1},
		"a status alone":                  {agent: `{"versions": [{"id": "a", "versionNumber": 1, "status": "published"}, {"id": "b", "versionNumber": 2, "status": "draft"}]}`, id: "a", number: 1},
		"drafts alone":                    {agent: `{"versions": [{"id": "a", "versionNumber": 1, "status": "draft"}]}`, none: true},
		"nothing":                         {agent: `{}`, none: true},
		"an id of the version in use":     {agent: `{"publishedVersion": "agv_9", "versionId": "agv_9", "versionNumber": 9}`, id: "agv_9", number: 9},
		"a number of the version in use":  {agent: `{"publishedVersion": 9, "versionId": "agv_9", "versionNumber": 9}`, id: "agv_9", number: 9},
		"an id that nothing else names":   {agent: `{"publishedVersion": "agv_9",` + versions + `}`, id: "agv_9"},
		"a number that nothing else has":  {agent: `{"publishedVersion": 9,` + versions + `}`, number: 9},
		"an object that nothing else has": {agent: `{"publishedVersion": {"id": "agv_9", "versionNumber": 9},` + versions + `}`, id: "agv_9", number: 9},
	} {
		t.Run(name, func(t *testing.T) {
			var agent AgentVersionSummary
			require.NoError(t, json.Unmarshal([]byte(c.agent), &agent))
			live, found := agent.LiveVersion()
			assert.Equal(t, !c.none, found)
			assert.Equal(t, c.id, live.ID)
			assert.Equal(t, c.number, live.VersionNumber)
			if agent.VersionID != "" {
				return // only agents have a version in use
			}
			var skill SkillDetail
			require.NoError(t, json.Unmarshal([]byte(c.agent), &skill))
			ofSkill, found := skill.LiveVersion()
			assert.Equal(t, !c.none, found)
			assert.Equal(t, c.id, ofSkill.ID)
			assert.Equal(t, c.number, ofSkill.VersionNumber)
		})
	}
}

func TestLiveVersionOfNothing(t *testing.T) {
	_, found := (*AgentVersionSummary)(nil).LiveVersion()
	assert.False(t, found)
	live, found := (&AgentVersionSummary{AgentListItem: AgentListItem{ID: "agt_1", PublishedVersion: RawJSON(`"agv_1"`)}}).LiveVersion()
	assert.True(t, found)
	assert.Equal(t, AgentVersionRef{ID: "agv_1", AgentID: "agt_1", IsPublished: true}, live)
}

func TestLiveVersionOfPrompts(t *testing.T) {
	const versions = `"versions": [
		{"id": "prv_1", "versionNumber": 1, "isPublished": true, "content": "one", "publishedAt": "2026-01-02T00:00:00Z"},
		{"id": "prv_2", "versionNumber": 2, "status": "published", "content": "two", "publishedAt": "2026-01-01T00:00:00Z"},
		{"id": "prv_3", "versionNumber": 3, "status": "draft"}
	]`
	for name, c := range map[string]struct {
		prompt string
		want   PromptVersion // its Content stands for an entry of the list
		none   bool
	}{
		"an id":               {prompt: `{"id":"prm_1","publishedVersionId":"prv_2",` + versions + `}`, want: PromptVersion{Content: "two"}},
		"a number":            {prompt: `{"id":"prm_1","publishedVersionNumber":2,` + versions + `}`, want: PromptVersion{Content: "two"}},
		"not said":            {prompt: `{"id":"prm_1",` + versions + `}`, want: PromptVersion{Content: "one"}},
		"null":                {prompt: `{"id":"prm_1","publishedVersionId":null,"publishedVersionNumber":null,` + versions + `}`, want: PromptVersion{Content: "one"}},
		"drafts alone":        {prompt: `{"id":"prm_1","versions":[{"id":"prv_3","status":"draft"}]}`, none: true},
		"nothing":             {prompt: `{"id":"prm_1"}`, none: true},
		"an id alone":         {prompt: `{"id":"prm_1","publishedVersionId":"prv_9","publishedVersionNumber":9}`, want: PromptVersion{ID: "prv_9", PromptID: "prm_1", VersionNumber: 9, IsPublished: true}},
		"one of no list":      {prompt: `{"id":"prm_1","publishedVersionId":"prv_9",` + versions + `}`, want: PromptVersion{ID: "prv_9", PromptID: "prm_1", IsPublished: true}},
		"a number of no list": {prompt: `{"id":"prm_1","publishedVersionNumber":9}`, want: PromptVersion{PromptID: "prm_1", VersionNumber: 9, IsPublished: true}},
	} {
		t.Run(name, func(t *testing.T) {
			var prompt PromptDetail
			require.NoError(t, json.Unmarshal([]byte(c.prompt), &prompt))
			live, found := prompt.LiveVersion()
			assert.Equal(t, !c.none, found)
			if c.want.Content != "" {
				live = PromptVersion{Content: live.Content}
			}
			assert.Equal(t, c.want, live)
		})
	}
	_, found := (*PromptDetail)(nil).LiveVersion()
	assert.False(t, found)
	_, found = (*SkillDetail)(nil).LiveVersion()
	assert.False(t, found)
}
