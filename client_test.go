package promptorchestra_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

func TestNewReportsEveryBadOptionAtOnce(t *testing.T) {
	client, err := promptorchestra.New(
		promptorchestra.WithBaseURL("ftp://x"), promptorchestra.WithAccessToken(""), promptorchestra.WithAPIKey("sk_\n"),
		promptorchestra.WithAccessTokenSource(nil), promptorchestra.WithAPIKeySource(nil), promptorchestra.WithOrganization(""),
		promptorchestra.WithHTTPClient(nil), promptorchestra.WithTransport(nil), promptorchestra.WithTransport((*http.Transport)(nil)),
		promptorchestra.WithRetry(promptorchestra.RetryPolicy{MaxRetries: -2}), promptorchestra.WithTimeout(-1),
		promptorchestra.WithLogger(nil), promptorchestra.WithUserAgent("a\nb"), promptorchestra.WithHeader("Authorization", "x"),
		promptorchestra.WithHeader("a b", "x"), promptorchestra.WithHeader("X-A", "\r\n"), promptorchestra.WithMaxResponseBytes(0), nil,
	)
	assert.Nil(t, client)
	require.Error(t, err)
	for _, name := range []string{
		"WithBaseURL", "WithAccessToken: ", "WithAPIKey: ", "WithAccessTokenSource", "WithAPIKeySource", "WithOrganization", "WithHTTPClient",
		"WithTransport", "WithRetry", "WithTimeout", "WithLogger", "WithUserAgent", "WithHeader: Authorization", `WithHeader: "a b"`, "WithHeader: the value of X-A",
		"WithMaxResponseBytes", "Option",
	} {
		assert.ErrorContains(t, err, name)
	}
	var argument *promptorchestra.ArgumentError
	assert.ErrorAs(t, err, &argument)
}

func TestBaseURLPrefix(t *testing.T) {
	var seen apitest.Recorder
	srv := httptest.NewServer(&seen)
	defer srv.Close()
	client := apitest.NewClientAt(t, srv.URL+"/pre%2Ffix/")
	_, err := client.Agents.Get(t.Context(), "a b")
	require.NoError(t, err)
	assert.Equal(t, "/pre%2Ffix/api/agents/a%20b?organizationId=org_1&publicContract=1", seen.Last().RequestURI)
	_, err = client.Prompts.Get(t.Context(), "prm_1")
	require.NoError(t, err)
	assert.Equal(t, "/pre%2Ffix/api/prompts/prm_1?organizationId=org_1", seen.Last().RequestURI)
}

func TestNewFromEnv(t *testing.T) {
	var seen apitest.Recorder
	srv := httptest.NewServer(&seen)
	defer srv.Close()
	t.Setenv("PROMPT_ORCHESTRA_BASE_URL", srv.URL)
	t.Setenv("PROMPT_ORCHESTRA_ORGANIZATION_ID", "org_env")
	t.Setenv("PROMPT_ORCHESTRA_ACCESS_TOKEN", "")
	t.Setenv("PROMPT_ORCHESTRA_AUTHORING_API_KEY", "sk_authoring")
	call := func(opts ...promptorchestra.Option) *http.Request {
		client, err := promptorchestra.NewFromEnv(opts...)
		require.NoError(t, err)
		_, err = client.Prompts.Get(t.Context(), "prm_1")
		require.NoError(t, err)
		return seen.Last()
	}
	r := call()
	assert.Equal(t, "Bearer sk_authoring", r.Header.Get("Authorization"))
	assert.Equal(t, "api_key", r.Header.Get("X-Prompt-Orchestra-Auth-Source"))
	assert.Equal(t, "organizationId=org_env", r.URL.RawQuery)

	t.Setenv("PROMPT_ORCHESTRA_API_KEY", "sk_general")
	assert.Equal(t, "Bearer sk_general", call().Header.Get("Authorization"), "the general name wins")
	assert.Equal(t, "organizationId=org_opt", call(promptorchestra.WithOrganization("org_opt")).URL.RawQuery, "options win")

	t.Setenv("PROMPT_ORCHESTRA_ACCESS_TOKEN", apitest.Token)
	assert.Equal(t, "Bearer "+apitest.Token, call().Header.Get("Authorization"), "the access token is used where there are both")

	t.Setenv("PROMPT_ORCHESTRA_ACCESS_TOKEN", "a\nb")
	_, err := promptorchestra.NewFromEnv()
	require.ErrorContains(t, err, "WithAccessToken")
}

