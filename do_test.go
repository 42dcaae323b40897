package promptorchestra_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

func TestDo(t *testing.T) {
	client := apitest.NewClient(t, http.HandlerFunc(apitest.Echo))
	for name, row := range map[string]struct {
		request promptorchestra.Request
		opts    []promptorchestra.CallOption
		want    apitest.Echoed
	}{
		"GET": {
			promptorchestra.Request{Method: "GET", Path: "/api/new%2Fthing/1", Query: url.Values{"b": {"2", ""}, "a": {"x y"}}},
			nil,
			apitest.Echoed{Method: "GET", URI: "/api/new%2Fthing/1?organizationId=org_1&a=x+y&b=2&b="},
		},
		"POST": {
			promptorchestra.Request{Method: "POST", Path: "/api/x", Body: map[string]any{"a": "<b>"}},
			nil,
			apitest.Echoed{Method: "POST", URI: "/api/x", Body: `{"organizationId":"org_1","a":"<b>"}`, Type: "application/json"},
		},
		"DELETE without a body": {
			promptorchestra.Request{Method: "DELETE", Path: "/api/x"},
			nil,
			apitest.Echoed{Method: "DELETE", URI: "/api/x", Body: `{"organizationId":"org_1"}`, Type: "application/json"},
		},
		"raw JSON": {
			promptorchestra.Request{Method: "PUT", Path: "/api/x", Body: json.RawMessage(` { "a" : 1 } `)},
			nil,
			apitest.Echoed{Method: "PUT", URI: "/api/x", Body: `{"organizationId":"org_1","a":1}`, Type: "application/json"},
		},
		"extras": {
			promptorchestra.Request{Method: "POST", Path: "/api/x", Body: struct{ A int }{1}},
			[]promptorchestra.CallOption{
				promptorchestra.WithExtraBody(map[string]any{"z": []byte(`[1]`), "b": 2}), promptorchestra.WithExtraQuery("q", "&"),
			},
			apitest.Echoed{Method: "POST", URI: "/api/x?q=%26", Body: `{"organizationId":"org_1","A":1,"b":2,"z":[1]}`, Type: "application/json"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got apitest.Echoed
			require.NoError(t, client.Do(t.Context(), row.request, &got, row.opts...))
			assert.Equal(t, row.want, got)
			require.NoError(t, client.Do(t.Context(), row.request, nil, row.opts...))
		})
	}
}

// A guess at an unknown endpoint's answer that is wrong must not look like no results.
func TestDoIntoAnotherTypeThanTheAnswer(t *testing.T) {
	client := apitest.NewClient(t, apitest.Respond(200, `{"id":"a","n":"x","list":[{"n":1},{"n":"x"}]}`))
	var list []string
	var text string
	var number *int
	for _, out := range []any{&list, &text, &number} {
		err := client.Do(t.Context(), promptorchestra.Request{Method: "GET", Path: "/api/x"}, out)
		var e *promptorchestra.DecodeError
		require.ErrorAs(t, err, &e)
		assert.ErrorContains(t, err, "JSON object")
		assert.Contains(t, string(e.Body), `"id":"a"`)
	}
	var thing struct {
		ID   string
		N    int
		List []struct{ N int }
	}
	require.NoError(t, client.Do(t.Context(), promptorchestra.Request{Method: "GET", Path: "/api/x"}, &thing), "one member is no reason")
	var tree recursive
	require.NoError(t, client.Do(t.Context(), promptorchestra.Request{Method: "GET", Path: "/api/x"}, &tree), "nor one of the same type")
	assert.Equal(t, "a", thing.ID)
	assert.Len(t, thing.List, 2)
}

type recursive map[string]recursive
