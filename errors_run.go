package promptorchestra

import (
	"bytes"
	"strings"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

func namesRun(body []byte) bool {
	_, id := namedRun(body)
	return id != ""
}

// isFinal is saysFinal for the whole body, and for errors that a test built.
func (e *APIError) isFinal() bool {
	if e.Diagnostic != nil {
		if again, given := e.Diagnostic.Retryable.Get(); given && !again {
			return true
		}
	}
	return e.final || saysFinal(e.RawBody)
}

// saysFinal reports whether a failure's body says that trying again is pointless:
// at its top, or, where that says nothing, anywhere.
func saysFinal(body []byte) bool {
	const member = "retryable"
	final := false
	jsonscan.EachName(body, func(name, value []byte) bool {
		final = strings.EqualFold(string(name), member) && bytes.HasPrefix(value, []byte("false"))
		return !final
	})
	if text := bytes.TrimLeft(body, " \t\r\n"); final && text[0] == '{' {
		jsonscan.EachMember(text, func(name, value []byte) {
			if strings.EqualFold(string(name), member) {
				final = string(value) != "true"
			}
		})
	}
	return final
}

// namedRun returns the id of the run that a failure's body names, or "", and
// what stands before "run" in the member's name: "runId", "draft_run_id" or
// "agentRun":{"id"}. The source of a rerun is not what this call ran.
func namedRun(body []byte) (of, id string) {
	most := 16 // members looked at: a body of nothing else takes no longer
	jsonscan.EachName(body, func(name, value []byte) bool {
		before, isID, ok := cutRun(name)
		if !ok || before == "source" {
			return true
		}
		end, _ := jsonscan.ValueEnd(value)
		value = value[:end]
		if !isID {
			value = idOf(value)
		}
		most--
		of, id = before, runID(value)
		return id == "" && most > 0
	})
	return of, id
}

// cutRun takes a name such as "draft_run_id" or "agentRun" apart.
func cutRun(name []byte) (before string, isID, ok bool) {
	for _, end := range [...]string{"run", "runid", "run_id"} {
		at := len(name) - len(end)
		if at >= 0 && strings.EqualFold(string(name[at:]), end) {
			return strings.ToLower(strings.TrimRight(string(name[:at]), "_")), end != "run", true
		}
	}
	return "", false, false
}

// idOf returns the id of an object.
func idOf(object []byte) (id []byte) {
	if len(object) > 0 && object[0] == '{' {
		jsonscan.EachMember(object, func(name, value []byte) {
			if strings.EqualFold(string(name), "id") {
				id = value
			}
		})
	}
	return id
}

// runID returns a JSON value as an id, if it can be one.
func runID(value []byte) string {
	const most = 200
	switch {
	case len(value) == 0 || len(value) > most:
		return ""
	case value[0] == '"':
		return jsonscan.Unquote(value)
	case value[0] >= '1' && value[0] <= '9':
		return string(value)
	}
	return ""
}
