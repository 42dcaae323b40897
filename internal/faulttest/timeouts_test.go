package faulttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

// A timeout that is over before anything is sent will be so again: it must not eat the budget that others need.
func TestTimeoutTooShortToSendAnything(t *testing.T) {
	var seen atomic.Int32
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if seen.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, apitest.Agent)
	}))
	for range 200 {
		require.ErrorIs(t, apitest.Get(t.Context(), client, promptorchestra.WithTimeout(time.Nanosecond)), context.DeadlineExceeded)
	}
	assert.Zero(t, seen.Load())
	require.NoError(t, apitest.Get(t.Context(), client), "a retry is left")
}

// The way to a stream's headers is bounded by a timeout like any other.
func TestTimeoutOfAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := 0
		client := apitest.NewStubbedClient(t, func(r *http.Request) (*http.Response, error) { seen++; return hang(r) },
			promptorchestra.WithTimeout(150*time.Millisecond))
		for _, err := range client.Agents.All(t.Context()) {
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NotErrorIs(t, err, context.Canceled, "it was not the caller")
			assert.ErrorContains(t, err, "the attempt took longer than 150ms")
			assert.True(t, promptorchestra.IsRetryable(err))
		}
		assert.Equal(t, 4, seen)
	})
}

// hang is a network from which no response comes.
func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// The headers of a stream come just when its time is up: it is the timeout all the same.
func TestStreamWhoseHeadersComeLate(t *testing.T) {
	late := apitest.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(failingReader{r.Context()}), Request: r}, nil
	})
	for _, err := range apitest.NewClientAt(t, "http://127.0.0.1", promptorchestra.WithTransport(late), promptorchestra.WithTimeout(10*time.Millisecond)).Agents.All(t.Context()) {
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, context.Canceled)
	}
}

type failingReader struct{ ctx context.Context } //nolint:containedctx // it fails as ctx does

func (f failingReader) Read([]byte) (int, error) { return 0, f.ctx.Err() }

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := apitest.NewStubbedClient(t, hang)
		_, err := client.Agents.Get(t.Context(), "agt_1", promptorchestra.WithTimeout(20*time.Millisecond), promptorchestra.WithoutRetry())
		var e *promptorchestra.TransportError
		require.ErrorAs(t, err, &e)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Contains(t, err.Error(), "the attempt took longer than 20ms")
		assert.False(t, e.OutcomeUnknown, "a read has no effect")

		_, err = client.Agents.Create(t.Context(), promptorchestra.AgentCreateParams{Name: "x"}, promptorchestra.WithTimeout(20*time.Millisecond))
		require.ErrorAs(t, err, &e)
		assert.True(t, e.OutcomeUnknown)
		assert.Equal(t, 1, e.Attempts)

		// The earlier one of the timeout and the context's deadline counts.
		long, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err = client.Agents.Get(long, "agt_1", promptorchestra.WithTimeout(20*time.Millisecond))
		require.ErrorAs(t, err, &e)
		assert.Equal(t, 4, e.Attempts, "each attempt is bounded")
		assert.Contains(t, err.Error(), "the attempt took longer than 20ms")

		short, cancel := context.WithTimeout(t.Context(), 40*time.Millisecond)
		defer cancel()
		_, err = client.Agents.Get(short, "agt_1", promptorchestra.WithTimeout(time.Hour))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.NotContains(t, err.Error(), "the attempt took longer")
	})
}

