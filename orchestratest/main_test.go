package orchestratest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// api calls a server with nothing but net/http, so that these tests do not depend on the client
// they are meant to serve.
type api struct {
	t     *testing.T
	srv   *orchestratest.Server
	org   string
	token string
	http  *http.Client
}

// object is a JSON object.
type object = map[string]any

func start(t *testing.T, opts ...orchestratest.Option) *api {
	t.Helper()
	srv := orchestratest.NewServer(opts...)
	t.Cleanup(func() {
		srv.Close()
		require.NoError(t, srv.Err())
	})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	t.Cleanup(client.CloseIdleConnections)
	return &api{t, srv, srv.OrganizationID, srv.AccessToken, client}
}

// with is the same server with another credential.
func (a *api) with(token string) *api {
	other := *a
	other.token = token
	return &other
}

// send calls a path and returns the response with its body read.
func (a *api) send(method, path string, body object) (*http.Response, []byte, error) {
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	address := a.srv.URL + path + separator + "publicContract=1"
	var content io.Reader
	if method == http.MethodGet {
		address += "&organizationId=" + a.org
	} else {
		sent := object{"organizationId": a.org}
		for name, value := range body {
			sent[name] = value
		}
		encoded, err := json.Marshal(sent)
		require.NoError(a.t, err)
		content = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(a.t.Context(), method, address, content)
	require.NoError(a.t, err)
	request.Header.Set("Content-Type", "application/json")
	if a.token != "" {
		request.Header.Set("Authorization", "Bearer "+a.token)
	}
	response, err := a.http.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	received, err := io.ReadAll(response.Body)
	return response, received, err
}

// ask returns the status and the decoded body, an object or a list.
func (a *api) ask(method, path string, body object) (int, any) {
	a.t.Helper()
	response, received, err := a.send(method, path, body)
	require.NoError(a.t, err)
	var value any
	require.NoError(a.t, json.Unmarshal(received, &value), "%s %s: %s", method, path, received)
	return response.StatusCode, value
}

// ok calls a path that must succeed and returns the object it answers.
func (a *api) ok(method, path string, body object) object {
	a.t.Helper()
	status, value := a.ask(method, path, body)
	require.Less(a.t, status, 300, "%s %s: %v", method, path, value)
	answer, isObject := value.(object)
	require.True(a.t, isObject, "%s %s: %v", method, path, value)
	return answer
}

// create posts and returns the id of what was made.
func (a *api) create(path string, body object) string {
	a.t.Helper()
	id, _ := a.ok(http.MethodPost, path, body)["id"].(string)
	require.NotEmpty(a.t, id)
	return id
}

// list gets a path that answers a plain array.
func (a *api) list(path string) []any {
	a.t.Helper()
	status, value := a.ask(http.MethodGet, path, nil)
	require.Equal(a.t, http.StatusOK, status, "%v", value)
	elements, isList := value.([]any)
	require.True(a.t, isList, "%v", value)
	return elements
}

// rejected calls a path that must answer with a status and returns the body.
func (a *api) rejected(status int, method, path string, body object) object {
	a.t.Helper()
	got, value := a.ask(method, path, body)
	require.Equal(a.t, status, got, "%s %s: %v", method, path, value)
	answer, _ := value.(object)
	return answer
}

// publishedPrompt returns the ids of a new prompt and its published version.
func (a *api) publishedPrompt(name, content string) (promptID, versionID string) {
	a.t.Helper()
	promptID = a.create("/api/prompts", object{"name": name})
	versionID = a.create("/api/prompts/"+promptID+"/versions", object{"content": content})
	a.ok("POST", "/api/prompts/"+promptID+"/publish", object{"versionId": versionID})
	return promptID, versionID
}

// stub returns the id of a new tool that returns result.
func (a *api) stub(key string, result any) string {
	a.t.Helper()
	return a.create("/api/tools", object{
		"toolKey": key, "name": key, "type": "manual_stub", "config": object{"result": result}, "inputSchema": object{"type": "object"},
	})
}

// agent returns the ids of a new agent and a draft version with a workflow.
func (a *api) agent(workflow object) (agentID, versionID string) {
	a.t.Helper()
	agentID = a.create("/api/agents", object{"name": "Writer"})
	versionID = a.create("/api/agents/"+agentID+"/versions", nil)
	a.ok("PUT", "/api/agent-versions/"+versionID+"/workflow", workflow)
	return agentID, versionID
}

// publishedAgent returns the id of a new agent with a published workflow.
func (a *api) publishedAgent(workflow object) string {
	a.t.Helper()
	agentID, versionID := a.agent(workflow)
	a.ok("POST", "/api/agents/"+agentID+"/publish", object{"versionId": versionID})
	return agentID
}

// flow is a workflow that begins at its first step. A transition is written as "from next to".
func flow(steps []object, transitions ...string) object {
	edges := []object{}
	for _, t := range transitions {
		var from, kind, to string
		_, _ = fmt.Sscan(t, &from, &kind, &to)
		edges = append(edges, object{"fromStepKey": from, "transitionType": kind, "toStepKey": to})
	}
	return object{"entryStepKey": steps[0]["stepKey"], "steps": steps, "transitions": edges}
}

// step is a step; more are its further members in pairs.
func step(key, kind string, more ...string) object {
	s := object{"stepKey": key, "name": key, "stepType": kind, "positionIndex": 0}
	for i := 0; i+1 < len(more); i += 2 {
		s[more[i]] = more[i+1]
	}
	return s
}
