package faulttest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

// peakHeap returns by how much the heap grew, at most, while f ran.
func peakHeap(f func()) uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	read := func() uint64 { metrics.Read(sample); return sample[0].Value.Uint64() }
	runtime.GC()
	runtime.GC()
	idle := read()
	peak, stop, done := idle, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			peak = max(peak, read())
			select {
			case <-stop:
				return
			case <-time.After(200 * time.Microsecond):
			}
		}
	}()
	f()
	close(stop)
	<-done
	return max(peak, read()) - idle
}

// endless writes a body of this size, made of pieces, until it is refused.
func endless(status int, open, piece string, size int64, chunked bool) http.Handler {
	block := []byte(strings.Repeat(piece, 1+(32<<10)/len(piece)))
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !chunked {
			w.Header().Set("Content-Length", fmt.Sprint(size))
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, open)
		for left := size - int64(len(open)); left > 0; left -= int64(len(block)) {
			if _, err := w.Write(block[:min(left, int64(len(block)))]); err != nil {
				return
			}
		}
	})
}

func TestHugeErrorBodiesCostLittle(t *testing.T) {
	const size = 512 << 20
	for name, row := range map[string]struct{ open, piece string }{
		"HTML":          {"<html><body>", "<p>Bad Gateway</p>\n"},
		"text":          {"", "upstream connect error "},
		"JSON string":   {`"`, "seats "},
		"JSON array":    {"[", `{"code":"c","message":"m"},`},
		"JSON numbers":  {"[", "1,"},
		"long message":  {`{"error":"failed","message":"`, "seats "},
		"many members":  {`{"error":"failed","message":"No seats"`, `,"a":1`},
		"same member":   {`{"error":"failed","message":"No seats"`, `,"error":"again","code":7`},
		"many details":  {`{"error":"failed","message":"No seats","details":[`, `{"code":"c","message":"m"},`},
		"deep":          {`{"error":"failed","message":"No seats","details":`, "["},
		"spaces":        {"", "    "},
		"many escapes":  {`{"error":"failed","message":"`, `\u00e4\n`},
		"nested errors": {"", `{"error":`},
	} {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s chunked=%v", name, chunked), func(t *testing.T) {
				client := apitest.NewClient(t, endless(http.StatusPaymentRequired, row.open, row.piece, size, chunked), apitest.OwnPool(t))
				var err error
				var took time.Duration
				peak := peakHeap(func() {
					start := time.Now()
					err = apitest.Run(t.Context(), client)
					took = time.Since(start)
				})
				var e *promptorchestra.APIError
				require.ErrorAs(t, err, &e)
				assert.Equal(t, http.StatusPaymentRequired, e.StatusCode)
				assert.Len(t, e.RawBody, 64<<10)
				assert.LessOrEqual(t, len(e.Error()), 1100)
				if strings.Contains(row.open, "No seats") {
					assert.Equal(t, "No seats", e.Message)
				}
				t.Logf("peak %.1f MiB in %v", float64(peak)/(1<<20), took)
				assert.Less(t, took, 10*time.Second)
				if !apitest.RaceEnabled { // the detector's own bookkeeping is in it
					assert.Less(t, peak, uint64(8<<20))
				}
			})
		}
	}
}

func TestAnswerBeyondTheLimit(t *testing.T) {
	const limit = 100_000
	limited := promptorchestra.WithMaxResponseBytes(limit)
	agent := `{"runId":"` + strings.Repeat("a", limit) + `"}`
	exact := `{"runId":"` + strings.Repeat("a", limit-len(`{"runId":""}`)) + `"}`
	for name, row := range map[string]struct {
		handler http.Handler
		fits    bool
	}{
		"by one byte":           {apitest.Respond(200, exact+" "), false},
		"to the byte":           {apitest.Respond(200, exact), true},
		"by some":               {apitest.Respond(200, agent), false},
		"by 512 MiB":            {endless(200, `{"runId":"`, "a", 512<<20, false), false},
		"by 512 MiB in chunks":  {endless(200, `{"runId":"`, "a", 512<<20, true), false},
		"gzip bomb":             {gzipped(200, `{"runId":"`, "a", 64<<20), false},
		"packed, and fits":      {gzipped(200, `{"runId":"x`, "", 0), true},
		"a length that is vast": {http.HandlerFunc(vastLength), false},
	} {
		t.Run(name, func(t *testing.T) {
			client := apitest.NewClient(t, row.handler, limited, apitest.OwnPool(t))
			var err error
			peak := peakHeap(func() { err = apitest.Run(t.Context(), client) })
			if row.fits {
				require.NoError(t, err)
				return
			}
			var e *promptorchestra.DecodeError
			require.ErrorAs(t, err, &e)
			if name != "a length that is vast" {
				assert.Contains(t, err.Error(), fmt.Sprint(limit), "names the limit")
				assert.Len(t, e.Body, limit)
			}
			assert.True(t, promptorchestra.OutcomeUnknown(err))
			assert.False(t, promptorchestra.IsRetryable(err))
			assert.Less(t, peak, uint64(8<<20))

			var reads promptorchestra.Response
			require.ErrorAs(t, apitest.Get(t.Context(), client, promptorchestra.WithoutRetry(), promptorchestra.WithResponse(&reads)), &e)
			for _, err := range client.Agents.All(t.Context()) {
				require.ErrorAs(t, err, &e)
			}
		})
	}
}

