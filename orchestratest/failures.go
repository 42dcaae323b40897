package orchestratest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// failure is a rejected request, before it takes the shape that the route's generation documents.
// Handlers note it with call.fail.
type failure struct {
	status    int
	code      string
	category  string
	why       string
	fields    []string // affectedFields
	recovery  string
	retryable bool
	details   []detail
	runID     string // the recorded execution that failed
	detailed  bool   // has the body {error, code, details} on newer routes too
}

func (f *failure) Error() string { return f.why }

// detail is one mistake among several.
type detail struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Path    string `json:"path,omitempty"`
}

// diagnostic is the body of the newer routes.
type diagnostic struct {
	Code           string   `json:"code"`
	Title          string   `json:"title"`
	Category       string   `json:"category"`
	Why            string   `json:"why"`
	Where          string   `json:"where,omitempty"`
	AffectedFields []string `json:"affectedFields,omitempty"`
	Recovery       string   `json:"recovery,omitempty"`
	Retryable      bool     `json:"retryable"`
	DocsHint       string   `json:"docsHint"`
	Details        []detail `json:"details,omitempty"`
	RunID          string   `json:"runId,omitempty"`
}

// encodeFailure writes a failure for a route; nil stands for no route.
func encodeFailure(found *route, err error) response {
	var f *failure
	if !errors.As(err, &f) {
		f = &failure{status: http.StatusInternalServerError, code: "internal_error", category: "internal", why: err.Error()}
	}
	if found == nil || found.is(classic) || f.detailed {
		return jsonResponse(f.status, f.classic())
	}
	return jsonResponse(f.status, f.diagnostic(found.method+" "+found.path))
}

// classic is one of the three bodies of the classic routes.
func (f *failure) classic() any {
	switch {
	case f.details != nil:
		return object{"error": f.why, "code": f.code, "details": f.details}
	case f.status == http.StatusBadRequest:
		return object{"error": f.why}
	case f.status == http.StatusInternalServerError:
		return object{"error": "failed", "message": f.why}
	default:
		return object{"error": f.code, "message": f.why}
	}
}

func (f *failure) diagnostic(where string) diagnostic {
	return diagnostic{
		Code: f.code, Title: title(f.code), Category: f.category, Why: f.why, Where: where,
		AffectedFields: f.fields, Recovery: f.recovery, Retryable: f.retryable,
		DocsHint: "errors#" + strings.ToLower(f.code), Details: f.details, RunID: f.runID,
	}
}

// title turns a code into words: AUTH_ORG_MISMATCH into "Auth org mismatch".
func title(code string) string {
	words := strings.ToLower(strings.ReplaceAll(code, "_", " "))
	if words == "" {
		return ""
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

func badRequest(why string, fields ...string) *failure {
	return &failure{status: http.StatusBadRequest, code: "bad_request", category: "validation", why: why, fields: fields}
}

func unauthorized(code, why string) *failure {
	return denied(http.StatusUnauthorized, code, "authentication", why, "Send Authorization: Bearer with an access token or an API key.")
}

func forbidden(code, why, recovery string) *failure {
	return denied(http.StatusForbidden, code, "authorization", why, recovery)
}

// denied has details, so that its code stands in the classic body too.
func denied(status int, code, category, why, recovery string) *failure {
	details := []detail{{Code: code, Message: why}}
	return &failure{status: status, code: code, category: category, why: why, recovery: recovery, details: details}
}

func seatLimit(members, seats int) *failure {
	return unpaid("seat_limit_exceeded", fmt.Sprintf("The organization has %d members and %d seats", members, seats), "Upgrade the plan or remove members.")
}

func featureMissing(feature string) *failure {
	return unpaid("feature_not_in_plan", fmt.Sprintf("The plan does not include the feature %q", feature), "Upgrade the plan.")
}

func unpaid(code, why, recovery string) *failure {
	return &failure{status: http.StatusPaymentRequired, code: code, category: "billing", why: why, recovery: recovery}
}

func notFound(kind, id string) *failure {
	return &failure{
		status: http.StatusNotFound, code: "not_found", category: "not_found",
		why:      fmt.Sprintf("There is no %s %q in this organization", kind, id),
		recovery: "Check the id and the organization.",
	}
}

func conflict(format string, args ...any) *failure {
	return &failure{status: http.StatusConflict, code: "conflict", category: "conflict", why: fmt.Sprintf(format, args...)}
}

func invalidGraph(issues []detail) *failure {
	return &failure{
		status: http.StatusUnprocessableEntity, code: "AGENT_GRAPH_INVALID", category: "validation",
		why: "Graph validation failed", details: issues,
	}
}

func rateLimited(seconds string) *failure {
	return &failure{
		status: http.StatusTooManyRequests, code: "rate_limited", category: "rate_limit", retryable: true,
		why: "Too many requests", recovery: "Retry after " + seconds + " seconds.",
	}
}

// executionFailed is a provider's or a tool's failure, with the run that records it.
func executionFailed(why, runID string) *failure {
	return &failure{status: http.StatusInternalServerError, code: "execution_failed", category: "execution", why: why, runID: runID}
}
