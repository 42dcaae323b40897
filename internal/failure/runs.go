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
	run, session bool
	isID         bool   // by its name; without it a word is a status and a number is a count
	prefix       string // before "run"
}

func (r *runReader) read(text []byte, depth int) {
	done := jsonscan.Walk(text, runPlaceOf, func(at runPlace, raw []byte, whole bool) {
		switch {
		case at.run || at.session:
			r.value(at, raw, whole)
		case depth < 3 && bytes.Contains(raw, []byte(`\"`)):
			r.read([]byte(jsonscan.Unquote(raw)), depth+1) // providers' errors are passed on in this form
		}
	})
	r.Named = r.Named || !done // it may name one further inside
}

// runPlaceOf returns what a member's value is, in an object that is something itself.
//
//mutelist:check
func runPlaceOf(object runPlace, name []byte) runPlace {
	var buf [64]byte
	short := jsonscan.Fold(buf[:0], name)
	switch string(short) {
	case "id":
		object.isID = true
		return object
	case "data", "items":
		return object // an envelope: its content is what the object is
	}
	if bytes.HasPrefix(short, []byte("source")) {
		return runPlace{} // the run that the call began from
	}
	thing, isID := bytes.CutSuffix(bytes.TrimSuffix(short, []byte("s")), []byte("id"))
	prefix, isRun := bytes.CutSuffix(thing, []byte("run"))
	if isRun {
		return runPlace{run: true, isID: isID, prefix: string(prefix)}
	}
	return runPlace{session: bytes.HasSuffix(thing, []byte("session")), isID: isID}
}

// value reads a text or number that is a run or session, or says something else of one. It keeps
// the first id, but prefers one whose name is "run" alone. An id that was cut is not kept: it only
// shows that there is a run.
func (r *runReader) value(at runPlace, raw []byte, whole bool) {
	id := at.idIn(raw)
	r.Named = r.Named || id != ""
	better := r.ID == "" || r.Prefix != "" && at.prefix == ""
	if id != "" && at.run && whole && better && (r.skip == nil || !r.skip(id)) {
		r.Prefix, r.ID = at.prefix, id
	}
}

// idIn returns the id that a value is, or "".
func (p runPlace) idIn(raw []byte) string {
	const longest = 200
	if raw[0] != '"' {
		if p.isID && raw[0] != '0' && len(bytes.Trim(raw, "0123456789")) == 0 {
			return string(raw[:min(len(raw), longest)])
		}
		return ""
	}
	id := jsonscan.Unquote(raw)
	if len(id) > longest || strings.ContainsAny(id, " \t\r\n") || !p.isID && !looksLikeID(id) {
		return ""
	}
	return id
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
//
//mutelist:check
func ForbidsRetry(body []byte) bool {
	type place struct {
		depth int
		named bool
	}
	forbidden, atTop := false, ""
	jsonscan.Walk(body, func(object place, name []byte) place {
		var buf [64]byte
		switch string(jsonscan.Fold(buf[:0], name)) {
		case "retryable", "isretryable": // the API's own name, and that of the Vercel AI SDK's errors
			return place{object.depth + 1, true}
		}
		return place{depth: object.depth + 1}
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
