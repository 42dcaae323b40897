package promptorchestra

import (
	"bytes"
	"slices"
	"strings"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

// RunID returns the id of the run that a failure's body names, in any spelling and however much of
// the body arrived: an [APIError]'s and a [DecodeError]'s, and that of the last failure in a
// [TransportError]. An error of [AgentsService.RunAndWait] has the id of the run that was started.
// It is the run that an execution of unknown outcome left behind, or one of
// several. It is never the id of a session, and not one that the call itself was given, such as the
// run that [AgentRunsService.RerunFromStep] begins from. Of joined errors the first that names a
// run counts.
func RunID(err error) (string, bool) {
	id := ""
	eachCallError(err, func(e callError) {
		if id == "" {
			_, id = e.namedRun()
		}
	})
	return id, id != ""
}

func (e *APIError) namedRun() (of, id string) {
	if e == nil {
		return "", ""
	}
	own := ownIDs(&e.CallInfo)
	if found := runsIn(e.RawBody, own); found.id != "" {
		return found.of, found.id
	}
	if own != nil && own(e.runID) {
		return "", ""
	}
	return "", e.runID
}

func (e *DecodeError) namedRun() (of, id string) {
	if e == nil {
		return "", ""
	}
	if id := awaitedRun(&e.CallInfo); id != "" {
		return "", id
	}
	found := runsIn(e.Body, ownIDs(&e.CallInfo))
	return found.of, found.id
}

func (e *TransportError) namedRun() (of, id string) {
	if e == nil || e.source {
		return "", ""
	}
	if id := awaitedRun(&e.CallInfo); id != "" {
		return "", id
	}
	eachCallError(e.Err, func(last callError) {
		if id == "" {
			of, id = last.namedRun()
		}
	})
	return of, id
}

func (e *ArgumentError) namedRun() (of, id string) { return "", "" }

// awaitedRun returns the run that a method which waits for one, and may have started it, was about.
func awaitedRun(call *CallInfo) string {
	if !call.Composite {
		return ""
	}
	return call.Resource["runId"]
}

// ownIDs returns a check for the ids that an execution was given itself: such a run is not its
// outcome. It is nil for other calls.
func ownIDs(call *CallInfo) func(id string) bool {
	at := slices.IndexFunc(routes, func(r *route) bool { return r.op == call.Op })
	if at < 0 || !routes[at].traits.has(execution) {
		return nil
	}
	return func(id string) bool {
		for _, own := range call.Resource {
			if own == id {
				return true
			}
		}
		return false
	}
}

// isFinal reports whether the failure says that a retry is pointless. It works for errors that a
// test built, too.
func (e *APIError) isFinal() bool {
	if e.Diagnostic != nil {
		if retryable, given := e.Diagnostic.Retryable.Get(); given && !retryable {
			return true
		}
	}
	return e.retryForbidden || saysFinal(e.RawBody)
}

// saysFinal reports whether a failure's body says that a retry is pointless: at its top, or, where
// that says nothing, anywhere.
func saysFinal(body []byte) bool {
	type place struct {
		depth     int
		retryable bool
	}
	final, retryable := false, false
	jsonscan.Walk(body, place{}, func(object place, name []byte) place {
		return place{object.depth + 1, isRetryableName(name)}
	}, func(at place, raw []byte, _ bool) {
		switch said := strings.Trim(string(raw[:min(len(raw), 7)]), `"`); {
		case !at.retryable:
		case at.depth == 1:
			retryable = said == "true"
			fallthrough
		default:
			final = final || said == "false"
		}
	})
	return final && !retryable
}

func isRetryableName(name []byte) bool {
	var buf [longestName]byte
	if len(name) > longestName {
		return false
	}
	folded := string(jsonscan.Fold(buf[:0], name))
	return folded == "retryable" || folded == "isretryable"
}

// namesRun reports whether a failure's body names a run or a session, which then exists.
func namesRun(body []byte) bool { return runsIn(body, nil).named }

// runs is what a body says of runs.
type runs struct {
	named bool                 // it names a run or a session
	id    string               // of the run
	of    string               // the text before "run" in its name, such as "draft" or "skill"
	skip  func(id string) bool // ids to leave out; nil for none
}

// A runPlace is the role of the next value in a body, by its member's name and the object around
// it.
type runPlace struct {
	role role
	of   string
}

type role uint8

const (
	otherValue   role = iota
	runIDValue        // "runId": an id, or an object that has one
	runValue          // "run": the same, but a number counts runs and a word is a status
	sessionValue      // "session": an object that has an id
	sessionIDValue
)

// runsIn reads a body once, from its beginning to where it ends or is cut.
func runsIn(body []byte, skip func(id string) bool) runs {
	r := runs{skip: skip}
	r.read(body, 0)
	return r
}

func (r *runs) read(text []byte, depth int) {
	whole := jsonscan.Walk(text, runPlace{}, runPlaceOf, func(at runPlace, raw []byte, whole bool) {
		if raw[0] == '"' {
			r.text(raw, whole, at, depth)
		} else {
			r.number(raw, whole, at)
		}
	})
	r.named = r.named || !whole // it may name one further inside
}

// runPlaceOf returns the role of a member's value, in an object that has a role itself.
func runPlaceOf(object runPlace, name []byte) runPlace {
	var buf [longestName]byte
	if len(name) > longestName {
		return runPlace{}
	}
	folded := jsonscan.Fold(buf[:0], name)
	switch string(folded) {
	case "id", "uuid":
		switch object.role {
		case runValue, runIDValue:
			return runPlace{runIDValue, object.of}
		case sessionValue, sessionIDValue:
			return runPlace{role: sessionIDValue}
		default:
			return runPlace{}
		}
	case "data", "items", "results":
		return object // an envelope: its content has the role of the object
	}
	for _, ending := range [...]struct {
		text string
		role role
	}{
		{"runid", runIDValue},
		{"runids", runIDValue},
		{"run", runValue},
		{"runs", runValue},
		{"sessionid", sessionIDValue},
		{"sessionids", sessionIDValue},
		{"session", sessionValue},
		{"sessions", sessionValue},
	} {
		if of, found := bytes.CutSuffix(folded, []byte(ending.text)); found && !bytes.HasPrefix(of, []byte("source")) {
			return runPlace{ending.role, string(of)}
		}
	}
	return runPlace{}
}

// text reads a string. JSON inside it is read too: providers' errors are passed on in this form.
func (r *runs) text(raw []byte, closed bool, at runPlace, depth int) {
	const deepest, longest = 3, 200
	if at.role == otherValue {
		if depth < deepest && bytes.Contains(raw, []byte(`\"`)) {
			r.read([]byte(jsonscan.Unquote(raw)), depth+1)
		}
		return
	}
	id := jsonscan.Unquote(raw)
	switch {
	case id == "" || len(id) > longest || strings.ContainsAny(id, " \t\r\n"):
	case at.role == sessionIDValue:
		r.named = true
	case at.role == runIDValue || at.role == runValue && looksLikeID(id):
		r.take(at.of, id, closed)
	}
}

// number reads a number: an id, if the name says so, else a count.
func (r *runs) number(raw []byte, whole bool, at runPlace) {
	if raw[0] == '0' || len(bytes.Trim(raw, "0123456789")) > 0 {
		return
	}
	switch at.role {
	case runIDValue:
		r.take(at.of, string(raw), whole)
	case sessionIDValue:
		r.named = true
	}
}

// take keeps the first id, but prefers one whose name is "run" alone. An id that was cut is not
// kept: it only shows that there is a run.
func (r *runs) take(of, id string, whole bool) {
	r.named = true
	better := r.id == "" || r.of != "" && of == ""
	if whole && better && (r.skip == nil || !r.skip(id)) {
		r.of, r.id = of, id
	}
}

// looksLikeID distinguishes the id of a run from its status, as in {"run":"failed"}, and from a
// count or rate.
func looksLikeID(text string) bool {
	const digits, uuidStart = "0123456789", 8
	switch {
	case !strings.ContainsAny(text, digits):
		text = strings.ToLower(text)
		return strings.Contains(text, "run_") || strings.Contains(text, "run-")
	case isLetter(text[0]):
		return true
	default:
		return len(text) >= uuidStart && strings.Trim(text, digits+".,") != "" && !strings.Contains(text, "/")
	}
}
