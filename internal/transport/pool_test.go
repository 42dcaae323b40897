package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Over HTTP/2 one connection carries many calls: the pool must neither wait for
// more of them nor lose count.
func TestPoolOverHTTP2(t *testing.T) {
	var opened atomic.Int64
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, 2, r.ProtoMajor)
		_, _ = w.Write([]byte("{}"))
	}))
	srv.EnableHTTP2 = true
	srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	srv.StartTLS()
	defer srv.Close()
	p := newPool()
	p.TLSClientConfig = &tls.Config{RootCAs: srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, MinVersion: tls.VersionTLS12}
	defer p.CloseIdleConnections()
	engine := NewEngine(http.Client{Transport: p}, Policy{})
	base, err := url.Parse(srv.URL)
	require.NoError(t, err)
	get := func(safe bool) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		x := &Exchange{Call: Call{Method: http.MethodGet, URL: *base, Safe: safe, MaxBytes: 100}}
		engine.Do(ctx, x)
		assert.NoError(t, x.Failure)
		assert.Equal(t, http.StatusOK, x.Status)
		x.Release()
	}
	get(true)
	var callers sync.WaitGroup
	for i := range 200 {
		callers.Go(func() { get(i%2 == 0) })
	}
	callers.Wait()
	assert.EqualValues(t, 1, opened.Load(), "one connection serves all calls")
	assert.Zero(t, p.hosts[hostKey{base.Scheme, base.Host}].calls)
}

// Nobody knows how long net/http reads a body: it must not be another call's by then.
func TestPoolGetsACopyOfTheBody(t *testing.T) {
	p := newPool()
	p.DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("down") }
	buf := NewBuffer()
	buf.B = append(buf.B, "aaaa"...)
	kept := buf.B
	x := &Exchange{Call: Call{Method: http.MethodPost, URL: url.URL{Scheme: "http", Host: "x.test", Path: "/"}, Body: NewPayload(buf), MaxBytes: 100}}
	NewEngine(http.Client{Transport: p}, Policy{}).Do(t.Context(), x)
	x.Release()
	copy(kept, "bbbb") // another call's
	late, err := x.request.GetBody()
	if err == nil {
		text, _ := io.ReadAll(late)
		assert.Equal(t, "aaaa", string(text))
	}
}

func TestFailedDialIsNotCounted(t *testing.T) {
	p := newPool()
	x := &Exchange{Call: Call{Method: http.MethodGet, URL: url.URL{Scheme: "http", Host: "127.0.0.1:1", Path: "/"}, MaxBytes: 100, Safe: true}}
	NewEngine(http.Client{Transport: p}, Policy{}).Do(t.Context(), x)
	require.Error(t, x.Failure)
	assert.Eventually(t, func() bool { p.mu.Lock(); defer p.mu.Unlock(); return len(p.hosts) == 0 }, time.Second, time.Millisecond)
}

func TestDialIsPutOffForASecondAtMost(t *testing.T) {
	for name, row := range map[string]struct {
		cancel, flying bool
		took           time.Duration
		want           error
	}{
		"nothing becomes idle": {false, true, maxDialWait, nil},
		"the context ends":     {true, true, time.Millisecond, context.Canceled},
		"the call is served":   {false, false, time.Millisecond, errNotNeeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if row.cancel {
					cancel()
				}
				x := &Exchange{Context: ctx, Call: Call{URL: url.URL{Scheme: "http", Host: "x"}}}
				x.flying.Store(row.flying)
				start := time.Now()
				require.ErrorIs(t, newPool().await(ctx, x, hostKey{"http", "x"}), row.want)
				assert.Equal(t, row.took, time.Since(start))
			})
		})
	}
}

// A stream that was closed counts as no call: it must not allow a dial that nobody needs.
func TestClosedStreamIsNotCounted(t *testing.T) {
	p := newPool()
	defer p.CloseIdleConnections()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "[]") }))
	defer srv.Close()
	x := &Exchange{Call: Call{Method: http.MethodGet, URL: url.URL{Scheme: "http", Host: srv.Listener.Addr().String(), Path: "/"}, MaxBytes: 100, Safe: true, Stream: true}}
	NewEngine(http.Client{Transport: p}, Policy{}).Do(t.Context(), x)
	require.NotNil(t, x.Live)
	key := hostKey{"http", x.URL.Host}
	calls := func() int {
		p.mu.Lock()
		defer p.mu.Unlock()
		if load := p.hosts[key]; load != nil {
			return load.calls
		}
		return 0
	}
	assert.Equal(t, 1, calls())
	require.NoError(t, x.Live.Close())
	assert.Equal(t, 0, calls())
}

func TestPoolSettings(t *testing.T) {
	p := newPool()
	assert.NotNil(t, p.Proxy)
	assert.EqualValues(t, 256<<10, p.MaxResponseHeaderBytes)
	assert.Equal(t, 10*time.Second, p.TLSHandshakeTimeout)
	assert.Equal(t, 90*time.Second, p.IdleConnTimeout)
}