func TestNewDoesNotReadTheEnvironment(t *testing.T) {
	t.Setenv("PROMPT_ORCHESTRA_ORGANIZATION_ID", "org_env")
	t.Setenv("PROMPT_ORCHESTRA_API_KEY", apitest.Key)
	client, err := promptorchestra.New()
	require.NoError(t, err)
	assert.Empty(t, client.Organization())
	assert.Equal(t, "promptorchestra.Client{https://api.promptorchestra.com }", client.String())
}

func TestCredentialOfARoute(t *testing.T) {
	token, key := promptorchestra.WithAccessToken(apitest.Token), promptorchestra.WithAPIKey(apitest.Key)
	for name, row := range map[string]struct {
		opts     []promptorchestra.Option
		anyRoute string // Authorization, or the refusal
		userOnly string
	}{
		"both":         {[]promptorchestra.Option{token, key}, "Bearer " + apitest.Token, "Bearer " + apitest.Token},
		"access token": {[]promptorchestra.Option{token}, "Bearer " + apitest.Token, "Bearer " + apitest.Token},
		"API key":      {[]promptorchestra.Option{key}, "Bearer " + apitest.Key, "this call takes no API key"},
		"none":         {nil, "this call needs a credential", "this call takes no API key"},
	} {
		t.Run(name, func(t *testing.T) {
			var seen apitest.Recorder
			srv := httptest.NewServer(&seen)
			defer srv.Close()
			client, err := promptorchestra.New(append(row.opts, promptorchestra.WithBaseURL(srv.URL), promptorchestra.WithOrganization("o"))...)
			require.NoError(t, err)
			check := func(err error, want string) {
				var argument *promptorchestra.ArgumentError
				if errors.As(err, &argument) {
					assert.Contains(t, argument.Reason, want)
					assert.Zero(t, argument.Attempts)
					return
				}
				require.NoError(t, err)
				assert.Equal(t, want, seen.Last().Header.Get("Authorization"))
			}
			_, err = client.Prompts.Get(t.Context(), "prm_1")
			check(err, row.anyRoute)
			sent := len(seen.All())
			_, err = client.Agents.Run(t.Context(), "agt_1", promptorchestra.AgentRunParams{})
			check(err, row.userOnly)
			if err != nil {
				assert.Len(t, seen.All(), sent, "nothing was sent")
			}
		})
	}
}

func TestNoOrganizationIsRefused(t *testing.T) {
	var seen apitest.Recorder
	client := apitest.NewClient(t, &seen).InOrganization("")
	_, err := client.Agents.List(t.Context())
	require.ErrorIs(t, err, promptorchestra.ErrMissingOrganization)
	var argument *promptorchestra.ArgumentError
	require.ErrorAs(t, err, &argument)
	assert.Equal(t, "organizationId", argument.Argument)
	assert.Equal(t, "Agents.List", argument.Op)
	for _, err := range client.Agents.All(t.Context()) {
		require.ErrorIs(t, err, promptorchestra.ErrMissingOrganization)
	}
	_, err = client.InOrganization("a\nb").Agents.List(t.Context())
	require.ErrorAs(t, err, &argument)
	assert.Empty(t, seen.All())
}

