package recipes

import (
	"net/http"
	"testing"

	"github.com/h2non/gock"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

func TestWithGock(t *testing.T) {
	httpClient := &http.Client{}
	gock.InterceptClient(httpClient)
	defer gock.Off()
	gock.New("https://api.example").Get("/api/prompts").Reply(200).JSON([]string{})

	client, err := promptorchestra.New(
		promptorchestra.WithBaseURL("https://api.example"),
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
	if !gock.IsDone() {
		t.Error("not all of the mocks were used")
	}
}
