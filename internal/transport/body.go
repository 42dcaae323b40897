package transport

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// buffer is a byte slice from a pool.
type buffer struct{ b []byte }

const (
	smallBuffer  = 4 << 10
	maxPooled    = 1 << 20 // larger buffers are rare, and not kept
	maxPresize   = 1 << 20 // the most that is allocated because of a Content-Length
	maxErrorBody = 1 << 20 // the part of a failure's body that is read
)

var buffers = sync.Pool{New: func() any { return &buffer{b: make([]byte, 0, smallBuffer)} }}

// ErrTooLarge means that a body is larger than the limit.
var ErrTooLarge = errors.New("the response is larger than the limit")

// ErrCut means that a body ended before its end.
var ErrCut = fmt.Errorf("the response was cut short: %w", io.ErrUnexpectedEOF)

// fill reads r to its end, or to limit bytes. The declared length sizes the buffer, up to a limit:
// a server may claim any length. What the buffer held before is lost.
func (b *buffer) fill(r io.Reader, declared, limit int64) error {
	b.b = b.b[:0]
	if want := min(declared, limit, maxPresize) + 1; want > int64(cap(b.b)) {
		b.b = make([]byte, 0, want)
	}
	for {
		if len(b.b) == cap(b.b) {
			b.b = slices.Grow(b.b, len(b.b)+smallBuffer)
		}
		room := b.b[len(b.b):cap(b.b)]
		if left := limit + 1 - int64(len(b.b)); int64(len(room)) > left {
			room = room[:left]
		}
		n, err := r.Read(room)
		b.b = b.b[:len(b.b)+n]
		if int64(len(b.b)) > limit {
			b.b = b.b[:limit]
			return fmt.Errorf("%w of %d bytes", ErrTooLarge, limit)
		}
		if err == io.EOF { // not errors.Is: an error that wraps io.EOF is no end
			return nil
		}
		if err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) {
				return ErrCut
			}
			return fmt.Errorf("%w: %w", ErrCut, err)
		}
	}
}

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
