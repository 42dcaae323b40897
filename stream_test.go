package promptorchestra_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest/apidocs"
)

func TestStreamReportsAnErrorLast(t *testing.T) {
	for name, body := range map[string]string{
		"broken JSON":     `[{"id":"1"},{"id":"2"},{"id"`,
		"cut off":         `[{"id":"1"},{"id":"2"},`,
		"rubbish":         `[{"id":"1"},{"id":"2"},<html>`,
		"rubbish after":   `[{"id":"1"},{"id":"2"}] <html>`,
		"second array":    `{"runs":[{"id":"1"},{"id":"2"}],"others":[{"id":"3"}]}`,
		"envelope is cut": `{"runs":[{"id":"1"},{"id":"2"}]`,
	} {
		t.Run(name, func(t *testing.T) {
			client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
			runs, errs := collect(client.Runs.All(t.Context()))
			assert.Equal(t, []promptorchestra.Run{{ID: "1"}, {ID: "2"}}, runs)
			require.Len(t, errs, 1)
			var undecodable *promptorchestra.DecodeError
			require.ErrorAs(t, errs[0], &undecodable)
			assert.Equal(t, "Runs.List", undecodable.Op)
		})
	}
	t.Run("the connection drops", func(t *testing.T) {
		client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `[{"id":"1"},{"id":"2"},`)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}))
		runs, errs := collect(client.Runs.All(t.Context()))
		assert.Len(t, runs, 2)
		require.Len(t, errs, 1)
	})
	t.Run("no list at all", func(t *testing.T) {
		client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusPaymentRequired)
			_, _ = io.WriteString(w, `{"error":"No AI in this plan"}`)
		}))
		runs, errs := collect(client.Runs.All(t.Context()))
		assert.Empty(t, runs)
		require.Len(t, errs, 1)
		assert.True(t, promptorchestra.IsEntitlement(errs[0]))
	})
}

// collect runs a stream to its end.
func collect[T any](all func(func(T, error) bool)) (elements []T, errs []error) {
	for element, err := range all {
		if err != nil {
			errs = append(errs, err)
		} else {
			elements = append(elements, element)
		}
	}
	return elements, errs
}

// What is no list says so, after the elements that it may have had.
func TestStreamOfNoList(t *testing.T) {
	for body, row := range map[string]struct {
		yields int
		says   string
	}{
		`busy`: {0, "invalid character"}, `<p>busy`: {0, "HTML"}, `7`: {0, "neither a JSON array"}, `"x"`: {0, "neither a JSON array"}, `null`: {0, "null"},
		`{"a":[{"id":"run_1"}],"b":[{"id":"run_2"}]}`: {1, "neither a JSON array"},
		`{"a":[{"id":"run_1"}]}{}`:                    {1, "continues"},
		`[{"id":"run_1"}] x`:                          {1, "invalid character"},
	} {
		runs, errs := collect(apitest.NewClient(t, apitest.Respond(200, body)).Runs.All(t.Context()))
		assert.Len(t, runs, row.yields, body)
		require.Len(t, errs, 1, body)
		assert.ErrorContains(t, errs[0], row.says, body)
	}
}

func TestStreamElementOfAnUnexpectedType(t *testing.T) {
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `[{"id":"1","inputTokens":"many","model":"m"},{"id":"2"}]`)
	}))
	runs, errs := collect(client.Runs.All(t.Context()))
	assert.Empty(t, errs)
	assert.Equal(t, []promptorchestra.Run{{ID: "1", Model: "m"}, {ID: "2"}}, runs)
}

func TestStreamCutAnywhereIsCut(t *testing.T) {
	for _, body := range []string{`[{"id":"1"}`, `[{"id":"1"},`, `[{"id":"1"},{"id"`, `{"items":[{"id":"1"}]`, `{"items":`} {
		var last error
		for _, err := range apitest.NewClient(t, apitest.Respond(200, body)).Agents.All(t.Context()) {
			last = err
		}
		require.ErrorIs(t, last, io.ErrUnexpectedEOF, body)
		assert.True(t, promptorchestra.IsRetryable(last))
	}
}

