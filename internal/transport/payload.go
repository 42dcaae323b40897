package transport

import (
	"errors"
	"io"
	"sync"
)

// Payload is a request body that can be read again for each attempt, and that
// knows whether a transport read of it: if one did, something may have been sent.
type Payload struct {
	mu      sync.Mutex
	buf     *Buffer
	open    int  // readers that may still read
	made    int  // readers made so far
	dead    int  // the first so many of them may read no more
	read    bool // since the attempt began
	retired bool // the buffer is somebody else's by now
	first   payloadReader
}

var errRetired = errors.New("the request's body was read after the call had ended")

// NewPayload returns a Payload of buf, which belongs to it from now on.
func NewPayload(buf *Buffer) *Payload { return &Payload{buf: buf} }

// Bytes returns the whole body. It may be called until Retire.
func (p *Payload) Bytes() []byte {
	if p == nil {
		return nil
	}
	return p.buf.B
}

// Reader returns a new reader of the body from its beginning, in the form that
// go-retryablehttp asks for.
func (p *Payload) Reader() (io.Reader, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.retired {
		return nil, errRetired
	}
	p.open++
	p.made++
	r := &p.first
	// go-retryablehttp opens the first reader for its length only, and closes it
	// at once: the second may have its place.
	if p.made > 2 || p.made == 2 && (!r.done || r.off > 0) {
		r = new(payloadReader)
	}
	*r = payloadReader{p: p, n: p.made}
	return r, nil
}

// begin forgets, before an attempt, what earlier ones read.
func (p *Payload) begin() {
	if p != nil {
		p.mu.Lock()
		p.read = false
		p.mu.Unlock()
	}
}

// abandon ends an attempt. It reports whether no transport has read of the body
// since begin, and then none will: one that lives on would send it after all.
func (p *Payload) abandon() bool {
	if p == nil {
		return false // no body to tell by
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.read {
		p.dead = p.made
	}
	return !p.read
}

// Retire gives the buffer back to the pool, or, while a transport may still be
// sending it, leaves it to the garbage collector.
func (p *Payload) Retire() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.retired || p.open > 0 {
		return
	}
	p.retired = true
	p.buf.Release()
	p.buf = nil
}

type payloadReader struct {
	p    *Payload
	n    int // which one it is, from 1
	off  int
	done bool // counted out of p.open
}

func (r *payloadReader) Read(b []byte) (int, error) {
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	switch {
	case r.done && r.off == 0, r.p.retired, r.n <= r.p.dead:
		return 0, errRetired
	case r.done:
		return 0, io.EOF
	}
	r.p.read = true
	n := copy(b, r.p.buf.B[r.off:])
	r.off += n
	if r.off == len(r.p.buf.B) {
		r.finish()
		return n, io.EOF
	}
	return n, nil
}

// Len is what go-retryablehttp takes the Content-Length from.
func (r *payloadReader) Len() int {
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	if r.p.retired {
		return 0
	}
	return len(r.p.buf.B) - r.off
}

func (r *payloadReader) Close() error {
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	r.finish()
	return nil
}

func (r *payloadReader) finish() {
	if !r.done {
		r.done = true
		r.p.open--
	}
}
