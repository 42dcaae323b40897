package orchestratest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// documented is a route of testdata/routes.json.
type documented struct {
	Name, Method, Path, Auth, Scope string
	PublicContract                  bool
	Body, Query                     []string
}

// bodyValues are values that fit, by the name of a member; those of "Prompts.Publish versionId" come
// before those of "versionId".
var bodyValues = map[string]any{
	"name": "New", "description": "d", "skillKey": "new", "toolKey": "new", "promptKey": "new", "type": "manual_stub", "preset": "runtime_default",
	"config": object{}, "inputSchema": object{}, "outputSchema": object{}, "variablesSchema": object{}, "capability": object{"category": "data"},
	"variables": object{}, "input": object{}, "steps": []any{}, "transitions": []any{}, "prompts": []any{}, "tools": []any{},
	"stepKey": "greet", "entryStepKey": "greet", "content": "c", "systemPrompt": "s", "developerPrompt": "d", "temperature": 0.5,
	"defaultSection": "examples", "defaultModel": "gpt-4.1", "modelKey": "gpt-4.1", "label": "l", "voice": "alloy", "handoffDescription": "h",
	"Prompts.Publish versionId": "$promptV2", "Agents.Publish versionId": "$agentV3", "Agents.Run versionId": "$agentV1",
	"Skills.Publish versionId": "$skillV2", "skillVersionId": "$skillV1", "draftVersionId": "$skillV2", "promptVersionId": "$promptV1",
	"toolId": "$tool", "leftRunId": "$agentRun1", "rightRunId": "$agentRun2", "againstVersionId": "",
}

// ofAnyType are members for which no type is documented.
var ofAnyType = map[string]bool{"expected": true, "responseFormat": true}

// pathValues are the ids in paths.
var pathValues = map[string]string{
	"agentId": "agent", "agentVersionId": "agentV3", "promptId": "prompt", "promptVersionId": "promptV2", "skillId": "skill",
	"skillVersionId": "skillV2", "toolId": "tool", "evaluationRunId": "evaluation",
	"agents versionId": "agentV1", "skills versionId": "skillV2", "tools versionId": "toolV2",
	"agent-runs runId": "agentRun1", "runs runId": "run", "skill-runs runId": "skillRun", "realtime-sessions runId": "session",
}

// attempt is one request for a route, right but for what a case changes.
type attempt struct {
	w           *world
	r           documented
	token       string
	org         string
	unknown     string // the path parameter to fill with an unknown id
	body        object
	query       url.Values
	withoutFlag bool // publicContract is left out
}

func (w *world) attempt(r documented) *attempt {
	a := &attempt{w: w, r: r, token: w.srv.AccessToken, org: w.srv.OrganizationID, body: object{}, query: url.Values{}}
	for _, member := range r.Body {
		if name, optional := strings.CutSuffix(member, "?"); !optional {
			a.body[name] = w.value(r, name)
		}
	}
	for _, member := range r.Query {
		if name, optional := strings.CutSuffix(member, "?"); !optional {
			a.query.Set(name, w.value(r, name).(string))
		}
	}
	if r.Name == "Agents.DiffVersion" {
		a.query.Set("againstVersionId", w.id("agentV2"))
	}
	return a
}

func (w *world) value(r documented, name string) any {
	value, own := bodyValues[r.Name+" "+name]
	if !own {
		value = bodyValues[name]
	}
	if text, isText := value.(string); isText {
		return w.fill(text)
	}
	return value
}

