package transport

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A body is read to its end or to the limit, whatever length it declares and however it arrives.
func TestFill(t *testing.T) {
	for name, row := range map[string]struct {
		body     io.Reader
		declared int64
		limit    int64
		want     int // bytes
		err      error
	}{
		"empty":                   {strings.NewReader(""), 0, 10, 0, nil},
		"below the limit":         {strings.NewReader("12345"), 5, 10, 5, nil},
		"of the limit":            {strings.NewReader("12345"), 5, 5, 5, nil},
		"beyond the limit":        {strings.NewReader("123456"), 6, 5, 5, ErrTooLarge},
		"no length":               {strings.NewReader(strings.Repeat("x", 100_000)), -1, 1 << 20, 100_000, nil},
		"a length of more":        {strings.NewReader("12345"), 1 << 62, 1 << 62, 5, nil},
		"byte by byte":            {iotest.OneByteReader(strings.NewReader(strings.Repeat("x", 10_000))), 10_000, 1 << 20, 10_000, nil},
		"data with its end":       {iotest.DataErrReader(strings.NewReader("12345")), 5, 10, 5, nil},
		"broken off":              {io.MultiReader(strings.NewReader("123"), iotest.ErrReader(errLost)), 5, 10, 3, errLost},
		"an unexpected end":       {io.MultiReader(strings.NewReader("123"), iotest.ErrReader(io.ErrUnexpectedEOF)), 5, 10, 3, ErrCut},
		"an error that wraps EOF": {iotest.ErrReader(errors.Join(io.EOF)), 5, 10, 0, ErrCut},
	} {
		t.Run(name, func(t *testing.T) {
			b := NewBuffer()
			defer b.Release()
			err := b.fill(row.body, row.declared, row.limit)
			require.ErrorIs(t, err, row.err)
			assert.Len(t, b.B, row.want)
			if row.err != nil && !errors.Is(err, ErrTooLarge) {
				require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			}
			assert.LessOrEqual(t, cap(b.B), maxPresize+1, "a declared length is not believed")
		})
	}
}

// A buffer comes back empty; a large one is not kept.
func TestBuffer(t *testing.T) {
	b := NewBuffer()
	n, err := b.Write([]byte("secret"))
	require.NoError(t, err)
	assert.Equal(t, 6, n)
	b.Release()
	assert.Empty(t, NewBuffer().B)
	(*Buffer)(nil).Release()
	(&Buffer{B: make([]byte, maxPooled+1)}).Release()
	assert.LessOrEqual(t, cap(NewBuffer().B), maxPooled)
}
