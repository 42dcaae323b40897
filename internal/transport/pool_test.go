package transport

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
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
