package jsonscan

import (
	"bytes"
	"cmp"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Judge decides whether a list is whole, by what stands beside it in an object around it, and by
// the headers of its response. It asks whether they say that there is more of it, such as a link or
// cursor of a next page, hasMore that is true, last that is false, a number of pages above one, a
// total above the number of elements: that much holds for every list. A strict one asks whether
// they leave nothing open: an element that is absent from a list counts as absent only then. The
// zero value has seen nothing.
type Judge struct {
	Strict bool
	Known  map[string]string // values that say nothing, by the folded name of their member
	Ignore []string          // names of members and headers that the caller knows to be harmless
	List   []byte            // the name of the list, if it has one

	open    string // what says that the list is not whole
	next    string // what leads to a next page, if there is one
	isLast  bool   // there is none, as a flag says
	numbers []number
}

// number may be a total of the list. That depends on the list's name, which may come later.
type number struct {
	n          float64
	path, what string
}

// Member takes a member beside the list.
func (j *Judge) Member(name, value []byte) {
	if !j.Skips(name) {
		j.see(member(name), "", string(name), value, 0)
	}
}

// see looks into objects, such as links or a pageInfo. path has the names of those around, with a
// dot after each.
func (j *Judge) see(what, path, name string, value []byte, depth int) {
	const deepest = 3
	folded := foldedName(name)
	path += folded
	n, isNumber := numberOf(value)
	switch {
	case j.isHarmless(name, folded, path, value):
	case saysMore(path, folded, value):
		j.open = what
	case leadsOn(path, folded, value):
		j.next = what
	case !j.Strict && saysLast(path, folded, value):
		j.isLast = true
	case isNumber:
		j.numbers = append(j.numbers, number{n, path, what})
	case j.Strict:
		j.open = what
	case depth < deepest: // only objects have members
		for name, value := range Members(value) {
			j.see(member(name), path+".", string(name), value, depth+1)
		}
	}
}

// isHarmless reports whether a member says nothing. To a strict judge false and 0 say something
// under a name for what is good, and under a participle, such as loaded: what is not loaded yet is
// not whole.
func (j *Judge) isHarmless(name, folded, path string, value []byte) bool {
	if !j.Strict {
		return value[0] != '{' && !containsAny(path, stems)
	}
	if !IsEmpty(value) {
		return strings.Trim(string(value), `"`) == j.Known[folded]
	}
	words := wordsOf(name)
	bare := strings.Replace(words, "-un", "-", 1) // what is not untruncated is truncated
	isGood := affirmation.MatchString(words) || strings.Contains(words, "ed-") && harmless.MatchString(bare) == (bare != words)
	return !isGood || Kind(value[0]) != "bool" && Kind(value[0]) != "number"
}

// Skips reports whether a member or header is passed over, whatever it is: the caller knows it.
func (j *Judge) Skips(name []byte) bool {
	return slices.ContainsFunc(j.Ignore, func(known string) bool { return bytes.Equal(Fold(nil, known), Fold(nil, name)) })
}

// Says returns what says that a list of so many elements is not whole: a member, or a header of the
// response. It returns "" if nothing does.
func (j *Judge) Says(header map[string][]string, elements int) string {
	seen := *j
	for name, values := range header {
		for _, value := range values {
			if !j.Skips([]byte(name)) {
				seen.header(name, strings.ToLower(strings.TrimSpace(value)))
			}
		}
	}
	if seen.isLast { // Plaid's last page has the cursor to ask with later
		seen.next = ""
	}
	return cmp.Or(seen.open, seen.next, seen.total(float64(elements)))
}

// total returns the number that says that a list is not whole. Beside a total, other counts may be
// those of a page.
func (j *Judge) total(elements float64) (what string) {
	hasTotal := false
	for _, number := range j.numbers {
		n, isTotal := number.elements(j.List)
		switch {
		case j.Strict && n != elements, isTotal && n > elements:
			return number.what
		case isTotal:
			hasTotal = true
		case n > elements:
			what = number.what
		}
	}
	if hasTotal {
		return ""
	}
	return what
}

// elements returns how many elements a list has, as a number beside it says: any number of them if
// there are more pages, and -1 if it says nothing of them. isTotal is false for what may be the
// elements of a page.
func (n number) elements(list []byte) (elements float64, isTotal bool) {
	noun := strings.TrimSuffix(foldedName(string(list)), "s")
	path := strings.ReplaceAll(n.path, cmp.Or(noun, "item"), "item") // totalRuns beside runs
	isTotal = strings.Contains(path, "total")
	switch isPages := pagesName.MatchString(path); {
	case !aboutLists.MatchString(path):
		return -1, false
	case isPages && n.n > 1, remainingName.MatchString(path) && n.n > 0:
		return math.Inf(1), true
	case isPages, !isTotal && !countName.MatchString(path), endName.MatchString(path): // completedCount
		return -1, false
	default:
		return n.n, isTotal
	}
}

// header takes a header as a member. Headers are not a closed world, even to a strict judge: those
// count whose names speak of pages or totals, or that say that the list does not end.
func (j *Judge) header(name, text string) {
	lower := strings.TrimPrefix(strings.ToLower(strings.ReplaceAll(name, "_", "-")), "x-")
	switch {
	case lower == "link" && j.linksOn(text):
		j.open = "the header " + name
		return
	case !j.Strict && lower == "content-range": // items 0-24/319
		lower, text = "total", text[strings.LastIndexByte(text, '/')+1:]
	case containsAny("-"+lower+"-", headerWords):
	case isWord([]byte(text), "false", "no", "0") && affirmation.MatchString(wordsOf(lower)):
	default:
		return
	}
	j.see("the header "+name, "", lower, []byte(cmp.Or(text, "null")), 0)
}

// headerWords are in the names of headers that speak of pages or totals.
//
//mutelist:check .
var headerWords = []string{
	"page", "pagin", "cursor", "total", "next", "more", "continu", "truncat", "incomplete", "-count-", "-range-", "-offset-", "-marker-", "-partial-",
}

// linksOn reports whether a Link header leads to a next page, or, to a strict judge, to a previous
// one. Sentry links empty ones, too.
func (j *Judge) linksOn(text string) bool {
	links := linksToNext
	if j.Strict {
		links = linksToPages
	}
	return slices.ContainsFunc(links.FindAllString(text, -1), func(link string) bool {
		return !strings.Contains(link, `results="false"`)
	})
}

var linksToNext, linksToPages = linksTo("next"), linksTo("(?:next|prev)")

// linksTo matches a link of a relation in a Link header, up to the link's end.
func linksTo(rel string) *regexp.Regexp {
	return regexp.MustCompile(`[;,]\s*rel\s*=\s*(?:["'][^"']*\b)?` + rel + `[^,]*`)
}

// These match the words of a name: see wordsOf.
var (
	affirmation = anyOf("-(?:is|has|are)?", goodWords, "")
	isOneWord   = regexp.MustCompile("^-(?:is-|has-|was-)?[a-z]+-$")
	harmless    = anyOf("-(?:is|has|are)?", harmlessWords, "")
)

// These match folded names, and paths of them.
var (
	aboutLists    = anyOf(`^(?:`, slices.Concat(listWords, endWords), `(?:e?[sd])?\.?)+$`)
	pagesName     = regexp.MustCompile(`(?:pages(?:total)?|(?:total|last)page(?:number)?|pagecount|page\.(?:of|last))$`)
	remainingName = regexp.MustCompile(`remaining\w|\wremaining`)
	countName     = regexp.MustCompile("count|found|num[^bp]|numberof|nb.")
	nextName      = regexp.MustCompile("next" + nouns + "*$|next[^s].*(?:token|marker)$|^continue$|continuation|" +
		"(?:continue|resum).*token$|^more" + nouns + "+$|^(?:skip|pagination)(?:token|key)$|^lastevaluated")
	noMoreName  = regexp.MustCompile("not?(?:more|next|truncated|partial)")
	moreName    = regexp.MustCompile("(?:^|is|are|has|any)(?:more|additional)|hasnext|truncated|incomplete|^(?:is)?partial(?:results?)?$")
	endName     = anyOf("", endWords, "")
	hasNextName = regexp.MustCompile("^(?:has|any)?(?:more|next)(?:pages?|items|results?|records|data)?$")
	lastName    = regexp.MustCompile("^(?:is)?(?:last(?:page)?|endof[a-z]+)$")
)

// nouns match what one asks for the next page with.
const nouns = "(?:page|token|cursor|link|ur[li]|href|offset|marker|key|start|index|records|results|number|position|from|batch|row|range)"

// stems are in all names that may tell a judge that is not strict that there is more. Most names
// have none, and looking for them takes little time.
var stems = slices.Concat(endWords, []string{
	"more", "additional", "next", "truncat", "partial", "continu", "resum", "skip", "after", "offset",
	"total", "count", "found", "num", "nb", "pag", "remaining",
})

func containsAny(text string, words []string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) })
}

