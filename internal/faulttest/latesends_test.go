package faulttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

var errImpatient = errors.New("the request took too long")

// impatient is a RoundTripper that returns before the one below it has, and lets that one go on: a select with a timer,
// a hystrix command, a breaker of the user's own. It gives up all requests but the patient-th.
type impatient struct {
	patient int
	refusal error
	below   http.RoundTripper
	context func(context.Context) context.Context // what becomes of the request's
	dialing chan struct{}                         // a dial began: the time at which it gives up
	alive   sync.WaitGroup                        // the requests that go on
	n       int
}

func (i *impatient) RoundTrip(r *http.Request) (*http.Response, error) {
	type result struct {
		resp *http.Response
		err  error
	}
	i.n++
	done := make(chan result, 1)
	patient := i.n == i.patient
	i.alive.Go(func() {
		resp, err := i.below.RoundTrip(r.Clone(i.context(r.Context())))
		if err == nil && !patient {
			_ = resp.Body.Close() // nobody waits for it any more
		}
		done <- result{resp, err}
	})
	<-i.dialing
	if patient {
		got := <-done
		return got.resp, got.err
	}
	return nil, i.refusal
}

// A RoundTripper that lets its inner one go on gave up a request that was in its dial: it was not sent, so that it is
// retried, and what comes of the dial later sends nothing. An execution is executed once at most, and an executed one
// never denied, though the wrapper drops the request's cancellation (over HTTP/1).
func TestRoundTripperThatGivesUpInTheDial(t *testing.T) {
	for name, row := range map[string]struct {
		refusal  error
		context  func(context.Context) context.Context
		patient  int
		attempts int
		opts     []promptorchestra.CallOption
	}{
		"a select with a timer":                    {refusal: errImpatient, attempts: 4},
		"a select with a timer, without a retry":   {refusal: errImpatient, attempts: 1, opts: []promptorchestra.CallOption{promptorchestra.WithoutRetry()}},
		"patient the third time":                   {refusal: errImpatient, patient: 3, attempts: 3},
		"a circuit breaker that lives on":          {refusal: fmt.Errorf("open: %w", promptorchestra.ErrNotSent), attempts: 4},
		"one that drops the cancellation":          {refusal: errImpatient, context: context.WithoutCancel, attempts: 4},
		"one that drops it, and is patient later":  {refusal: errImpatient, context: context.WithoutCancel, patient: 2, attempts: 2},
		"a breaker that drops it":                  {refusal: promptorchestra.ErrNotSent, context: context.WithoutCancel, attempts: 4},
		"one that gives up as a timeout would":     {refusal: context.DeadlineExceeded, attempts: 4},
		"one that gives up as a closed connection": {refusal: io.ErrUnexpectedEOF, attempts: 4},
	} {
		t.Run(name, func(t *testing.T) {
			srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool { r.Respond(200, `{"runId":"run_1"}`, -1); return true })
			over := make(chan struct{})
			own := &http.Transport{DisableKeepAlives: true}
			giving := &impatient{patient: row.patient, refusal: row.refusal, below: own, context: row.context, dialing: make(chan struct{})}
			if giving.context == nil {
				giving.context = func(ctx context.Context) context.Context { return ctx }
			}
			dials := 0
			own.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) { // it hears of no cancellation
				dials++
				mayWait := dials != row.patient
				giving.dialing <- struct{}{}
				if mayWait {
					<-over
				}
				return new(net.Dialer).DialContext(context.WithoutCancel(ctx), network, addr)
			}
			client := apitest.NewClientAt(t, srv.URL, promptorchestra.WithTransport(giving))
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // so that the attempts have no timeout
			defer cancel()
			var last promptorchestra.Response
			err := apitest.Run(ctx, client, append(row.opts, promptorchestra.WithResponse(&last))...)
			close(over)
			giving.alive.Wait()
			assert.Equal(t, row.attempts, last.Attempts)
			assert.False(t, promptorchestra.OutcomeUnknown(err), "%v", err)
			if row.patient > 0 {
				require.NoError(t, err)
				assert.Equal(t, 1, srv.Count(http.MethodPost))
				return
			}
			require.ErrorIs(t, err, row.refusal)
			assert.Zero(t, srv.Count(http.MethodPost), "it is said not to have been sent: %v", err)
		})
	}
}

