package promptorchestra

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/prompt-orchestra/promptorchestra-go/internal/failure"
	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
	"github.com/prompt-orchestra/promptorchestra-go/internal/transport"
)

// Error returns one line of at most about 1 KiB: the call, status, code, message, the first details
// and the request id.
func (e *APIError) Error() string {
	if e == nil {
		return "promptorchestra: <nil>"
	}
	var b strings.Builder
	prefix(&b, e.Op)
	b.WriteString(strconv.Itoa(e.StatusCode))
	status := http.StatusText(e.StatusCode)
	if status != "" {
		b.WriteString(" " + status)
	}
	if e.Code != "" {
		b.WriteString(" (" + clean(e.Code, 80) + ")")
	}
	if e.Message != "" && e.Message != status && e.Message != e.Code {
		b.WriteString(": " + clean(e.Message, 500))
	}
	separator := ": "
	for i, d := range e.Details {
		const shown = 3
		if i == shown {
			fmt.Fprintf(&b, "; and %d more", len(e.Details)-shown)
			break
		}
		text := d.Message
		if strings.Contains(e.Message, text) { // the message was made of it
			text = ""
		}
		if text = clean(joinTexts(d.Code, text), 120); text != "" {
			b.WriteString(separator + text)
			separator = "; "
		}
	}
	if e.noBudget {
		b.WriteString(" [" + transport.ErrNoBudget.Error() + "]")
	}
	if e.RequestID != "" {
		b.WriteString(" [request_id=" + clean(e.RequestID, 80) + "]")
	}
	return b.String()
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
		return s.matches(e.StatusCode)
	}
	return target == ErrMissingOrganization && e.Kind == KindMissingOrganization
}

// LogValue gives slog the error's fields without bodies, and the codes and paths of the first
// details.
func (e *APIError) LogValue() slog.Value {
	if e == nil {
		return slog.Value{}
	}
	return logGroup(e.CallInfo,
		slog.Int("status", e.StatusCode), slog.String("kind", string(e.Kind)), slog.String("code", clean(e.Code, 80)),
		slog.String("message", clean(e.Message, 500)), slog.Int("details", len(e.Details)),
		slog.String("detail_codes", listed(e.Details, func(d ErrorDetail) string { return d.Code })),
		slog.String("detail_paths", listed(e.Details, func(d ErrorDetail) string { return d.Path })),
		slog.String("request_id", clean(e.RequestID, 80)), slog.Duration("retry_after", e.RetryAfter))
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
	var b strings.Builder
	prefix(&b, e.Op)
	if e.source {
		b.WriteString("not sent")
	} else {
		b.WriteString("no response")
	}
	if e.Attempts > 1 {
		fmt.Fprintf(&b, " after %d attempts", e.Attempts)
	}
	if e.OutcomeUnknown {
		b.WriteString(", outcome unknown")
	}
	return cause(&b, e.Err)
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
	return logGroup(e.CallInfo,
		slog.Bool("outcome_unknown", e.OutcomeUnknown), causeAttr(e.Err))
}

// Error returns one line of at most about 1 KiB: the call, status and cause.
func (e *DecodeError) Error() string {
	if e == nil {
		return "promptorchestra: <nil>"
	}
	var b strings.Builder
	prefix(&b, e.Op)
	fmt.Fprintf(&b, "the response with status %d cannot be used", e.StatusCode)
	cause(&b, e.Err)
	if e.RequestID != "" {
		b.WriteString(" [request_id=" + clean(e.RequestID, 80) + "]")
	}
	return b.String()
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
	return logGroup(e.CallInfo,
		slog.Int("status", e.StatusCode), slog.String("request_id", clean(e.RequestID, 80)),
		slog.Int("body_bytes", len(e.Body)), causeAttr(e.Err))
}

// Error returns one line of at most about 1 KiB: the call, argument and reason.
func (e *ArgumentError) Error() string {
	if e == nil {
		return "promptorchestra: <nil>"
	}
	var b strings.Builder
	prefix(&b, e.Op)
	b.WriteString(clean(joinTexts(e.Argument, e.Reason), 400))
	return cause(&b, e.Err)
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
	return logGroup(e.CallInfo,
		slog.String("argument", clean(e.Argument, 80)), slog.String("reason", clean(e.Reason, 400)), causeAttr(e.Err))
}

func prefix(b *strings.Builder, op string) {
	b.WriteString("promptorchestra: ")
	if op != "" {
		b.WriteString(clean(op, 80) + ": ")
	}
}

func cause(b *strings.Builder, err error) string {
	if err != nil {
		b.WriteString(": " + clean(err.Error(), 600))
	}
	return b.String()
}

func causeAttr(err error) slog.Attr {
	if err == nil {
		return slog.Attr{}
	}
	return slog.String("error", clean(err.Error(), 600))
}

func logGroup(call CallInfo, more ...slog.Attr) slog.Value {
	attrs := []slog.Attr{slog.String("op", call.Op), slog.String("method", call.Method), slog.String("path", call.Path)}
	if call.Organization != "" {
		attrs = append(attrs, slog.String("organization", clean(call.Organization, 80)))
	}
	attrs = append(attrs, slog.Int("attempts", call.Attempts))
	for _, a := range more {
		empty := a.Key == "" || a.Value.Kind() == slog.KindString && a.Value.String() == "" ||
			a.Value.Kind() == slog.KindDuration && a.Value.Duration() == 0
		if !empty {
			attrs = append(attrs, a)
		}
	}
	return slog.GroupValue(attrs...)
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
