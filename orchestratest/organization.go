package orchestratest

import (
	"fmt"
	"strings"
)

// organization is everything that one organization owns.
type organization struct {
	id, name string
	first    Organization   // with its first credentials
	taken    map[string]int // keys in use, such as "promptKey summary", and the last number

	agents        table[agent]
	agentVersions versionKind[agentVersion]
	agentRuns     table[execution[agentRun]]

	prompts        table[prompt]
	promptVersions versionKind[promptVersion]
	runs           table[execution[run]]

	tools        table[tool]
	toolVersions versionKind[toolVersion]

	skills        table[skill]
	skillVersions versionKind[skillVersion]
	skillRuns     table[execution[skillRun]]

	evaluationCases table[evaluationCase]
	evaluationRuns  table[evaluationRun]

	sessions table[realtimeSession]
}

func newOrganization(id, name string) *organization {
	return &organization{
		id: id, name: name, taken: map[string]int{},
		agents:         table[agent]{kind: "agent"},
		agentVersions:  versionKind[agentVersion]{table[agentVersion]{kind: "agent version"}, "agent", "agv_", (*agentVersion).head, (*agentVersion).content, nil},
		agentRuns:      table[execution[agentRun]]{kind: "agent run"},
		prompts:        table[prompt]{kind: "prompt"},
		promptVersions: versionKind[promptVersion]{table[promptVersion]{kind: "prompt version"}, "prompt", "prv_", (*promptVersion).head, nil, nil},
		runs:           table[execution[run]]{kind: "run"},
		tools:          table[tool]{kind: "tool"},
		toolVersions:   versionKind[toolVersion]{table[toolVersion]{kind: "tool version"}, "tool", "tlv_", (*toolVersion).head, (*toolVersion).content, nil},
		skills:         table[skill]{kind: "skill"},
		skillVersions:  versionKind[skillVersion]{table[skillVersion]{kind: "skill version"}, "skill", "skv_", (*skillVersion).head, (*skillVersion).content, nil},
		skillRuns:      table[execution[skillRun]]{kind: "skill run"},

		evaluationCases: table[evaluationCase]{kind: "evaluation case"},
		evaluationRuns:  table[evaluationRun]{kind: "evaluation run"},
		sessions:        table[realtimeSession]{kind: "realtime session"},
	}
}

// table keeps the records of a kind in the order in which they were made.
type table[T any] struct {
	kind string
	all  []*T
	byID map[string]*T
}

func (t *table[T]) add(id string, record *T) {
	if t.byID == nil {
		t.byID = map[string]*T{}
	}
	t.byID[id] = record
	t.all = append(t.all, record)
}

// find returns a record or a 404.
func (t *table[T]) find(id string) (*T, error) {
	if record := t.byID[id]; record != nil {
		return record, nil
	}
	return nil, notFound(t.kind, id)
}

// showAll returns a list of records as they are sent. It is never nil, for an empty list is [] on
// the wire.
func showAll[R interface{ show() any }](records []R) []any {
	list := make([]any, len(records))
	for i, r := range records {
		list[i] = r.show()
	}
	return list
}

// claim takes a key that must be unique in the organization, such as a promptKey. It fails when the
// key is taken.
func (c *call) claim(field, key string) {
	taken := c.org.taken
	if taken[field+" "+key] > 0 {
		c.fail(conflict("%s %q is taken", field, key))
	}
	if c.ok() {
		taken[field+" "+key] = 1
	}
}

// free returns a key made from a name that nobody has taken.
func (o *organization) free(field, name string) string {
	base := slug(name, '_')
	key := base
	for o.taken[field+" "+key] > 0 {
		o.taken[field+" "+base]++
		key = fmt.Sprintf("%s_%d", base, o.taken[field+" "+base])
	}
	return key
}

// slug writes a name in small letters and digits with a separator between words.
func slug(name string, separator rune) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	if len(words) == 0 {
		return "untitled"
	}
	return strings.Join(words, string(separator))
}

// The states of an execution.
const (
	statusRunning   = "running"
	statusCompleted = "completed"
	statusFailed    = "failed"
)
