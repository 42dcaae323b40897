package jsonscan

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// A list is judged by what stands beside it in an object around it, and by the headers of its
// response. MorePages asks whether they say that there is more of it: that much holds for every
// list. Whole asks whether they leave nothing open: an element that is absent from a list counts as
// absent only then.

// MorePages gathers what says that a list goes on elsewhere: a link or cursor of a next page,
// hasMore that is true, a total above the number of elements. The zero value has seen nothing.
type MorePages struct {
	more  string // what says so; "" for nothing
	total float64
	by    string // what has the total
}

// Member takes a member beside the list. It looks into objects, such as links or a pageInfo.
func (m *MorePages) Member(name, value []byte) { m.member(name, value, 0) }

func (m *MorePages) member(name, value []byte, depth int) {
	const deepest = 3
	folded := string(Fold(nil, name[:min(len(name), maxName)]))
	switch {
	case isNextPage(folded) && saysSomething(value, 0), isMore(folded) && saysTrue(value):
		m.more = member(name)
	case isTotal(folded):
		if n, ok := numberOf(value); ok && n > m.total {
			m.total, m.by = n, member(name)
		}
	case value[0] == '{' && depth < deepest:
		for name, value := range Members(value) {
			m.member(name, value, depth+1)
		}
	}
}

// Says returns what says that there is more than a list of so many elements: a member, or a header
// of the response. It returns "" if nothing does.
func (m *MorePages) Says(header map[string][]string, elements int) string {
	switch {
	case m.more != "":
		return m.more
	case m.total > float64(elements):
		return m.by
	}
	for name, values := range header {
		folded := strings.TrimPrefix(string(Fold(nil, name)), "x")
		for _, value := range values {
			if headerSaysMore(folded, value, elements) {
				return "the header " + name
			}
		}
	}
	return ""
}

func headerSaysMore(folded, value string, elements int) bool {
	switch raw := []byte(strconv.Quote(value)); {
	case folded == "link":
		return linksToNext(value)
	case folded == "contentrange": // items 0-24/319
		_, value, _ = strings.Cut(value, "/")
		return isAbove(value, elements)
	case isTotal(folded):
		return isAbove(value, elements)
	case isNextPage(folded):
		return saysSomething(raw, 0)
	default:
		return isMore(folded) && saysTrue(raw)
	}
}

// Skips reports whether a member is passed over: none.
func (m *MorePages) Skips([]byte) bool { return false }

// Whole gathers what leaves open whether a list is whole: all but what is known to be harmless.
type Whole struct {
	Known  map[string]string // texts that say nothing, by the folded name of their member
	Ignore []string          // names of members that the caller knows to be harmless

	open   string // the first that is not harmless
	totals []total
}

type total struct {
	n    float64
	name string
}

// Member takes a member beside the list.
func (w *Whole) Member(name, value []byte) {
	if w.open != "" || w.Skips(name) {
		return
	}
	folded := string(Fold(nil, name[:min(len(name), maxName)]))
	n, isNumber := numberOf(value)
	switch {
	case w.isHarmless(folded, value):
	case isTotal(folded) && isNumber:
		w.totals = append(w.totals, total{n, member(name)})
	default:
		w.open = member(name)
	}
}

func (w *Whole) isHarmless(folded string, value []byte) bool {
	known, isKnown := w.Known[folded]
	switch {
	case IsEmpty(value):
		isFalse := value[0] == 'f' || value[0] == '0'
		return !isFalse || !deniesTheEnd(folded)
	case folded == "success":
		return string(value) == "true"
	default:
		return isKnown && value[0] == '"' && Unquote(value) == known
	}
}

// Skips reports whether a member is passed over, whatever it is: the caller knows it.
func (w *Whole) Skips(name []byte) bool {
	for _, known := range w.Ignore {
		if known == string(name) || bytes.Equal(Fold(nil, known), Fold(nil, name)) && len(Fold(nil, name)) > 0 {
			return true
		}
	}
	return false
}

