package faulttest

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

// The hosted API is likely to be reached over HTTP/2, where a drop is a reset
// stream and one connection serves all calls.
func TestOverHTTP2(t *testing.T) {
	var seen, opened atomic.Int64
	var abort atomic.Bool
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, 2, r.ProtoMajor)
		seen.Add(1)
		if abort.Load() {
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write([]byte(`{"id":"agt_1","name":"x"}`))
	}))
	srv.EnableHTTP2 = true
	srv.Config.ConnState = apitest.CountNew(&opened)
	srv.StartTLS()
	defer srv.Close()
	client := apitest.NewClientAt(t, srv.URL, promptorchestra.WithHTTPClient(srv.Client()))
	create := func() error {
		return apitest.ErrorOf(client.Agents.Create(t.Context(), promptorchestra.AgentCreateParams{Name: "x"}))
	}
	require.NoError(t, create())
	var callers sync.WaitGroup
	for range 64 {
		callers.Go(func() {
			assert.NoError(t, create())
			assert.NoError(t, apitest.ErrorOf(client.Agents.Get(t.Context(), "agt_1")))
		})
	}
	callers.Wait()
	assert.EqualValues(t, 1, opened.Load())
	assert.EqualValues(t, 129, seen.Swap(0))

	abort.Store(true)
	err := create()
	assert.True(t, promptorchestra.OutcomeUnknown(err), "%v", err)
	assert.EqualValues(t, 1, seen.Swap(0), "an execution or creation is sent once")
	err = apitest.ErrorOf(client.Agents.Get(t.Context(), "agt_1"))
	require.Error(t, err)
	assert.False(t, promptorchestra.OutcomeUnknown(err))
	assert.EqualValues(t, 4, seen.Load(), "a read is sent again")
}

// An http2Fault is what a server does to each request once it has arrived: after its headers, or after its body.
type http2Fault struct {
	code   byte // of the reset, or of GOAWAY
	early  bool // after the headers
	goaway bool // ends the connection and says that it did not process the request, in place of a reset
	hints  int  // informational responses before that
}

// http2Server counts the requests that arrive, and does to each of them what a fault says. No server of net/http's can
// choose the code.
func http2Server(t *testing.T, scheme string, fault http2Fault) (base string, arrived *atomic.Int64) {
	t.Helper()
	lender := httptest.NewTLSServer(nil)
	lender.Close()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	if scheme == "https" {
		listener = tls.NewListener(listener, &tls.Config{Certificates: lender.TLS.Certificates, NextProtos: []string{"h2"}})
	}
	arrived = new(atomic.Int64)
	var serving sync.WaitGroup
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			context.AfterFunc(ctx, func() { _ = conn.Close() })
			serving.Go(func() { serveHTTP2(conn, fault, arrived) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		stop()
		serving.Wait()
	})
	return scheme + "://" + listener.Addr().String(), arrived
}

func serveHTTP2(conn net.Conn, fault http2Fault, arrived *atomic.Int64) {
	const data, headers, reset, settings, goaway, ended, header = 0, 1, 3, 4, 7, 1, 9
	defer conn.Close()
	write := func(kind, flags byte, stream, payload []byte) {
		frame := append([]byte{0, 0, byte(len(payload)), kind, flags}, stream...)
		_, _ = conn.Write(append(frame, payload...))
	}
	if _, err := io.CopyN(io.Discard, conn, int64(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))); err != nil {
		return
	}
	write(settings, 0, make([]byte, 4), nil)
	for head := make([]byte, header); ; {
		if _, err := io.ReadFull(conn, head); err != nil {
			return
		}
		if _, err := io.CopyN(io.Discard, conn, int64(head[0])<<16|int64(head[1])<<8|int64(head[2])); err != nil {
			return
		}
		kind, flags := head[3], head[4]
		if kind == settings && flags == 0 {
			write(settings, ended, make([]byte, 4), nil) // acknowledged
		}
		if kind == headers {
			arrived.Add(1)
		}
		if fault.early && kind == headers || !fault.early && (kind == data || kind == headers) && flags&ended != 0 {
			for range fault.hints {
				write(headers, 4, head[5:], []byte("\x08\x03103")) // :status 103, and all headers
			}
			if fault.goaway {
				write(goaway, 0, make([]byte, 4), []byte{0, 0, 0, 0, 0, 0, 0, fault.code}) // the last stream was 0
				return
			}
			write(reset, 0, head[5:], []byte{0, 0, 0, fault.code})
		}
	}
}

