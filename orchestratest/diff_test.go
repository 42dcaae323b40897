package orchestratest_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// nested is a document as deep as encoding/json reads, nearly, with a value at each depth.
func nested(open, closing, value string, depth int) string {
	return strings.Repeat(open, depth) + value + strings.Repeat(closing, depth)
}

// Two documents that differ at every depth are compared down to some depth, and as one value from
// there on: neither the work nor the paths grow with the square of the depth.
func TestDiffOfDeepDocuments(t *testing.T) {
	a := start(t)
	const depth = 9_000
	config := func(x string) string {
		return `"config":{"objects":` + nested(`{"x":`+x+`,"in":`, "}", x, depth) + `,"lists":` + nested("["+x+",", "]", x, depth) + "}"
	}
	toolID := idOf(a.raw("POST", "/api/tools", `"toolKey":"deep","name":"Deep","type":"manual_stub","inputSchema":{},`+config("1")))
	_, text, _ := strings.Cut(a.raw("POST", "/api/tools/"+toolID+"/versions", config("2")), `"toolId"`)
	assert.Contains(t, text, toolID)
	versions := "/api/tools/" + toolID + "/versions/"
	newest := a.ok("GET", "/api/tools/"+toolID, nil)["versionId"].(string)
	compared := a.raw("GET", versions+newest+"/diff", "")
	var diff struct {
		Changes []struct{ Path string }
	}
	require.NoError(t, json.Unmarshal([]byte(compared), &diff))
	assert.Len(t, diff.Changes, 2*31)
	for _, c := range diff.Changes {
		assert.LessOrEqual(t, strings.Count(c.Path, ".")+strings.Count(c.Path, "["), 32)
	}
	assert.Less(t, len(compared), 1<<20)
}

func TestDiffTellsNullFromAbsent(t *testing.T) {
	a := start(t)
	schema := func(members string) string {
		return `"inputSchema":{` + members + `}`
	}
	toolID := idOf(a.raw("POST", "/api/tools", `"toolKey":"t","name":"T","type":"manual_stub","config":{},`+schema(`"gone":null,"cleared":1,"same":null,"set":null`)))
	a.raw("POST", "/api/tools/"+toolID+"/versions", schema(`"new":null,"cleared":null,"same":null,"set":1`))
	newest := a.ok("GET", "/api/tools/"+toolID, nil)["versionId"].(string)
	compared := a.ok("GET", "/api/tools/"+toolID+"/versions/"+newest+"/diff", nil)
	assert.Equal(t, []any{
		object{"path": "inputSchema.cleared", "change": "removed", "before": 1.0, "after": nil},
		object{"path": "inputSchema.gone", "change": "removed", "before": nil, "after": nil},
		object{"path": "inputSchema.new", "change": "added", "before": nil, "after": nil},
		object{"path": "inputSchema.set", "change": "added", "before": nil, "after": 1.0},
	}, compared["changes"])
}
