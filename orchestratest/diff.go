package orchestratest

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// change is one difference between two documents.
type change struct {
	Path   string `json:"path"` // such as steps[1].name
	Change string `json:"change"`
	Before any    `json:"before"`
	After  any    `json:"after"`
}

// versionDiff is the answer of every diff route: what changed from the version
// compared against to the version asked for.
type versionDiff struct {
	AgentID              string   `json:"agentId,omitempty"`
	SkillID              string   `json:"skillId,omitempty"`
	ToolID               string   `json:"toolId,omitempty"`
	VersionID            string   `json:"versionId"`
	VersionNumber        int      `json:"versionNumber"`
	AgainstVersionID     string   `json:"againstVersionId"`
	AgainstVersionNumber int      `json:"againstVersionNumber"`
	Changes              []change `json:"changes"`
}

// diff compares two values by their JSON.
func diff(before, after any) []change {
	changes := []change{}
	compare(&changes, "", plain(before), plain(after))
	return changes
}

// plain is a value as its JSON reads.
func plain(value any) any {
	encoded, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	return decode(encoded)
}

func compare(changes *[]change, path string, before, after any) {
	if reflect.DeepEqual(before, after) {
		return
	}
	b, beforeIsObject := before.(map[string]any)
	a, afterIsObject := after.(map[string]any)
	if beforeIsObject && afterIsObject {
		compareObjects(changes, path, b, a)
		return
	}
	x, beforeIsList := before.([]any)
	y, afterIsList := after.([]any)
	if beforeIsList && afterIsList {
		for i := range max(len(x), len(y)) {
			compare(changes, fmt.Sprintf("%s[%d]", path, i), at(x, i), at(y, i))
		}
		return
	}
	kind := "changed"
	if before == nil {
		kind = "added"
	} else if after == nil {
		kind = "removed"
	}
	*changes = append(*changes, change{path, kind, before, after})
}

func compareObjects(changes *[]change, path string, before, after map[string]any) {
	names := maps.Clone(before)
	maps.Copy(names, after)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		inner := name
		if path != "" {
			inner = path + "." + name
		}
		compare(changes, inner, before[name], after[name])
	}
}

func at(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}
