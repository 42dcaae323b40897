package orchestratest_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// What internal/pagetest sees in a browser is not tested here.

// browse gets / as a browser does, and returns the response with its body.
func (a *api) browse(method string, header map[string]string) (*http.Response, string) {
	a.t.Helper()
	request, err := http.NewRequestWithContext(a.t.Context(), method, a.srv.URL+"/", nil)
	require.NoError(a.t, err)
	for name, value := range header {
		request.Header.Set(name, value)
		if name == "Host" {
			request.Host = value
		}
	}
	response, err := a.http.Do(request)
	require.NoError(a.t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(a.t, err)
	return response, string(body)
}

func TestPageIsOneFileThatLoadsNothing(t *testing.T) {
	a := start(t, orchestratest.WithControl())
	response, body := a.browse(http.MethodGet, nil)
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.Equal(t, "text/html; charset=utf-8", response.Header.Get("Content-Type"))
	assert.LessOrEqual(t, strings.Count(body, "\n"), 500)
	policy := response.Header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'sha256-", "style-src 'sha256-", "connect-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"} {
		assert.Contains(t, policy, part)
	}
	assert.NotContains(t, policy, "unsafe")
	for _, other := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "src=\"", "@import", "https://"} {
		assert.NotContains(t, body, other)
	}
	response, body = a.browse(http.MethodHead, nil)
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.Empty(t, body)
	assert.Empty(t, a.srv.Requests("*"), "the page is no request of a client")
}

// The rules of the control API are those of the page.
func TestPageIsForThisHostAlone(t *testing.T) {
	a := start(t, orchestratest.WithControl())
	for name, header := range map[string]map[string]string{
		"another host":    {"Host": "evil.example"},
		"another origin":  {"Origin": "https://evil.example"},
		"a foreign frame": {"Sec-Fetch-Site": "cross-site"},
	} {
		response, body := a.browse(http.MethodGet, header)
		assert.Equal(t, http.StatusForbidden, response.StatusCode, name)
		assert.NotContains(t, body, "<script", name)
	}
	response, _ := a.browse(http.MethodGet, map[string]string{"Sec-Fetch-Site": "none"})
	assert.Equal(t, http.StatusOK, response.StatusCode)
	response, _ = a.browse(http.MethodPost, nil)
	assert.Equal(t, http.StatusNotFound, response.StatusCode)

	response, _ = start(t).browse(http.MethodGet, nil)
	assert.Equal(t, http.StatusNotFound, response.StatusCode, "it is off by default")
}

func TestOverview(t *testing.T) {
	var log bytes.Buffer
	a := start(t, orchestratest.WithControl(), orchestratest.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	promptID := a.srv.PublishPrompt("Hello {{name}}")
	a.ok("POST", "/api/prompts/"+promptID+"/run", object{"variables": object{"name": "Ada"}})
	a.srv.Fail("Agents.Run", orchestratest.DropAfter(), orchestratest.CutBody(7), orchestratest.SlowBody(time.Second), orchestratest.Fault{})
	a.srv.Fail("*", orchestratest.Status(503, "down"), orchestratest.HTML(502).WithDelay(time.Minute), orchestratest.RateLimited(time.Second),
		orchestratest.NoSeats(), orchestratest.NoFeature("voice"), orchestratest.DropBefore(), orchestratest.Delay(2*time.Second))
	before := log.Len()
	seen := a.order("GET", "/overview", "")
	assert.Equal(t, before, log.Len(), "what the page asks again and again is not logged")

	var queued []string
	for _, q := range seen["queued"].([]any) {
		queued = append(queued, q.(object)["op"].(string)+": "+q.(object)["fault"].(string))
	}
	assert.Equal(t, []string{
		"*: status 503", "*: status 502, after 1m0s", "*: rateLimited, 1 s", "*: noSeats", "*: noFeature, voice", "*: dropBefore", "*: delay, after 2s",
		"Agents.Run: dropAfter", "Agents.Run: cutBody, 7 bytes", "Agents.Run: slowBody, 1s", "Agents.Run: no fault",
	}, queued)
	assert.Equal(t, "ok", seen["status"])
	assert.Equal(t, a.order("GET", "/limits", ""), seen["limits"])
	assert.Equal(t, a.order("GET", "/organizations", "")["organizations"], seen["organizations"])
	assert.Equal(t, a.order("GET", "/runs", "")["runs"], seen["runs"])
	assert.Equal(t, a.order("GET", "/requests", "")["requests"], seen["requests"])
	assert.Len(t, seen["calls"], 56)
}

// However much arrives, the page asks for no more than it shows.
func TestOverviewIsBounded(t *testing.T) {
	a := start(t, orchestratest.WithControl())
	promptID := a.srv.PublishPrompt("{{text}}")
	long := strings.Repeat("ä", 200_000)
	a.ok("POST", "/api/prompts/"+promptID+"/run", object{"variables": object{"text": long}})
	for range 120 {
		a.list("/api/agents")
	}
	a.ok("POST", "/api/prompts/"+promptID+"/run", object{"variables": object{"text": long}})
	a.srv.Fail("*", make([]orchestratest.Fault, 150)...)
	seen := a.order("GET", "/overview", "")
	assert.Len(t, seen["requests"], 100)
	assert.Len(t, seen["queued"], 100)
	newest := seen["requests"].([]any)[0].(object)
	assert.Equal(t, "Prompts.Run", newest["op"])
	assert.Less(t, len(newest["body"].(string)), 8<<10+1)
	assert.Contains(t, newest["body"], "äää")
	assert.Equal(t, "too long to be shown here", seen["runs"].([]any)[0].(object)["output"])
}