// The limit is one of each element.
func TestStreamLongerThanTheLimit(t *testing.T) {
	list := "[" + strings.Repeat(`{"id":"agt_1"},`, 1000) + `{"id":"agt_1"}]`
	for _, body := range []string{list, `{"items":` + list + "}"} {
		client := apitest.NewClient(t, apitest.Respond(200, body), promptorchestra.WithMaxResponseBytes(200))
		n := 0
		for _, err := range client.Agents.All(t.Context()) {
			require.NoError(t, err)
			n++
		}
		assert.Equal(t, 1001, n)
	}
}

func TestEnvelopeLongerThanTheLimit(t *testing.T) {
	var members strings.Builder
	for i := range 200 {
		fmt.Fprintf(&members, `"m%d":{"a":"b"},`, i)
	}
	client := apitest.NewClient(t, apitest.Respond(200, `{`+members.String()+`"items":[{"id":"agt_1"}],`+members.String()+`"z":1}`), promptorchestra.WithMaxResponseBytes(200))
	for _, err := range client.Agents.All(t.Context()) {
		require.NoError(t, err)
	}
	client = apitest.NewClient(t, apitest.Respond(200, `[{"id":"agt_1"}]`), promptorchestra.WithMaxResponseBytes(20))
	for _, err := range client.Agents.All(t.Context()) {
		require.NoError(t, err)
	}
}

func TestElementBeyondTheLimit(t *testing.T) {
	client := apitest.NewClient(t, apitest.Respond(200, `[{"id":"`+strings.Repeat("a", 500)+`"}]`), promptorchestra.WithMaxResponseBytes(100))
	for _, err := range client.Agents.All(t.Context()) {
		require.ErrorContains(t, err, "limit of 100 bytes")
		require.NotErrorIs(t, err, io.ErrUnexpectedEOF)
		assert.False(t, promptorchestra.IsRetryable(err))
	}
}

func TestTheLargestLimit(t *testing.T) {
	client := apitest.NewClient(t, apitest.Respond(200, `[{"id":"agt_1"}]`), promptorchestra.WithMaxResponseBytes(math.MaxInt64))
	agents, err := client.Agents.List(t.Context())
	require.NoError(t, err)
	assert.Len(t, agents, 1)
	for agent, err := range client.Agents.All(t.Context()) {
		require.NoError(t, err)
		assert.Equal(t, "agt_1", agent.ID)
	}
}

func TestStoppingAStreamClosesTheBody(t *testing.T) {
	closed := make(chan struct{})
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(closed)
		_, _ = io.WriteString(w, `[{"id":"run_0"}`)
		for i := 1; r.Context().Err() == nil; i++ {
			if _, err := fmt.Fprintf(w, `,{"id":"run_%d"}`, i); err != nil {
				return
			}
		}
	}))
	taken := 0
	for _, err := range client.Runs.All(t.Context()) {
		require.NoError(t, err)
		if taken++; taken == 3 {
			break
		}
	}
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Fatal("the server still writes")
	}
}

// The context ends while the consumer waits for more, wherever the answer has stopped.
func TestCancelledStream(t *testing.T) {
	for _, begin := range []string{`[{"id":"1"}`, `[{"id":"1"},`, `[{"id":"1"},{"id"`} {
		for _, want := range []error{context.Canceled, context.DeadlineExceeded} {
			client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, begin)
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			}))
			ctx, cancel := context.WithCancel(t.Context())
			if errors.Is(want, context.DeadlineExceeded) {
				ctx, cancel = context.WithTimeout(t.Context(), time.Second) // time enough for the first element
			}
			var last error
			pairs := 0
			for _, err := range client.Runs.All(ctx) {
				pairs++
				last = err
				if errors.Is(want, context.Canceled) {
					time.AfterFunc(20*time.Millisecond, cancel)
				}
			}
			cancel()
			assert.Equal(t, 2, pairs)
			require.ErrorIs(t, last, want, begin)
			assert.False(t, promptorchestra.IsRetryable(last), "%s: %v", begin, last)
		}
	}
}

