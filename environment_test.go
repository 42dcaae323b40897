package promptorchestra_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// No test and no example calls an API that the shell happens to name: executions there cost money.
func TestEnvironmentIsLeftAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the tests of other packages")
	}
	var mu sync.Mutex
	var arrived []string
	trap := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		arrived = append(arrived, r.Method+" "+r.URL.Path)
		mu.Unlock()
		w.WriteHeader(http.StatusTeapot)
	}))
	defer trap.Close()
	for _, arguments := range []string{
		"test -count=1 ./examples/... ./cmd/... ./orchestratest",
		"test -count=1 -run ^(Example|TestNew) .",
		"run ./examples/quickstart",
	} {
		command := exec.CommandContext(t.Context(), "go", strings.Fields(arguments)...)
		command.Env = append(os.Environ(),
			"PROMPT_ORCHESTRA_BASE_URL="+trap.URL, "PROMPT_ORCHESTRA_ORGANIZATION_ID=org_trap",
			"PROMPT_ORCHESTRA_ACCESS_TOKEN=eyJ.trap.trap", "PROMPT_ORCHESTRA_API_KEY=sk_trap", "PROMPT_ORCHESTRA_AUTHORING_API_KEY=sk_trap")
		out, err := command.CombinedOutput()
		require.NoError(t, err, "go %s\n%s", arguments, out)
	}
	assert.Empty(t, arrived)
}
