package promptorchestra

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/prompt-orchestra/promptorchestra-go/internal/failure"
)

// DiagnoseRun says what became of a run: of an agent run, a run of a prompt, a skill run or a
// realtime session, whichever has the id. It shows the steps or decisions of the run in their
// order, where it failed, and what to do. It never fails, changes nothing, sends at most five
// requests and takes ten seconds at most. The Kind of the result is that of a look-up that failed,
// and otherwise "". It is a composite for observers.
func (c *Client) DiagnoseRun(ctx context.Context, id string) *Diagnosis {
	d := diagnosing{lookups: map[string]lookup{}}
	if err := checkID("id", id); err != nil || c == nil || c.core == nil || ctx == nil {
		d.kind, d.bucket = KindArgument, buckets[KindArgument]
		d.report(4, VerdictProblem, "DiagnoseRun needs the id of a run, a context and a client made by New.")
		return d.conclude(nil)
	}
	d.bucket = bucket{settledBy: []int{4, 2}}
	d.client, d.Organization = c, c.organization
	return d.observed(ctx, routeDiagnoseRun, nil, d.checkCredential, func() { d.checkAnyRun(id) })
}

var routeDiagnoseRun = newComposite("DiagnoseRun", routeAgentRunsGet)

// checkAnyRun reads a run of a kind that is not known.
func (d *diagnosing) checkAnyRun(id string) {
	kinds := []string{"agent run", "run", "skill run", "realtime session"}
	var unread error
	for _, kind := range kinds {
		l := d.read(kind, id)
		switch {
		case l.err == nil && !slices.Contains([]string{l.record.ID, l.record.Run.ID, l.record.RunID}, id):
			unread = cmp.Or[error](unread, &DecodeError{Err: fmt.Errorf("the response does not show the %s %q", kind, id)})
		case l.err == nil:
			d.bucket.advice = l.record.end().advice
			d.reportRecord(fmt.Sprintf("The %s %q", kind, id), l.record)
			return
		case !IsNotFound(l.err):
			unread = cmp.Or(unread, l.err)
		}
	}
	if unread != nil {
		d.kind, d.bucket.advice = KindOf(unread), buckets[KindOf(unread)].advice
		d.report(4, VerdictNotChecked, "Whether the run exists could not be checked: "+unread.Error())
		return
	}
	d.kind, d.bucket.advice = KindNotFound, buckets[KindNotFound].advice
	d.reportMissing(4, fmt.Sprintf("Organization %s has no agent run, run, skill run or realtime session %q.", d.Organization, id))
}

// checkRun looks at the run that the call's ids or the failure's body name, or at the newest one of
// those that the API lists.
func (d *diagnosing) checkRun() {
	kind := d.runKind()
	if kind != "" && d.checkNamedRun(kind) {
		return
	}
	switch {
	case d.route == nil:
		d.report(4, VerdictNotChecked, "The error names no run.")
	case !d.starts():
		d.report(4, VerdictNotChecked, "The call starts no run.")
	case d.rejected:
		d.report(4, VerdictNotChecked, "The call was rejected or not sent, so it started no run.")
	case d.route == routePromptsRun:
		d.checkNewestRun(routeRunsList, "run of the prompt", d.Resource["promptId"])
	case d.route == routeVoiceAgentsCreateSession:
		d.checkNewestRun(routeRealtimeSessionsList, "session of the agent", d.Resource["agentId"])
	default:
		d.report(4, VerdictNotChecked, "The run could not be looked up: the error names none, and the API lists only the runs of prompts and the sessions of voice agents.", d.runCount())
	}
}

// checkNamedRun looks at the runs that the call's ids name, else at the one that the body names. It
// returns false if there is none.
func (d *diagnosing) checkNamedRun(kind string) bool {
	var names []string
	if !d.starts() {
		names = d.idNames(true)
	}
	for _, name := range names {
		d.checkRunByID(kind, d.Resource[name], false)
	}
	if len(names) > 0 || d.runID == "" {
		return len(names) > 0
	}
	if readers[d.runPrefix+" run"] != nil {
		kind = d.runPrefix + " run"
	}
	d.checkRunByID(kind, d.runID, true)
	return true
}

// runCount returns the number of runs that the agent of the call has now, for a reader who knows
// the earlier number.
func (d *diagnosing) runCount() string {
	agent := d.lookups["agent "+d.Resource["agentId"]].record
	if agent == nil || agent.UsageMetrics.RunCount == nil {
		return ""
	}
	return fmt.Sprintf("runs of the agent so far: %d", *agent.UsageMetrics.RunCount)
}

// starts reports whether the call starts a run. A run id in such a call is that of an earlier run.
func (d *diagnosing) starts() bool {
	return d.route != nil && (d.route.traits&execution != 0 || d.route == routeVoiceAgentsCreateSession)
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
	switch l := d.read(kind, ids...); {
	case IsNotFound(l.err) && guess:
		d.report(4, VerdictNotChecked, fmt.Sprintf("The response names run %q, which is no %s of organization %s.", id, kind, d.Organization))
	case IsNotFound(l.err):
		d.reportMissing(4, fmt.Sprintf("There is no %s %q in organization %s.", kind, id, d.Organization))
	case l.err != nil:
		d.report(4, VerdictNotChecked, what+" could not be read: "+l.err.Error())
	default:
		d.reportRecord(what, l.record)
	}
}

