package orchestratest

// defaultMembers is how many members every organization has.
const defaultMembers = 5

// limits is what the plan of all organizations includes.
type limits struct {
	seats     int
	ai, voice bool
}

func noLimits() limits { return limits{seats: defaultMembers, ai: true, voice: true} }

// Limit is one restriction of the plan.
type Limit func(*limits)

// Seats sets the number of seats. An organization has five members: with fewer seats every route
// but Setup.Verify responds with 402.
func Seats(n int) Limit {
	return func(l *limits) { l.seats = n }
}

// AI includes or excludes executions: without it, running prompts, skills, agents, images and
// evaluations fails with 402.
func AI(enabled bool) Limit {
	return func(l *limits) { l.ai = enabled }
}

// Voice includes or excludes voice agents: without it, their routes respond with 402.
func Voice(enabled bool) Limit {
	return func(l *limits) { l.voice = enabled }
}

// Restrict adds limits to the plan of every organization, until Lift.
func (s *Server) Restrict(limits ...Limit) {
	s.locked(func() {
		for _, limit := range limits {
			limit(&s.limits)
		}
	})
}

// Lift removes all limits.
func (s *Server) Lift() {
	s.locked(func() { s.limits = noLimits() })
}

func (c *call) checkLimits() {
	l := c.srv.limits
	switch {
	case l.seats < defaultMembers && !c.route.is(pastSeats):
		c.fail(seatLimit(defaultMembers, l.seats))
	case !l.ai && c.route.is(runsAI):
		c.fail(featureMissing("ai"))
	case !l.voice && c.route.is(needsVoice):
		c.fail(featureMissing("voice"))
	}
}
