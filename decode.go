package promptorchestra

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"regexp"
	"slices"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
	"github.com/prompt-orchestra/promptorchestra-go/internal/lenient"
)

var (
	errNoBody    = errors.New("the response has no body")
	errNull      = errors.New("the response is null")
	errHTML      = errors.New("the response is an HTML page, not JSON: it came from a proxy, or the base URL is wrong")
	errNotObject = errors.New("the response is not a JSON object")
	errTrailing  = errors.New("the response continues after the end of the list")
	errNotList   = errors.New("the response is neither a JSON array nor an object with exactly one array")
	errTooDeep   = errors.New("the response is nested too deeply")
	errFailure   = errors.New("the response has a success status, but its body describes a failure")
	errOthers    = errors.New("the response has too many members besides the list")
	errElement   = errors.New("the list contains null")

	errNoEvidence = errors.New("the response is not recognizable as the record: it has no id and, for a run, no result")
)

// A decodeFunc decodes the body of the response to r into out. Members whose type does not fit are
// logged, and all the rest is decoded, because a response that was paid for is worth more than one
// member of it.
type decodeFunc func(r *request, body []byte, out any) error

// undecodable returns the error for a response that cannot be used. If the response is a failure,
// the error has the failure's message.
func (r *request) undecodable(err error, body []byte) error {
	if errors.Is(err, errFailure) {
		var failure APIError
		failure.read(http.StatusOK, body, r.tokens())
		if failure.Message != http.StatusText(http.StatusOK) {
			err = fmt.Errorf("%w: %s", err, failure.Message)
		}
	}
	return r.decodeError(err)
}

var byteOrderMark = []byte("\ufeff")

// opening returns a JSON response without what may stand before it, or an error that says why it is
// not JSON. The text is not empty.
func opening(body []byte) ([]byte, error) {
	body = bytes.TrimPrefix(body, byteOrderMark)
	switch text := jsonscan.SkipSpace(body); {
	case len(text) == 0:
		return nil, errNoBody
	case text[0] == '<':
		return nil, errHTML
	case text[0] == 'n' && string(bytes.TrimRight(text, " \t\r\n")) == "null":
		return nil, errNull
	default:
		return text, nil
	}
}

func (r *request) unmarshal(text []byte, out any) error {
	if err := lenient.Unmarshal(text, out, r.misfit); err != nil {
		return fmt.Errorf("decoding the response: %w", err)
	}
	return nil
}

// decodeInto decodes a response of any kind, or an element of a streamed list, into the value of
// WithInto, which is set to zero first. A record is found inside an envelope. What the caller's own
// type does not take is no error: the call was paid for, and it has a result.
func (r *request) decodeInto(body []byte, into any) error {
	text, err := opening(body)
	if err != nil {
		return err
	}
	reflect.ValueOf(into).Elem().SetZero()
	members, _ := lenient.MembersOf(into)
	if record, err := (recordShape{Members: members}).find(text); err == nil {
		text = record
	}
	err = r.unmarshal(text, into)
	if err == nil || !json.Valid(text) {
		return err
	}
	if r.misfit != nil {
		r.misfit(&json.UnmarshalTypeError{Value: jsonscan.Kind(text[0]), Type: reflect.TypeOf(into)})
	}
	return nil
}

// decodeWhole rejects a response of another type than out's. A wrong guess at an unknown endpoint
// must not look like an empty response.
func decodeWhole(r *request, body []byte, out any) error {
	text, err := opening(body)
	if err != nil {
		return err
	}
	whole := reflect.TypeOf(out)
	for whole.Kind() == reflect.Pointer {
		whole = whole.Elem()
	}
	if found := jsonscan.Kind(text[0]); !lenient.Takes(whole, found) && json.Valid(text) {
		return fmt.Errorf("the response is a JSON %s, which cannot be decoded into %v", found, whole)
	}
	if members, ok := lenient.MembersOf(out); ok && text[0] == '{' && !members.Has([]byte("error")) {
		return decodeRecord(r, text, out)
	}
	return r.decodeFitting(text, out, whole)
}

// decodeFitting decodes a value, and fails if it does not fit the whole of out.
func (r *request) decodeFitting(text []byte, out any, whole reflect.Type) error {
	var unfit error
	err := lenient.Unmarshal(text, out, func(e *json.UnmarshalTypeError) {
		if e.Field == "" && e.Type == whole {
			unfit = e
		} else if r.misfit != nil {
			r.misfit(e)
		}
	})
	if err = cmp.Or(err, unfit); err != nil {
		return fmt.Errorf("decoding the response: %w", err)
	}
	return nil
}

