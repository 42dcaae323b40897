package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// TestMain is the command itself when a test starts it as a process.
func TestMain(m *testing.M) {
	if os.Getenv("EMULATOR_IS_THE_COMMAND") != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

func TestCommandPrintsItsSettingsAndStopsOnInterrupt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no process can be interrupted there")
	}
	command := exec.CommandContext(t.Context(), os.Args[0], "-addr", "127.0.0.1:0")
	command.Env = append(os.Environ(), "EMULATOR_IS_THE_COMMAND=1")
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	lines := bufio.NewScanner(stdout)
	for _, want := range []string{
		`^PROMPT_ORCHESTRA_BASE_URL=http://127\.0\.0\.1:\d+$`, `^PROMPT_ORCHESTRA_ORGANIZATION_ID=org_\w+$`,
		`^PROMPT_ORCHESTRA_ACCESS_TOKEN=eyJ[\w.-]+$`, `^PROMPT_ORCHESTRA_API_KEY=sk_\w+$`,
	} {
		require.True(t, lines.Scan())
		assert.Regexp(t, want, lines.Text())
	}
	require.NoError(t, command.Process.Signal(os.Interrupt))
	assert.False(t, lines.Scan(), "nothing more is printed")
	require.NoError(t, command.Wait(), "the status is 0")
}

func TestCommandRefusesOtherMachines(t *testing.T) {
	command := exec.CommandContext(t.Context(), os.Args[0], "-addr", "0.0.0.0:0")
	command.Env = append(os.Environ(), "EMULATOR_IS_THE_COMMAND=1")
	output, err := command.CombinedOutput()
	var ended *exec.ExitError
	require.ErrorAs(t, err, &ended)
	assert.Equal(t, 1, ended.ExitCode())
	assert.Contains(t, string(output), "0.0.0.0:0 is not a loopback address")
}

// The authoring loop in examples/curl, which ends where it began: at version 1.
func TestCurlExample(t *testing.T) {
	shown, last := runExample(t, "loop.sh")
	assert.Equal(t, "rolled back to", last)
	assert.Equal(t, shown["version created"], shown["rolled back to"])
	assert.NotEqual(t, shown["version created"], shown["version 2 published"])
	assert.Contains(t, shown["publish refused"], `"code":"AGENT_GRAPH_INVALID"`)
	assert.Equal(t, "Hello Ada!", shown["output"])
	assert.Equal(t, "Grace", shown["runs compared"])
	assert.Equal(t, "Greet again", shown["versions compared"])
}

// The two failures in examples/curl, made by the control API. This test is the emulator, so that
// the script needs no Go.
func TestCurlFaultsExample(t *testing.T) {
	itself, err := os.Executable()
	require.NoError(t, err)
	shown, last := runExample(t, "faults.sh", "EMULATOR="+itself, "EMULATOR_IS_THE_COMMAND=1")
	assert.Equal(t, "faults left over", last)
	assert.JSONEq(t, `{"error":"seat_limit_exceeded","message":"The organization has 5 members and 3 seats"}`, shown["with three seats"])
	assert.Equal(t, "Hello Ada!", shown["after the upgrade"])
	assert.Equal(t, "1", shown["runs at first"])
	assert.Contains(t, shown["response lost"], "Empty reply from server")
	assert.Equal(t, "2", shown["runs now"], "the execution happened")
	assert.Equal(t, "3", shown["requests that arrived"])
	assert.Contains(t, shown["a misspelt fault"], `there is no \"dropafter\"`)
	assert.JSONEq(t, `{"pending":{}}`, shown["faults left over"])
}

// runExample runs a script of examples/curl, and returns what it shows by label and the last label.
func runExample(t *testing.T, script string, env ...string) (shown map[string]string, last string) {
	t.Helper()
	for _, needed := range []string{"bash", "curl", "go"} {
		if _, err := exec.LookPath(needed); err != nil {
			t.Skip("there is no " + needed + " here")
		}
	}
	command := exec.CommandContext(t.Context(), "bash", "../../examples/curl/"+script)
	command.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	output, err := command.Output()
	require.NoError(t, err, "%s%s", output, stderr.String())
	shown = map[string]string{}
	for line := range strings.Lines(string(output)) {
		label, value, _ := strings.Cut(strings.TrimSpace(line), "  ")
		shown[label], last = strings.TrimSpace(value), label
	}
	return shown, last
}