// vastLength announces more than there is memory for.
func vastLength(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", fmt.Sprint(int64(1)<<60))
	_, _ = io.WriteString(w, `{"id":`)
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// gzipped packs a body that is far larger unpacked.
func gzipped(status int, open, piece string, size int) http.Handler {
	var packed bytes.Buffer
	zip, _ := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	_, _ = io.WriteString(zip, open)
	block := []byte(strings.Repeat(piece, 64<<10))
	for left := size; left > 0 && len(block) > 0; left -= len(block) {
		_, _ = zip.Write(block[:min(left, len(block))])
	}
	_, _ = io.WriteString(zip, `"}`)
	_ = zip.Close()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		w.WriteHeader(status)
		_, _ = w.Write(packed.Bytes())
	})
}

func TestGzipBombAsAnErrorBody(t *testing.T) {
	client := apitest.NewClient(t, gzipped(http.StatusPaymentRequired, `{"message":"No seats","error":"`, "a", 64<<20), apitest.OwnPool(t))
	var err error
	peak := peakHeap(func() { err = apitest.Run(t.Context(), client) })
	require.True(t, promptorchestra.IsEntitlement(err))
	assert.Contains(t, err.Error(), "No seats")
	if !apitest.RaceEnabled {
		assert.Less(t, peak, uint64(8<<20))
	}
}

func TestDeepJSON(t *testing.T) {
	const levels = 100_000
	arrays := strings.Repeat("[", levels) + strings.Repeat("]", levels)
	objects := strings.Repeat(`{"error":`, levels) + "1" + strings.Repeat("}", levels)
	for name, deep := range map[string]string{"arrays": arrays, "objects": objects} {
		for where, body := range map[string]string{
			"itself": deep, "in a member": `{"id":"x","output":` + deep + `}`, "in an element": `[{"id":"x"},{"output":` + deep + `}]`,
			"in an envelope": `{"meta":` + deep + `,"items":[{"id":"x"}]}`, "open": deep[:levels],
		} {
			for _, status := range []int{200, 500} {
				t.Run(fmt.Sprint(name, " ", where, " ", status), func(t *testing.T) {
					client := apitest.NewClient(t, apitest.Respond(status, body), apitest.OwnPool(t), promptorchestra.WithRetry(promptorchestra.RetryPolicy{MaxRetries: -1}))
					start := time.Now()
					calls := map[string]func() error{
						"record": func() error { return apitest.Run(t.Context(), client) },
						"any":    func() error { return apitest.Post(t.Context(), client) },
						"list":   func() error { _, err := client.Runs.List(t.Context()); return err },
						"stream": func() (err error) {
							for _, err = range client.Runs.All(t.Context()) {
							}
							return err
						},
					}
					for op, call := range calls {
						err := call()
						var decode *promptorchestra.DecodeError
						var api *promptorchestra.APIError
						if status == 500 {
							require.ErrorAs(t, err, &api, op)
							assert.LessOrEqual(t, len(err.Error()), 1100)
						} else if !(op == "stream" && where == "in an envelope") {
							require.ErrorAs(t, err, &decode, op)
						}
					}
					assert.Less(t, time.Since(start), 5*time.Second)
				})
			}
		}
	}
}

