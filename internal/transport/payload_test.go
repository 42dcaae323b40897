package transport

import (
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func newPayload() *Payload {
	buf := NewBuffer()
	buf.B = append(buf.B, "body"...)
	return NewPayload(buf)
}

func open(t *testing.T, p *Payload) io.ReadCloser {
	t.Helper()
	r, err := p.Reader()
	require.NoError(t, err)
	body, ok := r.(io.ReadCloser)
	require.True(t, ok)
	return body
}

func TestPayloadCanBeReadAgain(t *testing.T) {
	p := newPayload()
	for range 3 {
		text, err := io.ReadAll(open(t, p))
		require.NoError(t, err)
		assert.Equal(t, "body", string(text))
	}
}

func TestPayloadKnowsWhetherItWasRead(t *testing.T) {
	p := newPayload()
	p.begin()
	body := open(t, p)
	_, _ = body.Read(make([]byte, 1))
	assert.False(t, p.abandon())
	p.begin()
	late := open(t, p)
	require.NoError(t, open(t, p).Close())
	assert.True(t, p.abandon(), "each attempt for itself, and closing is not reading")
	_, err := late.Read(make([]byte, 1))
	require.ErrorIs(t, err, errRetired, "what was not sent will not be")
	text, err := io.ReadAll(open(t, p))
	require.NoError(t, err)
	assert.Equal(t, "body", string(text), "but for the next attempt")
	assert.False(t, (*Payload)(nil).abandon(), "without a body nothing is known")
}

func TestPayloadIsRetiredOnlyWhenNobodyReads(t *testing.T) {
	p := newPayload()
	reading, unread := open(t, p), open(t, p)
	_, _ = reading.Read(make([]byte, 1))
	p.Retire()
	rest, err := io.ReadAll(reading)
	require.NoError(t, err, "a reader that is still at it keeps the buffer")
	assert.Equal(t, "ody", string(rest))
	require.NoError(t, unread.Close())
	p.Retire()
	_, err = reading.Read(make([]byte, 1))
	require.Error(t, err)
	_, err = p.Reader()
	require.ErrorIs(t, err, errRetired)
	require.NoError(t, reading.Close())
	p.Retire()
	(*Payload)(nil).Retire()
}

func TestPayloadCountsAReaderOutOnce(t *testing.T) {
	p := newPayload()
	first, second := open(t, p), open(t, p)
	_, err := io.ReadAll(first)
	require.NoError(t, err)
	require.NoError(t, first.Close(), "after its end, which counts already")
	_, _ = second.Read(make([]byte, 1))
	p.Retire()
	rest, err := io.ReadAll(second)
	require.NoError(t, err)
	assert.Equal(t, "ody", string(rest))
}