// The connection came before the RoundTripper gave up: the outcome is unknown, and nothing is sent beside it.
func TestRoundTripperThatGivesUpOnceItIsConnected(t *testing.T) {
	arrived, over := make(chan struct{}), make(chan struct{})
	srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
		close(arrived)
		<-over
		r.Respond(200, `{"runId":"run_1"}`, -1)
		return true
	})
	giving := &impatient{
		refusal: errImpatient, below: &http.Transport{DisableKeepAlives: true}, dialing: arrived,
		context: func(ctx context.Context) context.Context { return ctx },
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := apitest.Run(ctx, apitest.NewClientAt(t, srv.URL, promptorchestra.WithTransport(giving)))
	close(over)
	giving.alive.Wait()
	require.ErrorIs(t, err, errImpatient)
	assert.True(t, promptorchestra.OutcomeUnknown(err))
	assert.Equal(t, 1, srv.Count(http.MethodPost))
}

// A RoundTripper that has a request in a queue when the context ends tells nothing of it, and may send it after all: the
// outcome is unknown, and nothing is sent beside it.
func TestRoundTripperThatLivesOn(t *testing.T) {
	for name, body := range map[string]func(*http.Request) (io.ReadCloser, error){
		"with the body":    func(r *http.Request) (io.ReadCloser, error) { return r.Body, nil },
		"with another one": func(r *http.Request) (io.ReadCloser, error) { return r.GetBody() },
	} {
		t.Run(name, func(t *testing.T) {
			srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool { r.Respond(200, `{"runId":"run_1"}`, -1); return true })
			below := &http.Transport{DisableKeepAlives: true}
			ctx, cancel := context.WithCancel(t.Context())
			queue := make(chan struct{})
			var alive sync.WaitGroup
			detached := apitest.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
				alive.Go(func() { //nolint:contextcheck // it is to live on
					<-queue
					again := r.Clone(context.WithoutCancel(r.Context()))
					var err error
					if again.Body, err = body(r); err != nil {
						return
					}
					if resp, err := below.RoundTrip(again); err == nil {
						_ = resp.Body.Close()
					}
				})
				cancel()
				return nil, r.Context().Err()
			})
			err := apitest.Run(ctx, apitest.NewClientAt(t, srv.URL, promptorchestra.WithTransport(detached)))
			close(queue)
			alive.Wait()
			assert.True(t, promptorchestra.OutcomeUnknown(err), "%v", err)
			assert.Zero(t, srv.Count(http.MethodPost), "what comes after the decision sends nothing")
		})
	}
}

// A RoundTripper that signs what GetBody returns is told what to do instead. The outcome stays unknown: one that asks
// for the body may have sent it before.
func TestRoundTripperThatSignsGetBody(t *testing.T) {
	sign := func(body func(*http.Request) (io.ReadCloser, error)) promptorchestra.Option {
		return promptorchestra.WithTransportWrapper(func(below http.RoundTripper) http.RoundTripper {
			return apitest.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
				text, err := body(r)
				if err != nil {
					return nil, fmt.Errorf("signing: %w", err)
				}
				signed, err := io.ReadAll(text)
				if err != nil {
					return nil, err
				}
				again := r.Clone(r.Context())
				again.Header.Set("X-Signature", fmt.Sprint(len(signed)))
				again.Body = io.NopCloser(bytes.NewReader(signed))
				return below.RoundTrip(again)
			})
		})
	}
	srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
		assert.Equal(t, fmt.Sprint(len(r.Body)), r.Header.Get("X-Signature"))
		r.Respond(200, `{"runId":"run_1"}`, -1)
		return true
	})
	err := apitest.Run(t.Context(), apitest.NewClientAt(t, srv.URL, sign(func(r *http.Request) (io.ReadCloser, error) { return r.GetBody() })))
	require.ErrorContains(t, err, "a RoundTripper that signs requests must read Body instead")
	assert.True(t, promptorchestra.OutcomeUnknown(err))
	assert.Zero(t, srv.Count(http.MethodPost))

	err = apitest.Run(t.Context(), apitest.NewClientAt(t, srv.URL, sign(func(r *http.Request) (io.ReadCloser, error) { return r.Body, nil })))
	require.NoError(t, err)
	assert.Equal(t, 1, srv.Count(http.MethodPost))
}
