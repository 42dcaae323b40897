package orchestratest

import (
	"maps"
	"slices"
	"time"
)

// createServiceKey makes a key that works from then on. A key for authoring_ci must expire: its
// body needs expiresAt.
func (c *call) createServiceKey() any {
	name, preset, expiresAt := c.input.requiredText("name"), c.input.requiredText("preset"), c.input.optionalText("expiresAt")
	if preset != "" {
		c.input.choice("preset", slices.Sorted(maps.Keys(presets))...)
	}
	var expires time.Time
	if expiresAt != nil {
		var err error
		if expires, err = time.Parse(time.RFC3339, *expiresAt); err != nil {
			c.input.reject("expiresAt", "must be an RFC 3339 time")
		}
	} else if preset == "authoring_ci" {
		c.input.reject("expiresAt", "is required for authoring_ci")
	}
	if !c.ok() {
		return nil
	}
	id, key := c.srv.ids.next("key_"), c.srv.newCredential(apiKeyKind, c.org.id, presets[preset])
	c.srv.credentials[key].expires = expires
	return object{ // the key itself is shown this once
		"id": id, "organizationId": c.org.id, "name": name, "preset": preset, "scopes": presets[preset], "key": key,
		"createdAt": c.srv.now(), "expiresAt": expiresAt,
	}
}