// newestRun is the newest of the listed runs of one prompt or agent.
type newestRun struct {
	record

	found, unnamed, undated int // runs of the owner, runs of nobody, runs of the owner without a time
}

func (n *newestRun) add(run record, owner string) {
	switch cmp.Or(run.PromptID, run.RootAgentID) {
	case "":
		n.unnamed++
		return
	case owner:
	default:
		return
	}
	n.found++
	if run.when().IsZero() {
		n.undated++
	}
	if n.found == 1 || run.when().After(n.when().Time) {
		n.record = run
	}
}

// checkNewestRun reads a list of runs, which is long in a busy organization: one element at a time,
// within the time that is left.
func (d *diagnosing) checkNewestRun(lister *route, what, owner string) {
	var newest newestRun
	err := d.reading(func(ctx context.Context, once CallOption) error {
		for run, err := range stream[record](ctx, &d.client.service, call{route: lister}, []CallOption{once}) {
			if err != nil {
				return err
			}
			newest.add(run, owner)
		}
		return nil
	})
	switch {
	case err != nil:
		d.report(4, VerdictNotChecked, "The runs could not be listed: "+err.Error())
	case newest.found == 0 && newest.unnamed > 0:
		d.report(4, VerdictNotChecked, fmt.Sprintf("%d of the listed runs do not show which prompt or agent they belong to.", newest.unnamed))
	case newest.found == 0:
		d.report(4, VerdictOK, fmt.Sprintf("No %s %q is recorded yet; one that has not ended may be recorded later.", what, owner))
	case newest.found > 1 && newest.undated > 0:
		d.report(4, VerdictNotChecked, fmt.Sprintf("The newest %s %q is not known: %d of %d have no time.", what, owner, newest.undated, newest.found))
	default:
		d.mayBeAnotherRun = true
		d.reportRun(fmt.Sprintf("The newest %s, %q, which may belong to another call,", what, newest.ID),
			&newest.record, "created: "+newest.when().String(), "compare its input with the call's")
	}
}

func (r *record) when() Timestamp { return cmp.Or(r.CreatedAt, r.CompletedAt) }

func (r *record) status() RunStatus { return cmp.Or(r.Run.Status, r.Status, r.CompletionState) }

// failure returns why a run failed, as far as the record says so.
func (r *record) failure() string {
	if r.ErrorMessage == "" && r.Diagnostic != nil && !r.status().Succeeded() {
		return cmp.Or(r.Diagnostic.Why, r.Diagnostic.Title, r.Diagnostic.Code)
	}
	return r.ErrorMessage
}

// runEnd is how a run ended, and what to do then.
type runEnd struct {
	verdict         Verdict
	summary, advice string
}

func (r *record) end() runEnd {
	switch status := r.status(); {
	case r.failure() != "" || status.Failed():
		advice := "The failed run was paid for: fix the cause before you start another."
		if r.Diagnostic != nil {
			advice = strings.TrimSpace(failure.Text(r.Diagnostic.Recovery) + " " + advice)
		}
		return runEnd{VerdictProblem, "failed: " + cmp.Or(r.failure(), "the record does not say why"), advice}
	case status.Pending():
		return runEnd{VerdictOK, "has not ended yet.", "Wait for it with AgentRuns.Wait or SkillRuns.Wait, or read it again later."}
	case status.Succeeded():
		return runEnd{VerdictOK, "succeeded: its result is in the record.", "Take the result from the record."}
	default:
		return runEnd{VerdictNotChecked, "exists, but the record does not say how it ended.", "Look at its output: the status does not say how the run ended."}
	}
}

// reportRecord reports a run with its steps or decisions, in their order.
func (d *diagnosing) reportRecord(what string, r *record) {
	const most = 12 // of the steps, so that a report fits on a screen: the first and the last ones
	var steps []RunStep
	_ = r.Steps.Decode(&steps) // without steps that decode there is no evidence
	var lines []string
	for _, s := range steps {
		lines = append(lines, prefixed("step: ", joinTexts(string(s.StepType), s.ToolName, string(s.Status), s.Error)))
	}
	for _, made := range r.DecisionTrace {
		lines = append(lines, "decision: "+joinTexts(made.Step, made.Decision, made.Reason))
	}
	if more := len(lines) - most; more > 0 {
		lines = slices.Replace(lines, most/2, most/2+more, fmt.Sprintf("and %d more", more))
	}
	of := cmp.Or(prefixed("agent: ", cmp.Or(r.Run.AgentID, r.AgentID, r.RootAgentID)), prefixed("prompt: ", r.PromptID), prefixed("skill: ", r.SkillID))
	d.reportRun(what, r, append([]string{of}, lines...)...)
}

func (d *diagnosing) reportRun(what string, r *record, evidence ...string) {
	end, status := r.end(), prefixed("status: ", string(r.status()))
	d.report(4, end.verdict, what+" "+end.summary, append([]string{status}, evidence...)...)
}
