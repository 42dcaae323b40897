package orchestratest

import (
	"maps"
	"slices"
	"time"
)

// serviceKey is a new API key. The key itself is shown this once.
type serviceKey struct {
	ID             string   `json:"id"`
	OrganizationID string   `json:"organizationId"`
	Name           string   `json:"name"`
	Preset         string   `json:"preset"`
	Scopes         []string `json:"scopes"`
	Key            string   `json:"key"`
	CreatedAt      string   `json:"createdAt"`
	ExpiresAt      *string  `json:"expiresAt"`
}

// createServiceKey makes a key that works from then on. A key for authoring_ci must expire: its
// body needs expiresAt.
func (c *call) createServiceKey() any {
	k := serviceKey{
		OrganizationID: c.org.id,
		Name:           c.input.requiredText("name"),
		Preset:         c.input.requiredText("preset"),
		CreatedAt:      c.srv.now(),
		ExpiresAt:      c.input.optionalText("expiresAt"),
	}
	if k.Preset != "" {
		c.input.choice("preset", slices.Sorted(maps.Keys(presets))...)
	}
	var expires time.Time
	if k.ExpiresAt != nil {
		var err error
		if expires, err = time.Parse(time.RFC3339, *k.ExpiresAt); err != nil {
			c.input.reject("expiresAt", "must be an RFC 3339 time")
		}
	} else if k.Preset == "authoring_ci" {
		c.input.reject("expiresAt", "is required for authoring_ci")
	}
	if !c.ok() {
		return nil
	}
	k.ID = c.srv.ids.next("key_")
	k.Scopes = presets[k.Preset]
	k.Key = c.srv.newCredential(apiKeyKind, c.org.id, k.Scopes)
	c.srv.credentials[k.Key].expires = expires
	return k
}
