package jsonscan

import (
	"bytes"
	"slices"
)

// Failure gathers the members that show that an object is one of the API's failures, with a status
// of success, instead of what was asked for.
type Failure struct{ err, code, reason, unsuccessful, listed bool }

// Add takes a member of the object.
//
//mutelist:check .
func (f *Failure) Add(name, value []byte) {
	var buf [16]byte
	short := string(Short(&buf, name))
	f.unsuccessful = f.unsuccessful || (short == "success" || short == "status") && isWord(value, "false")
	if IsEmpty(value) {
		return
	}
	switch short {
	case "error":
		f.err = true
	case "code":
		f.code = true
	case "why", "title":
		f.reason = true
	case "errors", "issues":
		f.listed = true
	}
}

// Failed reports whether the object is a failure. found says whether what was asked for is in it:
// a list of errors may stand beside that.
func (f *Failure) Failed(found bool) bool {
	return f.err || f.unsuccessful || f.code && f.reason || f.listed && !found
}

// IsReport reports whether an array of this name beside or instead of a list is about the call.
func IsReport(name []byte) bool { return Is(name, reports...) }

//mutelist:check .
var reports = []string{"error", "errors", "issues", "warnings"}

// A Proof says how well a member shows that the object around it is the record.
type Proof uint8

// A Weak proof counts only if there is no full one and the object is no failure.
const (
	NoProof Proof = iota
	Weak
	Full
)

// A Shape tells a kind of record from an envelope around it.
type Shape interface {
	Has(name []byte) bool           // whether the record has a member of this name
	Proof(name, value []byte) Proof // what a member shows
}

// Record returns the part of an object that is the record: the object itself or, when it has no
// proof, the one object inside that has one, together with the envelope's members that are the
// record's. found is false when neither has a proof: then it returns the object. failed reports
// whether the object is one of the API's failures. Where a full proof comes first, as in documented
// responses, it looks no further.
func Record[S Shape](s S, object []byte) (record []byte, found, failed bool) {
	var f Failure
	var inside [][]byte
	best := NoProof
	for name, value := range Members(object) {
		switch proof := s.Proof(name, value); {
		case proof == Full:
			return object, true, false
		case proof > best:
			best = proof
		case value[0] == '{' && !s.Has(name):
			inside = append(inside, value)
		}
		f.Add(name, value)
	}
	record, found = only(s, inside, Full)
	switch {
	case f.Failed(found):
		return object, false, true
	case !found:
		record, found = only(s, inside, Weak)
	}
	if found {
		return withSiblings(s, record, object), true, false
	}
	return object, best == Weak, false
}

// only returns the one object that has a proof, and false if none or several have one.
func only[S Shape](s S, objects [][]byte, proof Proof) (object []byte, found bool) {
	for _, o := range objects {
		for name, value := range Members(o) {
			if s.Proof(name, value) < proof {
				continue
			}
			if found {
				return nil, false
			}
			object, found = o, true
			break
		}
	}
	return object, found
}

// withSiblings adds to a record the members beside it that are the record's and that it does not
// have. Those that envelopes have too stay the envelope's.
func withSiblings[S Shape](s S, record, envelope []byte) []byte {
	own := map[string]bool{}
	for name, value := range Members(record) {
		own[string(Fold(nil, name))] = string(value) != "null"
	}
	for name, value := range Members(envelope) {
		if s.Has(name) && !Is(name, envelopes...) && !own[string(Fold(nil, name))] {
			record = WithMember(record, string(name), value)
		}
	}
	return record
}

// WithMember returns an object with one more member. The object has others, and is not changed. One
// that is cut stays as it is.
func WithMember(object []byte, name string, value []byte) []byte {
	object = bytes.TrimRight(object, space)
	end := len(object) - len("}")
	if object[end] != '}' {
		return object
	}
	return slices.Concat(object[:end], []byte(`,"`+name+`":`), value, []byte("}"))
}

// envelopes are names of an envelope's own members, though records have such members too.
//
//mutelist:check .
var envelopes = []string{"code", "message", "details", "status", "success", "error", "id"}
