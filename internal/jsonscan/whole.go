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

// Member takes a member beside the list. It looks into objects, such as links or a pageInfo. A
// total counts at the top or in an object about pages: others have totals of other things.
func (m *MorePages) Member(name, value []byte) { m.member(name, value, 0, true) }

func (m *MorePages) member(name, value []byte, depth int, ofPages bool) {
	const deepest = 3
	folded := foldedName(name)
	switch n, isNumber := numberOf(value); {
	case saysMore(folded, value):
		m.more = member(name)
	case isTotal(folded) && isNumber:
		if ofPages && n > m.total {
			m.total, m.by = n, member(name)
		}
	case value[0] == '{' && depth < deepest:
		inPages := strings.Contains(folded, "page") || strings.Contains(folded, "pagin") || strings.Contains(folded, "meta")
		for name, value := range Members(value) {
			m.member(name, value, depth+1, inPages || ofPages && depth > 0)
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
	return firstHeader(header, func(name, value string) bool {
		switch folded := strings.TrimPrefix(foldedName([]byte(name)), "x"); {
		case folded == "link":
			return linksToNext(value)
		case folded == "contentrange", isTotal(folded): // items 0-24/319
			size, err := strconv.Atoi(strings.TrimSpace(value[strings.LastIndexByte(value, '/')+1:]))
			return err == nil && size > elements
		default:
			return saysMore(folded, []byte(strconv.Quote(value)))
		}
	})
}

// firstHeader returns the first header that is found to be open, in words, or "".
func firstHeader(header map[string][]string, isOpen func(name, value string) bool) string {
	for name, values := range header {
		for _, value := range values {
			if isOpen(name, value) {
				return "the header " + name
			}
		}
	}
	return ""
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
	folded := foldedName(name)
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
	return firstHeader(header, func(name, value string) bool {
		return !w.Skips([]byte(name)) && !isHarmlessHeader(name, value, elements)
	})
}

func isHarmlessHeader(name, value string, elements int) bool {
	if strings.EqualFold(name, "Link") {
		return !linksToNext(value)
	}
	words := "-" + strings.ReplaceAll(strings.ToLower(name), "_", "-") + "-"
	for _, word := range [...]string{
		"page", "pagin", "cursor", "total", "next", "more", "continu", "truncat", "-count-", "-range-", "-offset-", "-marker-", "-partial-",
	} {
		if strings.Contains(words, word) {
			switch value = strings.ToLower(strings.TrimSpace(value)); value {
			case "", "0", "false":
				return true
			}
			return isTotal(strings.TrimPrefix(foldedName([]byte(name)), "x")) && value == strconv.Itoa(elements)
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

// saysMore reports whether a member of this name has what one asks for the next page with, such as
// next_page_token or @odata.nextLink, or says that there is one.
func saysMore(folded string, value []byte) bool {
	if strings.HasSuffix(folded, "next") || strings.Contains(folded, "continuation") {
		return saysSomething(value, 0)
	}
	for _, word := range [...]string{"page", "cursor", "token", "link", "url", "offset", "marker"} {
		if strings.Contains(folded, "next") && strings.Contains(folded, word) {
			return saysSomething(value, 0)
		}
	}
	for _, word := range [...]string{"more", "hasnext", "truncated", "incomplete", "partial"} {
		if strings.Contains(folded, word) {
			return saysTrue(value)
		}
	}
	return false
}

func isTotal(folded string) bool {
	switch folded {
	case "total", "count", "totalcount", "totalitems", "totalelements", "totalresults", "totalrecords":
		return true
	}
	return false
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
	switch foldedName(value) {
	case "true", "yes", "1":
		return true
	}
	return false
}

// numberOf reads a number, or a text that is one.
func numberOf(value []byte) (float64, bool) {
	n, err := strconv.ParseFloat(strings.Trim(string(value[:min(len(value), maxName)]), `" `), 64)
	return n, err == nil
}

// maxName bounds a name in a text.
const maxName = 64

func foldedName(name []byte) string { return string(Fold(nil, name[:min(len(name), maxName)])) }

func member(name []byte) string {
	return fmt.Sprintf("the member %q", Clip(string(name), maxName))
}
