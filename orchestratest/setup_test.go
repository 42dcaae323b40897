package orchestratest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSetupVerifyTellsTheTruth(t *testing.T) {
	a := start(t)
	body := a.ok("POST", "/api/setup/verify", nil)
	assert.Equal(t, true, body["ok"])
	assert.Equal(t, a.org, body["organizationId"])
	assert.Equal(t, "access_token", body["authSource"])

	body = a.with(a.srv.IssueKey(a.org, "runtime_default")).ok("POST", "/api/setup/verify", nil)
	assert.Equal(t, "api_key", body["authSource"])
	assert.Equal(t, []any{"agents:read", "runs:read"}, body["scopes"])

	assert.Equal(t, "AUTH_SCOPE_MISSING", a.with(a.srv.IssueKey(a.org, "agents:read")).rejected(403, "POST", "/api/setup/verify", nil)["code"])
}
