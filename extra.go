package promptorchestra

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
	"github.com/prompt-orchestra/promptorchestra-go/internal/lenient"
)

// A type is open when it keeps in a field Extra what its other fields do not hold: what is read and
// sent back must not lose it.

// marshalOpen encodes v, which has an open type: first the fields, given as v without its methods,
// then the members of extra in the order of their names, but for those of a field that is not zero.
func marshalOpen(v, fields any, extra map[string]RawJSON) ([]byte, error) {
	object, err := marshal(fields)
	if err != nil || len(extra) == 0 {
		return object, err
	}
	members, _ := lenient.MembersOf(v)
	given := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		value := extra[name]
		own, index := members.Field(name)
		switch {
		case len(value) == 0:
			continue
		case !json.Valid(value):
			return nil, &ArgumentError{Argument: "Extra", Reason: clean(name, 80) + " is not JSON"}
		case given[own]:
			return nil, &ArgumentError{Argument: "Extra", Reason: clean(name, 80) + " is also present in another spelling"}
		case index != nil:
			given[own] = true
			if !reflect.ValueOf(v).FieldByIndex(index).IsZero() {
				continue
			}
			object = withoutMember(object, own)
		}
		object = appendMember(object, name, value)
	}
	return object, nil
}

// appendMember adds a member to a JSON object.
func appendMember(object []byte, name string, value []byte) []byte {
	object = object[:len(object)-1]
	if len(object) > 1 {
		object = append(object, ',')
	}
	object = append(append(object, asJSON(name)...), ':')
	return append(append(object, value...), '}')
}

// withoutMember returns a JSON object without a member.
func withoutMember(object []byte, name string) []byte {
	left := []byte("{}")
	for other, value := range jsonscan.Members(object) {
		if string(other) != name {
			left = appendMember(left, string(other), value)
		}
	}
	return left
}

// unmarshalOpen decodes an object into an open type.
func unmarshalOpen(data []byte, v any) error {
	if isNilPointer(v) {
		return errors.New("promptorchestra: decoding into a nil pointer")
	}
	return lenient.Object(data, v)
}

// MarshalJSON encodes the fields, then Extra.
func (w Workflow) MarshalJSON() ([]byte, error) {
	type fields Workflow
	sent := fields(w)
	sent.Steps, sent.Transitions = notNil(w.Steps), notNil(w.Transitions)
	return marshalOpen(w, sent, w.Extra)
}

// UnmarshalJSON decodes an object. What no field holds goes into Extra.
func (w *Workflow) UnmarshalJSON(data []byte) error { return unmarshalOpen(data, w) }

// has reports whether extra has a member for the field of an open type.
func has(extra map[string]RawJSON, v any, field string) bool {
	members, _ := lenient.MembersOf(v)
	for name, value := range extra {
		if own, _ := members.Field(name); own == field && !jsonscan.IsEmpty(value) {
			return true
		}
	}
	return false
}

// forOrganization returns the workflow without the organization in Extra. A response may have it,
// and the SDK sends it itself. That of another one is an error.
func (w Workflow) forOrganization(id string) (Workflow, error) {
	for name, value := range w.Extra {
		if !isOrganization(name) {
			continue
		}
		var given string
		if value.Decode(&given) != nil || given != id {
			return w, &ArgumentError{Argument: "Extra", Reason: clean(name, 80) + " is set by the SDK itself: use InOrganization"}
		}
		w.Extra = maps.Clone(w.Extra)
		delete(w.Extra, name)
	}
	return w, nil
}

// MarshalJSON encodes the fields, then Extra.
func (s WorkflowStep) MarshalJSON() ([]byte, error) {
	type fields WorkflowStep
	return marshalOpen(s, fields(s), s.Extra)
}

// UnmarshalJSON decodes an object. What no field holds goes into Extra.
func (s *WorkflowStep) UnmarshalJSON(data []byte) error { return unmarshalOpen(data, s) }

// MarshalJSON encodes the fields, then Extra.
func (t WorkflowTransition) MarshalJSON() ([]byte, error) {
	type fields WorkflowTransition
	return marshalOpen(t, fields(t), t.Extra)
}

// UnmarshalJSON decodes an object. What no field holds goes into Extra.
func (t *WorkflowTransition) UnmarshalJSON(data []byte) error { return unmarshalOpen(data, t) }

// MarshalJSON encodes the fields, then Extra.
func (a PromptAttachment) MarshalJSON() ([]byte, error) {
	type fields PromptAttachment
	return marshalOpen(a, fields(a), a.Extra)
}

// UnmarshalJSON decodes an object. What no field holds goes into Extra.
func (a *PromptAttachment) UnmarshalJSON(data []byte) error { return unmarshalOpen(data, a) }

// MarshalJSON encodes the fields, then Extra.
func (a ToolAttachment) MarshalJSON() ([]byte, error) {
	type fields ToolAttachment
	return marshalOpen(a, fields(a), a.Extra)
}

// UnmarshalJSON decodes an object. What no field holds goes into Extra.
func (a *ToolAttachment) UnmarshalJSON(data []byte) error { return unmarshalOpen(data, a) }

// MarshalJSON encodes the fields, then Extra.
func (a AgentVersionSummary) MarshalJSON() ([]byte, error) {
	type fields AgentVersionSummary
	return marshalOpen(a, fields(a), a.Extra)
}

// UnmarshalJSON decodes an object. What no field holds goes into Extra.
func (a *AgentVersionSummary) UnmarshalJSON(data []byte) error { return unmarshalOpen(data, a) }

// MarshalJSON encodes the fields, then Extra.
func (c ToolCapability) MarshalJSON() ([]byte, error) {
	type fields ToolCapability
	return marshalOpen(c, fields(c), c.Extra)
}

// UnmarshalJSON decodes an object. What no field holds goes into Extra.
func (c *ToolCapability) UnmarshalJSON(data []byte) error { return unmarshalOpen(data, c) }

// MarshalJSON encodes the fields, then Extra.
func (i SkillPromptCompositionItem) MarshalJSON() ([]byte, error) {
	type fields PromptAttachment
	return marshalOpen(i, struct {
		fields
		PromptVersionID string        `json:"promptVersionId,omitzero"`
		Section         PromptSection `json:"section,omitzero"`
	}{fields(i.PromptAttachment), i.PromptVersionID, i.Section}, i.Extra)
}

// UnmarshalJSON decodes an object. What no field holds goes into Extra.
func (i *SkillPromptCompositionItem) UnmarshalJSON(data []byte) error { return unmarshalOpen(data, i) }
