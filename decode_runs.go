package promptorchestra

import (
	"bytes"
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

// provesRun reports whether a member shows a run: its id, or what came of it. Envelopes have a
// status of their own: it is proof only where nothing else is.
func provesRun(name, value []byte) jsonscan.Proof {
	switch {
	case jsonscan.Is(name, "runid") && isID(value), jsonscan.Is(name, outputs...) && isOutput(value):
		return jsonscan.Full
	case jsonscan.Is(name, "status") && value[0] == '"' && !jsonscan.IsEmpty(value):
		return jsonscan.Weak
	}
	return jsonscan.NoProof
}

//mutelist:check
var outputs = []string{"output", "outputtext", "outputsnapshot", "image", "images", "generatedimage", "generatedimages"}

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
			strange = strange || !s.Has(name) && !namesRecord(name, value)
		}
	}
	return succeeded && strange
}

var nameStatus, nameDiagnostic = []byte("status"), []byte("diagnostic")

// doubts are what a response says against a run in members that the run's record does not have.
type doubts struct {
	shape             recordShape
	status, why       []byte
	hasStatus, hasWhy bool // the record has a status that stays, or a diagnostic of its own
	hasOutput         bool
	id                []byte // of the record
	hasRunID          bool   // or needs none
}

// withDoubts adds to a run what its response says against it. A run without a status of its own
// gets what stands in the place of one, if that is a word for a run that failed or, beside an
// output, which may be partial, no word for success. Of two statuses the one that is no success
// stays. A run without a diagnostic gets what the response says of an error. A run that was asked
// for by its id gets the one that it calls id.
func (s recordShape) withDoubts(record, response []byte) []byte {
	d := doubts{shape: s, hasStatus: !s.Has(nameStatus)}
	d.hasRunID = s.traits&execution != 0 // an execution is started, not asked for by an id
	run := record
	for name, value := range jsonscan.Members(record) {
		switch {
		case s.traits&holdsRun != 0 && jsonscan.Is(name, "run"):
			run, d.hasStatus = value, false
		case jsonscan.Is(name, "diagnostic"):
			d.hasWhy = jsonscan.SaysSomething(value)
		}
	}
	for name, value := range jsonscan.Members(run) {
		d.addOwn(name, value)
	}
	for _, object := range slices.CompactFunc([][]byte{run, record, response}, bytes.Equal) {
		d.addObject("", object)
	}
	return d.addTo(record)
}

// addTo adds to a record what it does not say itself.
func (d *doubts) addTo(record []byte) []byte {
	if d.status != nil && !d.hasStatus {
		name, value := "status", d.status
		if d.shape.traits&holdsRun != 0 { // the rest of the run stays
			name, value = "run", slices.Concat([]byte(`{"status":`), value, []byte("}"))
		}
		record = jsonscan.WithMember(record, name, value)
	}
	if d.why != nil && !d.hasWhy {
		record = jsonscan.WithMember(record, "diagnostic", d.why)
	}
	if d.id != nil && !d.hasRunID {
		record = jsonscan.WithMember(record, "runId", d.id)
	}
	return record
}

func (d *doubts) addOwn(name, value []byte) {
	switch {
	case namesRecord(name, value):
		d.id = value
	case jsonscan.Is(name, "runid"):
		d.hasRunID = d.hasRunID || isID(value)
	case !jsonscan.Is(name, "status"):
		d.hasOutput = d.hasOutput || provesRun(name, value) == jsonscan.Full
	case jsonscan.IsEmpty(value):
	case wordIn(value).Succeeded():
		d.hasStatus = d.status == nil
	default: // of two statuses the one that is no success counts
		d.status, d.hasStatus = asJSON(cmp.Or(string(wordIn(value)), string(value))), false
	}
}

// addObject takes the members of a run or of its response, and of the objects in it, that no run
// has.
func (d *doubts) addObject(around string, object []byte) {
	var failure jsonscan.Failure
	for name, value := range jsonscan.Members(object) {
		failure.Add(name, value)
		if d.isOwn(name, value) {
			continue
		}
		path := around + string(jsonscan.Fold(nil, name))
		d.add(path, string(name), value)
		if around == "" && !usersData.Match(name) {
			d.addObject(path+".", value)
		}
	}
	if d.why == nil && around == "" && failure.Failed(true) {
		d.why = object
	}
}

// isOwn reports whether a member is the run's own and no status.
func (d *doubts) isOwn(name, value []byte) bool {
	isKnown := d.shape.Has(name) && d.shape.traits&holdsRun == 0 || provesRun(name, value) == jsonscan.Full
	return isKnown && !jsonscan.Is(name, "status")
}

func (d *doubts) add(path, name string, value []byte) {
	if word, isOpen := wordOf(path, name, value); d.status == nil && d.weighs(word, isOpen) {
		d.status = asJSON(string(word))
	}
	if d.why != nil || !errorPath.MatchString(path) || option.MatchString(name) {
		return
	}
	switch isTrue, isFlag := jsonscan.Bool(value); {
	case isTrue: // hasErrors
		d.why = asJSON(name)
	case !isFlag && !isHarmless(value):
		d.why = value
	}
}

