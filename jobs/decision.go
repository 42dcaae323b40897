package jobs

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// Action is what becomes of a job. The zero value is none, and never done.
type Action string

// The actions. All but Retry keep the job's mark.
const (
	// Done: it ran and succeeded. Keep the result.
	Done Action = "done"
	// LookUp: keep the mark, wait until it has settled, then call Runs.Find.
	LookUp Action = "look_up"
	// Retry: it did not run. Take the mark away, wait, and mark and send it anew. After a look-up
	// the old mark is replaced by the new one, never taken away.
	Retry Action = "retry"
	// Park: leave it to a person, with its mark: whoever gives it back has it looked up first.
	Park Action = "park"
)

// Execution is what is known about the execution of a job.
type Execution string

// Whether it ran. The zero value is none of them, and means the same as Unknown.
const (
	Unknown     Execution = "unknown"      // it may have run
	NotExecuted Execution = "not_executed" // it did not run, and cost nothing
	Executed    Execution = "executed"     // it ran or is running, and is paid for
)

// Decision says what to do with a job.
type Decision struct {
	Action Action
	// After is how long to wait at least. Zero is: as long as the engine backs off, or for LookUp
	// until the mark has settled.
	After time.Duration
	// Reason says why in one line of at most some 1,000 bytes, "" for Done: the text of the error,
	// or what the run says of its failure, which is the server's text. It holds no credential.
	Reason string
	// Kind is what promptorchestra.KindOf returns for the error, for counts and filters; "" without
	// one.
	Kind promptorchestra.Kind
	// Execution tells a parked job that failed and is paid for (Executed) from one that was
	// rejected (NotExecuted) and from one that nobody can tell about (Unknown).
	Execution Execution
}

// UpgradeWait is After of a job that the plan does not allow (402), unless the server asks for
// another time. An engine may wait for less.
const UpgradeWait = time.Hour

// AfterCall decides what to do after an execution that was called with ctx, once and without the
// SDK's own retries. The first row that fits counts:
//
//	no error                                Done: but see AfterRun, which reads the run
//	OutcomeUnknown, or not the SDK's error  LookUp
//	402                                     Retry: after RetryAfter, else UpgradeWait
//	IsRetryable: it was not sent, or 429    Retry: after RetryAfter, else as the engine backs off
//	any other error, if ctx has ended       Retry: the next attempt has its own context
//	any other error                         Park: it would fail the next time too
//
// AfterCall is pure. It decides for prompts, skills and agents alike. Recorded runs of skills and
// agents cannot be listed, so park those instead of looking them up, unless [promptorchestra.RunID]
// names the run.
func AfterCall(ctx context.Context, err error) Decision {
	if err == nil {
		return Decision{Action: Done, Execution: Executed}
	}
	wait, _ := promptorchestra.RetryAfter(err)
	d := Decision{Action: Retry, After: wait, Reason: err.Error(), Execution: NotExecuted}
	switch {
	case promptorchestra.OutcomeUnknown(err) || !isSDKError(err):
		d = Decision{Action: LookUp, Reason: err.Error(), Execution: Unknown}
	case promptorchestra.IsEntitlement(err):
		if wait == 0 {
			d.After = UpgradeWait
		}
	case promptorchestra.IsRetryable(err), ctx.Err() != nil:
	default:
		d.Action, d.After = Park, 0
	}
	d.Reason, d.Kind = oneLine(d.Reason), promptorchestra.KindOf(err)
	return d
}

// AfterRun decides what to do after Prompts.Run, whose response may hold a run that failed. If err
// is not nil, run is not read. The first row that fits counts:
//
//	an error                                as AfterCall decides
//	a status that is Pending                LookUp
//	a status that Failed                    Park: it is paid for
//	a status that Succeeded                 Done
//	a sign of failure                       Park: it failed, and is paid for
//	output without a status                 Done
//	any other response                      LookUp: the recorded run may say more
//
// Signs of failure are a diagnostic and missing variables. Beside a status that Succeeded they say
// what fell short.
func AfterRun(ctx context.Context, run *promptorchestra.PromptRunResponse, err error) Decision {
	if err != nil {
		return AfterCall(ctx, err)
	}
	if run == nil {
		return Decision{Action: LookUp, Reason: "the call returned nothing", Execution: Unknown}
	}
	d := afterStatus(run.RunID, run.Status, signOfFailure(run.Diagnostic, run.MissingVariables), hasValue(run.Output) || run.OutputText != "")
	if d.Execution == Unknown {
		d.Action = LookUp
	}
	return d
}