// Which timeout bounds an attempt: the call's own, for executions that of WithExecutionTimeout, that
// of the client, that of the http.Client, and the default, which alone steps back before a deadline.
func TestPrecedenceOfTimeouts(t *testing.T) {
	const call, executions, client, httpClient = 7 * time.Second, 20 * time.Minute, 30 * time.Second, 10 * time.Second
	for name, row := range map[string]struct {
		call, executions, client, httpClient, deadline time.Duration

		read, execution time.Duration // how long an attempt may take
	}{
		"defaults":                   {read: time.Minute, execution: 10 * time.Minute},
		"defaults and a deadline":    {deadline: time.Hour, read: time.Hour, execution: time.Hour},
		"client":                     {client: client, read: client, execution: client},
		"executions":                 {executions: executions, read: time.Minute, execution: executions},
		"executions and a deadline":  {executions: executions, deadline: time.Hour, read: time.Hour, execution: executions},
		"client and executions":      {client: client, executions: executions, read: client, execution: executions},
		"shorter executions":         {client: client, executions: time.Second, read: client, execution: time.Second},
		"call":                       {call: call, client: client, executions: executions, read: call, execution: call},
		"a longer call":              {call: time.Hour, client: client, executions: executions, read: time.Hour, execution: time.Hour},
		"http.Client":                {httpClient: httpClient, read: httpClient, execution: httpClient},
		"http.Client and a deadline": {httpClient: httpClient, deadline: time.Hour, read: httpClient, execution: httpClient},
		"http.Client, executions":    {httpClient: httpClient, executions: executions, read: httpClient, execution: executions},
		"http.Client, client":        {httpClient: httpClient, client: client, read: client, execution: client},
		"http.Client, call":          {httpClient: httpClient, call: time.Minute, read: time.Minute, execution: time.Minute},
		"all, and a deadline": {
			call: call, executions: executions, client: client, httpClient: httpClient, deadline: time.Second,
			read: time.Second, execution: time.Second,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var opts []promptorchestra.Option
			if row.client > 0 {
				opts = append(opts, promptorchestra.WithTimeout(row.client))
			}
			if row.executions > 0 {
				opts = append(opts, promptorchestra.WithExecutionTimeout(row.executions))
			}
			opts = append(opts, promptorchestra.WithHTTPClient(&http.Client{Timeout: row.httpClient}))
			callOpts := []promptorchestra.CallOption{promptorchestra.WithoutRetry()}
			if row.call > 0 {
				callOpts = append(callOpts, promptorchestra.WithTimeout(row.call))
			}
			synctest.Test(t, func(t *testing.T) {
				silent := apitest.NewStubbedClient(t, func(r *http.Request) (*http.Response, error) {
					<-r.Context().Done()
					return nil, r.Context().Err()
				}, opts...)
				for what, check := range map[string]struct {
					call apitest.Call
					want time.Duration
				}{
					"read": {apitest.Get, row.read}, "Do": {apitest.Post, row.read}, "execution": {apitest.Run, row.execution},
					"prompt": {func(ctx context.Context, c *promptorchestra.Client, opts ...promptorchestra.CallOption) error {
						return apitest.ErrorOf(c.Prompts.Run(ctx, "prm_1", promptorchestra.PromptRunParams{}, opts...))
					}, row.execution},
				} {
					ctx, cancel := context.WithCancel(t.Context())
					if row.deadline > 0 {
						ctx, cancel = context.WithTimeout(t.Context(), row.deadline)
					}
					start := time.Now()
					err := check.call(ctx, silent, callOpts...)
					cancel()
					require.ErrorIs(t, err, context.DeadlineExceeded)
					assert.Equal(t, check.want, time.Since(start), what)
					if check.want != row.deadline {
						assert.ErrorContains(t, err, "the attempt took longer than "+check.want.String(), what)
					}
				}
			})
		})
	}
}

func TestDeadlineOfTheCallerIsNotCalledTheAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := apitest.NewStubbedClient(t, hang, promptorchestra.WithHTTPClient(&http.Client{Timeout: time.Minute}))
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		err := apitest.Run(ctx, client)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.NotContains(t, err.Error(), "the attempt took longer")
	})
}

