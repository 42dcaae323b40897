package orchestratest

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// change is one difference between two documents.
type change struct {
	Path   string `json:"path"` // such as steps[1].name
	Change string `json:"change"`
	Before any    `json:"before"`
	After  any    `json:"after"`
}

// maxDiffDepth is how deep two documents are taken apart. What differs further down is reported as
// one change of the value at this depth, so that the work and the paths do not grow with the square
// of the depth.
const maxDiffDepth = 32

// comparison collects the differences between two documents.
type comparison []change

// diff compares two values by their JSON.
func diff(before, after any) []change {
	c := comparison{}
	c.compare("", 0, plain(before), plain(after))
	return c
}

// plain is a value as its JSON reads.
func plain(value any) any {
	encoded, err := encode(value)
	if err != nil {
		return nil
	}
	return decode(encoded)
}

// absent stands for a value on the side that does not have it.
type absent struct{}

func (absent) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

func (c *comparison) compare(path string, depth int, before, after any) {
	b, beforeIsObject := before.(map[string]any)
	a, afterIsObject := after.(map[string]any)
	x, beforeIsList := before.([]any)
	y, afterIsList := after.([]any)
	switch {
	case depth < maxDiffDepth && beforeIsObject && afterIsObject:
		names := maps.Clone(b)
		maps.Copy(names, a)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			c.compare(path+"."+name, depth+1, value(b, name), value(a, name))
		}
	case depth < maxDiffDepth && beforeIsList && afterIsList:
		for i := range max(len(x), len(y)) {
			c.compare(fmt.Sprintf("%s[%d]", path, i), depth+1, element(x, i), element(y, i))
		}
	case !same(before, after):
		c.report(path, before, after)
	}
}

// same compares two values as JSON means them: numbers by value, so that 1, 1.0 and 1e0 are the
// same.
func same(a, b any) bool {
	switch x := a.(type) {
	case json.Number:
		y, ok := b.(json.Number)
		return ok && decimalOf(x) == decimalOf(y)
	case map[string]any:
		y, ok := b.(map[string]any)
		return ok && maps.EqualFunc(x, y, same)
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, same)
	}
	return reflect.DeepEqual(a, b)
}

// decimal is a number as digits without zeros at either end, and the power of ten behind them.
type decimal struct {
	negative bool
	digits   string // "" is zero
	exponent int64
}

func decimalOf(n json.Number) decimal {
	text, negative := strings.CutPrefix(strings.ToLower(n.String()), "-")
	text, power, _ := strings.Cut(text, "e")
	whole, fraction, _ := strings.Cut(text, ".")
	exponent, _ := strconv.ParseInt(power, 10, 64) // at its bound where nobody counts any more
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return decimal{}
	}
	short := strings.TrimRight(digits, "0")
	return decimal{negative, short, exponent + int64(len(digits)-len(short)-len(fraction))}
}

func (c *comparison) report(path string, before, after any) {
	found := change{strings.TrimPrefix(path, "."), "changed", before, after}
	_, added := before.(absent)
	_, removed := after.(absent)
	switch { // null and absent read the same to most, so both are called so
	case added || before == nil && !removed && after != nil:
		found.Change = "added"
	case removed || after == nil:
		found.Change = "removed"
	}
	*c = append(*c, found)
}

func value(object map[string]any, name string) any {
	if value, ok := object[name]; ok {
		return value
	}
	return absent{}
}

func element(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return absent{}
}
