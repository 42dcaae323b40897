package orchestratest

import (
	"fmt"
	"slices"
)

// check is one thing that must be right before calls can succeed.
type check struct {
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Message string `json:"message"`
}

// verifySetup succeeds even when every other route fails because seats are missing.
func (c *call) verifySetup() any {
	l := c.srv.limits
	checks := []check{
		{"credential", true, "The credential is valid"},
		{"organization", true, "The credential belongs to " + c.org.name},
		{"seats", l.seats >= defaultMembers, fmt.Sprintf("%d members, %d seats", defaultMembers, l.seats)},
		{"ai", l.ai, "Executions need the AI entitlement"},
		{"voice", l.voice, "Voice agents need the voice entitlement"},
	}
	return object{
		"ok": !slices.ContainsFunc(checks, func(made check) bool { return !made.OK }), "organizationId": c.org.id,
		"authSource": c.credential.kind, "scopes": c.credential.scopes[c.org.id], "checks": checks,
	}
}
