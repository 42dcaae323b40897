package promptorchestra

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/prompt-orchestra/promptorchestra-go/internal/lenient"
)

// StepType says what a step of a workflow does. The API may send values that have no constant here.
type StepType string

// The documented kinds of step.
const (
	StepTypePrompt    StepType = "prompt_step"
	StepTypeTool      StepType = "tool_step"
	StepTypeReturn    StepType = "return_step"
	StepTypeCondition StepType = "condition_step"
)

// TransitionType says when a transition is followed. The API may send values that have no constant
// here.
type TransitionType string

// The documented kinds of transition.
const (
	TransitionTypeNext           TransitionType = "next"
	TransitionTypeSuccess        TransitionType = "success"
	TransitionTypeFailure        TransitionType = "failure"
	TransitionTypeConditionTrue  TransitionType = "condition_true"
	TransitionTypeConditionFalse TransitionType = "condition_false"
)

// The codes of the mistakes that [Workflow.Validate] finds. The API documents the first one. The
// others are names of this package.
const (
	GraphMissingEntryStep          = "missing_entry_step"
	GraphUnknownEntryStep          = "unknown_entry_step"
	GraphMissingStepKey            = "missing_step_key"
	GraphDuplicateStepKey          = "duplicate_step_key"
	GraphMissingPrompt             = "missing_prompt"
	GraphMissingTool               = "missing_tool"
	GraphMissingConditionBranch    = "missing_condition_branch"
	GraphUnknownTransitionSource   = "unknown_transition_source"
	GraphUnknownTransitionTarget   = "unknown_transition_target"
	GraphUnexpectedConditionBranch = "unexpected_condition_branch"
	GraphDuplicateNext             = "duplicate_next"
	GraphUnreachableStep           = "unreachable_step"
)

// Workflow is the graph of an agent version. A run begins at the entry step and follows the
// transitions between the steps.
//
// A workflow, its steps and its transitions keep in Extra what their fields do not hold: members
// that no field is for, and those of a field with a value that does not fit, such as 1.5 in the
// place of an integer. Extra is sent back, so reading a graph, changing it and saving it loses
// nothing. A member of a field is sent from Extra only if the field is zero. Fields that are empty
// are not sent, except for PositionIndex and, as [], Steps and Transitions. Extra is sent after the
// fields, in the order of its names. Two spellings of one field in it are an [*ArgumentError]. A
// struct that embeds one of these types encodes as that type alone.
type Workflow struct {
	EntryStepKey string               `json:"entryStepKey,omitzero"`
	Steps        []WorkflowStep       `json:"steps"`
	Transitions  []WorkflowTransition `json:"transitions"`
	Extra        map[string]RawJSON   `json:"-" keep:""`
}

// WorkflowStep is one step of a workflow. A prompt step names a prompt or a skill, and a tool step
// names a tool. A version id pins the version that runs, which is the published one otherwise. A
// version id is enough without the id of its prompt or skill. No source names the field that holds
// the condition of a condition step: it is in Extra. The names skillId, skillVersionId and toolId
// are inferred.
type WorkflowStep struct {
	StepKey         string             `json:"stepKey,omitzero"`
	Name            string             `json:"name,omitzero"`
	StepType        StepType           `json:"stepType,omitzero"`
	PromptID        string             `json:"promptId,omitzero"`
	PromptVersionID string             `json:"promptVersionId,omitzero"`
	PositionIndex   int                `json:"positionIndex"`
	SkillID         string             `json:"skillId,omitzero"`
	SkillVersionID  string             `json:"skillVersionId,omitzero"`
	ToolID          string             `json:"toolId,omitzero"`
	Extra           map[string]RawJSON `json:"-" keep:""` // see Workflow
}

// WorkflowTransition leads from one step to another. Its three JSON names are inferred: the API
// documents the kinds of transition, not the fields.
type WorkflowTransition struct {
	FromStepKey    string             `json:"fromStepKey,omitzero"`
	ToStepKey      string             `json:"toStepKey,omitzero"`
	TransitionType TransitionType     `json:"transitionType,omitzero"`
	Extra          map[string]RawJSON `json:"-" keep:""` // see Workflow
}

