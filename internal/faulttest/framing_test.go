package faulttest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

// Informational responses before a response are no response, whichever and however many.
func TestInformationalResponsesAreSkipped(t *testing.T) {
	for name, before := range map[string]string{
		"eight times 102":   strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 8),
		"a hundred 102":     strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 100),
		"nine times 100":    strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 9),
		"twenty times 103":  strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n", 20),
		"one of each":       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n",
		"an unknown one":    strings.Repeat("HTTP/1.1 199 Whatever\r\nX-A: 1\r\n\r\n", 7),
		"without a reason":  strings.Repeat("HTTP/1.1 102 \r\n\r\n", 6),
		"of 200 KiB in all": strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: "+strings.Repeat("x", 10<<10)+"\r\n\r\n", 20),
	} {
		for through, opts := range map[string][]promptorchestra.Option{
			"the default transport": nil, "one of the user's": {promptorchestra.WithTransport(&http.Transport{DisableKeepAlives: true})},
		} {
			t.Run(name+" through "+through, func(t *testing.T) {
				srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
					_, _ = io.WriteString(r.Conn, before)
					if strings.HasSuffix(r.URL.Path, "/agents") {
						r.Respond(200, "["+apitest.Agent+"]", -1)
					} else {
						r.Respond(200, `{"id":"agt_1","runId":"run_1"}`, -1)
					}
					return true
				})
				client := apitest.NewClientAt(t, srv.URL, opts...)
				for _, call := range []apitest.Call{apitest.Get, apitest.Run, apitest.Post} {
					var r promptorchestra.Response
					require.NoError(t, call(t.Context(), client, promptorchestra.WithResponse(&r)))
					assert.Equal(t, 1, r.Attempts)
				}
				for _, err := range client.Agents.All(t.Context()) {
					require.NoError(t, err)
				}
				assert.Equal(t, 2, srv.Count(http.MethodPost))
			})
		}
	}
}

func TestInformationalResponsesOverHTTP2(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 8 {
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
		}
		_, _ = io.WriteString(w, `{"id":"agt_1","runId":"run_1"}`)
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	client := apitest.NewClientAt(t, srv.URL, promptorchestra.WithHTTPClient(srv.Client()))
	require.NoError(t, apitest.Run(t.Context(), client))
	require.NoError(t, apitest.Get(t.Context(), client))
}

// A flood of them ends, by their size or by the timeout, and leaves one execution, of unknown outcome.
func TestInformationalResponsesWithoutEnd(t *testing.T) {
	for name, pause := range map[string]time.Duration{"fast": 0, "slow": 5 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
				for {
					if _, err := io.WriteString(r.Conn, "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"); err != nil {
						return false
					}
					time.Sleep(pause)
				}
			})
			err := apitest.Run(t.Context(), apitest.NewClientAt(t, srv.URL, promptorchestra.WithTimeout(2*time.Second)))
			assert.True(t, promptorchestra.OutcomeUnknown(err), "%v", err)
			assert.Equal(t, 1, srv.Count(http.MethodPost))
		})
	}
}

// closeDelimited are responses whose end is that of their connection.
var closeDelimited = map[string]string{
	"close":             "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
	"nothing said":      "HTTP/1.1 200 OK\r\n\r\n",
	"HTTP/1.0":          "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n",
	"identity encoding": "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Encoding: identity\r\n\r\n",
}

// everyForm makes the same call as a record, as a list and as a stream.
var everyForm = map[string]apitest.Call{
	"record": apitest.Get,
	"list": func(ctx context.Context, c *promptorchestra.Client, opts ...promptorchestra.CallOption) error {
		return apitest.ErrorOf(c.Agents.List(ctx, opts...))
	},
	"stream": func(ctx context.Context, c *promptorchestra.Client, opts ...promptorchestra.CallOption) (err error) {
		for _, err = range c.Agents.All(ctx, opts...) {
		}
		return err
	},
}

