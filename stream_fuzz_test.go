package promptorchestra_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"reflect"
	"testing"
	"testing/iotest"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest/apidocs"
)

// FuzzStream: streaming a list gives what the list gives.
func FuzzStream(f *testing.F) {
	apidocs.AddLists(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) > 9000 {
			t.Skip() // encoding/json counts the levels of an element from the element
		}
		for _, read := range []func() io.Reader{
			func() io.Reader { return bytes.NewReader(data) },
			func() io.Reader { return iotest.HalfReader(bytes.NewReader(data)) },
		} {
			client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, ContentLength: -1, Body: io.NopCloser(read())}, nil
			}, promptorchestra.WithRetry(promptorchestra.RetryPolicy{MaxRetries: -1}))
			var alsoListed, alsoStreamed any
			listed, listErr := client.Runs.List(t.Context(), promptorchestra.WithInto(&alsoListed))
			streamed := []promptorchestra.Run{}
			var streamErr error
			for run, err := range client.Runs.All(t.Context(), promptorchestra.WithInto(&alsoStreamed)) {
				if err != nil {
					streamErr = err
					break
				}
				streamed = append(streamed, run)
			}
			if (listErr == nil) != (streamErr == nil) {
				t.Fatalf("the list: %v, streamed: %v", listErr, streamErr)
			}
			if listErr == nil && !reflect.DeepEqual(listed, streamed) {
				t.Fatalf("%+v streamed as %+v", listed, streamed)
			}
			var e *promptorchestra.DecodeError
			if listErr != nil && (!errors.As(listErr, &e) || !errors.As(streamErr, &e)) {
				t.Fatalf("%v, %v", listErr, streamErr)
			}
		}
	})
}