// However a protocol puts it: the caller cancelled.
func TestStreamCancelledWithACause(t *testing.T) {
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
			client := apitest.NewClientAt(t, srv.URL, promptorchestra.WithHTTPClient(srv.Client()))
			left := errors.New("the user left")
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			var last error
			for _, err := range client.Agents.All(ctx) {
				last = err
				cancel(left)
			}
			require.ErrorIs(t, last, context.Canceled)
			require.ErrorIs(t, last, left)
			assert.False(t, promptorchestra.IsRetryable(last))
		})
	}
}

func TestStreamTakesConstantMemory(t *testing.T) {
	const n = 40_000 // 20 MiB
	client := apitest.NewClient(t, manyRuns(t, n))
	defer debug.SetGCPercent(debug.SetGCPercent(20)) // or a busy machine's collector is late
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	peak := streamRuns(t, client, n)
	assert.Less(t, peak, before.HeapAlloc+8<<20)
}

func BenchmarkStream100000(b *testing.B) {
	const n = 100_000
	client := apitest.NewClient(b, manyRuns(b, n))
	var peak uint64
	b.ReportAllocs()
	for b.Loop() {
		runtime.GC()
		peak = max(peak, streamRuns(b, client, n))
	}
	b.ReportMetric(float64(peak)/(1<<20), "peak-heap-MiB")
	if peak >= 8<<20 {
		b.Fatalf("the heap reached %d bytes", peak)
	}
}

// streamRuns streams a list of n runs over loopback and returns the highest heap seen, in bytes.
func streamRuns(t testing.TB, client *promptorchestra.Client, n int) uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	var peak uint64
	taken := 0
	for run, err := range client.Runs.All(t.Context()) {
		require.NoError(t, err)
		if run.PromptVersionNumber != 7 {
			t.Fatalf("element %d: %+v", taken, run)
		}
		if taken++; taken%1000 == 0 {
			metrics.Read(sample)
			peak = max(peak, sample[0].Value.Uint64())
		}
	}
	require.Equal(t, n, taken)
	return peak
}

func manyRuns(t testing.TB, n int) http.HandlerFunc {
	run := []byte(strings.Join(strings.Fields(string(apidocs.Record(t, "Run"))), ""))
	return func(w http.ResponseWriter, _ *http.Request) {
		separator := []byte("[")
		for range n {
			_, _ = w.Write(separator)
			_, _ = w.Write(run)
			separator = []byte(",")
		}
		_, _ = io.WriteString(w, "]")
	}
}

// FuzzStream: streaming a list gives what the list gives.
func FuzzStream(f *testing.F) {
	apidocs.AddLists(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) > 9000 {
			t.Skip() // encoding/json counts the levels of an element from the element
		}
		for _, read := range []func() io.Reader{
			func() io.Reader { return bytes.NewReader(data) },
			func() io.Reader { return iotest.HalfReader(bytes.NewReader(data)) },
		} {
			client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, ContentLength: -1, Body: io.NopCloser(read())}, nil
			}, promptorchestra.WithRetry(promptorchestra.RetryPolicy{MaxRetries: -1}))
			var alsoListed, alsoStreamed any
			listed, listErr := client.Runs.List(t.Context(), promptorchestra.WithInto(&alsoListed))
			streamed := []promptorchestra.Run{}
			var streamErr error
			for run, err := range client.Runs.All(t.Context(), promptorchestra.WithInto(&alsoStreamed)) {
				if err != nil {
					streamErr = err
					break
				}
				streamed = append(streamed, run)
			}
			if (listErr == nil) != (streamErr == nil) {
				t.Fatalf("the list: %v, streamed: %v", listErr, streamErr)
			}
			if listErr == nil && !reflect.DeepEqual(listed, streamed) {
				t.Fatalf("%+v streamed as %+v", listed, streamed)
			}
			var e *promptorchestra.DecodeError
			if listErr != nil && (!errors.As(listErr, &e) || !errors.As(streamErr, &e)) {
				t.Fatalf("%v, %v", listErr, streamErr)
			}
		}
	})
}

// Of nested arrays 40 KiB of gzip become 40 MiB, and encoding/json remembers every level.
func TestDepthOfAStreamIsBounded(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = io.WriteString(w, `{"x":`)
	_, _ = w.Write(bytes.Repeat([]byte("["), 40<<20))
	require.NoError(t, w.Close())
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed.Bytes())
	}), apitest.OwnPool(t))
	for name, body := range map[string][]byte{
		"array": nil, "array of errors": []byte(`{"errors":`), "object": []byte(`{"y":{"x":`), "after the list": []byte(`{"runs":[],"x":`),
	} {
		if body != nil {
			packed.Reset()
			w.Reset(&packed)
			_, _ = w.Write(body)
			_, _ = w.Write(bytes.Repeat([]byte("["), 40<<20))
			require.NoError(t, w.Close())
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var failed error
		for _, err := range client.Runs.All(t.Context()) {
			failed = err
		}
		runtime.ReadMemStats(&after)
		var e *promptorchestra.DecodeError
		require.ErrorAs(t, failed, &e, name)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20), name)
	}
}

// What an error of a stream holds of the response, and what it does not.
func TestBodyOfAFailedStream(t *testing.T) {
	all := func(body string) (n int, e *promptorchestra.DecodeError) {
		for _, err := range apitest.NewClient(t, apitest.Respond(200, body)).Runs.All(t.Context()) {
			if err != nil {
				require.ErrorAs(t, err, &e)
				break
			}
			n++
		}
		return n, e
	}
	n, e := all("<html>" + apitest.Token)
	assert.Zero(t, n)
	assert.Equal(t, "<html>[redacted]", string(e.Body))
	n, e = all(`[{"id":"a"},{"id":`)
	assert.Equal(t, 1, n)
	assert.Empty(t, e.Body, "what was read was handed over")
	n, e = all(`{"runs":[{"id":"a"}],"error":"x"}`)
	assert.Equal(t, 1, n)
	assert.JSONEq(t, `{"runs":[{"id":"a"}],"error":"x"}`, string(e.Body))
}

// An element is decoded the same wherever the response's parts end.
func TestStreamOfOtherSpellingsInPieces(t *testing.T) {
	body := "\ufeff" + ` { "meta" : {"a":[1,{}]}, "items" : [ {"prompt_id":"p","input_tokens":"7"} , {"promptId":"q"},{"prompt_id":"r" } ], "errors":[] } `
	for size := 1; size < 40; size++ {
		client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
			resp := apitest.Response(200, "")
			resp.Body, resp.ContentLength = io.NopCloser(&pieces{[]byte(body), size}), -1
			return resp, nil
		})
		var got []promptorchestra.Run
		var into struct {
			InputTokens int `json:"inputTokens"`
		}
		tokens := 0
		for run, err := range client.Runs.All(t.Context(), promptorchestra.WithInto(&into)) {
			require.NoError(t, err)
			got = append(got, run)
			tokens += into.InputTokens
		}
		assert.Equal(t, []promptorchestra.Run{{PromptID: "p", InputTokens: 7}, {PromptID: "q"}, {PromptID: "r"}}, got, size)
		assert.Equal(t, 7, tokens)
	}
}

// pieces is read a few bytes at a time.
type pieces struct {
	left []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.left) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), p.size)], p.left)
	p.left = p.left[n:]
	return n, nil
}

// What looks whole and has no list may be the beginning of a response that was cut.
func TestStreamCutBehindAnObjectIsCut(t *testing.T) {
	for _, body := range []string{`{}`, `{"id":"1"}`, `null`, `{"error":"x"}`, ` `} {
		srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool { r.Respond(200, body+"      ", len(body)); return false })
		client := apitest.NewClientAt(t, srv.URL)
		for _, err := range client.Agents.All(t.Context()) {
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, body)
			assert.True(t, promptorchestra.IsRetryable(err), body)
		}
	}
}