// A body that ends with its connection in the middle of its JSON was cut: a read is retried, or says that it may be; a
// record, a list and a stream agree.
func TestBodyCutWithItsConnection(t *testing.T) {
	cuts := map[string]string{
		"in a name":        `{"id":"agt_1","na`,
		"in a string":      `{"id":"agt_1","name":"De`,
		"in an escape":     `{"id":"agt_1","name":"D\`,
		"in a number":      `{"id":"agt_1","usage":{"runs":1`,
		"after a member":   `{"id":"agt_1","usage":{"runs":1}`,
		"after the start":  `{`,
		"after white":      "\n\t {\n",
		"after a mark":     "\ufeff" + `[{"id":"agt`,
		"after an element": `[{"id":"agt_1"},{"id":"agt_2"}`,
		"after a comma":    `[{"id":"agt_1"},`,
		"in an element":    `[{"id":"agt_1"},{"id`,
		"in an envelope":   `{"items":[{"id":"agt_1"}],"total":`,
		"after the list":   `{"items":[{"id":"agt_1"}]`,
		"list just begun":  `[`,
	}
	for frame, head := range closeDelimited {
		for where, cut := range cuts {
			for form, call := range everyForm {
				t.Run(fmt.Sprint(frame, " ", where, " ", form), func(t *testing.T) {
					srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
						_, _ = io.WriteString(r.Conn, head+cut)
						return false
					})
					var r promptorchestra.Response
					err := call(t.Context(), apitest.NewClientAt(t, srv.URL), promptorchestra.WithResponse(&r))
					var e *promptorchestra.DecodeError
					require.ErrorAs(t, err, &e)
					require.ErrorIs(t, err, io.ErrUnexpectedEOF)
					assert.True(t, promptorchestra.IsRetryable(err), "%v", err)
					if form != "stream" { // its elements are the caller's by then
						assert.Equal(t, 4, srv.Count(http.MethodGet))
						assert.Equal(t, cut, string(r.Body))
					}
				})
			}
		}
	}
}

// A read whose body was cut once is retried; a body that is whole is not, however it ends.
func TestBodyThatEndsWithItsConnection(t *testing.T) {
	for frame, head := range closeDelimited {
		for form, call := range everyForm {
			t.Run(frame+" "+form, func(t *testing.T) {
				body := map[bool]string{false: apitest.Agent + "\n", true: `{"items":[` + apitest.Agent + `],"total":1}`}[form != "record"]
				srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
					_, _ = io.WriteString(r.Conn, head+body[:len(body)/r.Attempt]) // whole, half, ...
					return false
				})
				client := apitest.NewClientAt(t, srv.URL)
				require.NoError(t, call(t.Context(), client))
				assert.Equal(t, 1, srv.Count(http.MethodGet))
			})
		}
		t.Run(frame+" cut once", func(t *testing.T) {
			srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
				_, _ = io.WriteString(r.Conn, head+apitest.Agent[:len(apitest.Agent)-2+min(r.Attempt, 3)-1])
				return false
			})
			require.NoError(t, apitest.Get(t.Context(), apitest.NewClientAt(t, srv.URL)))
			assert.Equal(t, 3, srv.Count(http.MethodGet))
		})
		t.Run(frame+" execution", func(t *testing.T) {
			srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
				_, _ = io.WriteString(r.Conn, head+`{"runId":"run_1","status":"run`)
				return false
			})
			err := apitest.Run(t.Context(), apitest.NewClientAt(t, srv.URL))
			assert.Equal(t, 1, srv.Count(http.MethodPost))
			assert.True(t, promptorchestra.OutcomeUnknown(err))
		})
	}
}

// Odd but legal framings are read like any other.
func TestOddFramings(t *testing.T) {
	size := fmt.Sprintf("%x", len(apitest.Agent))
	for name, response := range map[string]string{
		"a length and chunks":     "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n" + size + "\r\n" + apitest.Agent + "\r\n0\r\n\r\n",
		"the same length twice":   "HTTP/1.1 200 OK\r\nContent-Length: " + fmt.Sprint(len(apitest.Agent)) + "\r\nContent-Length: " + fmt.Sprint(len(apitest.Agent)) + "\r\n\r\n" + apitest.Agent,
		"trailers":                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" + size + "\r\n" + apitest.Agent + "\r\n0\r\nX-Sum: 1\r\n\r\n",
		"chunk extensions":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + size + ";a=b\r\n" + apitest.Agent + "\r\n0;c\r\n\r\n",
		"HTTP/1.0, with a length": "HTTP/1.0 200 OK\r\nContent-Length: " + fmt.Sprint(len(apitest.Agent)) + "\r\n\r\n" + apitest.Agent,
		"headers of 200 KiB":      "HTTP/1.1 200 OK\r\nX-Long: " + strings.Repeat("x", 200<<10) + "\r\nContent-Length: " + fmt.Sprint(len(apitest.Agent)) + "\r\n\r\n" + apitest.Agent,
	} {
		t.Run(name, func(t *testing.T) {
			srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
				_, _ = io.WriteString(r.Conn, response)
				return false
			})
			client := apitest.NewClientAt(t, srv.URL, promptorchestra.WithTransport(&http.Transport{DisableKeepAlives: true}))
			agent, err := client.Agents.Get(t.Context(), "agt_1")
			require.NoError(t, err)
			assert.Equal(t, "agt_1", agent.ID)
			require.NoError(t, apitest.Post(t.Context(), client))
			assert.Equal(t, 1, srv.Count(http.MethodGet))
			assert.Equal(t, 1, srv.Count(http.MethodPost))
		})
	}
}

// What no HTTP allows is an error: a read is retried, an execution is of unknown outcome, and nothing is sent twice.
func TestBrokenFramings(t *testing.T) {
	for name, response := range map[string]string{
		"two lengths":          "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
		"a negative length":    "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
		"a length of letters":  "HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n{}",
		"a bad chunk":          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
		"no last chunk":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
		"another encoding":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"headers of 300 KiB":   "HTTP/1.1 200 OK\r\nX-Long: " + strings.Repeat("x", 300<<10) + "\r\n\r\n{}",
		"no status":            "HTTP/1.1\r\n\r\n",
		"a status of letters":  "HTTP/1.1 abc OK\r\n\r\n",
		"HTTP/2 in plain text": "\x00\x00\x12\x04\x00\x00\x00\x00\x00",
		"nothing":              "",
	} {
		t.Run(name, func(t *testing.T) {
			srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
				_, _ = io.WriteString(r.Conn, response)
				return false
			})
			client := apitest.NewClientAt(t, srv.URL)
			err := apitest.Run(t.Context(), client)
			assert.True(t, promptorchestra.OutcomeUnknown(err), "%v", err)
			assert.Equal(t, 1, srv.Count(http.MethodPost))
			err = apitest.Get(t.Context(), client)
			require.Error(t, err)
			assert.Equal(t, 4, srv.Count(http.MethodGet), "%v", err)
			assert.True(t, promptorchestra.IsRetryable(err))
		})
	}
}
