package orchestratest

import "fmt"

// verification says who a credential is and what it may do.
type verification struct {
	OK             bool     `json:"ok"` // whether every check is
	OrganizationID string   `json:"organizationId"`
	AuthSource     string   `json:"authSource"` // access_token or api_key
	Scopes         []string `json:"scopes"`
	Checks         []check  `json:"checks"`
}

// check is one thing that must be right before calls can succeed.
type check struct {
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Message string `json:"message"`
}

// verifySetup succeeds even when every other route fails because seats are missing.
func (c *call) verifySetup() any {
	l := c.srv.limits
	v := verification{
		OK: true, OrganizationID: c.org.id, AuthSource: c.credential.kind, Scopes: c.credential.scopes[c.org.id],
		Checks: []check{
			{"credential", true, "The credential is valid"},
			{"organization", true, "The credential belongs to " + c.org.name},
			{"seats", l.seats >= defaultMembers, fmt.Sprintf("%d members, %d seats", defaultMembers, l.seats)},
			{"ai", l.ai, "Executions need the AI entitlement"},
			{"voice", l.voice, "Voice agents need the voice entitlement"},
		},
	}
	for _, made := range v.Checks {
		v.OK = v.OK && made.OK
	}
	return v
}