// http2Faults are all codes of a reset and of GOAWAY, after the headers and after the body.
func http2Faults() map[string]http2Fault {
	all := map[string]http2Fault{}
	for code := range byte(14) {
		for _, early := range []bool{false, true} {
			at := map[bool]string{false: "after the body", true: "after the headers"}[early]
			all[fmt.Sprintf("reset %d %s", code, at)] = http2Fault{code: code, early: early, hints: int(code % 3)}
			all[fmt.Sprintf("goaway %d %s", code, at)] = http2Fault{code: code, early: early, goaway: true}
		}
	}
	return all
}

// http2Transports are the ways by which requests go over HTTP/2.
var http2Transports = map[string]struct {
	scheme string
	make   func(t *testing.T) http.RoundTripper
}{
	"with TLS":                    {"https", func(t *testing.T) http.RoundTripper { return http2Pool(t) }},
	"without TLS":                 {"http", func(t *testing.T) http.RoundTripper { return http2Pool(t) }},
	"with TLS, in a wrapper":      {"https", func(t *testing.T) http.RoundTripper { return passOn(http2Pool(t)) }},
	"without TLS, in a wrapper":   {"http", func(t *testing.T) http.RoundTripper { return passOn(http2Pool(t)) }},
	"with TLS, without a context": {"https", func(t *testing.T) http.RoundTripper { return dropContext(http2Pool(t)) }},
	"without TLS nor a context":   {"http", func(t *testing.T) http.RoundTripper { return dropContext(http2Pool(t)) }},
	"with TLS, in a clone":        {"https", func(t *testing.T) http.RoundTripper { return cloning(http2Pool(t)) }},
	"without TLS, in a clone":     {"http", func(t *testing.T) http.RoundTripper { return cloning(http2Pool(t)) }},
	"with a TLSNextProto":         {"https", func(t *testing.T) http.RoundTripper { return nextProto(t) }},
	"with a wrapped TLSNextProto": {"https", func(t *testing.T) http.RoundTripper { return passOn(nextProto(t)) }},
	"in an http.Client's place":   {"https", func(t *testing.T) http.RoundTripper { return inClient(http2Pool(t)) }},
	"with connections of its own": {"http", otherConnections},
	"with them, in a wrapper":     {"http", func(t *testing.T) http.RoundTripper { return passOn(otherConnections(t)) }},
}

// passOn is the plainest wrapper.
func passOn(below http.RoundTripper) http.RoundTripper {
	return apitest.RoundTripFunc(func(r *http.Request) (*http.Response, error) { return below.RoundTrip(r) })
}

// dropContext takes the request's context away.
func dropContext(below http.RoundTripper) http.RoundTripper {
	return apitest.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		return below.RoundTrip(r.Clone(context.Background())) // that is the fault
	})
}

// cloning adds a header, as those do that trace.
func cloning(below http.RoundTripper) http.RoundTripper {
	return apitest.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.Header.Set("Traceparent", "00-1-2-01")
		return below.RoundTrip(r)
	})
}

func inClient(below http.RoundTripper) http.RoundTripper {
	client := &http.Client{Transport: below}
	return apitest.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.RequestURI = ""
		return client.Do(r)
	})
}

// otherConnections speaks HTTP/2 over connections of another type than net/http's.
func otherConnections(t *testing.T) http.RoundTripper {
	pool := http2Pool(t)
	pool.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		return struct{ net.Conn }{conn}, err
	}
	return pool
}

