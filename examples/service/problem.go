package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
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
	Run            string                        `json:"run,omitempty"` // that it is about, as far as it is known
	retryAfter     time.Duration
}

// problemOf decides by what the caller can do about a failure. What is ours to fix, such as a
// credential, is not told.
func problemOf(err error) problem {
	failure, argument := new(promptorchestra.APIError), new(promptorchestra.ArgumentError)
	errors.As(err, &failure) // if it is none, failure stays empty
	p := problem{Status: http.StatusBadGateway, Title: "The platform failed", RequestID: failure.RequestID}
	p.Run, _ = promptorchestra.RunID(err)
	var tooLarge *http.MaxBytesError
	var failed *failedRun
	switch {
	case errors.As(err, &failed):
		p.Title, p.Detail, p.Run = "The run failed", failed.why, failed.id
	case errors.As(err, &tooLarge):
		p.Status, p.Title, p.Detail = http.StatusRequestEntityTooLarge, "The request is too large", fmt.Sprintf("A body may have %d bytes.", tooLarge.Limit)
	case errors.Is(err, errUnknownOrganization):
		p.Status, p.Title = http.StatusNotFound, "There is no such organization"
	case promptorchestra.OutcomeUnknown(err):
		p.OutcomeUnknown, p.Detail = true, "The run may have happened. Look for it before you ask for another one."
	case promptorchestra.IsEntitlement(err):
		p.Status, p.Title, p.Detail = http.StatusPaymentRequired, "The plan does not allow this", failure.Message
		p.Upgrade = "https://app.example.com/billing?organization=" + url.QueryEscape(failure.Organization)
	case promptorchestra.IsRetryable(err):
		p.Status, p.Title, p.retryAfter = http.StatusServiceUnavailable, "The platform is busy", cmp.Or(failure.RetryAfter, 5*time.Second)
	case slices.Contains([]int{400, 404, 409, 422}, failure.StatusCode) && failure.Kind != promptorchestra.KindUnknown && failure.Kind != promptorchestra.KindMissingOrganization:
		p.Status, p.Title, p.Detail, p.Mistakes = failure.StatusCode, http.StatusText(failure.StatusCode), failure.Message, failure.Details
	case errors.As(err, &argument) && slices.Contains([]string{"organizationId", "agentId", "runId", "body"}, argument.Argument):
		p.Status, p.Title, p.Detail = http.StatusBadRequest, "The request is not valid", argument.Argument+" "+argument.Reason
	}
	if errors.Is(err, context.DeadlineExceeded) {
		p.Status, p.Title = http.StatusGatewayTimeout, "The platform took too long"
	}
	return p
}

func (p problem) write(w http.ResponseWriter, r *http.Request) {
	p.Type, p.Instance = fmt.Sprintf("https://docs.example.com/problems/%d", p.Status), r.URL.EscapedPath()
	w.Header().Set("Content-Type", "application/problem+json")
	if p.retryAfter > 0 {
		w.Header().Set("Retry-After", fmt.Sprintf("%.0f", math.Ceil(p.retryAfter.Seconds())))
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the caller may be gone
}
