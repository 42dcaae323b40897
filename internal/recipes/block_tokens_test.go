package recipes

import (
	"cmp"
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
	err     error         // of the last renewal
	renewed chan struct{} // closed after the renewal in progress, else nil
}

func (c *tokenCache) Token(ctx context.Context, _ string) (string, error) {
	rejected, _ := promptorchestra.RejectedToken(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	left := time.Until(c.expires)
	valid := left > 0 && c.token != rejected
	if valid && left > time.Minute {
		return c.token, nil
	}
	renewed := c.renewed
	if renewed == nil {
		renewed = make(chan struct{})
		c.renewed = renewed
		go c.renew()
	}
	if valid {
		return c.token, nil
	}
	c.mu.Unlock()
	select {
	case <-renewed:
	case <-ctx.Done():
	}
	c.mu.Lock()
	return c.token, cmp.Or(ctx.Err(), c.err)
}

func (c *tokenCache) renew() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	token, expires, err := c.fetch(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err = err; err == nil {
		c.token, c.expires = token, expires
	}
	close(c.renewed)
	c.renewed = nil
}
