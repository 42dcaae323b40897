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
	errOthers    = errors.New("the response has too many members beside the list")
	errElement   = errors.New("the list has an element that is null")

	errNoEvidence = errors.New("nothing in the response shows that it is the record: it has no id, and of a run no result either")
)

// A decodeFunc decodes the body of the response to r into out. misfit is called with members whose
// type does not fit. All the rest is decoded, because a response that was paid for is worth more
// than one member of it.
type decodeFunc func(r *request, body []byte, out any, misfit lenient.Misfit) error

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
		if record, err := (recordShape{members: members}).find(text); err == nil {
			text = record
		}
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
func decodeWhole(_ *request, body []byte, out any, misfit lenient.Misfit) error {
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
		return decodeObject(text, out, recordShape{members: members}, misfit)
	}
	return decodeFitting(text, out, whole, misfit)
}

// decodeFitting decodes a value, and fails if it does not fit the whole of out.
func decodeFitting(text []byte, out any, whole reflect.Type, misfit lenient.Misfit) error {
	var unfit error
	err := unmarshal(text, out, func(e *json.UnmarshalTypeError) {
		if e.Field == "" && e.Type == whole {
			unfit = fmt.Errorf("decoding the response: %w", e)
		} else if misfit != nil {
			misfit(e)
		}
	})
	return cmp.Or(err, unfit)
}

func decodeRecord(r *request, body []byte, out any, misfit lenient.Misfit) error {
	text, begin, err := opening(body)
	switch {
	case err != nil:
		return err
	case begin == '{':
		members, _ := lenient.MembersOf(out)
		return decodeObject(text, out, recordShape{members, r.call.route.traits}, misfit)
	case json.Valid(text):
		return errNotObject
	default:
		return unmarshal(text, out, misfit) // its error says what is wrong
	}
}

// decodeObject decodes an object into a record, unless it is a failure of the API, or nothing shows
// that it is the record.
func decodeObject(text []byte, out any, shape recordShape, misfit lenient.Misfit) error {
	record, err := shape.find(text)
	if err != nil {
		return err
	}
	return unmarshal(record, out, misfit)
}

// recordShape tells a record of a route from an envelope around it, from a failure, and from what
// is not the record at all. Without one of the traits that name its evidence, any member will do,
// and what has none is a record whose members are all unknown.
type recordShape struct {
	members lenient.Members
	traits  traits
}

// Has reports whether the record has a member of this name.
func (s recordShape) Has(name []byte) bool { return s.members.Has(name) }

// Proof reports how well a member shows that the object around it is the record.
func (s recordShape) Proof(name, value []byte) jsonscan.Proof {
	var proves bool
	switch {
	case s.traits.has(isRun):
		return provesRun(name, value)
	case s.traits.has(hasID):
		proves = namesRecord(name, value)
	case s.traits.has(holdsRun):
		proves = nestsRecord(name, value)
	default:
		proves = s.members.Has(name) && identifiesRecord(name, value)
	}
	if proves {
		return jsonscan.Full
	}
	return jsonscan.NoProof
}

// find returns the part of an object that is the record.
func (s recordShape) find(object []byte) ([]byte, error) {
	record, found, failed := jsonscan.Record(s, object)
	switch needs := s.traits.has(hasID | isRun | holdsRun); {
	case failed && json.Valid(object):
		return nil, errFailure
	case found && len(record) != len(object) && !json.Valid(object), !found && !needs:
		return object, nil // decoding it says what is wrong with it, if anything is
	case !found && json.Valid(object):
		return nil, errNoEvidence
	default:
		return record, nil
	}
}

// identifiesRecord reports whether a member of a record says something, and has none of the names
// that failures and envelopes have too.
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
func provesRun(name, value []byte) jsonscan.Proof {
	var buf [16]byte
	if len(name) > len(buf) {
		return jsonscan.NoProof
	}
	proof, proves := jsonscan.Full, false
	switch string(jsonscan.Fold(buf[:0], name)) {
	case "runid":
		proves = isID(value)
	case "output", "outputtext", "image", "images", "generatedimage", "generatedimages":
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

// hasName reports whether a member has a name, in any spelling.
func hasName(name []byte, folded string) bool {
	var buf [16]byte
	return len(name) <= len(buf) && string(jsonscan.Fold(buf[:0], name)) == folded
}

// isID reports whether a value can be an id: a scalar that says something.
func isID(value []byte) bool {
	return value[0] != '{' && value[0] != '[' && !jsonscan.IsEmpty(value)
}
