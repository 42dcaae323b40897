package orchestratest

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// object is a JSON object that is made in one place.
type object = map[string]any

// members are what a request held beside the members that this server knows. They are kept, and
// come back as they were.
type members map[string]json.RawMessage

// with returns the members, changed by newer ones. Neither map is changed.
func (m members) with(newer members) members {
	if len(newer) == 0 {
		return m
	}
	all := members{}
	maps.Copy(all, m)
	maps.Copy(all, newer)
	return all
}

// extended is a record that is encoded with further members behind its own. A member of the record
// hides a further one of the same name.
type extended struct {
	record any
	more   members
}

// show returns a record as it is sent.
func show(record any, more members) any {
	if len(more) == 0 {
		return record
	}
	return extended{record, more}
}

func (e extended) MarshalJSON() ([]byte, error) { return encodeWith(e.record, e.more) }

// encodeWith encodes an object with further members.
func encodeWith(record any, more members) ([]byte, error) {
	encoded, err := encode(record)
	if err != nil || len(more) == 0 {
		return encoded, err
	}
	own := members{}
	if err := json.Unmarshal(encoded, &own); err != nil {
		return nil, err //nolint:wrapcheck // of a record of this package, which is an object
	}
	more = maps.Clone(more)
	maps.DeleteFunc(more, func(name string, _ json.RawMessage) bool { return own[name] != nil })
	if len(more) == 0 {
		return encoded, nil
	}
	added, err := encode(more)
	if err != nil || len(own) == 0 {
		return added, err
	}
	return slices.Concat(encoded[:len(encoded)-1], []byte(","), added[1:]), nil
}

// encode is JSON without HTML escapes: texts stay as they were written.
func encode(value any) ([]byte, error) {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err //nolint:wrapcheck // encoding/json says what it was encoding
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
