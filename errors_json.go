package promptorchestra

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/prompt-orchestra/promptorchestra-go/internal/failure"
	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

// The error types without their methods, as encoding/json is given them: stored wins over the
// fields of the same name, for its own are tagged.
type (
	apiErrorFields       APIError
	transportErrorFields TransportError
	decodeErrorFields    DecodeError
	argumentErrorFields  ArgumentError

	apiErrorJSON struct {
		apiErrorFields
		stored
	}
	transportErrorJSON struct {
		transportErrorFields
		stored
	}
	decodeErrorJSON struct {
		decodeErrorFields
		stored
	}
	argumentErrorJSON struct {
		argumentErrorFields
		stored
	}
)

// stored is what the JSON of an error says beside its exported fields: what can no longer be
// derived once they were read back.
type stored struct {
	Type           string `json:"Type"` // the name of its Go type
	Version        int    `json:"Version"`
	Kind           Kind   `json:"Kind"`
	RunID          string `json:"RunID,omitzero"`
	Retryable      bool   `json:"Retryable"`
	OutcomeUnknown bool   `json:"OutcomeUnknown"`
	FromSource     bool   `json:"FromSource,omitzero"` // a token source failed
	NoBudget       bool   `json:"NoBudget,omitzero"`   // the retry budget was used up
	Err            string `json:"Err"`                 // its text
	Text           string `json:"Text,omitzero"`       // of the error around it: see MarshalError

	// What versions without a Type wrote, where it was true.
	Final      bool `json:"Final,omitzero"`
	MayHaveRun bool `json:"MayHaveRun,omitzero"`
	Repeatable bool `json:"Repeatable,omitzero"`
}

const (
	storedVersion = 1         // of the form of errors in JSON
	maxStored     = 256 << 10 // of an error in JSON
	maxStoredText = 4 << 10   // of each of its texts
	maxStoredBody = 64 << 10
)

func storedOf(name string, e callError, cause error, text string) stored {
	_, id := e.namedRun()
	return stored{
		Type: name, Version: storedVersion, Kind: e.kind(), RunID: id, Retryable: e.retryable(), OutcomeUnknown: e.outcomeUnknown(),
		Err: jsonscan.Clip(errorText(cause), maxStoredText), Text: jsonscan.Clip(text, maxStoredText),
	}
}

// encodeError encodes v, and makes one cut after the other while it is too long.
func encodeError(v any, cuts ...func()) ([]byte, error) {
	for i := 0; ; i++ {
		text, err := json.Marshal(v)
		if err != nil || len(text) <= maxStored || i == len(cuts) {
			return text, err
		}
		cuts[i]()
	}
}

// decodeError reads what encodeError wrote into v, of which info and s are parts.
func decodeError(data []byte, name string, v any, info *CallInfo, s *stored) error {
	err := json.Unmarshal(data, v)
	if err == nil && s.Type != "" && s.Type != name {
		err = fmt.Errorf("it is a %.40q", s.Type)
	}
	if err != nil {
		return fmt.Errorf("promptorchestra: reading an error as %s: %w", name, err)
	}
	info.Idempotent = info.Idempotent || s.Repeatable
	return nil
}

// completed returns what was stored of an error that was read back, in full where it has the form
// of earlier versions.
func (s *stored) completed(e callError) *stored {
	if s.Type == "" {
		s.Kind, s.Retryable = e.kind(), e.retryable() && !s.Final && !s.MayHaveRun
		s.OutcomeUnknown = e.outcomeUnknown() || s.MayHaveRun
	}
	return s
}

func (s *stored) cause() error {
	if s.Err == "" {
		return nil
	}
	return errors.New(s.Err)
}

// MarshalJSON encodes the exported fields under their Go names, those of CallInfo among them, Err
// as its text, and beside them what the functions of this package say: Kind, RunID, Retryable and
// OutcomeUnknown. It is at most 256 KiB: RawBody, Details and Diagnostic are left out, in this
// order, if need be.
func (e APIError) MarshalJSON() ([]byte, error) { return e.encode("") }

func (e *APIError) encode(text string) ([]byte, error) {
	v := apiErrorJSON{apiErrorFields(*e), storedOf("APIError", e, e.Err, text)}
	v.NoBudget = e.noBudget
	return encodeError(&v, func() { v.RawBody = nil }, func() { v.Details = nil }, func() { v.Diagnostic = nil }, func() {
		v.Code, v.Message, v.Summary = jsonscan.Clip(v.Code, maxStoredText), jsonscan.Clip(v.Message, maxStoredText), jsonscan.Clip(v.Summary, maxStoredText)
	})
}

// UnmarshalJSON reads what MarshalJSON wrote, and refuses what another error type wrote. Err is an
// error with the same text; errors.Is no longer finds in it what it found.
func (e *APIError) UnmarshalJSON(data []byte) error {
	var v apiErrorJSON
	if err := decodeError(data, "APIError", &v, &v.CallInfo, &v.stored); err != nil {
		return err
	}
	*e = APIError(v.apiErrorFields)
	e.Kind, e.Err, e.noBudget, e.runID = v.stored.Kind, v.cause(), v.NoBudget, v.RunID
	e.stored = v.completed(e)
	return nil
}

