package orchestratest_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// What looking for a run by one of its variables needs: the list names the prompt and the time of
// each run, failed ones too, in the order in which they were recorded; the Date of the response is
// on the same clock; the detail has the variables as they were sent.
func TestRunsCanBeLookedFor(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	a := start(t, orchestratest.WithClock(func() time.Time { return at }))
	greet, bye := a.srv.PublishPrompt("Hello {{job}}"), a.srv.PublishPrompt("Bye {{job}}")
	run := func(promptID string, job int) {
		_, _, err := a.send("POST", "/api/prompts/"+promptID+"/run", object{"variables": object{"job": fmt.Sprint("job_", job), "n": jsonNumber("1.50")}})
		require.NoError(t, err)
	}
	run(greet, 0)
	run(bye, 1)
	a.srv.FailExecution(greet, "provider down")
	run(greet, 2)

	response, body, err := a.send("GET", "/api/runs", nil)
	require.NoError(t, err)
	sent, err := http.ParseTime(response.Header.Get("Date"))
	require.NoError(t, err)
	assert.Equal(t, at, sent.UTC())
	assert.NotContains(t, string(body), "job_", "the list is short")

	runs := a.list("/api/runs")
	require.Len(t, runs, 3)
	for i, promptID := range []string{greet, bye, greet} {
		listed := runs[i].(object)
		assert.Equal(t, promptID, listed["promptId"])
		assert.Equal(t, "2026-01-02T03:04:05.000Z", listed["createdAt"])
		_, detail, err := a.send("GET", "/api/runs/"+listed["id"].(string), nil)
		require.NoError(t, err)
		assert.Contains(t, string(detail), fmt.Sprintf(`"inputSnapshot":{"variables":{"job":"job_%d","n":1.50}`, i))
	}
	assert.Equal(t, "failed", runs[2].(object)["status"])
}