// AfterLookUp decides what to do after a job whose mark had settled was looked up. run and found
// are its entry in the result of [promptorchestra.RunsService.Find]. The first row that fits
// counts:
//
//	an error that may pass                  LookUp: again, after RetryAfter if there is one
//	any other error                         Park: nobody can tell whether it ran
//	no run                                  Retry: a new mark takes the place of the old one
//	a status that is Pending                LookUp: again
//	a status that Failed                    Park: it is paid for
//	a status that Succeeded                 Done: keep this run's output
//	a sign of failure                       Park: it failed, and is paid for
//	output without a status                 Done: keep this run's output
//	any other run                           Park: nobody knows what its status means
//
// The signs of failure are those of AfterRun, and an error message, which beside a status that
// Succeeded may be left from an earlier attempt. An error may pass if it is retryable, a 5xx, or a
// lost response, or if its context has ended. AfterLookUp is pure.
func AfterLookUp(run promptorchestra.RunDetail, found bool, err error) Decision {
	kind := promptorchestra.KindOf(err)
	switch {
	case err != nil && mayPass(err):
		wait, _ := promptorchestra.RetryAfter(err)
		return Decision{Action: LookUp, After: wait, Reason: oneLine(err.Error()), Kind: kind, Execution: Unknown}
	case err != nil:
		return Decision{Action: Park, Reason: oneLine("it cannot be told whether it ran: " + err.Error()), Kind: kind, Execution: Unknown}
	case !found:
		return Decision{Action: Retry, Reason: "it did not run", Execution: NotExecuted}
	}
	failed := cmp.Or(run.ErrorMessage, signOfFailure(run.Diagnostic, run.MissingVariables))
	return afterStatus(run.ID, run.Status, failed, hasValue(run.OutputSnapshot))
}

// signOfFailure returns what says that a run failed, or "".
func signOfFailure(d *promptorchestra.Diagnostic, missing promptorchestra.RawJSON) string {
	switch {
	case d != nil:
		return cmp.Or(d.Why, d.Title, d.Code, "a diagnostic without a text")
	case hasValue(missing):
		return "missing variables: " + string(missing)
	default:
		return ""
	}
}

// afterStatus decides on a run that is known to exist. It is done only by its status or, if it has
// none, by an output without a sign of failure.
func afterStatus(id string, status promptorchestra.RunStatus, failed string, output bool) Decision {
	d := Decision{Action: Park, Execution: Executed}
	switch {
	case status.Pending():
		d.Action, d.Reason = LookUp, fmt.Sprintf("run %q is %q", id, status)
	case status.Succeeded():
		d.Action = Done
	case status.Failed(), failed != "":
		d.Reason = strings.TrimSuffix(fmt.Sprintf("run %q is paid for and failed: %s", id, failed), ": ")
	case status == "" && output:
		d.Action = Done
	default:
		d.Execution = Unknown
		d.Reason = fmt.Sprintf("run %q has the status %q, of which it is not known what it means", id, status)
	}
	d.Reason = oneLine(d.Reason)
	return d
}

// mayPass reports whether a failed look-up may succeed later. It changed nothing, so it can always
// be made again.
func mayPass(err error) bool {
	if promptorchestra.IsRetryable(err) {
		return true
	}
	switch promptorchestra.KindOf(err) {
	case promptorchestra.KindCanceled, promptorchestra.KindTimeout, promptorchestra.KindTransport,
		promptorchestra.KindRateLimited, promptorchestra.KindServer:
		return true
	}
	return false
}

// isSDKError reports whether err says anything of a call of the SDK.
func isSDKError(err error) bool {
	var (
		api       *promptorchestra.APIError
		transport *promptorchestra.TransportError
		decode    *promptorchestra.DecodeError
		argument  *promptorchestra.ArgumentError
	)
	return errors.As(err, &api) || errors.As(err, &transport) || errors.As(err, &decode) || errors.As(err, &argument)
}

// hasValue reports whether an output is there: not null, "", {} or [].
func hasValue(output promptorchestra.RawJSON) bool {
	var compact bytes.Buffer
	if json.Compact(&compact, output) != nil {
		return false
	}
	switch compact.String() {
	case "", "null", `""`, "{}", "[]":
		return false
	}
	return true
}

// oneLine makes a text one line of bounded length, without what could turn other text around.
func oneLine(text string) string {
	const most = 1000
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}
