package orchestratest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The oldest bodies give way to newer ones; the requests stay.
func TestRecordedRequestsAreBoundedInBytes(t *testing.T) {
	a := start(t)
	a.create("/api/agents", object{"name": "Small"})
	large := strings.Repeat("x", 15<<20)
	for range 6 {
		a.refused(404, "POST", "/api/prompts/prm_none/versions", object{"content": large})
	}
	all := a.srv.Requests("*")
	require.Len(t, all, 7)
	kept := 0
	for i, r := range all {
		kept += len(r.Body)
		assert.Equal(t, i < 3, r.BodyDropped, "request %d", i)
		assert.Equal(t, i < 3, r.Body == nil, "request %d", i)
		assert.NotZero(t, r.Status)
		assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
	}
	assert.LessOrEqual(t, kept, 64<<20)
}

// Headers and paths count as well, and requests that were recorded are forgotten only from 64 MiB
// on.
func TestRecordedRequestsAreBoundedInHeaders(t *testing.T) {
	a := start(t)
	long := strings.Repeat("h", 512<<10)
	const sent = 140
	for range sent {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.srv.URL+"/api/agents", nil)
		require.NoError(t, err)
		request.Header.Set("X-Long", long)
		response, err := a.http.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
	}
	kept := len(a.srv.Requests("*"))
	assert.Less(t, kept, sent)
	assert.Greater(t, kept, sent/2)
}

func TestTheNewestRequestIsAlwaysWhole(t *testing.T) {
	a := start(t)
	for range 5 {
		a.refused(404, "POST", "/api/prompts/prm_none/versions", object{"content": strings.Repeat("x", 15<<20)})
		all := a.srv.Requests("*")
		newest := all[len(all)-1]
		assert.Greater(t, len(newest.Body), 15<<20)
		assert.False(t, newest.BodyDropped)
	}
}
