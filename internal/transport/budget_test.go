package transport

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBudget(t *testing.T) {
	b := budget{size: 100, spent: map[string]int{}}
	var taken atomic.Int32
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for b.withdraw("") {
				taken.Add(1)
			}
		})
	}
	callers.Wait()
	assert.EqualValues(t, 100, taken.Load(), "it never holds more than it may, nor gives one twice")
	assert.True(t, b.withdraw("org_1"), "an organization's is its own")
	b.deposit("org_2")
	assert.True(t, b.withdraw(""), "a whole one comes back")
	assert.False(t, b.withdraw(""))
	for range 1000 {
		b.deposit("org_1")
	}
	assert.Empty(t, b.spent, "what is full is forgotten")
	unbounded := budget{size: -1}
	for range 1000 {
		require.True(t, unbounded.withdraw(""))
	}
	unbounded.deposit("org_1")
}
