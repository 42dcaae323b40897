package orchestratest_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// Whatever a program sends by mistake, nothing shows it: not the recorded requests, in Go or by the
// control API, and not their responses.
func TestForeignCredentialsAreShownNowhere(t *testing.T) {
	a := start(t, orchestratest.WithControl())
	secrets := map[string]func(r *http.Request, secret string){
		"a JWT":            func(r *http.Request, s string) { r.Header.Set("Authorization", "Bearer "+s) },
		"a lower scheme":   func(r *http.Request, s string) { r.Header.Set("Authorization", "bearer   "+s) },
		"no scheme":        func(r *http.Request, s string) { r.Header.Set("Authorization", s) },
		"a password":       func(r *http.Request, s string) { r.SetBasicAuth("ada", s) },
		"a key":            func(r *http.Request, s string) { r.Header.Set("X-Api-Key", s) },
		"a gateway's key":  func(r *http.Request, s string) { r.Header.Set("Ocp-Apim-Subscription-Key", s) },
		"a function's key": func(r *http.Request, s string) { r.URL.RawQuery += "&functions-key=" + s },
		"a cookie":         func(r *http.Request, s string) { r.Header.Set("Cookie", "theme=dark; session="+s) },
		"a proxy's":        func(r *http.Request, s string) { r.Header.Set("Proxy-Authorization", "Basic "+s) },
		"twice":            func(r *http.Request, s string) { r.Header.Set("Authorization", "Bearer "+s); r.URL.Path += s },
		"in the query":     func(r *http.Request, s string) { r.URL.RawQuery += "&access_token=" + s },
		"a JWT in a name":  func(r *http.Request, s string) { r.URL.RawQuery += "&q=eyJhbGciOiJ9." + s + ".x" },
		"in a body":        func(r *http.Request, s string) { r.Body = io.NopCloser(strings.NewReader(`{"k":"sk_` + s + `"}`)) },
		"in another field": func(r *http.Request, s string) { r.Header.Set("X-Debug", "sent Bearer "+s+s) },
	}
	for name, put := range secrets {
		t.Run(name, func(t *testing.T) {
			secret := "hunter2hunter2" + fmt.Sprint(len(name))
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.srv.URL+"/api/agents/", strings.NewReader("{}"))
			require.NoError(t, err)
			request.ContentLength = -1
			put(request, secret)
			response, err := a.http.Do(request)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			all := a.srv.Requests("*")
			shown := fmt.Sprintf("%+v %s %s", all[len(all)-1], all[len(all)-1].Body, all[len(all)-1].Response)
			assert.NotContains(t, shown, secret)
			assert.Contains(t, shown, "[redacted]")
			_, listed := a.control("GET", "/requests", "")
			assert.NotContains(t, fmt.Sprint(listed), secret)
		})
	}
}

// Runs hold what programs sent, and a mistake is named in the words of the order.
func TestControlShowsNoForeignCredentials(t *testing.T) {
	a := start(t, orchestratest.WithControl())
	const secret = "sk_live_hunter2hunter2"
	a.ok("POST", "/api/prompts/"+a.srv.PublishPrompt("Use {{key}}")+"/run", object{"variables": object{"key": secret, "own": a.srv.APIKey}})
	for _, path := range []string{"/runs", "/overview"} {
		shown := fmt.Sprint(a.order("GET", path, ""))
		assert.NotContains(t, shown, secret, path)
		assert.Contains(t, shown, a.srv.APIKey, path)
	}
	status, rejected := a.control("POST", "/failures", `{"id":"`+secret+`","message":"down"}`)
	assert.Equal(t, http.StatusBadRequest, status)
	assert.NotContains(t, fmt.Sprint(rejected), secret)
}

// The server's own credentials are what tests look for.
func TestOwnCredentialsAreShown(t *testing.T) {
	a := start(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.srv.URL+"/api/none", nil)
	require.NoError(t, err)
	request.Header.Set("Idempotency-Key", "job-1-of-2026")
	response, err := a.http.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, "job-1-of-2026", a.srv.Requests("*")[0].Header.Get("Idempotency-Key"), "it is no credential")

	made := a.ok("POST", "/api/service-keys", object{"name": "ci", "preset": "runtime_default", "note": "Bearer " + a.token})
	sent := a.srv.Requests("ServiceKeys.Create")[0]
	assert.Equal(t, "Bearer "+a.token, sent.Header.Get("Authorization"))
	assert.Contains(t, string(sent.Body), a.token)
	assert.Contains(t, string(sent.Response), made["key"])
	assert.Positive(t, sent.Duration)
}

