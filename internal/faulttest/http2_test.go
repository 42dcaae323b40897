package faulttest

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

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

// http2Resetter is a server that takes a whole request, as whole counts, sends early hints, and then resets the stream
// with a code. No server of net/http's can choose the code.
func http2Resetter(t *testing.T, scheme string, code byte, hints int) (base string, whole *atomic.Int64) {
	t.Helper()
	const data, headers, reset, settings, ended, header = 0, 1, 3, 4, 1, 9
	lender := httptest.NewTLSServer(nil)
	lender.Close()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	if scheme == "https" {
		listener = tls.NewListener(listener, &tls.Config{Certificates: lender.TLS.Certificates, NextProtos: []string{"h2"}})
	}
	whole = new(atomic.Int64)
	serve := func(conn net.Conn) {
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
			switch kind, flags := head[3], head[4]; {
			case kind == settings && flags == 0:
				write(settings, ended, make([]byte, 4), nil) // acknowledged
			case (kind == data || kind == headers) && flags&ended != 0:
				whole.Add(1)
				for range hints {
					write(headers, 4, head[5:], []byte("\x08\x03103")) // :status 103, and all headers
				}
				write(reset, 0, head[5:], []byte{0, 0, 0, code})
			}
		}
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	return scheme + "://" + listener.Addr().String(), whole
}

// net/http repeats by itself what was reset with some of these codes, a protocol error without end before Go 1.27.
func TestExecutionIsSentOnceWhenAStreamIsReset(t *testing.T) {
	for name, code := range map[string]byte{"protocol error": 1, "internal error": 2, "refused": 7, "cancelled": 8} {
		for hints, scheme := range []string{"https", "http"} {
			t.Run(name+" over "+scheme, func(t *testing.T) {
				base, whole := http2Resetter(t, scheme, code, hints*3)
				pool := http2Pool()
				defer pool.CloseIdleConnections()
				err := apitest.Run(t.Context(), apitest.NewClientAt(t, base, promptorchestra.WithTransport(pool)))
				assert.EqualValues(t, 1, whole.Load())
				assert.True(t, promptorchestra.OutcomeUnknown(err), "%v", err)
			})
		}
	}
}

// http2Pool speaks HTTP/2 with TLS and without.
func http2Pool() *http.Transport {
	pool := &http.Transport{Protocols: new(http.Protocols), TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	pool.Protocols.SetHTTP2(true)
	pool.Protocols.SetUnencryptedHTTP2(true)
	return pool
}

// Early hints and then a reset leave one request, of unknown outcome.
func TestEarlyHintsWithoutEnd(t *testing.T) {
	base, whole := http2Resetter(t, "https", 1, 1000)
	pool := http2Pool()
	defer pool.CloseIdleConnections()
	err := apitest.Run(t.Context(), apitest.NewClientAt(t, base, promptorchestra.WithTransport(pool)))
	assert.True(t, promptorchestra.OutcomeUnknown(err), "%v", err)
	assert.EqualValues(t, 1, whole.Load())
}