// Validate returns the mistakes that can be found without the server, in the form in which the
// server reports its own, or nil when there are none. [AgentsService.ValidateWorkflow] also checks
// what only the server knows, such as whether a prompt exists. Steps and transitions of a kind that
// has no constant here are left to the server, and so is what Extra has in the place of a field.
func (w Workflow) Validate() []ErrorDetail {
	if has(w.Extra, w, "steps") || has(w.Extra, w, "transitions") {
		return nil
	}
	g := newGraph(w)
	g.checkEntry()
	for i, step := range w.Steps {
		g.checkKey(i, step.StepKey)
		g.checkKind(i, step)
	}
	next := map[string]bool{}
	for i, t := range w.Transitions {
		g.checkEnds(i, t)
		g.checkType(i, t, next)
	}
	g.checkReachable()
	return g.found
}

// graph is a workflow being validated.
type graph struct {
	Workflow

	index   map[string]int // the first step of each key
	kinds   map[edge]bool  // which kinds of transition leave a step
	unclear bool           // some key is in Extra, so nothing can be said to be missing
	found   []ErrorDetail
}

type edge struct {
	from string
	kind TransitionType
}

func newGraph(w Workflow) *graph {
	g := &graph{Workflow: w, index: make(map[string]int, len(w.Steps)), kinds: make(map[edge]bool, len(w.Transitions))}
	for i, step := range w.Steps {
		if _, taken := g.index[step.StepKey]; !taken && step.StepKey != "" {
			g.index[step.StepKey] = i
		}
		g.needs(step.Extra, step.StepKey)
	}
	for _, t := range w.Transitions {
		g.kinds[edge{t.FromStepKey, t.TransitionType}] = true
		g.needs(t.Extra, t.FromStepKey, t.ToStepKey, string(t.TransitionType))
	}
	return g
}

// needs notes that a key which is empty may be in Extra.
func (g *graph) needs(extra map[string]RawJSON, keys ...string) {
	g.unclear = g.unclear || len(extra) > 0 && slices.Contains(keys, "")
}

func (g *graph) report(code, path, format string, args ...any) {
	g.found = append(g.found, ErrorDetail{Code: code, Message: fmt.Sprintf(format, args...), Path: path})
}

func stepPath(i int, field string) string { return fmt.Sprintf("steps[%d].%s", i, field) }

func transitionPath(i int, field string) string { return fmt.Sprintf("transitions[%d].%s", i, field) }

func (g *graph) checkEntry() {
	switch _, known := g.index[g.EntryStepKey]; {
	case g.EntryStepKey == "" && has(g.Extra, g.Workflow, "entryStepKey"):
	case g.EntryStepKey == "" || len(g.Steps) == 0:
		g.report(GraphMissingEntryStep, "entryStepKey", "Entry step is required")
	case !known && !g.unclear:
		g.report(GraphUnknownEntryStep, "entryStepKey", "Entry step %q does not exist", g.EntryStepKey)
	}
}

func (g *graph) checkKey(i int, key string) {
	switch {
	case key == "" && !g.unclear:
		g.report(GraphMissingStepKey, stepPath(i, "stepKey"), "Step %d has no key", i+1)
	case key != "" && g.index[key] != i:
		g.report(GraphDuplicateStepKey, stepPath(i, "stepKey"), "Step key %q is used twice", key)
	}
}

// checkKind looks for what a step of its kind needs.
func (g *graph) checkKind(i int, step WorkflowStep) {
	switch step.StepType {
	case StepTypePrompt:
		if !names(step, "promptId", "promptVersionId", "skillId", "skillVersionId") {
			g.report(GraphMissingPrompt, stepPath(i, "promptId"), "Prompt step %q names no prompt and no skill", step.StepKey)
		}
	case StepTypeTool:
		if !names(step, "toolId") {
			g.report(GraphMissingTool, stepPath(i, "toolId"), "Tool step %q names no tool", step.StepKey)
		}
	case StepTypeCondition:
		for _, branch := range []TransitionType{TransitionTypeConditionTrue, TransitionTypeConditionFalse} {
			if !g.kinds[edge{step.StepKey, branch}] && !g.unclear {
				g.report(GraphMissingConditionBranch, stepPath(i, "stepKey"), "Condition step %q has no %s transition", step.StepKey, branch)
			}
		}
	}
}

