// Package apitest is what the tests of this module share: clients, servers on loopback that behave
// as a test says, stubs in the place of the network, and a few calls.
package apitest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// What the clients of tests have.
const (
	Organization = "org_1"
	Token        = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c2VyXzEifQ.c2lnbmF0dXJl"
	Key          = "sk_test_0123456789abcdef"
)

// Agent is the JSON of an agent, and does for a run of one.
const Agent = `{"id":"agt_1","name":"Desk","runId":"run_1"}`

// Anything is JSON that has the evidence of every record: its id, that of a run, and a run.
const Anything = `{"id":"x","runId":"x","run":{"id":"x"}}`

// FastRetries keeps tests that go through real time short.
var FastRetries = promptorchestra.WithRetry(promptorchestra.RetryPolicy{MinWait: time.Millisecond, MaxWait: 2 * time.Millisecond})

// NewClient returns a client of a server on loopback that serves handler.
func NewClient(t testing.TB, handler http.Handler, opts ...promptorchestra.Option) *promptorchestra.Client {
	t.Helper()
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	return NewClientAt(t, srv.URL, opts...)
}

// NewClientAt returns a client of the server at url.
func NewClientAt(t testing.TB, url string, opts ...promptorchestra.Option) *promptorchestra.Client {
	t.Helper()
	client, err := promptorchestra.New(append([]promptorchestra.Option{
		promptorchestra.WithBaseURL(url), promptorchestra.WithOrganization(Organization),
		promptorchestra.WithAccessToken(Token), promptorchestra.WithAPIKey(Key), FastRetries,
	}, opts...)...)
	require.NoError(t, err)
	return client
}

// NewStubbedClient returns a client with f in the place of the network, and the SDK's own retry
// policy: for tests in a bubble of their own time.
func NewStubbedClient(t testing.TB, f RoundTripFunc, opts ...promptorchestra.Option) *promptorchestra.Client {
	t.Helper()
	return NewClientAt(t, "https://api.example", append([]promptorchestra.Option{
		promptorchestra.WithRetry(promptorchestra.RetryPolicy{}), promptorchestra.WithTransport(Stub(f)),
	}, opts...)...)
}

// A Call is a call of some method.
type Call func(context.Context, *promptorchestra.Client, ...promptorchestra.CallOption) error

// Get is an idempotent call.
func Get(ctx context.Context, c *promptorchestra.Client, opts ...promptorchestra.CallOption) error {
	return ErrorOf(c.Agents.Get(ctx, "agt_1", opts...))
}

// Run is a call that is not idempotent.
func Run(ctx context.Context, c *promptorchestra.Client, opts ...promptorchestra.CallOption) error {
	return ErrorOf(c.Agents.Run(ctx, "agt_1", promptorchestra.AgentRunParams{VersionID: "agv_1"}, opts...))
}

// Post is a call of an undocumented endpoint, which is not idempotent either.
func Post(ctx context.Context, c *promptorchestra.Client, opts ...promptorchestra.CallOption) error {
	var out map[string]any
	return c.Do(ctx, promptorchestra.Request{Method: http.MethodPost, Path: "/api/new", Body: map[string]any{"a": 1}}, &out, opts...)
}

// ErrorOf drops the result of a call.
func ErrorOf[T any](_ T, err error) error { return err }
