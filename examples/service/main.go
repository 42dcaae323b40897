// Service is an HTTP service for many organizations over one client. It runs
// their agents and answers failures as problem details (RFC 9457), with a link
// to upgrade, with Retry-After, or with the mistakes of a graph.
//
//	POST /organizations/{organization}/agents/{agent}/runs   {"variables": {...}}
//	GET  /organizations/{organization}/agent-runs/{run}
//
// With PROMPT_ORCHESTRA_* set it calls that API; otherwise it starts the emulator
// in this process. Who may ask for which organization is for the application to
// check first: put its own authentication before this.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, cmp.Or(os.Getenv("ADDR"), "127.0.0.1:8090")); err != nil {
		fmt.Fprintln(os.Stderr, "service:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}

// run serves until ctx ends, then lets requests in progress finish.
func run(ctx context.Context, out io.Writer, addr string) error {
	client, err := promptorchestra.NewFromEnv()
	if err != nil {
		return fmt.Errorf("reading PROMPT_ORCHESTRA_*: %w", err)
	}
	var agents map[string]string // by organization, to try this with
	if !inEnvironment() {
		emulator := orchestratest.NewServer()
		defer emulator.Close()
		if client, agents, err = twoOrganizations(ctx, emulator); err != nil {
			return fmt.Errorf("preparing the emulator: %w", err)
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	logger := slog.New(slog.NewJSONHandler(out, nil))
	server := &http.Server{
		Handler:           newHandler(client, logger),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      executionTimeout + 10*time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	logger.Info("serving", "addr", listener.Addr().String(), "api", client.String(), "agents", agents)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	logger.Info("stopping")
	if err := server.Shutdown(stopping); err != nil {
		return fmt.Errorf("stopping: %w", errors.Join(err, server.Close()))
	}
	return nil
}

// inEnvironment reports whether the environment names an API.
func inEnvironment() bool {
	return slices.ContainsFunc(os.Environ(), func(setting string) bool {
		name, value, _ := strings.Cut(setting, "=")
		return strings.HasPrefix(name, "PROMPT_ORCHESTRA_") && value != ""
	})
}

const (
	readTimeout      = 15 * time.Second
	executionTimeout = 5 * time.Minute
)

// newHandler serves every organization with one client: they share connections.
func newHandler(client *promptorchestra.Client, logger *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, timeout time.Duration, answer func(*promptorchestra.Client, *http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), timeout)
			defer cancel()
			started := time.Now()
			organization := r.PathValue("organization")
			r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
			result, err := answer(client.InOrganization(organization), r.WithContext(ctx))
			log := logger.With("method", r.Method, "route", pattern, "organization", organization, "duration", time.Since(started))
			if err != nil {
				p := problemOf(err)
				log.Warn("refused", "status", p.Status, "error", err)
				p.write(w, r)
				return
			}
			log.Info("answered")
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(result) // the caller may be gone
		})
	}
	handle("POST /organizations/{organization}/agents/{agent}/runs", executionTimeout, func(c *promptorchestra.Client, r *http.Request) (any, error) {
		var body struct {
			Variables map[string]any `json:"variables"`
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			return nil, &promptorchestra.ArgumentError{Argument: "body", Reason: "must be a JSON object", Err: err}
		}
		return c.Agents.Run(r.Context(), r.PathValue("agent"), promptorchestra.AgentRunParams{Variables: body.Variables})
	})
	handle("GET /organizations/{organization}/agent-runs/{run}", readTimeout, func(c *promptorchestra.Client, r *http.Request) (any, error) {
		return c.AgentRuns.Get(r.Context(), r.PathValue("run"))
	})
	return mux
}
