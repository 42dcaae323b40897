package faulttest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

// A streamed list that is none is an error of its own: nobody cancelled. One that was cut may be retried.
func TestStreamOfNoList(t *testing.T) {
	for name, row := range map[string]struct {
		body string
		cut  bool
	}{
		"HTML":                    {body: "<html><h1>Welcome</h1></html>"},
		"null":                    {body: "null"},
		"an empty object":         {body: "{}"},
		"an object without lists": {body: `{"id":"agt_1","usage":{"runs":[1]}}`},
		"nothing":                 {body: ""},
		"white space":             {body: " \n\t "},
		"text":                    {body: "ok"},
		"a string":                {body: `"ok"`},
		"a number":                {body: "12"},
		"something after it":      {body: `[{"id":"agt_1"}] x`},
		"two lists":               {body: `{"a":[{"id":"agt_1"}],"b":[{"id":"agt_2"}]}`},
		"just begun":              {body: `[`, cut: true},
		"an envelope begun":       {body: `{"items":`, cut: true},
		"cut in a name":           {body: `{"ite`, cut: true},
		"cut before the list":     {body: `{"total":7,"meta":{"next":null},`, cut: true},
		"cut in the first one":    {body: `[{"id":"agt_`, cut: true},
		"cut after one":           {body: `[{"id":"agt_1"}`, cut: true},
		"cut after a comma":       {body: `[{"id":"agt_1"},`, cut: true},
	} {
		for way, send := range map[string]func(r *apitest.RawRequest){
			"with a length": func(r *apitest.RawRequest) {
				if !row.cut {
					r.Respond(200, row.body, -1)
					return
				}
				r.Respond(200, row.body+strings.Repeat(" ", 100), len(row.body))
			},
			"without": func(r *apitest.RawRequest) {
				_, _ = io.WriteString(r.Conn, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"+row.body)
			},
		} {
			for timeout, opts := range map[string][]promptorchestra.CallOption{"no timeout": nil, "a timeout": {promptorchestra.WithTimeout(time.Minute)}} {
				t.Run(name+" "+way+", "+timeout, func(t *testing.T) {
					srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool { send(r); return false })
					client := apitest.NewClientAt(t, srv.URL)
					var last error
					n := 0
					for _, err := range client.Agents.All(t.Context(), opts...) {
						require.NoError(t, last, "nothing follows an error")
						last = err
						n++
					}
					var e *promptorchestra.DecodeError
					require.ErrorAs(t, last, &e)
					require.NotErrorIs(t, last, context.Canceled)
					require.NotErrorIs(t, last, context.DeadlineExceeded)
					assert.Equal(t, row.cut, promptorchestra.IsRetryable(last), "%v", last)
					assert.Equal(t, 200, e.StatusCode)
					assert.LessOrEqual(t, n, 2)
				})
			}
		}
	}
}

// A stream that its caller leaves early frees its connection and its goroutines, and tells the observers.
func TestStreamsThatAreLeftEarly(t *testing.T) {
	srv := apitest.NewConnectionCounter(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "[")
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, apitest.Agent+","); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
		}
	}))
	ended := 0
	client := apitest.NewClientAt(t, srv.URL, promptorchestra.WithObserver(func(ctx context.Context, _ promptorchestra.CallInfo) (context.Context, func(promptorchestra.CallResult)) {
		return ctx, func(r promptorchestra.CallResult) {
			assert.NoError(t, r.Err)
			assert.Equal(t, 200, r.StatusCode)
			ended++
		}
	}))
	before := runtime.NumGoroutine()
	for range 20 {
		for _, err := range client.Agents.All(t.Context()) {
			require.NoError(t, err)
			break
		}
	}
	assert.Panics(t, func() {
		for _, err := range client.Agents.All(t.Context()) {
			_ = err
			panic("in the loop")
		}
	})
	assert.Equal(t, 21, ended)
	assert.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+8 }, 20*time.Second, 10*time.Millisecond)
}

// A deadline that passes, or a caller that cancels, while the body of a stream arrives is told from a cut.
func TestStreamThatIsCancelledInItsBody(t *testing.T) {
	for name, row := range map[string]struct {
		ctx  func(context.Context) (context.Context, context.CancelFunc)
		want error
	}{
		"deadline": {ctx: func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 200*time.Millisecond)
		}, want: context.DeadlineExceeded},
		"cancel": {ctx: func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(200*time.Millisecond, cancel)
			return ctx, cancel
		}, want: context.Canceled},
		"cause": {ctx: func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(200*time.Millisecond, func() { cancel(errPatience) })
			return ctx, func() { cancel(nil) }
		}, want: errPatience},
	} {
		t.Run(name, func(t *testing.T) {
			client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, "["+apitest.Agent+",")
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			}))
			ctx, cancel := row.ctx(t.Context())
			defer cancel()
			var last error
			for _, err := range client.Agents.All(ctx) {
				last = err
			}
			require.ErrorIs(t, last, row.want)
			if !errors.Is(row.want, context.DeadlineExceeded) {
				require.ErrorIs(t, last, context.Canceled)
				assert.False(t, promptorchestra.IsRetryable(last))
			}
		})
	}
}

// A script is the body of a stream: what it reads in turn, after some time each. It ends with ctx, as a transport's does.
type script struct {
	ctx   context.Context //nolint:containedctx // the request's
	parts []part
}

type part struct {
	after time.Duration
	text  string
}

func (s *script) Read(p []byte) (int, error) {
	if len(s.parts) == 0 {
		return 0, io.EOF
	}
	select {
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	case <-time.After(s.parts[0].after):
	}
	n := copy(p, s.parts[0].text)
	s.parts = s.parts[1:]
	return n, nil
}

func (s *script) Close() error { return nil }

