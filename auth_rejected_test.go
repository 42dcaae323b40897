package promptorchestra_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

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
		`{"error":"Unauthorized"}`:                                                               false,
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
