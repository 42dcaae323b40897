package promptorchestra

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/prompt-orchestra/promptorchestra-go/internal/failure"
	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
	"github.com/prompt-orchestra/promptorchestra-go/internal/transport"
)

// Error returns one line of at most about 1 KiB: the call, status, code, message, the first
// details, whether the outcome is unknown, the run that was named and the request id.
func (e *APIError) Error() string {
	if e == nil {
		return "promptorchestra: <nil>"
	}
	status := http.StatusText(e.StatusCode)
	text := prefix(e.Op) + strings.TrimSpace(strconv.Itoa(e.StatusCode)+" "+status)
	if e.Code != "" {
		text += " (" + clean(e.Code, 80) + ")"
	}
	if e.Message != "" && e.Message != status && e.Message != e.Code {
		text += ": " + clean(e.Message, 500)
	}
	if target := e.redirectTarget(); target != "" {
		text += ": redirects to " + clean(target, 200)
	}
	if details := e.detailTexts(); details != "" {
		text += ": " + details
	}
	noBudget := ""
	if e.noBudget {
		noBudget = transport.ErrNoBudget.Error()
	}
	return text + notes(e, e.outcomeUnknown(), noBudget, e.RequestID)
}

// detailTexts joins the codes and texts of the first details, without texts that the message was
// made of.
func (e *APIError) detailTexts() string {
	const shown = 3
	var texts []string
	for _, d := range e.Details[:min(len(e.Details), shown)] {
		text := d.Message
		if strings.Contains(e.Message, text) {
			text = ""
		}
		texts = append(texts, clean(joinTexts(d.Code, text), 120))
	}
	if more := len(e.Details) - shown; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return failure.Join("; ", texts...)
}

// notes returns what stands in brackets at the end of an error's text.
func notes(e callError, unknown bool, more, requestID string) (text string) {
	outcome := ""
	if unknown {
		outcome = "outcome unknown"
	}
	_, runID := e.namedRun()
	outcome = failure.Join(", ", outcome, prefixed("run_id=", clean(runID, 80)))
	for _, note := range []string{more, outcome, prefixed("request_id=", clean(requestID, 80))} {
		if note != "" {
			text += " [" + note + "]"
		}
	}
	return text
}

// Unwrap returns why the body could not be read to its end, if so.
func (e *APIError) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// Is matches [ErrMissingOrganization] by kind, for errors.Is.
func (e *APIError) Is(target error) bool {
	if e == nil {
		return false
	}
	if s, ok := target.(statusTarget); ok {
		return s.matches(e.StatusCode) && (e.isJSON() || s != http.StatusForbidden && s != http.StatusNotFound)
	}
	return target == ErrMissingOrganization && e.Kind == KindMissingOrganization
}

// LogValue gives slog the error's fields without bodies, and the codes and paths of the first
// details.
func (e *APIError) LogValue() slog.Value {
	if e == nil {
		return slog.Value{}
	}
	return logValue("APIError", e, &e.CallInfo, e.RequestID,
		slog.Int("status", e.StatusCode), slog.String("code", clean(e.Code, 80)), slog.String("message", clean(e.Message, 500)),
		slog.Int("details", len(e.Details)),
		slog.String("detail_codes", listed(e.Details, func(d ErrorDetail) string { return d.Code })),
		slog.String("detail_paths", listed(e.Details, func(d ErrorDetail) string { return d.Path })),
		slog.Duration("retry_after", e.RetryAfter))
}