// Says returns what leaves open whether a list of so many elements is whole: a member, or a header
// of the response. Headers are not a closed world: those count whose names speak of pages or
// totals. It returns "" if nothing does.
func (w *Whole) Says(header map[string][]string, elements int) string {
	if w.open != "" {
		return w.open
	}
	for _, t := range w.totals {
		if t.n != float64(elements) {
			return t.name
		}
	}
	for name, values := range header {
		for _, value := range values {
			if !isHarmlessHeader(name, value, elements) {
				return "the header " + name
			}
		}
	}
	return ""
}

func isHarmlessHeader(name, value string, elements int) bool {
	folded := string(Fold(nil, name))
	switch folded {
	case "link":
		return !linksToNext(value)
	case "contentrange":
		return false
	}
	for _, word := range [...]string{"page", "pagin", "cursor", "total", "next"} {
		if strings.Contains(folded, word) {
			value = strings.ToLower(strings.TrimSpace(value))
			return value == "" || value == "0" || value == "false" || value == strconv.Itoa(elements)
		}
	}
	return true
}

// linksToNext reports whether a Link header has a link of the relation next.
func linksToNext(value string) bool {
	for _, part := range strings.FieldsFunc(value, func(r rune) bool { return r == ';' || r == ',' }) {
		name, relation, _ := strings.Cut(part, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "rel") {
			continue
		}
		for _, word := range strings.Fields(strings.Trim(strings.TrimSpace(relation), `"'`)) {
			if strings.EqualFold(word, "next") {
				return true
			}
		}
	}
	return false
}

// isNextPage reports whether a member of this name has what one asks for the next page with, such
// as next_page_token or @odata.nextLink.
func isNextPage(folded string) bool {
	if folded == "next" {
		return true
	}
	for _, word := range [...]string{"page", "cursor", "token", "link", "url", "offset", "marker"} {
		if strings.Contains(folded, "next") && strings.Contains(folded, word) {
			return true
		}
	}
	return false
}

func isMore(folded string) bool {
	return strings.Contains(folded, "more") || strings.HasPrefix(folded, "hasnext")
}

func isTotal(folded string) bool {
	return folded == "total" || folded == "totalcount" || folded == "count"
}

// deniesTheEnd reports whether false under this name says that there is more, as under Spring's
// last, Jira's isLast and Salesforce's done.
func deniesTheEnd(folded string) bool {
	if strings.Contains(folded, "incomplete") {
		return false
	}
	for _, word := range [...]string{"last", "end", "done", "complete", "final", "finish", "whole", "full", "exhaust", "eof"} {
		if strings.Contains(folded, word) {
			return true
		}
	}
	return false
}

// saysSomething is the contrary of IsEmpty, also for texts and for objects of empty members.
func saysSomething(value []byte, depth int) bool {
	const deepest = 3
	switch {
	case value[0] == '"':
		switch strings.ToLower(strings.TrimSpace(Unquote(value))) {
		case "", "0", "false", "null":
			return false
		}
		return true
	case value[0] == '{' && depth < deepest:
		for _, inner := range Members(value) {
			if saysSomething(inner, depth+1) {
				return true
			}
		}
		return false
	default:
		return !IsEmpty(value)
	}
}

func saysTrue(value []byte) bool {
	return string(value) == "true" || len(value) == len(`"true"`) && string(Fold(nil, value)) == "true"
}

// numberOf reads a number, or a text that is one.
func numberOf(value []byte) (float64, bool) {
	n, err := strconv.ParseFloat(strings.Trim(string(value[:min(len(value), maxName)]), `" `), 64)
	return n, err == nil
}

func isAbove(size string, elements int) bool {
	n, err := strconv.Atoi(strings.TrimSpace(size))
	return err == nil && n > elements
}

// maxName bounds a name in a text.
const maxName = 64

func member(name []byte) string {
	return fmt.Sprintf("the member %q", Clip(string(name), maxName))
}
