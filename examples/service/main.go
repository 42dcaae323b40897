// Service runs the agents of many organizations over one client and serves HTTP. Failures become
// problem details (RFC 9457), with a link to upgrade, with Retry-After, or with the mistakes of a
// graph.
//
//	POST /organizations/{organization}/agents/{agent}/runs   {"variables": {...}}
//	GET  /organizations/{organization}/agent-runs/{run}
//
// Put authentication before it: who may ask for which organization is not checked.
//
// It starts the emulator in this process, with two organizations. With -live it serves the API that
// PROMPT_ORCHESTRA_* names, and each run that it is asked for costs money.
//
// handler.go and problem.go are what a program of your own needs, and compile anywhere. main.go
// compiles in this repository only, for it shares examples/internal/setup with the other examples.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/examples/internal/setup"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func main() { setup.Main(run) }

// run serves until ctx ends, then lets requests in progress finish: a run costs money, whoever sees
// its result.
func run(ctx context.Context, out io.Writer) error {
	client, emulator, err := setup.Connect(os.Stderr)
	if err != nil {
		return err
	}
	var agents map[string]string // by organization
	if emulator != nil {
		defer emulator.Close()
		if client, agents, err = twoOrganizations(ctx, emulator); err != nil {
			return err
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cmp.Or(os.Getenv("ADDR"), "127.0.0.1:8090"))
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	logger := slog.New(slog.NewJSONHandler(out, nil))
	server := &http.Server{
		Handler: newHandler(client, logger), ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: runTimeout + time.Minute, IdleTimeout: 2 * time.Minute,
	}
	// Every request has a timeout, and so Shutdown returns.
	stopped := make(chan error, 1)
	context.AfterFunc(ctx, func() { stopped <- server.Shutdown(context.WithoutCancel(ctx)) })
	logger.Info("serving", "addr", listener.Addr().String(), "api", client.String())
	for organization, agent := range agents {
		fmt.Fprintf(os.Stderr, `Try: curl -d '{"variables":{"name":"Ada"}}' %s/organizations/%s/agents/%s/runs`+"\n", listener.Addr(), organization, agent)
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving: %w", err)
	}
	return <-stopped
}

// twoOrganizations adds an organization to the emulator and returns one client for both, with an
// agent in each. One has an access token alone, the other has both kinds of credential.
func twoOrganizations(ctx context.Context, emulator *orchestratest.Server) (*promptorchestra.Client, map[string]string, error) {
	other := emulator.AddOrganization("Globex")
	known := tenants{
		emulator.OrganizationID: {accessToken: emulator.AccessToken},
		other.ID:                {accessToken: other.AccessToken, apiKey: other.APIKey},
	}
	client, err := promptorchestra.New(promptorchestra.WithBaseURL(emulator.URL),
		promptorchestra.WithAccessTokenSource(known.accessToken), promptorchestra.WithAPIKeySource(known.apiKey))
	if err != nil {
		return nil, nil, fmt.Errorf("making the client: %w", err)
	}
	agents := map[string]string{}
	for organization := range known {
		if agents[organization], err = setup.Agent(ctx, client.InOrganization(organization)); err != nil {
			return nil, nil, err
		}
	}
	return client, agents, nil
}
