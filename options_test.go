package promptorchestra_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"unicode"
	"unicode/utf8"

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

func TestBadOptionsEachAlone(t *testing.T) {
	for _, p := range []promptorchestra.RetryPolicy{{MaxRetries: -2}, {MinWait: -1}, {MaxWait: -1}, {MaxRetryAfter: -1}} {
		_, err := promptorchestra.New(promptorchestra.WithRetry(p))
		assert.Error(t, err)
	}
	_, err := promptorchestra.New(promptorchestra.WithOrganization("a\nb"))
	assert.Error(t, err)
}

// The constructor neither sends nor connects, and every mistake is reported at once.
func TestNewSendsNothing(t *testing.T) {
	srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool { r.Respond(200, apitest.Anything, -1); return true })
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
		"https://user@host.example":         "must not contain a user name or password",
		"https://user:hunter2@host.example": "must not contain a user name or password",
		"https://host.example?a=b":          "must not have a query",
		"https://host.example/?":            "must not have a query",
		"https://host.example/#a":           "must not have a fragment",
		"https://host.example/#":            "must not have a fragment",
		"127.0.0.1:8080":                    "has no scheme",
		"[::1]:8080":                        "has no scheme",
		"api.promptorchestra.com/v1":        "has no scheme",
		"host.example:8443/base":            "has no scheme",
		"https://host.example\n":            "is not a URL: it ends in a line break",
		"https://host.example\r\n":          "is not a URL: it ends in a line break",
		" https://host.example":             "begins or ends with white space",
		"https://host.example\t":            "begins or ends with white space",
		"\ufeffhttps://host.example":        "byte order mark",
		"\"https://host.example\"":          "is in quotes",
		"'https://host.example'":            "is in quotes",
		"\u201chttps://host.example\u201d":  "is in quotes",
		" ":                                 "is only white space",
		"https://host.example/api":          "must not end in /api",
		"https://host.example/api/":         "must not end in /api",
		"https://host.example/api//":        "must not end in /api",
		"https://host.example/base/api":     "must not end in /api",
		"https://host.example/%61pi":        "must not end in /api",
		"https://host.example/API":          "must not end in /api",
		"http://localhost:8080/api":         "must not end in /api",
		"https://host.example/a/../b":       "must not have . or ..",
		"https://host.example/%2e%2e":       "must not have . or ..",
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
		"https://host.example", "https://host.example/", "https://host.example/base/path/", "https://host.example/api/v2", "https://host.example/myapi", "https://host.example:8443/a%2Fb",
		"http://localhost:8080", "http://LOCALHOST", "http://127.0.0.1", "http://127.8.9.10:1", "http://[::1]:8080", "HTTPS://host.example",
	} {
		_, err := promptorchestra.New(promptorchestra.WithBaseURL(url))
		require.NoError(t, err, url)
	}
	_, err := promptorchestra.New(promptorchestra.WithBaseURL("http://10.0.0.1"), promptorchestra.WithInsecureHTTP())
	require.NoError(t, err)
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

func TestOptionsThatAreMissing(t *testing.T) {
	for name, option := range map[string]promptorchestra.Option{
		"WithObserver":         promptorchestra.WithObserver(nil),
		"WithTransportWrapper": promptorchestra.WithTransportWrapper(nil),
		"WithTransport":        promptorchestra.WithTransport(nil),
		"WithHTTPClient":       promptorchestra.WithHTTPClient(&http.Client{Transport: (*http.Transport)(nil)}),
	} {
		_, err := promptorchestra.New(option)
		var e *promptorchestra.ArgumentError
		require.ErrorAs(t, err, &e, name)
		assert.Equal(t, name, e.Argument)
	}
	for _, wrap := range []func(http.RoundTripper) http.RoundTripper{
		func(http.RoundTripper) http.RoundTripper { return nil },
		func(http.RoundTripper) http.RoundTripper { return (*http.Transport)(nil) },
	} {
		for _, opts := range [][]promptorchestra.Option{nil, {promptorchestra.WithTransport(&http.Transport{})}} {
			client, err := promptorchestra.New(append(opts, promptorchestra.WithTransportWrapper(wrap))...)
			assert.Nil(t, client)
			require.ErrorContains(t, err, "WithTransportWrapper: the function returned nil")
		}
	}
}