// A stream that goes silent ends within the timeout, which runs only while its bytes are waited for: each byte begins it
// anew, and neither the loop's body nor the length of the whole counts. By default it is a minute, even if the context
// has a deadline.
func TestTimeoutBetweenTheBytesOfAStream(t *testing.T) {
	element := `{"id":"a"}`
	elements := func(n int, after time.Duration) (parts []part) {
		for i := range n {
			text := "," + element
			if i == 0 {
				text = "[" + element
			}
			parts = append(parts, part{after, text})
		}
		return parts
	}
	for name, row := range map[string]struct {
		parts    []part
		timeout  time.Duration // WithTimeout
		client   time.Duration // the http.Client's Timeout
		deadline time.Duration
		body     time.Duration // of the loop
		zipped   bool
		want     int
		failure  string // "" for none
		took     time.Duration
	}{
		"silent from the start":        {parts: []part{{0, "["}, {time.Hour, "]"}}, timeout: 300 * time.Millisecond, failure: "no more of the response arrived for 300ms", took: 300 * time.Millisecond},
		"silent in the middle":         {parts: append(elements(3, time.Millisecond), part{time.Hour, "]"}), timeout: time.Second, want: 3, failure: "no more of the response arrived for 1s", took: time.Second + 3*time.Millisecond},
		"silent at the end":            {parts: append(elements(1, 0), part{0, "]"}, part{time.Hour, " "}), timeout: time.Second, want: 1, failure: "for 1s", took: time.Second},
		"silent before the first byte": {parts: []part{{time.Hour, "[]"}}, failure: "no more of the response arrived for 1m0s", took: time.Minute},
		"silent beside a deadline":     {parts: append(elements(2, 0), part{time.Hour, "]"}), deadline: time.Hour, want: 2, failure: "for 1m0s", took: time.Minute},
		"the deadline comes first":     {parts: append(elements(2, 0), part{time.Hour, "]"}), deadline: 30 * time.Second, want: 2, failure: "context deadline exceeded", took: 30 * time.Second},
		"by the http.Client's Timeout": {parts: append(elements(2, 0), part{time.Hour, "]"}), client: 10 * time.Second, want: 2, failure: "for 10s", took: 10 * time.Second},
		"a slow body of the loop":      {parts: append(elements(5, 0), part{0, "]"}), timeout: time.Second, body: time.Hour, want: 5, took: 5 * time.Hour},
		"a slow loop, by default":      {parts: append(elements(5, 0), part{0, "]"}), body: 24 * time.Hour, want: 5, took: 5 * 24 * time.Hour},
		"a slow server":                {parts: append(elements(100, 900*time.Millisecond), part{0, "]"}), timeout: time.Second, want: 100, took: 90 * time.Second},
		"both are slow":                {parts: append(elements(100, 900*time.Millisecond), part{0, "]"}), timeout: time.Second, body: 3 * time.Second, want: 100, took: 390 * time.Second},
		"byte by byte":                 {parts: bytewise("["+element+","+element+"]", 59*time.Second), want: 2, took: 23 * 59 * time.Second},
		"gzip that goes silent":        {parts: append(bytewise(string(zip("[" + element + ","))[:12], time.Second), part{time.Hour, ""}), timeout: 2 * time.Second, zipped: true, failure: "for 2s", took: 14 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := apitest.NewStubbedClient(t, func(r *http.Request) (*http.Response, error) {
					resp := apitest.Response(200, "")
					if row.zipped {
						resp.Header.Set("Content-Encoding", "gzip")
					}
					resp.Body = &script{r.Context(), row.parts}
					return resp, nil
				}, promptorchestra.WithHTTPClient(&http.Client{Timeout: row.client}))
				ctx, opts := t.Context(), []promptorchestra.CallOption{}
				if row.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, row.deadline)
					defer cancel()
				}
				if row.timeout > 0 {
					opts = append(opts, promptorchestra.WithTimeout(row.timeout))
				}
				start, n := time.Now(), 0
				var last error
				for _, err := range client.Agents.All(ctx, opts...) {
					if last = err; err == nil {
						n++
						time.Sleep(row.body)
					}
				}
				assert.Equal(t, row.took, time.Since(start))
				assert.Equal(t, row.want, n)
				if row.failure == "" {
					require.NoError(t, last)
					return
				}
				require.ErrorContains(t, last, row.failure)
				require.ErrorIs(t, last, context.DeadlineExceeded)
				require.NotErrorIs(t, last, context.Canceled)
				var e *promptorchestra.DecodeError
				require.ErrorAs(t, last, &e)
				assert.Equal(t, row.deadline == 0 || row.deadline > time.Minute, promptorchestra.IsRetryable(last))
			})
		})
	}
}

func bytewise(text string, after time.Duration) (parts []part) {
	for i := range len(text) {
		parts = append(parts, part{after, text[i : i+1]})
	}
	return parts
}

// Through a real server, over both protocols: a list that goes silent ends.
func TestSilentStreamThroughAServer(t *testing.T) {
	for _, protocol := range []string{"HTTP/1", "HTTP/2"} {
		t.Run(protocol, func(t *testing.T) {
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, "["+apitest.Agent+",")
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			}))
			srv.EnableHTTP2 = protocol == "HTTP/2"
			srv.StartTLS()
			defer srv.Close()
			client := apitest.NewClientAt(t, srv.URL, promptorchestra.WithTransport(srv.Client().Transport), promptorchestra.WithTimeout(time.Second))
			var last error
			n := 0
			for _, err := range client.Agents.All(t.Context()) {
				last = err
				n++
			}
			assert.Equal(t, 2, n)
			assert.ErrorContains(t, last, "no more of the response arrived for 1s")
		})
	}
}
