package orchestratest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func TestRestrictAndLift(t *testing.T) {
	a := start(t)
	promptID, _ := a.publishedPrompt("Greet", "Hello")
	run := "/api/prompts/" + promptID + "/run"
	session := "/api/realtime-agents/agt_none/session"
	for name, c := range map[string]struct {
		limit                      orchestratest.Limit
		list, run, session, verify int
	}{
		"nothing":         {limit: orchestratest.Seats(5), list: 200, run: 200, session: 404, verify: 200},
		"too few seats":   {limit: orchestratest.Seats(3), list: 402, run: 402, session: 402, verify: 200},
		"no AI":           {limit: orchestratest.AI(false), list: 200, run: 402, session: 404, verify: 200},
		"no voice":        {limit: orchestratest.Voice(false), list: 200, run: 200, session: 402, verify: 200},
		"AI is available": {limit: orchestratest.AI(true), list: 200, run: 200, session: 404, verify: 200},
	} {
		t.Run(name, func(t *testing.T) {
			a.srv.Restrict(c.limit)
			defer a.srv.Lift()
			list, _ := a.ask("GET", "/api/runs", nil)
			ran, _ := a.ask("POST", run, object{"variables": object{}})
			spoke, _ := a.ask("POST", session, nil)
			verified, _ := a.ask("POST", "/api/setup/verify", nil)
			assert.Equal(t, []int{c.list, c.run, c.session, c.verify}, []int{list, ran, spoke, verified})
		})
	}
	a.srv.Restrict(orchestratest.Seats(3))
	body := a.rejected(402, "GET", "/api/runs", nil)
	assert.Equal(t, object{"error": "seat_limit_exceeded", "message": "The organization has 5 members and 3 seats"}, body)
	assert.Equal(t, false, a.ok("POST", "/api/setup/verify", nil)["ok"])
	a.srv.Lift()
	a.list("/api/runs")
	assert.Equal(t, true, a.ok("POST", "/api/setup/verify", nil)["ok"])
}