// listed joins one field of the first details, each value once.
func listed(details []ErrorDetail, field func(ErrorDetail) string) string {
	const most = 10
	var values []string
	for _, d := range details[:min(len(details), most)] {
		if v := field(d); v != "" && !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	return clean(strings.Join(values, ", "), 200)
}

// Error returns one line of at most about 1 KiB: the call and the cause.
func (e *TransportError) Error() string {
	if e == nil {
		return "promptorchestra: <nil>"
	}
	text := prefix(e.Op) + "no response"
	if e.source {
		text = prefix(e.Op) + "not sent"
	}
	if e.Attempts > 1 {
		text += fmt.Sprintf(" after %d attempts", e.Attempts)
	}
	if e.OutcomeUnknown {
		text += ", outcome unknown"
	}
	return text + cause(e.Err) + notes(e, false, "", "")
}

// Unwrap returns the cause.
func (e *TransportError) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// LogValue gives slog the error's fields.
func (e *TransportError) LogValue() slog.Value {
	if e == nil {
		return slog.Value{}
	}
	return logValue("TransportError", e, &e.CallInfo, "", causeAttr(e.Err))
}

// Error returns one line of at most about 1 KiB: the call, status and cause.
func (e *DecodeError) Error() string {
	if e == nil {
		return "promptorchestra: <nil>"
	}
	text := fmt.Sprintf("%sthe response with status %d cannot be used", prefix(e.Op), e.StatusCode)
	return text + cause(e.Err) + notes(e, e.outcomeUnknown(), "", e.RequestID)
}

// Unwrap returns the cause.
func (e *DecodeError) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// LogValue gives slog the error's fields, without the body.
func (e *DecodeError) LogValue() slog.Value {
	if e == nil {
		return slog.Value{}
	}
	return logValue("DecodeError", e, &e.CallInfo, e.RequestID,
		slog.Int("status", e.StatusCode), slog.Int("body_bytes", len(e.Body)), causeAttr(e.Err))
}

// Error returns one line of at most about 1 KiB: the call, argument and reason.
func (e *ArgumentError) Error() string {
	if e == nil {
		return "promptorchestra: <nil>"
	}
	return prefix(e.Op) + clean(joinTexts(e.Argument, e.Reason), 400) + cause(e.Err)
}

// Unwrap returns the cause, if there is one.
func (e *ArgumentError) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// LogValue gives slog the error's fields.
func (e *ArgumentError) LogValue() slog.Value {
	if e == nil {
		return slog.Value{}
	}
	return logValue("ArgumentError", e, &e.CallInfo, "",
		slog.String("argument", clean(e.Argument, 80)), slog.String("reason", clean(e.Reason, 400)), causeAttr(e.Err))
}

func prefix(op string) string { return joinTexts("promptorchestra", clean(op, 80)) + ": " }

func cause(err error) string { return prefixed(": ", clean(errorText(err), 600)) }

func causeAttr(err error) slog.Attr { return slog.String("error", clean(errorText(err), 600)) }

// logValue returns the attributes that all errors have, and those of one type.
func logValue(name string, e callError, call *CallInfo, requestID string, own ...slog.Attr) slog.Value {
	ids := make([]string, 0, len(call.Resource))
	for _, key := range slices.Sorted(maps.Keys(call.Resource)) {
		ids = append(ids, key+"="+call.Resource[key])
	}
	_, runID := e.namedRun()
	attrs := append([]slog.Attr{
		slog.String("type", name), slog.String("kind", string(e.kind())), slog.String("op", call.Op),
		slog.String("method", call.Method), slog.String("path", call.Path), slog.String("organization", clean(call.Organization, 80)),
		slog.String("ids", clean(strings.Join(ids, " "), 400)), slog.Int("attempts", call.Attempts),
		slog.Bool("outcome_unknown", e.outcomeUnknown()), slog.Bool("retryable", e.retryable()),
		slog.String("run_id", clean(runID, 80)), slog.String("request_id", clean(requestID, 80)),
	}, own...)
	return slog.GroupValue(slices.DeleteFunc(attrs, func(a slog.Attr) bool {
		return a.Value.Kind() == slog.KindString && a.Value.String() == "" || a.Value.Kind() == slog.KindDuration && a.Value.Duration() == 0
	})...)
}

// LogAttr returns what slog is to show of any error, as the attribute "error": of the first error
// of this package in it its type, kind, call and ids, whether its outcome is unknown and whether it
// can be retried, the run that it names, the request id and its texts, alike for all four types; of
// another error its type and text. It shows no bodies. It is empty for nil.
func LogAttr(err error) slog.Attr {
	if err == nil {
		return slog.Attr{}
	}
	if all := callErrors(err); len(all) > 0 {
		return slog.Any("error", all[0])
	}
	return slog.Group("error", slog.String("type", fmt.Sprintf("%T", err)), causeAttr(err))
}

// clean makes s fit for one line of a log: without control characters, which could forge a line,
// and of at most n bytes.
func clean(s string, n int) string {
	short := jsonscan.Clip(s, n)
	short = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(short, "\uFFFD"))
	if len(short) < len(s) {
		short += "..."
	}
	return short
}

// joinTexts joins the texts that are not empty, each once in a row.
func joinTexts(texts ...string) string { return failure.Join(": ", texts...) }

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
