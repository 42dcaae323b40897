package transport

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
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
			b := new(buffer)
			err := b.fill(row.body, row.declared, row.limit)
			require.ErrorIs(t, err, row.err)
			assert.Len(t, b.b, row.want)
			if row.err != nil && !errors.Is(err, ErrTooLarge) {
				require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			}
			assert.LessOrEqual(t, cap(b.b), maxPresize+1, "a declared length is not believed")
		})
	}
}

// A buffer comes back empty; a large one is not kept.
func TestBuffer(t *testing.T) {
	b := &buffer{b: []byte("secret")}
	require.NoError(t, b.fill(strings.NewReader("body"), -1, 10))
	assert.Equal(t, "body", string(b.b))
	r := Result{buffer: &buffer{b: make([]byte, maxPooled+1)}}
	r.Release()
	r.Release()
	assert.Nil(t, r.buffer)
	pooled, _ := buffers.Get().(*buffer)
	assert.LessOrEqual(t, cap(pooled.b), maxPooled)
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

// gzip is read whoever asked for it, and a body that is declared as gzip and is none as it is. Other codings are named.
func TestDecompressed(t *testing.T) {
	whole := zipped(t, "hello")
	for name, row := range map[string]struct {
		codings []string
		body    string
		want    string
		coded   error // of decompressed
		read    error // of reading
	}{
		"none":                 {nil, "hello", "hello", nil, nil},
		"empty":                {[]string{""}, "hello", "hello", nil, nil},
		"identity":             {[]string{"Identity"}, "hello", "hello", nil, nil},
		"gzip":                 {[]string{"gzip"}, whole, "hello", nil, nil},
		"x-gzip":               {[]string{"X-GZIP"}, whole, "hello", nil, nil},
		"gzip in name only":    {[]string{"gzip"}, "hello", "hello", nil, nil},
		"gzip of nothing":      {[]string{"gzip"}, "", "", nil, nil},
		"gzip of one byte":     {[]string{"gzip"}, "h", "h", nil, nil},
		"gzip, cut":            {[]string{"gzip"}, whole[:len(whole)-3], "hello", nil, io.ErrUnexpectedEOF},
		"gzip, cut at once":    {[]string{"gzip"}, whole[:2], "", nil, io.ErrUnexpectedEOF},
		"br":                   {[]string{"br"}, "\x00", "\x00", ErrEncoded, nil},
		"two":                  {[]string{"gzip", "br"}, whole, whole, ErrEncoded, nil},
		"gzip, which is twice": {[]string{"gzip, gzip"}, whole, whole, ErrEncoded, nil},
	} {
		t.Run(name, func(t *testing.T) {
			resp := respond(200, row.body)
			if row.codings != nil {
				resp.Header = http.Header{"Content-Encoding": row.codings}
			}
			body, err := decompressed(resp)
			require.ErrorIs(t, err, row.coded)
			got, err := io.ReadAll(body)
			require.ErrorIs(t, err, row.read)
			assert.Equal(t, row.want, string(got))
		})
	}
}