// Failures with little or nothing in the body are failures all the same.
func TestOddErrorBodies(t *testing.T) {
	for name, row := range map[string]struct {
		status            int
		contentType, body string
		message           string
	}{
		"no body, no content type":   {402, "", "", "Payment Required"},
		"no body, JSON content type": {402, "application/json", "", "Payment Required"},
		"an empty object":            {402, "application/json", "{}", "Payment Required"},
		"another shape":              {500, "application/json", `{"detail":"boom"}`, "boom"},
		"the API's shape":            {404, "application/json", `{"error":"failed","message":"No such agent"}`, "No such agent"},
		"HTML called JSON":           {502, "application/json", "<html><h1>Bad Gateway</h1></html>", "Bad Gateway"},
		"JSON called HTML":           {402, "text/html", `{"error":"No seats"}`, "No seats"},
	} {
		t.Run(name, func(t *testing.T) {
			client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = []string{row.contentType}
				if row.contentType == "" {
					w.Header()["Content-Type"] = nil
				}
				w.WriteHeader(row.status)
				_, _ = io.WriteString(w, row.body)
			}), apitest.OwnPool(t))
			for _, call := range []apitest.Call{apitest.Get, apitest.Run, apitest.Post} {
				err := fmt.Errorf("wrapped: %w", call(t.Context(), client))
				var e *promptorchestra.APIError
				require.ErrorAs(t, err, &e)
				assert.Equal(t, row.status, e.StatusCode)
				assert.Equal(t, row.message, e.Message)
				assert.Equal(t, row.status == 402, promptorchestra.IsEntitlement(err))
				assert.Equal(t, row.status == 404, promptorchestra.IsNotFound(err))
				assert.Equal(t, row.status >= 500, promptorchestra.IsServer(err))
			}
		})
	}
}

// What follows a 101 is no HTTP, and may never end.
func TestSwitchedProtocols(t *testing.T) {
	srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
		_, _ = io.WriteString(r.Conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		_, _ = r.Conn.Read(make([]byte, 1)) // until the client gives up
		return false
	})
	for _, call := range []apitest.Call{apitest.Get, apitest.Run} {
		var e *promptorchestra.APIError
		require.ErrorAs(t, call(t.Context(), apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t)), promptorchestra.WithTimeout(2*time.Second)), &e)
		assert.Equal(t, 101, e.StatusCode)
		assert.NoError(t, e.Err)
	}
}

func TestFailureIsReadWhateverTheLimit(t *testing.T) {
	err := apitest.Get(t.Context(), apitest.NewClient(t, apitest.Respond(402, `{"error":"failed","message":"No seats"}`), promptorchestra.WithMaxResponseBytes(8)))
	var e *promptorchestra.APIError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "No seats", e.Message)
}

// A failure of more than a MiB is none of reading it.
func TestFailureBeyondWhatIsReadIsWhole(t *testing.T) {
	body := `{"error":"` + strings.Repeat("busy ", 1<<18) + `"}`
	var e *promptorchestra.APIError
	require.ErrorAs(t, apitest.Run(t.Context(), apitest.NewClient(t, apitest.Respond(402, body))), &e)
	assert.NoError(t, e.Err)
}

type brokenReader struct{ err error }

func (r brokenReader) Read([]byte) (int, error) { return 0, r.err }

func TestBodyThatEndsInAWrappedEOF(t *testing.T) {
	client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
		body := io.MultiReader(strings.NewReader(`{"id":"agt_1"}`), brokenReader{fmt.Errorf("tunnel: %w", io.EOF)})
		return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: -1, Body: io.NopCloser(body)}, nil
	})
	var e *promptorchestra.DecodeError
	require.ErrorAs(t, apitest.Run(t.Context(), client), &e)
	require.ErrorIs(t, e, io.ErrUnexpectedEOF)
}

func TestContentLengthIsNotBelieved(t *testing.T) {
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(60<<20))
		_, _ = io.WriteString(w, `{"id":`)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}), apitest.OwnPool(t))
	peak := peakHeap(func() { assert.Error(t, apitest.Run(t.Context(), client)) })
	assert.Less(t, peak, uint64(8<<20))
}

func TestTooLargeAnswerIsReadOnce(t *testing.T) {
	var r promptorchestra.Response
	client := apitest.NewClient(t, apitest.Respond(200, `{"id":"`+strings.Repeat("a", 100)+`"}`), promptorchestra.WithMaxResponseBytes(50))
	require.Error(t, apitest.Get(t.Context(), client, promptorchestra.WithResponse(&r)))
	assert.Equal(t, 1, r.Attempts)
}
