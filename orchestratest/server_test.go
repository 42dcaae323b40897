package orchestratest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	sdk "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func TestStartReportsAnAddressInUse(t *testing.T) {
	a := start(t)
	srv, err := orchestratest.Start(strings.TrimPrefix(a.srv.URL, "http://"))
	require.ErrorContains(t, err, "orchestratest: listen on")
	var operation *net.OpError
	require.ErrorAs(t, err, &operation)
	assert.Nil(t, srv)
}

// What a test may do while requests are under way, all at once: this is for the race detector.
func TestParallelTestMethods(t *testing.T) {
	a := start(t)
	promptID, _ := a.publishedPrompt("Greet", "Hello {{name}}")
	agentID := a.publishedAgent(flow([]object{step("greet", "prompt_step", "promptId", promptID)}))
	var group sync.WaitGroup
	for _, do := range []func(){
		func() { a.srv.Fail("Agents.List", orchestratest.Fault{}.WithHeader("X-Fault", "1")) },
		func() { a.srv.Restrict(orchestratest.Seats(7), orchestratest.Voice(false)) },
		func() { a.srv.Lift() },
		func() { a.srv.HoldRuns(1) },
		func() { a.srv.FailExecution(promptID, "") },
		func() { a.srv.Expire(a.srv.IssueKey(a.org)) },
		func() { a.srv.IssueToken(a.srv.AddOrganization("Other").ID) },
		func() { _ = a.srv.Requests("*")[0].Body[0] },
		func() { _ = a.srv.Err() },
		func() { _, _, _ = a.send("GET", "/api/agents", nil) },
		func() { _, _, _ = a.send("PATCH", "/api/agents/"+agentID, object{"name": "Writer"}) },
		func() { _, _, _ = a.send("POST", "/api/agents/"+agentID+"/run", object{"variables": object{}}) },
		func() { _, _, _ = a.send("POST", "/api/prompts/"+promptID+"/versions", object{"content": "Hi"}) },
		func() { _, _, _ = a.send("GET", "/api/prompts/"+promptID, nil) },
	} {
		group.Go(func() {
			for range 20 {
				do()
			}
		})
	}
	group.Wait()
	require.NoError(t, a.srv.Err())
}

// Many servers in one process share nothing, and leave nothing behind.
func TestServersAreApart(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	const servers = 32
	firstIDs := make(chan string, servers)
	var group sync.WaitGroup
	for i := range servers {
		group.Go(func() {
			srv := orchestratest.NewServer()
			defer srv.Close()
			client := srv.Client()
			for range i + 1 {
				_, err := client.Agents.Create(t.Context(), sdk.AgentCreateParams{Name: "Writer"})
				assert.NoError(t, err)
			}
			agents, err := client.Agents.List(t.Context())
			if assert.NoError(t, err) && assert.Len(t, agents, i+1) {
				firstIDs <- agents[0].ID
			}
			assert.Len(t, srv.Requests("*"), i+2)
		})
	}
	group.Wait()
	close(firstIDs)
	different := map[string]bool{}
	for id := range firstIDs {
		different[id] = true
	}
	assert.Len(t, different, 1, "the same seed gives the same ids")
	goleak.VerifyNone(t, leaks)
}

