package faulttest

import (
	"context"
	"errors"
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

// A RoundTripper may send a request again that got a response, as net/http documents GetBody for it. Over HTTP/2 nobody
// can tell that from what net/http does by itself after a reset: it is refused.
func TestRoundTripperThatRenewsItsToken(t *testing.T) {
	for _, protocol := range []string{"HTTP/1", "HTTP/1 over TLS", "HTTP/2"} {
		t.Run(protocol, func(t *testing.T) {
			var posts atomic.Int32
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				posts.Add(1)
				if r.Header.Get("X-Gateway") == "" {
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				_, _ = io.Copy(w, r.Body)
			}))
			srv.EnableHTTP2 = protocol == "HTTP/2"
			if protocol == "HTTP/1" {
				srv.Start()
			} else {
				srv.StartTLS()
			}
			defer srv.Close()
			below := srv.Client().Transport
			renewing := apitest.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
				resp, err := below.RoundTrip(r)
				if err != nil || resp.StatusCode != http.StatusUnauthorized {
					return resp, err
				}
				resp.Body.Close()
				again := r.Clone(r.Context())
				again.Header.Set("X-Gateway", "new")
				if again.Body, err = r.GetBody(); err != nil {
					return nil, err
				}
				return below.RoundTrip(again)
			})
			err := apitest.Run(t.Context(), apitest.NewClientAt(t, srv.URL, promptorchestra.WithTransport(renewing)))
			if protocol == "HTTP/2" {
				assert.ErrorContains(t, err, "must not be sent again")
				assert.EqualValues(t, 1, posts.Load())
				return
			}
			require.NoError(t, err)
			assert.EqualValues(t, 2, posts.Load())
		})
	}
}

// An idle connection that dies before anything is written is net/http's to replace, through a transport of the user's too.
func TestConnectionThatDiesUnwritten(t *testing.T) {
	for _, secure := range []bool{false, true} {
		var posts atomic.Int32
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				posts.Add(1)
			}
			_, _ = io.WriteString(w, apitest.Agent)
		}))
		if secure {
			srv.StartTLS()
		} else {
			srv.Start()
		}
		var newest atomic.Pointer[brokenConn]
		pool := srv.Client().Transport.(*http.Transport)
		pool.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			broken := &brokenConn{Conn: conn}
			newest.Store(broken)
			return broken, err
		}
		client := apitest.NewClientAt(t, srv.URL, promptorchestra.WithTransport(pool))
		require.NoError(t, apitest.Get(t.Context(), client))
		newest.Load().broken.Store(true)
		require.NoError(t, apitest.Run(t.Context(), client))
		assert.EqualValues(t, 1, posts.Load())
		srv.Close()
	}
}

// brokenConn takes nothing to write, once it is broken.
type brokenConn struct {
	net.Conn
	broken atomic.Bool
}

func (c *brokenConn) Write(p []byte) (int, error) {
	if c.broken.Load() {
		return 0, errors.New("broken pipe")
	}
	return c.Conn.Write(p)
}

// A RoundTripper that lets go of a request when the context ends may send it after all: the outcome is unknown, and
// nothing is sent beside it.
func TestRoundTripperThatLivesOn(t *testing.T) {
	for name, body := range map[string]func(*http.Request) (io.ReadCloser, error){
		"with the body":    func(r *http.Request) (io.ReadCloser, error) { return r.Body, nil },
		"with another one": func(r *http.Request) (io.ReadCloser, error) { return r.GetBody() },
	} {
		srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool { r.Respond(200, `{"runId":"run_1"}`, -1); return true })
		below := &http.Transport{DisableKeepAlives: true}
		var alive sync.WaitGroup
		var sent atomic.Int32
		detached := apitest.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			type outcome struct {
				resp *http.Response
				err  error
			}
			done := make(chan outcome, 1)
			alive.Go(func() { //nolint:contextcheck // it is to live on
				if sent.Add(1) == 1 {
					time.Sleep(500 * time.Millisecond) // in a queue
				}
				again := r.Clone(context.WithoutCancel(r.Context()))
				var o outcome
				if again.Body, o.err = body(r); o.err == nil {
					o.resp, o.err = below.RoundTrip(again)
				}
				if o.err == nil && r.Context().Err() != nil {
					_ = o.resp.Body.Close() // nobody waits for it any more
				}
				done <- o
			})
			select {
			case o := <-done:
				return o.resp, o.err
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		})
		err := apitest.Run(t.Context(), apitest.NewClientAt(t, srv.URL, promptorchestra.WithTransport(detached), promptorchestra.WithTimeout(250*time.Millisecond)))
		alive.Wait()
		assert.True(t, promptorchestra.OutcomeUnknown(err), "%s: %v", name, err)
		assert.LessOrEqual(t, srv.Count(http.MethodPost), 1, name)
	}
}

// A RoundTripper of the user's own may be sloppy: no answer and no error, no body, no header.
func TestSloppyRoundTrippers(t *testing.T) {
	client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) { return nil, nil }, apitest.FastRetries)
	for _, call := range []apitest.Call{apitest.Get, apitest.Run} {
		var e *promptorchestra.TransportError
		require.ErrorAs(t, call(t.Context(), client), &e)
	}
	for _, status := range []int{0, 101, 200, 204, 302, 404, 999} {
		client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: status}, nil }, apitest.FastRetries)
		for _, call := range []apitest.Call{apitest.Get, apitest.Run, apitest.Post} {
			var last promptorchestra.Response
			err := call(t.Context(), client, promptorchestra.WithResponse(&last))
			assert.Equal(t, status, last.StatusCode)
			assert.Equal(t, status == 204, err == nil)
		}
		for _, err := range client.Agents.All(t.Context()) {
			assert.Error(t, err)
		}
	}
}

// A transport without tracing that read the body may have sent it.
func TestRoundTripperThatTellsNothing(t *testing.T) {
	client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) { return nil, errors.New("connection lost") }, apitest.FastRetries)
	var r promptorchestra.Response
	err := apitest.Run(t.Context(), client, promptorchestra.WithResponse(&r))
	assert.Equal(t, 1, r.Attempts)
	assert.True(t, promptorchestra.OutcomeUnknown(err))
}
