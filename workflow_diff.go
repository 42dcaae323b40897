package promptorchestra

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

// Equal reports whether both workflows are sent as the same JSON value. The order of steps and
// transitions counts, the order of members does not. It is what go-cmp asks.
func (w Workflow) Equal(other Workflow) bool {
	a, err := marshal(w)
	b, otherErr := marshal(other)
	if err != nil || otherErr != nil { // Extra is not JSON
		return err != nil && otherErr != nil && reflect.DeepEqual(w, other)
	}
	return RawJSON(a).Equal(b)
}

// Diff returns what saving other in the place of w changes, for people: one line a change, such as
//
//	step "draft": promptVersionId: "prv_1" -> "prv_2"
//	transition "draft" -> "end" (failure): added
//
// It returns nil if the workflows are equal. Steps are compared by their keys, and transitions by
// their ends and type. A line has at most some 300 characters: longer values are cut. The wording
// may change between versions.
func (w Workflow) Diff(other Workflow) []string {
	var d differences
	steps, transitions := elementsOf(w.Steps, stepName), elementsOf(w.Transitions, transitionName)
	otherSteps, otherTransitions := elementsOf(other.Steps, stepName), elementsOf(other.Transitions, transitionName)
	w.Steps, w.Transitions, other.Steps, other.Transitions = nil, nil, nil, nil
	d.members("", w, other)
	d.elements("steps", steps, otherSteps)
	d.elements("transitions", transitions, otherTransitions)
	return d.lines
}

// An element is a step or a transition with the name that a line calls it by.
type element struct {
	name  string
	value any
}

// elementsOf names the elements of a list. Those of one name are numbered.
func elementsOf[T any](list []T, name func(T) string) []element {
	all := make([]element, len(list))
	seen := map[string]int{}
	for i, v := range list {
		of := name(v)
		seen[of]++
		if n := seen[of]; n > 1 {
			of += fmt.Sprintf(" no. %d", n)
		}
		all[i] = element{of, v}
	}
	return all
}

func stepName(s WorkflowStep) string { return "step " + quote(s.StepKey) }

func transitionName(t WorkflowTransition) string {
	name := "transition " + quote(t.FromStepKey) + " -> " + quote(t.ToStepKey)
	if t.TransitionType != "" {
		name += " (" + clean(string(t.TransitionType), maxExcerpt) + ")"
	}
	return name
}

type differences struct{ lines []string }

func (d *differences) add(format string, args ...any) {
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

// elements compares two lists: what was removed, changed and added, then the order of the rest.
func (d *differences) elements(list string, was, is []element) {
	after, before := map[string]any{}, map[string]bool{}
	for _, e := range is {
		after[e.name] = e.value
	}
	var order, newOrder []string
	for _, e := range was {
		before[e.name] = true
		if value, stays := after[e.name]; stays {
			order = append(order, e.name)
			d.members(e.name+": ", e.value, value)
		} else {
			d.add("%s: removed", e.name)
		}
	}
	for _, e := range is {
		if before[e.name] {
			newOrder = append(newOrder, e.name)
		} else {
			d.add("%s: added", e.name)
		}
	}
	for i, name := range newOrder {
		if name != order[i] {
			d.add("%s: in another order, from %s on", list, name)
			return
		}
	}
}

// members compares what two values are encoded to, member by member.
func (d *differences) members(of string, was, is any) {
	before, names := membersByName(was)
	after, others := membersByName(is)
	for _, name := range append(names, others...) {
		a, b := before[name], after[name]
		delete(before, name)
		delete(after, name)
		if !a.Equal(b) {
			left, right := showBoth(a, b)
			d.add("%s%s: %s -> %s", of, clean(name, maxExcerpt), left, right)
		}
	}
}

// membersByName returns the members of what a value is encoded to, and their names in order.
func membersByName(v any) (members map[string]RawJSON, names []string) {
	members = map[string]RawJSON{}
	text, err := marshal(v)
	if err != nil {
		text, _ = marshal(map[string]string{"Extra": err.Error()}) // a text always encodes
	}
	for name, value := range jsonscan.Members(text) {
		members[string(name)] = value
		names = append(names, string(name))
	}
	return members, names
}

// showBoth returns two JSON values for a line, from just before where they differ if they are long.
func showBoth(a, b RawJSON) (left, right string) {
	left, right = compact(a), compact(b)
	same := 0
	for same < min(len(left), len(right)) && left[same] == right[same] {
		same++
	}
	if max(len(left), len(right)) <= maxExcerpt {
		same = 0
	}
	return excerpt(left, same), excerpt(right, same)
}

func compact(value RawJSON) string {
	var b bytes.Buffer
	if len(value) == 0 || json.Compact(&b, value) != nil {
		return "none"
	}
	return b.String()
}

const maxExcerpt = 80 // bytes

// excerpt returns a text for a line, from a little before an offset on.
func excerpt(text string, at int) string {
	const before = 20
	if at = min(at-before, len(text)); at <= 0 {
		return clean(text, maxExcerpt)
	}
	return "..." + clean(strings.ToValidUTF8(text[at:], ""), maxExcerpt)
}

func quote(key string) string { return `"` + clean(key, maxExcerpt) + `"` }
