package recipes

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

// An issuer is a token endpoint whose tokens are token-1, token-2 and so on.
type issuer struct {
	lifetime time.Duration // 0: it does not say
	takes    time.Duration
	broken   atomic.Bool
	fetched  atomic.Int32
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	n := i.fetched.Add(1)
	time.Sleep(i.takes)
	if i.broken.Load() {
		http.Error(w, "the token endpoint is down", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"bearer"`, n)
	if i.lifetime > 0 {
		fmt.Fprintf(w, `,"expires_in":%d`, int(i.lifetime.Seconds()))
	}
	fmt.Fprint(w, "}")
}

// source is what golang.org/x/oauth2 makes of the issuer. In a bubble the issuer has no socket.
func (i *issuer) source(url string) func(context.Context, *oauth2.Token) oauth2.TokenSource {
	config := &clientcredentials.Config{ClientID: "id", ClientSecret: "secret", TokenURL: url, AuthStyle: oauth2.AuthStyleInParams}
	if url != "" {
		return func(ctx context.Context, _ *oauth2.Token) oauth2.TokenSource { return config.TokenSource(ctx) }
	}
	config.TokenURL = "https://issuer.example"
	stub := &http.Client{Transport: apitest.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		recorder := httptest.NewRecorder()
		i.ServeHTTP(recorder, r)
		return recorder.Result(), r.Context().Err()
	})}
	return func(ctx context.Context, _ *oauth2.Token) oauth2.TokenSource {
		return config.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, stub))
	}
}

// A desk is a client in a bubble, and what its calls were authorized with.
type desk struct {
	*issuer

	client *promptorchestra.Client
	mu     sync.Mutex
	seen   []string
}

func newDesk(t *testing.T, i *issuer) *desk {
	t.Helper()
	d := &desk{issuer: i}
	d.client = apitest.NewStubbedClient(t, func(r *http.Request) (*http.Response, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.seen = append(d.seen, r.Header.Get("Authorization"))
		return apitest.Response(http.StatusOK, apitest.Agent), nil
	}, promptorchestra.WithAccessTokenSource(newOAuth2Cache(i.source(""), "").Token))
	return d
}

// get makes a call, and returns how long it took and what it was authorized with.
func (d *desk) get(t *testing.T) (took time.Duration, authorization string, err error) {
	t.Helper()
	d.seen = nil
	began := time.Now()
	err = apitest.Get(t.Context(), d.client)
	if err == nil {
		require.Len(t, d.seen, 1)
		authorization = d.seen[0]
	}
	return time.Since(began), authorization, err
}

// A token that is revoked before its time: the issuer is asked once more, for all callers, and each
// call is sent once more.
func TestOAuth2TokenThatIsRevoked(t *testing.T) {
	for name, call := range map[string]apitest.Call{"read": apitest.Get, "execution": apitest.Run} {
		for _, callers := range []int{1, 64} {
			t.Run(fmt.Sprint(name, " by ", callers), func(t *testing.T) {
				i := &issuer{lifetime: time.Hour}
				issuing := httptest.NewServer(i)
				defer issuing.Close()
				defer http.DefaultClient.CloseIdleConnections() // which oauth2 uses
				var seen apitest.Recorder
				var revoked atomic.Bool
				handler := func(w http.ResponseWriter, r *http.Request) {
					if token := r.Header.Get("Authorization"); revoked.Load() && token == "Bearer token-1" {
						seen.ServeHTTP(httptest.NewRecorder(), r)
						apitest.Respond(http.StatusUnauthorized, `{"error":"Invalid token","code":"AUTH_INVALID_TOKEN"}`)(w, r)
						return
					}
					seen.ServeHTTP(w, r)
				}
				var mu sync.Mutex
				told := map[string]int{}
				cache := newOAuth2Cache(i.source(issuing.URL), "")
				client := apitest.NewClient(t, http.HandlerFunc(handler), apitest.OwnPool(t),
					promptorchestra.WithAccessTokenSource(func(ctx context.Context, organizationID string) (string, error) {
						rejected, _ := promptorchestra.RejectedToken(ctx)
						mu.Lock()
						told[rejected]++
						mu.Unlock()
						return cache.Token(ctx, organizationID)
					}))
				require.NoError(t, apitest.Get(t.Context(), client))
				revoked.Store(true)
				clear(told)
				before := len(seen.All())
				together(callers, func() { assert.NoError(t, call(t.Context(), client)) })
				assert.EqualValues(t, 2, i.fetched.Load())
				sent := map[string]int{}
				for _, r := range seen.All()[before:] {
					sent[r.Header.Get("Authorization")]++
				}
				assert.Equal(t, callers, sent["Bearer token-2"])
				assert.Equal(t, callers, told[""])
				assert.Equal(t, sent["Bearer token-1"], told["token-1"])
				assert.Len(t, told, 2, "no other token was rejected")
			})
		}
	}
}

func together(callers int, call func()) {
	var all sync.WaitGroup
	for range callers {
		all.Go(call)
	}
	all.Wait()
}

// A token endpoint that takes 5 s to fail is asked once for 64 callers, who all learn why then.
func TestOAuth2EndpointThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, &issuer{lifetime: time.Hour, takes: 5 * time.Second})
		d.broken.Store(true)
		began := time.Now()
		together(64, func() {
			err := apitest.Run(t.Context(), d.client)
			assert.ErrorContains(t, err, "the token endpoint is down")
			assert.False(t, promptorchestra.OutcomeUnknown(err))
		})
		assert.Equal(t, 5*time.Second, time.Since(began))
		assert.EqualValues(t, 1, d.fetched.Load())
		assert.Empty(t, d.seen)

		d.broken.Store(false)
		took, authorization, err := d.get(t)
		require.NoError(t, err)
		assert.Equal(t, "Bearer token-2", authorization)
		assert.Equal(t, 5*time.Second, took)
	})
}

// While a token is good no call waits for its renewal, whatever becomes of that.
func TestOAuth2TokenThatIsRenewedEarly(t *testing.T) {
	for name, broken := range map[string]bool{"succeeds": false, "fails": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, &issuer{lifetime: time.Hour, takes: 5 * time.Second})
				_, _, err := d.get(t)
				require.NoError(t, err)
				issued := time.Now()
				d.broken.Store(broken)

				time.Sleep(30 * time.Minute)
				_, authorization, err := d.get(t)
				require.NoError(t, err)
				assert.Equal(t, "Bearer token-1", authorization)
				assert.EqualValues(t, 1, d.fetched.Load(), "it is held")

				time.Sleep(time.Until(issued.Add(time.Hour - 30*time.Second)))
				for range 64 {
					took, authorization, err := d.get(t)
					require.NoError(t, err)
					assert.Zero(t, took)
					assert.Equal(t, "Bearer token-1", authorization)
				}
				time.Sleep(6 * time.Second)
				assert.EqualValues(t, 2, d.fetched.Load(), "one renewal for all")

				took, authorization, err := d.get(t)
				require.NoError(t, err)
				assert.Zero(t, took)
				if !broken {
					assert.Equal(t, "Bearer token-2", authorization)
					return
				}
				assert.Equal(t, "Bearer token-1", authorization)
				time.Sleep(time.Until(issued.Add(time.Hour)))
				took, _, err = d.get(t)
				assert.ErrorContains(t, err, "the token endpoint is down")
				assert.Equal(t, 5*time.Second, took)
			})
		})
	}
}

// A renewal that begins just before the token expires, and ends after it: the calls before that use
// the token, those after it wait for the same renewal.
func TestOAuth2TokenThatExpiresWhileItIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, &issuer{lifetime: time.Hour, takes: 5 * time.Second})
		_, _, err := d.get(t)
		require.NoError(t, err)
		time.Sleep(time.Hour - 2*time.Second)
		took, authorization, err := d.get(t)
		require.NoError(t, err)
		assert.Zero(t, took)
		assert.Equal(t, "Bearer token-1", authorization)
		time.Sleep(3 * time.Second) // it has expired, and 2 s are left of the renewal
		took, authorization, err = d.get(t)
		require.NoError(t, err)
		assert.Equal(t, 2*time.Second, took)
		assert.Equal(t, "Bearer token-2", authorization)
		assert.EqualValues(t, 2, d.fetched.Load())
	})
}

// A response without expires_in.
func TestOAuth2TokenOfUnknownLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, &issuer{})
		for range 3 {
			_, authorization, err := d.get(t)
			require.NoError(t, err)
			assert.Equal(t, "Bearer token-1", authorization)
		}
	})
}

// A server that replaces the refresh token each time, and accepts the newest one alone.
func TestOAuth2RefreshTokens(t *testing.T) {
	newest := "refresh-0"
	issuing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("refresh_token") != newest {
			http.Error(w, "the refresh token was replaced", http.StatusBadRequest)
			return
		}
		newest = "refresh-" + newest
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"for %s","expires_in":1,"refresh_token":%q}`, newest, newest)
	}))
	defer issuing.Close()
	defer http.DefaultClient.CloseIdleConnections()
	config := &oauth2.Config{Endpoint: oauth2.Endpoint{TokenURL: issuing.URL, AuthStyle: oauth2.AuthStyleInParams}}
	cache := newOAuth2Cache(config.TokenSource, newest)
	for range 3 {
		token, expires, err := cache.fetch(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "for "+newest, token)
		assert.False(t, expires.IsZero())
	}
}

// Without an AuthStyle a failing fetch is sent twice.
func TestOAuth2WithoutAuthStyle(t *testing.T) {
	i := new(issuer)
	i.broken.Store(true)
	issuing := httptest.NewServer(i)
	defer issuing.Close()
	defer http.DefaultClient.CloseIdleConnections()
	for style, fetched := range map[oauth2.AuthStyle]int32{oauth2.AuthStyleAutoDetect: 2, oauth2.AuthStyleInHeader: 1} {
		i.fetched.Store(0)
		config := &oauth2.Config{Endpoint: oauth2.Endpoint{TokenURL: issuing.URL, AuthStyle: style}}
		_, err := newOAuth2Cache(config.TokenSource, "refresh").Token(t.Context(), "")
		require.ErrorContains(t, err, "the token endpoint is down")
		assert.Equal(t, fetched, i.fetched.Load())
	}
}
