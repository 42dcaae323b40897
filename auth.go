package promptorchestra

import (
	"context"
	"fmt"
	"strings"
)

// The kinds of credential, as the API names them.
const (
	authAccessToken = "access_token"
	authAPIKey      = "api_key"
)

// A tokenSource returns a bearer token for an organization.
type tokenSource = func(ctx context.Context, organizationID string) (string, error)

// A credential is one kind of token, and where it comes from. Tokens live only
// in such closures: fmt shows no more of one than an address.
type credential struct {
	kind          string
	authorization func(ctx context.Context, organizationID string) ([]string, error) // the header's values; nil for none
}

// Authorize returns the Authorization of an attempt.
func (r *request) Authorize(ctx context.Context) ([]string, error) {
	return r.credential.authorization(ctx, r.client.organization)
}

// choose returns the credential for a route: the access token where there is
// one, else the API key where the route takes it; nil when none fits.
func (c *core) choose(t traits) *credential {
	if c.accessToken.authorization != nil {
		return &c.accessToken
	}
	if c.apiKey.authorization != nil && !t.has(userOnly) {
		return &c.apiKey
	}
	return nil
}

func setToken(to *credential, option, token string) error {
	if reason := badToken(token); reason != "" {
		return &ArgumentError{Argument: option, Reason: "the token " + reason}
	}
	header := []string{"Bearer " + token}
	to.authorization = func(context.Context, string) ([]string, error) { return header, nil }
	return nil
}

func setSource(to *credential, option string, source tokenSource) error {
	if source == nil {
		return &ArgumentError{Argument: option, Reason: "must not be nil"}
	}
	to.authorization = func(ctx context.Context, organization string) ([]string, error) {
		token, err := source(ctx, organization)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", option, err)
		}
		if reason := badToken(token); reason != "" {
			return nil, &ArgumentError{Argument: option, Reason: "the token it returned " + reason}
		}
		return []string{"Bearer " + token}, nil
	}
	return nil
}

// badToken says what is wrong with a token; never the token itself.
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
