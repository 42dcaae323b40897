package recipes

import (
	"context"
	"sync"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

type tokenCache struct {
	fetch func(ctx context.Context) (token string, expires time.Time, err error)

	mu      sync.Mutex
	token   string
	expires time.Time
	running *renewal // nil while nothing is renewed
}

type renewal struct {
	done  chan struct{}
	token string
	err   error
}

func newTokenCache(fetch func(ctx context.Context) (string, time.Time, error)) *tokenCache {
	return &tokenCache{fetch: fetch}
}

func (c *tokenCache) Token(ctx context.Context, _ string) (string, error) {
	rejected, _ := promptorchestra.RejectedToken(ctx)
	c.mu.Lock()
	token, left := c.token, time.Until(c.expires)
	good := left > 0 && token != rejected
	if good && left > time.Minute {
		c.mu.Unlock()
		return token, nil
	}
	if c.running == nil {
		c.running = &renewal{done: make(chan struct{})}
		go c.renew(c.running)
	}
	running := c.running
	c.mu.Unlock()
	if good {
		return token, nil
	}
	select {
	case <-running.done:
		return running.token, running.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (c *tokenCache) renew(r *renewal) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	token, expires, err := c.fetch(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	r.token, r.err = token, err
	if err == nil {
		c.token, c.expires = token, expires
	}
	c.running = nil
	close(r.done)
}
