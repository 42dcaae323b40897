package transport

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
