package transport

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type trackedConn struct {
	net.Conn
	closed bool
}

func (c *trackedConn) Close() error { c.closed = true; return nil }

// What the hooks tell, and in which order, decides whether the request was sent.
func TestProvesNotSent(t *testing.T) {
	getConn := func(s *sent) { s.getConn("") }
	gotConn := func(s *sent) { s.gotConn(httptrace.GotConnInfo{}) }
	wrote := func(s *sent) { s.wroteHeaderField("Host", nil) }
	pseudo := func(s *sent) { s.wroteHeaderField(":authority", nil) }
	again := func(s *sent) { s.mayResend() }
	hooks := func(all ...func(*sent)) []func(*sent) { return all }
	for name, row := range map[string]struct {
		hooks       []func(*sent)
		err         error
		own, shared bool // whether it proves that nothing was sent: over a transport of the user's, over the default one
	}{
		"nothing told":                {hooks(), errLost, false, true},
		"nothing told, refused":       {hooks(), ErrNotSent, true, true},
		"asked":                       {hooks(getConn), errLost, true, true},
		"connected":                   {hooks(getConn, gotConn), errLost, false, false},
		"connected, refused":          {hooks(getConn, gotConn), ErrNotSent, false, false},
		"asked again":                 {hooks(getConn, gotConn, getConn), errLost, false, true},
		"wrote, and half told":        {hooks(getConn, wrote), errLost, false, false},
		"HTTP/2, half told":           {hooks(getConn, pseudo), errLost, false, false},
		"asked for the body":          {hooks(again), ErrNotSent, false, true},
		"asked for the body too soon": {hooks(getConn, again), errLost, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, shared := range []bool{false, true} {
				s := &sent{shared: shared}
				for _, hook := range row.hooks {
					hook(s)
				}
				assert.Equal(t, map[bool]bool{false: row.own, true: row.shared}[shared], s.provesNotSent(fmt.Errorf("x: %w", row.err)), "shared: %v", shared)
			}
		})
	}
	assert.False(t, (*sent)(nil).provesNotSent(errLost))
}

// A connection that comes after the decision is closed at the first header field of HTTP/1, and at no other time: those
// of HTTP/2 and HTTP/3 belong to other calls too.
func TestLateConnection(t *testing.T) {
	s := new(sent)
	s.getConn("")
	require.True(t, s.provesNotSent(errLost))
	late := new(trackedConn)
	s.gotConn(httptrace.GotConnInfo{Conn: late})
	assert.False(t, late.closed, "it may be that of others")
	s.wroteHeaderField("Host", nil)
	assert.True(t, late.closed)
	assert.False(t, s.mayResend())

	shared := new(trackedConn)
	s.gotConn(httptrace.GotConnInfo{Conn: shared})
	for _, name := range []string{":authority", ":method", "content-type"} {
		s.wroteHeaderField(name, nil)
	}
	assert.False(t, shared.closed)

	s.gotConn(httptrace.GotConnInfo{}) // of a transport that has none to show
	s.wroteHeaderField("Host", nil)

	early := new(trackedConn)
	s = new(sent)
	s.gotConn(httptrace.GotConnInfo{Conn: early})
	require.False(t, s.provesNotSent(errLost))
	s.wroteHeaderField("Host", nil)
	assert.False(t, early.closed, "the outcome is unknown: the server may be at work")
}

// Either the connection comes first or the decision does, whatever the order in which they run.
func TestDecisionAndConnectionAtOnce(t *testing.T) {
	for range 2000 {
		s, conn := new(sent), new(trackedConn)
		s.getConn("")
		var notSent bool
		var both sync.WaitGroup
		both.Go(func() { notSent = s.provesNotSent(errLost) })
		both.Go(func() {
			s.gotConn(httptrace.GotConnInfo{Conn: conn})
			s.wroteHeaderField("Host", nil)
		})
		both.Wait()
		if notSent {
			require.True(t, conn.closed)
		}
	}
}

// The body is given out again only where that means what net/http does by itself.
func TestMayResend(t *testing.T) {
	assert.True(t, (*sent)(nil).mayResend())
	assert.True(t, (&sent{shared: true}).mayResend())
	s := new(sent)
	s.gotConn(httptrace.GotConnInfo{})
	assert.True(t, s.mayResend(), "an idle connection died before anything was written")
	s.wroteHeaderField("X-Idempotency-Key", nil)
	assert.False(t, s.mayResend(), "net/http would send it again")

	req := new(http.Request)
	s = new(sent)
	s.setBody(req, &Call{Body: []byte("x")})
	_, err := req.GetBody()
	require.ErrorIs(t, err, errResend)
	assert.EqualValues(t, 1, req.ContentLength)
	assert.False(t, s.provesNotSent(errors.Join(err, ErrNotSent)))
}

func TestIsIdempotencyKey(t *testing.T) {
	for name, want := range map[string]bool{"Idempotency-Key": true, "x-idempotency-key": true, "Idempotency": false, "": false} {
		assert.Equal(t, want, IsIdempotencyKey(name), name)
	}
}