// Wrappers add up, the last one outermost, around whatever transport the client has.
func TestTransportWrappersAddUp(t *testing.T) {
	for name, opts := range map[string][]promptorchestra.Option{
		"the default transport": nil,
		"one of the user's":     {apitest.OwnPool(t)},
		"an http.Client's":      {promptorchestra.WithHTTPClient(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}})},
	} {
		t.Run(name, func(t *testing.T) {
			var order []string
			wrap := func(name string) promptorchestra.Option {
				return promptorchestra.WithTransportWrapper(func(below http.RoundTripper) http.RoundTripper {
					require.NotNil(t, below)
					return apitest.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
						order = append(order, name)
						return below.RoundTrip(r)
					})
				})
			}
			var seen apitest.Recorder
			client := apitest.NewClient(t, &seen, append([]promptorchestra.Option{wrap("inner"), wrap("outer")}, opts...)...)
			require.NoError(t, apitest.Get(t.Context(), client))
			assert.Equal(t, []string{"outer", "inner"}, order)
			require.NoError(t, apitest.Get(t.Context(), client.InOrganization("org_2")))
			assert.Len(t, order, 4)
		})
	}
}

// Options joins options in their order; all their mistakes are reported.
func TestOptionsJoined(t *testing.T) {
	var seen apitest.Recorder
	client := apitest.NewClient(t, &seen, promptorchestra.Options(
		promptorchestra.WithHeader("X-A", "1"), promptorchestra.Options(), promptorchestra.Options(promptorchestra.WithHeader("X-A", "2"), promptorchestra.WithUserAgent("desk/1")),
	))
	require.NoError(t, apitest.Get(t.Context(), client))
	assert.Equal(t, "2", seen.Last().Header.Get("X-A"))
	assert.Contains(t, seen.Last().UserAgent(), "desk/1 ")
	_, err := promptorchestra.New(promptorchestra.Options(promptorchestra.WithTimeout(-1), nil, promptorchestra.Options(promptorchestra.WithUserAgent(""))))
	for _, name := range []string{"WithTimeout", "Option:", "WithUserAgent"} {
		require.ErrorContains(t, err, name)
	}
}

// What cannot be used is described with what to do, and is not shown.
func TestNewSaysWhatAValueLooksLike(t *testing.T) {
	const secret = "sk_hunter2hunter2"
	for value, reason := range map[string]string{
		secret + "\n":                     "ends in a line break: if it comes from a file",
		secret + "\r\n":                   "ends in a line break",
		secret + " \n\n":                  "ends in a line break",
		" " + secret:                      "begins or ends with white space",
		secret + "\t":                     "begins or ends with white space",
		"\ufeff" + secret:                 "begins with a byte order mark",
		`"` + secret + `"`:                "is in quotes: remove them",
		"'" + secret + "'":                "is in quotes",
		"`" + secret + "`":                "is in quotes",
		"\u201c" + secret + "\u201d":      "is in quotes",
		secret + `"`:                      "is in quotes",
		"'" + secret:                      "is in quotes",
		secret + "\x7f":                   "contains a control character",
		"Bearer " + secret:                `begins with "Bearer": give the token alone`,
		"bearer " + secret:                `begins with "Bearer"`,
		"BEARER  " + secret:               `begins with "Bearer"`,
		"Basic " + secret:                 "contains a space: pass only the token",
		"Authorization: Bearer " + secret: "contains a space: pass only the token",
		secret + "\nsecond":               "contains a control character",
		secret + "\x00":                   "contains a control character",
		secret + "\u2026":                 "contains a character that is not ASCII",
		secret + "\u200b":                 "contains a character that is not ASCII",
		"\t\n":                            "is only white space",
		"":                                "is empty",
	} {
		for name, option := range map[string]promptorchestra.Option{
			"WithAccessToken": promptorchestra.WithAccessToken(value), "WithAPIKey": promptorchestra.WithAPIKey(value),
		} {
			_, err := promptorchestra.New(option)
			require.ErrorContains(t, err, name+": the token "+reason, "%q", value)
			assert.NotContains(t, err.Error(), "hunter2")
			assert.NotContains(t, err.Error(), "\n")
		}
		if value == "" {
			continue // it has none
		}
		client := apitest.NewClient(t, http.HandlerFunc(apitest.Echo), promptorchestra.WithAccessTokenSource(
			func(context.Context, string) (string, error) { return value, nil }))
		err := apitest.Get(t.Context(), client)
		require.ErrorContains(t, err, "WithAccessTokenSource: the token it returned "+reason, "%q", value)
		assert.NotContains(t, err.Error(), "hunter2")
	}
	for value, reason := range map[string]string{
		"": "is empty", "org_1\n": "ends in a line break", `"org_1"`: "is in quotes", "org_1\t": "white space", "org\x00": "control characters",
	} {
		_, err := promptorchestra.New(promptorchestra.WithOrganization(value))
		require.ErrorContains(t, err, reason, "%q", value)
		assert.NotContains(t, err.Error(), "org_1")
	}
}

