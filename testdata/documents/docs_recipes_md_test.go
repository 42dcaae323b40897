package block

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// A server remembers what it was asked with.
type server struct {
	*httptest.Server
	last *http.Request
}

func newServer(t *testing.T, start func(*httptest.Server)) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.last = r
		_, _ = io.WriteString(w, "[]")
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	start(s.Server)
	t.Cleanup(s.Close)
	t.Setenv("PROMPT_ORCHESTRA_BASE_URL", s.URL)
	t.Setenv("PROMPT_ORCHESTRA_ORGANIZATION_ID", "org_1")
	t.Setenv("PROMPT_ORCHESTRA_API_KEY", "sk_1")
	return s
}

func (s *server) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

var calls = map[string]func(context.Context, *promptorchestra.Client) error{
	"read": func(ctx context.Context, client *promptorchestra.Client) error {
		_, err := client.Prompts.List(ctx)
		return err
	},
	"execution": func(ctx context.Context, client *promptorchestra.Client) error {
		_, err := client.Prompts.Run(ctx, "prm_1", promptorchestra.PromptRunParams{Variables: map[string]any{"name": "Ada"}})
		return err
	},
}

func list(t *testing.T, client *promptorchestra.Client, err error) {
	t.Helper()
	require.NoError(t, err)
	_, err = client.Prompts.List(t.Context())
	require.NoError(t, err)
}

func TestProxy(t *testing.T) {
	s := newServer(t, (*httptest.Server).Start)
	proxy, err := url.Parse(s.URL)
	require.NoError(t, err)
	client, err := newProxyClient(proxy)
	list(t, client, err)
	t.Setenv("PROMPT_ORCHESTRA_BASE_URL", "http://localhost:1")
	client, err = newProxyClient(proxy)
	list(t, client, err)
	assert.Equal(t, "localhost:1", s.last.Host)
}

// A proxy that refuses a tunnel is asked once, and named with its status but without its password.
func TestProxyThatRefuses(t *testing.T) {
	newServer(t, func(s *httptest.Server) {
		s.EnableHTTP2 = true
		s.StartTLS()
	})
	for _, status := range []int{http.StatusForbidden, http.StatusProxyAuthRequired} {
		var asked []string
		refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.Method)
			w.WriteHeader(status)
		}))
		defer refusing.Close()
		proxy, err := url.Parse(refusing.URL)
		require.NoError(t, err)
		address := proxy.Host
		proxy.User = url.UserPassword("user", "proxy-password")
		client, err := newProxyClient(proxy)
		require.NoError(t, err)
		for name, call := range calls {
			asked = nil
			err := call(t.Context(), client)
			var e *promptorchestra.TransportError
			require.ErrorAs(t, err, &e, name)
			assert.ErrorContains(t, err, address)
			assert.ErrorContains(t, err, http.StatusText(status))
			assert.NotContains(t, err.Error(), "proxy-password")
			assert.False(t, promptorchestra.OutcomeUnknown(err))
			assert.Equal(t, []string{http.MethodConnect}, asked)
		}
	}
}

// One that opens the tunnel, to a server that offers HTTP/2, whose certificate nobody vouches for.
func TestProxyToAServerThatOffersHTTP2(t *testing.T) {
	s := newServer(t, func(s *httptest.Server) {
		s.EnableHTTP2 = true
		s.StartTLS()
	})
	proxy, err := url.Parse("http://" + tunnel(t, s.Listener.Addr().String()))
	require.NoError(t, err)
	client, err := newProxyClient(proxy)
	require.NoError(t, err)
	_, err = client.Prompts.List(t.Context())
	require.ErrorContains(t, err, "certificate")

	transport := promptorchestra.NewTransport()
	transport.Proxy = http.ProxyURL(proxy)
	transport.TLSClientConfig.RootCAs = x509.NewCertPool()
	transport.TLSClientConfig.RootCAs.AddCert(s.Certificate())
	client, err = promptorchestra.NewFromEnv(promptorchestra.WithTransport(transport))
	list(t, client, err)
	assert.Equal(t, 1, s.last.ProtoMajor)
}

// tunnel starts a proxy that connects to address, whatever it is asked for.
func tunnel(t *testing.T, address string) string {
	t.Helper()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, http.MethodConnect, r.Method)
		up, err := net.Dial("tcp", address)
		if !assert.NoError(t, err) {
			return
		}
		defer up.Close()
		w.WriteHeader(http.StatusOK)
		down, buffered, err := http.NewResponseController(w).Hijack()
		if !assert.NoError(t, err) {
			return
		}
		defer down.Close()
		go func() {
			_, _ = io.Copy(up, buffered)
			_ = up.(*net.TCPConn).CloseWrite()
		}()
		_, _ = io.Copy(down, up)
	}))
	t.Cleanup(proxy.Close)
	return proxy.Listener.Addr().String()
}

