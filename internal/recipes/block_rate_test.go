package recipes

import (
	"fmt"
	"net/http"

	"golang.org/x/time/rate"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

type limited struct {
	next    http.RoundTripper
	limiter *rate.Limiter
}

func (l limited) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := l.limiter.Wait(req.Context()); err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, fmt.Errorf("%w: %w", promptorchestra.ErrNotSent, err)
	}
	return l.next.RoundTrip(req)
}

func withRateLimit(limiter *rate.Limiter) promptorchestra.Option {
	return promptorchestra.WithTransportWrapper(func(next http.RoundTripper) http.RoundTripper { return limited{next, limiter} })
}