func TestMistakesInTheTestAreSeen(t *testing.T) {
	for name, mistake := range map[string]func(*orchestratest.Server){
		"a fault for no route":          func(s *orchestratest.Server) { s.Fail("Agents.Rnu", orchestratest.NoSeats()) },
		"a fault that is no answer":     func(s *orchestratest.Server) { s.Fail("Agents.Run", orchestratest.Status(100, "")) },
		"requests of no route":          func(s *orchestratest.Server) { s.Requests("agents.run") },
		"a key for no organization":     func(s *orchestratest.Server) { s.IssueKey("org_none") },
		"a failure of nothing":          func(s *orchestratest.Server) { s.FailExecution("prm_none", "no") },
		"a credential nobody was given": func(s *orchestratest.Server) { s.Expire("sk_none") },
	} {
		t.Run(name, func(t *testing.T) {
			srv := orchestratest.NewServer()
			defer srv.Close()
			require.NoError(t, srv.Err())
			mistake(srv)
			require.ErrorContains(t, srv.Err(), "orchestratest: ")

			a := &api{t, srv, srv.OrganizationID, srv.AccessToken, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
			response, body, err := a.send("GET", "/api/agents", nil)
			require.NoError(t, err)
			assert.Equal(t, http.StatusInternalServerError, response.StatusCode)
			var answered object
			require.NoError(t, json.Unmarshal(body, &answered))
			assert.Equal(t, object{"error": srv.Err().Error(), "retryable": false}, answered)
			_, err = srv.Client().Agents.List(t.Context())
			require.ErrorContains(t, err, srv.Err().Error())
			assert.Len(t, srv.Requests("Agents.List"), 2, "nobody tries again")
		})
	}
}

func TestSameSeedAndClockGiveTheSameAnswers(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	record := func(t *testing.T, seed uint64) string {
		a := start(t, orchestratest.WithSeed(seed), orchestratest.WithClock(func() time.Time { return at }))
		promptID, _ := a.publishedPrompt("Greet", "Hello {{name}}")
		agentID := a.publishedAgent(flow([]object{step("greet", "prompt_step", "promptId", promptID)}))
		runID := a.ok("POST", "/api/agents/"+agentID+"/run", object{"variables": object{"name": "Ada"}})["runId"]
		response, body, err := a.send("GET", fmt.Sprintf("/api/agent-runs/%v", runID), nil)
		require.NoError(t, err)
		return a.org + a.token + a.srv.APIKey + response.Header.Get("X-Request-Id") + string(body)
	}
	first := record(t, 7)
	assert.Equal(t, first, record(t, 7))
	assert.NotEqual(t, first, record(t, 8))
	assert.Contains(t, first, `"createdAt":"2026-01-02T03:04:05.000Z"`)
	assert.Regexp(t, `"id":"arun_[0-9a-z]{24}"`, first)
}

// A thousand records made by 64 callers are all there, each once.
func TestParallelCallersLoseNothing(t *testing.T) {
	const callers, records = 64, 1000
	a := start(t)
	ids := make(chan string, records)
	work := make(chan int)
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for i := range work {
				response, body, err := a.send("POST", "/api/prompts", object{"name": fmt.Sprintf("Prompt %d", i%100)})
				if assert.NoError(t, err) && assert.Equal(t, http.StatusCreated, response.StatusCode, "%s", body) {
					ids <- string(body[:len(`{"id":"prm_`)+24])
				}
			}
		})
	}
	for i := range records {
		work <- i
	}
	close(work)
	group.Wait()
	close(ids)

	made := map[string]bool{}
	for id := range ids {
		made[strings.TrimPrefix(id, `{"id":"`)] = true
	}
	assert.Len(t, made, records, "every answer named another prompt")
	keys := map[any]bool{}
	listed := a.list("/api/prompts")
	for _, p := range listed {
		assert.True(t, made[p.(object)["id"].(string)])
		keys[p.(object)["promptKey"]] = true
	}
	assert.Len(t, listed, records)
	assert.Len(t, keys, records, "derived keys are unique")
	assert.Len(t, a.srv.Requests("Prompts.Create"), records)
}

func TestCloseEndsWhatIsInProgress(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	for name, fault := range map[string]orchestratest.Fault{
		"a delay":     orchestratest.Delay(time.Hour),
		"a slow body": orchestratest.SlowBody(time.Hour),
	} {
		t.Run(name, func(t *testing.T) {
			srv := orchestratest.NewServer()
			transport := &http.Transport{}
			a := &api{t, srv, srv.OrganizationID, srv.AccessToken, &http.Client{Transport: transport}}
			srv.Fail("Agents.List", fault)
			failed := make(chan error, 1)
			go func() {
				_, _, err := a.send("GET", "/api/agents", nil)
				failed <- err
			}()
			require.Eventually(t, func() bool { return len(srv.Requests("*")) == 1 }, time.Minute, time.Millisecond)
			srv.Close()
			require.Error(t, <-failed)
			srv.Close() // once more does no harm
			transport.CloseIdleConnections()
			goleak.VerifyNone(t, leaks, goleak.IgnoreTopFunction("testing.(*T).Run"))
		})
	}
}

func TestLogHasOneLineARequestAndNoSecret(t *testing.T) {
	var mu sync.Mutex
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(writer(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return log.Write(p)
	}), nil))
	a := start(t, orchestratest.WithLogger(logger))
	a.list("/api/agents")
	a.srv.Fail("Agents.List", orchestratest.DropAfter())
	_, _, _ = a.send("GET", "/api/agents?q=private", nil) // net/http may repeat it
	a.srv.Close()
	mu.Lock()
	defer mu.Unlock()
	assert.Equal(t, len(a.srv.Requests("*")), strings.Count(log.String(), "\n"))
	assert.Contains(t, log.String(), "method=GET path=/api/agents op=Agents.List status=200")
	assert.Contains(t, log.String(), "status=0")
	assert.NotContains(t, log.String(), a.token)
	assert.NotContains(t, log.String(), "private")
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }
