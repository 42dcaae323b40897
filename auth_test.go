package promptorchestra_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

func TestCredentialOfARoute(t *testing.T) {
	token, key := promptorchestra.WithAccessToken(apitest.Token), promptorchestra.WithAPIKey(apitest.Key)
	for name, row := range map[string]struct {
		opts     []promptorchestra.Option
		anyRoute string // Authorization, or the refusal
		userOnly string
	}{
		"both":         {[]promptorchestra.Option{token, key}, "Bearer " + apitest.Token, "Bearer " + apitest.Token},
		"access token": {[]promptorchestra.Option{token}, "Bearer " + apitest.Token, "Bearer " + apitest.Token},
		"API key":      {[]promptorchestra.Option{key}, "Bearer " + apitest.Key, "this call does not accept an API key"},
		"none":         {nil, "this call needs a credential", "this call does not accept an API key"},
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
			_, _ = w.Write([]byte(apitest.Anything))
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
		for _, token := range []string{"a b", "a\r\nX-Evil: 1", "tökén"} {
			client := apitest.NewClient(t, &seen, promptorchestra.WithAccessTokenSource(func(context.Context, string) (string, error) { return token, nil }))
			_, err := client.Agents.Get(t.Context(), "agt_1")
			var e *promptorchestra.ArgumentError
			require.ErrorAs(t, err, &e)
			assert.Equal(t, "WithAccessTokenSource", e.Argument)
			assert.NotContains(t, err.Error(), token)
		}
		assert.Empty(t, seen.All())
	})
}

// A source without a token for the organization leaves the call to the other kind, where the route takes it.
func TestTokenSourceWithoutAToken(t *testing.T) {
	source := func(token string) func(context.Context, string) (string, error) {
		return func(context.Context, string) (string, error) { return token, nil }
	}
	for name, row := range map[string]struct {
		token, key string
		call       apitest.Call
		kind       string // that was sent; "" when the call is rejected
		missing    string
	}{
		"both":                    {token: "tok_12345678", key: "sk_12345678", call: apitest.Get, kind: "access_token"},
		"a key":                   {key: "sk_12345678", call: apitest.Get, kind: "api_key"},
		"a key, of no use here":   {key: "sk_12345678", call: apitest.Run, missing: "accessToken"},
		"none":                    {call: apitest.Get, missing: "credential"},
		"a token, on a user's":    {token: "tok_12345678", call: apitest.Run, kind: "access_token"},
		"none, on a user's route": {call: apitest.Run, missing: "accessToken"},
	} {
		t.Run(name, func(t *testing.T) {
			var seen apitest.Recorder
			client := apitest.NewClient(t, &seen,
				promptorchestra.WithAccessTokenSource(source(row.token)), promptorchestra.WithAPIKeySource(source(row.key)))
			err := row.call(t.Context(), client)
			if row.missing != "" {
				var e *promptorchestra.ArgumentError
				require.ErrorAs(t, err, &e)
				assert.Equal(t, promptorchestra.KindArgument, promptorchestra.KindOf(err))
				assert.Equal(t, row.missing, e.Argument)
				assert.Contains(t, e.Error(), "WithAccessTokenSource")
				assert.Empty(t, seen.All())
				return
			}
			require.NoError(t, err)
			assert.Equal(t, row.kind, seen.Last().Header.Get("X-Prompt-Orchestra-Auth-Source"))
		})
	}
}

// A token source that fails is no reason to try again: nothing was sent.
func TestTokenSourceThatFails(t *testing.T) {
	srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool { r.Respond(200, apitest.Anything, -1); return true })
	broken := errors.New("the vault is sealed")
	asked := 0
	client := apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t), promptorchestra.WithAccessTokenSource(func(context.Context, string) (string, error) {
		asked++
		return "", broken
	}))
	err := apitest.Run(t.Context(), client)
	var e *promptorchestra.TransportError
	require.ErrorAs(t, err, &e)
	require.ErrorIs(t, err, broken)
	assert.False(t, e.OutcomeUnknown)
	assert.Zero(t, e.Attempts)
	assert.Equal(t, 1, asked)
	assert.Zero(t, srv.Connections.Load())
}

// A source's error is the source's, of whatever type.
func TestTokenSourceThatFailsWithAnErrorOfOurs(t *testing.T) {
	var none *promptorchestra.ArgumentError
	for _, failure := range []error{&promptorchestra.ArgumentError{Argument: "x"}, none} {
		client := apitest.NewClient(t, http.HandlerFunc(apitest.Echo), promptorchestra.WithAccessTokenSource(func(context.Context, string) (string, error) { return "", failure }))
		err := apitest.Get(t.Context(), client)
		var e *promptorchestra.TransportError
		require.ErrorAs(t, err, &e)
		assert.NotEmpty(t, err.Error())
	}
}

// One that hangs is bounded like the rest of an attempt.
func TestTokenSourceThatHangs(t *testing.T) {
	srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool { r.Respond(200, apitest.Anything, -1); return true })
	client := apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t), promptorchestra.WithTimeout(20*time.Millisecond),
		promptorchestra.WithAccessTokenSource(func(ctx context.Context, _ string) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}))
	err := apitest.Run(t.Context(), client)
	var e *promptorchestra.TransportError
	require.ErrorAs(t, err, &e)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.False(t, e.OutcomeUnknown)
	assert.Zero(t, srv.Connections.Load())
}

// A token source that calls a server itself, with the context it is given, is no sign that the call was sent.
func TestTokenSourceThatUsesHTTP(t *testing.T) {
	tokens := httptest.NewServer(apitest.Respond(200, apitest.Token))
	t.Cleanup(tokens.Close)
	source := func(ctx context.Context, _ string) (string, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, tokens.URL, nil)
		if err != nil {
			return "", err
		}
		resp, err := tokens.Client().Do(req)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		token, err := io.ReadAll(resp.Body)
		return string(token), err
	}
	srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool { r.Respond(200, `{"runId":"run_1"}`, -1); return true })
	dials, _ := apitest.FailingDial(t, 2)
	require.NoError(t, apitest.Run(t.Context(), apitest.NewClientAt(t, srv.URL, dials, promptorchestra.WithAccessTokenSource(source))))
	assert.Equal(t, 1, srv.Count(http.MethodPost))
}

// One that ignores its context keeps nobody waiting: the call ends with its attempt's time, or with the caller's context.
func TestTokenSourceThatIgnoresItsContext(t *testing.T) {
	srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool { r.Respond(200, apitest.Anything, -1); return true })
	for name, row := range map[string]struct {
		timeout time.Duration
		ctx     func(context.Context) (context.Context, context.CancelFunc)
		want    error
	}{
		"the timeout": {timeout: 100 * time.Millisecond, ctx: context.WithCancel, want: context.DeadlineExceeded},
		"the deadline": {timeout: time.Hour, ctx: func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 100*time.Millisecond)
		}, want: context.DeadlineExceeded},
		"the caller": {timeout: time.Hour, ctx: func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(100*time.Millisecond, cancel)
			return ctx, cancel
		}, want: context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			var asked, returned sync.WaitGroup
			client := apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t), promptorchestra.WithTimeout(row.timeout),
				promptorchestra.WithAccessTokenSource(func(context.Context, string) (string, error) {
					defer returned.Done()
					asked.Done()
					<-release
					return apitest.Token, nil // after the end, and of no use any more
				}))
			for _, call := range []apitest.Call{apitest.Get, apitest.Run, func(ctx context.Context, c *promptorchestra.Client, _ ...promptorchestra.CallOption) (err error) {
				for _, err = range c.Agents.All(ctx) {
				}
				return err
			}} {
				asked.Add(1) // and not once more
				returned.Add(1)
				ctx, cancel := row.ctx(t.Context())
				err := call(ctx, client)
				cancel()
				var e *promptorchestra.TransportError
				require.ErrorAs(t, err, &e)
				require.ErrorIs(t, err, row.want)
				assert.Zero(t, e.Attempts)
				assert.False(t, e.OutcomeUnknown)
			}
			asked.Wait()
			close(release)
			returned.Wait()
			assert.Zero(t, srv.Connections.Load())
		})
	}
}

// One that panics, or ends its goroutine, is an error of the call, without the value: that may be a secret.
func TestTokenSourceThatPanics(t *testing.T) {
	write := func(m map[string]int) { m["a"] = 1 }
	srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool { r.Respond(200, apitest.Anything, -1); return true })
	for name, row := range map[string]struct {
		source promptorchestra.TokenSource
		text   string
	}{
		"a text":        {source: func(context.Context, string) (string, error) { panic("hunter2") }, text: "panicked with a string"},
		"an error":      {source: func(context.Context, string) (string, error) { panic(errors.New("hunter2")) }, text: "panicked with a *errors.errorString"},
		"nil":           {source: func(context.Context, string) (string, error) { panic(nil) }, text: "panicked"}, //nolint:govet // on purpose
		"nil map":       {source: func(context.Context, string) (string, error) { write(nil); return "", nil }, text: "nil map"},
		"its end":       {source: func(context.Context, string) (string, error) { runtime.Goexit(); return "", nil }, text: "ended its goroutine"},
		"a failed test": {source: func(context.Context, string) (string, error) { panic(struct{ secret string }{"hunter2"}) }, text: "panicked with a struct"},
	} {
		t.Run(name, func(t *testing.T) {
			client := apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t), promptorchestra.WithAccessTokenSource(row.source))
			for _, call := range []apitest.Call{apitest.Get, apitest.Run} {
				err := call(t.Context(), client)
				var e *promptorchestra.TransportError
				require.ErrorAs(t, err, &e)
				assert.ErrorContains(t, err, row.text)
				assert.NotContains(t, err.Error(), "hunter2")
				assert.Zero(t, e.Attempts)
				assert.False(t, e.OutcomeUnknown)
			}
		})
	}
	assert.Zero(t, srv.Connections.Load())
}

// A source is asked again for each attempt, for whom it is in, and may see which call it is for.
func TestTokenSourceSeesItsCall(t *testing.T) {
	type asked struct {
		op, organization string
		attempts         int
	}
	var all []asked
	client := apitest.NewClient(t, apitest.InTurn(apitest.Respond(503, ""), apitest.Respond(200, apitest.Agent)),
		promptorchestra.WithAPIKeySource(func(context.Context, string) (string, error) { return "", errors.New("not asked") }),
		promptorchestra.WithAccessTokenSource(func(ctx context.Context, organization string) (string, error) {
			call, ok := promptorchestra.Operation(ctx)
			assert.True(t, ok)
			all = append(all, asked{call.Op, organization, call.Attempts})
			return apitest.Token, nil
		}))
	require.NoError(t, apitest.Get(t.Context(), client.InOrganization("org_2")))
	assert.Equal(t, []asked{{"Agents.Get", "org_2", 0}, {"Agents.Get", "org_2", 1}}, all)
}

// A source that fails on a retry is what the call failed of, with a logger or without.
func TestTokenSourceThatFailsOnARetry(t *testing.T) {
	broken := errors.New("the vault is sealed")
	for name, opts := range map[string][]promptorchestra.Option{
		"no logger": nil,
		"a logger":  {promptorchestra.WithLogger(slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug})))},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			client := apitest.NewClient(t, apitest.Respond(503, ""), append(opts, promptorchestra.WithAccessTokenSource(func(context.Context, string) (string, error) {
				if asked++; asked > 1 {
					return "", broken
				}
				return apitest.Token, nil
			}))...)
			err := apitest.Get(t.Context(), client)
			var e *promptorchestra.TransportError
			require.ErrorAs(t, err, &e)
			require.ErrorIs(t, err, broken)
			assert.Equal(t, 1, e.Attempts)
			assert.Equal(t, 2, asked)
		})
	}
}

// A caller who cancels while the source is asked for a retry learns of the last failure too.
func TestCancelWhileTheSourceIsAskedForARetry(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asked := 0
	client := apitest.NewClient(t, apitest.Respond(503, ""), promptorchestra.WithAccessTokenSource(func(context.Context, string) (string, error) {
		if asked++; asked > 1 {
			cancel()
			return "", context.Canceled
		}
		return apitest.Token, nil
	}))
	err := apitest.Get(ctx, client)
	require.ErrorIs(t, err, context.Canceled)
	assert.True(t, promptorchestra.IsServer(err), "%v", err)
	assert.False(t, promptorchestra.IsRetryable(err))
}

