package orchestratest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A path into nested objects is followed member by member, but only when its name is of a sane
// length: a name without an end would take the square of its length.
func TestNamesInPromptsAreBounded(t *testing.T) {
	a := start(t)
	const depth = 5_000
	deep := nested(`{"a":`, "}", `"found"`, depth)
	short, long := "v"+strings.Repeat(".a", 120), "v"+strings.Repeat(".a", depth)
	shallow := nested(`{"a":`, "}", `"found"`, 120)
	promptID := a.srv.PublishPrompt("{{v}} {{" + short + "}} {{" + long + "}}")
	path := "/api/prompts/" + promptID + "/run"

	ran := a.raw("POST", path, `"variables":{"v":`+shallow+"}")
	assert.Contains(t, ran, " found {{"+long+"}}")
	ran = a.raw("POST", path, `"variables":{"v":`+deep+"}")
	assert.Contains(t, ran, "{{"+long+"}}")
	assert.Contains(t, ran, `"missingVariables":["`+long+`"]`)
}

func TestPromptsRender(t *testing.T) {
	a := start(t)
	schema := object{"type": "object", "properties": object{
		"summary": object{"type": "string"}, "score": object{"type": "number"}, "done": object{"type": "boolean"}, "tags": object{"type": "array"},
		"given": object{"type": "string"},
	}}
	for name, c := range map[string]struct {
		version object
		output  any
	}{
		"plain":               {object{"content": "text"}, "text"},
		"a variable":          {object{"content": "{{ given }}, {{given}}"}, "x, x"},
		"an object":           {object{"content": "{{deep}} {{deep.a}} {{deep.b.c}}"}, `{"a":"<&>","b":{"c":1.50}} <&> 1.50`},
		"no such variable":    {object{"content": "{{none}} {{deep.none}}"}, "{{none}} {{deep.none}}"},
		"no content":          {object{"content": ""}, ""},
		"system prompt alone": {object{"systemPrompt": "s"}, "s"},
		"content comes first": {object{"content": "c", "systemPrompt": "s"}, "c"},
		"JSON":                {object{"content": `{"answer": "{{given}}"}`}, object{"answer": "x"}},
		"a schema": {
			object{"content": "text", "responseFormat": object{"type": "json_schema", "schema": schema}},
			object{"summary": "text", "score": 0.0, "done": false, "tags": []any{}, "given": "x"},
		},
		"a schema as OpenAI has it": {
			object{"content": "text", "responseFormat": object{"json_schema": object{"schema": schema}}},
			object{"summary": "text", "score": 0.0, "done": false, "tags": []any{}, "given": "x"},
		},
		"another format": {object{"content": "text", "responseFormat": "text"}, "text"},
	} {
		t.Run(name, func(t *testing.T) {
			promptID := a.create("/api/prompts", object{"name": name})
			versionID := a.create("/api/prompts/"+promptID+"/versions", c.version)
			a.ok("POST", "/api/prompts/"+promptID+"/publish", object{"versionId": versionID})
			variables := object{"given": "x", "deep": object{"a": "<&>", "b": object{"c": jsonNumber("1.50")}}}
			assert.Equal(t, c.output, a.ok("POST", "/api/prompts/"+promptID+"/run", object{"variables": variables})["output"])
		})
	}
}

// jsonNumber is a number that is written as it stands.
type jsonNumber string

func (n jsonNumber) MarshalJSON() ([]byte, error) { return []byte(n), nil }
