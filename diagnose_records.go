package promptorchestra

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// readers are the routes that read one record, by the name of its kind.
var readers = map[string]*route{
	"agent": routeAgentsGet, "prompt": routePromptsGet, "skill": routeSkillsGet, "tool": routeToolsGet,
	"agent run": routeAgentRunsGet, "run": routeRunsGet, "skill run": routeSkillRunsGet,
	"evaluation run": routeEvaluationsGet, "realtime session": routeRealtimeSessionsGet,
}

// runKinds are the records that the calls of a service leave, or read.
var runKinds = map[string]string{
	"Agents": "agent run", "AgentRuns": "agent run", "Prompts": "run", "Runs": "run", "Skills": "skill run", "SkillRuns": "skill run",
	"VoiceAgents": "realtime session", "RealtimeSessions": "realtime session", "Evaluations": "evaluation run",
}

// record has the fields of a record of any kind that a diagnosis reads.
type record struct {
	ID           string                `json:"id"` // tells the record from an envelope around it
	VersionID    string                `json:"versionId"`
	Versions     []struct{ ID string } `json:"versions"`
	EntryStepKey string                `json:"entryStepKey"`
	Steps        RawJSON               `json:"steps"` // of a graph or of a run
	Transitions  []WorkflowTransition  `json:"transitions"`
	UsageMetrics struct {
		RunCount *int `json:"runCount"`
	} `json:"usageMetrics"`

	Status          RunStatus       `json:"status"`
	CompletionState RunStatus       `json:"completionState"` // of a session
	ErrorMessage    string          `json:"errorMessage"`
	Diagnostic      *Diagnostic     `json:"diagnostic"`
	DecisionTrace   []AgentDecision `json:"decisionTrace"`
	Run             AgentRun        `json:"run"` // of an agent run
}

// look is the result of reading a record.
type look struct {
	record *record
	err    error
}

// read reads a record, or returns the result of an earlier read of it.
func (d *diagnosing) read(kind string, ids ...string) look {
	key := kind + " " + strings.Join(ids, " ")
	if known, ok := d.looked[key]; ok {
		return known
	}
	in := call{route: readers[kind]}
	copy(in.ids[:], ids)
	var l look
	l.err = d.reading(func(ctx context.Context, once CallOption) (err error) {
		l.record, err = do[record](ctx, &d.client.service, in, []CallOption{once})
		return err
	})
	d.looked[key] = l
	return l
}

// idNames returns the names of the call's ids: those of runs, or the others.
func (d *diagnosing) idNames(runs bool) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(d.Resource)), func(name string) bool {
		return strings.HasSuffix(strings.ToLower(name), "runid") != runs
	})
}

// checkRecords looks up what the failed call names, in its path and body.
func (d *diagnosing) checkRecords() {
	names := d.idNames(false)
	if d.starts() {
		names = append(names, d.idNames(true)...)
	}
	if len(names) == 0 {
		d.report(3, VerdictNotChecked, "The call names no prompt, version, tool, agent or skill.")
	}
	for _, name := range names {
		d.checkRecord(name)
	}
}

func (d *diagnosing) checkRecord(name string) {
	id := d.Resource[name]
	what := fmt.Sprintf("%s %q", name, id)
	kind, owner, version := d.owner(name)
	if owner == "" || readers[kind] == nil {
		d.report(3, VerdictNotChecked, what+" could not be checked: the API has no route that reads it by this id alone.")
		return
	}
	l := d.read(kind, owner)
	switch {
	case IsNotFound(l.err):
		d.report(3, VerdictProblem, fmt.Sprintf("There is no %s %q in organization %s (%s).", kind, owner, d.Organization, name))
		return
	case l.err != nil:
		d.report(3, VerdictNotChecked, what+" could not be checked: "+l.err.Error())
		return
	}
	versions := []string{l.record.VersionID}
	for _, v := range l.record.Versions {
		versions = append(versions, v.ID)
	}
	switch {
	case !version || slices.Contains(versions, id):
		d.report(3, VerdictOK, what+" exists in organization "+d.Organization+".")
	case len(l.record.Versions) == 0:
		d.report(3, VerdictNotChecked, fmt.Sprintf("%s could not be checked: the response does not list the versions of the %s.", what, kind))
	default:
		d.report(3, VerdictProblem, fmt.Sprintf("%s is no version of %s %q.", what, kind, owner), "versions: "+strings.TrimSpace(strings.Join(versions, " ")))
	}
}

