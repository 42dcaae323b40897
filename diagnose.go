package promptorchestra

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prompt-orchestra/promptorchestra-go/internal/failure"
	"github.com/prompt-orchestra/promptorchestra-go/internal/redact"
)

// Diagnosis says why a call failed. All fields may be set, so that tests can build one.
type Diagnosis struct {
	// Kind is what KindOf returns, except if the client lacks an organization or a credential, or
	// if its token source fails for good: then it is the kind of the server's rejection. It is ""
	// without an error.
	Kind     Kind
	Cause    string    // the first cause found, in a sentence
	Advice   string    // what to do about it
	Findings []Finding // everything that was looked at, in the order of the steps
}

// Finding is one thing that a diagnosis looked at.
type Finding struct {
	// Step is 1 for status and body, 2 for credential and organization, 3 for the records that the
	// call names, 4 for the recorded run, 5 for the graph.
	Step     int
	Verdict  Verdict
	Summary  string   // a sentence
	Evidence []string // what it rests on
}

// Verdict is the result of one check. Expect values that are not listed here.
type Verdict string

// The verdicts.
const (
	VerdictOK         Verdict = "ok"
	VerdictProblem    Verdict = "problem"
	VerdictNotChecked Verdict = "not_checked" // the summary says why
)

const (
	maxDiagnosisCalls = 8
	maxDiagnosisTime  = 10 * time.Second
)

// bucket is the usual cause of a kind of failure, and what to do about it. settledBy lists the
// steps whose problem explains such a failure better than its body.
type bucket struct {
	settledBy     []int
	cause, advice string
}

var buckets = map[Kind]bucket{
	KindMissingOrganization: {[]int{2}, "The call has no organization id", "Set one with WithOrganization or InOrganization; if one is set, find out what removes organizationId on the way."},
	KindAuthentication:      {[]int{2}, "The bearer token is missing, invalid or expired", "Set a valid access token or API key; if tokens expire, use WithAccessTokenSource, which is asked before each attempt."},
	KindPermission:          {[]int{2}, "The credential is not allowed to do this", "Use a credential that belongs to this organization and has the kind and the scope that the call needs."},
	KindEntitlement:         {nil, "The organization's plan does not allow this", "Upgrade the plan or reduce usage; the same call succeeds once the plan allows it."},
	KindNotFound:            {[]int{2, 3, 4}, "The organization has no such record", "Check the id, and whether the record belongs to another organization."},
	KindInvalidGraph:        {[]int{5}, "The agent's graph is not valid", "Fix the mistakes listed in step 5 and save the graph with Agents.SaveWorkflow; Workflow.Validate finds most of them without a request."},
	KindValidation:          {[]int{5, 3}, "The server rejected the values of the call", "Fix what the details name."},
	KindInvalidRequest:      {[]int{3}, "The server rejected the request", "Fix the request as the message says."},
	KindConflict:            {nil, "The call does not fit the record's current state", "Read the record again, then decide."},
	KindRateLimited:         {nil, "The server accepts no more requests for now", "Send fewer requests at a time."},
	KindServer:              {[]int{3, 4}, "The server, or the provider behind it, failed", "Look at the recorded run; give the request id to support."},
	KindUnknown:             {[]int{2}, "The API did not send this response: a proxy did, or the base URL is wrong", "Check the base URL and the proxies in between."},
	KindTransport:           {[]int{2, 4}, "No response arrived", "Check the base URL, the network and the timeout of the call."},
	KindTimeout:             {[]int{2, 4}, "No response arrived in time", "Check the base URL and the network; give the call more time with WithTimeout or a later deadline."},
	KindCanceled:            {[]int{4}, "The call's context was cancelled", "Find out what cancelled it: the call itself did not fail."},
	KindDecode:              {[]int{4}, "The call succeeded, but its response cannot be used", "If the call left a record, take the result from there; DecodeError.Body has what arrived."},
	KindArgument:            {nil, "The SDK rejected the call before sending it", "Fix the argument."},
}

// Buckets that share their kind with another.
var (
	foreignBucket = bucket{nil, "The error is not from this package", "Pass an error that a method of the client returned."}
	unusualBucket = bucket{[]int{2}, "The API responded with an undocumented status", "Act on the code and the message; give the request id to support."}
	sourceBucket  = bucket{[]int{2}, "The token source failed", "Fix the token source, the server that it asks or its credential. The SDK calls it before each attempt, and does not retry if it fails."}
)

var stepNames = map[int]string{1: "status and body", 2: "credential and organization", 3: "records of the call", 4: "recorded run", 5: "graph"}

