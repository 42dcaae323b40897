package promptorchestra

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
)

// looked is what reading a record came to.
type looked struct {
	err      error
	versions []string             // ids of the record's versions, as far as the answer lists them
	agent    *AgentVersionSummary // when it is one
}

// checkRecords looks up what the failed call names, in its path and body.
func (x *examination) checkRecords() {
	names := slices.DeleteFunc(sortedKeys(x.resource), func(name string) bool { return strings.HasSuffix(name, "unId") })
	if len(names) == 0 {
		x.report(3, VerdictNotChecked, "The call names no prompt, version, tool, agent or skill.")
	}
	for _, name := range names {
		x.checkRecord(name)
	}
}

func (x *examination) checkRecord(name string) {
	id := x.resource[name]
	at := strings.LastIndex(name, ".") + 1 // "steps[2].promptId"
	kind, version := strings.TrimSuffix(name[at:], "Id"), false
	if of, ok := strings.CutSuffix(kind, "Version"); ok {
		kind, version = of, true
	}
	owner, known := x.resource[name[:at]+kind+"Id"]
	if slices.Contains([]string{"version", "againstVersion", "draftVersion", "against", "draft"}, kind) {
		version = true
		for _, kind = range []string{"agent", "prompt", "skill", "tool"} {
			if owner, known = x.resource[kind+"Id"]; known {
				break
			}
		}
	}
	what := fmt.Sprintf("%s %q", name, id)
	if version && !known {
		x.report(3, VerdictNotChecked, what+" could not be checked: the API reads versions through their "+kind+", which the call does not name.")
		return
	}
	record := x.look(kind, owner)
	switch {
	case IsNotFound(record.err):
		x.report(3, VerdictProblem, fmt.Sprintf("There is no %s %q in organization %s (%s).", kind, owner, x.organization, name))
	case record.err != nil:
		x.report(3, VerdictNotChecked, what+" could not be checked: "+record.err.Error())
	case !version, slices.Contains(record.versions, id):
		x.report(3, VerdictOK, what+" exists in organization "+x.organization+".")
	case len(record.versions) == 0 || kind == "tool":
		x.report(3, VerdictNotChecked, fmt.Sprintf("%s could not be checked: the answer does not list the versions of the %s.", what, kind))
	default:
		x.report(3, VerdictProblem, fmt.Sprintf("%s is no version of %s %q.", what, kind, owner), "versions: "+strings.Join(record.versions, " "))
	}
}

// look reads a record, once.
func (x *examination) look(kind, id string) looked {
	key := kind + " " + id
	if known, ok := x.looked[key]; ok {
		return known
	}
	var l looked
	l.err = x.reading(func(ctx context.Context, once CallOption) error {
		switch kind {
		case "agent":
			agent, err := x.client.Agents.Get(ctx, id, once)
			if err != nil {
				return err
			}
			l.agent = agent
			for _, v := range agent.Versions {
				l.versions = append(l.versions, v.ID)
			}
		case "prompt":
			prompt, err := x.client.Prompts.Get(ctx, id, once)
			if err != nil {
				return err
			}
			for _, v := range prompt.Versions {
				l.versions = append(l.versions, v.ID)
			}
		case "skill":
			skill, err := x.client.Skills.Get(ctx, id, once)
			if err != nil {
				return err
			}
			for _, v := range skill.Versions {
				l.versions = append(l.versions, v.ID)
			}
		case "tool":
			tool, err := x.client.Tools.Get(ctx, id, once)
			if err != nil {
				return err
			}
			l.versions = []string{tool.VersionID}
		default:
			return fmt.Errorf("nothing is known of a %s", kind)
		}
		return nil
	})
	x.looked[key] = l
	return l
}

// runRecord is what matters of a recorded run, of whatever kind.
type runRecord struct {
	status   RunStatus
	failure  string // why it failed, "" otherwise
	evidence []string
}

// checkRun looks at the run that the call's ids or the failure's body name, or
// at the newest one of a prompt.
func (x *examination) checkRun() {
	kinds := map[string]string{
		"Agents": "agent run", "AgentRuns": "agent run", "Prompts": "run", "Runs": "run", "Skills": "skill run", "SkillRuns": "skill run",
		"VoiceAgents": "realtime session", "RealtimeSessions": "realtime session", "Evaluations": "evaluation run",
	}
	service, _, _ := strings.Cut(x.op, ".")
	kind, known := kinds[service]
	var ids []string
	for _, name := range sortedKeys(x.resource) {
		if strings.HasSuffix(name, "unId") {
			ids = append(ids, x.resource[name])
		}
	}
	if named := namedRun(x.body); named != "" && !slices.Contains(ids, named) {
		ids = append(ids, named)
	}
	refused := x.api != nil && !x.api.IsServer() || x.kind == kindArgument || x.kind == KindAuthentication || x.kind == KindMissingOrganization
	switch starts := x.route != nil && (x.route.traits.has(execution) || x.route == routeVoiceAgentsCreateSession); {
	case known && len(ids) > 0:
		for _, id := range ids[:min(len(ids), 2)] {
			x.checkRunByID(kind, id)
		}
	case known && !starts:
		x.report(4, VerdictNotChecked, "The call runs nothing, so there is no record of a run.")
	case known && refused:
		x.report(4, VerdictNotChecked, "The call was refused before anything ran, so there is no record of a run.")
	case x.route == routePromptsRun:
		x.checkNewestRun(x.resource["promptId"])
	default:
		x.report(4, VerdictNotChecked, "The error names no run, and the API lists the runs of prompts only: it could not be checked.")
	}
}