func TestRoots(t *testing.T) {
	s := newServer(t, func(s *httptest.Server) {
		s.EnableHTTP2 = true // it offers h2, and is spoken to in HTTP/1.1
		s.StartTLS()
	})
	client, err := newClientWithRoots(s.pem())
	list(t, client, err)
	assert.Equal(t, 1, s.last.ProtoMajor)
	_, err = newClientWithRoots(nil)
	assert.Error(t, err)
}

// The server offers HTTP/2, and sees a renewed certificate in the next handshake.
func TestMTLS(t *testing.T) {
	s := newServer(t, func(s *httptest.Server) {
		s.EnableHTTP2 = true
		s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
		s.StartTLS()
	})
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	certFile, keyFile := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	client, err := newMTLSClient(certFile, keyFile, roots)
	require.NoError(t, err)
	for _, name := range []string{"client", "renewed"} {
		writeSelfSigned(t, name, certFile, keyFile)
		list(t, client, err)
		assert.Equal(t, name, s.last.TLS.PeerCertificates[0].Subject.CommonName)
		assert.Equal(t, 1, s.last.ProtoMajor)
		client.CloseIdleConnections()
	}
	require.NoError(t, os.Remove(certFile))
	_, err = client.Prompts.List(t.Context())
	assert.ErrorContains(t, err, "cert.pem")
}

func writeSelfSigned(t *testing.T, name, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	encodedKey, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}), 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encodedKey}), 0o600))
}

func TestHTTP2(t *testing.T) {
	s := newServer(t, func(s *httptest.Server) {
		s.EnableHTTP2 = true
		s.StartTLS()
	})
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	// The recipe's transport trusts the system's roots; this server's is added from below.
	transport := promptorchestra.NewTransport()
	transport.Protocols.SetHTTP2(true)
	transport.TLSClientConfig.RootCAs = roots
	client, err := newHTTP2Client()
	require.NoError(t, err)
	_, err = client.Prompts.List(t.Context())
	require.ErrorContains(t, err, "certificate")
	client, err = promptorchestra.NewFromEnv(promptorchestra.WithTransport(transport))
	list(t, client, err)
	assert.Equal(t, 2, s.last.ProtoMajor)
}

func TestSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "s") // a socket's path must be short
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "s")
	s := newServer(t, func(s *httptest.Server) {
		s.Listener.Close()
		s.Listener, err = net.Listen("unix", socket)
		require.NoError(t, err)
		s.Start()
	})
	client, err := newSocketClient(socket, promptorchestra.WithAPIKey("sk_1"), promptorchestra.WithOrganization("org_1"))
	list(t, client, err)
	assert.Equal(t, "localhost", s.last.Host)
}

func TestTenants(t *testing.T) {
	client, err := newTenantClient(nil)
	require.NoError(t, err)
	_, err = client.InOrganization("org_1").Prompts.List(t.Context())
	assert.ErrorIs(t, err, errNoKey)
}

// A key is checked at the client's own server, whatever the environment has.
func TestRotation(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	elsewhere := orchestratest.NewServer(orchestratest.WithSeed(7))
	defer elsewhere.Close()
	t.Setenv("PROMPT_ORCHESTRA_BASE_URL", elsewhere.URL)
	t.Setenv("PROMPT_ORCHESTRA_ACCESS_TOKEN", srv.AccessToken)
	t.Setenv("PROMPT_ORCHESTRA_API_KEY", srv.APIKey)
	key := rotating{options: promptorchestra.Options(
		promptorchestra.WithBaseURL(srv.URL), promptorchestra.WithOrganization(srv.OrganizationID))}
	client, err := key.client()
	require.NoError(t, err)
	_, err = client.Prompts.List(t.Context())
	require.ErrorContains(t, err, "no API key has been set")

	assert.Error(t, key.Set(t.Context(), "sk_that_does_not_exist"))
	assert.Error(t, key.Set(t.Context(), elsewhere.APIKey))
	_, err = client.Prompts.List(t.Context())
	require.ErrorContains(t, err, "no API key has been set")
	require.NoError(t, key.Set(t.Context(), srv.APIKey))
	list(t, client, nil)
	assert.Error(t, key.Set(t.Context(), "sk_that_does_not_exist"))
	list(t, client, nil)
	assert.Empty(t, append(elsewhere.Requests("Setup.Verify"), elsewhere.Requests("Prompts.List")...))
}
