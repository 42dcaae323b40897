package promptorchestra_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
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
	srv.Config.ConnState = countNew(&opened)
	srv.StartTLS()
	defer srv.Close()
	client := newClientOf(t, srv.URL, promptorchestra.WithHTTPClient(srv.Client()))
	create := func() error {
		return second(client.Agents.Create(t.Context(), promptorchestra.AgentCreateParams{Name: "x"}))
	}
	require.NoError(t, create())
	var callers sync.WaitGroup
	for range 64 {
		callers.Go(func() {
			assert.NoError(t, create())
			assert.NoError(t, second(client.Agents.Get(t.Context(), "agt_1")))
		})
	}
	callers.Wait()
	assert.EqualValues(t, 1, opened.Load())
	assert.EqualValues(t, 129, seen.Swap(0))

	abort.Store(true)
	err := create()
	assert.True(t, promptorchestra.OutcomeUnknown(err), "%v", err)
	assert.EqualValues(t, 1, seen.Swap(0), "an execution or creation is sent once")
	err = second(client.Agents.Get(t.Context(), "agt_1"))
	require.Error(t, err)
	assert.False(t, promptorchestra.OutcomeUnknown(err))
	assert.EqualValues(t, 4, seen.Load(), "a read is sent again")
}
