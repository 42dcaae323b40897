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

	"github.com/prompt-orchestra/promptorchestra-go/internal/lenient"
	"github.com/prompt-orchestra/promptorchestra-go/internal/transport"
)

// stream makes a call whose response is a list, and decodes it one element at a time while it
// arrives.
func stream[T any](ctx context.Context, s *service, in call, opts []CallOption) iter.Seq2[T, error] {
	in.stream = true
	return func(yield func(T, error) bool) {
		var zero T
		r, err := s.start(ctx, in, opts)
		defer func() { r.end(err, nil) }()
		if err != nil {
			yield(zero, err)
			return
		}
		s := newElementStream(r, besideList{notWhole: ErrMorePages})
		defer s.close()
		for {
			var v T
			var more bool
			more, err = s.next(&v)
			switch {
			case err != nil:
				yield(zero, err)
				return
			case !more || !yield(v, nil):
				return
			}
		}
	}
}

// elementStream decodes a list while it arrives.
type elementStream struct {
	request  *request
	input    elementReader
	dec      *json.Decoder
	element  json.RawMessage // the last one
	beside   besideList
	envelope bool // the array is a member of an object
	members  int  // of that object, so far
	begun    bool // the response was looked at
	within   bool // the next value is an element
	done     bool // the list has ended
	elements int  // so far
	phantoms bool // some of them are null
	yielded  bool // an element was decoded
	most     int  // elements, after which it is an error; 0 for any number
}

func newElementStream(r *request, beside besideList) *elementStream {
	s := &elementStream{
		request: r, input: elementReader{r: r.result.Stream, limit: r.client.core.maxBytes}, done: r.isEmpty(),
		beside: beside,
	}
	s.dec = json.NewDecoder(&s.input)
	s.dec.UseNumber() // members beside the list may be numbers of any size
	return s
}

// next decodes the next element that is not null into v; false at the list's end.
func (s *elementStream) next(v any) (bool, error) {
	if s.done {
		return false, nil
	}
	if !s.begun {
		s.begun = true
		if err := s.begin(); err != nil {
			_, _ = s.dec.Token() // whether the body broke off after it: then a retry may help
			return false, s.fail(err)
		}
	}
	for s.hasNext() {
		if s.elements++; s.most > 0 && s.elements > s.most {
			return false, s.fail(errEndless)
		}
		switch isNull, err := s.decode(v); {
		case err != nil:
			return false, s.fail(err)
		case !isNull:
			s.yielded = true
			return true, nil
		}
		s.phantoms = true
	}
	s.done = true
	if err := s.end(); err != nil {
		return false, s.fail(err)
	}
	return false, nil
}

func (s *elementStream) hasNext() bool {
	s.input.next(s.dec.InputOffset())
	return s.within && s.dec.More()
}

// begin finds the array: the response itself, or the first one in an object that may be the list.
func (s *elementStream) begin() error {
	token, err := s.dec.Token()
	switch {
	case errors.Is(err, io.EOF):
		return errNoBody
	case err != nil && bytes.HasPrefix(bytes.TrimSpace(s.input.head), []byte("<")):
		return errHTML
	case err != nil:
		return err //nolint:wrapcheck // fail wraps it
	case token == nil:
		return errNull
	case token == json.Delim('['):
		s.within = true
		return nil
	case token != json.Delim('{'):
		return errNotList
	}
	s.envelope = true
	s.within, err = s.skipToList()
	if err == nil && !s.within {
		err = s.beside.err(0)
	}
	return err
}

// skipToList reads an object's members up to the next array that may be the list, into it, or to
// the object's end.
func (s *elementStream) skipToList() (bool, error) {
	const mostMembers = 10_000
	for s.dec.More() {
		if s.members++; s.members > mostMembers {
			return false, errOthers
		}
		s.input.next(s.dec.InputOffset())
		name, err := s.dec.Token()
		if err != nil {
			return false, err //nolint:wrapcheck // fail wraps it
		}
		text, _ := name.(string)
		if isList, err := s.member([]byte(text)); isList || err != nil {
			return isList, err
		}
	}
	_, err := s.dec.Token()
	return false, err //nolint:wrapcheck // fail wraps it
}

// member reads the value of a member beside the list, or the beginning of the list.
func (s *elementStream) member(name []byte) (isList bool, err error) {
	s.input.next(s.dec.InputOffset()) // the size limit holds for each member, as for an element
	token, err := s.dec.Token()
	if err != nil {
		return false, err //nolint:wrapcheck // fail wraps it
	}
	isArray := token == json.Delim('[')
	if s.beside.isList(name, isArray, !s.dec.More()) {
		return true, nil
	}
	if err := s.skip(token); err != nil {
		return false, err
	}
	s.beside.add(name, s.input.until(s.dec.InputOffset()))
	return false, nil
}

