package transports

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

var executions = flag.Int("executions", 200, "the number of executions over each transport of TestDecisionsThatRaceWithADial")

var errImpatient = errors.New("the request took too long")

// A counter is a server that counts the arrivals of each execution.
type counter struct{ arrived sync.Map }

func (c *counter) of(id string) *atomic.Int32 {
	n, _ := c.arrived.LoadOrStore(id, new(atomic.Int32))
	return n.(*atomic.Int32)
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := strings.Split(r.URL.Path, "/")[3]
	_, _ = io.Copy(io.Discard, r.Body)
	c.of(id).Add(1)
	_, _ = fmt.Fprintf(w, `{"runId":%q}`, id)
}

// A dial is the one of a round. It begins when somebody waits for it, and ends at some time within a millisecond after
// its connection is there.
type dial struct {
	begun   chan struct{} // closed when the transport dials
	wanted  chan struct{} // closed when the hasty execution waits for a connection
	ready   chan struct{} // closed when the connection is there
	dialled atomic.Int32
}

func newDial() *dial {
	return &dial{begun: make(chan struct{}), wanted: make(chan struct{}), ready: make(chan struct{})}
}

// late connects, if it is the first of the round as the round says.
func late[T any](d *dial, connect func() (T, error)) (T, error) {
	if d.dialled.Add(1) > 1 {
		return connect()
	}
	close(d.begun)
	<-d.wanted
	conn, err := connect()
	close(d.ready)
	aMoment()
	return conn, err
}

// aMoment takes up to a millisecond.
func aMoment() {
	for start, d := time.Now(), rand.N(time.Millisecond); time.Since(start) < d; {
		time.Sleep(20 * time.Microsecond)
	}
}

// hasty is a RoundTripper that gives up the first request of an execution so called, at some time within a millisecond
// after its connection is there, and lets the transport below it go on.
type hasty struct {
	below http.RoundTripper
	dial  *dial
	drops bool // the request's cancellation
	alive sync.WaitGroup
	gave  atomic.Bool
}

func (h *hasty) RoundTrip(r *http.Request) (*http.Response, error) {
	info, _ := promptorchestra.Operation(r.Context())
	if !strings.HasPrefix(info.Resource["agentId"], "hasty") || h.gave.Swap(true) {
		return h.below.RoundTrip(r)
	}
	wanted := sync.OnceFunc(func() { close(h.dial.wanted) }) // some transports tell it twice
	ctx := httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{GetConn: func(string) { wanted() }})
	if h.drops {
		ctx = context.WithoutCancel(ctx)
	}
	type result struct {
		resp *http.Response
		err  error
	}
	done := make(chan result)
	over := make(chan struct{})
	defer close(over)
	h.alive.Go(func() {
		resp, err := h.below.RoundTrip(r.WithContext(ctx))
		select {
		case done <- result{resp, err}:
		case <-over:
			if err == nil {
				_ = resp.Body.Close()
			}
		}
	})
	<-h.dial.ready
	aMoment()
	select {
	case got := <-done:
		return got.resp, got.err
	default:
		return nil, errImpatient
	}
}

// A way is a protocol: a server, and transports whose dial is a round's.
type way struct {
	url       string
	transport func(d *dial) (rt http.RoundTripper, closeAll func())
	shared    bool // both executions of a round use one connection
	drops     bool // the RoundTripper drops the cancellation of what it gave up
}

