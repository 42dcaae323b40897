package promptorchestra_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

// The server says that there is more: All yields what came and then says so, List says so alone.
func TestListsWithMorePages(t *testing.T) {
	const runs = `"runs":[{"id":"run_1"}]`
	more := map[string]http.Header{
		`{` + runs + `,"nextCursor":"x"}`: nil, `{"next_page_token":"x",` + runs + `}`: nil, `{` + runs + `,"has_more":true}`: nil, `{` + runs + `,"total":319}`: nil,
		`{"count":2,` + runs + `}`: nil, `{` + runs + `,"next":"https://x/y"}`: nil, `{` + runs + `,"links":{"next":{"href":"/2"}}}`: nil,
		`{` + runs + `,"pageInfo":{"hasNextPage":true,"endCursor":"x"}}`: nil, `{` + runs + `,"meta":{"pagination":{"total_count":2}}}`: nil,
		`{` + runs + `,"@odata.nextLink":"https://x/y"}`: nil, `{` + runs + `,"NextMarker":"m"}`: nil, `{` + runs + `,"response_metadata":{"next_cursor":"x"}}`: nil,
		`[{"id":"run_1"}]`:                          {"Link": {`</1>; rel="prev", </3>; rel="next"`}},
		` [{"id":"run_1"}]`:                         {"X-Next-Page": {"2"}},
		`  [{"id":"run_1"}]`:                        {"X-Total-Count": {"2"}},
		`   [{"id":"run_1"}]`:                       {"Content-Range": {"items 0-0/319"}},
		`{` + runs + `,"hasMore":"true","total":1}`: nil,
	}
	whole := map[string]http.Header{
		`{` + runs + `,"nextCursor":null,"has_more":false,"total":1,"count":1}`: nil, `{` + runs + `,"next":"","links":{"next":null,"last":"/1"}}`: nil,
		`{` + runs + `,"pageInfo":{"hasNextPage":false,"endCursor":"x"},"cursor":"y"}`: nil, `{` + runs + `,"quota":{"nextResetAt":"2027"},"totalTokens":5000}`: nil,
		`{` + runs + `,"tags":[]}`: nil, `{` + runs + `,"links":{"next":{"href":null}}}`: nil, `{` + runs + `,"page":1,"limit":100,"last":false}`: nil,
		`[{"id":"run_1"}]`: {"X-Total-Count": {"1"}, "Link": {`</1>; rel="first"`}, "X-Next-Page": {""}, "Content-Range": {"0-0/*"}},
	}
	for body, header := range more {
		eachOfTheList(t, body, header, func(yielded int, err error) {
			require.ErrorIs(t, err, promptorchestra.ErrMorePages, body)
			var e *promptorchestra.DecodeError
			require.ErrorAs(t, err, &e)
			assert.Contains(t, err.Error(), "All")
			assert.False(t, promptorchestra.IsRetryable(err))
		})
	}
	for body, header := range whole {
		eachOfTheList(t, body, header, func(yielded int, err error) {
			require.NoError(t, err, body)
			assert.Equal(t, 1, yielded)
		})
	}
}

// eachOfTheList reads a list both ways.
func eachOfTheList(t *testing.T, body string, header http.Header, test func(yielded int, err error)) {
	t.Helper()
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range header {
			w.Header()[name] = values
		}
		_, _ = w.Write([]byte(body))
	}))
	listed, err := client.Runs.List(t.Context())
	if err != nil {
		assert.Nil(t, listed, body)
	}
	test(len(listed), err)
	streamed, errs := collect(client.Runs.All(t.Context()))
	assert.Len(t, streamed, 1, body)
	var last error
	if len(errs) > 0 {
		last = errs[len(errs)-1]
	}
	assert.LessOrEqual(t, len(errs), 1)
	test(len(streamed), last)
}

// A null is no record: the others are yielded, and then it is an error.
func TestListsWithANull(t *testing.T) {
	for _, body := range []string{`[null,{"id":"run_1"}]`, `[{"id":"run_1"}, null]`, `{"runs":[null,null,{"id":"run_1"}]}`} {
		eachOfTheList(t, body, nil, func(_ int, err error) {
			var e *promptorchestra.DecodeError
			require.ErrorAs(t, err, &e, body)
			assert.ErrorContains(t, err, "null")
		})
	}
}