// anyOf matches one of some words between two patterns.
func anyOf(before string, words []string, after string) *regexp.Regexp {
	return regexp.MustCompile(before + "(?:" + strings.Join(words, "|") + ")" + after)
}

// goodWords begin the names of what is good if it is true.
//
//mutelist:check
var goodWords = []string{
	"last", "end-", "done", "complete", "final", "finish", "exhaust", "eof", "first", "all-", "whole", "full-", "no[nt]?-",
	"ok-", "exact", "consistent", "valid", "healthy", "ready", "fresh", "succe", "accura", "reliab", "stable", "up-to",
}

// harmlessWords begin participles of what is good if it is false.
//
//mutelist:check
var harmlessWords = []string{
	"trunc", "limit", "cap", "timed", "arch", "cach", "delet", "deprec", "degrad", "fail", "abort", "cancel", "interrup",
	"throttl", "expir", "filter", "sampl", "pag", "exten", "lock",
}

// listWords are those that the names of totals of a list are made of. A name with any other word,
// such as totalTokens, is about something else.
//
//mutelist:check
var listWords = []string{
	"total", "count", "found", "num", "number", "nb", "remaining", "estimated", "size", "of", "is", "at", "reach", `\.value`,
	"item", "element", "result", "record", "hit", "row", "entrie", "doc", "document", "object", "match",
	"page", "pager", "paging", "paginat(?:e|or|ion)", "meta", "metadata", "info(?:rmation)?",
	"search", "summary", "list", "stream", "wp", "aggregate",
}

