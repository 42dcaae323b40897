package orchestratest

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// change is one difference between two documents.
type change struct {
	Path   string `json:"path"` // such as steps[1].name
	Change string `json:"change"`
	Before any    `json:"before"`
	After  any    `json:"after"`
}

// versionDiff is the response of every diff route: what changed from the version compared against
// to the version asked for.
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

// maxDiffDepth is how deep two documents are taken apart. What differs further down is reported as
// one change of the value at this depth, so that the work and the paths do not grow with the square
// of the depth.
const maxDiffDepth = 32

// comparison collects the differences between two documents.
type comparison struct {
	path    []string // from the root to the values being compared
	changes []change
}

// diff compares two values by their JSON.
func diff(before, after any) []change {
	c := comparison{changes: []change{}}
	c.compare(plain(before), plain(after))
	return c.changes
}

// plain is a value as its JSON reads.
func plain(value any) any {
	encoded, err := encode(value)
	if err != nil {
		return nil
	}
	return decode(encoded)
}

// absent stands for a value on the side that does not have it.
type absent struct{}

func (c *comparison) compare(before, after any) {
	b, beforeIsObject := before.(map[string]any)
	a, afterIsObject := after.(map[string]any)
	x, beforeIsList := before.([]any)
	y, afterIsList := after.([]any)
	switch {
	case len(c.path) < maxDiffDepth && beforeIsObject && afterIsObject:
		names := maps.Clone(b)
		maps.Copy(names, a)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			c.inside("."+name, member(b, name), member(a, name))
		}
	case len(c.path) < maxDiffDepth && beforeIsList && afterIsList:
		for i := range max(len(x), len(y)) {
			c.inside(fmt.Sprintf("[%d]", i), element(x, i), element(y, i))
		}
	case !reflect.DeepEqual(before, after):
		c.report(before, after)
	}
}

func (c *comparison) inside(name string, before, after any) {
	c.path = append(c.path, name)
	c.compare(before, after)
	c.path = c.path[:len(c.path)-1]
}

func (c *comparison) report(before, after any) {
	found := change{strings.TrimPrefix(strings.Join(c.path, ""), "."), "changed", before, after}
	_, added := before.(absent)
	_, removed := after.(absent)
	switch {
	case added:
		found.Before = nil
	case removed:
		found.After = nil
	}
	switch { // null and absent read the same to most, so both are called so
	case found.Before == nil && found.After != nil || added:
		found.Change = "added"
	case found.After == nil || removed:
		found.Change = "removed"
	}
	c.changes = append(c.changes, found)
}

func member(object map[string]any, name string) any {
	if value, ok := object[name]; ok {
		return value
	}
	return absent{}
}

func element(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return absent{}
}