// A client prints on one line, whatever its options hold.
func TestClientPrintsOnOneLine(t *testing.T) {
	client, err := promptorchestra.New(promptorchestra.WithBaseURL("https://host.example/a%0Ab/\u2028c"))
	require.NoError(t, err)
	for _, organization := range []string{
		"a\nb", "a\r\nlevel=ERROR", "\x1b[2Jx", "\u202eabc", "a\u2028b", "\xff\xfe", strings.Repeat("long", 1000), "",
	} {
		text := client.InOrganization(organization).String()
		assert.LessOrEqual(t, len(text), 600)
		assert.True(t, utf8.ValidString(text))
		assert.NotContains(t, text, "long"+strings.Repeat("long", 200))
		assert.False(t, strings.ContainsFunc(text, func(r rune) bool {
			return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Cf)
		}), "%q", text)
		assert.True(t, strings.HasPrefix(text, "promptorchestra.Client{https://host.example/a%0Ab/"), text)
	}
}

// newTransport returns a NewTransport that trusts srv, and whose connections end with the test.
func newTransport(t *testing.T, srv *httptest.Server) *http.Transport {
	t.Helper()
	transport := promptorchestra.NewTransport()
	if srv != nil && srv.Certificate() != nil {
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		transport.TLSClientConfig.RootCAs.AddCert(srv.Certificate())
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// A server that offers HTTP/2 is spoken to as the transport says, over HTTP/1.1 by default, and
// after a change of its own configuration, and as a clone.
func TestNewTransportAtAServerThatOffersHTTP2(t *testing.T) {
	var seen apitest.Recorder
	srv := httptest.NewUnstartedServer(&seen)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	for name, row := range map[string]struct {
		change func(*http.Transport) *http.Transport
		major  int
	}{
		"as it is": {func(tr *http.Transport) *http.Transport { return tr }, 1},
		"a clone":  {func(tr *http.Transport) *http.Transport { return tr.Clone() }, 1},
		"a clone of one that was used": {func(tr *http.Transport) *http.Transport {
			require.NoError(t, apitest.Get(t.Context(), apitest.NewClientAt(t, srv.URL, promptorchestra.WithTransport(tr))))
			return tr.Clone()
		}, 1},
		"HTTP/2": {func(tr *http.Transport) *http.Transport { tr.Protocols.SetHTTP2(true); return tr }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			transport := row.change(newTransport(t, srv))
			defer transport.CloseIdleConnections()
			client := apitest.NewClientAt(t, srv.URL, promptorchestra.WithTransport(transport))
			for _, call := range []apitest.Call{apitest.Get, apitest.Run} {
				require.NoError(t, call(t.Context(), client))
				assert.Equal(t, row.major, seen.Last().ProtoMajor)
			}
		})
	}
}

// Each transport is new: a change of one changes no other, and not the default one.
func TestNewTransportIsNew(t *testing.T) {
	a, b := promptorchestra.NewTransport(), promptorchestra.NewTransport()
	a.Protocols.SetHTTP2(true)
	a.TLSClientConfig.ServerName = "a"
	a.TLSClientConfig.ClientSessionCache.Put("x", nil)
	assert.False(t, b.Protocols.HTTP2())
	assert.Empty(t, b.TLSClientConfig.ServerName)
	assert.NotSame(t, a.TLSClientConfig.ClientSessionCache, b.TLSClientConfig.ClientSessionCache)
}

// A proxy that refuses a tunnel is asked once, and the error names it and its status.
func TestNewTransportNamesTheProxyThatRefuses(t *testing.T) {
	for _, status := range []int{
		http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusProxyAuthRequired,
		http.StatusTeapot, http.StatusTooManyRequests,
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			var asked atomic.Int32
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				assert.Equal(t, http.MethodConnect, r.Method)
				asked.Add(1)
				http.Error(w, "access to <b>api.example</b> is blocked", status)
			}))
			defer proxy.Close()
			address, err := url.Parse(proxy.URL)
			require.NoError(t, err)
			transport := newTransport(t, nil)
			transport.Proxy = http.ProxyURL(address)
			client := apitest.NewClientAt(t, "https://api.example", promptorchestra.WithTransport(transport))
			for _, call := range []apitest.Call{apitest.Get, apitest.Run} {
				asked.Store(0)
				err := call(t.Context(), client)
				var e *promptorchestra.TransportError
				require.ErrorAs(t, err, &e)
				assert.ErrorContains(t, err, "the proxy "+address.Host)
				assert.ErrorContains(t, err, http.StatusText(status))
				assert.EqualValues(t, 1, asked.Load())
				assert.False(t, e.OutcomeUnknown)
				assert.False(t, promptorchestra.IsRetryable(err))
			}
		})
	}
}

