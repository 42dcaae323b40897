package transports

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/afex/hystrix-go/hystrix"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

// breaker is how hystrix is put around a transport: the command returns after its timeout, and what it runs goes on.
type breaker struct {
	command string
	below   http.RoundTripper
	alive   sync.WaitGroup
}

func (b *breaker) RoundTrip(r *http.Request) (*http.Response, error) {
	response := make(chan *http.Response, 1)
	b.alive.Add(1)
	err := hystrix.Do(b.command, func() error {
		defer b.alive.Done()
		resp, err := b.below.RoundTrip(r)
		if err == nil {
			response <- resp
		}
		return err
	}, nil)
	if err != nil {
		return nil, err
	}
	return <-response, nil
}

// A hystrix command around a dial that is slower than its timeout: what it gave up is not sent later.
func TestHystrixAroundASlowDial(t *testing.T) {
	for name, row := range map[string]struct {
		slow     int32 // the number of dials that are slow
		opts     []promptorchestra.CallOption
		attempts int
		arrived  int
	}{
		"always":                  {slow: 100, attempts: 4},
		"always, without a retry": {slow: 100, opts: []promptorchestra.CallOption{promptorchestra.WithoutRetry()}, attempts: 1},
		"twice":                   {slow: 2, attempts: 3, arrived: 1},
	} {
		t.Run(name, func(t *testing.T) {
			hystrix.ConfigureCommand(name, hystrix.CommandConfig{Timeout: 100})
			defer hystrix.Flush()
			srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool { r.Respond(200, `{"runId":"run_1"}`, -1); return true })
			over := make(chan struct{})
			var dials atomic.Int32
			own := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				if dials.Add(1) <= row.slow {
					<-over
				}
				return new(net.Dialer).DialContext(context.WithoutCancel(ctx), network, addr)
			}}
			around := &breaker{command: name, below: own}
			client := apitest.NewClientAt(t, srv.URL, promptorchestra.WithTransport(around))
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var last promptorchestra.Response
			err := apitest.Run(ctx, client, append(row.opts, promptorchestra.WithResponse(&last))...)
			close(over)
			around.alive.Wait()
			assert.Equal(t, row.attempts, last.Attempts)
			assert.False(t, promptorchestra.OutcomeUnknown(err), "%v", err)
			assert.Equal(t, row.arrived, srv.Count(http.MethodPost))
			if row.arrived == 0 {
				require.ErrorIs(t, err, hystrix.ErrTimeout)
			} else {
				require.NoError(t, err)
			}
		})
	}
}
