package orchestratest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// credential is what a bearer token stands for.
type credential struct {
	kind    string // accessTokenKind or apiKeyKind
	org     string
	scopes  []string  // scopes of a key, permissions of a user
	expires time.Time // never when zero
}

const (
	accessTokenKind = "access_token"
	apiKeyKind      = "api_key"
)

// allScopes is every scope that a route asks for.
var allScopes = []string{
	"agents:read", "agents:write", "evaluations:read", "evaluations:write", "models:read", "runs:read", "runs:write",
	"skills:read", "skills:write", "tools:read", "tools:write",
}

// presets are the documented sets of scopes.
var presets = map[string][]string{
	"runtime_default":   {"agents:read", "runs:read"},
	"runtime_execution": {"skills:read", "runs:read", "runs:write"},
	"authoring_ci": {
		"agents:read", "agents:write", "skills:read", "skills:write", "tools:read", "tools:write",
		"evaluations:read", "evaluations:write", "models:read", "runs:read",
	},
	"ai_platform_full_control": allScopes,
}

// Organization is an organization with one credential of each kind.
type Organization struct {
	ID          string
	AccessToken string
	APIKey      string
}

// AddOrganization creates an organization with a token and a key that may do everything in it and
// nothing elsewhere.
func (s *Server) AddOrganization(name string) Organization {
	s.state.Lock()
	id := s.ids.next("org_")
	s.orgs[id] = newOrganization(id, name)
	s.state.Unlock()
	return Organization{ID: id, AccessToken: s.IssueToken(id), APIKey: s.IssueKey(id)}
}

// IssueToken returns a new access token of a user in an organization, with the permissions named
// like scopes ("agents:read"); with all when none is named.
func (s *Server) IssueToken(organizationID string, permissions ...string) string {
	return s.issue("IssueToken", accessTokenKind, organizationID, permissions)
}

// IssueKey returns a new API key of an organization. Each grant is a preset ("runtime_default") or
// a scope ("agents:read"); with none the key has all scopes. Give it to a client that has no access
// token, which would go before it.
func (s *Server) IssueKey(organizationID string, grants ...string) string {
	return s.issue("IssueKey", apiKeyKind, organizationID, grants)
}

func (s *Server) issue(method, kind, organizationID string, grants []string) string {
	s.state.Lock()
	defer s.state.Unlock()
	if s.orgs[organizationID] == nil {
		s.misused("%s: there is no organization %q", method, organizationID)
		return ""
	}
	if len(grants) == 0 {
		grants = allScopes
	}
	return s.newCredential(kind, organizationID, grants)
}

func (s *Server) newCredential(kind, organizationID string, grants []string) string {
	var scopes []string
	for _, grant := range grants {
		if preset, ok := presets[grant]; ok {
			scopes = append(scopes, preset...)
		} else {
			scopes = append(scopes, grant)
		}
	}
	token := s.ids.secret("sk_")
	if kind == accessTokenKind {
		token = s.ids.jwt(organizationID)
	}
	s.credentials[token] = &credential{kind: kind, org: organizationID, scopes: scopes}
	return token
}

// Expire makes a token or key expire now. An unknown one is reported by Err.
func (s *Server) Expire(credential string) {
	s.state.Lock()
	defer s.state.Unlock()
	known := s.credentials[credential]
	if known == nil {
		s.misused("Expire: the server issued no such credential")
		return
	}
	known.expires = s.settings.clock()
}

// authenticate finds who sent a request. The kind of credential is checked here too, for it does
// not depend on the organization.
func (c *call) authenticate() {
	scheme, token, _ := strings.Cut(c.request.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" {
		c.fail(unauthorized("AUTH_MISSING", "A bearer token is required"))
		return
	}
	c.credential = c.srv.credentials[token]
	switch {
	case c.credential == nil:
		c.fail(unauthorized("AUTH_INVALID_TOKEN", "The bearer token is not valid"))
	case !c.credential.expires.IsZero() && !c.srv.settings.clock().Before(c.credential.expires):
		c.fail(unauthorized("AUTH_INVALID_TOKEN", "The bearer token has expired"))
	case c.route.is(userOnly) && c.credential.kind != accessTokenKind:
		c.fail(forbidden("AUTH_MODE_INVALID", "This route needs an access token, not an API key", "Send a user's access token."))
	}
}

// enterOrganization finds the organization of a request and checks that the credential may do this
// there.
func (c *call) enterOrganization() {
	id := c.query.Get("organizationId")
	if c.route.method != http.MethodGet {
		id = c.input.text("organizationId")
	}
	switch {
	case id == "":
		c.fail(badRequest("organizationId is required", "organizationId"))
	case id != c.credential.org:
		c.fail(forbidden("AUTH_ORG_MISMATCH", "The credential belongs to another organization", "Use a credential of the organization in organizationId."))
	case c.route.scope != "" && !slices.Contains(c.credential.scopes, c.route.scope):
		c.fail(forbidden("AUTH_SCOPE_MISSING", "The credential lacks the scope "+c.route.scope, "Issue a credential with "+c.route.scope+"."))
	}
	c.org = c.srv.orgs[id]
}
