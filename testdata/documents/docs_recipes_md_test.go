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
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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
	_, err = listPromptsOf(t.Context(), client, "org_1")
	assert.ErrorContains(t, err, "org_1 has not finished its setup")
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

// Neither the token nor a header of the caller's is in the log, and an execution is sent whole and
// once.
func TestWire(t *testing.T) {
	const token = "token-0123456789"
	var received []string
	respond := func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"runId":"run_1","outputText":"Hello Ada"}`) }
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.Equal(t, "Bearer "+token, r.Header.Get("Authorization"))
		received = append(received, string(body))
		w.Header().Set("Set-Cookie", "session=cookie-of-the-server")
		w.Header().Set("X-Request-Id", "req_1")
		respond(w)
	}))
	defer srv.Close()
	var out strings.Builder
	newClient := func(url string, bodies ...string) *promptorchestra.Client {
		out.Reset()
		received = nil
		client, err := promptorchestra.New(
			promptorchestra.WithBaseURL(url), promptorchestra.WithOrganization("org_1"), promptorchestra.WithAccessToken(token),
			promptorchestra.WithHeader("X-Signature", "header-of-the-caller"),
			withWire(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})), bodies...))
		require.NoError(t, err)
		return client
	}
	check := func(shown ...string) {
		t.Helper()
		for _, text := range shown {
			assert.Contains(t, out.String(), text)
		}
		for _, secret := range []string{token, token[:8], "header-of-the-caller", "cookie-of-the-server"} {
			assert.NotContains(t, out.String(), secret)
		}
	}

	require.NoError(t, calls["execution"](t.Context(), newClient(srv.URL)))
	check("msg=request op=Prompts.Run attempt=1 method=POST", "Authorization=[redacted]", "status=200", "X-Request-Id=req_1")
	assert.NotContains(t, out.String(), "Ada")
	require.Len(t, received, 1)
	assert.Contains(t, received[0], `"name":"Ada"`)

	sent := received[0]
	require.NoError(t, calls["execution"](t.Context(), newClient(srv.URL, "Prompts.Run")))
	check(strconv.Quote(sent), "Hello Ada")
	assert.Equal(t, []string{sent}, received)

	// A server that echoes the token, across the end of what is logged.
	for before := 2<<10 - len(token) - 2; before <= 2<<10+2; before++ {
		respond = func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, strings.Repeat(" ", before)+token+strings.Repeat("x", 64<<10))
		}
		require.Error(t, calls["execution"](t.Context(), newClient(srv.URL, "Prompts.Run")))
		check("status=400")
		assert.Less(t, out.Len(), 4<<10)
		assert.Len(t, received, 1)
	}

	// The evidence that nothing was sent is left as it is. DumpRequestOut destroys it.
	closed := httptest.NewServer(nil)
	closed.Close()
	err := calls["execution"](t.Context(), newClient(closed.URL, "Prompts.Run"))
	require.Error(t, err)
	assert.False(t, promptorchestra.OutcomeUnknown(err))
	client, err := promptorchestra.New(
		promptorchestra.WithBaseURL(closed.URL), promptorchestra.WithOrganization("org_1"), promptorchestra.WithAccessToken(token),
		promptorchestra.WithTransportWrapper(func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(req *http.Request) (*http.Response, error) {
				_, _ = httputil.DumpRequestOut(req, true)
				return next.RoundTrip(req)
			})
		}))
	require.NoError(t, err)
	assert.True(t, promptorchestra.OutcomeUnknown(calls["execution"](t.Context(), client)))
}

// A response that is streamed is not held back.
func TestWireOfAStream(t *testing.T) {
	second := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `[{"id":"run_1"},`)
		_ = http.NewResponseController(w).Flush()
		<-second
		_, _ = io.WriteString(w, `{"id":"run_2"}]`)
	}))
	defer srv.Close()
	var out strings.Builder
	client, err := promptorchestra.New(
		promptorchestra.WithBaseURL(srv.URL), promptorchestra.WithOrganization("org_1"), promptorchestra.WithAccessToken("token-0123456789"),
		withWire(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})), "Runs.List"))
	require.NoError(t, err)
	var ids []string
	for run, err := range client.Runs.All(t.Context()) {
		require.NoError(t, err)
		if ids = append(ids, run.ID); len(ids) == 1 {
			close(second)
		}
	}
	assert.Equal(t, []string{"run_1", "run_2"}, ids)
	assert.Equal(t, 1, strings.Count(out.String(), "msg=response"), out.String())
}
