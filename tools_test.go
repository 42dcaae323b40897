package promptorchestra_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
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
			tool, err := apitest.NewClient(t, apitest.Respond(200, tt.doc)).Tools.Get(t.Context(), "tol_1")
			require.NoError(t, err)
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
	createVersion := func(doc string) *promptorchestra.ToolVersion {
		version, err := apitest.NewClient(t, apitest.Respond(200, doc)).Tools.CreateVersion(t.Context(), "tol_1", promptorchestra.ToolVersionCreateParams{})
		require.NoError(t, err)
		return version
	}
	assert.Equal(t, &promptorchestra.ToolVersion{VersionNumber: 3, Capability: &promptorchestra.ToolCapability{RiskLevel: promptorchestra.ToolRiskLevelSafe}},
		createVersion(`{"version_number":3,"versionNumber":0,"capability":{"risk_level":"safe"}}`))
	for _, raw := range []string{`{"url":"https://x/?a=1&b=<2>",  "n": 1}`, "\"\u2028 < \\u003c\"", "[1 , 2]"} {
		version := createVersion(`{"tool_id":"k","config":` + raw + `}`)
		assert.Equal(t, raw, version.Config.String(), "raw JSON is what the server sent")
	}
	tools, err := apitest.NewClient(t, apitest.Respond(200, `[7, "text", [], {"id":{}}, {"tool_key":"k"}]`)).Tools.List(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []promptorchestra.ToolRecord{4: {ToolKey: "k"}}, tools, "an element of an unexpected type costs no list")
}