// Without a credential, a call is sent without one, on every route: what is between adds it.
func TestWithoutCredential(t *testing.T) {
	var seen apitest.Recorder
	srv := httptest.NewServer(&seen)
	defer srv.Close()
	for _, variable := range []string{"ORGANIZATION_ID", "ACCESS_TOKEN", "AUTHORING_API_KEY", "API_KEY", "BASE_URL"} {
		t.Setenv("PROMPT_ORCHESTRA_"+variable, "")
	}
	base, without := promptorchestra.WithBaseURL(srv.URL), promptorchestra.WithoutCredential()
	check := func(client *promptorchestra.Client, err error) {
		require.NoError(t, err)
		for _, call := range []apitest.Call{apitest.Get, apitest.Run, apitest.Post} { // of a user's routes too
			require.NoError(t, call(t.Context(), client.InOrganization("org_1")))
			assert.NotContains(t, seen.Last().Header, "Authorization")
			assert.NotContains(t, seen.Last().Header, "X-Prompt-Orchestra-Auth-Source")
		}
	}
	check(promptorchestra.New(base, without))
	check(promptorchestra.NewFromEnv(base, without))
	t.Setenv("PROMPT_ORCHESTRA_API_KEY", apitest.Key)
	t.Setenv("PROMPT_ORCHESTRA_ACCESS_TOKEN", apitest.Token)
	check(promptorchestra.NewFromEnv(base, without)) // options win over variables

	source := func(context.Context, string) (string, error) { return apitest.Token, nil }
	for name, option := range map[string]promptorchestra.Option{
		"WithAccessToken": promptorchestra.WithAccessToken(apitest.Token), "WithAccessTokenSource": promptorchestra.WithAccessTokenSource(source),
		"WithAPIKey": promptorchestra.WithAPIKey(apitest.Key), "WithAPIKeySource": promptorchestra.WithAPIKeySource(source),
	} {
		for _, opts := range [][]promptorchestra.Option{{without, option}, {option, without}, {promptorchestra.Options(option), promptorchestra.Options(without)}} {
			for _, create := range []func(...promptorchestra.Option) (*promptorchestra.Client, error){promptorchestra.New, promptorchestra.NewFromEnv} {
				_, err := create(opts...)
				var e *promptorchestra.ArgumentError
				require.ErrorAs(t, err, &e)
				assert.Equal(t, "WithoutCredential", e.Argument)
				assert.Contains(t, e.Reason, "together with "+name)
			}
		}
	}
	_, err := promptorchestra.New(without, promptorchestra.WithAPIKey(apitest.Key), promptorchestra.WithAccessToken(apitest.Token))
	require.ErrorContains(t, err, "WithAPIKey")
	require.ErrorContains(t, err, "WithAccessToken")
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

// Each attempt has headers of its own, whatever a RoundTripper does to those of the last one.
func TestAttemptsShareNoHeaders(t *testing.T) {
	var seen []http.Header
	client := apitest.NewStubbedClient(t, func(r *http.Request) (*http.Response, error) {
		seen = append(seen, r.Header.Clone())
		clear(r.Header)
		return apitest.Response(http.StatusTooManyRequests, "{}"), nil
	}, promptorchestra.WithHeader("X-Tenant", "tenant-0001"), promptorchestra.WithRetry(promptorchestra.RetryPolicy{MinWait: 1, MaxWait: 1}))
	_, err := client.Agents.Create(t.Context(), promptorchestra.AgentCreateParams{Name: "a"}, promptorchestra.WithHeader("X-Request-Id", "req-0001"))
	require.Error(t, err)
	require.Len(t, seen, 4)
	for _, header := range seen {
		assert.Equal(t, http.Header{
			"Accept": {"application/json"}, "Content-Type": {"application/json"}, "User-Agent": {"promptorchestra-go/" + promptorchestra.Version},
			"Authorization": {"Bearer " + apitest.Token}, "X-Prompt-Orchestra-Auth-Source": {"access_token"},
			"X-Tenant": {"tenant-0001"}, "X-Request-Id": {"req-0001"},
		}, header)
	}
}

// The values of WithHeader may be secrets, those of the SDK's own headers are none.
func TestOwnHeadersAreNotRedacted(t *testing.T) {
	client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
		return apitest.Response(http.StatusBadRequest, `{"error":"application/json, promptorchestra-go/`+promptorchestra.Version+`, tenant-0001"}`), nil
	}, promptorchestra.WithHeader("X-Tenant", "tenant-0001"))
	_, err := client.Agents.Get(t.Context(), "agt_1")
	assert.ErrorContains(t, err, "application/json, promptorchestra-go/"+promptorchestra.Version+", [redacted]")
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
	for _, reserved := range []string{"Authorization", "authorization", "Host", "Content-Length", "Transfer-Encoding", "Connection", "Proxy-Authorization", "", "a b", "a:b", "tök", "\u212aey"} {
		var e *promptorchestra.ArgumentError
		require.ErrorAs(t, apitest.Get(t.Context(), client, promptorchestra.WithHeader(reserved, "x")), &e, reserved)
	}
	assert.Zero(t, srv.Connections.Load())
}

const (
	oldToken, newToken = "tok_old_12345678", "tok_new_12345678"
	tokenRejected      = `{"error":"Invalid or expired token","code":"AUTH_INVALID_TOKEN"}`
)

// A revocable server accepts newToken alone.
func revocable(t *testing.T, status int, body string) (handler http.Handler, seen *apitest.Recorder) {
	t.Helper()
	seen = new(apitest.Recorder)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		if r.Method == http.MethodPost {
			assert.Contains(t, string(sent), `"organizationId":"org_1"`, "each attempt has the whole body")
		}
		if r.Header.Get("Authorization") == "Bearer "+newToken {
			seen.ServeHTTP(w, r)
			return
		}
		seen.ServeHTTP(discard{}, r)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}), seen
}

type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}

// A cache is a source that is told which token was rejected.
type cache struct {
	fresh    string // the token after a rejection
	err      error
	asked    []string // the rejected token, or "" if there was none
	attempts []int
}

func (c *cache) Token(ctx context.Context, _ string) (string, error) {
	rejected, ok := promptorchestra.RejectedToken(ctx)
	call, _ := promptorchestra.Operation(ctx)
	c.asked, c.attempts = append(c.asked, rejected), append(c.attempts, call.Attempts)
	if ok {
		return c.fresh, c.err
	}
	return oldToken, nil
}

// A token that is revoked before its time: the source is told, and another token is sent once.
func TestRejectedTokenIsRenewed(t *testing.T) {
	for name, call := range map[string]apitest.Call{
		"read": apitest.Get, "execution": apitest.Run, "Do": apitest.Post,
		"stream": func(ctx context.Context, c *promptorchestra.Client, opts ...promptorchestra.CallOption) (err error) {
			for _, err = range c.Agents.All(ctx, opts...) {
			}
			return err
		},
	} {
		for _, opts := range [][]promptorchestra.CallOption{nil, {promptorchestra.WithoutRetry()}} {
			t.Run(fmt.Sprint(name, " with ", len(opts)), func(t *testing.T) {
				handler, seen := revocable(t, 401, tokenRejected)
				source := &cache{fresh: newToken}
				var r promptorchestra.Response
				client := apitest.NewClient(t, handler, promptorchestra.WithAccessTokenSource(source.Token))
				require.NoError(t, call(t.Context(), client, append(opts, promptorchestra.WithResponse(&r))...))
				assert.Equal(t, 2, r.Attempts)
				assert.Len(t, seen.All(), 2)
				assert.Equal(t, []string{"", oldToken}, source.asked)
				assert.Equal(t, []int{0, 1}, source.attempts)
			})
		}
	}
}

// A key source is told too, and the key goes out as a key.
func TestRejectedKeyIsRenewed(t *testing.T) {
	handler, seen := revocable(t, 401, "")
	source := &cache{fresh: newToken}
	client := apitest.NewClient(t, handler,
		promptorchestra.WithAccessTokenSource(func(context.Context, string) (string, error) { return "", nil }),
		promptorchestra.WithAPIKeySource(source.Token))
	require.NoError(t, apitest.Get(t.Context(), client))
	assert.Equal(t, []string{"", oldToken}, source.asked)
	assert.Equal(t, "api_key", seen.Last().Header.Get("X-Prompt-Orchestra-Auth-Source"))
}