// send returns the status and the body.
func (a *attempt) send(t *testing.T) (int, string) {
	t.Helper()
	segments := strings.Split(a.r.Path, "/")
	for i, segment := range segments {
		name := strings.Trim(segment, "{}")
		id, own := pathValues[segments[2]+" "+name]
		if !own {
			id = pathValues[name]
		}
		switch {
		case name == segment:
		case name == a.unknown:
			segments[i] = "none"
		default:
			segments[i] = a.w.id(id)
		}
	}
	query, body := a.query, ""
	if a.r.PublicContract && !a.withoutFlag {
		query.Set("publicContract", "1")
	}
	if a.r.Method == http.MethodGet {
		query.Set("organizationId", a.org)
	} else {
		sent := object{"organizationId": a.org}
		for name, value := range a.body {
			sent[name] = value
		}
		encoded, err := json.Marshal(sent)
		require.NoError(t, err)
		body = string(encoded)
	}
	address := a.w.srv.URL + strings.Join(segments, "/") + "?" + query.Encode()
	request, err := http.NewRequestWithContext(t.Context(), a.r.Method, address, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+a.token)
	response, err := a.w.srv.Transport().RoundTrip(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text)
}

// Every documented route rejects what it must, in its own words, and takes what is right.
func TestEveryRouteAgainstItsContract(t *testing.T) {
	file, err := os.ReadFile("../testdata/routes.json")
	require.NoError(t, err)
	var contract struct{ Routes []documented }
	require.NoError(t, json.Unmarshal(file, &contract))
	require.Len(t, contract.Routes, 56)
	for _, r := range contract.Routes {
		t.Run(r.Name, func(t *testing.T) {
			w := newWorld(t)
			rejects := func(what string, status int, says string, change func(*attempt)) {
				t.Helper()
				a := w.attempt(r)
				change(a)
				got, body := a.send(t)
				assert.Equal(t, status, got, "%s: %s", what, body)
				assert.Contains(t, body, says, what)
			}
			rejects("a bad token", 401, "AUTH_INVALID_TOKEN", func(a *attempt) { a.token = "eyJ.none" })
			rejects("no organization", 400, "organizationId is required", func(a *attempt) { a.org = "" })
			foreign := w.srv.AddOrganization("Other")
			rejects("a foreign organization", 403, "AUTH_ORG_MISMATCH", func(a *attempt) { a.token = foreign.AccessToken })
			rejects("an unknown organization", 403, "AUTH_ORG_MISMATCH", func(a *attempt) { a.org = "org_none" })
			if r.Auth == "user" {
				rejects("a key", 403, "AUTH_MODE_INVALID", func(a *attempt) { a.token = w.srv.APIKey })
			}
			if r.Scope != "" {
				for _, scope := range []string{"agents:read", "skills:write", "runs:read", "evaluations:read"} {
					if scope != r.Scope {
						rejects("another scope", 403, "AUTH_SCOPE_MISSING", func(a *attempt) { a.token = w.srv.IssueKey(a.org, scope) })
					}
				}
			}
			if r.PublicContract {
				rejects("no publicContract", 400, "publicContract", func(a *attempt) { a.withoutFlag = true })
			}
			for segment := range strings.SplitSeq(r.Path, "/") {
				if name := strings.Trim(segment, "{}"); name != segment {
					rejects("unknown "+name, 404, "none", func(a *attempt) { a.unknown = name })
				}
			}
			for _, member := range append(r.Body, r.Query...) {
				name, optional := strings.CutSuffix(member, "?")
				if !optional {
					rejects("without "+name, 400, name, func(a *attempt) { delete(a.body, name); a.query.Del(name) })
				}
			}
			for _, member := range r.Body {
				if name := strings.TrimSuffix(member, "?"); !ofAnyType[name] {
					for _, wrong := range wrongTypes(w.value(r, name)) {
						rejects("wrong "+name, 400, name, func(a *attempt) { a.body[name] = wrong })
					}
				}
			}
			right := w.attempt(r)
			if r.Name == "Prompts.CreateVersion" {
				right.body["content"] = "Hi" // one of three is required
			}
			status, body := right.send(t)
			assert.Less(t, status, 300, "what is right: %s", body)
		})
	}
}

// wrongTypes are values of other types than one that fits.
func wrongTypes(fits any) []any {
	switch fits.(type) {
	case string:
		return []any{7, object{}, []any{}, true}
	case float64:
		return []any{"7", object{}}
	case []any:
		return []any{"x", object{}, 7, []any{"x"}}
	default:
		return []any{"x", []any{}, 7}
	}
}
