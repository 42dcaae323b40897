package orchestratest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestToolsAreSpeltInTwoWays(t *testing.T) {
	a := start(t)
	created := a.ok("POST", "/api/tools", object{
		"toolKey": "weather", "name": "Weather", "type": "manual_stub", "config": object{"response": 1}, "inputSchema": object{"type": "object"},
	})
	assert.Equal(t, "weather", created["toolKey"])
	assert.Equal(t, object{"type": "object"}, created["inputSchema"])
	toolID := created["id"].(string)
	for _, older := range []object{a.ok("GET", "/api/tools/"+toolID, nil), a.list("/api/tools")[0].(object)} {
		assert.Equal(t, "weather", older["tool_key"])
		assert.Equal(t, object{"type": "object"}, older["input_schema"])
		assert.NotContains(t, older, "toolKey")
		assert.NotContains(t, older, "inputSchema")
	}

	version := a.ok("POST", "/api/tools/"+toolID+"/versions", object{"config": object{"response": 2}, "capability": object{"category": "data", "riskLevel": "safe"}})
	assert.InDelta(t, 2, version["version_number"], 0)
	assert.Equal(t, object{"type": "object"}, version["input_schema"], "what is absent stays")
	assert.Equal(t, object{"response": 2.0}, a.ok("GET", "/api/tools/"+toolID, nil)["config"], "the newest version is used")
	diff := a.ok("GET", "/api/tools/"+toolID+"/versions/"+version["id"].(string)+"/diff", nil)
	assert.Equal(t, []string{"capability", "config.response"}, paths(diff["changes"]))
	a.rejected(404, "GET", "/api/tools/"+toolID+"/versions/"+version["id"].(string)+"/diff?againstVersionId=tlv_none", nil)

	for name, body := range map[string]object{
		"an odd type":         {"toolKey": "a", "name": "A", "type": "email", "config": object{}, "inputSchema": object{}},
		"no schema":           {"toolKey": "a", "name": "A", "type": "http", "config": object{}},
		"a schema of no type": {"toolKey": "a", "name": "A", "type": "http", "config": object{}, "inputSchema": "x"},
	} {
		status, _ := a.ask("POST", "/api/tools", body)
		assert.Equal(t, 400, status, name)
	}
	a.rejected(409, "POST", "/api/tools", object{"toolKey": "weather", "name": "A", "type": "http", "config": object{}, "inputSchema": object{}})
	odd := a.rejected(400, "POST", "/api/tools/"+toolID+"/versions", object{"capability": object{"category": "magic"}})
	assert.Equal(t, []any{"capability.category"}, odd["affectedFields"])
}