// A read is sent again after any 401. An execution is only if the response certainly rejected it.
func TestRejectedTokenOfAnExecution(t *testing.T) {
	for body, again := range map[string]bool{
		tokenRejected: true,
		`{"error":"Missing bearer token","code":"AUTH_MISSING"}`:                                 true,
		`{"error":{"code":"AUTH_INVALID_TOKEN","message":"expired"}}`:                            true,
		`{"code":"AUTH_INVALID_TOKEN","title":"Token","category":"auth","why":"It is expired."}`: true,

		`{"error":"Unauthorized"}`: false,

		`{"error":"The provider rejected its key","code":"PROVIDER_AUTH"}`:                       false,
		`{"error":"Invalid token","code":"auth_invalid_token_of_provider"}`:                      false,
		`{"error":"Invalid token","code":"AUTH_INVALID_TOKEN","runId":"run_1"}`:                  false,
		`{"error":"Invalid token","code":"AUTH_INVALID_TOKEN","details":{"run":{"id":"run_1"}}}`: false,
		`{"error":"Invalid token","code":"AUTH_INVALID_TOKEN"`:                                   false,
		`<html>AUTH_INVALID_TOKEN</html>`:                                                        false,
		"":                                                                                       false,
		`{"code":"AUTH_INVALID_TOKEN","pad":"` + strings.Repeat("x", 2<<20) + `"}`:               false,
	} {
		name := body[:min(len(body), 60)]
		t.Run(name, func(t *testing.T) {
			handler, seen := revocable(t, 401, body)
			for call, want := range map[string]struct {
				call  apitest.Call
				again bool
			}{"read": {apitest.Get, true}, "execution": {apitest.Run, again}, "vouched for": {func(ctx context.Context, c *promptorchestra.Client, _ ...promptorchestra.CallOption) error {
				return apitest.Run(ctx, c, promptorchestra.WithIdempotent())
			}, true}} {
				source := &cache{fresh: newToken}
				before := len(seen.All())
				err := want.call(t.Context(), apitest.NewClient(t, handler, promptorchestra.WithAccessTokenSource(source.Token)))
				if want.again {
					require.NoError(t, err, call)
					assert.Len(t, seen.All(), before+2, call)
					continue
				}
				assert.True(t, promptorchestra.IsUnauthorized(err), "%s: %v", call, err)
				assert.Len(t, seen.All(), before+1, call)
				assert.Len(t, source.asked, 1, call)
			}
		})
	}
}

// A connection that breaks in the middle of the 401: the body is not whole.
func TestRejectedTokenWithACutBody(t *testing.T) {
	srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
		r.Respond(401, tokenRejected+strings.Repeat(" ", 100), len(tokenRejected))
		return false
	})
	source := &cache{fresh: newToken}
	err := apitest.Run(t.Context(), apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t), promptorchestra.WithAccessTokenSource(source.Token)))
	assert.True(t, promptorchestra.IsUnauthorized(err), "%v", err)
	assert.Equal(t, 1, srv.Count(http.MethodPost))
}

