package orchestratest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzServer sends anything: the server must not panic, and a 500 must be a recorded execution that
// failed. The seeds are the SDK's own requests, one for each route at least, and some odd ones.
func FuzzServer(f *testing.F) {
	w := newWorld(f)
	for _, c := range routeTests {
		_, _ = c.call(f.Context(), w) // some refuse what others did; their requests are as good
	}
	for _, r := range w.srv.Requests("*") {
		f.Add(r.Method, r.Path, r.Query.Encode(), r.Body)
	}
	org := `{"organizationId":"` + w.srv.OrganizationID + `"`
	for _, odd := range []string{
		"}", "", `,"variables":null}`, `,"steps":[null],"transitions":[null]}`, `,"steps":{},"transitions":1}`, `,"prompts":[{"promptId":0}]}`,
		`,"config":"","capability":{"category":1}}`, `,"versionId":"` + w.id("promptV1") + `"}`, `,"name":"\ud800"}`, `,"variables":{"a":1e999}}`,
	} {
		f.Add("POST", w.fill("/api/skills/$skill/run"), "", []byte(org+odd))
		f.Add("POST", w.fill("/api/agent-versions/$agentV3/workflow/validate"), "", []byte(org+odd))
		f.Add("POST", w.fill("/api/skill-versions/$skillV2/prompts"), "", []byte(org+odd))
		f.Add("PATCH", w.fill("/api/tools/$tool"), "", []byte(org+odd))
	}
	f.Add("GET", "/api/agents/%00", "organizationId=%ff&organizationId=", []byte(nil))
	f.Add("HEAD", "/api/agents/..%2f", ";", []byte("{"))

	client := sender(f)
	f.Fuzz(func(t *testing.T, method, path, query string, body []byte) {
		survives(t, client, w, method, path, query, body)
	})
}

// Each member of each body, also inside lists, of every odd type: the answer may be anything but a
// dropped connection or a failure of the server's own.
func TestOddMembers(t *testing.T) {
	w := newWorld(t)
	client := sender(t)
	for _, c := range routeTests {
		_, err := c.call(t.Context(), w)
		_ = err // as above
		sent := w.srv.Requests(c.op)
		r := sent[len(sent)-1]
		survives(t, client, w, r.Method, r.Path, "", r.Body)
		if r.Method == http.MethodGet {
			continue
		}
		var body any
		require.NoError(t, json.Unmarshal(r.Body, &body))
		eachMember(body, func(object map[string]any, name string) {
			for _, odd := range []any{nil, -1.5, "", "x", []any{nil}, map[string]any{}} {
				was := object[name]
				object[name] = odd
				encoded, err := json.Marshal(body)
				require.NoError(t, err)
				survives(t, client, w, r.Method, r.Path, "", encoded)
				object[name] = was
			}
		})
	}
}

// eachMember visits the members of objects in a JSON value.
func eachMember(value any, visit func(object map[string]any, name string)) {
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			eachMember(element, visit)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			visit(value, name)
			eachMember(value[name], visit)
		}
	}
}

func sender(t testing.TB) *http.Client {
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// survives sends a request and checks that the server answers it as one.
func survives(t *testing.T, client *http.Client, w *world, method, path, query string, body []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, w.srv.URL+"/"+strings.TrimPrefix(path, "/")+"?"+query, bytes.NewReader(body))
	if err != nil || method == http.MethodConnect {
		return // net/http does not send it
	}
	request.Header.Set("Authorization", "Bearer "+w.srv.AccessToken)
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	require.NoError(t, err, "%s %s %s", method, path, body)
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	if response.Header.Get("X-Request-Id") == "" {
		require.Equal(t, http.StatusBadRequest, response.StatusCode, "only net/http itself answers without an id: %s", answer)
		return
	}
	require.True(t, method == http.MethodHead || json.Valid(answer), "%s %s %s: %s", method, path, body, answer)
	if response.StatusCode >= http.StatusInternalServerError {
		require.Regexp(t, `"code":"execution_failed"|"error":"failed"`, string(answer), "%s %s %s", method, path, body)
	}
}
