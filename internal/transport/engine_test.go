package transport

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var errLost = errors.New("connection lost")

// What a call comes to: its attempts, and the outcome of the last one.
func TestDo(t *testing.T) {
	for name, row := range map[string]struct {
		call     func(*testing.T) *Call
		respond  func(attempt int) (*http.Response, error)
		attempts int
		status   int
		body     string
		err      error
	}{
		"a response": {get, func(int) (*http.Response, error) { return respond(200, "{}"), nil }, 1, 200, "{}", nil},
		"a failure":  {get, func(int) (*http.Response, error) { return respond(404, "no"), nil }, 1, 404, "no", nil},
		"a failure that passes": {get, func(n int) (*http.Response, error) {
			return respond(map[bool]int{true: 503, false: 200}[n < 3], "x"), nil
		}, 3, 200, "x", nil},
		"a failure that stays":            {get, func(int) (*http.Response, error) { return respond(503, "x"), nil }, 4, 503, "x", nil},
		"a failure that is final":         {get, func(int) (*http.Response, error) { return respond(503, "final"), nil }, 1, 503, "final", nil},
		"no response":                     {get, func(int) (*http.Response, error) { return nil, errLost }, 4, 0, "", errLost},
		"an execution that fails":         {post, func(int) (*http.Response, error) { return respond(503, "x"), nil }, 1, 503, "x", nil},
		"an execution, rate limited":      {post, func(int) (*http.Response, error) { return respond(429, "x"), nil }, 4, 429, "x", nil},
		"an execution without a response": {post, func(int) (*http.Response, error) { return nil, errLost }, 1, 0, "", errLost},
		"an execution that was not sent":  {post, func(int) (*http.Response, error) { return nil, ErrNotSent }, 4, 0, "", ErrNotSent},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				attempt := 0
				engine := newEngine(func(*http.Request) (*http.Response, error) { attempt++; return row.respond(attempt) })
				call, told := row.call(t), 0
				call.Observe = func(*Result, time.Duration) { told++ }
				r := engine.Do(t.Context(), call)
				defer r.Release()
				assert.Equal(t, row.attempts, r.Attempts())
				assert.Equal(t, row.status, r.StatusCode)
				assert.Equal(t, row.body, string(r.Body))
				require.ErrorIs(t, r.Err, row.err)
				assert.Equal(t, row.attempts, told, "the caller is told of each attempt")
			})
		})
	}
}

// A wait that is cut off leaves the outcome of the last attempt, and says why it ended.
func TestDoEndsInAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		patience := errors.New("no patience")
		ctx, cancel := context.WithCancelCause(t.Context())
		engine := newEngine(func(*http.Request) (*http.Response, error) {
			time.AfterFunc(time.Nanosecond, func() { cancel(patience) })
			return respond(503, "x"), nil
		})
		r := engine.Do(ctx, get(t))
		defer r.Release()
		require.ErrorIs(t, r.Ended, context.Canceled)
		require.ErrorIs(t, r.Ended, patience)
		assert.Equal(t, 1, r.Attempts())
		assert.Equal(t, "x", string(r.Body))
	})
}

// A call that http.Client rejects was not sent, and has an error.
func TestDoIsRejected(t *testing.T) {
	engine := newEngine(func(*http.Request) (*http.Response, error) { panic("not sent") })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := engine.Do(ctx, post(t))
	defer r.Release()
	require.ErrorIs(t, r.Err, context.Canceled)
	assert.True(t, r.NotSent)
	assert.Zero(t, r.Attempts())
}

// RoundTrippers and token sources find the call by the context, beside what the caller has put there.
func TestFromContext(t *testing.T) {
	type callersKey struct{}
	call := get(t)
	engine := newEngine(func(req *http.Request) (*http.Response, error) {
		assert.Equal(t, "caller's", req.Context().Value(callersKey{}))
		owner, attempts := FromContext(req.Context())
		assert.Same(t, call.Owner, owner)
		assert.Equal(t, 1, attempts)
		return respond(200, ""), nil
	})
	engine.Do(context.WithValue(t.Context(), callersKey{}, "caller's"), call).Release()
	nobody, attempts := FromContext(t.Context())
	assert.Nil(t, nobody)
	assert.Zero(t, attempts)
}

type closing struct {
	http.RoundTripper
	closed *int
}

func (c closing) CloseIdleConnections() { *c.closed++ }

// Both the transport and what wraps it close their idle connections, if they can.
func TestCloseIdleConnections(t *testing.T) {
	inner, outer := 0, 0
	wrap := func(rt http.RoundTripper) http.RoundTripper { return closing{rt, &outer} }
	NewEngine(closing{nil, &inner}, wrap, Policy{}).CloseIdleConnections()
	assert.Equal(t, 1, inner)
	assert.Equal(t, 1, outer)
	newEngine(nil).CloseIdleConnections()
}