// owner returns the record through which an id can be looked up: "agentId" is one itself,
// "steps[2].promptVersionId" is a version of "steps[2].promptId", and "versionId" is a version of
// the call's agent, prompt, skill or tool.
func (d *diagnosing) owner(name string) (kind, id string, version bool) {
	at := strings.LastIndex(name, ".") + 1
	kind = strings.TrimSuffix(name[at:], "Id")
	if of, ok := strings.CutSuffix(kind, "Version"); ok {
		kind, version = of, true
	}
	if name == "runId" {
		return d.runKind(), d.Resource[name], false
	}
	if own := d.Resource[name[:at]+kind+"Id"]; own != "" && readers[kind] != nil {
		return kind, own, version
	}
	if at == 0 && slices.Contains([]string{"version", "against", "draft"}, kind) {
		for _, of := range []string{"agent", "prompt", "skill", "tool"} {
			if own := d.Resource[of+"Id"]; own != "" {
				return of, own, true
			}
		}
	}
	return kind, "", version
}

// checkRun looks at the run that the call's ids or the failure's body name, or at the newest one of
// those that the API lists.
func (d *diagnosing) checkRun() {
	var ids []string
	if !d.starts() {
		for _, name := range d.idNames(true) {
			ids = append(ids, d.Resource[name])
		}
	}
	kind := d.runKind()
	switch {
	case kind != "" && len(ids) > 0:
		for _, id := range ids {
			d.checkRunByID(kind, id, false)
		}
	case kind != "" && d.runID != "":
		if readers[d.runPrefix+" run"] != nil {
			kind = d.runPrefix + " run"
		}
		d.checkRunByID(kind, d.runID, true)
	case d.route == nil:
		d.report(4, VerdictNotChecked, "The error names no run.")
	case !d.starts():
		d.report(4, VerdictNotChecked, "The call runs nothing, so there is no record of a run.")
	case d.rejected:
		d.report(4, VerdictNotChecked, "The call was rejected or never sent, so there is no record of a run.")
	case d.route == routePromptsRun:
		d.checkNewestRun(routeRunsList, "run of the prompt", d.Resource["promptId"])
	case d.route == routeVoiceAgentsCreateSession:
		d.checkNewestRun(routeRealtimeSessionsList, "session of the agent", d.Resource["agentId"])
	default:
		d.report(4, VerdictNotChecked, "The record could not be checked: the error names no run, and the API lists those of prompts and of voice agents only.", d.runCount())
	}
}

// runCount returns the number of runs that the agent of the call has now, for a reader who knows
// the earlier number.
func (d *diagnosing) runCount() string {
	agent := d.looked["agent "+d.Resource["agentId"]].record
	if agent == nil || agent.UsageMetrics.RunCount == nil {
		return ""
	}
	return fmt.Sprintf("runs of the agent now: %d", *agent.UsageMetrics.RunCount)
}

// starts reports whether the call starts a run. A run id in such a call is that of an earlier run.
func (d *diagnosing) starts() bool {
	return d.route != nil && (d.route.traits.has(execution) || d.route == routeVoiceAgentsCreateSession)
}

func (d *diagnosing) runKind() string {
	service, _, _ := strings.Cut(d.Op, ".")
	return runKinds[service]
}

// checkRunByID reads a run. One that only the body names may be of another kind, and is no cause
// when it is not found.
func (d *diagnosing) checkRunByID(kind, id string, guess bool) {
	what, ids := fmt.Sprintf("The %s %q", kind, id), []string{id}
	if kind == "evaluation run" {
		ids = []string{d.Resource["skillId"], id}
	}
	l := d.read(kind, ids...)
	switch r := l.record; {
	case IsNotFound(l.err) && guess:
		d.report(4, VerdictNotChecked, fmt.Sprintf("The response names run %q, which is no %s of organization %s.", id, kind, d.Organization))
	case IsNotFound(l.err):
		d.report(4, VerdictProblem, fmt.Sprintf("There is no %s %q in organization %s.", kind, id, d.Organization))
	case l.err != nil:
		d.report(4, VerdictNotChecked, what+" could not be read: "+l.err.Error())
	default:
		var evidence []string
		for _, d := range r.DecisionTrace {
			evidence = append(evidence, "decision: "+joinTexts(d.Step, d.Decision, d.Reason))
		}
		var steps []RunStep
		_ = r.Steps.Decode(&steps) // without steps that decode there is no evidence
		for _, s := range steps {
			evidence = append(evidence, prefixed("step: ", joinTexts(string(s.StepType), s.ToolName, string(s.Status), s.Error)))
		}
		failure := r.ErrorMessage
		if d := r.Diagnostic; failure == "" && d != nil {
			failure = cmp.Or(d.Why, d.Title, d.Code)
		}
		d.reportRun(what, cmp.Or(r.Run.Status, r.Status, r.CompletionState), failure, evidence...)
	}
}

// listedRun has the fields of a listed run or session that a diagnosis reads.
type listedRun struct {
	ID              string
	PromptID        string
	RootAgentID     string
	Status          RunStatus
	CompletionState RunStatus
	ErrorMessage    string
	CreatedAt       Timestamp // inferred; CompletedAt is used when it is missing
	CompletedAt     Timestamp
}

