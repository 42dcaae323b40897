package setup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Main ends the process, so each row runs it in a process of its own.
func TestMainsExitStatus(t *testing.T) {
	ends := map[string]struct {
		run            func(ctx context.Context, out io.Writer) error
		status         int
		stdout, stderr string
	}{
		"well":      {func(_ context.Context, out io.Writer) error { fmt.Fprint(out, "hello"); return nil }, 0, "hello", ""},
		"badly":     {func(context.Context, io.Writer) error { return errors.New("no luck") }, 1, "", "The example failed: no luck\n"},
		"interrupt": {interrupt, 0, "", ""},
	}
	if end, ok := ends[os.Getenv("EXAMPLE_ENDS")]; ok {
		Main(end.run)
		os.Exit(0)
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			if name == "interrupt" && runtime.GOOS == "windows" {
				t.Skip("no process can be interrupted there")
			}
			command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMainsExitStatus$")
			command.Env = append(os.Environ(), "EXAMPLE_ENDS="+name)
			var stdout, stderr bytes.Buffer
			command.Stdout, command.Stderr = &stdout, &stderr
			_ = command.Run() // the exit status says it
			assert.Equal(t, end.status, command.ProcessState.ExitCode())
			assert.Equal(t, end.stdout, stdout.String())
			assert.Equal(t, end.stderr, stderr.String())
		})
	}
}

func interrupt(ctx context.Context, _ io.Writer) error {
	process, err := os.FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	if err := process.Signal(os.Interrupt); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func TestConnectStartsTheEmulator(t *testing.T) {
	var out bytes.Buffer
	client, emulator, err := Connect(&out)
	require.NoError(t, err)
	defer emulator.Close()
	_, err = Prompt(t.Context(), client, "Hello")
	require.NoError(t, err)
	assert.Equal(t, "Using the emulator, started in this process at "+emulator.URL+"\n", out.String())
}