// decodeRecord rejects a failure of the API, and what nothing shows to be the record. A run gets
// what its response says against it.
func decodeRecord(r *request, body []byte, out any) error {
	text, err := opening(body)
	switch {
	case err != nil:
		return err
	case text[0] != '{':
		return errNotObject
	}
	members, _ := lenient.MembersOf(out)
	shape := recordShape{members, r.call.route.traits}
	record, err := shape.find(text)
	if err != nil {
		return err
	}
	if shape.traits&hasID == 0 && shape.Has(nameDiagnostic) { // a record with an id of its own is no run
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
		proves = s.Has(name) && value[0] != 'n' && !slices.Contains(sharedNames, string(name))
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

// sharedNames are names of a record's members that failures and envelopes have too: they show
// nothing.
//
//mutelist:check
var sharedNames = []string{"code", "message", "details", "status"}

// namesRecord reports whether a member is the record's id.
func namesRecord(name, value []byte) bool { return jsonscan.Is(name, "id") && isID(value) }

// isID reports whether a value can be an id: a scalar that says something.
func isID(value []byte) bool {
	return value[0] != '{' && value[0] != '[' && !jsonscan.IsEmpty(value)
}

// nestsRecord reports whether a member is the run in the detail of a run of an agent.
func nestsRecord(name, value []byte) bool {
	if !jsonscan.Is(name, "run") || value[0] != '{' {
		return false
	}
	for name, value := range jsonscan.Members(value) {
		if namesRecord(name, value) {
			return true
		}
	}
	return false
}

// ErrMorePages is matched by the error of a list of which the server says that there is more, on
// another page or in another response. The API documents no pages, so the SDK cannot ask for the
// next one. All yields what came before it returns this error; List returns the error alone.
var ErrMorePages = errors.New("the server says that the list has more elements than this response: All yields those that came, List returns only this error")

// besideList gathers the members of an object that may hold a list, as they arrive.
type besideList struct {
	judge    jsonscan.Judge
	notWhole error // what a list is that the judge says is not whole
	failure  jsonscan.Failure
	arrays   int  // that may be the list: one without elements is, if there is no other
	nested   bool // an object may hold the list instead
}

var arrayOfObjects = regexp.MustCompile(`\[\s*\{`)

// isList reports whether a member is the list. Any other is to be added.
func (b *besideList) isList(name []byte, isArray, empty bool) bool {
	isArray = isArray && !jsonscan.IsReport(name) && !b.judge.Skips(name)
	if isArray {
		b.arrays++
	}
	if isArray && (!empty || b.judge.List == nil) {
		b.judge.List = name
	}
	return isArray && !empty
}

func (b *besideList) add(name, value []byte) {
	b.failure.Add(name, value)
	b.judge.Member(name, value)
	b.nested = b.nested || value[0] == '{' && arrayOfObjects.Match(value)
}

// err returns what is wrong with an object that was read to its end.
func (b *besideList) err(lists int) error {
	switch {
	case b.failure.Failed(b.arrays > 0):
		return errFailure
	case lists > 1, lists == 0 && (b.arrays == 0 || b.nested): // of several empty ones any may be the list
		return errNotList
	default:
		return nil
	}
}

// whole returns an error if a list of so many elements is not whole, as its response says.
func (b *besideList) whole(r *request, elements int) error {
	by := b.judge.Says(r.result.Header, elements)
	if r.result.StatusCode == http.StatusPartialContent {
		by = "the status 206"
	}
	if by != "" {
		return fmt.Errorf("%w (see %s)", b.notWhole, by)
	}
	return nil
}

// findList returns the array that is a response, or the one in an object around it.
func findList(body []byte, beside *besideList) ([]byte, error) {
	text, err := opening(body)
	switch {
	case err != nil || text[0] == '[':
		return text, err
	case text[0] != '{':
		return nil, errNotList
	}
	if err := json.Unmarshal(text, &struct{}{}); err != nil {
		return nil, fmt.Errorf("decoding the response: %w", err)
	}
	list, lists := []byte("[]"), 0
	for name, value := range jsonscan.Members(text) {
		if beside.isList(name, value[0] == '[', jsonscan.IsEmpty(value)) {
			list = value
			lists++
		} else {
			beside.add(name, value)
		}
	}
	return list, beside.err(lists)
}

func decodeList(r *request, body []byte, out any) error {
	beside := besideList{notWhole: ErrMorePages}
	list, err := findList(body, &beside)
	if err != nil {
		return err
	}
	if err := r.unmarshal(list, out); err != nil {
		return err
	}
	elements := reflect.ValueOf(out).Elem()
	if hasPhantoms(list, elements) {
		return errElement
	}
	return beside.whole(r, elements.Len())
}

// hasPhantoms reports whether an element of a list is null, which leaves a record that is zero.
func hasPhantoms(list []byte, elements reflect.Value) (phantoms bool) {
	for i := range elements.Len() {
		if elements.Index(i).IsZero() && elements.Index(i).Kind() == reflect.Struct {
			jsonscan.EachElement(list, math.MaxInt, func(element []byte) { phantoms = phantoms || element[0] == 'n' })
			break
		}
	}
	return phantoms
}

// decodeSteps decodes a list of steps from a response that is not documented. An object may hold
// the steps under their name, or no steps.
func decodeSteps(r *request, body []byte, out any) error {
	list, err := findList(body, new(besideList))
	text, _ := opening(body)
	switch {
	case err == nil:
		return r.unmarshal(list, out)
	case !errors.Is(err, errNotList) || text[0] != '{':
		return err
	}
	for name, value := range jsonscan.Members(text) {
		if string(name) == "steps" && value[0] == '[' {
			return r.unmarshal(value, out)
		}
	}
	return nil
}

// countElements estimates from the first element how many elements a list has, so that the slice
// need not grow. A wrong estimate costs little.
func countElements(list []byte) int {
	const most = 4096
	list = bytes.TrimLeft(list, "[ \t\r\n")
	size, _ := jsonscan.ValueEnd(list)
	if size < 2 {
		return 0
	}
	return min(len(list)/size+1, most)
}
