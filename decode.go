package promptorchestra

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"strings"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
	"github.com/prompt-orchestra/promptorchestra-go/internal/lenient"
)

var (
	errNoBody    = errors.New("the response has no body")
	errNull      = errors.New("the response is null")
	errHTML      = errors.New("the response is an HTML page, not JSON: it came from a proxy, or the base URL is wrong")
	errNotObject = errors.New("the response is not a JSON object")
	errTrailing  = errors.New("the response goes on after the list")
	errNotList   = errors.New("the response is neither a JSON array nor an object that holds one array")
	errTooDeep   = errors.New("the response is nested too deeply")
	errFailure   = errors.New("the response is a failure with a status of success")
)

// A decodeFunc decodes a response into out. misfit is called with members whose type does not fit.
// All the rest is decoded, because a response that was paid for is worth more than one member of
// it.
type decodeFunc func(body []byte, out any, misfit lenient.Misfit) error

// misfit logs, once a name, each member of the response that does not fit.
func (r *request) misfit(ctx context.Context) lenient.Misfit {
	if logger := r.client.core.logger; logger == nil || !logger.Enabled(ctx, slog.LevelDebug) {
		return nil
	}
	return func(e *json.UnmarshalTypeError) { r.logMismatch(ctx, e) }
}

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

// opening returns a JSON response without what may stand before it, and its first byte, or an error
// that says why it is not JSON.
func opening(body []byte) ([]byte, byte, error) {
	body = bytes.TrimPrefix(body, byteOrderMark)
	switch text := jsonscan.SkipSpace(body); {
	case len(text) == 0:
		return nil, 0, errNoBody
	case text[0] == '<':
		return nil, 0, errHTML
	case text[0] == 'n' && string(bytes.TrimRight(text, " \t\r\n")) == "null":
		return nil, 0, errNull
	default:
		return text, text[0], nil
	}
}

func unmarshal(text []byte, out any, misfit lenient.Misfit) error {
	if err := lenient.Unmarshal(text, out, misfit); err != nil {
		return fmt.Errorf("decoding the response: %w", err)
	}
	return nil
}

// decodeInto decodes a response of any kind into the value of WithInto, which is set to zero first.
// A record is found inside an envelope. What the caller's own type does not take is no error: the
// call was paid for, and it has a result.
func decodeInto(body []byte, into any, misfit lenient.Misfit) error {
	text, _, err := opening(body)
	if err != nil {
		return err
	}
	return decodeValueInto(text, into, misfit)
}

// decodeValueInto is decodeInto for a JSON value without anything around it.
func decodeValueInto(text []byte, into any, misfit lenient.Misfit) error {
	reflect.ValueOf(into).Elem().SetZero()
	if members, ok := lenient.MembersOf(into); ok && text[0] == '{' {
		text, _ = findRecord(text, members)
	}
	err := unmarshal(text, into, misfit)
	if err == nil || !json.Valid(text) {
		return err
	}
	if misfit != nil {
		misfit(&json.UnmarshalTypeError{Value: jsonscan.Kind(text[0]), Type: reflect.TypeOf(into)})
	}
	return nil
}

// decodeWhole rejects a response of another type than out's. A wrong guess at an unknown endpoint
// must not look like an empty response.
func decodeWhole(body []byte, out any, misfit lenient.Misfit) error {
	text, begin, err := opening(body)
	if err != nil {
		return err
	}
	whole := reflect.TypeOf(out)
	for whole.Kind() == reflect.Pointer {
		whole = whole.Elem()
	}
	if found := jsonscan.Kind(begin); !lenient.Takes(whole, found) && json.Valid(text) {
		return fmt.Errorf("the response is a JSON %s, which does not fit %v", found, whole)
	}
	if members, ok := lenient.MembersOf(out); ok && begin == '{' && !members.Has([]byte("error")) {
		return decodeObject(text, out, members, misfit)
	}
	var unfit error
	err = unmarshal(text, out, func(e *json.UnmarshalTypeError) {
		if e.Field == "" && e.Type == whole {
			unfit = fmt.Errorf("decoding the response: %w", e)
		} else if misfit != nil {
			misfit(e)
		}
	})
	return cmp.Or(err, unfit)
}

func decodeRecord(body []byte, out any, misfit lenient.Misfit) error {
	text, begin, err := opening(body)
	switch {
	case err != nil:
		return err
	case begin == '{':
		members, _ := lenient.MembersOf(out)
		return decodeObject(text, out, members, misfit)
	case json.Valid(text):
		return errNotObject
	default:
		return unmarshal(text, out, misfit) // its error says what is wrong
	}
}

