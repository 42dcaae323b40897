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
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
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

func TestMTLS(t *testing.T) {
	s := newServer(t, func(s *httptest.Server) {
		s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
		s.StartTLS()
	})
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	certFile, keyFile := selfSigned(t)
	client, err := newMTLSClient(certFile, keyFile, roots)
	list(t, client, err)
	assert.Equal(t, "client", s.last.TLS.PeerCertificates[0].Subject.CommonName)
}

func selfSigned(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client"}, NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	encodedKey, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certFile, keyFile = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}), 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encodedKey}), 0o600))
	return certFile, keyFile
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
	_, err = listPromptsOf(t.Context(), client, "org_1")
	assert.ErrorContains(t, err, "org_1 has not finished its setup")
}

func TestTokenCache(t *testing.T) {
	fetched := 0
	cache := newTokenCache(func(context.Context) (string, time.Time, error) {
		fetched++
		return "t", time.Now().Add(time.Hour), nil
	})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			token, err := cache.Token(t.Context(), "")
			assert.NoError(t, err)
			assert.Equal(t, "t", token)
		})
	}
	all.Wait()
	assert.Equal(t, 1, fetched)
}

// 64 callers of a token endpoint that takes 5 s to fail all learn why then; a token that is still
// good is used meanwhile, and a rejected one is not.
func TestTokenEndpointThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("the token endpoint is down")
		fetched := 0
		cache := newTokenCache(func(context.Context) (string, time.Time, error) {
			fetched++
			time.Sleep(5 * time.Second)
			return "", time.Time{}, broken
		})
		began := time.Now()
		var all sync.WaitGroup
		for range 64 {
			all.Go(func() {
				_, err := cache.Token(t.Context(), "")
				assert.ErrorIs(t, err, broken)
			})
		}
		all.Wait()
		assert.Equal(t, 5*time.Second, time.Since(began))
		assert.Equal(t, 1, fetched)
		cache.token, cache.expires = "held", time.Now().Add(30*time.Second)
		began = time.Now()
		token, err := cache.Token(t.Context(), "")
		require.NoError(t, err)
		assert.Equal(t, "held", token)
		assert.Zero(t, time.Since(began))
		time.Sleep(time.Minute)
	})
}

func TestRotation(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	t.Setenv("PROMPT_ORCHESTRA_BASE_URL", srv.URL)
	t.Setenv("PROMPT_ORCHESTRA_ACCESS_TOKEN", "")
	t.Setenv("PROMPT_ORCHESTRA_API_KEY", "")
	assert.NoError(t, check(t.Context(), srv.Client(), srv.APIKey))
	assert.Error(t, check(t.Context(), srv.Client(), "sk_other"))
	var key currentKey
	_, err := key.Key(t.Context(), "")
	require.Error(t, err)
	key.Set("sk_1")
	current, err := key.Key(t.Context(), "")
	require.NoError(t, err)
	assert.Equal(t, "sk_1", current)
}

func TestHandler(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	promptID := srv.PublishPrompt("Greet {{name}}.")
	ask := func() string {
		recorder := httptest.NewRecorder()
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // the browser is gone
		greet(srv.Client(withAttempts()), promptID)(recorder, httptest.NewRequestWithContext(ctx, "GET", "/?name=Ada", nil))
		return recorder.Body.String()
	}
	assert.Equal(t, "Greet Ada.\n", ask())
	assert.Equal(t, "Prompts.Run 1", srv.Requests("Prompts.Run")[0].Header.Get("X-Attempt"))
	srv.Fail("Prompts.Run", orchestratest.DropAfter())
	assert.Contains(t, ask(), "may have run")
	srv.Restrict(orchestratest.AI(false))
	assert.Contains(t, ask(), "did not run")
}
