package faulttest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

func zip(text string) []byte {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return packed.Bytes()
}

// encoded responds with a Content-Encoding, whatever was asked for.
func encoded(status int, body []byte, codings ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Encoding"] = codings
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}
}

// compressing are transports that ask for compressed responses, and others that do not.
func compressing(t *testing.T) map[string][]promptorchestra.Option {
	plain := &http.Transport{DisableCompression: true}
	t.Cleanup(plain.CloseIdleConnections)
	asking := apitest.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.Header.Set("Accept-Encoding", "gzip, br")
		return plain.RoundTrip(r)
	})
	return map[string][]promptorchestra.Option{
		"the default transport":      nil,
		"one without compression":    {promptorchestra.WithTransport(plain)},
		"a wrapper that asks for it": {promptorchestra.WithTransport(asking)},
	}
}

// A gzip body is read, whoever asked for it: a record, a list, a stream and a failure.
func TestGzipIsReadWhoeverAskedForIt(t *testing.T) {
	record, list, failure := `{"id":"agt_1","name":"Desk","runId":"run_1"}`, `[`+apitest.Agent+`]`, `{"error":"failed","message":"No seats"}`
	for through, opts := range compressing(t) {
		for _, coding := range []string{"gzip", "x-gzip", "GZIP", "identity", ""} {
			t.Run(through+" "+coding, func(t *testing.T) {
				pack := zip
				if coding == "identity" || coding == "" {
					pack = func(text string) []byte { return []byte(text) }
				}
				client := func(status int, body string) *promptorchestra.Client {
					return apitest.NewClient(t, encoded(status, pack(body), coding), opts...)
				}
				agent, err := client(200, record).Agents.Get(t.Context(), "agt_1")
				require.NoError(t, err)
				assert.Equal(t, "Desk", agent.Name)
				require.NoError(t, apitest.Run(t.Context(), client(200, record)))
				agents, err := client(200, list).Agents.List(t.Context())
				require.NoError(t, err)
				assert.Len(t, agents, 1)
				n := 0
				for agent, err := range client(200, list).Agents.All(t.Context()) {
					require.NoError(t, err)
					assert.Equal(t, "Desk", agent.Name)
					n++
				}
				assert.Equal(t, 1, n)
				for _, call := range []apitest.Call{apitest.Get, apitest.Run} {
					err := call(t.Context(), client(402, failure))
					var e *promptorchestra.APIError
					require.ErrorAs(t, err, &e)
					assert.Equal(t, "No seats", e.Message)
					assert.NoError(t, e.Err)
				}
				require.NoError(t, apitest.ErrorOf(client(204, "").Agents.Get(t.Context(), "agt_1")))
			})
		}
	}
}

// Another coding is named in the error, whose text is no binary. A read is not retried for it, and an execution is of
// unknown outcome where the status does not settle it.
func TestOtherCodingsAreNamed(t *testing.T) {
	binary := []byte("\x8b\x03\x80{\"id\"\x00\xff\x1b[31m\x03")
	for _, row := range []struct {
		codings []string
		named   string
	}{
		{codings: []string{"br"}, named: "br"},
		{codings: []string{"BR"}, named: "br"},
		{codings: []string{"zstd"}, named: "zstd"},
		{codings: []string{"deflate"}, named: "deflate"},
		{codings: []string{"gzip, br"}, named: "gzip, br"},
		{codings: []string{"gzip", "br"}, named: "gzip, br"},
		{codings: []string{"x-unknown"}, named: "x-unknown"},
	} {
		for through, opts := range compressing(t) {
			if opts == nil && len(row.codings) > 1 {
				continue // net/http looks at the first line alone, and takes the header away
			}
			t.Run(fmt.Sprint(through, " ", row.codings), func(t *testing.T) {
				client := func(status int) *promptorchestra.Client {
					return apitest.NewClient(t, encoded(status, binary, row.codings...), opts...)
				}
				for form, call := range map[string]apitest.Call{
					"record": apitest.Get, "list": everyForm["list"], "stream": everyForm["stream"], "execution": apitest.Run, "Do": apitest.Post,
				} {
					var r promptorchestra.Response
					err := call(t.Context(), client(200), promptorchestra.WithResponse(&r))
					var decode *promptorchestra.DecodeError
					require.ErrorAs(t, err, &decode, form)
					assert.ErrorContains(t, err, `"`+row.named+`"`, form)
					assert.Equal(t, 1, r.Attempts, form)
					assert.False(t, promptorchestra.IsRetryable(err), form)
					assert.Equal(t, form == "execution" || form == "Do", promptorchestra.OutcomeUnknown(err), form)

					err = call(t.Context(), client(402))
					var e *promptorchestra.APIError
					require.ErrorAs(t, err, &e, form)
					assert.True(t, promptorchestra.IsEntitlement(err), form)
					assert.ErrorContains(t, err, `"`+row.named+`"`, form)
					for _, c := range err.Error() {
						assert.True(t, c >= ' ' && c <= '~', "%s: %q", form, err.Error())
					}
					assert.NotContains(t, e.Message, `"id"`, form)
					assert.Equal(t, binary, e.RawBody, form)
					assert.False(t, promptorchestra.OutcomeUnknown(err), form)
				}
			})
		}
	}
}