// A body that comes drop by drop is bounded by the attempt's timeout and by the context's deadline, whatever its status.
func TestSlowBodiesObeyTheTimeout(t *testing.T) {
	for _, status := range []int{200, 402, 503} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				drip := func(r *http.Request) (*http.Response, error) {
					resp := apitest.Response(status, "")
					resp.ContentLength, resp.Body = -1, &script{r.Context(), bytewise(strings.Repeat(" ", 1000), 2*time.Millisecond)}
					return resp, nil
				}
				client := apitest.NewStubbedClient(t, drip, promptorchestra.WithTimeout(41*time.Millisecond))
				check := func(err error, took time.Duration) {
					t.Helper()
					require.ErrorIs(t, err, context.DeadlineExceeded)
					var decode *promptorchestra.DecodeError
					var api *promptorchestra.APIError
					if status == 200 {
						require.ErrorAs(t, err, &decode)
					} else {
						require.ErrorAs(t, err, &api)
						assert.Equal(t, status, api.StatusCode)
					}
					assert.Equal(t, 41*time.Millisecond, took)
				}
				start := time.Now()
				err := apitest.Run(t.Context(), client)
				check(err, time.Since(start))
				ctx, cancel := context.WithTimeout(t.Context(), 41*time.Millisecond)
				defer cancel()
				start = time.Now()
				err = apitest.Get(ctx, client, promptorchestra.WithTimeout(time.Hour))
				check(err, time.Since(start))
			})
		})
	}
}

// The same over real connections, whose bodies end because the connection does.
func TestSlowBodiesThroughAServer(t *testing.T) {
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusPaymentRequired)
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, " ")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(time.Millisecond) // a fast server would reach the most that is read of a failure
		}
	}), apitest.OwnPool(t), promptorchestra.WithTimeout(2*time.Second))
	err := apitest.Run(t.Context(), client)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.True(t, promptorchestra.IsEntitlement(err), "%v", err)
}

// A timeout that was given bounds each attempt, whatever longer deadline the context has: of a record, a list and a
// stream, for a client and for a call.
func TestTimeoutBesideALongDeadline(t *testing.T) {
	const short = 250 * time.Millisecond
	for name, row := range map[string]struct {
		client, call time.Duration // 0 where none is given
	}{
		"of the call":                  {call: short},
		"of the client":                {client: short},
		"of the call, client's longer": {client: time.Hour, call: short},
	} {
		for form, call := range everyForm {
			t.Run(name+" "+form, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					seen := 0
					stub := func(r *http.Request) (*http.Response, error) { seen++; return hang(r) }
					var opts []promptorchestra.Option
					if row.client > 0 {
						opts = append(opts, promptorchestra.WithTimeout(row.client))
					}
					var r promptorchestra.Response
					callOpts := []promptorchestra.CallOption{promptorchestra.WithResponse(&r)}
					if row.call > 0 {
						callOpts = append(callOpts, promptorchestra.WithTimeout(row.call))
					}
					ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
					defer cancel()
					err := call(ctx, apitest.NewStubbedClient(t, stub, opts...), callOpts...)
					var e *promptorchestra.TransportError
					require.ErrorAs(t, err, &e)
					require.ErrorIs(t, err, context.DeadlineExceeded)
					assert.ErrorContains(t, err, "the attempt took longer than 250ms")
					assert.Greater(t, r.Attempts, 1, "the deadline is an hour away")
					assert.Equal(t, 4, seen)
					assert.True(t, promptorchestra.IsRetryable(err))
				})
			})
		}
	}
}

// A caller that cancels just when a wait ends: one record in the log for each attempt, and no attempt that was not made.
func TestCancelAtTheEndOfAWait(t *testing.T) {
	for range 40 {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			ctx, cancel := context.WithCancel(t.Context())
			sent := 0
			client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
				sent++
				time.AfterFunc(1, cancel)
				return apitest.Response(503, ""), nil
			}, promptorchestra.WithRetry(promptorchestra.RetryPolicy{MinWait: 1, MaxWait: 1}),
				promptorchestra.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
			err := apitest.Get(ctx, client)
			assert.True(t, promptorchestra.IsServer(err), "the last failure is in it: %v", err)
			assert.True(t, sent > 1 || errors.Is(err, context.Canceled))
			assert.Equal(t, sent, strings.Count(log.String(), " attempt="), log.String())
		})
	}
}
