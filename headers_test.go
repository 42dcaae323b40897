package promptorchestra_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

func TestUserAgentAndHeaders(t *testing.T) {
	var seen apitest.Recorder
	client := apitest.NewClient(t, &seen, promptorchestra.WithUserAgent("billing/1.2"), promptorchestra.WithHeader("x-team", "a"))
	_, err := client.Prompts.Get(t.Context(), "prm_1", promptorchestra.WithHeader("X-Team", "b"), promptorchestra.WithHeader("X-Trace", "1"))
	require.NoError(t, err)
	assert.Equal(t, "billing/1.2 promptorchestra-go/"+promptorchestra.Version, seen.Last().UserAgent())
	assert.Equal(t, []string{"b"}, seen.Last().Header["X-Team"], "a call's own header wins")
	assert.Equal(t, "1", seen.Last().Header.Get("X-Trace"))
	_, err = client.Prompts.Get(t.Context(), "prm_1")
	require.NoError(t, err)
	assert.Equal(t, []string{"a"}, seen.Last().Header["X-Team"])
	assert.Empty(t, seen.Last().Header.Get("X-Trace"))
}

func TestReservedHeadersAreRefused(t *testing.T) {
	for _, name := range []string{
		"Authorization", "X-Prompt-Orchestra-Auth-Source", "Content-Type", "Content-Length", "Host", "Transfer-Encoding", "Connection", "Upgrade", "Trailer", "Te",
		"Expect", "Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "Accept-Encoding", "Range", "If-Range", "User-Agent", "Accept",
	} {
		_, err := promptorchestra.New(promptorchestra.WithHeader(strings.ToLower(name), "x"))
		assert.Error(t, err, name)
	}
}

func TestHeaderInjectionIsRefused(t *testing.T) {
	srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool { r.Respond(200, apitest.Anything, -1); return true })
	client := apitest.NewClientAt(t, srv.URL)
	for _, evil := range []string{"a\r\nX-Evil: 1", "a\nb", "a\rb", "a\x00b", "a\x7fb"} {
		for name, err := range map[string]error{
			"token":        apitest.ErrorOf(promptorchestra.New(promptorchestra.WithAccessToken(evil))),
			"key":          apitest.ErrorOf(promptorchestra.New(promptorchestra.WithAPIKey(evil))),
			"user agent":   apitest.ErrorOf(promptorchestra.New(promptorchestra.WithUserAgent(evil))),
			"header":       apitest.ErrorOf(promptorchestra.New(promptorchestra.WithHeader("X-Team", evil))),
			"header name":  apitest.ErrorOf(promptorchestra.New(promptorchestra.WithHeader(evil, "x"))),
			"organization": apitest.ErrorOf(promptorchestra.New(promptorchestra.WithOrganization(evil))),
			"token source": apitest.Get(t.Context(), apitest.NewClientAt(t, srv.URL, promptorchestra.WithAccessTokenSource(func(context.Context, string) (string, error) { return evil, nil }))),
			"key source": apitest.Run(t.Context(), apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t), promptorchestra.WithAccessTokenSource(
				func(context.Context, string) (string, error) { return "", errors.New("x") }),
				promptorchestra.WithAccessTokenSource(func(context.Context, string) (string, error) { return evil, nil }))),
			"call's header":      apitest.Get(t.Context(), client, promptorchestra.WithHeader("X-Team", evil)),
			"call's header name": apitest.Run(t.Context(), client, promptorchestra.WithHeader(evil, "x")),
			"id":                 apitest.ErrorOf(client.Agents.Get(t.Context(), evil)),
			"in organization":    apitest.Run(t.Context(), client.InOrganization(evil)),
		} {
			var e *promptorchestra.ArgumentError
			require.ErrorAs(t, err, &e, name)
			assert.NotContains(t, err.Error(), evil)
			assert.False(t, promptorchestra.OutcomeUnknown(err))
		}
	}
	for _, bad := range []string{"", "a b", " a", "a ", "tök", "a\u200b"} {
		_, err := promptorchestra.New(promptorchestra.WithAccessToken(bad))
		var e *promptorchestra.ArgumentError
		require.ErrorAs(t, err, &e, "%q", bad)
	}
	for _, reserved := range []string{"Authorization", "authorization", "Host", "Content-Length", "Transfer-Encoding", "Connection", "Proxy-Authorization", ""} {
		var e *promptorchestra.ArgumentError
		require.ErrorAs(t, apitest.Get(t.Context(), client, promptorchestra.WithHeader(reserved, "x")), &e, reserved)
	}
	assert.Zero(t, srv.Connections.Load())
}
