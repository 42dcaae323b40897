package failure

import (
	"bytes"
	"strings"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

// Runs is what a body says of runs.
type Runs struct {
	Named  bool   // it names a run or a session, which then exists
	ID     string // of the run, or ""
	Prefix string // what stands before "run" in the name of the id, such as "draft" or "skill"
}

// FindRuns reads which run a body names, in any spelling and however much of it arrived. skip
// reports ids to leave out; it may be nil.
func FindRuns(body []byte, skip func(id string) bool) Runs {
	r := runReader{skip: skip}
	r.read(body, 0)
	return r.Runs
}

type runReader struct {
	Runs

	skip func(id string) bool
}

// runPlace says whether the value of a member is a run's id, a run or a session.
type runPlace struct {
	role   role
	prefix string
}

type role uint8

const (
	otherValue   role = iota
	runIDValue        // "runId": an id, or an object that has one
	runValue          // "run": the same, but a number counts runs and a word is a status
	sessionValue      // "session": an object that has an id
	sessionIDValue
)

func (r *runReader) read(text []byte, depth int) {
	done := jsonscan.Walk(text, runPlace{}, runPlaceOf, func(at runPlace, raw []byte, whole bool) {
		if raw[0] == '"' {
			r.text(at, raw, whole, depth)
		} else {
			r.number(at, raw, whole)
		}
	})
	r.Named = r.Named || !done // it may name one further inside
}

// runPlaceOf returns what a member's value is, in an object that is something itself.
func runPlaceOf(object runPlace, name []byte) runPlace {
	var buf [longestName]byte
	if len(name) > longestName {
		return runPlace{}
	}
	folded := jsonscan.Fold(buf[:0], name)
	switch string(folded) {
	case "id", "uuid":
		return object.id()
	case "data", "items", "results":
		return object // an envelope: its content is what the object is
	}
	return placeOfThing(bytes.TrimSuffix(folded, []byte("s")))
}

// placeOfThing returns what a value with a name such as "draftrunid" or "session" is.
func placeOfThing(name []byte) runPlace {
	thing, isID := bytes.CutSuffix(name, []byte("id"))
	prefix, isRun := bytes.CutSuffix(thing, []byte("run"))
	switch isSession := bytes.HasSuffix(thing, []byte("session")); {
	case bytes.HasPrefix(name, []byte("source")):
		return runPlace{} // the run that the call began from
	case isRun && isID:
		return runPlace{runIDValue, string(prefix)}
	case isRun:
		return runPlace{runValue, string(prefix)}
	case isSession && isID:
		return runPlace{role: sessionIDValue}
	case isSession:
		return runPlace{role: sessionValue}
	default:
		return runPlace{}
	}
}

func (p runPlace) id() runPlace {
	switch p.role {
	case runValue, runIDValue:
		return runPlace{runIDValue, p.prefix}
	case sessionValue, sessionIDValue:
		return runPlace{role: sessionIDValue}
	default:
		return runPlace{}
	}
}

// text reads a string. JSON inside it is read too: providers' errors are passed on in this form.
func (r *runReader) text(at runPlace, raw []byte, whole bool, depth int) {
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
		r.Named = true
	case at.role == runIDValue || at.role == runValue && looksLikeID(id):
		r.take(at.prefix, id, whole)
	}
}

// number reads a number: an id, if the name says so, else a count.
func (r *runReader) number(at runPlace, raw []byte, whole bool) {
	if raw[0] == '0' || len(bytes.Trim(raw, "0123456789")) > 0 {
		return
	}
	switch at.role {
	case runIDValue:
		r.take(at.prefix, string(raw), whole)
	case sessionIDValue:
		r.Named = true
	}
}

// take keeps the first id, but prefers one whose name is "run" alone. An id that was cut is not
// kept: it only shows that there is a run.
func (r *runReader) take(prefix, id string, whole bool) {
	r.Named = true
	better := r.ID == "" || r.Prefix != "" && prefix == ""
	if whole && better && (r.skip == nil || !r.skip(id)) {
		r.Prefix, r.ID = prefix, id
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
	case text[0]|0x20 >= 'a' && text[0]|0x20 <= 'z':
		return true
	default:
		return len(text) >= uuidStart && strings.Trim(text, digits+".,") != "" && !strings.Contains(text, "/")
	}
}

// ForbidsRetry reports whether a body says that a retry is pointless: at its top, or, where that
// says nothing, anywhere.
func ForbidsRetry(body []byte) bool {
	type place struct {
		depth int
		named bool
	}
	forbidden, atTop := false, ""
	jsonscan.Walk(body, place{}, func(object place, name []byte) place {
		return place{object.depth + 1, namesRetryable(name)}
	}, func(at place, raw []byte, _ bool) {
		if !at.named {
			return
		}
		said := strings.Trim(string(raw[:min(len(raw), len(`"false"`))]), `"`)
		forbidden = forbidden || said == "false"
		if at.depth == 1 {
			atTop = said
		}
	})
	return forbidden && atTop != "true"
}

func namesRetryable(name []byte) bool {
	var buf [longestName]byte
	if len(name) > longestName {
		return false
	}
	folded := string(jsonscan.Fold(buf[:0], name))
	return folded == "retryable" || folded == "isretryable"
}
