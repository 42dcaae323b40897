package promptorchestra

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/prompt-orchestra/promptorchestra-go/internal/lenient"
)

// AgentVersionSummary is an agent with its versions and the graph of the version in use, as Get
// returns it. The version in use is the published one, or the newest when none is published: that
// is inferred, and so are the names of the fields below.
type AgentVersionSummary struct {
	AgentListItem
	VersionID     string               `json:"versionId"`     // of the version in use
	VersionNumber int                  `json:"versionNumber"` // of the version in use, from 1
	Steps         []WorkflowStep       `json:"steps"`         // of the version in use
	Transitions   []WorkflowTransition `json:"transitions"`   // of the version in use
	Versions      []AgentVersionRef    `json:"versions"`      // all versions of the agent
	// Extra holds what the fields above cannot hold of the graph: an object of its own, under
	// workflow or graph, and the entry step, steps or transitions in another form.
	Extra map[string]RawJSON `json:"-" keep:"workflow,graph,entryStepKey,steps,transitions"`
}

// Workflow returns the graph of the version, as [AgentsService.SaveWorkflow] takes it. It shares
// the steps and transitions, with their Extra.
//
// If the response has the graph as an object of its own, as workflow or graph, the result has all
// members of that object. If the graph is among the agent's own members, the result has the entry
// step, the steps and the transitions, in whatever form they came. Other members may be the agent's
// and are left out. One that is known to be the graph's is read with [WithInto] and added:
//
//	var known struct{ Layout promptorchestra.RawJSON }
//	agent, err := client.Agents.Get(ctx, agentID, promptorchestra.WithInto(&known))
//	...
//	workflow := agent.Workflow()
//	workflow.Extra = map[string]promptorchestra.RawJSON{"layout": known.Layout}
func (a *AgentVersionSummary) Workflow() Workflow {
	w := Workflow{EntryStepKey: a.EntryStepKey, Steps: a.Steps, Transitions: a.Transitions}
	members, _ := lenient.MembersOf(w)
	for name, value := range a.Extra {
		if members.Has([]byte(name)) {
			if w.Extra == nil {
				w.Extra = map[string]RawJSON{}
			}
			w.Extra[name] = value
		}
	}
	none := len(w.Steps) == 0 && len(w.Transitions) == 0 && len(w.Extra) == 0
	for _, name := range []string{"workflow", "graph"} {
		var own Workflow
		if a.Extra[name].Decode(&own) == nil && (none || len(own.Steps) > 0 || has(own.Extra, own, "steps")) {
			own.EntryStepKey = cmp.Or(own.EntryStepKey, w.EntryStepKey)
			return own
		}
	}
	return w
}

// AgentVersionRef names one version of an agent. All its names are inferred.
type AgentVersionRef struct {
	ID            string        `json:"id"` // what SaveWorkflow, ValidateWorkflow and Publish take
	AgentID       string        `json:"agentId"`
	VersionNumber int           `json:"versionNumber"` // from 1
	Status        VersionStatus `json:"status"`
	// IsPublished is true of the version that runs by default. It stays true of older versions that
	// were published before it: use LiveVersion to find the one that runs.
	IsPublished bool      `json:"isPublished"`
	CreatedAt   Timestamp `json:"createdAt"`
	PublishedAt Timestamp `json:"publishedAt"` // zero for a version that was never published
}

// LiveVersion returns the version that runs by default, and false when none is published. It goes
// by PublishedVersion, which servers send as an id, a number or an object, and as null when nothing
// is published. When the response says nothing there, it goes by Versions and returns the one that
// was published last.
//
// The result is the entry of Versions, when there is one. Otherwise it has only the fields that the
// rest of the response gives.
func (a *AgentVersionSummary) LiveVersion() (AgentVersionRef, bool) {
	if a == nil {
		return AgentVersionRef{}, false
	}
	live, said := a.publishedVersion()
	if !said {
		return a.lastPublished()
	}
	if live.ID == "" && live.VersionNumber == 0 {
		return AgentVersionRef{}, false
	}
	inUse := AgentVersionRef{ID: a.VersionID, AgentID: a.ID, VersionNumber: a.VersionNumber, IsPublished: true}
	known := append(slices.Clone(a.Versions), inUse)
	i := slices.IndexFunc(known, func(v AgentVersionRef) bool { return v.ID == live.ID && v.ID != "" })
	if i < 0 && live.VersionNumber != 0 {
		i = slices.IndexFunc(known, func(v AgentVersionRef) bool { return v.VersionNumber == live.VersionNumber })
	}
	if i >= 0 {
		return known[i], true
	}
	if live.ID == strconv.Itoa(live.VersionNumber) {
		live.ID = "" // a number alone is a version's number
	}
	live.AgentID, live.IsPublished = cmp.Or(live.AgentID, a.ID), true
	return live, true
}

// publishedVersion reads PublishedVersion. It returns no id and no number when the response says
// that nothing is published, and false when the response does not say.
func (a *AgentVersionSummary) publishedVersion() (live AgentVersionRef, said bool) {
	var value any
	if a.PublishedVersion.Decode(&value) != nil {
		return live, false
	}
	switch value := value.(type) {
	case nil:
		return live, true
	case map[string]any:
		_ = a.PublishedVersion.Decode(&live) // a field of another type stays zero
		for _, name := range []string{"id", "versionId", "version_id", "agentVersionId", "agent_version_id"} {
			id, _ := versionID(value[name])
			live.ID = cmp.Or(live.ID, id)
		}
		for _, name := range []string{"versionNumber", "version_number", "number", "version"} {
			_, number := versionID(value[name])
			live.VersionNumber = cmp.Or(live.VersionNumber, number)
		}
		return live, live.ID != "" || live.VersionNumber != 0
	case string, float64:
		live.ID, live.VersionNumber = versionID(value)
		return live, true
	}
	return live, false
}

// versionID reads a JSON value as a version's id, and as its number where it is a whole number.
func versionID(value any) (id string, number int) {
	switch value := value.(type) {
	case string:
		id = value
	case float64:
		if value != 0 {
			id = strconv.FormatFloat(value, 'f', -1, 64)
		}
	}
	number, _ = strconv.Atoi(id) // 0 for an id that is no number
	return id, number
}

// lastPublished returns the version of Versions that was published last.
func (a *AgentVersionSummary) lastPublished() (live AgentVersionRef, found bool) {
	for _, v := range a.Versions {
		if !v.IsPublished && v.Status != VersionStatusPublished {
			continue
		}
		later := cmp.Or(v.PublishedAt.Compare(live.PublishedAt.Time), cmp.Compare(v.VersionNumber, live.VersionNumber))
		if !found || later > 0 {
			live, found = v, true
		}
	}
	return live, found
}

// AgentVersionDiff holds the differences between two versions of an agent. All its names are
// inferred.
type AgentVersionDiff struct {
	AgentID          string  `json:"agentId"`
	VersionID        string  `json:"versionId"`
	AgainstVersionID string  `json:"againstVersionId"`
	Changes          RawJSON `json:"changes,omitzero"`
}
