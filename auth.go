package promptorchestra

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"time"
)

// The kinds of credential, as the API names them.
const (
	authAccessToken = "access_token"
	authAPIKey      = "api_key"
)

// TokenSource returns a bearer token for an organization: see [WithAccessTokenSource].
type TokenSource func(ctx context.Context, organizationID string) (string, error)

// A credential is one kind of token, and where it comes from. A token lives only in the closure:
// fmt prints the address of a func, and nothing of what it holds.
type credential struct {
	kind []string // the value of its header
	// authorization returns the values of the Authorization header, or nil when the source has no
	// token for the organization. The func itself is nil when no option has set this kind.
	authorization func(ctx context.Context, organizationID string) ([]string, error)
}

// given returns the credentials that an option has set.
func given(credentials ...*credential) []*credential {
	var out []*credential
	for _, c := range credentials {
		if c.authorization != nil {
			out = append(out, c)
		}
	}
	return out
}

// Authorize puts the first credential that has a token into the headers of an attempt.
func (r *request) Authorize(ctx context.Context, header http.Header) error {
	if r.client.core.logger != nil {
		r.attemptOffset = time.Since(r.started)
	}
	for _, c := range r.client.core.credentials(r.call.route) {
		authorization, err := c.authorization(ctx, r.client.organization)
		if err != nil {
			return err
		}
		if authorization != nil {
			r.authorization = authorization
			header["Authorization"] = authorization
			header["X-Prompt-Orchestra-Auth-Source"] = c.kind
			return nil
		}
	}
	return missingCredential(r.call.route)
}

func missingCredential(r *route) error {
	if r.traits.has(userOnly) {
		return &ArgumentError{
			Argument: "accessToken",
			Reason: "this call takes no API key, as Agents.Run, AgentRuns.RerunFromStep and ServiceKeys.Create do not: " +
				"use WithAccessToken or WithAccessTokenSource",
		}
	}
	return &ArgumentError{
		Argument: "credential",
		Reason:   "this call needs a credential: use WithAccessToken, WithAccessTokenSource, WithAPIKey or WithAPIKeySource",
	}
}

func setToken(to *credential, option, token string) error {
	if reason := badToken(token); reason != "" {
		return &ArgumentError{Argument: option, Reason: "the token " + reason}
	}
	header := []string{"Bearer " + token}
	to.authorization = func(context.Context, string) ([]string, error) { return header, nil }
	return nil
}

func setSource(to *credential, option string, source TokenSource) error {
	if source == nil {
		return &ArgumentError{Argument: option, Reason: "must not be nil"}
	}
	to.authorization = func(ctx context.Context, organization string) ([]string, error) {
		token, err := source.ask(ctx, organization)
		switch reason := badToken(token); {
		case err != nil:
			return nil, &sourceError{option, err}
		case token == "":
			return nil, nil // it has none for this organization
		case reason != "":
			return nil, &ArgumentError{Argument: option, Reason: "the token it returned " + reason}
		}
		return []string{"Bearer " + token}, nil
	}
	return nil
}

// ask calls the source in a goroutine of its own, so that a source that ignores its context does
// not keep the caller waiting. Such a source runs on after the call. A panic in it becomes an
// error.
func (source TokenSource) ask(ctx context.Context, organization string) (string, error) {
	type result struct {
		token string
		err   error
	}
	done := make(chan result, 1)
	go func() {
		var out result
		out.err = fmt.Errorf("the token source ended its goroutine")
		defer func() {
			if v := recover(); v != nil {
				out = result{err: panicError(v)}
			}
			done <- out
		}()
		token, err := source(ctx, organization)
		out = result{token, err}
	}()
	select {
	case out := <-done:
		return out.token, out.err
	case <-ctx.Done():
	}
	select {
	case out := <-done: // the source stopped with its context, and its own error says more
		return out.token, out.err
	default:
		return "", context.Cause(ctx) //nolint:wrapcheck // the engine says what ended
	}
}

// panicError describes a panic by its type alone, for its value may hold a token. A panic of the
// runtime is described by its text.
func panicError(v any) error {
	if err, ok := v.(runtime.Error); ok {
		return fmt.Errorf("the token source panicked: %w", err)
	}
	return fmt.Errorf("the token source panicked with a %T", v)
}

// badToken returns what is wrong with a token, or "". The text does not hold the token.
func badToken(token string) string {
	switch {
	case token == "":
		return "is empty"
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "has a space, a control character or one beyond ASCII"
	default:
		return ""
	}
}
