package promptorchestra_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
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
