package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/examples/internal/exampletest"
	"github.com/prompt-orchestra/promptorchestra-go/examples/internal/setup"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type service struct {
	t        *testing.T
	emulator *orchestratest.Server
	url      string
	agents   map[string]string
	log      *bytes.Buffer
}

func newService(t *testing.T) *service {
	t.Helper()
	emulator := orchestratest.NewServer()
	t.Cleanup(emulator.Close)
	client, agents, err := twoOrganizations(t.Context(), emulator)
	require.NoError(t, err)
	var log bytes.Buffer
	server := httptest.NewServer(newHandler(client, slog.New(slog.NewTextHandler(&log, nil))))
	t.Cleanup(server.Close)
	return &service{t, emulator, server.URL, agents, &log}
}

// ask makes a request and decodes the response, a problem or not.
func (s *service) ask(method, path, body string) (*http.Response, map[string]any) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	require.NoError(s.t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	var result map[string]any
	require.NoError(s.t, json.NewDecoder(resp.Body).Decode(&result))
	if resp.StatusCode >= http.StatusMultipleChoices {
		assert.Equal(s.t, "application/problem+json", resp.Header.Get("Content-Type"))
		assert.EqualValues(s.t, resp.StatusCode, result["status"])
		assert.Equal(s.t, path, result["instance"])
	}
	return resp, result
}

func (s *service) runs() string {
	return "/organizations/" + s.emulator.OrganizationID + "/agents/" + s.agents[s.emulator.OrganizationID] + "/runs"
}

func TestOneClientServesEveryOrganization(t *testing.T) {
	s := newService(t)
	for organization, agent := range s.agents {
		resp, started := s.ask("POST", "/organizations/"+organization+"/agents/"+agent+"/runs", `{"variables":{"name":"Ada"}}`)
		require.Contains(t, []int{200, 202}, resp.StatusCode, started)
		resp, detail := s.ask("GET", "/organizations/"+organization+"/agent-runs/"+started["runId"].(string), "")
		require.Equal(t, 200, resp.StatusCode)
		assert.Equal(t, "completed", detail["run"].(map[string]any)["status"])
		assert.Equal(t, "Greet Ada.", detail["run"].(map[string]any)["output"])
	}
	assert.Len(t, s.emulator.Requests("Agents.Run"), 2)
	assert.Contains(t, s.log.String(), "organization="+s.emulator.OrganizationID)
	assert.NotContains(t, s.log.String(), s.emulator.AccessToken)
}

func TestFailuresBecomeProblems(t *testing.T) {
	for _, row := range []struct {
		name   string
		fail   func(*orchestratest.Server)
		path   string // "" runs the agent
		body   string
		status int
		wants  map[string]any
		header map[string]string
	}{
		{
			name: "no seats", fail: func(srv *orchestratest.Server) { srv.Restrict(orchestratest.Seats(2)) }, status: 402,
			wants: map[string]any{"upgrade": "https://app.example.com/billing?organization={organization}"},
		},
		{name: "no AI", fail: func(srv *orchestratest.Server) { srv.Restrict(orchestratest.AI(false)) }, status: 402},
		{
			name: "rate limited", fail: func(srv *orchestratest.Server) { srv.Fail("Agents.Run", orchestratest.RateLimited(2*time.Minute)) }, status: 503,
			header: map[string]string{"Retry-After": "120"},
		},
		{
			name: "outcome unknown", fail: func(srv *orchestratest.Server) { srv.Fail("Agents.Run", orchestratest.DropAfter()) }, status: 502,
			wants: map[string]any{"outcomeUnknown": true},
		},
		{
			name: "provider failed", fail: func(srv *orchestratest.Server) { srv.Fail("Agents.Run", orchestratest.HTML(500)) }, status: 502,
			wants: map[string]any{"outcomeUnknown": true, "title": "The platform failed"},
		},
		{name: "invalid graph", fail: func(srv *orchestratest.Server) {
			srv.Fail("Agents.Run", orchestratest.Status(422, `{"error":"Graph validation failed","code":"AGENT_GRAPH_INVALID","details":[{"code":"missing_entry_step","message":"Entry step is required"}]}`))
		}, status: 422, wants: map[string]any{"mistakes": []any{map[string]any{"code": "missing_entry_step", "message": "Entry step is required"}}}},
		{
			name: "conflict", fail: func(srv *orchestratest.Server) { srv.Fail("Agents.Run", orchestratest.Status(409, `{"error":"busy"}`)) }, status: 409,
			wants: map[string]any{"detail": "busy"},
		},
		{
			name: "a run that failed, in a 200", fail: func(srv *orchestratest.Server) {
				srv.Fail("Agents.Run", orchestratest.Status(200, `{"runId":"arun_7","status":"failed","output":null,"diagnostic":{"why":"no model"}}`))
			}, status: 502, wants: map[string]any{"title": "The run failed", "detail": "no model", "run": "arun_7", "outcomeUnknown": nil},
		},
		{
			name: "a run without a status that has a diagnostic", fail: func(srv *orchestratest.Server) {
				srv.Fail("Agents.Run", orchestratest.Status(200, `{"runId":"arun_7","diagnostic":{"title":"No model"}}`))
			}, status: 502, wants: map[string]any{"title": "The run failed", "detail": "No model"},
		},
		{
			name: "a run that names itself in its failure", fail: func(srv *orchestratest.Server) {
				srv.Fail("Agents.Run", orchestratest.Status(500, `{"error":"failed","runId":"arun_7"}`))
			}, status: 502, wants: map[string]any{"outcomeUnknown": true, "run": "arun_7"},
		},
		{name: "unknown agent", path: "/organizations/{organization}/agents/agt_1/runs", status: 404},
		{name: "unknown run", path: "/organizations/{organization}/agent-runs/arun_1", status: 404},
		{
			name: "unknown organization", path: "/organizations/org_1/agents/agt_1/runs", status: 404,
			wants: map[string]any{"title": "There is no such organization"},
		},
		{name: "no such id", path: "/organizations/{organization}/agents/%2E%2E/runs", status: 400},
		{
			name: "not JSON", body: "name=Ada", status: 400,
			wants: map[string]any{"detail": "body must be one JSON object with the documented members"},
		},
		{name: "an unknown member", body: `{"variable":{"name":"Ada"}}`, status: 400},
		{name: "something after the object", body: `{"variables":{}}}`, status: 400},
		{name: "two objects", body: `{"variables":{}} {}`, status: 400},
		{
			name: "a large body", body: `{"variables":{"text":"` + strings.Repeat("x", 1<<20) + `"}}`, status: 413,
			wants: map[string]any{"detail": "A body may have 1048576 bytes."},
		},
		{
			name: "our own token", fail: func(srv *orchestratest.Server) { srv.Expire(srv.AccessToken) }, status: 502,
			wants: map[string]any{"title": "The platform failed", "detail": nil},
		},
		{name: "a proxy's 404", fail: func(srv *orchestratest.Server) { srv.Fail("Agents.Run", orchestratest.HTML(404)) }, status: 502},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newService(t)
			if row.fail != nil {
				row.fail(s.emulator)
			}
			method, path, body := "POST", row.path, row.body
			if path == "" {
				path = s.runs()
			}
			if strings.Contains(path, "agent-runs") {
				method = "GET"
			}
			if body == "" {
				body = "{}"
			}
			in := strings.NewReplacer("{organization}", s.emulator.OrganizationID)
			resp, problem := s.ask(method, in.Replace(path), body)
			assert.Equal(t, row.status, resp.StatusCode, problem)
			for name, want := range row.wants {
				if text, ok := want.(string); ok {
					want = in.Replace(text)
				}
				assert.Equal(t, want, problem[name], name)
			}
			for name, want := range row.header {
				assert.Equal(t, want, resp.Header.Get(name))
			}
			assert.LessOrEqual(t, len(s.emulator.Requests("Agents.Run")), 1, "an execution is not retried")
		})
	}
}

