package orchestratest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// Http tools are called only where the test and the tool allow it.
func TestHTTPTools(t *testing.T) {
	var received string
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		received = r.Method + " " + r.URL.Path + " " + string(body)
		switch r.URL.Path {
		case "/fail":
			w.WriteHeader(http.StatusTeapot)
		case "/away":
			http.Redirect(w, r, "http://example.com/", http.StatusFound)
		case "/text":
			_, _ = w.Write([]byte("plain"))
		default:
			_, _ = w.Write([]byte(`{"sky":"blue"}`))
		}
	}))
	defer hook.Close()
	host := strings.TrimPrefix(hook.URL, "http://")

	for name, c := range map[string]struct {
		allowed  []string
		config   object
		output   any
		failure  string
		received string
	}{
		"host and port":      {allowed: []string{host}, config: object{"url": hook.URL + "/a"}, output: object{"sky": "blue"}, failure: "", received: `POST /a {"city":"Rome"}`},
		"host alone":         {allowed: []string{"127.0.0.1"}, config: object{"url": hook.URL + "/a", "method": "put"}, output: object{"sky": "blue"}, failure: "", received: `PUT /a {"city":"Rome"}`},
		"GET has no body":    {allowed: []string{host}, config: object{"url": hook.URL + "/a", "method": "GET"}, output: object{"sky": "blue"}, failure: "", received: "GET /a "},
		"a text":             {allowed: []string{host}, config: object{"url": hook.URL + "/text"}, output: "plain", failure: "", received: `POST /text {"city":"Rome"}`},
		"its own allowlist":  {allowed: []string{host}, config: object{"url": hook.URL + "/a", "allowlist": []string{"127.0.0.1"}}, output: object{"sky": "blue"}, failure: "", received: `POST /a {"city":"Rome"}`},
		"not on its list":    {allowed: []string{host}, config: object{"url": hook.URL + "/a", "allowlist": []string{"example.com"}}, output: nil, failure: "is not in the tool's allowlist", received: ""},
		"an empty list":      {allowed: []string{host}, config: object{"url": hook.URL + "/a", "allowlist": []string{}}, output: nil, failure: "is not in the tool's allowlist", received: ""},
		"no host is allowed": {allowed: nil, config: object{"url": hook.URL + "/a"}, output: nil, failure: "may not be called from here", received: ""},
		"another is allowed": {allowed: []string{"example.com"}, config: object{"url": hook.URL + "/a"}, output: nil, failure: "may not be called from here", received: ""},
		"no url":             {allowed: []string{host}, config: object{}, output: nil, failure: "no valid url", received: ""},
		"an odd url":         {allowed: []string{host}, config: object{"url": "http://[::1"}, output: nil, failure: "no valid url", received: ""},
		"an odd method":      {allowed: []string{host}, config: object{"url": hook.URL, "method": "A B"}, output: nil, failure: "make the request", received: ""},
		"an odd scheme":      {allowed: []string{host}, config: object{"url": "ftp://" + host}, output: nil, failure: "unsupported protocol scheme", received: ""},
		"a failure":          {allowed: []string{host}, config: object{"url": hook.URL + "/fail"}, output: nil, failure: "the tool responded with 418", received: `POST /fail {"city":"Rome"}`},
		"a redirect":         {allowed: []string{host}, config: object{"url": hook.URL + "/away"}, output: nil, failure: "the tool responded with 302", received: `POST /away {"city":"Rome"}`},
	} {
		t.Run(name, func(t *testing.T) {
			received = ""
			a := start(t, orchestratest.WithAllowedHosts(c.allowed...))
			toolID := a.create("/api/tools", object{"toolKey": "hook", "name": "Hook", "type": "http", "config": c.config, "inputSchema": object{}})
			promptID := a.create("/api/prompts", object{"name": "Ask"})
			versionID := a.create("/api/prompts/"+promptID+"/versions", object{"content": "x"})
			a.ok("POST", "/api/prompt-versions/"+versionID+"/tools", object{"toolId": toolID})
			a.ok("POST", "/api/prompts/"+promptID+"/publish", object{"versionId": versionID})

			status, body := a.ask("POST", "/api/prompts/"+promptID+"/run", object{"variables": object{"city": "Rome"}})
			assert.Equal(t, c.received, received)
			runs := a.list("/api/runs")
			require.Len(t, runs, 1)
			first := a.ok("GET", "/api/runs/"+runs[0].(object)["id"].(string), nil)["steps"].([]any)[0].(object)
			if c.failure == "" {
				assert.Equal(t, 200, status)
				assert.Equal(t, c.output, first["output"])
				return
			}
			assert.Equal(t, 500, status)
			assert.Contains(t, body.(object)["message"], c.failure)
			assert.Contains(t, first["error"], c.failure)
		})
	}
}
