package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var rounds = flag.Int("rounds", 3, "the number of times the batch is killed")

// A batch that can be killed is the test binary once more.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-live" {
		main()
		return
	}
	os.Exit(m.Run())
}

// Killed at random moments, while the API fails in many ways, a batch pays for each of its rows
// once, and loses none.
func TestABatchThatIsKilledPaysOnce(t *testing.T) {
	t.Parallel()
	rows := 10 * (*rounds + 1)
	b := newBench(t, rows)
	makeFlaky(b.emulator, rows)
	start := func(ctx context.Context) (*exec.Cmd, *bytes.Buffer) {
		command := exec.CommandContext(ctx, os.Args[0], "-live", "-in", b.settings.in, "-out", b.settings.out, "-journal", b.settings.journal,
			"-prompt", b.settings.promptID, "-rate", "30", "-workers", "4", "-attempt", "1s", "-settle", "3s")
		command.Env = append(os.Environ(), "PROMPT_ORCHESTRA_BASE_URL="+b.emulator.URL, "PROMPT_ORCHESTRA_ORGANIZATION_ID="+b.emulator.OrganizationID,
			"PROMPT_ORCHESTRA_ACCESS_TOKEN=", "PROMPT_ORCHESTRA_API_KEY="+b.emulator.APIKey)
		var out bytes.Buffer
		command.Stdout, command.Stderr = &out, &out
		require.NoError(t, command.Start())
		return command, &out
	}
	killed := 0
	for range *rounds {
		sent := len(b.emulator.Requests("Prompts.Run"))
		command, out := start(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- command.Wait() }()
		// Some requests more, and then some time: in the middle of whatever it does then.
		wanted := sent + 1 + rand.N(10)
		for deadline := time.Now().Add(20 * time.Second); len(b.emulator.Requests("Prompts.Run")) < wanted && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
			if len(ended) > 0 {
				break
			}
		}
		time.Sleep(rand.N(100 * time.Millisecond))
		_ = command.Process.Kill()
		var exit *exec.ExitError
		if err := <-ended; errors.As(err, &exit) && exit.ExitCode() == -1 {
			killed++
		} else {
			require.NoError(t, err, out.String())
		}
	}
	command, out := start(t.Context())
	require.NoError(t, command.Wait(), out.String())
	assert.Contains(t, out.String(), "done, 0 for a person, 0 left", "no row was left to a person")
	counts, err := executions(t.Context(), b.emulator.Client())
	require.NoError(t, err)
	assert.Len(t, counts, rows, "none is lost")
	for id, n := range counts {
		assert.Equal(t, 1, n, "executions of %s", id)
	}
	results, err := os.Open(b.settings.out)
	require.NoError(t, err)
	defer results.Close()
	text, err := io.ReadAll(results)
	require.NoError(t, err)
	assert.Equal(t, rows, strings.Count(string(text), "\n"), "each row has one result")
	t.Logf("killed %d times; %d requests for %d rows", killed, len(b.emulator.Requests("Prompts.Run")), rows)
}