func TestRunPrintsWhatAShellCanExport(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	stdout, printed := io.Pipe()
	var log lockedBuffer
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"-addr", "127.0.0.1:0"}, printed, &log)
		_ = printed.Close()
	}()

	settings := map[string]string{}
	lines := bufio.NewScanner(stdout)
	for len(settings) < 4 && lines.Scan() {
		name, value, found := strings.Cut(lines.Text(), "=")
		require.True(t, found, lines.Text())
		settings[name] = value
	}
	require.True(t, strings.HasPrefix(settings["PROMPT_ORCHESTRA_ACCESS_TOKEN"], "eyJ"))
	require.True(t, strings.HasPrefix(settings["PROMPT_ORCHESTRA_API_KEY"], "sk_"))

	address := settings["PROMPT_ORCHESTRA_BASE_URL"] + "/api/agents?publicContract=1&organizationId=" + settings["PROMPT_ORCHESTRA_ORGANIZATION_ID"]
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+settings["PROMPT_ORCHESTRA_API_KEY"])
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusOK, response.StatusCode)

	stop()
	require.NoError(t, <-ended)
	logged := log.String()
	started, logged, _ := strings.Cut(logged, "\n")
	assert.Equal(t, "promptorchestra-emulator serves "+settings["PROMPT_ORCHESTRA_BASE_URL"]+
		fmt.Sprintf(" until it is stopped: Ctrl-C, or SIGTERM to process %d", os.Getpid()), started)
	assert.Equal(t, 1, strings.Count(logged, "\n"), "one line for one request: %s", logged)
	assert.Contains(t, logged, "path=/api/agents op=Agents.List status=200")
	assert.NotContains(t, logged, settings["PROMPT_ORCHESTRA_API_KEY"])
	assert.NotContains(t, logged, "organizationId")
}

// The control API is there when it is asked for, and its URL is printed.
func TestRunWithControl(t *testing.T) {
	for name, c := range map[string]struct {
		args   []string
		status int
		lines  int
	}{
		"with":    {[]string{"-addr", "127.0.0.1:0", "-control"}, http.StatusOK, 5},
		"without": {[]string{"-addr", "127.0.0.1:0"}, http.StatusNotFound, 4},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			stdout, printed := io.Pipe()
			ended := make(chan error, 1)
			go func() {
				ended <- run(ctx, c.args, printed, io.Discard)
				_ = printed.Close()
			}()
			lines := bufio.NewScanner(stdout)
			var all []string
			for len(all) < c.lines && lines.Scan() {
				all = append(all, lines.Text())
			}
			base := strings.TrimPrefix(all[0], "PROMPT_ORCHESTRA_BASE_URL=")
			if c.lines == 5 {
				assert.Equal(t, "EMULATOR_CONTROL_URL="+base+"/control", all[4])
			}
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/control/faults", nil)
			require.NoError(t, err)
			response, err := http.DefaultClient.Do(request)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			assert.Equal(t, c.status, response.StatusCode)
			http.DefaultClient.CloseIdleConnections()
			stop()
			require.NoError(t, <-ended)
			assert.False(t, lines.Scan(), "nothing more is printed")
		})
	}
}

// A container from scratch asks its own program whether it is healthy.
func TestHealth(t *testing.T) {
	printed := startCommand(t, 5, "-control")
	healthy, _, _ := strings.Cut(strings.TrimPrefix(printed, "PROMPT_ORCHESTRA_BASE_URL="), "\n")
	require.NoError(t, run(t.Context(), []string{"-health", healthy}, io.Discard, io.Discard))
	without := startCommand(t, 4)
	deaf, _, _ := strings.Cut(strings.TrimPrefix(without, "PROMPT_ORCHESTRA_BASE_URL="), "\n")
	require.ErrorContains(t, run(t.Context(), []string{"-health", deaf}, io.Discard, io.Discard), "404 Not Found")
	require.ErrorContains(t, run(t.Context(), []string{"-health", "http://127.0.0.1:1"}, io.Discard, io.Discard), "-health: ")
	require.ErrorContains(t, run(t.Context(), []string{"-health", ":"}, io.Discard, io.Discard), "-health: ")
}

func TestRunRefuses(t *testing.T) {
	for name, args := range map[string][]string{
		"every interface":     {"-addr", ":0"},
		"an unspecified host": {"-addr", "0.0.0.0:0"},
		"a public address":    {"-addr", "203.0.113.1:80"},
		"a name":              {"-addr", "example.com:80"},
		"no port":             {"-addr", "127.0.0.1"},
		"an unknown flag":     {"-port", "80"},
		"a stray argument":    {"start"},
		"a port out of range": {"-addr", "127.0.0.1:99999"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Error(t, run(t.Context(), args, io.Discard, io.Discard))
		})
	}
}

func TestRunListensElsewhereWhenTold(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.NoError(t, run(ctx, []string{"-addr", "0.0.0.0:0", "-allow-remote"}, io.Discard, io.Discard))
}

// lockedBuffer is a buffer that the server writes while the test runs.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
