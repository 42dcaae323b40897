package main

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// problem is what a caller learns of a failure: RFC 9457, with members of our own.
type problem struct {
	Type           string                        `json:"type"`
	Title          string                        `json:"title"`
	Status         int                           `json:"status"`
	Detail         string                        `json:"detail,omitempty"`
	Instance       string                        `json:"instance,omitempty"`
	RequestID      string                        `json:"requestId,omitempty"` // for support
	Upgrade        string                        `json:"upgrade,omitempty"`
	Mistakes       []promptorchestra.ErrorDetail `json:"mistakes,omitempty"`
	OutcomeUnknown bool                          `json:"outcomeUnknown,omitempty"`

	retryAfter time.Duration
}

// problemOf decides by what the caller can do about a failure. What only we can
// do something about, such as our own credential, is not told in detail.
func problemOf(err error) problem {
	p := problem{Status: http.StatusBadGateway, Title: "The platform failed"}
	var failure *promptorchestra.APIError
	var argument *promptorchestra.ArgumentError
	said := ""
	if errors.As(err, &failure) {
		p.RequestID, said = failure.RequestID, failure.Message
	}
	switch {
	case errors.Is(err, errUnknownOrganization):
		p.Status, p.Title = http.StatusNotFound, "There is no such organization"
	case promptorchestra.OutcomeUnknown(err):
		p.OutcomeUnknown = true
		p.Detail = "The run may have happened. Look for it before you ask for another one."
	case promptorchestra.IsEntitlement(err):
		p.Status, p.Title, p.Detail = http.StatusPaymentRequired, "The plan does not allow this", said
		p.Upgrade = "https://app.example.com/billing?organization=" + url.QueryEscape(failure.Organization)
	case promptorchestra.IsRetryable(err):
		p.Status, p.Title, p.retryAfter = http.StatusServiceUnavailable, "The platform is busy", 5*time.Second
		if asked, ok := promptorchestra.RetryAfter(err); ok {
			p.retryAfter = asked
		}
	case promptorchestra.IsNotFound(err) && failure.Kind == promptorchestra.KindNotFound:
		p.Status, p.Title, p.Detail = http.StatusNotFound, "There is no such record in the organization", said
	case promptorchestra.IsConflict(err):
		p.Status, p.Title, p.Detail = http.StatusConflict, "The record's state does not allow this", said
	case promptorchestra.IsValidation(err):
		p.Status, p.Title, p.Detail, p.Mistakes = http.StatusUnprocessableEntity, "What was asked for is not valid", said, failure.Details
	case promptorchestra.IsBadRequest(err) && failure.Kind == promptorchestra.KindInvalidRequest:
		p.Status, p.Title, p.Detail = http.StatusBadRequest, "The request is not valid", said
	case errors.As(err, &argument) && slices.Contains([]string{"organizationId", "agentId", "runId", "body"}, argument.Argument):
		p.Status, p.Title, p.Detail = http.StatusBadRequest, "The request is not valid", argument.Argument+" "+argument.Reason
	}
	if errors.Is(err, context.DeadlineExceeded) {
		p.Status, p.Title = http.StatusGatewayTimeout, "The platform took too long"
	}
	p.Type = "https://docs.example.com/problems/" + strconv.Itoa(p.Status)
	return p
}

func (p problem) write(w http.ResponseWriter, r *http.Request) {
	p.Instance = r.URL.EscapedPath()
	w.Header().Set("Content-Type", "application/problem+json")
	if p.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(p.retryAfter.Seconds()))))
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the caller may be gone
}
