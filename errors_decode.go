package promptorchestra

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

const (
	maxErrorBytes = 1 << 20  // of a failure's body, the part that is read and decoded
	maxRawBody    = 64 << 10 // of a failure's body, the part that is kept
	maxDetails    = 1000
)

// decode fills in what the response says, without the call's tokens.
func (e *APIError) decode(status int, body []byte, tokens secrets) {
	escapes := bytes.ContainsAny(body, `\&%`)
	body = tokens.bytes(body)
	e.StatusCode = status
	if len(body) > 0 {
		e.RawBody = bytes.Clone(body[:min(len(body), maxRawBody)])
	}
	if len(body) > maxRawBody {
		runs := runsIn(body, nil)
		e.retryForbidden, e.namesRun, e.runID = saysFinal(body), runs.named, runs.id
	}
	text := bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	switch {
	case len(text) == 0:
		e.Shape = ShapeEmpty
	case text[0] == '{' && jsonscan.LooksLikeJSON(text):
		var b errorBody
		b.parse(text)
		e.fill(&b, text)
	case text[0] == '[' && jsonscan.LooksLikeJSON(text) || json.Valid(text):
		e.Shape = ShapeOther
		e.Message = textOf(text, 0)
		e.Details = detailsOf(text, e.mayNameFields())
	default:
		e.Shape = ShapeText
		e.Message = excerpt(text)
	}
	if escapes {
		e.redact(tokens) // a token may have been escaped in the body
	}
	e.Kind = kindOf(e)
	if e.Message == "" {
		e.Message = http.StatusText(status)
	}
}

// mayNameFields reports whether the failure may list mistakes by the names of fields. In other
// failures such an object may be the user's data.
func (e *APIError) mayNameFields() bool {
	return e.StatusCode == http.StatusBadRequest || e.StatusCode == http.StatusUnprocessableEntity
}

// fill sets the fields from a JSON object. Message comes from "message", else from "error", else
// from the texts of a diagnostic.
func (e *APIError) fill(b *errorBody, text []byte) {
	fields := e.mayNameFields()
	inner, data := b.Error.object(), b.Data.object()
	e.Code = first(b.Code.text(), inner.Code.text(), inner.Type.text(), data.Code.text())
	for _, raw := range [...][]byte{
		b.Details.raw, inner.Details.raw, b.Errors.raw, inner.Errors.raw, data.Details.raw, data.Errors.raw,
		listIn(b.Detail.raw), listIn(b.Message.raw), listIn(b.Error.raw),
	} {
		if e.Details == nil {
			e.Details = detailsOf(raw, fields)
		}
	}
	summary, message := b.Error.text(), b.Message.text()
	e.Shape = b.shape()
	e.Diagnostic = b.diagnostic()
	if e.Message = first(message, summary); e.Message != "" {
		if message != "" && summary != message {
			e.Summary = summary
		}
		return
	}
	e.Message = first(join(b.Title.text(), b.Why.text(), b.Detail.text()),
		b.Description.text(), b.Reason.text(), b.errorsText(fields), b.dataText())
	if e.Message == "" && e.Details == nil {
		switch {
		case b.failed() && len(b.Data.raw) > 0 && b.Data.raw[0] == '{':
			e.Details = fieldsOf(b.Data.raw, true, anyMistake)
		case fields:
			e.Details = fieldsOf(text, true, listedMistake)
		}
	}
	e.Message = first(e.Message, messagesOf(e.Details), inner.nameOrType(), b.nameOrType())
}

// redact removes the tokens from the decoded texts.
func (e *APIError) redact(tokens secrets) {
	if len(tokens) == 0 {
		return
	}
	for _, text := range []*string{&e.Code, &e.Message, &e.Summary} {
		*text = tokens.text(*text)
	}
	for i := range e.Details {
		d := &e.Details[i]
		d.Code, d.Message, d.Path = tokens.text(d.Code), tokens.text(d.Message), tokens.text(d.Path)
	}
	if d := e.Diagnostic; d != nil {
		for _, text := range []*string{&d.Code, &d.Title, &d.Category, &d.Why} {
			*text = tokens.text(*text)
		}
		for i, field := range d.AffectedFields {
			d.AffectedFields[i] = tokens.text(field)
		}
	}
}

// kindOf decides by the code, then by the status, as the API's contract says.
func kindOf(e *APIError) Kind {
	switch strings.ToUpper(e.Code) {
	case "AUTH_MISSING", "AUTH_INVALID_TOKEN":
		return KindAuthentication
	case "AUTH_MODE_INVALID", "AUTH_SCOPE_MISSING", "AUTH_ORG_MISMATCH":
		return KindPermission
	case "AGENT_GRAPH_INVALID":
		return KindInvalidGraph
	case "BAD_REQUEST":
		return requestKind(e)
	}
	switch s := e.StatusCode; {
	case s == http.StatusBadRequest:
		return requestKind(e)
	case (s == http.StatusForbidden || s == http.StatusNotFound) && e.Shape == ShapeText:
		return KindUnknown // a proxy or a wrong base URL: the API responds with JSON
	case s == http.StatusUnauthorized:
		return KindAuthentication
	case s == http.StatusPaymentRequired:
		return KindEntitlement
	case s == http.StatusForbidden:
		return KindPermission
	case s == http.StatusNotFound:
		return KindNotFound
	case s == http.StatusConflict:
		return KindConflict
	case s == http.StatusUnprocessableEntity:
		return KindValidation
	case s == http.StatusTooManyRequests:
		return KindRateLimited
	case s == http.StatusMethodNotAllowed, s == http.StatusNotAcceptable,
		s >= http.StatusLengthRequired && s <= http.StatusExpectationFailed:
		return KindInvalidRequest
	case s >= 500 && s <= 599:
		return KindServer
	default:
		return KindUnknown
	}
}

// requestKind recognizes a missing organization, which the server reports as a bad request, by its
// text: the field's name in any spelling.
func requestKind(e *APIError) Kind {
	texts := []string{e.Message, e.Summary}
	if d := e.Diagnostic; d != nil {
		texts = append(texts, d.Title, d.Why, d.Where.String())
		texts = append(texts, d.AffectedFields...)
	}
	for _, d := range e.Details {
		texts = append(texts, d.Path, d.Message)
	}
	for _, t := range texts {
		if bytes.Contains(jsonscan.Fold(nil, t), []byte("organizationid")) {
			return KindMissingOrganization
		}
	}
	return KindInvalidRequest
}