// MarshalJSON encodes a TransportError as [APIError.MarshalJSON] does an APIError.
func (e TransportError) MarshalJSON() ([]byte, error) { return e.encode("") }

func (e *TransportError) encode(text string) ([]byte, error) {
	v := transportErrorJSON{transportErrorFields(*e), storedOf("TransportError", e, e.Err, text)}
	v.FromSource = e.source
	return encodeError(&v)
}

// UnmarshalJSON reads what MarshalJSON wrote: see [APIError.UnmarshalJSON].
func (e *TransportError) UnmarshalJSON(data []byte) error {
	var v transportErrorJSON
	if err := decodeError(data, "TransportError", &v, &v.CallInfo, &v.stored); err != nil {
		return err
	}
	*e = TransportError(v.transportErrorFields)
	e.OutcomeUnknown, e.Err, e.source = v.stored.OutcomeUnknown, v.cause(), v.FromSource
	e.stored = v.completed(e)
	return nil
}

// MarshalJSON encodes a DecodeError as [APIError.MarshalJSON] does an APIError, with the first 64
// KiB of Body.
func (e DecodeError) MarshalJSON() ([]byte, error) { return e.encode("") }

func (e *DecodeError) encode(text string) ([]byte, error) {
	v := decodeErrorJSON{decodeErrorFields(*e), storedOf("DecodeError", e, e.Err, text)}
	v.Body = v.Body[:min(len(v.Body), maxStoredBody)]
	return encodeError(&v, func() { v.Body = nil })
}

// UnmarshalJSON reads what MarshalJSON wrote: see [APIError.UnmarshalJSON].
func (e *DecodeError) UnmarshalJSON(data []byte) error {
	var v decodeErrorJSON
	if err := decodeError(data, "DecodeError", &v, &v.CallInfo, &v.stored); err != nil {
		return err
	}
	*e = DecodeError(v.decodeErrorFields)
	e.Err = v.cause()
	e.stored = v.completed(e)
	return nil
}

// MarshalJSON encodes an ArgumentError as [APIError.MarshalJSON] does an APIError.
func (e ArgumentError) MarshalJSON() ([]byte, error) { return e.encode("") }

func (e *ArgumentError) encode(text string) ([]byte, error) {
	return encodeError(&argumentErrorJSON{argumentErrorFields(*e), storedOf("ArgumentError", e, e.Err, text)})
}

// UnmarshalJSON reads what MarshalJSON wrote: see [APIError.UnmarshalJSON].
func (e *ArgumentError) UnmarshalJSON(data []byte) error {
	var v argumentErrorJSON
	if err := decodeError(data, "ArgumentError", &v, &v.CallInfo, &v.stored); err != nil {
		return err
	}
	*e = ArgumentError(v.argumentErrorFields)
	e.Err = v.cause()
	return nil
}

// MarshalError encodes the first error of this package in a tree of errors, and the text of the
// whole, for a job queue or another process: [UnmarshalError] reads it back. It fails if there is
// no error of this package.
func MarshalError(err error) ([]byte, error) {
	all := callErrors(err)
	if len(all) == 0 {
		return nil, errors.New("promptorchestra: MarshalError: the error is not from this package")
	}
	text := err.Error()
	if text == all[0].Error() {
		text = ""
	}
	return all[0].encode(text)
}

// UnmarshalError reads what [MarshalError], or the MarshalJSON of one of the four error types,
// wrote. The first result is the error: it has the text that it had, errors.As finds in it the type
// that it was, and the functions of this package say what they said. errors.Is no longer finds its
// cause. The second result is why data is no such error.
func UnmarshalError(data []byte) (error, error) {
	var s stored
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("promptorchestra: UnmarshalError: %w", err)
	}
	e, known := map[string]callError{
		"APIError": new(APIError), "TransportError": new(TransportError),
		"DecodeError": new(DecodeError), "ArgumentError": new(ArgumentError),
	}[s.Type]
	if !known {
		return nil, fmt.Errorf("promptorchestra: UnmarshalError: the error type %.40q is unknown", s.Type)
	}
	if err := json.Unmarshal(data, e); err != nil {
		return nil, err //nolint:wrapcheck // of UnmarshalJSON
	}
	if s.Text == "" {
		return e, nil
	}
	return &describedError{s.Text, e}, nil
}

// describedError is an error with the text that it had when it was wrapped.
type describedError struct {
	text string
	err  error
}

func (e *describedError) Error() string { return e.text }
func (e *describedError) Unwrap() error { return e.err }

// UnmarshalJSON reads a diagnostic of any form, as the decoder of failures does: names in any
// spelling, a text alone, a list in the place of a text, a number in the place of a code. It
// returns no error.
func (d *Diagnostic) UnmarshalJSON(data []byte) error {
	read := failure.ReadDiagnostic(data)
	d.fill(&read)
	return nil
}