// Only a 401 to a token of a source; and the 401 is the error if the source has nothing better.
func TestRejectedTokenWithoutAnother(t *testing.T) {
	broken := errors.New("the vault is sealed")
	for name, row := range map[string]struct {
		status int
		source *cache
		asked  int
	}{
		"the same token":   {401, &cache{fresh: oldToken}, 2},
		"none":             {401, &cache{fresh: ""}, 2},
		"an error":         {401, &cache{err: broken}, 2},
		"an unusable one":  {401, &cache{fresh: "a b"}, 2},
		"a 403":            {403, &cache{fresh: newToken}, 1},
		"a 400":            {400, &cache{fresh: newToken}, 1},
		"another rejected": {401, &cache{fresh: "tok_third_12345678"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			for _, call := range []apitest.Call{apitest.Get, apitest.Run} {
				source := *row.source
				handler, seen := revocable(t, row.status, tokenRejected)
				client := apitest.NewClient(t, handler, promptorchestra.WithAccessTokenSource(source.Token)) // it has a key too
				err := call(t.Context(), client)
				var e *promptorchestra.APIError
				require.ErrorAs(t, err, &e)
				assert.Equal(t, row.status, e.StatusCode)
				require.NotErrorIs(t, err, broken)
				assert.Len(t, source.asked, row.asked)
				sent := 1
				if name == "another rejected" {
					sent = 2
				}
				assert.Equal(t, sent, e.Attempts)
				assert.Len(t, seen.All(), sent)
				for _, r := range seen.All() {
					assert.Equal(t, "access_token", r.Header.Get("X-Prompt-Orchestra-Auth-Source"), "no other kind is tried")
				}
			}
		})
	}
	t.Run("a token that no source returned", func(t *testing.T) {
		handler, seen := revocable(t, 401, tokenRejected)
		assert.True(t, promptorchestra.IsUnauthorized(apitest.Get(t.Context(), apitest.NewClient(t, handler))))
		assert.Len(t, seen.All(), 1)
	})
}

// It is asked once in a call, and counts in Attempts, not against the retries or their budget.
func TestRejectedTokenTakesNoRetry(t *testing.T) {
	answers := func(statuses ...int) http.HandlerFunc {
		var n atomic.Int32
		return func(w http.ResponseWriter, _ *http.Request) {
			status := statuses[min(int(n.Add(1)), len(statuses))-1]
			w.WriteHeader(status)
			if status == 200 {
				_, _ = io.WriteString(w, apitest.Agent)
			} else {
				_, _ = io.WriteString(w, tokenRejected)
			}
		}
	}
	for name, row := range map[string]struct {
		statuses []int
		attempts int
		status   int // of the error, or 0
	}{
		"before all retries": {[]int{401, 503, 503, 503, 200}, 5, 0},
		"after all retries":  {[]int{503, 503, 503, 401, 200}, 5, 0},
		"between them":       {[]int{503, 401, 503, 503, 503, 200}, 5, 503},
		"and again":          {[]int{401, 503, 401, 200}, 3, 401},
		"twice at once":      {[]int{401, 401, 200}, 2, 401},
	} {
		t.Run(name, func(t *testing.T) {
			source := &cache{fresh: newToken}
			var r promptorchestra.Response
			err := apitest.Get(t.Context(), apitest.NewClient(t, answers(row.statuses...), promptorchestra.WithAccessTokenSource(source.Token)),
				promptorchestra.WithResponse(&r))
			assert.Equal(t, row.attempts, r.Attempts)
			if row.status == 0 {
				require.NoError(t, err)
				return
			}
			var e *promptorchestra.APIError
			require.ErrorAs(t, err, &e)
			assert.Equal(t, row.status, e.StatusCode)
		})
	}
	t.Run("the budget", func(t *testing.T) {
		var rejected atomic.Int32
		client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "Bearer "+oldToken {
				rejected.Add(1)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			_, _ = io.WriteString(w, apitest.Agent)
		}), promptorchestra.WithAccessTokenSource((&cache{fresh: newToken}).Token))
		for range 500 { // more than the budget
			require.NoError(t, apitest.Get(t.Context(), client))
		}
		assert.EqualValues(t, 500, rejected.Load())
	})
}

// The source has the time of an attempt to find another token, and no longer than the caller has.
func TestRejectedTokenOfASourceThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
			sent++
			return apitest.Response(401, tokenRejected), nil
		}, promptorchestra.WithTimeout(5*time.Second), promptorchestra.WithAccessTokenSource(func(ctx context.Context, _ string) (string, error) {
			if _, ok := promptorchestra.RejectedToken(ctx); ok {
				<-ctx.Done()
				return "", ctx.Err()
			}
			return oldToken, nil
		}))
		for _, row := range []struct{ deadline, want time.Duration }{{time.Hour, 5 * time.Second}, {time.Second, time.Second}} {
			ctx, cancel := context.WithTimeout(t.Context(), row.deadline)
			start := time.Now()
			err := apitest.Get(ctx, client)
			assert.True(t, promptorchestra.IsUnauthorized(err), "%v", err)
			assert.Equal(t, row.want, time.Since(start))
			cancel()
		}
		assert.Equal(t, 2, sent)
	})
}