// Diagnose looks for the cause of an error of this client, in the product's own debugging order:
// status and body, credential and organization, the records that the call names, the recorded run,
// the graph's details. The error may be wrapped; if errors are joined, the first is diagnosed. It
// never fails, and says what it cannot check. It changes nothing, sends at most eight requests and
// takes ten seconds at most.
func (c *Client) Diagnose(ctx context.Context, err error) *Diagnosis {
	if err == nil {
		return &Diagnosis{Cause: "There is no error."}
	}
	d := diagnosing{failedCall: failureOf(err), lookups: map[string]lookup{}}
	d.checkBody()
	if c == nil || c.core == nil || ctx == nil {
		d.report(2, VerdictNotChecked, "Nothing more can be checked without a client made by New and a context.")
		return d.conclude(err)
	}
	d.client = c.InOrganization(cmp.Or(d.Organization, c.organization))
	d.Organization = d.client.organization
	return d.observed(ctx, routeDiagnose, err, d.checkCredential, d.checkRecords, d.checkRun, d.checkGraph)
}

var routeDiagnose = newComposite("Diagnose", routeSetupVerify)

// failedCall is what the error types have in common, and what distinguishes them.
type failedCall struct {
	CallInfo

	kind             Kind
	bucket           bucket
	text, note       string    // what the error says, without its call
	runPrefix, runID string    // the run that its body names: see namedRun
	api              *APIError // nil for the other types
	route            *route    // nil for Do
	rejected         bool      // certain to have run nothing
	joined           int       // further errors joined to the first
}

func failureOf(err error) failedCall {
	f := failedCall{kind: KindUnknown, bucket: foreignBucket, text: err.Error()}
	all := callErrors(err)
	if len(all) == 0 {
		return f
	}
	f.kind, f.joined = all[0].kind(), len(all)-1
	f.bucket = buckets[f.kind]
	f.runPrefix, f.runID = all[0].namedRun()
	switch e := all[0].(type) {
	case *APIError:
		f.CallInfo = e.CallInfo
		f.setAPI(e)
	case *TransportError:
		f.CallInfo, f.text, f.rejected = e.CallInfo, errorText(e.Err), !e.OutcomeUnknown && !e.Idempotent
		f.setTransport(e)
	case *DecodeError:
		f.CallInfo, f.text = e.CallInfo, errorText(e.Err)
	case *ArgumentError:
		f.CallInfo, f.text, f.rejected = e.CallInfo, joinTexts(e.Argument, e.Reason), true
		f.setArgument(e)
	}
	f.route = routeOf(f.Op)
	return f
}

func (f *failedCall) setAPI(e *APIError) {
	f.api, f.text, f.rejected = e, e.Message, !e.IsServer()
	if f.kind == KindUnknown && e.isJSON() {
		f.bucket = unusualBucket
	}
	if target := e.redirectTarget(); target != "" {
		f.bucket.cause = "The server redirects to " + target
	}
}

func (f *failedCall) setTransport(e *TransportError) {
	switch last := errorAs[*APIError](e.Err); {
	case e.source && f.kind == KindCanceled:
	case e.source:
		f.bucket = sourceBucket
		if !sourceMayRecover(e.Err) { // a problem of the credential
			f.kind = KindAuthentication
		}
	case last != nil: // met before ctx ended
		f.api, f.text = last, last.Message
		f.note = "the context ended while the call waited to retry"
		if e.Composite {
			f.note = "the run was started, but waiting for it failed"
		}
	}
}

func (f *failedCall) setArgument(e *ArgumentError) {
	switch {
	case errors.Is(e, ErrMissingOrganization):
		f.kind = KindMissingOrganization
	case slices.Contains([]string{"credential", "accessToken", "WithAccessTokenSource", "WithAPIKeySource"}, e.Argument):
		f.kind = KindAuthentication
	}
	f.bucket = buckets[f.kind]
}

// diagnosing is the state of one Diagnose.
type diagnosing struct {
	failedCall

	ctx             context.Context //nolint:containedctx // lives as long as Diagnose
	client          *Client
	calls           int
	blocked         string // why no more can be read; "" while it can
	lookups         map[string]lookup
	found           []Finding
	answers         bool // Setup.Verify got a response of the API's, so that the base URL is right
	mayBeAnotherRun bool // step 4 is about a run that may be another call's
}

// observed runs the checks, in their order and within the time, as a composite for observers.
func (d *diagnosing) observed(ctx context.Context, route *route, err error, checks ...func()) *Diagnosis {
	result, _ := observe(ctx, &d.client.service, call{route: route}, nil, func(ctx context.Context, _ *request) (*Diagnosis, error) {
		ctx, cancel := context.WithTimeout(ctx, maxDiagnosisTime)
		defer cancel()
		d.ctx = ctx
		for _, check := range checks {
			check()
		}
		return d.conclude(err), nil
	})
	return result
}