// skip reads on to the end of the value that token begins. encoding/json remembers each level,
// before Go 1.27 without a limit.
func (s *elementStream) skip(token json.Token) (err error) {
	const deepest = 10_000 // as encoding/json allows it in one value
	for depth := 0; ; {
		switch token {
		case json.Delim('['), json.Delim('{'):
			depth++
		case json.Delim(']'), json.Delim('}'):
			depth--
		}
		if depth == 0 {
			return nil
		}
		if depth > deepest {
			return errTooDeep
		}
		if token, err = s.dec.Token(); err != nil {
			return err //nolint:wrapcheck // fail wraps it
		}
	}
}

// decode decodes an element, and reports whether it is null, which is no record.
func (s *elementStream) decode(v any) (isNull bool, err error) {
	if err := s.dec.Decode(&s.element); err != nil {
		return false, err //nolint:wrapcheck // fail wraps it
	}
	if s.element[0] == 'n' {
		return true, nil
	}
	err = lenient.Unmarshal(s.element, v, s.request.misfit)
	if into := s.request.options.into; err == nil && into != nil {
		err = s.request.decodeInto(s.element, into)
	}
	return false, err
}

// end reads what follows the last element, because a connection can be reused only if it is read to
// its end, and returns what makes the list unusable or not the whole list.
func (s *elementStream) end() error {
	if err := s.readToEnd(); err != nil {
		return err
	}
	if s.phantoms {
		return errElement
	}
	return s.beside.whole(s.request, s.elements)
}

func (s *elementStream) readToEnd() error {
	if s.within {
		if _, err := s.dec.Token(); err != nil {
			return err //nolint:wrapcheck // fail wraps it
		}
	}
	if s.within && s.envelope {
		lists := 1
		second, err := s.skipToList()
		if second {
			lists++
		}
		if err := cmp.Or(err, s.beside.err(lists)); err != nil {
			return err
		}
	}
	s.input.next(s.dec.InputOffset())
	if _, err := s.dec.Token(); !errors.Is(err, io.EOF) {
		return cmp.Or(err, errTrailing)
	}
	return nil
}

// fail returns the error for a list that broke off or cannot be read. It has the beginning of the
// response, if no element was decoded or the response is a failure.
func (s *elementStream) fail(err error) error {
	if broken := s.input.err; broken != nil {
		err = broken
	} else if endsEarly(err) {
		err = transport.ErrCut
	}
	head := s.request.tokens().Bytes(s.input.head)
	err = s.request.undecodable(s.request.result.Stream.Explain(err), head)
	if e := errorAs[*DecodeError](err); e != nil && (!s.yielded || errors.Is(err, errFailure)) {
		e.Body = head
	}
	return err
}

// endsEarly reports whether the text just ended. As of Go 1.27 a Decoder says so with a SyntaxError
// where it was between two values.
func endsEarly(err error) bool {
	var syntax *json.SyntaxError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.As(err, &syntax) && syntax.Error() == "unexpected end of JSON input"
}

func (s *elementStream) close() {
	_ = s.request.result.Stream.Close() // its error changes nothing
	s.request.result.Release()
}

// elementReader limits the size of each element. It keeps the element, the beginning of the
// response, and the error that ended reading.
type elementReader struct {
	r     io.Reader
	limit int64
	total int64
	mark  int64  // where the element began
	kept  []byte // what was read, from
	from  int64  // at the mark or before it
	head  []byte // the response's first maxRawBody bytes
	err   error
}

func (e *elementReader) Read(p []byte) (int, error) {
	if e.err != nil {
		return 0, e.err // the decoder reads on after a failure; only the first one says why
	}
	const separators = 16 // a comma and an indentation belong to no element
	left := e.limit + separators - (e.total - e.mark)
	if left <= 0 {
		e.err = fmt.Errorf("%w of %d bytes per element", transport.ErrTooLarge, e.limit)
		return 0, e.err
	}
	p = p[:min(int64(len(p)), left)]
	n, err := e.r.Read(p)
	if e.total == 0 {
		for n > 0 && n < len(byteOrderMark) && err == nil && bytes.HasPrefix(byteOrderMark, p[:n]) {
			var more int
			more, err = e.r.Read(p[n:])
			n += more
		}
		n = copy(p, bytes.TrimPrefix(p[:n], byteOrderMark))
	}
	e.keep(p[:n])
	e.total += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		e.err = fmt.Errorf("%w: %w", transport.ErrCut, err)
	}
	return n, err //nolint:wrapcheck // a Reader's io.EOF must stay itself
}

func (e *elementReader) keep(p []byte) {
	if room := maxRawBody - len(e.head); room > 0 {
		e.head = append(e.head, p[:min(len(p), room)]...)
	}
	if done := e.mark - e.from; done > 0 {
		e.kept = append(e.kept[:0], e.kept[min(done, int64(len(e.kept))):]...)
		e.from = e.mark
	}
	e.kept = append(e.kept, p...)
}

// next says where the next element begins.
func (e *elementReader) next(offset int64) { e.mark = offset }

// until returns the element or value, which ends at offset; it is to be used before the next Read.
func (e *elementReader) until(offset int64) []byte {
	return bytes.TrimLeft(e.kept[e.mark-e.from:offset-e.from], ":, \t\r\n")
}
