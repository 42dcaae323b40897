package jsonscan

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Judge decides whether a list is whole, by what stands beside it in an object around it, and by
// the headers of its response. It asks whether they say that there is more of it, such as a link or
// cursor of a next page, hasMore that is true, a total above the number of elements: that much
// holds for every list. A strict one asks whether they leave nothing open: an element that is
// absent from a list counts as absent only then. The zero value has seen nothing.
type Judge struct {
	Strict bool
	Known  map[string]string // texts that say nothing, by the folded name of their member
	Ignore []string          // names of members and headers that the caller knows to be harmless

	open   string // the first that says that the list is not whole
	totals []total
}

type total struct {
	n    float64
	name string
}

// Member takes a member beside the list.
func (j *Judge) Member(name, value []byte) {
	if j.open == "" && !j.Skips(name) {
		j.member(name, value, 0, true)
	}
}

// member looks into objects, such as links or a pageInfo. A total counts at the top or in an object
// about pages: others have totals of other things.
func (j *Judge) member(name, value []byte, depth int, ofPages bool) {
	const deepest = 3
	folded := foldedName(name)
	n, isNumber := numberOf(value)
	switch {
	case j.isHarmless(folded, value):
	case isTotal(folded) && isNumber:
		if ofPages {
			j.totals = append(j.totals, total{n, member(name)})
		}
	case j.Strict, saysMore(folded, value):
		j.open = member(name)
	case depth < deepest: // only objects have members
		ofPages = ofPages && depth > 0 || containsAny(folded, "page", "pagin", "meta")
		for name, value := range Members(value) {
			j.member(name, value, depth+1, ofPages)
		}
	}
}

func (j *Judge) isHarmless(folded string, value []byte) bool {
	known, isKnown := j.Known[folded]
	switch {
	case !j.Strict:
		return false
	case IsEmpty(value):
		isFalse := value[0] == 'f' || value[0] == '0'
		return !isFalse || !deniesTheEnd(folded)
	case folded == "success":
		return string(value) == "true"
	default:
		return isKnown && value[0] == '"' && Unquote(value) == known
	}
}

// Skips reports whether a member or header is passed over, whatever it is: the caller knows it.
func (j *Judge) Skips(name []byte) bool {
	return slices.ContainsFunc(j.Ignore, func(known string) bool {
		folded := Fold(nil, name)
		return known == string(name) || len(folded) > 0 && bytes.Equal(Fold(nil, known), folded)
	})
}

// Says returns what says that a list of so many elements is not whole: a member, or a header of the
// response. Headers are not a closed world, even to a strict judge: those count whose names speak
// of pages or totals. It returns "" if nothing does.
func (j *Judge) Says(header map[string][]string, elements int) string {
	if j.open != "" {
		return j.open
	}
	for _, t := range j.totals {
		if t.n > float64(elements) || j.Strict && t.n != float64(elements) {
			return t.name
		}
	}
	for name, values := range header {
		isOpen := func(value string) bool { return headerSaysMore(name, value, elements) }
		if j.Strict {
			isOpen = func(value string) bool { return !isHarmlessHeader(name, value, elements) }
		}
		if slices.ContainsFunc(values, isOpen) && !j.Skips([]byte(name)) {
			return "the header " + name
		}
	}
	return ""
}

func headerSaysMore(name, value string, elements int) bool {
	switch folded := strings.TrimPrefix(foldedName([]byte(name)), "x"); {
	case folded == "link":
		return linksToNext(value)
	case folded == "contentrange", isTotal(folded): // items 0-24/319
		size, err := strconv.Atoi(strings.TrimSpace(value[strings.LastIndexByte(value, '/')+1:]))
		return err == nil && size > elements
	default:
		return saysMore(folded, []byte(strconv.Quote(value)))
	}
}

func isHarmlessHeader(name, value string, elements int) bool {
	if strings.EqualFold(name, "Link") {
		return !linksToNext(value)
	}
	words := "-" + strings.ReplaceAll(strings.ToLower(name), "_", "-") + "-"
	if !containsAny(words, "page", "pagin", "cursor", "total", "next", "more", "continu", "truncat",
		"-count-", "-range-", "-offset-", "-marker-", "-partial-") {
		return true
	}
	switch value = strings.ToLower(strings.TrimSpace(value)); value {
	case "", "0", "false":
		return true
	}
	return isTotal(strings.TrimPrefix(foldedName([]byte(name)), "x")) && value == strconv.Itoa(elements)
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
	isNext := strings.Contains(folded, "next") && containsAny(folded, "page", "cursor", "token", "link", "url", "offset", "marker")
	if isNext || strings.HasSuffix(folded, "next") || strings.Contains(folded, "continuation") {
		return saysSomething(value, 0)
	}
	return containsAny(folded, "more", "hasnext", "truncated", "incomplete", "partial") && saysTrue(value)
}

func containsAny(text string, words ...string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) })
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
	return !strings.Contains(folded, "incomplete") &&
		containsAny(folded, "last", "end", "done", "complete", "final", "finish", "whole", "full", "exhaust", "eof")
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