func (d *diagnosing) report(step int, verdict Verdict, summary string, evidence ...string) {
	f := Finding{Step: step, Verdict: verdict, Summary: presentable(summary)}
	for _, e := range evidence {
		if e != "" {
			f.Evidence = append(f.Evidence, presentable(e))
		}
	}
	d.found = append(d.found, f)
}

// reading makes one call, while the limits allow it. Its error says why something could not be
// read.
func (d *diagnosing) reading(call func(context.Context, CallOption) error) error {
	switch {
	case d.blocked != "":
		return errors.New(d.blocked)
	case d.ctx.Err() != nil:
		return fmt.Errorf("the diagnosis took too long: %w", context.Cause(d.ctx))
	case d.calls == maxDiagnosisCalls:
		return errors.New("the diagnosis has sent all the requests that it may send")
	}
	d.calls++
	return call(d.ctx, WithoutRetry())
}

func (d *diagnosing) checkBody() {
	evidence := []string{prefixed("call: ", joinTexts(d.Op, strings.TrimSpace(d.Method+" "+d.Path)))}
	if e := d.api; e != nil {
		evidence = append(evidence, fmt.Sprintf("status: %d %s", e.StatusCode, http.StatusText(e.StatusCode)),
			prefixed("code: ", e.Code), prefixed("body shape: ", string(e.Shape)), prefixed("request id: ", e.RequestID))
		if e.Diagnostic != nil {
			evidence = append(evidence, prefixed("recovery: ", cmp.Or(failure.Text(e.Diagnostic.Recovery), e.Diagnostic.Recovery.String())))
		}
	}
	evidence = append(evidence, d.note)
	if d.joined > 0 {
		evidence = append(evidence, fmt.Sprintf("further errors joined to it, not diagnosed: %d", d.joined))
	}
	d.report(1, VerdictProblem, d.bucket.cause+prefixed(": ", d.text), evidence...)
}

// conclude picks the cause: the first problem in a step that explains such a failure, else what was
// found first, which is what status and body say.
func (d *diagnosing) conclude(err error) *Diagnosis {
	result := &Diagnosis{Kind: d.kind, Cause: d.found[len(d.found)-1].Summary, Advice: d.bucket.advice, Findings: d.found}
	if d.found[0].Step == 1 {
		result.Cause = d.found[0].Summary
	}
	for _, f := range d.found {
		if f.Verdict == VerdictProblem && slices.Contains(d.bucket.settledBy, f.Step) && (f.Step != 4 || !d.mayBeAnotherRun) {
			result.Cause = f.Summary
			break
		}
	}
	result.Advice += retryAdvice(err)
	return result
}

func retryAdvice(err error) string {
	switch wait, given := RetryAfter(err); {
	case OutcomeUnknown(err):
		return " The call may have taken effect: do not retry it until you know that it did not."
	case IsRetryable(err) && given:
		return fmt.Sprintf(" The call may be retried after %v.", wait)
	case IsRetryable(err):
		return " The call may be retried."
	default:
		return ""
	}
}

// String returns the diagnosis as a report of several lines. What was not checked is its last line.
func (d *Diagnosis) String() string {
	if d == nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "cause:  %s\n", d.Cause)
	if d.Advice != "" {
		fmt.Fprintf(&b, "advice: %s\n", d.Advice)
	}
	var unchecked []string
	for _, f := range d.Findings {
		if f.Verdict == VerdictNotChecked && len(f.Evidence) == 0 {
			unchecked = append(unchecked, fmt.Sprintf("%d %s", f.Step, f.Summary))
			continue
		}
		fmt.Fprintf(&b, "%s\n  %s\n", f.title(), f.Summary)
		for _, e := range f.Evidence {
			fmt.Fprintf(&b, "    %s\n", e)
		}
	}
	if len(unchecked) > 0 {
		fmt.Fprintf(&b, "not checked: %s\n", clean(strings.Join(unchecked, " "), 1000))
	}
	return b.String()
}

func (f Finding) title() string {
	return fmt.Sprintf("%d%s: %s", f.Step, prefixed(" ", stepNames[f.Step]), strings.ReplaceAll(string(f.Verdict), "_", " "))
}

// LogValue gives slog the kind, the cause, the advice and a line a finding.
func (d *Diagnosis) LogValue() slog.Value {
	if d == nil {
		return slog.Value{}
	}
	lines := make([]string, len(d.Findings))
	for i, f := range d.Findings {
		lines[i] = f.title() + ": " + f.Summary
	}
	return slog.GroupValue(slog.String("kind", string(d.Kind)), slog.String("cause", d.Cause),
		slog.String("advice", d.Advice), slog.Any("findings", lines))
}

// presentable makes a text one short line, without what looks like a token: an error of another
// package may hold one.
func presentable(s string) string { return clean(redact.Lookalikes(s), 600) }

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}
