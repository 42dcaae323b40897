package orchestratest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestProblemsAreNamedInOrder(t *testing.T) {
	a := start(t)
	toolID := a.stub("weather", nil)
	for range 5 {
		body := a.rejected(400, "POST", "/api/tools/"+toolID+"/versions", object{
			"config": 1, "inputSchema": 1, "outputSchema": 1, "capability": object{"riskLevel": "x", "category": "x", "accessMode": "x"},
		})
		assert.Equal(t, []any{"config", "inputSchema", "outputSchema", "capability.accessMode", "capability.category", "capability.riskLevel"}, body["affectedFields"])
	}
	_, versionID := a.agent(flow([]object{step("a", "return_step")}))
	assert.Equal(t, object{"error": "steps must be an array of objects"},
		a.rejected(400, "POST", "/api/agent-versions/"+versionID+"/steps", object{"steps": []any{nil}}))
}
