package promptorchestra

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

// APIError is a failure that the server answered with: any status from 300 on,
// whatever its body was. The decoder accepts every shape the backend and the
// proxies before it are known to send, and loses nothing: what fits no field
// is in RawBody. All fields may be set, so that tests can build one.
type APIError struct {
	CallInfo // which call it is about

	StatusCode int           // HTTP status
	Kind       Kind          // what sort of failure it is: decided by the code, then by the status
	Code       string        // machine-readable code of the body, such as "AGENT_GRAPH_INVALID"; "" when it had none
	Message    string        // the most specific text of the body; the status text when there was none
	Summary    string        // the body's "error" text when its "message" said more; else ""
	Details    []ErrorDetail // the body's details, of any form, in their order
	Diagnostic *Diagnostic   // the newer diagnostic object, nil in other shapes
	Shape      Shape         // the form of the body
	RequestID  string        // X-Request-Id, to be given to support
	RetryAfter time.Duration // how long the server asked to wait; 0 when it did not
	RawBody    []byte        // the first 64 KiB of the body
	Err        error         // why the body could not be read to its end; usually nil

	partial bool // the body goes on after the 1 MiB that is read, or was cut
	final   bool // it says that trying again is pointless, or names a run,
	named   bool // beyond what RawBody holds
}

// ErrorDetail is one entry of a failure's details, such as one mistake in an
// agent's graph. At most 1,000 entries of a body are listed.
type ErrorDetail struct {
	Code    string  `json:"code"`          // such as "missing_entry_step"
	Message string  `json:"message"`       // for people
	Path    string  `json:"path,omitzero"` // where the mistake is, such as "steps[2].promptId"; often ""
	Raw     RawJSON `json:"-"`             // the entry as the server sent it; nil when it was found on our side
}

// Diagnostic is the newer error object of the API. Newer records carry one too.
type Diagnostic struct {
	Code           string    `json:"code"`           // machine-readable
	Title          string    `json:"title"`          // a few words for people
	Category       string    `json:"category"`       // no source lists the values
	Why            string    `json:"why"`            // a sentence for people
	Where          RawJSON   `json:"where,omitzero"` // a string or an object: no source states which
	AffectedFields []string  `json:"affectedFields,omitzero"`
	Recovery       RawJSON   `json:"recovery,omitzero"`  // a string or an object
	Retryable      Opt[bool] `json:"retryable,omitzero"` // Set(false) means that trying again is pointless
	DocsHint       RawJSON   `json:"docsHint,omitzero"`  // a string or an object
	Details        RawJSON   `json:"details,omitzero"`   // of any type
}

// Kind says what sort of failure an [APIError] is.
type Kind string

// The kinds: six buckets hold most integration failures of the platform; the
// rest follows the status.
const (
	KindMissingOrganization Kind = "missing_organization" // 400 whose text names organizationId
	KindAuthentication      Kind = "authentication"       // 401: bearer token missing, invalid or expired
	KindPermission          Kind = "permission"           // 403: credential kind, scope, permission or organization does not fit
	KindEntitlement         Kind = "entitlement"          // 402: seats, AI or voice features not in the plan
	KindNotFound            Kind = "not_found"            // 404: no such prompt, version, tool, agent or skill in the organization
	KindInvalidGraph        Kind = "invalid_graph"        // 422 with the mistakes of an agent's graph in Details
	KindInvalidRequest      Kind = "invalid_request"      // 400 and other refusals of the request itself
	KindConflict            Kind = "conflict"             // 409
	KindValidation          Kind = "validation"           // 422 that is not about a graph
	KindRateLimited         Kind = "rate_limited"         // 429
	KindServer              Kind = "server"               // 5xx
	KindUnknown             Kind = "unknown"              // redirects, odd statuses, and a 403 or 404 of HTML or text, which no API wrote
)

// Shape is the form of a failure's body.
type Shape string

// The shapes: the three documented ones, the newer diagnostic object, and what
// else can arrive.
const (
	ShapeError        Shape = "error"         // {error}
	ShapeErrorMessage Shape = "error_message" // {error, message}
	ShapeErrorDetails Shape = "error_details" // {error, code, details}
	ShapeDiagnostic   Shape = "diagnostic"    // {code, title, category, why, ...}
	ShapeOther        Shape = "other"         // other JSON
	ShapeText         Shape = "text"          // HTML or text
	ShapeEmpty        Shape = "empty"         // nothing
)

const (
	maxErrorBytes = 1 << 20  // of a failure's body, how much is read and decoded
	maxRawBody    = 64 << 10 // and how much is kept
	maxDetails    = 1000
)

// decode fills in what the answer says.
func (e *APIError) decode(status int, body []byte) {
	e.StatusCode = status
	if len(body) > 0 {
		e.RawBody = bytes.Clone(body[:min(len(body), maxRawBody)])
	}
	if len(body) > maxRawBody {
		e.final, e.named = saysFinal(body), namesRun(body)
	}
	text := bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	var b errorBody
	switch {
	case len(text) == 0:
		e.Shape = ShapeEmpty
	case text[0] == '{' && jsonscan.LooksLikeJSON(text):
		b.parse(text)
		e.fill(&b)
	case text[0] == '[' && jsonscan.LooksLikeJSON(text) || json.Valid(text):
		e.Shape = ShapeOther
		e.Message = textOf(text, 0)
		e.Details = detailsOf(text)
	default:
		e.Shape = ShapeText
		e.Message = excerpt(text)
	}
	e.Kind = kindOf(e)
	if e.Message == "" {
		e.Message = http.StatusText(status)
	}
}

// fill takes the fields of a JSON object: message before error, and a
// diagnostic's own words where a handler put neither beside it.
func (e *APIError) fill(b *errorBody) {
	e.Code = b.Code.text()
	e.Details = detailsOf(b.Details.raw)
	summary, message := b.Error.text(), b.Message.text()
	if raw := b.Error.raw; len(raw) > 0 && raw[0] == '{' {
		var inner errorBody
		inner.parse(raw)
		if e.Code == "" {
			e.Code = first(inner.Code.text(), inner.Type.text())
		}
		if e.Details == nil {
			e.Details = detailsOf(inner.Details.raw)
		}
	}
	diagnostic := b.diagnostic()
	switch {
	case diagnostic != nil:
		e.Shape, e.Diagnostic = ShapeDiagnostic, diagnostic
	case b.Error.given() && b.Details.given():
		e.Shape = ShapeErrorDetails
	case b.Error.given() && b.Message.given():
		e.Shape = ShapeErrorMessage
	case b.Error.given():
		e.Shape = ShapeError
	default:
		e.Shape = ShapeOther
	}
	e.Message = first(message, summary, join(b.Title.text(), b.Why.text(), b.Detail.text()),
		b.Description.text(), b.Reason.text(), b.Errors.text())
	if message != "" && summary != message {
		e.Summary = summary
	}
	if e.Details == nil {
		e.Details = detailsOf(b.Errors.raw)
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
		return KindUnknown // a proxy or a wrong base URL: the API answers in JSON
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

// requestKind tells a missing organization, which the server reports as a
// plain bad request, by its text: the field's name in any spelling.
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
		if strings.Contains(strings.NewReplacer("_", "", " ", "").Replace(strings.ToLower(t)), "organizationid") {
			return KindMissingOrganization
		}
	}
	return KindInvalidRequest
}
