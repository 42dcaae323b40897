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
		"host and port":      {[]string{host}, object{"url": hook.URL + "/a"}, object{"sky": "blue"}, "", `POST /a {"city":"Rome"}`},
		"host alone":         {[]string{"127.0.0.1"}, object{"url": hook.URL + "/a", "method": "put"}, object{"sky": "blue"}, "", `PUT /a {"city":"Rome"}`},
		"GET has no body":    {[]string{host}, object{"url": hook.URL + "/a", "method": "GET"}, object{"sky": "blue"}, "", "GET /a "},
		"a text":             {[]string{host}, object{"url": hook.URL + "/text"}, "plain", "", `POST /text {"city":"Rome"}`},
		"its own allowlist":  {[]string{host}, object{"url": hook.URL + "/a", "allowlist": []string{"127.0.0.1"}}, object{"sky": "blue"}, "", `POST /a {"city":"Rome"}`},
		"not on its list":    {[]string{host}, object{"url": hook.URL + "/a", "allowlist": []string{"example.com"}}, nil, "is not in the tool's allowlist", ""},
		"an empty list":      {[]string{host}, object{"url": hook.URL + "/a", "allowlist": []string{}}, nil, "is not in the tool's allowlist", ""},
		"no host is allowed": {nil, object{"url": hook.URL + "/a"}, nil, "may not be called from here", ""},
		"another is allowed": {[]string{"example.com"}, object{"url": hook.URL + "/a"}, nil, "may not be called from here", ""},
		"no url":             {[]string{host}, object{}, nil, "no valid url", ""},
		"an odd url":         {[]string{host}, object{"url": "http://[::1"}, nil, "no valid url", ""},
		"an odd method":      {[]string{host}, object{"url": hook.URL, "method": "A B"}, nil, "make the request", ""},
		"an odd scheme":      {[]string{host}, object{"url": "ftp://" + host}, nil, "unsupported protocol scheme", ""},
		"a failure":          {[]string{host}, object{"url": hook.URL + "/fail"}, nil, "the tool answered 418", `POST /fail {"city":"Rome"}`},
		"a redirect":         {[]string{host}, object{"url": hook.URL + "/away"}, nil, "the tool answered 302", `POST /away {"city":"Rome"}`},
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
