package promptorchestra

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestOptEqual(t *testing.T) {
	var absent Opt[string]
	assert.True(t, absent.Equal(Opt[string]{}))
	assert.True(t, Null[string]().Equal(Null[string]()))
	assert.True(t, Set("a").Equal(Set("a")))
	assert.True(t, Set([]string{"a"}).Equal(Set([]string{"a"})))
	assert.True(t, Set(RawJSON("[1]")).Equal(Set(RawJSON("[ 1.0 ]"))), "by the value's own method")
	for _, other := range []Opt[string]{Null[string](), Set(""), Set("b")} {
		assert.False(t, absent.Equal(other))
		assert.False(t, other.Equal(absent))
		assert.False(t, Set("a").Equal(other))
	}
}
