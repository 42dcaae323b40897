package orchestratest

import (
	"fmt"
	"strings"
)

// organization is everything that one organization owns.
type organization struct {
	id, name string
	taken    map[string]int // keys in use, such as "promptKey summary", with the last number given to it

	agents        table[agent]
	agentVersions table[agentVersion]
	agentRuns     table[agentRun]

	prompts        table[prompt]
	promptVersions table[promptVersion]
	runs           table[run]

	tools        table[tool]
	toolVersions table[toolVersion]

	skills        table[skill]
	skillVersions table[skillVersion]
	skillRuns     table[skillRun]

	evaluationCases table[evaluationCase]
	evaluationRuns  table[evaluationRun]

	sessions table[realtimeSession]
}

func newOrganization(id, name string) *organization {
	return &organization{
		id: id, name: name, taken: map[string]int{},
		agents:         table[agent]{kind: "agent"},
		agentVersions:  table[agentVersion]{kind: "agent version"},
		agentRuns:      table[agentRun]{kind: "agent run"},
		prompts:        table[prompt]{kind: "prompt"},
		promptVersions: table[promptVersion]{kind: "prompt version"},
		runs:           table[run]{kind: "run"},
		tools:          table[tool]{kind: "tool"},
		toolVersions:   table[toolVersion]{kind: "tool version"},
		skills:         table[skill]{kind: "skill"},
		skillVersions:  table[skillVersion]{kind: "skill version"},
		skillRuns:      table[skillRun]{kind: "skill run"},

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

// list is never nil, for an empty list is [] on the wire.
func (t *table[T]) list() []*T { return append([]*T{}, t.all...) }

// find returns a record or a 404.
func (t *table[T]) find(id string) (*T, error) {
	if record := t.byID[id]; record != nil {
		return record, nil
	}
	return nil, notFound(t.kind, id)
}

// claim takes a key that must be unique in the organization, such as a promptKey.
// One that the caller chose is refused when it is taken.
func (o *organization) claim(field, key string) error {
	if o.taken[field+" "+key] > 0 {
		return conflict("%s %q is taken", field, key)
	}
	o.taken[field+" "+key] = 1
	return nil
}

// derive takes a free key made from a name.
func (o *organization) derive(field, name string) string {
	base := slug(name, '_')
	key := base
	for o.claim(field, key) != nil {
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

// The two states of a version. Published versions never change again.
const (
	statusDraft     = "draft"
	statusPublished = "published"
)

// The states of an execution.
const (
	statusRunning   = "running"
	statusCompleted = "completed"
	statusFailed    = "failed"
)
