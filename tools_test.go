package promptorchestra_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

func TestToolsDecodeFromBothSpellings(t *testing.T) {
	for _, tt := range []struct{ name, doc, key, schema string }{
		{"snake_case", `{"tool_key":"k","input_schema":{"a":1}}`, "k", `{"a":1}`},
		{"camelCase", `{"toolKey":"k","inputSchema":{"a":1}}`, "k", `{"a":1}`},
		{"the one that is not empty wins", `{"tool_key":"k","toolKey":"","input_schema":{"a":1},"inputSchema":{}}`, "k", `{"a":1}`},
		{"and the other way round", `{"tool_key":"","toolKey":"k","input_schema":null,"inputSchema":{"a":1}}`, "k", `{"a":1}`},
		{"camelCase where both say something", `{"tool_key":"old","toolKey":"k","inputSchema":{"a":1},"input_schema":{"b":2}}`, "k", `{"a":1}`},
		{"one of another type", `{"tool_key":7,"toolKey":"k","input_schema":{"a":1}}`, "k", `{"a":1}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var tool promptorchestra.ToolRecord
			require.NoError(t, json.Unmarshal([]byte(tt.doc), &tool))
			assert.Equal(t, tt.key, tool.ToolKey)
			assert.JSONEq(t, tt.schema, string(tool.InputSchema))
			again, err := json.Marshal(tool)
			require.NoError(t, err)
			var back promptorchestra.ToolRecord
			require.NoError(t, json.Unmarshal(again, &back))
			assert.Equal(t, tool.ToolKey, back.ToolKey)
			assert.JSONEq(t, string(tool.InputSchema), string(back.InputSchema))
		})
	}
	var version promptorchestra.ToolVersion
	require.NoError(t, json.Unmarshal([]byte(`{"version_number":3,"versionNumber":0,"capability":{"riskLevel":"safe"}}`), &version))
	assert.Equal(t, promptorchestra.ToolVersion{VersionNumber: 3, Capability: &promptorchestra.ToolCapability{RiskLevel: promptorchestra.ToolRiskLevelSafe}}, version)
	for _, raw := range []string{`{"url":"https://x/?a=1&b=<2>",  "n": 1}`, "\"\u2028 < \\u003c\"", "[1 , 2]"} {
		require.NoError(t, json.Unmarshal([]byte(`{"tool_key":"k","config":`+raw+`}`), &version))
		assert.Equal(t, raw, version.Config.String(), "raw JSON is what the server sent")
	}
	for _, odd := range []string{`null`, `7`, `"text"`, `[]`, `{"id":{}}`} {
		require.NoError(t, json.Unmarshal([]byte(odd), &version), "an element of an unexpected type costs no list")
	}
}
