package promptorchestra

import (
	"context"
	"strings"
)

// The kinds of credential, as the API names them.
const (
	authAccessToken = "access_token"
	authAPIKey      = "api_key"
)

// A tokenSource returns a bearer token for an organization. Tokens live only
// in such closures: fmt shows no more of one than an address.
type tokenSource func(ctx context.Context, organizationID string) (string, error)

// A credential sends one kind of token.
type credential struct {
	kind   string
	source tokenSource
}

// authorization returns the header's value for an attempt.
func (c *credential) authorization(ctx context.Context, organization string) (string, error) {
	token, err := c.source(ctx, organization)
	if err != nil {
		return "", err
	}
	if reason := badToken(token); reason != "" {
		return "", &ArgumentError{Argument: c.kind, Reason: "the token source returned one that " + reason}
	}
	return "Bearer " + token, nil
}

// choose returns the credential for a route: the access token where there is
// one, else the API key where the route takes it; nil when none fits.
func (c *core) choose(t traits) *credential {
	if c.accessToken.source != nil {
		return &c.accessToken
	}
	if c.apiKey.source != nil && !t.has(userOnly) {
		return &c.apiKey
	}
	return nil
}

func setToken(to *tokenSource, option, token string) error {
	if reason := badToken(token); reason != "" {
		return &ArgumentError{Argument: option, Reason: "the token " + reason}
	}
	*to = func(context.Context, string) (string, error) { return token, nil }
	return nil
}

func setSource(to *tokenSource, option string, source tokenSource) error {
	if source == nil {
		return &ArgumentError{Argument: option, Reason: "must not be nil"}
	}
	*to = source
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
