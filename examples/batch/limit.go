package main

import (
	"context"
	"fmt"
	"net/http"

	"golang.org/x/time/rate"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// limit keeps a client to a number of requests a second. A request whose wait ends early, because
// the batch is to stop or its own time is over, was not sent, and its error says so: ErrNotSent.
func limit(stop context.Context, limiter *rate.Limiter) promptorchestra.Option {
	return promptorchestra.WithTransportWrapper(func(next http.RoundTripper) http.RoundTripper {
		return &limited{stop, limiter, next}
	})
}

type limited struct {
	stop    context.Context //nolint:containedctx // the program's own
	limiter *rate.Limiter
	next    http.RoundTripper
}

// RoundTrip waits for its turn. Only the wait ends with the batch, a request that was sent does
// not.
func (l *limited) RoundTrip(r *http.Request) (*http.Response, error) {
	wait, cancel := context.WithCancel(r.Context())
	defer context.AfterFunc(l.stop, cancel)() //nolint:contextcheck // both contexts end the wait
	defer cancel()
	if err := l.limiter.Wait(wait); err != nil {
		return nil, fmt.Errorf("%w: waiting for the rate limit: %w", promptorchestra.ErrNotSent, err)
	}
	return l.next.RoundTrip(r) //nolint:wrapcheck // a transport's error is its own
}
