package orchestratest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestUpdateKeepsWhatIsAbsentAndClearsNull(t *testing.T) {
	a := start(t)
	for path, made := range map[string]object{
		"/api/agents":  {"name": "One", "description": "text"},
		"/api/prompts": {"name": "One", "description": "text", "defaultModel": "gpt-4.1"},
		"/api/skills":  {"skillKey": "one", "name": "One", "description": "text"},
		"/api/tools":   {"toolKey": "one", "name": "One", "description": "text", "type": "http", "config": object{}, "inputSchema": object{}},
	} {
		t.Run(path, func(t *testing.T) {
			one := path + "/" + a.create(path, made)
			kept := a.ok("PATCH", one, object{})
			assert.Equal(t, "One", kept["name"])
			assert.Equal(t, "text", kept["description"])
			changed := a.ok("PATCH", one, object{"name": "Two", "description": nil})
			assert.Equal(t, "Two", changed["name"])
			assert.Nil(t, changed["description"])
			a.rejected(400, "PATCH", one, object{"name": nil})
			a.rejected(400, "PATCH", one, object{"name": ""})
			a.rejected(400, "PATCH", one, object{"description": 1})
			a.rejected(404, "PATCH", path+"/none", object{})
			assert.Equal(t, "Two", a.ok("GET", one, nil)["name"], "a rejected update changes nothing")
		})
	}
}
