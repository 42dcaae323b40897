package promptorchestra

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/prompt-orchestra/promptorchestra-go/internal/failure"
)

// The fields of the error types without their methods: what encoding/json is given.
type (
	apiErrorFields       APIError
	transportErrorFields TransportError
	decodeErrorFields    DecodeError
	argumentErrorFields  ArgumentError
)

// MarshalJSON encodes the exported fields under their Go names, those of CallInfo among them, and
// Err as its text. Final and MayHaveRun are added where [IsRetryable] and [OutcomeUnknown] would
// not say the same after reading it back.
func (e APIError) MarshalJSON() ([]byte, error) {
	back := e
	back.Err, back.partial, back.retryForbidden, back.namesRun, back.runID, back.callerContextEnded = textError(errorText(e.Err)), false, false, false, "", false
	return json.Marshal(struct {
		apiErrorFields
		Err        string
		MayHaveRun bool `json:",omitzero"`
		Final      bool `json:",omitzero"`
		NoBudget   bool `json:",omitzero"`
	}{
		apiErrorFields(e), errorText(e.Err), e.outcomeUnknown() && !back.outcomeUnknown(), !e.retryable() && back.retryable(),
		e.noBudget,
	})
}

// UnmarshalJSON reads what MarshalJSON wrote. Err is an error with the same text; errors.Is no
// longer finds in it what it found.
func (e *APIError) UnmarshalJSON(data []byte) error {
	var v struct {
		apiErrorFields
		Err                         string
		MayHaveRun, Final, NoBudget bool
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return fmt.Errorf("promptorchestra: reading an APIError: %w", err)
	}
	*e = APIError(v.apiErrorFields)
	e.Err, e.namesRun, e.retryForbidden, e.noBudget = textError(v.Err), v.MayHaveRun, v.Final, v.NoBudget
	return nil
}

// MarshalJSON encodes the exported fields under their Go names, those of CallInfo among them, and
// Err as its text. Final is added where [IsRetryable] would not say the same after reading it back.
func (e TransportError) MarshalJSON() ([]byte, error) {
	back := TransportError{CallInfo: e.CallInfo, OutcomeUnknown: e.OutcomeUnknown, Err: textError(errorText(e.Err))}
	return json.Marshal(struct {
		transportErrorFields
		Err   string
		Final bool `json:",omitzero"`
	}{transportErrorFields(e), errorText(e.Err), !e.retryable() && back.retryable()})
}

// UnmarshalJSON reads what MarshalJSON wrote. Err is an error with the same text; errors.Is no
// longer finds in it what it found.
func (e *TransportError) UnmarshalJSON(data []byte) error {
	var v struct {
		transportErrorFields
		Err   string
		Final bool
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return fmt.Errorf("promptorchestra: reading a TransportError: %w", err)
	}
	*e = TransportError(v.transportErrorFields)
	e.Err, e.retryForbidden = textError(v.Err), v.Final
	return nil
}

// MarshalJSON encodes the exported fields under their Go names, those of CallInfo among them, and
// Err as its text.
func (e DecodeError) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		decodeErrorFields
		Err string
	}{decodeErrorFields(e), errorText(e.Err)})
}

// UnmarshalJSON reads what MarshalJSON wrote. Err is an error with the same text; errors.Is no
// longer finds in it what it found, and so [IsRetryable] is false.
func (e *DecodeError) UnmarshalJSON(data []byte) error {
	var v struct {
		decodeErrorFields
		Err string
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return fmt.Errorf("promptorchestra: reading a DecodeError: %w", err)
	}
	*e = DecodeError(v.decodeErrorFields)
	e.Err = textError(v.Err)
	return nil
}

// MarshalJSON encodes the exported fields under their Go names, those of CallInfo among them, and
// Err as its text.
func (e ArgumentError) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		argumentErrorFields
		Err string
	}{argumentErrorFields(e), errorText(e.Err)})
}

// UnmarshalJSON reads what MarshalJSON wrote. Err is an error with the same text; errors.Is no
// longer finds in it what it found.
func (e *ArgumentError) UnmarshalJSON(data []byte) error {
	var v struct {
		argumentErrorFields
		Err string
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return fmt.Errorf("promptorchestra: reading an ArgumentError: %w", err)
	}
	*e = ArgumentError(v.argumentErrorFields)
	e.Err = textError(v.Err)
	return nil
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func textError(text string) error {
	if text == "" {
		return nil
	}
	return errors.New(text)
}

// UnmarshalJSON reads a diagnostic of any form, as the decoder of failures does: names in any
// spelling, a text alone, a list in the place of a text, a number in the place of a code. It
// returns no error.
func (d *Diagnostic) UnmarshalJSON(data []byte) error {
	read := failure.ReadDiagnostic(data)
	d.fill(&read)
	return nil
}
