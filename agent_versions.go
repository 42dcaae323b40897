package promptorchestra

import (
	"cmp"
	"maps"

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
	w := Workflow{EntryStepKey: a.EntryStepKey, Steps: a.Steps, Transitions: a.Transitions, Extra: maps.Clone(a.Extra)}
	members, _ := lenient.MembersOf(w)
	maps.DeleteFunc(w.Extra, func(name string, _ RawJSON) bool { return !members.Has([]byte(name)) })
	none := len(w.Steps)+len(w.Transitions)+len(w.Extra) == 0
	for _, name := range []string{"workflow", "graph"} {
		var own Workflow
		if a.Extra[name].Decode(&own) == nil && (none || len(own.Steps) > 0 || has(own.Extra, own, "steps")) {
			own.EntryStepKey = cmp.Or(own.EntryStepKey, w.EntryStepKey)
			return own
		}
	}
	if len(w.Extra) == 0 {
		w.Extra = nil
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

// AgentVersionDiff holds the differences between two versions of an agent. All its names are
// inferred.
type AgentVersionDiff struct {
	AgentID          string  `json:"agentId"`
	VersionID        string  `json:"versionId"`
	AgainstVersionID string  `json:"againstVersionId"`
	Changes          RawJSON `json:"changes,omitzero"`
}
