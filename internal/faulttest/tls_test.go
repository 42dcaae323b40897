package faulttest

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

// damaging is a listener whose connections flip a bit in the middle of one Write, once it is armed.
type damaging struct {
	net.Listener
	armed atomic.Bool
}

func (d *damaging) Accept() (net.Conn, error) {
	conn, err := d.Listener.Accept()
	return &damagedConn{Conn: conn, line: &d.armed}, err
}

type damagedConn struct {
	net.Conn
	line *atomic.Bool // whichever connection writes next
	own  atomic.Bool
}

func (c *damagedConn) Write(p []byte) (int, error) {
	if c.own.CompareAndSwap(true, false) || c.line.CompareAndSwap(true, false) {
		p = append([]byte(nil), p...)
		p[len(p)/2] ^= 1
	}
	return c.Conn.Write(p)
}

// secureServer serves TLS over a listener that may damage what it sends, and trusts its own certificate.
func secureServer(t *testing.T, handle http.HandlerFunc, change func(*tls.Config)) (url string, pool *http.Transport, line *damaging) {
	t.Helper()
	srv := httptest.NewUnstartedServer(handle)
	line = &damaging{Listener: srv.Listener}
	srv.Listener, srv.Config.ErrorLog = line, apitest.DiscardLog
	srv.TLS = new(tls.Config)
	change(srv.TLS)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	pool = promptorchestra.NewTransport()
	pool.TLSClientConfig.RootCAs = srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	t.Cleanup(pool.CloseIdleConnections)
	return srv.URL, pool, line
}

// A message that was damaged on its way, and a server that fails for one handshake, are no reason to give up. An
// execution is retried too if nothing of it was sent, and of unknown outcome otherwise.
func TestTLSAlertsThatPass(t *testing.T) {
	var line *damaging
	var handshakes, arrived atomic.Int32
	inHandshake := func(c *tls.Config) {
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if handshakes.Add(1) == 1 { // not a connection that says goodbye at the same time
				hello.Conn.(*damagedConn).own.Store(true)
			}
			return nil, nil
		}
	}
	for name, row := range map[string]struct {
		config  func(*tls.Config)
		damages bool // the response
		alert   string
		unknown bool
	}{
		"the response is damaged":  {config: func(*tls.Config) {}, damages: true, alert: "bad record MAC", unknown: true},
		"the handshake is damaged": {config: inHandshake, alert: "bad record MAC"},
		"no certificate for one handshake": {config: func(c *tls.Config) {
			c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
				if handshakes.Add(1) == 1 {
					return nil, errors.New("the certificate is being renewed")
				}
				return nil, nil
			}
		}, alert: "internal error"},
	} {
		for form, call := range map[string]apitest.Call{"a read": apitest.Get, "an execution": apitest.Run} {
			t.Run(name+" "+form, func(t *testing.T) {
				handshakes.Store(0)
				arrived.Store(0)
				url, pool, damaged := secureServer(t, func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					if arrived.Add(1) == 1 && row.damages {
						line.armed.Store(true)
					}
					_, _ = io.WriteString(w, `{"id":"agt_1","runId":"run_1"}`)
				}, row.config)
				line = damaged
				pool.DisableKeepAlives = true // each attempt has a handshake
				client := apitest.NewClientAt(t, url, promptorchestra.WithTransport(pool))
				var last promptorchestra.Response
				err := call(t.Context(), client, promptorchestra.WithResponse(&last))
				if row.unknown && form == "an execution" {
					require.ErrorContains(t, err, row.alert)
					assert.True(t, promptorchestra.OutcomeUnknown(err))
					assert.EqualValues(t, 1, arrived.Load())
					return
				}
				require.NoError(t, err)
				assert.Equal(t, 2, last.Attempts)
				if !row.unknown {
					assert.EqualValues(t, 1, arrived.Load())
				}

				handshakes.Store(0)
				if !row.unknown {
					err = call(t.Context(), client, promptorchestra.WithoutRetry())
					require.ErrorContains(t, err, row.alert)
					assert.True(t, promptorchestra.IsRetryable(err), "%v", err)
				}
			})
		}
	}
}

// Any other alert comes again: one handshake, and not retryable.
func TestTLSAlertsThatComeAgain(t *testing.T) {
	for name, row := range map[string]struct {
		server func(*tls.Config)
		client func(*tls.Config)
		text   string
	}{
		"versions": {func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, "protocol version not supported"},
		"no certificate of the client": {
			func(c *tls.Config) { c.ClientAuth, c.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12 },
			func(*tls.Config) {}, "handshake failure",
		},
		"no protocol in common": {func(c *tls.Config) { c.NextProtos = []string{"spdy"} }, func(c *tls.Config) { c.NextProtos = []string{"h3"} }, "no application protocol"},
	} {
		t.Run(name, func(t *testing.T) {
			var handshakes atomic.Int32
			url, pool, _ := secureServer(t, apitest.Respond(200, "{}"), func(c *tls.Config) {
				row.server(c)
				c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { handshakes.Add(1); return nil, nil }
			})
			row.client(pool.TLSClientConfig)
			for i, call := range []apitest.Call{apitest.Get, apitest.Run} {
				err := call(t.Context(), apitest.NewClientAt(t, url, promptorchestra.WithTransport(pool)))
				require.ErrorContains(t, err, row.text)
				assert.EqualValues(t, i+1, handshakes.Load())
				assert.False(t, promptorchestra.IsRetryable(err))
				assert.False(t, promptorchestra.OutcomeUnknown(err))
			}
		})
	}
}