// The rejected token is in the source's context alone, and does not print.
func TestRejectedTokenDoesNotPrint(t *testing.T) {
	_, ok := promptorchestra.RejectedToken(t.Context())
	assert.False(t, ok)
	_, ok = promptorchestra.RejectedToken(nil) //nolint:staticcheck // on purpose
	assert.False(t, ok)
	handler, _ := revocable(t, 401, tokenRejected)
	client := apitest.NewClient(t, handler, promptorchestra.WithAccessTokenSource(func(ctx context.Context, _ string) (string, error) {
		if token, ok := promptorchestra.RejectedToken(ctx); ok {
			assert.Equal(t, oldToken, token)
			assert.NotContains(t, fmt.Sprintf("%v %+v %#v", ctx, ctx, ctx), oldToken)
			return newToken, nil
		}
		return oldToken, nil
	}))
	require.NoError(t, apitest.Get(t.Context(), client))
}

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

// Of secrets that begin alike none stays in part.
func TestSecretsThatBeginAlike(t *testing.T) {
	secrets := []string{"tenant-01", "tenant-01-gateway", "tenant-01-gateway-call", "tenant-01-gateway-call-token"}
	for shift := range secrets {
		s := slices.Concat(secrets[shift:], secrets[:shift])
		client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"error":"`+strings.Join(secrets, " ")+`"}`, http.StatusConflict)
		}), promptorchestra.WithAccessToken(s[0]), promptorchestra.WithHeader("X-Tenant", s[1]), promptorchestra.WithHeader("X-Gateway", s[2]))
		err := apitest.Get(t.Context(), client, promptorchestra.WithHeader("X-Call", s[3]))
		require.ErrorContains(t, err, "[redacted] [redacted] [redacted] [redacted]")
		assert.NotRegexp(t, "tenant|gateway|call|token", err.Error())
	}
}

// A token is shown as no request's id, in base64 neither: by errors, responses, observers and logs.
func TestATokenIsNoRequestID(t *testing.T) {
	encoded := base64.StdEncoding.EncodeToString([]byte(apitest.Token))
	var logged strings.Builder
	var seen promptorchestra.CallResult
	for _, status := range []int{200, 409} {
		client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Request-Id", encoded)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `[]`)
		}), promptorchestra.WithLogger(slog.New(slog.NewTextHandler(&logged, nil))),
			promptorchestra.WithObserver(func(ctx context.Context, _ promptorchestra.CallInfo) (context.Context, func(promptorchestra.CallResult)) {
				return ctx, func(r promptorchestra.CallResult) { seen = r }
			}))
		var r promptorchestra.Response
		err := apitest.Get(t.Context(), client, promptorchestra.WithResponse(&r))
		require.Error(t, err)
		id, _ := promptorchestra.RequestID(err)
		for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), id, r.RequestID, seen.RequestID, logged.String()} {
			assert.NotContains(t, text, encoded)
		}
		assert.Equal(t, "[redacted]", id)
	}
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
		asked := 0
		transport.Proxy = func(*http.Request) (*url.URL, error) { asked++; return address, nil }
		err := apitest.Get(t.Context(), apitest.NewClientAt(t, server, promptorchestra.WithTransport(transport)))
		require.ErrorContains(t, err, "[redacted]")
		assert.LessOrEqual(t, asked, 2, "once for the request, and once for the error")
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

// The ids by which a request and its trace are found stay in an error, wherever the server repeats
// them.
func TestErrorsShowTheIDsOfARequest(t *testing.T) {
	for name, id := range map[string]string{
		"X-Request-Id":     "req_2tq8hjzk4w",
		"X-Correlation-Id": "7f0c1e2a-5d1b-4a57-9c39-6d2f4e0b8a11",
		"Traceparent":      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"Tracestate":       "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
	} {
		client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, fmt.Sprintf(`{"error":"Conflict","message":"See the log of %s"}`, r.Header.Get(name)), http.StatusConflict)
		}), promptorchestra.WithHeader(name, id))
		assert.ErrorContains(t, apitest.Get(t.Context(), client), id, name)
	}
}
