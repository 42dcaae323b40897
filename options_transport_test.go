package promptorchestra_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

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
