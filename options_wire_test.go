package promptorchestra_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

const wireToken = "token-0123456789"

// wireSecrets are what the client of newWire and the server of TestWire send in headers.
var wireSecrets = []string{wireToken, "header-of-the-caller", "a-cookie-of-the-caller", "cookie-of-the-server"}

func newWire(t *testing.T, url string, bodies ...string) (*promptorchestra.Client, *strings.Builder) {
	t.Helper()
	out := new(strings.Builder)
	logger := slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	client, err := promptorchestra.New(
		promptorchestra.WithBaseURL(url), promptorchestra.WithOrganization("org_1"), promptorchestra.WithAccessToken(wireToken),
		promptorchestra.WithHeader("X-Signature", "header-of-the-caller"), promptorchestra.WithHeader("Cookie", "a=a-cookie-of-the-caller; b=1"),
		promptorchestra.WithTransportWrapper(func(next http.RoundTripper) http.RoundTripper { return wire{next, logger, bodies} }))
	require.NoError(t, err)
	return client, out
}

func runOnWire(t *testing.T, client *promptorchestra.Client) error {
	t.Helper()
	return apitest.ErrorOf(client.Prompts.Run(t.Context(), "prm_1", promptorchestra.PromptRunParams{Variables: map[string]any{"name": "Ada"}}))
}

// No credential is in the log of [ExampleWithTransportWrapper], whoever sent or echoed it, and an execution is sent
// whole and once.
func TestWire(t *testing.T) {
	var received []string
	respond := func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"runId":"run_1","outputText":"Hello Ada"}`) }
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.Equal(t, "Bearer "+wireToken, r.Header.Get("Authorization"))
		received = append(received, string(body))
		w.Header().Set("Set-Cookie", "session=cookie-of-the-server; Path=/")
		w.Header().Set("X-Request-Id", "req_1")
		respond(w)
	}))
	defer srv.Close()
	run := func(fails bool, bodies ...string) string {
		received = nil
		client, out := newWire(t, srv.URL, bodies...)
		assert.Equal(t, fails, runOnWire(t, client) != nil)
		assert.Len(t, received, 1)
		for _, secret := range wireSecrets {
			assert.NotContains(t, out.String(), secret[:8], "nor a part of it")
		}
		return out.String()
	}

	quiet := run(false)
	assert.Contains(t, quiet, "msg=request op=Prompts.Run attempt=1 method=POST path=/api/prompts/prm_1/run")
	assert.Contains(t, quiet, "status=200")
	assert.Contains(t, quiet, "X-Request-Id=req_1")
	assert.NotContains(t, quiet, "Ada")

	whole := run(false, "Prompts.Run")
	assert.Contains(t, received[0], `"name":"Ada"`)
	assert.Contains(t, whole, strconv.Quote(received[0]))
	assert.Contains(t, whole, "Hello Ada")

	for _, secret := range wireSecrets { // a server that echoes it, across the end of what is logged too
		for _, before := range []int{0, 2<<10 - len(secret) - 1, 2<<10 - len(secret)/2, 2<<10 - 1, 16<<10 - len(secret)/2} {
			respond = func(w http.ResponseWriter) {
				w.Header().Set("X-Request-Id", secret)
				w.WriteHeader(http.StatusBadRequest)
				_, _ = io.WriteString(w, strings.Repeat(secret, before/len(secret))+strings.Repeat(" ", before%len(secret))+secret+strings.Repeat("x", 64<<10))
			}
			assert.Less(t, len(run(true, "Prompts.Run")), 4<<10)
		}
	}
}

// The evidence that nothing was sent is left as it is. DumpRequestOut destroys it.
func TestWireThatIsDown(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	client, _ := newWire(t, closed.URL, "Prompts.Run")
	err := runOnWire(t, client)
	require.Error(t, err)
	assert.False(t, promptorchestra.OutcomeUnknown(err))
	client, err = promptorchestra.New(
		promptorchestra.WithBaseURL(closed.URL), promptorchestra.WithOrganization("org_1"), promptorchestra.WithAccessToken(wireToken),
		promptorchestra.WithTransportWrapper(func(next http.RoundTripper) http.RoundTripper {
			return apitest.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
				_, _ = httputil.DumpRequestOut(req, true)
				return next.RoundTrip(req)
			})
		}))
	require.NoError(t, err)
	assert.True(t, promptorchestra.OutcomeUnknown(runOnWire(t, client)))
}

// A response that is streamed is not held back.
func TestWireOfAStream(t *testing.T) {
	second := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `[{"id":"run_1"},`)
		_ = http.NewResponseController(w).Flush()
		<-second
		_, _ = io.WriteString(w, `{"id":"run_2"}]`)
	}))
	defer srv.Close()
	client, out := newWire(t, srv.URL, "Runs.List")
	var ids []string
	for run, err := range client.Runs.All(t.Context()) {
		require.NoError(t, err)
		if ids = append(ids, run.ID); len(ids) == 1 {
			close(second)
		}
	}
	assert.Equal(t, []string{"run_1", "run_2"}, ids)
	assert.Equal(t, 1, strings.Count(out.String(), "msg=response"), out.String())
}
