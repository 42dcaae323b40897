package orchestratest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// upload sends a body without a credential: the request is recorded and refused.
func (a *api) upload(body, header string) {
	a.t.Helper()
	address := a.srv.URL + "/api/agents"
	request, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, address, strings.NewReader(body))
	require.NoError(a.t, err)
	request.Header.Set("X-Long", header)
	response, err := a.http.Do(request)
	require.NoError(a.t, err)
	require.NoError(a.t, response.Body.Close())
	require.Equal(a.t, http.StatusUnauthorized, response.StatusCode)
}

// The oldest bodies give way to newer ones; the requests stay, and the newest is always whole.
func TestRecordedRequestsAreBoundedInBytes(t *testing.T) {
	a := start(t)
	large := strings.Repeat("x", 15<<20)
	for i := range 6 {
		a.upload(large, "")
		all := a.srv.Requests("Agents.Create")
		require.Len(t, all, i+1)
		assert.Equal(t, len(large), len(all[i].Body)) //nolint:testifylint // not to print it
		assert.False(t, all[i].BodyDropped)
	}
	for i, r := range a.srv.Requests("*") {
		dropped := i < 2 // four are 60 MiB
		assert.Equal(t, dropped, r.BodyDropped, "request %d", i)
		assert.Equal(t, dropped, r.Body == nil, "request %d", i)
		assert.Equal(t, http.StatusUnauthorized, r.Status)
		assert.Equal(t, "/api/agents", r.Path)
	}
}

// Headers count as well: without bodies to forget, the oldest requests are forgotten.
func TestRecordedRequestsAreBoundedInHeaders(t *testing.T) {
	a := start(t)
	long := strings.Repeat("h", 900<<10)
	const sent = 80 // 70 MiB
	for range sent {
		a.upload("{}", long)
	}
	kept := a.srv.Requests("*")
	assert.Less(t, len(kept), sent)
	assert.Greater(t, len(kept), sent/2)
	assert.Equal(t, "{}", string(kept[len(kept)-1].Body))
}
