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
	status   int
	says     diagnostic // without Title, Where and DocsHint, which follow
	detailed bool       // has the body {error, code, details} on newer routes too
}

func (f *failure) Error() string { return f.says.Why }

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
		f = failed(http.StatusInternalServerError, "internal_error", "internal", err.Error(), "")
	}
	if found == nil || found.is(classic) || f.detailed {
		return jsonResponse(f.status, f.classic())
	}
	return jsonResponse(f.status, f.diagnostic(found.method+" "+found.path))
}

// classic is one of the three bodies of the classic routes.
func (f *failure) classic() any {
	switch {
	case f.says.Details != nil:
		return object{"error": f.says.Why, "code": f.says.Code, "details": f.says.Details}
	case f.status == http.StatusBadRequest:
		return object{"error": f.says.Why}
	case f.status == http.StatusInternalServerError:
		return object{"error": "failed", "message": f.says.Why}
	default:
		return object{"error": f.says.Code, "message": f.says.Why}
	}
}

func (f *failure) diagnostic(where string) diagnostic {
	d := f.says
	d.Title, d.Where, d.DocsHint = title(d.Code), where, "errors#"+strings.ToLower(d.Code)
	return d
}

// title turns a code into words: AUTH_ORG_MISMATCH into "Auth org mismatch".
func title(code string) string {
	words := strings.ReplaceAll(code, "_", " ")
	return strings.ToUpper(words[:1]) + strings.ToLower(words[1:])
}

func failed(status int, code, category, why, recovery string) *failure {
	return &failure{status: status, says: diagnostic{Code: code, Category: category, Why: why, Recovery: recovery}}
}

func badRequest(why string, fields ...string) *failure {
	f := failed(http.StatusBadRequest, "bad_request", "validation", why, "")
	f.says.AffectedFields = fields
	return f
}

func unauthorized(code, why string) *failure {
	return denied(http.StatusUnauthorized, code, "authentication", why, "Send Authorization: Bearer with an access token or an API key.")
}

func forbidden(code, why, recovery string) *failure {
	return denied(http.StatusForbidden, code, "authorization", why, recovery)
}

// denied has details, so that its code stands in the classic body too.
func denied(status int, code, category, why, recovery string) *failure {
	f := failed(status, code, category, why, recovery)
	f.says.Details = []detail{{Code: code, Message: why}}
	return f
}

func seatLimit(members, seats int) *failure {
	return unpaid("seat_limit_exceeded", fmt.Sprintf("The organization has %d members and %d seats", members, seats), "Upgrade the plan or remove members.")
}

func featureMissing(feature string) *failure {
	return unpaid("feature_not_in_plan", fmt.Sprintf("The plan does not include the feature %q", feature), "Upgrade the plan.")
}

func unpaid(code, why, recovery string) *failure {
	return failed(http.StatusPaymentRequired, code, "billing", why, recovery)
}

func notFound(kind, id string) *failure {
	why := fmt.Sprintf("There is no %s %q in this organization", kind, id)
	return failed(http.StatusNotFound, "not_found", "not_found", why, "Check the id and the organization.")
}

func conflict(format string, args ...any) *failure {
	return failed(http.StatusConflict, "conflict", "conflict", fmt.Sprintf(format, args...), "")
}

func invalidGraph(issues []detail) *failure {
	f := failed(http.StatusUnprocessableEntity, "AGENT_GRAPH_INVALID", "validation", "Graph validation failed", "")
	f.says.Details = issues
	return f
}

func rateLimited(seconds string) *failure {
	f := failed(http.StatusTooManyRequests, "rate_limited", "rate_limit", "Too many requests", "Retry after "+seconds+" seconds.")
	f.says.Retryable = true
	return f
}

// executionFailed is a provider's or a tool's failure, with the run that records it.
func executionFailed(why, runID string) *failure {
	f := failed(http.StatusInternalServerError, "execution_failed", "execution", why, "")
	f.says.RunID = runID
	return f
}