// Only a page whose name was made to lead here has another Host.
func TestHosts(t *testing.T) {
	a := start(t, orchestratest.WithControl(), orchestratest.WithHostNames("emulator", "Neighbour.test"))
	port := a.srv.URL[strings.LastIndex(a.srv.URL, ":"):]
	for host, want := range map[string]int{
		"127.0.0.1" + port: 200, "localhost" + port: 200, "LOCALHOST": 200, "localhost." + port: 200, "[::1]" + port: 200, "127.8.8.8": 200,
		"emulator:80": 200, "EMULATOR": 200, "neighbour.test": 200,
		"evil.example": 403, "evil.example" + port: 403, "0.0.0.0" + port: 403, "10.0.0.1": 403, "localhost.evil.example": 403,
		"127.0.0.1.evil.example": 403, "emulator.evil.example": 403, "[::]": 403, "[fe80::1]": 403,
	} {
		for _, path := range []string{"/api/prompts?organizationId=" + a.org, "/control/requests"} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.srv.URL+path, nil)
			require.NoError(t, err)
			request.Host = host
			request.Header.Set("Authorization", "Bearer "+a.token)
			response, err := a.http.Do(request)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			assert.Equal(t, want, response.StatusCode, "%s %s", host, path)
		}
	}
	assert.Len(t, a.srv.Requests("*"), 9, "rejected hosts are not recorded")
}

// No web page gives orders.
func TestControlTakesNoOrdersFromPages(t *testing.T) {
	a := start(t, orchestratest.WithControl())
	const order = `{"seats":3}`
	for name, c := range map[string]struct {
		method, contentType, body string
		header                    map[string]string
		status                    int
	}{
		"a form of a page":          {"POST", "text/plain", order, map[string]string{"Origin": "https://evil.example"}, 403},
		"a page":                    {"POST", "application/json", order, map[string]string{"Origin": "https://evil.example"}, 403},
		"a page on another port":    {"POST", "application/json", order, map[string]string{"Origin": "http://127.0.0.1:1"}, 403},
		"a page without an origin":  {"POST", "application/json", order, map[string]string{"Origin": "null"}, 403},
		"a page's image":            {"GET", "", "", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		"a page of this site":       {"GET", "", "", map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		"a page's delete":           {"DELETE", "", "", map[string]string{"Origin": "https://evil.example"}, 403},
		"a text":                    {"POST", "text/plain", order, nil, 415},
		"a form":                    {"POST", "application/x-www-form-urlencoded", order, nil, 415},
		"no type":                   {"POST", "", order, nil, 415},
		"the emulator's own page":   {"POST", "application/json; charset=utf-8", order, map[string]string{"Origin": a.srv.URL, "Sec-Fetch-Site": "same-origin"}, 200},
		"the address bar":           {"GET", "", "", map[string]string{"Sec-Fetch-Site": "none"}, 200},
		"a program":                 {"POST", "application/json", order, nil, 200},
		"an order without a body":   {"POST", "", "", nil, 200},
		"more than an order can be": {"POST", "application/json", strings.Repeat(" ", 17<<20), nil, 413},
	} {
		t.Run(name, func(t *testing.T) {
			a.srv.Lift()
			request, err := http.NewRequestWithContext(t.Context(), c.method, a.srv.URL+"/control/limits", strings.NewReader(c.body))
			require.NoError(t, err)
			for key, value := range c.header {
				request.Header.Set(key, value)
			}
			if c.contentType != "" {
				request.Header.Set("Content-Type", c.contentType)
			}
			response, err := a.http.Do(request)
			require.NoError(t, err)
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			assert.Equal(t, c.status, response.StatusCode, "%s", body)
			if c.status >= 400 {
				_, limits := a.control("GET", "/limits", "")
				assert.InDelta(t, 5, limits.(object)["seats"], 0, "nothing has changed")
			}
		})
	}
}

// What waits is bounded, whoever queues it.
func TestQueuedFaultsAreBounded(t *testing.T) {
	a := start(t, orchestratest.WithControl())
	a.srv.Fail("*", slices.Repeat([]orchestratest.Fault{orchestratest.Status(500, strings.Repeat("x", 15<<20))}, 4)...)
	fault := `{"op":"*","faults":[{"fault":"status","code":500,"body":"` + strings.Repeat("x", 5<<20) + `"}]}`
	status, _ := a.control("POST", "/faults", fault)
	assert.Equal(t, 413, status)
	assert.Equal(t, map[string]int{"*": 4}, a.srv.PendingFaults())
	a.statusOnly(500, "GET", "/api/agents") // takes one
	status, _ = a.control("POST", "/faults", fault)
	assert.Equal(t, 200, status, "there is room again")

	other := orchestratest.NewUnlistened()
	defer other.Close()
	other.Fail("*", make([]orchestratest.Fault, 10_000)...)
	require.NoError(t, other.Err())
	other.Fail("*", orchestratest.DropAfter())
	require.ErrorContains(t, other.Err(), "more than 10,000 faults or 64 MiB of them cannot wait")
}

// statusOnly asks and does not read the body as JSON.
func (a *api) statusOnly(status int, method, path string) {
	a.t.Helper()
	response, _, err := a.send(method, path, nil)
	require.NoError(a.t, err)
	require.Equal(a.t, status, response.StatusCode)
}
