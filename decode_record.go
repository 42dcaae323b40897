package promptorchestra

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
	"github.com/prompt-orchestra/promptorchestra-go/internal/lenient"
)

// decodeObject decodes an object into a record, unless it is a failure of the API, or nothing shows
// that it is the record.
func (r *request) decodeObject(text []byte, out any, shape recordShape) error {
	record, err := shape.find(text)
	if err != nil {
		return err
	}
	if shape.Has(nameDiagnostic) {
		record = shape.withDoubts(record, text)
	}
	return r.unmarshal(record, out)
}

// recordShape tells a record of a route from an envelope around it, from a failure, and from what
// is not the record at all. Without one of the traits that name its evidence, any member will do,
// and what has none is a record whose members are all unknown.
type recordShape struct {
	lenient.Members

	traits traits
}

// Proof reports how well a member shows that the object around it is the record.
func (s recordShape) Proof(name, value []byte) jsonscan.Proof {
	var proves bool
	switch {
	case s.traits&isRun != 0:
		return provesRun(name, value)
	case s.traits&hasID != 0:
		proves = namesRecord(name, value)
	case s.traits&holdsRun != 0:
		proves = nestsRecord(name, value)
	default:
		proves = s.Has(name) && identifiesRecord(name, value)
	}
	if proves {
		return jsonscan.Full
	}
	return jsonscan.NoProof
}

// find returns the part of an object that is the record.
func (s recordShape) find(object []byte) ([]byte, error) {
	record, found, failed := jsonscan.Record(s, object)
	found = found && !(s.traits&isRun != 0 && s.onlyAcknowledges(record))
	if found && len(record) == len(object) || !json.Valid(object) {
		return object, nil // decoding it says what is wrong with it, if anything is
	}
	switch {
	case failed:
		return nil, errFailure
	case found:
		return record, nil
	case s.traits&(hasID|isRun|holdsRun) != 0:
		return nil, errNoEvidence
	default:
		return object, nil
	}
}

// identifiesRecord reports whether a member of a record says something, and has none of the names
// that failures and envelopes have too.
//
//mutelist:check
func identifiesRecord(name, value []byte) bool {
	switch string(name) {
	case "code", "message", "details", "status":
		return false
	}
	return value[0] != 'n'
}

// namesRecord reports whether a member is the record's id.
func namesRecord(name, value []byte) bool { return hasName(name, "id") && isID(value) }

// nestsRecord reports whether a member is the run in the detail of a run of an agent.
func nestsRecord(name, value []byte) bool {
	if !hasName(name, "run") || value[0] != '{' {
		return false
	}
	for name, value := range jsonscan.Members(value) {
		if namesRecord(name, value) {
			return true
		}
	}
	return false
}

// provesRun reports whether a member shows a run: its id, or what came of it. Envelopes have a
// status of their own: it is proof only where nothing else is.
//
//mutelist:check
func provesRun(name, value []byte) jsonscan.Proof {
	var buf [16]byte
	proof, proves := jsonscan.Full, false
	switch string(jsonscan.Short(&buf, name)) {
	case "runid":
		proves = isID(value)
	case "output", "outputtext", "outputsnapshot", "image", "images", "generatedimage", "generatedimages":
		kind := jsonscan.Kind(value[0])
		proves = !jsonscan.IsEmpty(value) || kind == "number" || kind == "bool" // 0 and false are results
	case "status":
		proof, proves = jsonscan.Weak, value[0] == '"' && !jsonscan.IsEmpty(value)
	}
	if !proves {
		return jsonscan.NoProof
	}
	return proof
}

// onlyAcknowledges reports whether all that shows a run is a status of success, beside members that
// no run has: an envelope that acknowledges a call has that, too.
func (s recordShape) onlyAcknowledges(record []byte) bool {
	succeeded, strange := false, false
	for name, value := range jsonscan.Members(record) {
		switch s.Proof(name, value) {
		case jsonscan.Full:
			return false
		case jsonscan.Weak:
			succeeded = wordIn(value).Succeeded()
		case jsonscan.NoProof:
			strange = strange || !s.Has(name) && value[0] != 'n' && !namesRecord(name, value)
		}
	}
	return succeeded && strange
}

var nameStatus, nameDiagnostic, nameRunID = []byte("status"), []byte("diagnostic"), []byte("runId")

// doubts are what a response says against a run in members that the run's record does not have.
type doubts struct {
	status, why       []byte
	hasStatus, hasWhy bool // the record has a status or a diagnostic of its own
	hasOutput         bool
	id                []byte // of the record
	hasRunID          bool
}

