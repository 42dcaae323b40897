package transport

import (
	"errors"
	"sync"
)

// ErrNoBudget means that a retry was not sent, because the budget was used up.
var ErrNoBudget = errors.New("not retried because the client's retry budget is used up")

// budget keeps an outage from being amplified. It counts the retries that were sent beyond the
// responses which show that the server works: of each organization for its rate limits, and under
// "" for all else. Safe for concurrent use.
type budget struct {
	size  int // the most that a count may be; negative for no bound
	mu    sync.Mutex
	spent map[string]int // holds no zeros
}

// withdraw takes a token of a bucket, if there is one.
func (b *budget) withdraw(bucket string) bool {
	if b.size < 0 {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spent[bucket] >= b.size {
		return false
	}
	b.spent[bucket]++
	return true
}

// deposit gives back a token of an organization's bucket, and one of the bucket of all.
func (b *budget) deposit(organization string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, bucket := range [...]string{"", organization} {
		if b.spent[bucket] > 1 {
			b.spent[bucket]--
		} else {
			delete(b.spent, bucket)
		}
	}
}