func TestInOrganization(t *testing.T) {
	var seen apitest.Recorder
	var asked []string
	client := apitest.NewClient(t, &seen, promptorchestra.WithAccessTokenSource(func(_ context.Context, organization string) (string, error) {
		asked = append(asked, organization)
		return "token_of_" + organization, nil
	}))
	other := client.InOrganization("org_other")
	_, err := other.Prompts.Get(t.Context(), "prm_1")
	require.NoError(t, err)
	assert.Equal(t, "organizationId=org_other", seen.Last().URL.RawQuery)
	assert.Equal(t, "Bearer token_of_org_other", seen.Last().Header.Get("Authorization"))
	_, err = client.Prompts.Get(t.Context(), "prm_1")
	require.NoError(t, err)
	assert.Equal(t, "organizationId=org_1", seen.Last().URL.RawQuery)
	assert.Equal(t, []string{"org_other", apitest.Organization}, asked)
	assert.Equal(t, "org_other", other.Organization())
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { _ = client.InOrganization("org_x") }), 2.0)
}

func TestTokenSource(t *testing.T) {
	t.Run("asked once an attempt", func(t *testing.T) {
		asked, served := 0, 0
		client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			served++
			assert.Equal(t, []string{"Bearer t1", "Bearer t2", "Bearer t3"}[served-1], r.Header.Get("Authorization"))
			if served < 3 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			_, _ = w.Write([]byte("{}"))
		}), promptorchestra.WithAccessTokenSource(func(context.Context, string) (string, error) {
			asked++
			return []string{"t1", "t2", "t3"}[asked-1], nil
		}))
		_, err := client.Agents.Get(t.Context(), "agt_1")
		require.NoError(t, err)
		assert.Equal(t, 3, asked)
	})
	t.Run("fails", func(t *testing.T) {
		var seen apitest.Recorder
		broken := errors.New("vault is sealed")
		asked := 0
		client := apitest.NewClient(t, &seen, promptorchestra.WithAccessTokenSource(func(context.Context, string) (string, error) {
			asked++
			return "", broken
		}))
		_, err := client.Agents.Get(t.Context(), "agt_1")
		var e *promptorchestra.TransportError
		require.ErrorAs(t, err, &e)
		require.ErrorIs(t, err, broken)
		assert.Zero(t, e.Attempts)
		assert.False(t, e.OutcomeUnknown)
		assert.Equal(t, 1, asked, "no retry")
		assert.Empty(t, seen.All())
	})
	t.Run("returns an unusable token", func(t *testing.T) {
		var seen apitest.Recorder
		for _, token := range []string{"", "a b", "a\r\nX-Evil: 1", "tökén"} {
			client := apitest.NewClient(t, &seen, promptorchestra.WithAccessTokenSource(func(context.Context, string) (string, error) { return token, nil }))
			_, err := client.Agents.Get(t.Context(), "agt_1")
			var e *promptorchestra.ArgumentError
			require.ErrorAs(t, err, &e)
			assert.Equal(t, "WithAccessTokenSource", e.Argument)
			if token != "" {
				assert.NotContains(t, err.Error(), token)
			}
		}
		assert.Empty(t, seen.All())
	})
}

func TestHTTPClientIsCopied(t *testing.T) {
	var seen apitest.Recorder
	hc := &http.Client{Timeout: time.Minute}
	before := *hc
	client := apitest.NewClient(t, &seen, promptorchestra.WithHTTPClient(hc))
	_, err := client.Prompts.Get(t.Context(), "prm_1")
	require.NoError(t, err)
	assert.Equal(t, before, *hc)
}

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

func TestCookiesOfAJar(t *testing.T) {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	var cookies []string
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cookies = append(cookies, r.Header.Get("Cookie"))
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "1", Path: "/"})
		if len(cookies) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("{}"))
	}), promptorchestra.WithHTTPClient(&http.Client{Jar: jar}))
	_, err = client.Agents.Get(t.Context(), "agt_1")
	require.NoError(t, err)
	_, err = client.Agents.Get(t.Context(), "agt_1")
	require.NoError(t, err)
	assert.Equal(t, []string{"", "a=1", "a=1", "a=1"}, cookies)
}