// endWords are those in the names of what says that a list ends.
//
//mutelist:check
var endWords = []string{"last", "end", "done", "complete", "final", "finish", "exhaust", "eof"}

// saysMore reports whether a member of this name says, as a flag, that there is more of the list.
func saysMore(path, folded string, value []byte) bool {
	if isWord(value, "true", "yes", "y", "1") {
		return moreName.MatchString(folded) && !isNoMore(path, folded)
	}
	isFalse := isWord(value, "false", "no", "n") || strings.HasPrefix(folded, "is") && isWord(value, "0")
	return isFalse && isNoMore(path, folded)
}

// leadsOn reports whether a member has what one asks for the next page with, such as
// next_page_token or @odata.nextLink.
func leadsOn(path, folded string, value []byte) bool {
	_, isNumber := numberOf(value)
	switch {
	case !SaysSomething(value):
		return false
	case folded == "after" || folded == "offset":
		return !isNumber && isOfList(path, folded)
	default:
		return nextName.MatchString(folded) && !isNoMore(path, folded)
	}
}

// saysLast reports whether a member says, as a flag, that this is the last page.
func saysLast(path, folded string, value []byte) bool {
	isLast := isWord(value, "false", "no", "n") && hasNextName.MatchString(folded) ||
		isWord(value, "true", "yes", "y") && lastName.MatchString(folded)
	return isLast && isOfList(path, folded)
}

// isOfList reports whether the objects around a member, if there are any, are about the list.
func isOfList(path, folded string) bool {
	around := strings.TrimSuffix(path, folded)
	return around == "" || aboutLists.MatchString(around)
}

// SaysMore reports whether a member next to something says, as a flag, that there is more of it.
func SaysMore(name, value []byte) bool {
	folded := foldedName(string(name))
	return saysMore(folded, folded, value)
}

// isNoMore reports whether a member of this name says, if it is true, that there is no more.
func isNoMore(path, folded string) bool {
	return noMoreName.MatchString(folded) || endName.MatchString(folded) && aboutLists.MatchString(path)
}

// Affirms reports whether a name has just one word, for what is good if it is true, such as ok or
// isCompleted.
func Affirms(name string) bool {
	words := wordsOf(name)
	return isOneWord.MatchString(words) && affirmation.MatchString(words)
}

// wordsOf returns the words of a name in lower case: -has-more- for hasMore, has_more or Has-More.
func wordsOf(name string) string {
	return strings.ToLower(noLetters.ReplaceAllString("."+camel.ReplaceAllString(name, "$1-$2")+".", "-"))
}

var (
	camel     = regexp.MustCompile(`([a-z0-9])([A-Z])`)
	noLetters = regexp.MustCompile(`[^a-zA-Z0-9]+`)
)

// SaysSomething reports whether a value is not just null, "", 0, false, "no" or made of these. Some
// have -1 for no next page.
func SaysSomething(value []byte) (says bool) {
	Walk(value, func(bool, []byte) bool { return false }, func(_ bool, raw []byte, _ bool) {
		n, isNumber := numberOf(raw)
		says = says || n > 0 || !isNumber && !isWord(raw, "", "false", "no", "n", "null")
	})
	return says
}

// Bool reads a boolean, or a text or number that stands for one.
func Bool(value []byte) (b, ok bool) {
	b = isWord(value, "true", "yes", "1")
	return b, b || isWord(value, "false", "no", "0")
}

// isWord reports whether a value is one of some words, as a text or not.
func isWord(value []byte, words ...string) bool {
	var buf [maxName]byte
	return slices.Contains(words, string(Fold(buf[:0], value[:min(len(value), maxName)])))
}

// numberOf reads a number, or a text that is one.
func numberOf(value []byte) (float64, bool) {
	return ParseNumber(strings.Trim(string(value[:min(len(value), maxName)]), `" `))
}

// maxName bounds a name in a text.
const maxName = 64

// foldedName is a folded name without what a sign sets off, as in hydra:totalItems and
// @odata.count.
func foldedName(name string) string {
	name = name[:min(len(name), maxName)]
	return string(Fold(nil, name[strings.LastIndexAny(name, ":.@$")+1:]))
}

func member(name []byte) string {
	return "the member " + strconv.Quote(Clip(string(name), maxName))
}
