package orchestratest_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// upload sends a body without a credential: the request is recorded and rejected.
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

func TestRequestsTellWhatArrived(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)
	a := start(t, orchestratest.WithClock(func() time.Time { return at }))
	a.create("/api/agents", object{"name": "Writer"})
	a.list("/api/agents")
	a.rejected(404, "GET", "/api/nothing", nil)
	a.with("").rejected(401, "GET", "/api/agents", nil)

	all := a.srv.Requests("*")
	require.Len(t, all, 4)
	assert.Equal(t, []string{"Agents.Create", "Agents.List", "", "Agents.List"}, []string{all[0].Op, all[1].Op, all[2].Op, all[3].Op})
	assert.Equal(t, []int{201, 200, 404, 401}, []int{all[0].Status, all[1].Status, all[2].Status, all[3].Status})

	created := a.srv.Requests("Agents.Create")
	require.Len(t, created, 1)
	assert.Equal(t, "POST", created[0].Method)
	assert.Equal(t, "/api/agents", created[0].Path)
	assert.JSONEq(t, fmt.Sprintf(`{"organizationId":%q,"name":"Writer"}`, a.org), string(created[0].Body))
	assert.Equal(t, "Bearer "+a.token, created[0].Header.Get("Authorization"))
	assert.Equal(t, at, created[0].Time)
	assert.True(t, strings.HasPrefix(created[0].RequestID, "req_"))
	assert.Equal(t, a.org, all[1].Query.Get("organizationId"))
	assert.Empty(t, a.srv.Requests("Agents.Run"))
}

func TestRequestsAreCopies(t *testing.T) {
	a := start(t)
	a.create("/api/agents", object{"name": "Writer"})
	for range 2 { // the second time nothing has changed
		seen := a.srv.Requests("*")[0]
		assert.Equal(t, "Bearer "+a.token, seen.Header.Get("Authorization"))
		assert.True(t, bytes.HasPrefix(seen.Body, []byte("{")))
		seen.Header.Set("Authorization", "changed")
		seen.Query.Set("changed", "1")
		seen.Body[0] = 'x'
		assert.NotContains(t, a.srv.Requests("*")[0].Query, "changed")
	}
}