func ways(t *testing.T, handler http.Handler) map[string]way {
	plain := httptest.NewServer(handler)
	t.Cleanup(plain.Close)
	secure := httptest.NewUnstartedServer(handler)
	secure.EnableHTTP2 = true
	secure.StartTLS()
	t.Cleanup(secure.Close)
	unencrypted := httptest.NewUnstartedServer(handler)
	unencrypted.Config.Protocols = new(http.Protocols)
	unencrypted.Config.Protocols.SetUnencryptedHTTP2(true)
	unencrypted.Start()
	t.Cleanup(unencrypted.Close)
	trusted := x509.NewCertPool()
	trusted.AddCert(secure.Certificate())
	config := func(protocol string) *tls.Config {
		return &tls.Config{RootCAs: trusted, NextProtos: []string{protocol}, ServerName: "example.com"}
	}
	inClear := func(d *dial) func(context.Context, string, string) (net.Conn, error) {
		return func(ctx context.Context, network, addr string) (net.Conn, error) {
			ctx = context.WithoutCancel(ctx) // it hears of no cancellation
			return late(d, func() (net.Conn, error) { return new(net.Dialer).DialContext(ctx, network, addr) })
		}
	}
	overTLS := func(d *dial) func(context.Context, string, string) (net.Conn, error) {
		return func(ctx context.Context, network, addr string) (net.Conn, error) {
			ctx = context.WithoutCancel(ctx)
			return late(d, func() (net.Conn, error) { return (&tls.Dialer{Config: config("h2")}).DialContext(ctx, network, addr) })
		}
	}
	http1 := func(d *dial) (http.RoundTripper, func()) {
		own := &http.Transport{DialContext: inClear(d)}
		return own, own.CloseIdleConnections
	}
	return map[string]way{
		"HTTP/1":                           {url: plain.URL, transport: http1},
		"HTTP/1, the cancellation dropped": {url: plain.URL, transport: http1, drops: true},
		"TLS with h2": {url: secure.URL, shared: true, transport: func(d *dial) (http.RoundTripper, func()) {
			own := &http.Transport{DialTLSContext: overTLS(d), MaxConnsPerHost: 1, Protocols: new(http.Protocols)}
			own.Protocols.SetHTTP1(true)
			own.Protocols.SetHTTP2(true)
			return own, own.CloseIdleConnections
		}},
		"h2c": {url: unencrypted.URL, shared: true, transport: func(d *dial) (http.RoundTripper, func()) {
			own := &http.Transport{DialContext: inClear(d), MaxConnsPerHost: 1, Protocols: new(http.Protocols)}
			own.Protocols.SetUnencryptedHTTP2(true)
			return own, own.CloseIdleConnections
		}},
		"TLS with h2 of golang.org/x/net": {url: secure.URL, shared: true, transport: func(d *dial) (http.RoundTripper, func()) {
			dial := overTLS(d)
			own := &http2.Transport{DialTLSContext: func(ctx context.Context, network, addr string, _ *tls.Config) (net.Conn, error) { //nolint:staticcheck // deprecated, and in use
				return dial(ctx, network, addr)
			}}
			return own, own.CloseIdleConnections //nolint:staticcheck // likewise
		}},
		"h2c of golang.org/x/net": {url: unencrypted.URL, shared: true, transport: func(d *dial) (http.RoundTripper, func()) {
			dial := inClear(d)
			own := &http2.Transport{AllowHTTP: true, DialTLSContext: func(ctx context.Context, network, addr string, _ *tls.Config) (net.Conn, error) { //nolint:staticcheck // deprecated, and in use
				return dial(ctx, network, addr)
			}}
			return own, own.CloseIdleConnections //nolint:staticcheck // likewise
		}},
		"HTTP/3 of quic-go": {url: overQUIC(t, handler, secure.TLS.Certificates), shared: true, transport: func(d *dial) (http.RoundTripper, func()) {
			own := &http3.Transport{TLSClientConfig: config("h3")}
			own.Dial = func(ctx context.Context, addr string, tls *tls.Config, quicConfig *quic.Config) (*quic.Conn, error) {
				ctx = context.WithoutCancel(ctx)
				return late(d, func() (*quic.Conn, error) { return quic.DialAddr(ctx, addr, tls, quicConfig) })
			}
			return own, func() { _ = own.Close() }
		}},
	}
}

// overQUIC serves HTTP/3 on loopback.
func overQUIC(t *testing.T, handler http.Handler, certificates []tls.Certificate) (url string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	srv := &http3.Server{Handler: handler, TLSConfig: http3.ConfigureTLSConfig(&tls.Config{Certificates: certificates})}
	var serving sync.WaitGroup
	serving.Go(func() { _ = srv.Serve(conn) })
	t.Cleanup(func() {
		_ = srv.Close()
		_ = conn.Close()
		serving.Wait()
	})
	return "https://" + conn.LocalAddr().String()
}

// A RoundTripper gives up an execution within a millisecond of the end of its dial, and lets the transport go on: it is
// executed once at most, and an executed one is never denied. Another execution that waits for the same connection of
// HTTP/2 or HTTP/3 succeeds, for that connection is not closed.
//
//	go test -run RaceWithADial -executions 10000 -v -timeout 1h .
func TestDecisionsThatRaceWithADial(t *testing.T) {
	server := new(counter)
	for name, way := range ways(t, server) {
		t.Run(name, func(t *testing.T) {
			var next, refused, unknown atomic.Int64
			var workers sync.WaitGroup
			for range 8 {
				workers.Go(func() {
					for n := next.Add(1); n <= int64(*executions); n = next.Add(1) {
						id := fmt.Sprintf("%s-%d", strings.NewReplacer(" ", "-", "/", "-", ",", "-").Replace(name), n)
						gaveUp, err := round(t, way, id)
						arrived := server.of("hasty-" + id).Load()
						switch {
						case err == nil:
							assert.EqualValues(t, 1, arrived, "%s succeeded", id)
						case promptorchestra.OutcomeUnknown(err):
							unknown.Add(1)
							assert.LessOrEqual(t, arrived, int32(1), id)
						default:
							assert.Zero(t, arrived, "%s is denied: %v", id, err)
						}
						if gaveUp {
							refused.Add(1)
						}
						if way.shared {
							assert.EqualValues(t, 1, server.of("calm-"+id).Load(), id)
						}
					}
				})
			}
			workers.Wait()
			t.Logf("%d executions: %d were sent a second time as not sent, %d of unknown outcome", *executions, refused.Load(), unknown.Load())
			assert.Positive(t, refused.Load())
			assert.Positive(t, unknown.Load())
		})
	}
}

// round makes one execution that is given up when its dial ends, and another one where both share the connection. It
// returns when nothing of them is under way.
func round(t *testing.T, way way, id string) (sentAgain bool, err error) {
	d := newDial()
	below, closeAll := way.transport(d)
	giving := &hasty{below: below, dial: d, drops: way.drops}
	client := apitest.NewClientAt(t, way.url, promptorchestra.WithTransport(giving))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run := func(id string, opts ...promptorchestra.CallOption) error {
		_, err := client.Agents.Run(ctx, id, promptorchestra.AgentRunParams{VersionID: "agv_1"}, opts...)
		return err
	}
	var calm sync.WaitGroup
	if way.shared {
		calm.Go(func() { assert.NoError(t, run("calm-"+id)) })
		<-d.begun
	}
	var last promptorchestra.Response
	err = run("hasty-"+id, promptorchestra.WithResponse(&last))
	calm.Wait()
	giving.alive.Wait()
	closeAll()
	return last.Attempts > 1, err
}
