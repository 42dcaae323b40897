package failure

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

// names are the members of a failure's body that are read, folded as by [jsonscan.Fold]. Of the
// names of one member in one object the first counts.
//
//mutelist:check
var names = [...][]string{
	{"error", "err", "fault"},
	{"message", "msg", "errormessage", "errordescription", "faultstring"},
	{"code", "errorcode"},
	{"errors", "issues", "errormessages", "fielderrors"},
	{"details"},
	{"title"},
	{"category"},
	{"why"},
	{"where"},
	{"affectedfields"},
	{"recovery"},
	{"retryable"},
	{"docshint"},
	{"detail"},
	{"type"},
	{"name"},
	{"reason"},
	{"data"},
	{"status"},
	{"path"},
	{"loc"},
}

// place is which member a name stands for, and how late it is among the member's names.
type place struct {
	member string
	rank   int
}

var places = func() map[string]*place {
	all := map[string]*place{}
	for _, member := range names {
		for rank, name := range member {
			all[name] = &place{member[0], rank}
		}
	}
	return all
}()

// object has the known members of a JSON object. Their values are parts of the body, not copies.
type object struct {
	reader

	members []value
}

type value struct {
	*place
	raw []byte
}

// parse reads an object's members as far as it can: the body may be cut or malformed. Text that is
// no object has none.
func (r reader) parse(text []byte) object {
	o := object{reader: r}
	for name, raw := range jsonscan.Members(text) {
		var buf [64]byte
		if p, known := places[string(jsonscan.Fold(buf[:0], name))]; known {
			o.put(value{p, raw})
		}
	}
	return o
}

// put keeps one of two values for a member: the one that says more, then the one whose name comes
// first in its list, then the first.
func (o *object) put(v value) {
	for i, old := range o.members {
		if old.member == v.member {
			if was, is := weight(old.raw), weight(v.raw); is > was || is == was && v.rank < old.rank {
				o.members[i] = v
			}
			return
		}
	}
	if o.members == nil {
		o.members = make([]value, 0, 4) // most failures have no more
	}
	o.members = append(o.members, v)
}

// weight says how much a value tells a person: a number or boolean less than a text.
func weight(raw []byte) int {
	if jsonscan.IsEmpty(raw) {
		return 0
	}
	switch jsonscan.Kind(raw[0]) {
	case "number", "bool":
		return 1
	default:
		return 2
	}
}

// get returns the value of a member, or nil.
func (o *object) get(member string) []byte {
	for _, v := range o.members {
		if v.member == member {
			return v.raw
		}
	}
	return nil
}

// text returns the text for people in a member.
func (o *object) text(member string) string { return o.reader.text(o.get(member), 0) }

// has reports whether a member is there and not null. It may be empty: the form of a body is told
// by its members, and a list of details may have none.
func (o *object) has(member string) bool {
	raw := o.get(member)
	return len(raw) > 0 && raw[0] != 'n'
}

// inner returns the members of a member's value if it is an object, or the text of one.
func (o *object) inner(member string) object { return o.parse(documentIn(o.get(member))) }

// keep returns a copy of a value, for fields that hold JSON.
func keep(raw []byte) []byte {
	if !json.Valid(raw) {
		return nil
	}
	return bytes.Clone(raw)
}

// documentIn returns the JSON document that a string is, or the value itself.
func documentIn(raw []byte) []byte {
	near := raw[:min(len(raw), 16)] // there may be white space before it
	if len(raw) == 0 || raw[0] != '"' || bytes.IndexByte(near, '{') < 0 && bytes.IndexByte(near, '[') < 0 {
		return raw
	}
	if text := []byte(strings.TrimSpace(jsonscan.Unquote(raw))); json.Valid(text) {
		return text
	}
	return raw
}
