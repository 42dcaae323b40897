package transport

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each attempt has a body of its own, whatever a RoundTripper does to that of the last one.
func TestAttemptsShareNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		call := post(t)
		call.URL.Host = "api.example.com"
		call.Owner = &owner{header: func(context.Context) (http.Header, error) { return http.Header{"Authorization": {"x"}}, nil }}
		engine := newEngine(func(req *http.Request) (*http.Response, error) {
			assert.Equal(t, http.Header{"Authorization": {"x"}}, req.Header)
			assert.Equal(t, "api.example.com", req.Host, "signers read it")
			body, err := io.ReadAll(req.Body)
			assert.NoError(t, err)
			assert.JSONEq(t, `{"a":1}`, string(body))
			assert.EqualValues(t, len(body), req.ContentLength)
			return respond(429, ""), nil
		})
		r := engine.Do(t.Context(), call)
		defer r.Release()
		assert.Equal(t, 4, r.Attempts())
	})
}

// Without a credential nothing is sent, nor tried again.
func TestAttemptWithoutACredential(t *testing.T) {
	refused := errors.New("no token")
	call := get(t)
	call.Owner = &owner{header: func(context.Context) (http.Header, error) { return nil, refused }}
	r := newEngine(nil).Do(t.Context(), call)
	defer r.Release()
	require.ErrorIs(t, r.Err, refused)
	assert.True(t, r.NotSent)
	assert.True(t, r.NoAuth)
	assert.Zero(t, r.Attempts())
}

// An error says which bound ended the attempt: its timeout, the caller's deadline, or the caller's cause.
func TestExplain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		}
		call := get(t)
		call.Retries, call.Timeout = 0, time.Second
		r := newEngine(hang).Do(t.Context(), call)
		require.EqualError(t, r.Err, "the attempt took longer than 1s: context deadline exceeded")

		call.Stream = true
		r = newEngine(hang).Do(t.Context(), call)
		require.EqualError(t, r.Err, "the attempt took longer than 1s: context deadline exceeded")

		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, errLost)
		defer cancel()
		r = newEngine(hang).Do(ctx, call)
		require.ErrorIs(t, r.Err, context.DeadlineExceeded)
		require.ErrorIs(t, r.Err, errLost)
		assert.NotContains(t, r.Err.Error(), "took longer")
	})
}

// The context of an attempt that is not idempotent ends with it, if it failed, also without a timeout.
func TestAttemptEndsItsContext(t *testing.T) {
	var kept context.Context
	r := newEngine(func(req *http.Request) (*http.Response, error) { kept = req.Context(); return nil, errLost }).Do(t.Context(), post(t))
	require.ErrorIs(t, r.Err, errLost)
	require.NotErrorIs(t, r.Err, context.Canceled, "the error is explained before")
	require.ErrorIs(t, kept.Err(), context.Canceled)
}

// A stream hands its body over, bounds each Read, and ends its context when it is closed.
func TestStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ctx context.Context
		body, write := io.Pipe()
		call := get(t)
		call.Stream, call.ReadTimeout = true, time.Second
		r := newEngine(func(req *http.Request) (*http.Response, error) {
			ctx = req.Context()
			context.AfterFunc(ctx, func() { _ = write.CloseWithError(ctx.Err()) })
			resp := respond(200, "")
			resp.Body = body
			return resp, nil
		}).Do(t.Context(), call)
		require.NoError(t, r.Err)
		go func() {
			time.Sleep(900 * time.Millisecond)
			_, _ = io.WriteString(write, "a")
		}()
		got := make([]byte, 10)
		n, err := r.Stream.Read(got)
		require.NoError(t, err)
		assert.Equal(t, "a", string(got[:n]))
		time.Sleep(time.Hour) // nobody reads
		require.NoError(t, ctx.Err())
		start := time.Now()
		_, err = r.Stream.Read(got)
		assert.Equal(t, time.Second, time.Since(start))
		require.ErrorContains(t, r.Stream.Explain(err), "no more of the response arrived for 1s")
		require.ErrorIs(t, r.Stream.Explain(err), ErrCut)
		require.NoError(t, r.Stream.Close())
		r.Release()
	})
}

// The same without a bound: only Close ends it.
func TestStreamWithoutATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ctx context.Context
		call := get(t)
		call.Stream = true
		r := newEngine(func(req *http.Request) (*http.Response, error) { ctx = req.Context(); return respond(200, "[]"), nil }).Do(t.Context(), call)
		time.Sleep(time.Hour)
		body, err := io.ReadAll(r.Stream)
		require.NoError(t, err)
		assert.Equal(t, "[]", string(body))
		require.NoError(t, ctx.Err())
		require.NoError(t, r.Stream.Close())
		require.ErrorIs(t, ctx.Err(), context.Canceled)
	})
}

// A body that HTTP does not delimit is whole if its owner says so; a failure's error is kept beside its status.
func TestBodiesThatMayBeCut(t *testing.T) {
	for name, row := range map[string]struct {
		status  int
		body    io.Reader
		length  int64
		err     error
		partial bool
	}{
		"whole by its owner":     {200, strings.NewReader("{}"), -1, nil, false},
		"cut by its owner":       {200, strings.NewReader("{..."), -1, ErrCut, false},
		"with a length":          {200, strings.NewReader("{..."), 4, nil, false},
		"a failure cut":          {404, iotest.ErrReader(errLost), 10, errLost, true},
		"a failure too large":    {404, strings.NewReader(strings.Repeat("x", maxErrorBody+1)), -1, nil, true},
		"a success too large":    {200, strings.NewReader(strings.Repeat("x", 1001)), -1, ErrTooLarge, false},
		"a success of the limit": {200, strings.NewReader(strings.Repeat("x", 1000)), -1, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			call := get(t)
			call.Retries = 0
			r := newEngine(func(*http.Request) (*http.Response, error) {
				resp := respond(row.status, "")
				resp.ProtoMajor, resp.ContentLength, resp.Body = 1, row.length, io.NopCloser(row.body)
				return resp, nil
			}).Do(t.Context(), call)
			defer r.Release()
			require.ErrorIs(t, r.Err, row.err)
			assert.Equal(t, row.partial, r.Partial)
		})
	}
}

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