func (x *examination) checkRunByID(kind, id string) {
	var run runRecord
	err := x.reading(func(ctx context.Context, once CallOption) (err error) {
		run, err = x.readRun(ctx, kind, id, once)
		return err
	})
	what := fmt.Sprintf("The %s %q", kind, id)
	switch {
	case IsNotFound(err):
		x.report(4, VerdictProblem, fmt.Sprintf("There is no %s %q in organization %s.", kind, id, x.organization))
	case err != nil:
		x.report(4, VerdictNotChecked, what+" could not be read: "+err.Error())
	default:
		x.reportRun(what, run)
	}
}

// checkNewestRun reads the list of runs, which is long in a busy organization:
// one element at a time, within the time that is left.
func (x *examination) checkNewestRun(promptID string) {
	var newest *Run
	err := x.reading(func(ctx context.Context, once CallOption) error {
		for run, err := range x.client.Runs.All(ctx, once) {
			if err != nil {
				return err
			}
			if run.PromptID == promptID && (newest == nil || !run.CreatedAt.Before(newest.CreatedAt.Time)) {
				newest = &run
			}
		}
		return nil
	})
	switch {
	case err != nil:
		x.report(4, VerdictNotChecked, "The runs could not be listed: "+err.Error())
	case newest == nil:
		x.report(4, VerdictOK, fmt.Sprintf("No run of prompt %q is recorded: it seems that nothing ran.", promptID))
	default:
		x.reportRun(fmt.Sprintf("The newest run of the prompt, %q,", newest.ID), runRecord{newest.Status, newest.ErrorMessage, []string{
			"created: " + newest.CreatedAt.String(), "it may be another call's: compare the input snapshot of Runs.Get",
		}})
	}
}

func (x *examination) reportRun(what string, run runRecord) {
	evidence := append([]string{prefixed("status: ", string(run.status))}, run.evidence...)
	switch {
	case run.failure != "" || run.status == "failed":
		x.report(4, VerdictProblem, what+" failed: "+cmp.Or(run.failure, "the record does not say why"), evidence...)
	case run.status.Pending():
		x.report(4, VerdictOK, what+" has not ended yet.", evidence...)
	default:
		x.report(4, VerdictOK, what+" exists and shows no failure: its result is in the record.", evidence...)
	}
}

func (x *examination) readRun(ctx context.Context, kind, id string, once CallOption) (runRecord, error) {
	switch kind {
	case "agent run":
		r, err := x.client.AgentRuns.Get(ctx, id, once)
		if err != nil {
			return runRecord{}, err
		}
		record := runRecord{status: r.Run.Status, failure: r.Diagnostic.text()}
		for _, d := range r.DecisionTrace {
			record.evidence = append(record.evidence, "decision: "+join(d.Step, d.Decision, d.Reason))
		}
		return record, nil
	case "run":
		r, err := x.client.Runs.Get(ctx, id, once)
		if err != nil {
			return runRecord{}, err
		}
		record := runRecord{status: r.Status, failure: r.ErrorMessage}
		for _, s := range r.Steps {
			record.evidence = append(record.evidence, "step: "+join(string(s.StepType), s.ToolName, string(s.Status), s.Error))
		}
		return record, nil
	case "skill run":
		r, err := x.client.SkillRuns.Get(ctx, id, once)
		if err != nil {
			return runRecord{}, err
		}
		return runRecord{status: r.Status, failure: r.Diagnostic.text()}, nil
	case "evaluation run":
		r, err := x.client.Evaluations.Get(ctx, x.resource["skillId"], id, once)
		if err != nil {
			return runRecord{}, err
		}
		return runRecord{status: r.Status}, nil
	default:
		r, err := x.client.RealtimeSessions.Get(ctx, id, once)
		if err != nil {
			return runRecord{}, err
		}
		return runRecord{status: RunStatus(r.CompletionState)}, nil
	}
}

// text is what a diagnostic says to a person, "" when there is none.
func (d *Diagnostic) text() string {
	if d == nil {
		return ""
	}
	return cmp.Or(d.Why, d.Title, d.Code)
}
