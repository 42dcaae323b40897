package orchestratest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Each credential against a route of either generation, a route with a scope and a route for users.
func TestCredentials(t *testing.T) {
	a := start(t)
	other := a.srv.AddOrganization("Other")
	expired := a.srv.IssueToken(a.org)
	a.srv.Expire(expired)

	const fine = ""
	for name, c := range map[string]struct {
		authorization                 string
		agents, skills, runs, execute string // the code of the rejection
	}{
		"access token":           {authorization: "Bearer " + a.token, agents: fine, skills: fine, runs: fine, execute: "not_found"},
		"API key":                {authorization: "Bearer " + a.srv.APIKey, agents: fine, skills: fine, runs: fine, execute: "AUTH_MODE_INVALID"},
		"lower-case scheme":      {authorization: "bearer " + a.token, agents: fine, skills: fine, runs: fine, execute: "not_found"},
		"runtime_default key":    {authorization: "Bearer " + a.srv.IssueKey(a.org, "runtime_default"), agents: fine, skills: "AUTH_SCOPE_MISSING", runs: fine, execute: "AUTH_MODE_INVALID"},
		"runtime_execution key":  {authorization: "Bearer " + a.srv.IssueKey(a.org, "runtime_execution"), agents: "AUTH_SCOPE_MISSING", skills: fine, runs: fine, execute: "AUTH_MODE_INVALID"},
		"authoring_ci key":       {authorization: "Bearer " + a.srv.IssueKey(a.org, "authoring_ci"), agents: fine, skills: fine, runs: fine, execute: "AUTH_MODE_INVALID"},
		"full-control key":       {authorization: "Bearer " + a.srv.IssueKey(a.org, "ai_platform_full_control"), agents: fine, skills: fine, runs: fine, execute: "AUTH_MODE_INVALID"},
		"key with one scope":     {authorization: "Bearer " + a.srv.IssueKey(a.org, "skills:read"), agents: "AUTH_SCOPE_MISSING", skills: fine, runs: fine, execute: "AUTH_MODE_INVALID"},
		"token, one permission":  {authorization: "Bearer " + a.srv.IssueToken(a.org, "agents:read"), agents: fine, skills: "AUTH_SCOPE_MISSING", runs: fine, execute: "not_found"},
		"another organization's": {authorization: "Bearer " + other.AccessToken, agents: "AUTH_ORG_MISMATCH", skills: "AUTH_ORG_MISMATCH", runs: "AUTH_ORG_MISMATCH", execute: "AUTH_ORG_MISMATCH"},
		"another's key":          {authorization: "Bearer " + other.APIKey, agents: "AUTH_ORG_MISMATCH", skills: "AUTH_ORG_MISMATCH", runs: "AUTH_ORG_MISMATCH", execute: "AUTH_MODE_INVALID"},
		"nothing":                {authorization: "", agents: "AUTH_MISSING", skills: "AUTH_MISSING", runs: "AUTH_MISSING", execute: "AUTH_MISSING"},
		"no token":               {authorization: "Bearer ", agents: "AUTH_MISSING", skills: "AUTH_MISSING", runs: "AUTH_MISSING", execute: "AUTH_MISSING"},
		"another scheme":         {authorization: "Basic " + a.token, agents: "AUTH_MISSING", skills: "AUTH_MISSING", runs: "AUTH_MISSING", execute: "AUTH_MISSING"},
		"an unknown key":         {authorization: "Bearer sk_unknown", agents: "AUTH_INVALID_TOKEN", skills: "AUTH_INVALID_TOKEN", runs: "AUTH_INVALID_TOKEN", execute: "AUTH_INVALID_TOKEN"},
		"an expired token":       {authorization: "Bearer " + expired, agents: "AUTH_INVALID_TOKEN", skills: "AUTH_INVALID_TOKEN", runs: "AUTH_INVALID_TOKEN", execute: "AUTH_INVALID_TOKEN"},
	} {
		t.Run(name, func(t *testing.T) {
			ask := func(method, path string) string {
				return a.codeOf(t, method, path, c.authorization)
			}
			assert.Equal(t, c.agents, ask("GET", "/api/agents"), "newer, with a scope")
			assert.Equal(t, c.skills, ask("GET", "/api/skills"), "newer, with another scope")
			assert.Equal(t, c.runs, ask("GET", "/api/runs"), "classic, any credential")
			assert.Equal(t, c.execute, ask("POST", "/api/agents/agt_none/run"), "users only")
		})
	}
}

// codeOf asks with an Authorization header and returns the code of the rejection, "" for a success.
// It checks that the status fits the code.
func (a *api) codeOf(t *testing.T, method, path, authorization string) string {
	t.Helper()
	transport := &withHeader{"Authorization", authorization, a.http.Transport}
	asking := *a
	asking.t, asking.token, asking.http = t, "", &http.Client{Transport: transport}
	status, value := asking.ask(method, path, object{"variables": object{}})
	body, _ := value.(object)
	code, _ := body["code"].(string)
	switch {
	case code == "":
		assert.Equal(t, 200, status)
	case code == "AUTH_MISSING" || code == "AUTH_INVALID_TOKEN":
		assert.Equal(t, 401, status)
	case strings.HasPrefix(code, "AUTH_"):
		assert.Equal(t, 403, status)
	}
	return code
}

type withHeader struct {
	key, value string
	next       http.RoundTripper
}

func (w *withHeader) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if w.value != "" {
		r.Header.Set(w.key, w.value)
	}
	return w.next.RoundTrip(r)
}

func TestCredentialsLookReal(t *testing.T) {
	a := start(t)
	assert.Regexp(t, `^eyJ[\w-]+\.[\w-]+\.[\w-]+$`, a.srv.AccessToken)
	assert.Regexp(t, `^sk_[0-9a-z]{32}$`, a.srv.APIKey)
	assert.Regexp(t, `^org_[0-9a-z]{24}$`, a.srv.OrganizationID)
}

func TestOrganizationsAreApart(t *testing.T) {
	a := start(t)
	other := a.srv.AddOrganization("Other")
	agentID := a.create("/api/agents", object{"name": "Writer"})
	b := a.with(other.AccessToken)
	b.org = other.ID
	assert.Empty(t, b.list("/api/agents"))
	b.rejected(404, "GET", "/api/agents/"+agentID, nil)
	assert.Len(t, a.list("/api/agents"), 1)
}

func TestMissingOrganization(t *testing.T) {
	a := start(t)
	a.org = ""
	for _, path := range []string{"/api/runs", "/api/realtime-sessions"} {
		assert.Equal(t, object{"error": "organizationId is required"}, a.rejected(400, "GET", path, nil), path)
	}
	for method, path := range map[string]string{"GET": "/api/agents", "POST": "/api/agents", "PATCH": "/api/agents/agt_1"} {
		body := a.rejected(400, method, path, object{"name": "Writer"})
		assert.Equal(t, "bad_request", body["code"])
		assert.Equal(t, "organizationId is required", body["why"])
		assert.Equal(t, []any{"organizationId"}, body["affectedFields"])
	}
}

func TestAuthenticationFailuresOfClassicRoutesHaveDetails(t *testing.T) {
	a := start(t)
	assert.Equal(t, object{
		"error": "A bearer token is required", "code": "AUTH_MISSING",
		"details": []any{object{"code": "AUTH_MISSING", "message": "A bearer token is required"}},
	}, a.with("").rejected(401, "GET", "/api/runs", nil))
	assert.Equal(t, "Auth missing", a.with("").rejected(401, "GET", "/api/agents", nil)["title"])
}
