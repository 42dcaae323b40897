package promptorchestra

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"

	"github.com/prompt-orchestra/promptorchestra-go/internal/transport"
)

// stream makes a call whose response is a list, and decodes it one element at a time while it
// arrives.
func stream[T any](ctx context.Context, c *Client, in call, opts []CallOption) iter.Seq2[T, error] {
	in.stream = true
	return func(yield func(T, error) bool) {
		var zero T
		r, ctx, err := c.start(ctx, in, opts)
		defer func() { r.end(err, nil) }()
		if err != nil {
			yield(zero, err)
			return
		}
		s := newElementStream(r)
		defer s.close()
		for {
			var v T
			var more bool
			more, err = s.next(ctx, &v)
			switch {
			case err != nil:
				yield(zero, noteEnd(ctx, err))
				return
			case !more || !yield(v, nil):
				return
			}
		}
	}
}

// elementStream is a list on its way in.
type elementStream struct {
	request  *request
	input    elementReader
	dec      *json.Decoder
	begun    bool
	envelope bool // the array is a member of an object
	pages    pageMembers
	done     bool
}

func newElementStream(r *request) *elementStream {
	s := &elementStream{
		request: r, input: elementReader{r: r.result.Stream, limit: r.client.core.maxBytes}, done: r.isEmpty(),
	}
	s.dec = json.NewDecoder(&s.input)
	return s
}

// begin finds the array: the answer itself, or the first one in an object.
func (s *elementStream) begin() error {
	token, err := s.dec.Token()
	switch {
	case errors.Is(err, io.EOF):
		return errNoBody
	case err != nil && s.input.first == '<':
		return errHTML
	case err != nil:
		return err //nolint:wrapcheck // fail wraps it
	case token == nil:
		return errNull
	case token == json.Delim('['):
		return nil
	case token != json.Delim('{'):
		return errNotList
	}
	s.envelope = true
	found, err := s.skipToArray()
	if err == nil && !found {
		err = errNotList
	}
	return err
}

// skipToArray reads an object's members up to the next array, into it, or to
// the object's end.
func (s *elementStream) skipToArray() (bool, error) {
	for depth := 1; depth > 0; {
		s.input.mark = s.dec.InputOffset()
		name := depth == 1 && s.dec.More()
		token, err := s.dec.Token()
		if err == nil && name {
			s.pages.see(token)
			token, err = s.dec.Token() // the member's value
		}
		if err != nil {
			return false, err //nolint:wrapcheck // fail wraps it
		}
		if depth == 1 && token == json.Delim('[') {
			s.pages.skipValue()
			return true, nil
		}
		s.pages.see(token)
		switch token {
		case json.Delim('['):
			depth++
		case json.Delim('{'):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
	return false, nil
}

// next decodes the next element into v; false at the list's end.
func (s *elementStream) next(ctx context.Context, v any) (bool, error) {
	if s.done {
		return false, nil
	}
	if !s.begun {
		s.begun = true
		if err := s.begin(); err != nil {
			return false, s.fail(err)
		}
	}
	s.input.mark = s.dec.InputOffset()
	if !s.dec.More() {
		s.done = true
		if err := s.end(); err != nil {
			return false, s.fail(err)
		}
		return false, nil
	}
	err := s.decode(v)
	if err = s.request.accept(ctx, err); err != nil {
		return false, s.fail(err)
	}
	return true, nil
}

func (s *elementStream) decode(v any) error {
	into := s.request.options.into
	if into == nil {
		return s.dec.Decode(v) //nolint:wrapcheck // fail wraps it
	}
	var raw json.RawMessage
	if err := s.dec.Decode(&raw); err != nil {
		return err //nolint:wrapcheck // fail wraps it
	}
	reflect.ValueOf(into).Elem().SetZero()
	if err := tolerate(json.Unmarshal(raw, into)); err != nil {
		return err
	}
	return json.Unmarshal(raw, v) //nolint:wrapcheck // fail wraps it
}

// end reads what follows the last element: a connection read to its end can be
// used again, and a second array would be half of the list.
func (s *elementStream) end() error {
	if _, err := s.dec.Token(); err != nil {
		return err //nolint:wrapcheck // fail wraps it
	}
	if s.envelope {
		if second, err := s.skipToArray(); err != nil || second {
			return cmp.Or(err, errNotList)
		}
	}
	s.input.mark = s.dec.InputOffset()
	if _, err := s.dec.Token(); !errors.Is(err, io.EOF) {
		return cmp.Or(err, errTrailing)
	}
	return nil
}

// fail reports a list that broke off or cannot be read.
func (s *elementStream) fail(err error) error {
	if broken := s.input.err; broken != nil {
		err = broken
	} else if endsEarly(err) {
		err = transport.ErrCut
	}
	return s.request.decodeError(s.request.result.Stream.Explain(err))
}

// endsEarly reports whether the text just ended. As of Go 1.27 a Decoder says so
// with a SyntaxError where it was between two values.
func endsEarly(err error) bool {
	var syntax *json.SyntaxError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.As(err, &syntax) && syntax.Error() == "unexpected end of JSON input"
}

func (s *elementStream) close() {
	_ = s.request.result.Stream.Close() // nothing depends on it any more
	s.request.result.Release()
}

// elementReader limits each element, where a list as a whole has no limit, and
// keeps why reading failed.
type elementReader struct {
	r     io.Reader
	limit int64
	total int64
	mark  int64 // where the element began
	first byte  // of the answer, but for white space
	err   error
}

func (e *elementReader) Read(p []byte) (int, error) {
	if e.err != nil {
		return 0, e.err // the decoder reads on after a failure; only the first one says why
	}
	const separators = 16 // a comma and an indentation belong to no element
	left := e.limit + separators - (e.total - e.mark)
	if left <= 0 {
		e.err = fmt.Errorf("%w of %d bytes an element", transport.ErrTooLarge, e.limit)
		return 0, e.err
	}
	n, err := e.r.Read(p[:min(int64(len(p)), left)])
	if e.first == 0 {
		if text := bytes.TrimLeft(p[:n], " \t\r\n"); len(text) > 0 {
			e.first = text[0]
		}
	}
	e.total += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		e.err = fmt.Errorf("%w: %w", transport.ErrCut, err)
	}
	return n, err //nolint:wrapcheck // a Reader's io.EOF must stay itself
}
