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
		"nothing":         {orchestratest.Seats(5), 200, 200, 404, 200},
		"too few seats":   {orchestratest.Seats(3), 402, 402, 402, 200},
		"no AI":           {orchestratest.AI(false), 200, 402, 404, 200},
		"no voice":        {orchestratest.Voice(false), 200, 200, 402, 200},
		"AI is available": {orchestratest.AI(true), 200, 200, 404, 200},
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
	body := a.refused(402, "GET", "/api/runs", nil)
	assert.Equal(t, object{"error": "seat_limit_exceeded", "message": "The organization has 5 members and 3 seats"}, body)
	assert.Equal(t, false, a.ok("POST", "/api/setup/verify", nil)["ok"])
	a.srv.Lift()
	a.list("/api/runs")
	assert.Equal(t, true, a.ok("POST", "/api/setup/verify", nil)["ok"])
}
