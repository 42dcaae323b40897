package promptorchestra

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"

	"github.com/prompt-orchestra/promptorchestra-go/internal/lenient"
)

// A type is open when it keeps the members it has no field for in a field Extra: what is read and
// sent back must not lose them.

// marshalOpen encodes the fields of an open type, given as a struct without methods, then extra in
// the order of its names.
func marshalOpen(fields any, extra map[string]RawJSON) ([]byte, error) {
	object, err := marshal(fields)
	if err != nil || len(extra) == 0 {
		return object, err
	}
	known, _ := lenient.MembersOf(fields)
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		value := extra[name]
		switch {
		case known.Has([]byte(name)):
			return nil, &ArgumentError{Argument: "Extra", Reason: clean(name, 80) + " has a field of its own"}
		case len(value) == 0:
			continue
		case !json.Valid(value):
			return nil, &ArgumentError{Argument: "Extra", Reason: clean(name, 80) + " is not JSON"}
		}
		object = appendString(append(object[:len(object)-1], ','), name)
		object = append(append(append(object, ':'), value...), '}')
	}
	return object, nil
}

// unmarshalOpen decodes an object into an open type.
func unmarshalOpen(data []byte, v any) error {
	if reflect.ValueOf(v).IsNil() {
		return errors.New("promptorchestra: decoding into a nil pointer")
	}
	return lenient.Object(data, v)
}

// MarshalJSON encodes the fields, then Extra.
func (w Workflow) MarshalJSON() ([]byte, error) {
	type fields Workflow
	return marshalOpen(fields(w), w.Extra)
}

// UnmarshalJSON decodes an object. What no field is for goes into Extra.
func (w *Workflow) UnmarshalJSON(data []byte) error { return unmarshalOpen(data, w) }

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
	return marshalOpen(fields(s), s.Extra)
}

// UnmarshalJSON decodes an object. What no field is for goes into Extra.
func (s *WorkflowStep) UnmarshalJSON(data []byte) error { return unmarshalOpen(data, s) }

// MarshalJSON encodes the fields, then Extra.
func (t WorkflowTransition) MarshalJSON() ([]byte, error) {
	type fields WorkflowTransition
	return marshalOpen(fields(t), t.Extra)
}

// UnmarshalJSON decodes an object. What no field is for goes into Extra.
func (t *WorkflowTransition) UnmarshalJSON(data []byte) error { return unmarshalOpen(data, t) }

// MarshalJSON encodes the fields, then Extra.
func (a PromptAttachment) MarshalJSON() ([]byte, error) {
	type fields PromptAttachment
	return marshalOpen(fields(a), a.Extra)
}

// UnmarshalJSON decodes an object. What no field is for goes into Extra.
func (a *PromptAttachment) UnmarshalJSON(data []byte) error { return unmarshalOpen(data, a) }

// MarshalJSON encodes the fields, then Extra.
func (a ToolAttachment) MarshalJSON() ([]byte, error) {
	type fields ToolAttachment
	return marshalOpen(fields(a), a.Extra)
}

// UnmarshalJSON decodes an object. What no field is for goes into Extra.
func (a *ToolAttachment) UnmarshalJSON(data []byte) error { return unmarshalOpen(data, a) }

// MarshalJSON encodes the fields, then Extra.
func (i SkillPromptCompositionItem) MarshalJSON() ([]byte, error) {
	type fields PromptAttachment
	return marshalOpen(struct {
		fields
		PromptVersionID string        `json:"promptVersionId"`
		Section         PromptSection `json:"section"`
	}{fields(i.PromptAttachment), i.PromptVersionID, i.Section}, i.Extra)
}

// UnmarshalJSON decodes an object. What no field is for goes into Extra.
func (i *SkillPromptCompositionItem) UnmarshalJSON(data []byte) error { return unmarshalOpen(data, i) }
