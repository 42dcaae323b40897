package transport

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// connPool is the pool of the clients that bring none of their own. It is an
// http.Transport that keeps at most one connection for each call in flight:
// net/http by itself starts a dial for each call that finds no idle connection,
// and makes the connection even where the call was served by another meanwhile.
type connPool struct {
	http.Transport
	dialer net.Dialer

	mu    sync.Mutex
	hosts map[hostKey]*hostLoad
}

type hostKey struct{ scheme, host string }

// hostLoad counts what goes to a host: calls with an attempt in flight, and
// connections open or being made.
type hostLoad struct{ calls, conns int }

// maxDialWait bounds how long a dial is put off, whatever becomes of the
// connection that it was put off for.
const maxDialWait = time.Second

var errNotNeeded = errors.New("the call was served over another connection")

// pool is sized for a server that calls one host.
var pool = newPool()

func newPool() *connPool {
	p := &connPool{
		dialer: net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second},
		hosts:  map[hostKey]*hostLoad{},
	}
	p.Proxy = http.ProxyFromEnvironment
	p.DialContext = p.dial
	p.ForceAttemptHTTP2 = true
	p.MaxIdleConnsPerHost = 512 // and no limit over all hosts
	p.IdleConnTimeout = 90 * time.Second
	p.TLSHandshakeTimeout = 10 * time.Second
	p.ExpectContinueTimeout = time.Second
	p.MaxResponseHeaderBytes = 256 << 10
	return p
}

// count adds to a host's load, within what only allows, and reports whether it did.
func (p *connPool) count(key hostKey, calls, conns int, only func(*hostLoad) bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	load := p.hosts[key]
	if load == nil {
		load = new(hostLoad)
	}
	if only != nil && !only(load) {
		return false
	}
	p.hosts[key] = load
	load.calls += calls
	load.conns += conns
	if load.calls == 0 && load.conns == 0 {
		delete(p.hosts, key)
	}
	return true
}

func (l *hostLoad) short() bool { return l.conns < l.calls }

// dial makes a connection, once there are fewer than calls.
func (p *connPool) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	x := From(ctx)
	if x == nil {
		return p.dialer.DialContext(ctx, network, addr) //nolint:wrapcheck // net/http's to wrap
	}
	key := hostKey{x.URL.Scheme, x.URL.Host}
	if !p.count(key, 0, 1, (*hostLoad).short) {
		if err := p.await(ctx, x, key); err != nil {
			return nil, err
		}
	}
	conn, err := p.dialer.DialContext(ctx, network, addr)
	if err != nil {
		p.count(key, 0, -1, nil)
		return nil, err //nolint:wrapcheck // net/http's to wrap
	}
	return &countedConn{Conn: conn, pool: p, key: key}, nil
}

// await puts a dial off while there is a connection for each call already: one
// of them is about to become idle.
func (p *connPool) await(ctx context.Context, x *Exchange, key hostKey) error {
	for give := time.Now().Add(maxDialWait); time.Now().Before(give); {
		time.Sleep(time.Millisecond)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case !x.flying.Load():
			return errNotNeeded
		case p.count(key, 0, 1, (*hostLoad).short):
			return nil
		}
	}
	p.count(key, 0, 1, nil)
	return nil
}

// takeOff and land tell the pool, where it is ours, that an attempt begins and
// that it has done with its connection.
func (x *Exchange) takeOff(base http.RoundTripper) {
	if p, ours := base.(*connPool); ours {
		x.pool = p
		x.flying.Store(true)
		p.count(hostKey{x.URL.Scheme, x.URL.Host}, 1, 0, nil)
	}
}

func (x *Exchange) land() {
	if x.pool != nil && x.flying.CompareAndSwap(true, false) {
		x.pool.count(hostKey{x.URL.Scheme, x.URL.Host}, -1, 0, nil)
	}
}

// countedConn tells the pool when it is closed.
type countedConn struct {
	net.Conn
	pool *connPool
	key  hostKey
	once sync.Once
}

func (c *countedConn) Close() error {
	c.once.Do(func() { c.pool.count(c.key, 0, -1, nil) })
	return c.Conn.Close() //nolint:wrapcheck // a net.Conn's own
}
