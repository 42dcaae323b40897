package promptorchestra_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

func TestRedirectsAreNotFollowed(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	_, port, _ := strings.Cut(other.URL[len("http://"):], ":")
	for name, location := range map[string]string{
		"the same host":          "/api/elsewhere",
		"another port":           other.URL + "/api/agents",
		"another host":           "http://localhost:" + port + "/api/agents",
		"no Location":            "",
		"Location without sense": "http://[::1]:namedport/%zz",
		"another scheme":         "gopher://x",
	} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			t.Run(fmt.Sprint(status, " to ", name), func(t *testing.T) {
				srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
					head := fmt.Sprintf("HTTP/1.1 %d x\r\nContent-Length: 5\r\nX-Other: kept\r\n", status)
					if location != "" {
						head += "Location: " + location + "\r\n"
					}
					_, _ = io.WriteString(r.Conn, head+"\r\nmoved")
					return true
				})
				client := apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t))
				for method, call := range map[string]apitest.Call{http.MethodGet: apitest.Get, http.MethodPost: apitest.Run} {
					var last promptorchestra.Response
					err := call(t.Context(), client, promptorchestra.WithResponse(&last))
					var e *promptorchestra.APIError
					require.ErrorAs(t, err, &e)
					assert.Equal(t, status, e.StatusCode)
					assert.Equal(t, promptorchestra.KindUnknown, e.Kind)
					assert.Equal(t, "moved", e.Message)
					assert.Equal(t, 1, srv.Count(method))
					assert.Equal(t, location, last.Header.Get("Location"), "kept for the caller")
					assert.Equal(t, "kept", last.Header.Get("X-Other"))
					assert.False(t, promptorchestra.IsRetryable(err))
				}
			})
		}
	}
	assert.Zero(t, elsewhere.Load(), "the token reached another port")
}

// The user's own http.Client does not change that, nor is it changed.
func TestRedirectsAreNotFollowedByTheUsersClient(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	srv := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer srv.Close()
	asked := 0
	own := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { asked++; return nil }}
	client := apitest.NewClientAt(t, srv.URL, promptorchestra.WithHTTPClient(own))
	require.Error(t, apitest.Get(t.Context(), client))
	require.Error(t, apitest.Run(t.Context(), client))
	assert.Zero(t, asked)
	assert.Zero(t, elsewhere.Load())
	assert.Nil(t, own.Transport)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, nil)
	require.NoError(t, err)
	resp, err := own.Do(req)
	require.NoError(t, err)
	_ = resp.Body.Close()
	assert.Equal(t, 1, asked)
}

func TestBaseURLs(t *testing.T) {
	for url, reason := range map[string]string{
		"":                                  "must begin with https",
		"api.promptorchestra.com":           "must begin with https",
		"//api.promptorchestra.com":         "must begin with https",
		"localhost:8080":                    "must begin with https",
		"ftp://api.promptorchestra.com":     "must begin with https",
		"file:///etc/passwd":                "must begin with https",
		"https:api.promptorchestra.com":     "must name a host",
		"https://":                          "must name a host",
		"https:///api":                      "must name a host",
		"https://:443":                      "must name a host",
		"https://user@host.example":         "must not hold user info",
		"https://user:hunter2@host.example": "must not hold user info",
		"https://host.example?a=b":          "must not have a query",
		"https://host.example/?":            "must not have a query",
		"https://host.example/#a":           "must not have a fragment",
		"https://host.example/#":            "must not have a fragment",
		"https://host.example/a/../b":       "must not have a . or ..",
		"https://host.example/%2e%2e":       "must not have a . or ..",
		"https://host.example:port":         "is not a URL",
		"https://host.example/%zz":          "is not a URL",
		"https://u:hunter2@host.example:p":  "is not a URL",
		"https://host.example/\n":           "is not a URL",
		"http://[::1":                       "is not a URL",
		"http://api.promptorchestra.com":    "is plain http",
		"http://10.0.0.1":                   "is plain http",
		"http://0.0.0.0:8080":               "is plain http",
		"http://127.0.0.1.example.com":      "is plain http",
		"http://localhost.example.com":      "is plain http",
		"http://notlocalhost":               "is plain http",
		"http://[::2]":                      "is plain http",
		"http://2130706433":                 "is plain http",
	} {
		_, err := promptorchestra.New(promptorchestra.WithBaseURL(url))
		var e *promptorchestra.ArgumentError
		require.ErrorAs(t, err, &e, url)
		assert.Equal(t, "WithBaseURL", e.Argument)
		assert.Contains(t, e.Reason, reason, url)
		assert.NotContains(t, err.Error(), "hunter2")
	}
	for _, url := range []string{
		"https://host.example", "https://host.example/", "https://host.example/base/path/", "https://host.example:8443/a%2Fb",
		"http://localhost:8080", "http://LOCALHOST", "http://127.0.0.1", "http://127.8.9.10:1", "http://[::1]:8080", "HTTPS://host.example",
	} {
		_, err := promptorchestra.New(promptorchestra.WithBaseURL(url))
		require.NoError(t, err, url)
	}
	_, err := promptorchestra.New(promptorchestra.WithBaseURL("http://10.0.0.1"), promptorchestra.WithInsecureHTTP())
	require.NoError(t, err)
}

// The constructor neither sends nor connects, and every mistake is reported at once.
func TestNewSendsNothing(t *testing.T) {
	srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool { r.Respond(200, "{}", -1); return true })
	client := apitest.NewClientAt(t, srv.URL)
	_ = client.InOrganization("org_2")
	assert.Zero(t, srv.Connections.Load())
	_, err := promptorchestra.New(
		promptorchestra.WithBaseURL("ftp://x"), promptorchestra.WithAccessToken(""), promptorchestra.WithUserAgent("a\nb"),
		promptorchestra.WithTimeout(-1), promptorchestra.WithMaxResponseBytes(0), promptorchestra.WithHTTPClient(nil), nil,
	)
	for _, argument := range []string{"WithBaseURL", "WithAccessToken", "WithUserAgent", "WithTimeout", "WithMaxResponseBytes", "WithHTTPClient", "Option"} {
		require.ErrorContains(t, err, argument+":")
	}
}