// withDoubts adds to a run what its response says against it. A run without a status of its own
// gets what stands in the place of one, or a word for a run that failed, whatever its member is
// called; beside an output, which may be partial, also one for a run that is pending. A run without
// a diagnostic gets what the response says of an error. A run that was asked for by its id gets the
// one that it calls id.
func (s recordShape) withDoubts(record, response []byte) []byte {
	d := doubts{hasStatus: !s.Has(nameStatus)}
	for name, value := range jsonscan.Members(record) {
		d.addOwn(name, value)
	}
	d.addResponse(s, response)
	if d.status != nil && !d.hasStatus {
		record = jsonscan.WithMember(record, "status", d.status)
	}
	if d.why != nil && !d.hasWhy {
		record = jsonscan.WithMember(record, "diagnostic", d.why)
	}
	if d.id != nil && !d.hasRunID && s.Has(nameRunID) && s.traits&notIdempotent == 0 {
		record = jsonscan.WithMember(record, "runId", d.id)
	}
	return record
}

// addResponse takes the members of a response, and of the objects in it that no run has.
func (d *doubts) addResponse(s recordShape, response []byte) {
	var failure jsonscan.Failure
	for name, value := range jsonscan.Members(response) {
		failure.Add(name, value)
		d.add(s, name, value, d.hasOutput && hasName(name, "status") && saysNoSuccess(value))
		if value[0] != '{' || s.Has(name) {
			continue
		}
		for name, value := range jsonscan.Members(value) {
			d.add(s, name, value, false)
		}
	}
	if d.why == nil && failure.Failed(true) {
		d.why = response
	}
}

func (d *doubts) addOwn(name, value []byte) {
	switch {
	case namesRecord(name, value):
		d.id = value
	case hasName(name, "runid"):
		d.hasRunID = isID(value)
		return
	case hasName(name, "diagnostic"):
		d.hasWhy = value[0] != 'n'
	case !hasName(name, "status") || jsonscan.IsEmpty(value):
	case value[0] == '{' || value[0] == '[':
		d.status = []byte(strconv.Quote(string(value)))
	default:
		d.hasStatus = true
	}
	d.hasOutput = d.hasOutput || provesRun(name, value) == jsonscan.Full
}

func (d *doubts) add(s recordShape, name, value []byte, isStatus bool) {
	if s.Has(name) && !hasName(name, "status") {
		return
	}
	switch word := d.word(name, value); {
	case d.status != nil:
	case isStatus:
		d.status = value
	case word != "":
		d.status = []byte(strconv.Quote(word))
	}
	if d.why == nil && !jsonscan.IsEmpty(value) && saysError(name) {
		d.why = value
	}
}

// word returns the word for a run that failed, or that is pending though it has an output, that a
// member has in the place of a status: as a text, or as the name of what is true, such as "failed".
// Of what is false it is the opposite, such as "not completed".
func (d *doubts) word(name, value []byte) string {
	word := wordIn(value)
	switch {
	case value[0] == 't':
		word = RunStatus(name)
	case value[0] == 'f' && d.hasOutput && RunStatus(name).Succeeded():
		return "not " + string(name)
	}
	if word.Failed() || d.hasOutput && word.Pending() {
		return string(word)
	}
	return ""
}

// saysNoSuccess reports whether the status of an envelope is a text for anything but success.
func saysNoSuccess(value []byte) bool {
	word := wordIn(value)
	return word != "" && !strings.EqualFold(string(word), "ok") && !word.Succeeded()
}

// wordIn returns a text as a status, and "" for other values.
func wordIn(value []byte) RunStatus {
	if value[0] != '"' {
		return ""
	}
	return RunStatus(jsonscan.Unquote(value))
}

// saysError reports whether a member of this name is about an error, such as lastError.
func saysError(name []byte) bool {
	folded := string(jsonscan.Fold(nil, name))
	return strings.HasSuffix(folded, "error") || strings.HasSuffix(folded, "errors") || strings.HasSuffix(folded, "errormessage")
}

// hasName reports whether a member has a name, in any spelling.
func hasName(name []byte, folded string) bool {
	var buf [16]byte
	return string(jsonscan.Short(&buf, name)) == folded
}

// isID reports whether a value can be an id: a scalar that says something.
func isID(value []byte) bool {
	return value[0] != '{' && value[0] != '[' && !jsonscan.IsEmpty(value)
}
