package promptorchestra_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

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