// nextProto is an http.Transport with an HTTP/2 of another make, which is given the connection after the handshake.
func nextProto(t *testing.T) *http.Transport {
	pool := &http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}},
		ForceAttemptHTTP2: false,
		TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{"h2": func(_ string, conn *tls.Conn) http.RoundTripper {
			below := http2Pool(t)
			var given atomic.Bool
			below.DialContext = func(context.Context, string, string) (net.Conn, error) {
				if given.Swap(true) {
					return nil, net.ErrClosed
				}
				return struct{ net.Conn }{conn}, nil
			}
			return apitest.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
				r = r.Clone(r.Context())
				r.URL.Scheme = "http" // without TLS: the connection has it already
				return below.RoundTrip(r)
			})
		}},
	}
	t.Cleanup(pool.CloseIdleConnections)
	return pool
}

// net/http repeats by itself what a server reset or says that it did not process, a protocol error without end before Go
// 1.27. An execution is sent once all the same, whatever the transport.
func TestExecutionIsSentOnceWhenAStreamIsReset(t *testing.T) {
	for through, row := range http2Transports {
		t.Run(through, func(t *testing.T) {
			for name, fault := range http2Faults() {
				base, arrived := http2Server(t, row.scheme, fault)
				err := apitest.Run(t.Context(), apitest.NewClientAt(t, base, promptorchestra.WithTransport(row.make(t))))
				assert.EqualValues(t, 1, arrived.Load(), name)
				assert.True(t, promptorchestra.OutcomeUnknown(err), "%s: %v", name, err)
				assert.False(t, promptorchestra.IsRetryable(err), name)
			}
		})
	}
}

// An HTTP/2 that takes the context away beneath an http.Transport, which itself told that it asked for a connection: what
// net/http would repeat by itself is sent once all the same.
func TestExecutionIsSentOnceBeneathATransportThatTellsHalf(t *testing.T) {
	for name, fault := range map[string]http2Fault{
		"refused": {code: 7}, "refused, early": {code: 7, early: true}, "goaway": {goaway: true},
	} {
		base, arrived := http2Server(t, "https", fault)
		pool := nextProto(t)
		below := pool.TLSNextProto["h2"]
		pool.TLSNextProto["h2"] = func(authority string, conn *tls.Conn) http.RoundTripper { return dropContext(below(authority, conn)) }
		err := apitest.Run(t.Context(), apitest.NewClientAt(t, base, promptorchestra.WithTransport(pool), promptorchestra.WithTimeout(5*time.Second)))
		assert.EqualValues(t, 1, arrived.Load(), name)
		assert.True(t, promptorchestra.OutcomeUnknown(err), "%s: %v", name, err)
	}
}

// A read that is reset is retried, and ends.
func TestReadOverHTTP2IsRetriedWithinBounds(t *testing.T) {
	for name, fault := range map[string]http2Fault{
		"internal error": {code: 2}, "enhance your calm": {code: 11}, "goaway": {code: 2, goaway: true}, "protocol error": {code: 1},
	} {
		base, arrived := http2Server(t, "http", fault)
		err := apitest.Get(t.Context(), apitest.NewClientAt(t, base, promptorchestra.WithTransport(http2Pool(t)), promptorchestra.WithTimeout(250*time.Millisecond)))
		require.Error(t, err, name)
		var e *promptorchestra.TransportError
		require.ErrorAs(t, err, &e)
		assert.Equal(t, 4, e.Attempts, name)
		assert.False(t, promptorchestra.OutcomeUnknown(err), name)
		assert.Positive(t, arrived.Load(), name)
	}
}

// http2Pool speaks HTTP/2 with TLS and without.
func http2Pool(t *testing.T) *http.Transport {
	pool := &http.Transport{Protocols: new(http.Protocols), TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	pool.Protocols.SetHTTP2(true)
	pool.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(pool.CloseIdleConnections)
	return pool
}

// Early hints and then a reset leave one request, of unknown outcome.
func TestEarlyHintsWithoutEnd(t *testing.T) {
	base, arrived := http2Server(t, "https", http2Fault{code: 1, hints: 1000})
	err := apitest.Run(t.Context(), apitest.NewClientAt(t, base, promptorchestra.WithTransport(http2Pool(t))))
	assert.True(t, promptorchestra.OutcomeUnknown(err), "%v", err)
	assert.EqualValues(t, 1, arrived.Load())
}
