package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/examples/internal/exampletest"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryBucketIsDiagnosed(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	var causes []string
	for _, match := range regexp.MustCompile(`(?m)^cause:  (.*)$`).FindAllStringSubmatch(out.String(), -1) {
		causes = append(causes, match[1])
	}
	require.Len(t, causes, len(buckets))
	for i, want := range []string{
		"organization", "has expired", "lacks the scope agents:write", "plan does not allow this", `There is no prompt "prm_of_somebody_else"`, "missing_entry_step",
	} {
		assert.Contains(t, causes[i], want, buckets[i].name)
	}
}

// What the documentation prints is what comes out, but for the port.
func TestTheDocumentationShowsRealOutput(t *testing.T) {
	document, err := os.ReadFile("../../docs/errors.md")
	require.NoError(t, err)
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	printed := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).ReplaceAllString(out.String(), "http://127.0.0.1:8080")
	_, shown, _ := strings.Cut(string(document), "```text\n")
	shown, _, _ = strings.Cut(shown, "\n```")
	assert.Equal(t, strings.TrimSpace(printed), shown, "paste what go run ./examples/diagnose prints")
}

func TestAgainstAnAPI(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	exampletest.Live(t, map[string]string{"BASE_URL": srv.URL, "ORGANIZATION_ID": srv.OrganizationID, "API_KEY": srv.APIKey})
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	assert.Contains(t, out.String(), `cause:  There is no prompt "prm_does_not_exist" in organization `+srv.OrganizationID)
	for _, r := range srv.Requests("*") {
		assert.True(t, r.Method == "GET" || r.Op == "Setup.Verify", r.Op)
	}

	t.Setenv("PROMPT_ORCHESTRA_BASE_URL", "ftp://example.com")
	assert.ErrorContains(t, run(t.Context(), &out), "must begin with https://")
}

func TestOutputThatFails(t *testing.T) {
	assert.ErrorContains(t, run(t.Context(), brokenPipe{}), "broken pipe")
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

// What a service stored or logged is diagnosed, and so is a run by its id.
func TestStoredErrorsAndRuns(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	exampletest.Live(t, map[string]string{"BASE_URL": srv.URL, "ORGANIZATION_ID": srv.OrganizationID, "API_KEY": srv.APIKey})
	promptID := srv.PublishPrompt("Greet {{name}}")
	srv.FailExecution(promptID, "the provider is down")
	client := srv.KeyClient()
	_, failure := client.Prompts.Run(t.Context(), promptID, promptorchestra.PromptRunParams{Variables: map[string]any{"name": "Ada"}})
	require.Error(t, failure)
	wrapped := fmt.Errorf("job 7: %w", failure)
	stored, err := promptorchestra.MarshalError(wrapped)
	require.NoError(t, err)
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Error("job failed", promptorchestra.LogAttr(wrapped))

	for name, data := range map[string]string{"stored": string(stored), "logged": log.String()} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "error.json")
			require.NoError(t, os.WriteFile(file, []byte(data), 0o600))
			set(t, errorFile, file)
			var out strings.Builder
			require.NoError(t, run(t.Context(), &out))
			assert.Contains(t, out.String(), "the provider is down")
			assert.Contains(t, out.String(), fmt.Sprintf("promptId %q exists", promptID))
			assert.Contains(t, out.String(), "do not retry it")
		})
	}
	t.Run("neither", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "error.json")
		for _, data := range []string{`{"msg":"hello"}`, `{"error":{"type":"x"}}`, `not JSON`, ``} {
			require.NoError(t, os.WriteFile(file, []byte(data), 0o600))
			set(t, errorFile, file)
			assert.Error(t, run(t.Context(), &strings.Builder{}), data)
		}
	})
	t.Run("a run", func(t *testing.T) {
		runs, err := client.Runs.List(t.Context())
		require.NoError(t, err)
		require.Len(t, runs, 1)
		set(t, runID, runs[0].ID)
		var out strings.Builder
		require.NoError(t, run(t.Context(), &out))
		assert.Contains(t, out.String(), "failed: the provider is down")
	})
}

// set sets a flag for a test.
func set(t *testing.T, flag *string, value string) {
	*flag = value
	t.Cleanup(func() { *flag = "" })
}