// A new connection to a server resumes the TLS session of an earlier one.
func TestNewTransportResumesSessions(t *testing.T) {
	srv := httptest.NewTLSServer(apitest.Respond(200, apitest.Agent))
	defer srv.Close()
	transport := newTransport(t, srv)
	client := apitest.NewClientAt(t, srv.URL, promptorchestra.WithTransport(transport))
	var resumed []bool
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { assert.False(t, info.Reused) },
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			assert.NoError(t, err)
			resumed = append(resumed, state.DidResume)
		},
	})
	for range 3 {
		require.NoError(t, apitest.Get(ctx, client))
		client.CloseIdleConnections()
	}
	assert.Equal(t, []bool{false, true, true}, resumed)
}

// http.DefaultClient means http.DefaultTransport, as in net/http: what a test replaced it with gets
// the requests. Any other client without a transport means the SDK's own.
func TestDefaultClientMeansTheDefaultTransport(t *testing.T) {
	var network, fake apitest.Recorder
	replaced := http.DefaultTransport
	defer func() { http.DefaultTransport = replaced }()
	replace := func() {
		http.DefaultTransport = apitest.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			recorder := httptest.NewRecorder()
			fake.ServeHTTP(recorder, r)
			return recorder.Result(), nil
		})
	}
	client := apitest.NewClient(t, &network, promptorchestra.WithHTTPClient(http.DefaultClient))
	require.NoError(t, apitest.Get(t.Context(), client))
	assert.Len(t, network.All(), 1)
	client.CloseIdleConnections()
	replace() // after the client was made, as httpmock does
	for _, call := range []apitest.Call{apitest.Get, apitest.Run} {
		require.NoError(t, call(t.Context(), client))
	}
	client.CloseIdleConnections()
	assert.Len(t, network.All(), 1)
	assert.Len(t, fake.All(), 2)

	for _, own := range []*http.Client{{}, {Timeout: http.DefaultClient.Timeout}} {
		require.NoError(t, apitest.Get(t.Context(), apitest.NewClient(t, &network, promptorchestra.WithHTTPClient(own))))
	}
	assert.Len(t, fake.All(), 2)

	http.DefaultTransport = nil
	err := apitest.Run(t.Context(), client)
	require.ErrorIs(t, err, promptorchestra.ErrNotSent)
	assert.False(t, promptorchestra.OutcomeUnknown(err))
}

// A RoundTripper that signs requests reads Body. One that asks GetBody for the body of an execution
// fails each, with nothing sent and a text that says what to do instead.
func TestRoundTrippersThatSign(t *testing.T) {
	handler := func(seen *apitest.Recorder) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			assert.NoError(t, err)
			assert.Equal(t, signature(body), r.Header.Get("X-Signature"))
			r.Body = io.NopCloser(bytes.NewReader(body))
			seen.ServeHTTP(w, r)
		})
	}
	sign := func(read func(*http.Request) (io.ReadCloser, error)) promptorchestra.Option {
		return promptorchestra.WithTransportWrapper(func(next http.RoundTripper) http.RoundTripper {
			return apitest.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
				body, err := read(r)
				if err != nil {
					return nil, err
				}
				content, err := io.ReadAll(body)
				if err != nil {
					return nil, err
				}
				r = r.Clone(r.Context())
				r.Body = io.NopCloser(bytes.NewReader(content))
				r.Header.Set("X-Signature", signature(content))
				return next.RoundTrip(r)
			})
		})
	}
	t.Run("Body", func(t *testing.T) {
		var seen apitest.Recorder
		client := apitest.NewClient(t, handler(&seen), sign(func(r *http.Request) (io.ReadCloser, error) { return r.Body, nil }))
		for range 2 { // over a new connection, and over one that is used
			require.NoError(t, apitest.Run(t.Context(), client))
		}
		assert.Len(t, seen.All(), 2)
	})
	t.Run("GetBody", func(t *testing.T) {
		var seen apitest.Recorder
		client := apitest.NewClient(t, handler(&seen), sign(func(r *http.Request) (io.ReadCloser, error) { return r.GetBody() }))
		for range 2 {
			assert.ErrorContains(t, apitest.Run(t.Context(), client), "a RoundTripper that signs requests must read Body instead")
		}
		assert.Empty(t, seen.All())
		require.NoError(t, apitest.Run(t.Context(), client, promptorchestra.WithIdempotent()), "it may be sent twice")
	})
}

func signature(body []byte) string { return fmt.Sprintf("%x", sha256.Sum256(body)) }
