package jsonscan

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Judge decides whether a list is whole, by what stands beside it in an object around it, and by
// the headers of its response. It asks whether they say that there is more of it, such as a link or
// cursor of a next page, hasMore that is true, a number of pages above one, a total above the
// number of elements: that much holds for every list. A strict one asks whether they leave nothing
// open: an element that is absent from a list counts as absent only then. The zero value has seen
// nothing.
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
		j.see(member(name), string(name), value, 0, true)
	}
}

// see looks into objects, such as links or a pageInfo. A total counts at the top or in an object
// about pages: others have totals of other things.
func (j *Judge) see(what, name string, value []byte, depth int, ofPages bool) {
	const deepest = 3
	folded := foldedName(name)
	n, isTotal := totalOf(folded, value)
	switch {
	case j.Strict && j.isHarmless(name, folded, value):
	case isTotal:
		if ofPages {
			j.totals = append(j.totals, total{n, what})
		}
	case j.Strict, saysMore(folded, value):
		j.open = what
	case depth < deepest: // only objects have members
		ofPages = ofPages && depth > 0 || containsAny(folded, "page", "pagin", "meta")
		for name, value := range Members(value) {
			j.see(member(name), string(name), value, depth+1, ofPages)
		}
	}
}

func (j *Judge) isHarmless(name, folded string, value []byte) bool {
	known, isKnown := j.Known[folded]
	switch {
	case IsEmpty(value):
		isFalse := value[0] == 'f' || value[0] == '0'
		return !isFalse || !saysTheEnd(name)
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
// response. It returns "" if nothing does.
func (j *Judge) Says(header map[string][]string, elements int) string {
	seen := *j
	for name, values := range header {
		for _, value := range values {
			if seen.open == "" && !j.Skips([]byte(name)) {
				seen.header(name, strings.ToLower(strings.TrimSpace(value)))
			}
		}
	}
	for _, t := range seen.totals {
		if seen.open == "" && (t.n > float64(elements) || j.Strict && t.n != float64(elements)) {
			return t.name
		}
	}
	return seen.open
}

// header takes a header as a member. Headers are not a closed world, even to a strict judge: those
// count whose names speak of pages or totals, or say that the list ends.
func (j *Judge) header(name, text string) {
	what, name := "the header "+name, strings.TrimPrefix(strings.ToLower(name), "x-")
	value := []byte(strconv.Quote(text))
	if text == "0" || text == "false" {
		value = []byte(text)
	}
	switch {
	case name == "link":
		if linksToNext.MatchString(text) {
			j.open = what
		}
	case !j.Strict && name == "content-range": // items 0-24/319
		j.see(what, "total", []byte(text[strings.LastIndexByte(text, '/')+1:]), 0, true)
	case !j.Strict, IsEmpty(value), speaksOfPages(name):
		j.see(what, name, value, 0, true)
	}
}

// linksToNext matches a Link header that has a link of the relation next.
var linksToNext = regexp.MustCompile(`[;,]\s*rel\s*=\s*(next\b|"[^"]*\bnext\b|'[^']*\bnext\b)`)

func speaksOfPages(name string) bool {
	return containsAny(wordsOf(name), "page", "pagin", "cursor", "total", "next", "more", "continu", "truncat",
		"-count-", "-range-", "-offset-", "-marker-", "-partial-")
}

// saysMore reports whether a member of this name has what one asks for the next page with, such as
// next_page_token or @odata.nextLink, or says that there is one.
func saysMore(folded string, value []byte) bool {
	isNext := strings.Contains(folded, "next") && containsAny(folded, "page", "cursor", "token", "link", "url", "offset", "marker")
	switch {
	case isNext, strings.HasSuffix(folded, "next"), folded == "continue", strings.Contains(folded, "continuation"):
		return saysSomething(value, 0)
	default:
		return containsAny(folded, "more", "hasnext", "truncated", "incomplete", "partial") && saysTrue(value)
	}
}

func containsAny(text string, words ...string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) })
}

// totalOf returns the total that a member has by its name. A number of pages above one is above any
// number of elements, and one page tells no total.
func totalOf(folded string, value []byte) (total float64, ok bool) {
	switch folded {
	case "total", "count", "totalcount", "totalitems", "totalelements", "totalresults", "totalrecords":
		return numberOf(value)
	case "pages", "totalpages", "pagecount", "lastpage":
		n, ok := numberOf(value)
		if n > 1 {
			return math.Inf(1), ok
		}
		return -1, ok
	}
	return 0, false
}

// saysTheEnd reports whether a member of this name says that the list ends, so that false says that
// there is more: Spring's last, Jira's isLast, Salesforce's done.
func saysTheEnd(name string) bool {
	words := wordsOf(name)
	return !strings.Contains(words, "incomplete") &&
		containsAny(words, "last", "-end", "end-", "done", "complete", "final", "finish", "whole", "-full", "exhaust", "eof", "-all-", "no-more")
}

// wordsOf returns the words of a name in lower case: -has-more- for hasMore, has_more or Has-More.
func wordsOf(name string) string {
	return "-" + strings.ToLower(strings.ReplaceAll(camel.ReplaceAllString(name, "$1-$2"), "_", "-")) + "-"
}

var camel = regexp.MustCompile(`([a-z])([A-Z])`)

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
	switch string(Fold(nil, value[:min(len(value), maxName)])) {
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

// foldedName is a folded name without what a colon or dot sets off, as in hydra:totalItems and
// @odata.count.
func foldedName(name string) string {
	name = name[:min(len(name), maxName)]
	return string(Fold(nil, name[strings.LastIndexAny(name, ":.")+1:]))
}

func member(name []byte) string {
	return fmt.Sprintf("the member %q", Clip(string(name), maxName))
}
