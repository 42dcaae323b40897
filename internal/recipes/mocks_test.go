package recipes

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/h2non/gock"
	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

// What replaces http.DefaultTransport gets the requests of clients made with http.DefaultClient, and
// of no others: those of any other client go to the network, past the mocks.
func TestMocksOfTheDefaultTransport(t *testing.T) {
	var fake apitest.Recorder
	mocked := apitest.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		recorder := httptest.NewRecorder()
		fake.ServeHTTP(recorder, r)
		return recorder.Result(), nil
	})
	for name, replace := range map[string]func(url string) (restore func()){
		"httpmock.Activate": func(string) func() {
			httpmock.Activate()
			httpmock.RegisterNoResponder(httpmock.Responder(mocked))
			return httpmock.DeactivateAndReset
		},
		"gock.New": func(url string) func() { // replaces http.DefaultTransport, and gock.Off restores it
			gock.New(url).Persist().AddMatcher(func(r *http.Request, _ *gock.Request) (bool, error) {
				_, err := mocked(r)
				return true, err
			}).Reply(http.StatusOK).BodyString(apitest.Agent)
			return gock.Off
		},
		"by hand": func(string) func() {
			before := http.DefaultTransport
			http.DefaultTransport = mocked
			return func() { http.DefaultTransport = before }
		},
	} {
		t.Run(name, func(t *testing.T) {
			var network apitest.Recorder
			srv := apitest.NewConnectionCounter(t, &network)
			restore := replace(srv.URL)
			defer restore()
			for _, row := range []struct {
				opts                    []promptorchestra.Option
				onTheNetwork, atTheFake int
			}{
				{onTheNetwork: 1},
				{opts: []promptorchestra.Option{promptorchestra.WithHTTPClient(&http.Client{})}, onTheNetwork: 1},
				{opts: []promptorchestra.Option{promptorchestra.WithHTTPClient(http.DefaultClient)}, atTheFake: 1},
			} {
				before, faked := len(network.All()), len(fake.All())
				client := apitest.NewClientAt(t, srv.URL, row.opts...)
				require.NoError(t, apitest.Get(t.Context(), client))
				assert.Len(t, network.All(), before+row.onTheNetwork)
				assert.Len(t, fake.All(), faked+row.atTheFake)
				client.CloseIdleConnections()
			}
		})
	}
}

// A request that no mock matches is not retried. An execution's outcome is unknown then, because the
// mocks do not say that nothing was sent.
func TestMocksWithoutAMatch(t *testing.T) {
	for name, mock := range map[string]func(*http.Client) (off func()){
		"httpmock": func(c *http.Client) func() {
			httpmock.ActivateNonDefault(c)
			return func() { httpmock.DeactivateNonDefault(c) }
		},
		"gock": func(c *http.Client) func() {
			gock.InterceptClient(c)
			gock.New("https://other.example").Reply(http.StatusOK)
			return gock.Off
		},
	} {
		t.Run(name, func(t *testing.T) {
			httpClient := &http.Client{}
			defer mock(httpClient)()
			client := apitest.NewClientAt(t, "https://api.example", promptorchestra.WithHTTPClient(httpClient))
			err := apitest.Run(t.Context(), client)
			var e *promptorchestra.TransportError
			require.ErrorAs(t, err, &e)
			assert.True(t, e.OutcomeUnknown)
			assert.Equal(t, 1, e.Attempts)
		})
	}
}