// A rate limit that cannot be read may name a run: an execution is not retried.
func TestRateLimitThatCannotBeRead(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"another coding": encoded(429, []byte("\x8b\x03\x80"), "br"),
		"broken gzip":    encoded(429, zip(`{"error":"busy","runId":"run_1"}`)[:20], "gzip"),
		"bad gzip":       encoded(429, []byte("\x1f\x8bno gzip at all"), "gzip"),
		"in gzip":        encoded(429, zip(`{"error":"busy","runId":"run_1"}`), "gzip"),
	} {
		t.Run(name, func(t *testing.T) {
			var r promptorchestra.Response
			err := apitest.Run(t.Context(), apitest.NewClient(t, handler, apitest.OwnPool(t)), promptorchestra.WithResponse(&r))
			assert.True(t, promptorchestra.IsRateLimited(err), "%v", err)
			assert.Equal(t, 1, r.Attempts)
			assert.True(t, promptorchestra.OutcomeUnknown(err))
			assert.False(t, promptorchestra.IsRetryable(err))
		})
	}
}

// Compressed bodies that break off are cut like any other: a read is retried.
func TestGzipThatIsCut(t *testing.T) {
	whole := zip(`{"id":"agt_1","name":"Desk"}`)
	for through, opts := range compressing(t) {
		for _, cut := range []int{1, 2, 5, 10, 12, 20, len(whole) - 1} {
			for form, call := range everyForm {
				t.Run(fmt.Sprint(through, " ", cut, " ", form), func(t *testing.T) {
					var r promptorchestra.Response
					err := call(t.Context(), apitest.NewClient(t, encoded(200, whole[:cut], "gzip"), opts...), promptorchestra.WithResponse(&r))
					var e *promptorchestra.DecodeError
					require.ErrorAs(t, err, &e)
					assert.True(t, promptorchestra.IsRetryable(err), "%v", err)
					if form != "stream" {
						assert.Equal(t, 4, r.Attempts)
					}
				})
			}
		}
	}
}

// A gzip bomb that nobody asked for costs no more than one that was.
func TestGzipBombThatNobodyAskedFor(t *testing.T) {
	bomb := gzipped(200, `{"id":"`, "a", 64<<20)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Accept-Encoding", "gzip")
		bomb.ServeHTTP(w, r)
	})
	pool := &http.Transport{DisableCompression: true}
	defer pool.CloseIdleConnections()
	client := apitest.NewClient(t, handler, promptorchestra.WithTransport(pool), promptorchestra.WithMaxResponseBytes(100_000))
	var err error
	peak := peakHeap(func() { err = apitest.Run(t.Context(), client) })
	var e *promptorchestra.DecodeError
	require.ErrorAs(t, err, &e)
	assert.ErrorContains(t, err, "100000")
	assert.Less(t, peak, uint64(8<<20))
}
