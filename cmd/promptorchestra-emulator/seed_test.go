package main

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// startCommand runs the command as a process until the test ends, and returns what it printed.
func startCommand(t *testing.T, lines int, args ...string) (printed string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0], args...)
	command.Env = append(os.Environ(), "EMULATOR_IS_THE_COMMAND=1")
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	scanner := bufio.NewScanner(stdout)
	for range lines {
		require.True(t, scanner.Scan())
		printed += scanner.Text() + "\n"
	}
	return printed
}

// What is printed goes into a shell by eval and by export.
func TestShellsTakeWhatIsPrinted(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("there is no sh here")
	}
	printed := startCommand(t, 5, "-control")
	for _, script := range []string{`set -a; eval "$(cat)"; env`, `export $(cat); env`} {
		shell := exec.CommandContext(t.Context(), "sh", "-c", script)
		shell.Stdin = strings.NewReader(printed)
		exported, err := shell.Output()
		require.NoError(t, err)
		for line := range strings.Lines(printed) {
			assert.Contains(t, string(exported), line, script)
		}
	}
}

// Python has nothing but its standard library. This test is the emulator, so that it needs no Go.
func TestPythonExample(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("there is no python3 here")
	}
	itself, err := os.Executable()
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), "python3", "-B", "../../examples/python/emulator.py")
	command.Env = append(os.Environ(), "EMULATOR="+itself, "EMULATOR_IS_THE_COMMAND=1")
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
	assert.Contains(t, string(output), "after a reset")
}

func TestSeedIsRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "seed.json")
	for content, want := range map[string]string{
		`{"publish":[{"prompt":"Hello"},{"promt":"Bye"}]}`: "publish[1].prompt is required",
		`{"prompts":["Hello"]}`:                            `there is no "prompts"`,
		`nothing`:                                          "it must be a JSON object",
	} {
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		err := run(t.Context(), []string{"-seed", file}, io.Discard, io.Discard)
		require.ErrorContains(t, err, "-seed "+file)
		require.ErrorContains(t, err, want)
	}
	require.Error(t, run(t.Context(), []string{"-seed", file + ".none"}, io.Discard, io.Discard))

	require.NoError(t, os.WriteFile(file, []byte(`{"publish":{"prompt":"Hello","name":"Greeting"}}`), 0o600))
	printed := startCommand(t, 4, "-seed", file)
	settings := map[string]string{}
	for line := range strings.Lines(printed) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		settings[name] = value
	}
	address := settings["PROMPT_ORCHESTRA_BASE_URL"] + "/api/prompts?organizationId=" + settings["PROMPT_ORCHESTRA_ORGANIZATION_ID"]
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+settings["PROMPT_ORCHESTRA_API_KEY"])
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	listed, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	http.DefaultClient.CloseIdleConnections()
	assert.Contains(t, string(listed), `"promptKey":"greeting"`)
}