// checkNewestRun reads a list of runs, which is long in a busy organization: one element at a time,
// within the time that is left.
func (d *diagnosing) checkNewestRun(lister *route, what, of string) {
	var newest listedRun
	var at Timestamp
	found, unnamed, undated := 0, 0, 0
	err := d.reading(func(ctx context.Context, once CallOption) error {
		for run, err := range stream[listedRun](ctx, &d.client.service, call{route: lister}, []CallOption{once}) {
			if err != nil {
				return err
			}
			owner, when := cmp.Or(run.PromptID, run.RootAgentID), cmp.Or(run.CreatedAt, run.CompletedAt)
			switch {
			case owner == "":
				unnamed++
			case owner != of:
			default:
				found++
				if when.IsZero() {
					undated++
				}
				if found == 1 || when.After(at.Time) {
					newest, at = run, when
				}
			}
		}
		return nil
	})
	switch {
	case err != nil:
		d.report(4, VerdictNotChecked, "The runs could not be listed: "+err.Error())
	case found == 0 && unnamed > 0:
		d.report(4, VerdictNotChecked, fmt.Sprintf("The list does not say of %d whose they are.", unnamed))
	case found == 0:
		d.report(4, VerdictOK, fmt.Sprintf("No %s %q is recorded: it seems that nothing ran.", what, of))
	case found > 1 && undated > 0:
		d.report(4, VerdictNotChecked, fmt.Sprintf("The list does not say which of %d is the newest %s %q.", found, what, of))
	default:
		d.guessed = true
		d.reportRun(fmt.Sprintf("The newest %s, %q, which may be another call's,", what, newest.ID),
			cmp.Or(newest.Status, newest.CompletionState), newest.ErrorMessage, "created: "+at.String(), "compare what it was given with the call")
	}
}

func (d *diagnosing) reportRun(what string, status RunStatus, failure string, evidence ...string) {
	evidence = append([]string{prefixed("status: ", string(status))}, evidence...)
	switch {
	case failure != "" || status == "failed":
		d.report(4, VerdictProblem, what+" failed: "+cmp.Or(failure, "the record does not say why"), evidence...)
	case status.Pending():
		d.report(4, VerdictOK, what+" has not ended yet.", evidence...)
	default:
		d.report(4, VerdictOK, what+" exists and shows no failure: its result is in the record.", evidence...)
	}
}

// checkGraph lists the graph's mistakes: those that the server names, else those of the agent's
// version in use.
func (d *diagnosing) checkGraph() {
	list := func(by string, details []ErrorDetail) {
		const most = 20
		var lines []string
		for _, d := range details[:min(len(details), most)] {
			lines = append(lines, joinTexts(d.Code, d.Message, prefixed("at ", d.Path)))
		}
		if more := len(details) - most; more > 0 {
			lines = append(lines, fmt.Sprintf("and %d more", more))
		}
		d.report(5, VerdictProblem, fmt.Sprintf("%s: %s", by, strings.Join(lines, "; ")), lines...)
	}
	agent := d.looked["agent "+d.Resource["agentId"]].record
	graph := d.kind == KindInvalidGraph
	if (graph || d.kind == KindValidation) && d.api != nil && len(d.api.Details) > 0 {
		list("The server names these mistakes", d.api.Details)
		return
	}
	// The response may leave out the entry step of an agent that was never published.
	if agent == nil || agent.EntryStepKey == "" {
		why := "The call is not about a graph."
		if graph || d.Resource["agentId"] != "" {
			why = "The graph could not be read; Agents.ValidateWorkflow says more of one."
		}
		d.report(5, VerdictNotChecked, why)
		return
	}
	if version := d.Resource["versionId"]; version != "" && agent.VersionID != "" && version != agent.VersionID {
		d.report(5, VerdictNotChecked, fmt.Sprintf("The API shows the graph of version %q, not of %q; Agents.ValidateWorkflow says more of one.", agent.VersionID, version))
		return
	}
	w := Workflow{EntryStepKey: agent.EntryStepKey, Transitions: agent.Transitions}
	if err := agent.Steps.Decode(&w.Steps); err != nil {
		d.report(5, VerdictNotChecked, "The agent's graph could not be read: "+err.Error())
		return
	}
	if slices.ContainsFunc(w.Transitions, func(t WorkflowTransition) bool { return t.FromStepKey == "" || t.ToStepKey == "" }) {
		d.report(5, VerdictNotChecked, "The graph of the agent's version in use spells its transitions in a way unknown here.")
		return
	}
	// The members that name a skill or a tool are inferred: their absence says nothing.
	mistakes := slices.DeleteFunc(w.Validate(), func(d ErrorDetail) bool { return d.Code == GraphMissingPrompt || d.Code == GraphMissingTool })
	if len(mistakes) > 0 {
		list("The agent's version in use has these mistakes", mistakes)
		return
	}
	d.report(5, VerdictOK, fmt.Sprintf("The graph of the agent's version in use, %d steps, has no mistake that Validate finds.", len(w.Steps)))
}
