package promptorchestra_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// What the shell names must neither be called nor change a test.
	for _, name := range []string{"BASE_URL", "ORGANIZATION_ID", "ACCESS_TOKEN", "API_KEY", "AUTHORING_API_KEY"} {
		_ = os.Unsetenv("PROMPT_ORCHESTRA_" + name)
	}
	goleak.VerifyTestMain(m)
}
