package failure

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

// member is one of the members of a failure's body that are read.
type member uint8

const (
	errorMember member = iota
	messageMember
	codeMember
	detailsMember
	detailMember
	titleMember
	categoryMember
	whyMember
	whereMember
	affectedMember
	recoveryMember
	retryableMember
	docsMember
	typeMember
	nameMember
	reasonMember
	errorsMember
	dataMember
	statusMember
	pathMember
	locMember
	members // how many there are
)

// names has the names of each member, folded: see [jsonscan.Fold]. Of several in one object the
// first counts.
//
// mutelist: every entry has a test, or a captured body under testdata.
var names = [members][]string{
	errorMember:     {"error", "err", "fault"},
	messageMember:   {"message", "msg", "errormessage", "errordescription", "faultstring"},
	codeMember:      {"code", "errorcode"},
	detailsMember:   {"details"},
	detailMember:    {"detail"},
	titleMember:     {"title"},
	categoryMember:  {"category"},
	whyMember:       {"why"},
	whereMember:     {"where"},
	affectedMember:  {"affectedfields"},
	recoveryMember:  {"recovery"},
	retryableMember: {"retryable"},
	docsMember:      {"docshint"},
	typeMember:      {"type"},
	nameMember:      {"name"},
	reasonMember:    {"reason"},
	errorsMember:    {"errors", "issues", "errormessages", "fielderrors"},
	dataMember:      {"data"},
	statusMember:    {"status"},
	pathMember:      {"path"},
	locMember:       {"loc"},
}

// place is where the value of a name goes, and how early the name stands in its list.
type place struct {
	member member
	rank   int
}

var places = func() map[string]place {
	all := map[string]place{}
	for m, list := range names {
		for rank, name := range list {
			all[name] = place{member(m), rank}
		}
	}
	return all
}()

// object has the known members of a JSON object: parts of the body, not copies, and nil if absent.
type object struct {
	values [members][]byte
	ranks  [members]int
}

var nothing object // read only

// parse reads an object's members as far as it can: the body may be cut or malformed.
func parse(text []byte) *object {
	o := new(object)
	for name, value := range jsonscan.Members(text) {
		if p, known := placeOf(name); known {
			o.put(p, value)
		}
	}
	return o
}

func placeOf(name []byte) (place, bool) {
	var buf [longestName]byte
	if len(name) > longestName {
		return place{}, false
	}
	p, known := places[string(jsonscan.Fold(buf[:0], name))]
	return p, known
}

const longestName = 64 // of members that are read, in any spelling

// put keeps one of two values for a member: the one that says more, then the one whose name comes
// first in its list, then the first.
func (o *object) put(p place, value []byte) {
	old := o.values[p.member]
	if was, is := weight(old), weight(value); old == nil || is > was || is == was && p.rank < o.ranks[p.member] {
		o.values[p.member], o.ranks[p.member] = value, p.rank
	}
}

// weight says how much a value tells a person: a number or boolean less than a text.
func weight(value []byte) int {
	switch {
	case jsonscan.IsEmpty(value):
		return 0
	case jsonscan.Kind(value[0]) == "number", jsonscan.Kind(value[0]) == "bool":
		return 1
	default:
		return 2
	}
}

// has reports whether a member is there, be it empty, and is not null. It is what the form of a
// body is told by: a list of details may be empty.
func (o *object) has(m member) bool {
	value := o.values[m]
	return len(value) > 0 && jsonscan.Kind(value[0]) != "null"
}

// says reports whether a member has a value.
func (o *object) says(m member) bool { return !jsonscan.IsEmpty(o.values[m]) }

// raw returns a copy of a member's value, for fields that hold JSON.
func (o *object) raw(m member) []byte { return keep(o.values[m]) }

// inner returns the members of a member's value if it is an object, or the text of one.
func (o *object) inner(m member) *object {
	if raw := documentIn(o.values[m]); len(raw) > 0 && raw[0] == '{' {
		return parse(raw)
	}
	return &nothing
}

func keep(value []byte) []byte {
	if len(value) == 0 || !json.Valid(value) {
		return nil
	}
	return bytes.Clone(value)
}

// documentIn returns the JSON document that a string is, or the value itself.
func documentIn(raw []byte) []byte {
	const near = 16 // bytes of white space before it
	if len(raw) == 0 || raw[0] != '"' || !bytes.ContainsAny(raw[:min(len(raw), near)], "{[") {
		return raw
	}
	text := []byte(strings.TrimSpace(jsonscan.Unquote(raw)))
	if len(text) > 0 && (text[0] == '{' || text[0] == '[') && json.Valid(text) {
		return text
	}
	return raw
}
