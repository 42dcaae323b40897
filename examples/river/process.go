package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/riverqueue/river"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// work is a worker process: it works jobs until it is told to stop, its standard input ends, or it
// is killed.
func work(ctx context.Context, _ io.Writer, s settings) error {
	client, err := promptorchestra.NewFromEnv()
	if err != nil {
		return err
	}
	d, err := openDatabase(ctx, s.database)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }() // nothing depends on it any more
	workers := river.NewWorkers()
	if s.naive {
		river.AddWorker(workers, &NaiveWorker{client: client, promptID: s.promptID})
	} else {
		river.AddWorker(workers, newWorker(d.DB, client, s.promptID, s.times))
	}
	queue, err := d.newClient(workers, s.times)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // whoever started this process is gone
		stop()
	}()
	if err := queue.Start(ctx); err != nil {
		return fmt.Errorf("starting to work: %w", err)
	}
	<-queue.Stopped()
	return nil
}

// A workerProcess is this program once more, as a worker.
type workerProcess struct{ command *exec.Cmd }

func startWorker(api string, emulator *orchestratest.Server, s settings) (*workerProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	//nolint:gosec,noctx // it is this program, and lives until it is killed
	command := exec.Command(self, "-worker", "-database", s.database, "-prompt", s.promptID, fmt.Sprintf("-naive=%t", s.naive),
		"-attempt", s.times.Attempt.String(), "-settle", s.times.Settle.String(), "-look-up", s.times.LookUp.String(), "-longest", s.times.Longest.String())
	command.Env = append(os.Environ(), "PROMPT_ORCHESTRA_BASE_URL="+api, "PROMPT_ORCHESTRA_ORGANIZATION_ID="+emulator.OrganizationID,
		"PROMPT_ORCHESTRA_ACCESS_TOKEN=", "PROMPT_ORCHESTRA_API_KEY="+emulator.APIKey)
	command.Stderr = os.Stderr
	if _, err := command.StdinPipe(); err != nil {
		return nil, fmt.Errorf("starting a worker: %w", err)
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("starting a worker: %w", err)
	}
	return &workerProcess{command}, nil
}

func (p *workerProcess) pid() int { return p.command.Process.Pid }

// kill ends the process as a crash does: it gets to do nothing more.
func (p *workerProcess) kill() {
	_ = p.command.Process.Kill()
	_ = p.command.Wait() // says that it was killed
}
