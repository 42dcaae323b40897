package promptorchestra

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

// accept lets an answer pass that has a member of an unexpected type: all the
// rest of it is decoded by then. It is logged by its name, but for Do: in the
// caller's own type that may be a key of the user's data.
func (r *request) accept(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var mismatch *json.UnmarshalTypeError
	if !errors.As(err, &mismatch) {
		return err
	}
	if !r.call.custom {
		r.logMismatch(ctx, mismatch)
	}
	return nil
}

var (
	errNoBody    = errors.New("the answer has no body")
	errNull      = errors.New("the answer is null")
	errHTML      = errors.New("the answer is an HTML page, not JSON: it came from a proxy, or the base URL is wrong")
	errNotObject = errors.New("the answer is not a JSON object")
	errTrailing  = errors.New("the answer goes on after the list")
	errNotList   = errors.New("the answer is neither a JSON array nor an object that holds one array")
)

// opening returns the first byte of a JSON answer, or why it is none.
func opening(body []byte) (byte, error) {
	switch text := bytes.TrimLeft(body, " \t\r\n"); {
	case len(text) == 0:
		return 0, errNoBody
	case text[0] == '<':
		return 0, errHTML
	case bytes.Equal(bytes.TrimRight(text, " \t\r\n"), []byte("null")):
		return 0, errNull
	default:
		return text[0], nil
	}
}

func decodeAny(body []byte, out any) error {
	if _, err := opening(body); err != nil {
		return err
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("decoding the answer: %w", err)
	}
	return nil
}

// decodeWhole does not take an answer for a mere member of an unexpected type: a
// wrong guess at an unknown endpoint must not look like an empty answer.
func decodeWhole(body []byte, out any) error {
	err := decodeAny(body, out)
	var mismatch *json.UnmarshalTypeError
	if !errors.As(err, &mismatch) || mismatch.Field != "" {
		return err
	}
	whole := reflect.TypeOf(out)
	for whole.Kind() == reflect.Pointer {
		whole = whole.Elem()
	}
	found, _, _ := strings.Cut(mismatch.Value, " ")
	if mismatch.Type != whole || found != kindOfJSON(body) { // of an element, when the type holds itself
		return err
	}
	return fmt.Errorf("the answer is a JSON %s, which does not fit %v", found, whole)
}

// kindOfJSON names what a value begins as, in encoding/json's words.
func kindOfJSON(value []byte) string {
	switch bytes.TrimLeft(value, " \t\r\n")[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "bool"
	default:
		return "number"
	}
}

func decodeRecord(body []byte, out any) error {
	begin, err := opening(body)
	if err == nil && begin != '{' && json.Valid(body) {
		err = errNotObject
	}
	if err != nil {
		return err
	}
	return decodeAny(body, out)
}

func decodeList(body []byte, out any) error {
	begin, err := opening(body)
	switch {
	case err != nil:
		return err
	case begin == '[':
		return decodeAny(body, out)
	case begin != '{' && json.Valid(body):
		return errNotList
	}
	if err := decodeAny(body, &struct{}{}); err != nil { // is it JSON at all?
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	_, _ = dec.Token()
	var found json.RawMessage
	for dec.More() { // a map would lose members that come twice
		var member json.RawMessage
		_, _ = dec.Token()
		if err := dec.Decode(&member); err != nil || member[0] == '[' && found != nil {
			return errNotList
		}
		if member[0] == '[' {
			found = member
		}
	}
	if found == nil {
		return errNotList
	}
	return decodeAny(found, out)
}

// countElements guesses from the first element how many a list has, so that the
// slice need not grow again and again. A wrong guess costs little.
func countElements(list []byte) int {
	const most = 4096
	list = bytes.TrimLeft(list, "[ \t\r\n")
	size, _ := jsonscan.ValueEnd(list)
	if size < 2 {
		return 0
	}
	return min(len(list)/size+1, most)
}

// tolerate drops the error of a member whose type is not the expected one:
// encoding/json has finished the rest of the value by then, and an answer that
// was paid for is worth more than one member of it.
func tolerate(err error) error {
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		return nil
	}
	return err
}