// names reports whether a step has one of these references, in any form.
func names(step WorkflowStep, fields ...string) bool {
	ids := map[string]string{
		"promptId": step.PromptID, "promptVersionId": step.PromptVersionID,
		"skillId": step.SkillID, "skillVersionId": step.SkillVersionID, "toolId": step.ToolID,
	}
	return slices.ContainsFunc(fields, func(field string) bool { return ids[field] != "" || has(step.Extra, step, field) })
}

func (g *graph) checkEnds(i int, t WorkflowTransition) {
	if _, known := g.index[t.FromStepKey]; !known && !g.unclear {
		g.report(GraphUnknownTransitionSource, transitionPath(i, "fromStepKey"), "Transition from step %q, which does not exist", t.FromStepKey)
	}
	if _, known := g.index[t.ToStepKey]; !known && !g.unclear {
		g.report(GraphUnknownTransitionTarget, transitionPath(i, "toStepKey"), "Transition to step %q, which does not exist", t.ToStepKey)
	}
}

// checkType looks for a transition that its step does not follow, or not always. next has the steps
// with a next transition so far.
func (g *graph) checkType(i int, t WorkflowTransition, next map[string]bool) {
	from, known := g.index[t.FromStepKey]
	switch {
	case !known:
	case isBranch(t) && isBranchless(g.Steps[from]):
		g.report(GraphUnexpectedConditionBranch, transitionPath(i, "transitionType"), "Step %q decides nothing, so its %s transition is never followed", t.FromStepKey, t.TransitionType)
	case t.TransitionType == TransitionTypeNext && next[t.FromStepKey]:
		g.report(GraphDuplicateNext, transitionPath(i, "transitionType"), "Step %q has two next transitions", t.FromStepKey)
	case t.TransitionType == TransitionTypeNext:
		next[t.FromStepKey] = true
	}
}

func isBranch(t WorkflowTransition) bool {
	return t.TransitionType == TransitionTypeConditionTrue || t.TransitionType == TransitionTypeConditionFalse
}

// isBranchless reports whether a step is of a kind that never decides anything.
func isBranchless(s WorkflowStep) bool {
	return s.StepType == StepTypePrompt || s.StepType == StepTypeTool || s.StepType == StepTypeReturn
}

// checkReachable looks for steps that no run can come to. Without a valid entry step it reports
// nothing: checkEntry has reported the cause.
func (g *graph) checkReachable() {
	if _, known := g.index[g.EntryStepKey]; !known || g.unclear {
		return
	}
	reached := g.reached()
	for i, step := range g.Steps {
		if step.StepKey != "" && !reached[step.StepKey] {
			g.report(GraphUnreachableStep, stepPath(i, "stepKey"), "Step %q cannot be reached from the entry step", step.StepKey)
		}
	}
}

// reached walks the graph from the entry step, along the transitions that may be followed.
func (g *graph) reached() map[string]bool {
	after := make(map[string][]string, len(g.Transitions))
	for _, t := range g.Transitions {
		if g.mayFollow(t) {
			after[t.FromStepKey] = append(after[t.FromStepKey], t.ToStepKey)
		}
	}
	reached := map[string]bool{g.EntryStepKey: true}
	for queue := []string{g.EntryStepKey}; len(queue) > 0; queue = queue[1:] {
		for _, next := range after[queue[0]] {
			if !reached[next] {
				reached[next] = true
				queue = append(queue, next)
			}
		}
	}
	return reached
}

// mayFollow reports whether a run may follow a transition: it ends at a step that returns, and
// branches only at one that decides. What a kind without a constant means is for the server to say.
func (g *graph) mayFollow(t WorkflowTransition) bool {
	from, known := g.index[t.FromStepKey]
	switch t.TransitionType {
	case TransitionTypeConditionTrue, TransitionTypeConditionFalse:
		return known && !isBranchless(g.Steps[from])
	case TransitionTypeNext, TransitionTypeSuccess, TransitionTypeFailure:
		return known && g.Steps[from].StepType != StepTypeReturn
	default:
		return known
	}
}

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
