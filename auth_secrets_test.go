package promptorchestra_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

// An error shows no secret of its call: no token of any attempt, no value of WithHeader of the
// client or the call. The ids by which a request is found stay.
func TestErrorsShowNoSecretOfTheCall(t *testing.T) {
	var all []string
	echo := func(w http.ResponseWriter, r *http.Request) {
		all = append(all, r.Header.Get("Authorization"), r.Header.Get("X-Gateway"), r.Header.Get("X-Call"))
		w.Header().Set("X-Request-Id", r.Header.Get("X-Request-Id"))
		w.Header().Set("X-Echo", strings.Join(all, " "))
		status := http.StatusServiceUnavailable
		if r.Header.Get("Authorization") == "Bearer tok_second_attempt" {
			status = http.StatusUnauthorized
		}
		if r.Header.Get("Authorization") == "Bearer tok_third_attempt" {
			status = http.StatusConflict
		}
		http.Error(w, fmt.Sprintf(`{"error":%q,"code":"X"}`, strings.Join(all, " ")), status)
	}
	tokens := []string{"tok_first_attempt", "tok_second_attempt", "tok_third_attempt"}
	source := func(context.Context, string) (string, error) {
		token := tokens[0]
		tokens = tokens[1:]
		return token, nil
	}
	client := apitest.NewClient(t, http.HandlerFunc(echo), promptorchestra.WithAccessTokenSource(source),
		promptorchestra.WithHeader("X-Gateway", "gateway-key-123"), promptorchestra.WithHeader("X-Request-Id", "req_of_ours_1"))
	var r promptorchestra.Response
	err := apitest.Get(t.Context(), client, promptorchestra.WithHeader("X-Call", "call-key-123"), promptorchestra.WithResponse(&r))
	var e *promptorchestra.APIError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, 3, e.Attempts)
	assert.Equal(t, "req_of_ours_1", e.RequestID)
	for _, text := range []string{err.Error(), fmt.Sprintf("%+v", e), string(e.RawBody), string(r.Body), fmt.Sprint(e.Header)} {
		for _, secret := range []string{"tok_first", "tok_second", "tok_third", "gateway-key", "call-key"} {
			assert.NotContains(t, text, secret)
		}
	}
	assert.Contains(t, err.Error(), "[redacted]")
}

// A proxy's credentials are not shown, whether it refuses a tunnel or responds in the server's place.
func TestErrorsShowNoCredentialsOfAProxy(t *testing.T) {
	const user, password = "billing", "hunter2hunter2"
	encoded := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "Basic "+encoded, r.Header.Get("Proxy-Authorization"))
		w.Header().Set("X-Echo", r.Header.Get("Proxy-Authorization"))
		http.Error(w, "rejected "+user+":"+password+" "+r.Header.Get("Proxy-Authorization"), http.StatusProxyAuthRequired)
	}))
	defer proxy.Close()
	address, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	address.User = url.UserPassword(user, password)
	for _, server := range []string{"https://api.example", "http://127.0.0.1:1"} {
		transport := newTransport(t, nil)
		transport.Proxy = http.ProxyURL(address)
		err := apitest.Get(t.Context(), apitest.NewClientAt(t, server, promptorchestra.WithTransport(transport)))
		require.ErrorContains(t, err, "[redacted]")
		var e *promptorchestra.APIError
		if server[4] == ':' {
			require.ErrorAs(t, err, &e)
			assert.NotContains(t, fmt.Sprint(e.Header)+string(e.RawBody), encoded)
		}
		for _, secret := range []string{password, encoded} {
			assert.NotContains(t, fmt.Sprintf("%v %+v", err, err), secret)
		}
	}
}
