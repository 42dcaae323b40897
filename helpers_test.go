package promptorchestra_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

const (
	testOrganization = "org_test"
	testToken        = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c2VyXzEifQ.c2lnbmF0dXJl"
	testKey          = "sk_test_0123456789abcdef"
)

// fastRetries keeps tests that go through real time short.
var fastRetries = promptorchestra.WithRetry(promptorchestra.RetryPolicy{MinWait: time.Millisecond, MaxWait: 2 * time.Millisecond})

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newClient returns a client of a server on loopback that answers with handler.
func newClient(t *testing.T, handler http.Handler, opts ...promptorchestra.Option) *promptorchestra.Client {
	t.Helper()
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	return newClientOf(t, srv.URL, opts...)
}

func newClientOf(t *testing.T, url string, opts ...promptorchestra.Option) *promptorchestra.Client {
	t.Helper()
	all := append([]promptorchestra.Option{
		promptorchestra.WithBaseURL(url), promptorchestra.WithOrganization(testOrganization),
		promptorchestra.WithAccessToken(testToken), promptorchestra.WithAPIKey(testKey), fastRetries,
	}, opts...)
	client, err := promptorchestra.New(all...)
	require.NoError(t, err)
	return client
}

// answer is a handler that always answers the same.
func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func testdata(t testing.TB, name string) string {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return string(body)
}

// countNew counts the connections that a server gets.
func countNew(opened *atomic.Int64) func(net.Conn, http.ConnState) {
	return func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
}