var (
	statusPath = regexp.MustCompile(`^(?:(?:run|job|task|execution|data|meta|response|result)\.)?\w*` +
		`(?:status|state|stage|phase|outcome|conclusion|reason)(?:name|code|text|\.|$)|(?:^incomplete\w*|feedback)\.\w*reason$|^code$`)
	errorPath = regexp.MustCompile(`(?:(?:^|\.)(?:err|fault|diagnostic|missing|unresolved)|` +
		`error(?:ed)?|exception|fail(?:ed|ure)?|abort(?:ed)?|cancell?ed|interrupt(?:ed)?|refusal)s?` +
		`(?:message|msg|reason|cause|code|detail|description|info|type|text|string|no|count|by|at|variable)?s?$|` +
		`(?:expired|rejected|timedout)(?:at|by|reason)$`)
	negation   = regexp.MustCompile(`^(?i:un|in|not_?)`)
	affixes    = regexp.MustCompile(`^(?:(?:is|has|was|still)_?)?(?i:(?:output|result|response)_?)?|(?i:_?(?:output|result|response))$`)
	option     = regexp.MustCompile(`^(?:ignore|max|allow)|(?:^o|[a-z]O|_o)n_?[EFef]`) // continueOnError
	otherThing = regexp.MustCompile(`contract|^(?:prompt|skill|agent|tool|version)[^.]*$`)
	usersData  = regexp.MustCompile(`(?i)input|variable|output`)

	// What a status, or the reason of an end, may be in a run that succeeded, beside success.
	goodEnd = regexp.MustCompile(`^(?:finishreason)?(?:|ok|none|0|2\d\d|stop(?:sequence)?|end(?:turn|oftext)?|eos(?:token)?|` +
		`(?:tool|function)(?:calls?|use)|complete|finish(?:ed)?)$`)
	// What was done to a run, or is being done.
	deed = regexp.MustCompile(`^(?:[A-Z]?[a-z]+[^e]ed|(?i:partial|in_?progress|(?:process|wait|retry|stream)ing))$`)
)

// goodDeeds are what was done to a run that say nothing against it.
//
//mutelist:check
var goodDeeds = []string{
	"approved", "archived", "billed", "cached", "charged", "created", "delivered", "enabled", "ended", "evaluated", "executed",
	"logged", "persisted", "processed", "published", "recorded", "rendered", "resolved", "returned", "saved", "shared", "stored",
	"streamed", "structured", "traced", "updated", "used", "verified",
}

// weighs reports whether a word counts against a run: beside an output also one that leaves it open
// whether the run succeeded.
func (d *doubts) weighs(word RunStatus, isOpen bool) bool {
	return word.Failed() || d.hasOutput && (word.Pending() || isOpen)
}

// wordOf returns what a member says in the place of a status: as a text, or as the name of what is
// true, such as isFailed. Of what is false it is the opposite, such as "not completed". isOpen
// reports whether it is no word for success.
func wordOf(path, name string, value []byte) (word RunStatus, isOpen bool) {
	word = wordIn(value)
	isTrue, isFlag := jsonscan.Bool(value)
	if isFlag {
		name = affixes.ReplaceAllString(name, "") // Truncated of outputTruncated and isTruncated
	}
	switch {
	case isTrue:
		word, isOpen = RunStatus(name), fallsShort(path, name)
	case isFlag:
		word, isOpen = RunStatus("not "+name), jsonscan.Affirms(name)
	case isStatus(path):
		isOpen = !isGoodEnd(word)
	default: // perhaps of something else: logLevel error
		word, isOpen = RunStatus(name+" ")+word, word.Failed() || word.Pending()
	}
	return word, isOpen
}

func isStatus(path string) bool {
	return statusPath.MatchString(path) && !otherThing.MatchString(path)
}

func isGoodEnd(word RunStatus) bool {
	return word.Succeeded() || goodEnd.Match(jsonscan.Fold(nil, word))
}

// isHarmless reports whether a member for an error says that there is none, such as errmsg: ok.
func isHarmless(value []byte) bool {
	return jsonscan.IsEmpty(value) || value[0] == '"' && isGoodEnd(wordIn(value))
}

// fallsShort reports whether a word that is true of a run is the opposite of something good, such
// as incomplete, or what was done to it, such as blocked.
func fallsShort(path, word string) bool {
	isGood := negation.ReplaceAllString(word, "")
	return isGood != word && jsonscan.Affirms(isGood) || !strings.Contains(path, ".") &&
		deed.MatchString(word) && !slices.Contains(goodDeeds, strings.ToLower(word)) && !jsonscan.Affirms(word)
}

// wordIn returns a text or number as a status, and "" for other values.
func wordIn(value []byte) (word RunStatus) {
	if kind := jsonscan.Kind(value[0]); kind == "string" {
		word = RunStatus(jsonscan.Unquote(value))
	} else if kind == "number" {
		word = RunStatus(value)
	}
	return word
}
