package orchestratest

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// credential is what a bearer token stands for.
type credential struct {
	kind    string              // accessTokenKind or apiKeyKind
	scopes  map[string][]string // by organization: scopes of a key, permissions of a user
	expires time.Time           // never when zero
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
	ID          string `json:"id"`
	Name        string `json:"name"`
	AccessToken string `json:"accessToken"`
	APIKey      string `json:"apiKey"`
}

// AddOrganization creates an organization with a token and a key that may do everything in it and
// nothing elsewhere.
func (s *Server) AddOrganization(name string) Organization {
	s.state.Lock()
	defer s.state.Unlock()
	return s.addOrganization(name)
}

func (s *Server) addOrganization(name string) Organization {
	o := newOrganization(s.ids.next("org_"), name)
	s.orgs = append(s.orgs, o)
	o.first = Organization{
		ID: o.id, Name: name,
		AccessToken: s.newCredential(accessTokenKind, o.id, allScopes), APIKey: s.newCredential(apiKeyKind, o.id, allScopes),
	}
	return o.first
}

// organization returns an organization by its id.
func (s *Server) organization(id string) (*organization, error) {
	for _, o := range s.orgs {
		if o.id == id {
			return o, nil
		}
	}
	return nil, fmt.Errorf("there is no organization %q", id)
}

// IssueToken returns a new access token of a user in an organization, with the permissions named
// like scopes ("agents:read"); with all when none is named. Join adds organizations to it.
func (s *Server) IssueToken(organizationID string, permissions ...string) string {
	return s.issueOr("IssueToken", accessTokenKind, organizationID, permissions)
}

// IssueKey returns a new API key of an organization. Each grant is a preset ("runtime_default") or
// a scope ("agents:read"); with none the key has all scopes. Give it to a client that has no access
// token, which would go before it.
func (s *Server) IssueKey(organizationID string, grants ...string) string {
	return s.issueOr("IssueKey", apiKeyKind, organizationID, grants)
}

func (s *Server) issueOr(method, kind, organizationID string, grants []string) string {
	token, err := s.issue(kind, organizationID, append([]string(nil), grants...)) // nil without grants
	s.must(method, err)
	return token
}

// issue makes a credential with some grants: with every scope when grants is nil.
func (s *Server) issue(kind, organizationID string, grants []string) (string, error) {
	s.state.Lock()
	defer s.state.Unlock()
	_, err := s.organization(organizationID)
	if err != nil {
		return "", err
	}
	scopes, err := scopesOf(grants)
	if err != nil {
		return "", err
	}
	return s.newCredential(kind, organizationID, scopes), nil
}

// Join makes the user of an access token a member of another organization too, with permissions as
// for IssueToken. An API key belongs to one organization: it cannot join another.
func (s *Server) Join(accessToken, organizationID string, permissions ...string) {
	s.must("Join", s.join(accessToken, organizationID, append([]string(nil), permissions...)))
}

func (s *Server) join(token, organizationID string, permissions []string) error {
	s.state.Lock()
	defer s.state.Unlock()
	known := s.credentials[token]
	if known == nil || known.kind != accessTokenKind {
		return errors.New("the server issued no such access token")
	}
	if _, err := s.organization(organizationID); err != nil {
		return err
	}
	scopes, err := scopesOf(permissions)
	if err == nil {
		known.scopes[organizationID] = scopes
	}
	return err
}

// scopesOf resolves presets. Nil stands for every scope.
func scopesOf(grants []string) ([]string, error) {
	if grants == nil {
		return allScopes, nil
	}
	scopes := []string{}
	for _, grant := range grants {
		preset, isPreset := presets[grant]
		switch {
		case isPreset:
			scopes = append(scopes, preset...)
		case slices.Contains(allScopes, grant):
			scopes = append(scopes, grant)
		default:
			return nil, fmt.Errorf("there is no scope or preset %q", grant)
		}
	}
	return scopes, nil
}

func (s *Server) newCredential(kind, organizationID string, scopes []string) string {
	token := ""
	if kind == accessTokenKind {
		token = s.ids.jwt(organizationID)
	} else {
		token = s.ids.secret("sk_")
	}
	s.credentials[token] = &credential{kind: kind, scopes: map[string][]string{organizationID: scopes}}
	return token
}

// Expire makes a token or key expire now. An unknown one is reported by Err.
func (s *Server) Expire(credential string) {
	s.must("Expire", s.expire(credential))
}

func (s *Server) expire(credential string) error {
	s.state.Lock()
	defer s.state.Unlock()
	known := s.credentials[credential]
	if known == nil {
		return errors.New("the server issued no such credential")
	}
	known.expires = s.settings.clock()
	return nil
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
	scopes, belongs := c.credential.scopes[id]
	switch {
	case id == "":
		c.fail(badRequest("organizationId is required", "organizationId"))
	case !belongs:
		c.fail(forbidden("AUTH_ORG_MISMATCH", "The credential belongs to another organization", "Use a credential of the organization in organizationId."))
	case c.route.scope != "" && !slices.Contains(scopes, c.route.scope):
		c.fail(forbidden("AUTH_SCOPE_MISSING", "The credential lacks the scope "+c.route.scope, "Issue a credential with "+c.route.scope+"."))
	case c.route.is(publicContract) && c.query.Get("publicContract") != "1":
		c.fail(badRequest("publicContract=1 is required in the query", "publicContract"))
	}
	c.org, _ = c.srv.organization(id)
}
