package promptorchestra

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"reflect"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
	"github.com/prompt-orchestra/promptorchestra-go/internal/lenient"
)

// ErrMorePages is matched by the error of a list of which the server says that there is more, on
// another page or in another response. The API documents no pages, so the SDK cannot ask for the
// next one. All yields what came before it returns this error; List returns the error alone.
var ErrMorePages = errors.New("the server says that the list goes on elsewhere: All yields what came of it, List returns this error alone")

// A listJudge decides whether a list is whole, by what stands beside it: see jsonscan.MorePages and
// jsonscan.Whole.
type listJudge interface {
	Member(name, value []byte)                            // takes a member beside the list
	Skips(name []byte) bool                               // whether a member cannot be the list
	Says(header map[string][]string, elements int) string // what says that it is not whole, or ""
}

// besideList gathers the members of an object that may hold a list, as they arrive.
type besideList struct {
	judge    listJudge
	notWhole error // what a list is that the judge says is not whole
	failure  jsonscan.Failure
	empty    int // arrays without elements: the only one is the list if there is no other
}

// isList reports whether a member is the list. Any other is to be added.
func (b *besideList) isList(name []byte, isArray, empty bool) bool {
	isArray = isArray && !jsonscan.IsReport(name) && !b.judge.Skips(name)
	if isArray && empty {
		b.empty++
	}
	return isArray && !empty
}

func (b *besideList) add(name, value []byte) {
	b.failure.Add(name, value)
	b.judge.Member(name, value)
}

// err returns what is wrong with an object that was read to its end.
func (b *besideList) err(lists int) error {
	switch {
	case b.failure.Failed(lists+b.empty > 0):
		return errFailure
	case lists > 1, lists == 0 && b.empty != 1:
		return errNotList
	default:
		return nil
	}
}

// whole returns an error if the judge says that a list of so many elements is not whole.
func (b *besideList) whole(header http.Header, elements int) error {
	if by := b.judge.Says(header, elements); by != "" {
		return fmt.Errorf("%w (by %s)", b.notWhole, by)
	}
	return nil
}

// findList returns the array that is a response, or the one in an object around it.
func findList(body []byte, beside *besideList) ([]byte, error) {
	text, begin, err := opening(body)
	switch {
	case err != nil || begin == '[':
		return text, err
	case begin != '{' && json.Valid(text):
		return nil, errNotList
	}
	if err := unmarshal(text, &struct{}{}, nil); err != nil { // rejects what is not JSON
		return nil, err
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

func decodeList(r *request, body []byte, out any, misfit lenient.Misfit) error {
	beside := besideList{judge: new(jsonscan.MorePages), notWhole: ErrMorePages}
	list, err := findList(body, &beside)
	if err != nil {
		return err
	}
	if err := unmarshal(list, out, misfit); err != nil {
		return err
	}
	elements := reflect.ValueOf(out).Elem()
	if mayHavePhantoms(elements) && hasPhantoms(list) {
		return errElement
	}
	return beside.whole(r.result.Header, elements.Len())
}

// mayHavePhantoms reports whether a slice has records that are zero: an element that is null leaves
// one.
func mayHavePhantoms(elements reflect.Value) bool {
	if elements.Type().Elem().Kind() != reflect.Struct {
		return false
	}
	for i := range elements.Len() {
		if elements.Index(i).IsZero() {
			return true
		}
	}
	return false
}

func hasPhantoms(list []byte) bool {
	phantoms := false
	jsonscan.EachElement(list, math.MaxInt, func(element []byte) {
		phantoms = phantoms || element[0] == 'n'
	})
	return phantoms
}

// decodeSteps decodes a list of steps from a response that is not documented. An object may hold
// the steps under their name, or no steps.
func decodeSteps(_ *request, body []byte, out any, misfit lenient.Misfit) error {
	list, err := findList(body, &besideList{judge: new(jsonscan.MorePages)})
	switch text, begin, _ := opening(body); {
	case err == nil:
		return unmarshal(list, out, misfit)
	case !errors.Is(err, errNotList) || begin != '{':
		return err
	default:
		for name, value := range jsonscan.Members(text) {
			if string(name) == "steps" && value[0] == '[' {
				return unmarshal(value, out, misfit)
			}
		}
		return nil
	}
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
