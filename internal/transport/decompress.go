package transport

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// ErrEncoded means that a body has a Content-Encoding that the SDK did not ask for and is not gzip.
var ErrEncoded = errors.New("the response has a Content-Encoding that the SDK did not ask for")

// decompressed returns the body without gzip. net/http leaves gzip in a body if it did not ask for
// it: some proxies send it all the same, and a transport may have its own compression turned off.
func decompressed(resp *http.Response) (io.Reader, error) {
	coding := strings.ToLower(strings.Join(resp.Header["Content-Encoding"], ", "))
	switch coding {
	case "", "identity":
		return resp.Body, nil
	case "gzip", "x-gzip":
		resp.ContentLength, resp.Uncompressed = -1, true
		return &gunzip{body: bufio.NewReader(resp.Body)}, nil
	default:
		return resp.Body, fmt.Errorf("%w: %.80q", ErrEncoded, coding)
	}
}

const gzipMagic = "\x1f\x8b" // the first bytes of gzip

// gunzip reads a body that is declared as gzip. A body that is not gzip is read as it is.
type gunzip struct {
	body *bufio.Reader
	from io.Reader
}

func (g *gunzip) Read(p []byte) (int, error) {
	if g.from == nil {
		g.from = g.body
		if magic, _ := g.body.Peek(2); len(magic) > 0 && strings.HasPrefix(gzipMagic, string(magic)) {
			unzipped, err := gzip.NewReader(g.body)
			if err != nil {
				return 0, fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, err)
			}
			g.from = unzipped
		}
	}
	return g.from.Read(p) //nolint:wrapcheck // a Reader's io.EOF must stay itself
}
