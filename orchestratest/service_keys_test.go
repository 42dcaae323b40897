package orchestratest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func TestServiceKeys(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	a := start(t, orchestratest.WithClock(func() time.Time { return now }))
	made := a.ok("POST", "/api/service-keys", object{"name": "CI", "preset": "ai_platform_full_control"})
	assert.Regexp(t, `^key_[0-9a-z]{24}$`, made["id"])
	key, _ := made["key"].(string)
	require.Regexp(t, `^sk_`, key)
	assert.Nil(t, made["expiresAt"])
	a.with(key).list("/api/skills")
	assert.Equal(t, "AUTH_MODE_INVALID", a.with(key).rejected(403, "POST", "/api/service-keys", object{"name": "More", "preset": "runtime_default"})["code"])

	for name, c := range map[string]struct {
		body object
		why  string
	}{
		"no name":           {object{"preset": "runtime_default"}, "name is required"},
		"no preset":         {object{"name": "CI"}, "preset is required"},
		"unknown preset":    {object{"name": "CI", "preset": "all"}, "preset must be one of ai_platform_full_control, authoring_ci, runtime_default, runtime_execution"},
		"CI without expiry": {object{"name": "CI", "preset": "authoring_ci"}, "expiresAt is required for authoring_ci"},
		"an odd expiry":     {object{"name": "CI", "preset": "runtime_default", "expiresAt": "soon"}, "expiresAt must be an RFC 3339 time"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, object{"error": c.why}, a.rejected(400, "POST", "/api/service-keys", c.body))
		})
	}
}

func TestServiceKeysExpire(t *testing.T) {
	for name, c := range map[string]struct {
		expiresAt string
		status    int
	}{
		"later":   {"2026-01-02T03:04:06Z", 200},
		"already": {"2026-01-02T03:04:05Z", 401},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			a := start(t, orchestratest.WithClock(func() time.Time { return now }))
			made := a.ok("POST", "/api/service-keys", object{"name": "CI", "preset": "authoring_ci", "expiresAt": c.expiresAt})
			status, _ := a.with(made["key"].(string)).ask("GET", "/api/agents", nil)
			assert.Equal(t, c.status, status)
		})
	}
}
