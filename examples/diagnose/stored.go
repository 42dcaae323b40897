package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// readError reads what MarshalError wrote, or a record of slog's JSON handler that has an error as
// an attribute, under whatever name.
func readError(data []byte) (error, error) {
	stored, err := promptorchestra.UnmarshalError(data)
	if err == nil {
		return stored, nil
	}
	var record map[string]json.RawMessage
	if json.Unmarshal(data, &record) != nil {
		return nil, fmt.Errorf("the file holds neither an error nor one log record: %w", err)
	}
	for _, value := range record {
		var logged loggedError
		if json.Unmarshal(value, &logged) == nil && logged.Type != "" && logged.Op != "" {
			return logged.error(), nil
		}
	}
	return nil, errors.New("the log record has no error of the SDK as an attribute: log it with promptorchestra.LogAttr")
}

// loggedError is an error as slog shows it.
type loggedError struct {
	Type, Kind, Op, Method, Path, Organization, IDs, Code, Message, Error string

	Attempts       int
	Status         int
	OutcomeUnknown bool   `json:"outcome_unknown"`
	RunID          string `json:"run_id"`
	RequestID      string `json:"request_id"`
}

func (l *loggedError) error() error {
	call := promptorchestra.CallInfo{
		Op: l.Op, Method: l.Method, Path: l.Path, Organization: l.Organization, Attempts: l.Attempts,
		Resource: map[string]string{}, Idempotent: !l.OutcomeUnknown,
	}
	for pair := range strings.FieldsSeq(l.IDs) {
		if name, id, ok := strings.Cut(pair, "="); ok {
			call.Resource[name] = id
		}
	}
	var body []byte
	if l.RunID != "" {
		body, _ = json.Marshal(map[string]string{"runId": l.RunID}) // text always encodes
	}
	cause := errors.New(l.Error)
	switch l.Type {
	case "APIError":
		return &promptorchestra.APIError{
			CallInfo: call, StatusCode: l.Status, Kind: promptorchestra.Kind(l.Kind), Code: l.Code, Message: l.Message,
			RequestID: l.RequestID, RawBody: body,
		}
	case "DecodeError":
		return &promptorchestra.DecodeError{CallInfo: call, StatusCode: l.Status, RequestID: l.RequestID, Body: body, Err: cause}
	case "ArgumentError":
		return &promptorchestra.ArgumentError{CallInfo: call, Reason: l.Error}
	default:
		return &promptorchestra.TransportError{CallInfo: call, OutcomeUnknown: l.OutcomeUnknown, Err: cause}
	}
}
