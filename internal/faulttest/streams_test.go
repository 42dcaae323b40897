package faulttest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
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
		"two lists":               {body: `{"a":[],"b":[]}`},
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
	assert.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+8 }, 5*time.Second, 10*time.Millisecond)
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
