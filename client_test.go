package promptorchestra_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest/apidocs"
)

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
	require.ErrorContains(t, err, "PROMPT_ORCHESTRA_ACCESS_TOKEN: the token contains a control character")
}

func TestNewFromEnvNamesTheVariable(t *testing.T) {
	for name, value := range map[string]string{
		"PROMPT_ORCHESTRA_BASE_URL": "ftp://example.com", "PROMPT_ORCHESTRA_ORGANIZATION_ID": "org\n1",
		"PROMPT_ORCHESTRA_ACCESS_TOKEN": "a b", "PROMPT_ORCHESTRA_API_KEY": "a b", "PROMPT_ORCHESTRA_AUTHORING_API_KEY": "a b",
	} {
		t.Run(name, func(t *testing.T) {
			for _, variable := range []string{"BASE_URL", "ORGANIZATION_ID", "ACCESS_TOKEN", "API_KEY", "AUTHORING_API_KEY"} {
				t.Setenv("PROMPT_ORCHESTRA_"+variable, "")
			}
			t.Setenv(name, value)
			_, err := promptorchestra.NewFromEnv()
			var e *promptorchestra.ArgumentError
			require.ErrorAs(t, err, &e)
			assert.Equal(t, name, e.Argument)
			assert.NotContains(t, err.Error(), value)

			_, err = promptorchestra.NewFromEnv(promptorchestra.WithBaseURL("http://"))
			require.ErrorContains(t, err, "WithBaseURL: must name a host", "an option's mistake is its own")
		})
	}
}

func TestNewDoesNotReadTheEnvironment(t *testing.T) {
	t.Setenv("PROMPT_ORCHESTRA_ORGANIZATION_ID", "org_env")
	t.Setenv("PROMPT_ORCHESTRA_API_KEY", apitest.Key)
	client, err := promptorchestra.New()
	require.NoError(t, err)
	assert.Empty(t, client.Organization())
	assert.Equal(t, "promptorchestra.Client{https://api.promptorchestra.com }", client.String())
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

func TestHTTPClientIsCopied(t *testing.T) {
	var seen apitest.Recorder
	hc := &http.Client{Timeout: time.Minute}
	before := *hc
	client := apitest.NewClient(t, &seen, promptorchestra.WithHTTPClient(hc))
	_, err := client.Prompts.Get(t.Context(), "prm_1")
	require.NoError(t, err)
	assert.Equal(t, before, *hc)
}

// A jar of the user's client is not used: a bearer token needs no cookie.
func TestJarOfTheHTTPClientIsNotUsed(t *testing.T) {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Empty(t, r.Header.Get("Cookie"))
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "1", Path: "/"})
		_, _ = w.Write([]byte(apitest.Anything))
	}), promptorchestra.WithHTTPClient(&http.Client{Jar: jar}))
	for range 2 {
		require.NoError(t, apitest.Get(t.Context(), client))
	}
}

func TestOrganizationThatIsNotUTF8(t *testing.T) {
	var seen apitest.Recorder
	var e *promptorchestra.ArgumentError
	for _, call := range []apitest.Call{apitest.Get, apitest.Run} {
		require.ErrorAs(t, call(t.Context(), apitest.NewClient(t, &seen).InOrganization("org_\xff")), &e)
	}
	assert.Empty(t, seen.All())
}

// A Client that New did not make, and its services, reject each call and never panic.
func TestZeroClientRejectsEveryCall(t *testing.T) {
	var zero promptorchestra.Client
	rejected := func(t *testing.T, err error) {
		t.Helper()
		var e *promptorchestra.ArgumentError
		require.ErrorAs(t, err, &e)
		assert.Equal(t, "client", e.Argument)
	}
	for _, client := range []*promptorchestra.Client{&zero, zero.InOrganization("org_1"), new(promptorchestra.Client).InOrganization("")} {
		for _, method := range apidocs.Methods(reflect.TypeFor[promptorchestra.Client]()) {
			service, name, _ := strings.Cut(method.Op, ".")
			t.Run(method.Op, func(t *testing.T) {
				call := reflect.ValueOf(client).Elem().FieldByName(service).MethodByName(name)
				args := []reflect.Value{reflect.ValueOf(t.Context())}
				for i := 1; i < call.Type().NumIn()-1; i++ {
					arg := reflect.New(call.Type().In(i)).Elem()
					if arg.Kind() == reflect.String {
						arg.SetString("id_1")
					}
					args = append(args, arg)
				}
				out := call.Call(args)
				if len(out) == 2 {
					err, _ := out[1].Interface().(error)
					if name != "Find" { // its own arguments come first
						rejected(t, err)
					}
					return
				}
				for _, err := range out[0].Seq2() {
					rejected(t, err.Interface().(error))
				}
			})
		}
		rejected(t, client.Do(t.Context(), promptorchestra.Request{Method: http.MethodGet, Path: "/api/x"}, nil))
		assert.NotNil(t, client.Diagnose(t.Context(), errors.New("x")))
		client.CloseIdleConnections()
	}
	assert.Empty(t, zero.Organization())
	assert.NotEmpty(t, zero.String())
}
