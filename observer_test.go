package promptorchestra_test

import (
	"context"
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

func TestOperationTellsRoundTrippersTheCall(t *testing.T) {
	type told struct {
		op, template string
		attempt      int
	}
	var all []told
	transport := apitest.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		call, ok := promptorchestra.Operation(r.Context())
		require.True(t, ok)
		all = append(all, told{call.Op, call.Path, call.Attempts})
		return http.DefaultTransport.RoundTrip(r)
	})
	client := apitest.NewClient(t, apitest.InTurn(apitest.Respond(503, ""), apitest.Respond(200, agentDocument)), promptorchestra.WithTransport(transport))
	_, err := client.Agents.Get(t.Context(), "agt_9")
	require.NoError(t, err)
	require.NoError(t, client.Do(t.Context(), promptorchestra.Request{Method: http.MethodGet, Path: "/api/agents/agt_9"}, nil))
	assert.Equal(t, []told{
		{"Agents.Get", "/api/agents/{agentId}", 1},
		{"Agents.Get", "/api/agents/{agentId}", 2},
		{"Do", "", 1}, // its path holds whatever the caller put there
	}, all)

	_, ok := promptorchestra.Operation(t.Context())
	assert.False(t, ok)
}

// A dial may outlive its attempt, and ask what it is for.
func TestOperationBesideTheNextAttempt(t *testing.T) {
	srv := httptest.NewServer(apitest.Respond(200, apitest.Agent))
	t.Cleanup(srv.Close)
	var dials atomic.Int32
	var dialing sync.WaitGroup
	pool := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		dialing.Add(1)
		defer dialing.Done()
		if dials.Add(1) == 1 {
			time.Sleep(500 * time.Millisecond)
		}
		call, _ := promptorchestra.Operation(ctx)
		assert.Equal(t, "Agents.Get", call.Op)
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
	defer pool.CloseIdleConnections()
	require.NoError(t, apitest.Get(t.Context(), apitest.NewClientAt(t, srv.URL, promptorchestra.WithTransport(pool), promptorchestra.WithTimeout(250*time.Millisecond))))
	dialing.Wait()
}