// decodeObject decodes an object into a record, unless it is a failure of the API.
func decodeObject(text []byte, out any, members lenient.Members, misfit lenient.Misfit) error {
	record, failed := findRecord(text, members)
	if failed {
		return errFailure
	}
	return unmarshal(record, out, misfit)
}

// findRecord returns the part of an object that is the record: all of it or, when it has no member
// of the record, the one object inside that has one. It also reports whether the object is one of
// the API's failures instead. Where a member of the record comes first, as in documented responses,
// it looks no further.
func findRecord(object []byte, members lenient.Members) (record []byte, failed bool) {
	var f failureMarks
	var inside [][]byte
	for name, value := range jsonscan.Members(object) {
		if isOwn(members, name, value) {
			return object, false
		}
		f.add(name, value)
		if value[0] == '{' && hasOwn(members, value) {
			inside = append(inside, value)
		}
	}
	failed = f.failed() || f.listed && len(inside) == 0
	switch {
	case !failed && len(inside) != 1, !json.Valid(object):
		return object, false
	case failed:
		return object, true
	default:
		return inside[0], false
	}
}

// isOwn reports whether a member shows that an object is the record: it is the record's, is not
// null, and has none of the names that failures and envelopes have too.
func isOwn(members lenient.Members, name, value []byte) bool {
	switch string(name) {
	case "code", "message", "details", "status":
		return false
	}
	return value[0] != 'n' && members.Has(name)
}

func hasOwn(members lenient.Members, object []byte) bool {
	for name, value := range jsonscan.Members(object) {
		if isOwn(members, name, value) {
			return true
		}
	}
	return false
}

// failureMarks are the members that show that an object is a failure. Listed errors may stand
// beside a record or list, too.
type failureMarks struct{ err, code, reason, unsuccessful, listed bool }

func (f *failureMarks) add(name, value []byte) {
	const longest = len("success")
	if len(name) > longest {
		return
	}
	switch strings.ToLower(string(name)) {
	case "error":
		f.err = f.err || !jsonscan.IsEmpty(value)
	case "code":
		f.code = f.code || !jsonscan.IsEmpty(value)
	case "why", "title":
		f.reason = f.reason || !jsonscan.IsEmpty(value)
	case "errors", "issues":
		f.listed = f.listed || !jsonscan.IsEmpty(value)
	case "success":
		f.unsuccessful = f.unsuccessful || string(value) == "false" || strings.EqualFold(string(value), `"false"`)
	}
}

// addToken is add for a member of which only the first token, and whether it is all of an empty
// object or array, is known.
func (f *failureMarks) addToken(name string, token json.Token, empty bool) {
	value := []byte("{1}")
	if _, opens := token.(json.Delim); empty {
		value = []byte("{}")
	} else if !opens {
		value, _ = json.Marshal(token) // a scalar always encodes
	}
	f.add([]byte(name), value)
}

func (f *failureMarks) failed() bool { return f.err || f.unsuccessful || f.code && f.reason }

func decodeList(body []byte, out any, misfit lenient.Misfit) error {
	text, begin, err := opening(body)
	switch {
	case err != nil:
		return err
	case begin == '[':
		return unmarshal(text, out, misfit)
	case begin != '{' && json.Valid(text):
		return errNotList
	}
	if err := unmarshal(text, &struct{}{}, nil); err != nil { // rejects what is not JSON
		return err
	}
	var f failureMarks
	var found [][]byte
	for name, value := range jsonscan.Members(text) {
		f.add(name, value)
		if value[0] == '[' && !isReport(name) {
			found = append(found, value)
		}
	}
	switch {
	case f.failed(), f.listed && len(found) == 0:
		return errFailure
	case len(found) != 1:
		return errNotList
	default:
		return unmarshal(found[0], out, misfit)
	}
}

// isReport reports whether an array of this name beside or instead of a list is about the call.
func isReport(name []byte) bool {
	switch strings.ToLower(string(name)) {
	case "error", "errors", "issues", "warnings":
		return true
	}
	return false
}

// decodeSteps is decodeList for a route whose response is not documented. An object may hold the
// steps under their name, or no steps.
func decodeSteps(body []byte, out any, misfit lenient.Misfit) error {
	err := decodeList(body, out, misfit)
	if !errors.Is(err, errNotList) {
		return err
	}
	text, begin, _ := opening(body)
	if begin != '{' {
		return err
	}
	for name, value := range jsonscan.Members(text) {
		if string(name) == "steps" && value[0] == '[' {
			return unmarshal(value, out, misfit)
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
