package recipes

import (
	"net/http"
	"testing"

	"github.com/jarcoal/httpmock"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

func TestWithHTTPMock(t *testing.T) {
	httpClient := &http.Client{}
	httpmock.ActivateNonDefault(httpClient)
	defer httpmock.DeactivateNonDefault(httpClient)
	httpmock.RegisterResponder("GET", "=~/api/prompts", httpmock.NewStringResponder(200, "[]"))

	client, err := promptorchestra.New(
		promptorchestra.WithHTTPClient(httpClient),
		promptorchestra.WithAPIKey("sk_test"),
		promptorchestra.WithOrganization("org_1"),
	)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Prompts.List(t.Context()); err != nil {
		t.Error(err)
	}
	if calls := httpmock.GetTotalCallCount(); calls != 1 {
		t.Errorf("%d requests were sent", calls)
	}
}