// A run is done, for the caller, only if it shows that it has succeeded.
func TestRunsOfOtherStatuses(t *testing.T) {
	for members, want := range map[string]int{
		`"status":"completed"`: 200, `"output":"Hi"`: 200,
		`"status":"running"`: 202, `"status":"in_progress","output":"half"`: 202, `"status":"aborted"`: 202, `"output":null`: 202, `"output":""`: 202,
	} {
		s := newService(t)
		s.emulator.Fail("Agents.Run", orchestratest.Status(200, `{"runId":"arun_7",`+members+`}`))
		resp, _ := s.ask("POST", s.runs(), "{}")
		assert.Equal(t, want, resp.StatusCode, members)
	}
}

func TestTimeouts(t *testing.T) {
	p := problemOf(&promptorchestra.TransportError{OutcomeUnknown: true, Err: context.DeadlineExceeded})
	assert.Equal(t, 504, p.Status)
	assert.True(t, p.OutcomeUnknown)
	p = problemOf(&promptorchestra.APIError{StatusCode: 503, CallInfo: promptorchestra.CallInfo{Idempotent: true}})
	assert.Equal(t, 503, p.Status)
	assert.Equal(t, 5*time.Second, p.retryAfter)
	assert.Equal(t, 502, problemOf(errors.New("bug")).Status)
}

// A request in progress gets its response before the service stops.
func TestGracefulStop(t *testing.T) {
	emulator := orchestratest.NewServer()
	defer emulator.Close()
	exampletest.Live(t, map[string]string{"BASE_URL": emulator.URL, "ACCESS_TOKEN": emulator.AccessToken})
	agent, err := setup.Agent(t.Context(), emulator.Client())
	require.NoError(t, err)

	t.Setenv("ADDR", "127.0.0.1:0")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	read, write := io.Pipe()
	stopped := make(chan error, 1)
	go func() {
		stopped <- run(ctx, write)
		write.Close()
	}()
	lines := bufio.NewScanner(read)
	require.True(t, lines.Scan())
	var first struct{ Addr string }
	require.NoError(t, json.Unmarshal(lines.Bytes(), &first))
	go func() {
		for lines.Scan() { // the log goes on
		}
	}()

	emulator.Fail("Agents.Run", orchestratest.Delay(300*time.Millisecond))
	status := make(chan int, 1)
	go func() {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
			"http://"+first.Addr+"/organizations/"+emulator.OrganizationID+"/agents/"+agent+"/runs", strings.NewReader("{}"))
		if err != nil {
			status <- 0
			return
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			status <- 0
			return
		}
		resp.Body.Close()
		status <- resp.StatusCode
	}()
	require.Eventually(t, func() bool { return len(emulator.Requests("Agents.Run")) == 1 }, 5*time.Second, time.Millisecond)
	stop()
	assert.Contains(t, []int{200, 202}, <-status)
	assert.NoError(t, <-stopped)
}

func TestOnTheEmulator(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	t.Setenv("ADDR", "127.0.0.1:0")
	require.ErrorIs(t, run(ctx, io.Discard), context.Canceled, "stopped before it began")
	t.Setenv("ADDR", "256.0.0.1:0")
	assert.ErrorContains(t, run(t.Context(), io.Discard), "listening")
}
