package promptorchestra

import (
	"context"
	"errors"
	"fmt"
	"io"
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

	RunID       string `json:"runId"` // of a skill run
	AgentID     string `json:"agentId"`
	RootAgentID string `json:"rootAgentId"`
	PromptID    string `json:"promptId"`
	SkillID     string `json:"skillId"`

	CreatedAt   Timestamp `json:"createdAt"` // inferred; CompletedAt is used when it is missing
	CompletedAt Timestamp `json:"completedAt"`
}

// lookup is the result of reading a record.
type lookup struct {
	record *record
	err    error
}

// read reads a record, or returns the result of an earlier read of it.
func (d *diagnosing) read(kind string, ids ...string) lookup {
	key := kind + " " + strings.Join(ids, " ")
	if known, ok := d.lookups[key]; ok {
		return known
	}
	in := call{route: readers[kind]}
	copy(in.ids[:], ids)
	var l lookup
	l.err = d.reading(func(ctx context.Context, once CallOption) (err error) {
		l.record, err = do[record](ctx, &d.client.service, in, []CallOption{once})
		return err
	})
	d.lookups[key] = l
	return l
}

// idNames returns the names of the call's ids: those of runs, or the others.
func (d *diagnosing) idNames(runs bool) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(d.Resource)), func(name string) bool {
		return strings.HasSuffix(strings.ToLower(name), "runid") != runs
	})
}

// checkCredential asks the server whether the credential fits the organization.
func (d *diagnosing) checkCredential() {
	if d.Organization == "" {
		d.blocked = "there is no organization to look in"
		d.report(2, VerdictProblem, "Neither the call nor the client has an organization.")
		return
	}
	core := d.client.core
	evidence := []string{"organization: " + d.Organization, "server: " + core.server + core.rawPath}
	var v *SetupVerifyResponse
	var said struct{ OK Opt[bool] } // ok is undocumented: it may be missing
	err := d.reading(func(ctx context.Context, once CallOption) (err error) {
		v, err = d.client.Setup.Verify(ctx, once, WithInto(&said))
		return err
	})
	if err != nil {
		d.credentialRejected(err, evidence)
		return
	}
	d.answers = true
	evidence = append(evidence, prefixed("credential: ", v.AuthSource), prefixed("scopes: ", strings.Join(v.Scopes, " ")))
	problem := d.misfit(v)
	if ok, given := said.OK.Get(); problem == "" && given && !ok {
		problem = "The server accepts the credential, but its setup check failed."
		evidence = append(evidence, prefixed("checks: ", v.Checks.String()))
	}
	if problem != "" {
		d.report(2, VerdictProblem, problem, evidence...)
		return
	}
	d.report(2, VerdictOK, "The server accepts the credential for this organization.", evidence...)
}

// misfit returns why the credential does not fit the call, or "".
func (d *diagnosing) misfit(v *SetupVerifyResponse) string {
	switch r := d.route; {
	case v.OrganizationID != "" && v.OrganizationID != d.Organization:
		return "The credential belongs to organization " + v.OrganizationID + "."
	case r == nil:
		return ""
	case r.traits&userOnly != 0 && v.AuthSource == authAPIKey:
		return "The call needs an access token, but the client sends an API key."
	case r.scope != "" && lacksScope(v.Scopes, r.scope):
		return "The credential lacks the scope " + r.scope + ", which the call needs."
	default:
		return ""
	}
}

// lacksScope reports whether scopes certainly do not include one: one that no route needs, such as
// "all" or "agents:*", may include any.
func lacksScope(scopes []string, scope string) bool {
	return len(scopes) > 0 && !slices.ContainsFunc(scopes, func(given string) bool {
		return given == scope || !slices.ContainsFunc(routes, func(r *route) bool { return r.scope == given })
	})
}

// credentialRejected reports that Setup.Verify failed. Nothing more is read then, unless the
// failure says nothing about the server and the credential.
func (d *diagnosing) credentialRejected(err error, evidence []string) {
	api := errorAs[*APIError](err)
	d.answers = api.isJSON() && !api.IsNotFound()
	problem, cause := d.problemOfVerify(err)
	if problem == "" || d.ctx.Err() != nil {
		d.report(2, VerdictNotChecked, "The credential could not be checked: "+err.Error(), evidence...)
		return
	}
	d.blocked = "the problem of step 2 must be fixed first"
	if strings.HasSuffix(problem, wrongBaseURL) && slices.Contains(d.bucket.settledBy, 2) {
		d.bucket.advice = buckets[KindUnknown].advice
	}
	d.report(2, VerdictProblem, problem+prefixed(": ", cause), evidence...)
}

const wrongBaseURL = ", so the base URL is wrong"

// problemOfVerify returns what a failure of Setup.Verify proves, or "", and its own words.
func (d *diagnosing) problemOfVerify(err error) (problem, cause string) {
	api, lost := errorAs[*APIError](err), errorAs[*TransportError](err)
	switch {
	case errorAs[*ArgumentError](err) != nil:
		return "The client has no suitable credential", err.Error()
	case lost != nil && lost.source:
		return "The token source failed", errorText(lost.Err)
	case errorAs[*DecodeError](err) != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return "The server that responds is not the API", err.Error()
	case api == nil:
		return "Setup.Verify gets no response either", err.Error()
	default:
		return d.problemOfStatus(api), api.Message
	}
}

// problemOfStatus is problemOfVerify for an API error.
func (d *diagnosing) problemOfStatus(e *APIError) string {
	if target := e.redirectTarget(); target != "" {
		return "The server redirects Setup.Verify to " + target + wrongBaseURL
	}
	switch kind := e.kind(); {
	case kind == KindUnknown && !e.isJSON():
		return "The server that responds is not the API"
	case e.IsNotFound() && d.api.IsNotFound():
		return "Setup.Verify, which every server has, is not found either" + wrongBaseURL
	case kind == KindAuthentication:
		return "The server does not accept the credential"
	case kind == KindPermission && e.Code != "AUTH_SCOPE_MISSING":
		return "The credential is not valid for this organization"
	default:
		return ""
	}
}

// checkRecords looks up what the failed call names, in its path and body.
func (d *diagnosing) checkRecords() {
	names := d.idNames(false)
	if d.starts() {
		names = append(names, d.idNames(true)...)
	}
	switch {
	case len(d.Resource) == 0 && d.route != nil && d.kind == KindNotFound && d.answers:
		d.bucket.advice = "Check the base URL, and whether this release of the server has the route."
		d.report(3, VerdictProblem, "The call names no record that could be missing, so the server does not have its route, "+d.Path+".")
	case len(names) == 0:
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
		d.reportMissing(3, fmt.Sprintf("There is no %s %q in organization %s (%s).", kind, owner, d.Organization, name))
	case l.err != nil:
		d.report(3, VerdictNotChecked, what+" could not be checked: "+l.err.Error())
	case !version:
		d.report(3, VerdictOK, what+" exists in organization "+d.Organization+".")
	default:
		d.checkVersion(what, id, fmt.Sprintf("%s %q", kind, owner), l.record)
	}
}

// reportMissing reports a 404, which means that a record is missing if the base URL is known to be
// the API's.
func (d *diagnosing) reportMissing(step int, summary string) {
	if d.answers {
		d.report(step, VerdictProblem, summary)
		return
	}
	d.report(step, VerdictNotChecked, "A look-up returned 404, which proves nothing as long as the base URL may be wrong.")
}

// checkVersion looks for a version among those of its owner.
func (d *diagnosing) checkVersion(what, id, owner string, r *record) {
	versions := []string{r.VersionID}
	for _, v := range r.Versions {
		versions = append(versions, v.ID)
	}
	switch {
	case slices.Contains(versions, id):
		d.report(3, VerdictOK, what+" exists in organization "+d.Organization+".")
	case len(r.Versions) == 0:
		d.report(3, VerdictNotChecked, fmt.Sprintf("%s could not be checked: the response does not list the versions of %s.", what, owner))
	default:
		d.report(3, VerdictProblem, fmt.Sprintf("%s is not a version of %s.", what, owner), "versions: "+strings.TrimSpace(strings.Join(versions, " ")))
	}
}

// owner returns the record through which an id can be looked up: "agentId" is one itself,
// "steps[2].promptVersionId" is a version of "steps[2].promptId", and "versionId" is a version of
// the call's agent, prompt, skill or tool.
func (d *diagnosing) owner(name string) (kind, id string, version bool) {
	at := strings.LastIndex(name, ".") + 1
	kind, version = strings.CutSuffix(strings.TrimSuffix(name[at:], "Id"), "Version")
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

// checkGraph lists the graph's mistakes: those that the server names, else those of the agent's
// version in use.
func (d *diagnosing) checkGraph() {
	isGraph := d.kind == KindInvalidGraph
	if (isGraph || d.kind == KindValidation) && d.api != nil && len(d.api.Details) > 0 {
		d.reportMistakes("The server lists these mistakes", d.api.Details)
		return
	}
	agent := d.lookups["agent "+d.Resource["agentId"]].record
	// The response may leave out the entry step of an agent that was never published.
	if agent == nil || agent.EntryStepKey == "" {
		why := "The call does not involve a graph."
		if isGraph || d.Resource["agentId"] != "" {
			why = "The graph could not be read; check it with Agents.ValidateWorkflow."
		}
		d.report(5, VerdictNotChecked, why)
		return
	}
	w, unclear := d.graphOf(agent)
	if unclear != "" {
		d.report(5, VerdictNotChecked, unclear)
		return
	}
	d.checkWorkflow(w)
}

func (d *diagnosing) checkWorkflow(w Workflow) {
	// The members that name a skill or a tool are inferred: their absence says nothing.
	mistakes := slices.DeleteFunc(w.Validate(), func(d ErrorDetail) bool { return d.Code == GraphMissingPrompt || d.Code == GraphMissingTool })
	if len(mistakes) > 0 {
		d.reportMistakes("The agent's current version has these mistakes", mistakes)
		return
	}
	d.report(5, VerdictOK, fmt.Sprintf("Validate finds no mistake in the graph of the agent's current version (%d steps).", len(w.Steps)))
}

// graphOf returns the graph of the version that the call uses, or why it is not known.
func (d *diagnosing) graphOf(agent *record) (w Workflow, unclear string) {
	if version := d.Resource["versionId"]; version != "" && agent.VersionID != "" && version != agent.VersionID {
		return w, fmt.Sprintf("The API shows the graph of version %q, not of %q; check the other one with Agents.ValidateWorkflow.", agent.VersionID, version)
	}
	w = Workflow{EntryStepKey: agent.EntryStepKey, Transitions: agent.Transitions}
	if err := agent.Steps.Decode(&w.Steps); err != nil {
		return w, "The agent's graph could not be read: " + err.Error()
	}
	if slices.ContainsFunc(w.Transitions, func(t WorkflowTransition) bool { return t.FromStepKey == "" || t.ToStepKey == "" }) {
		return w, "The transitions of the agent's current version have an unknown form."
	}
	return w, ""
}

func (d *diagnosing) reportMistakes(by string, details []ErrorDetail) {
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
