package faulttest

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
					assert.Equal(t, method == http.MethodPost && status == 303, promptorchestra.OutcomeUnknown(err))
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
