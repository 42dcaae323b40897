// Service runs the agents of many organizations over one client and answers HTTP. Failures become
// problem details (RFC 9457), with a link to upgrade, with Retry-After, or with the mistakes of a graph.
//
//	POST /organizations/{organization}/agents/{agent}/runs   {"variables": {...}}
//	GET  /organizations/{organization}/agent-runs/{run}
//
// Put authentication before it: who may ask for which organization is not checked.
//
// It starts the emulator in this process, with two organizations that have a token each. With -live
// it serves the API that PROMPT_ORCHESTRA_* names, and each run that it is asked for costs money.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/examples/internal/setup"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func main() { setup.Main(run) }

const runTimeout = 5 * time.Minute

// run serves until ctx ends, then lets requests in progress finish: a run costs money, whoever sees its result.
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
	stopped := make(chan error, 1)
	context.AfterFunc(ctx, func() { stopped <- server.Shutdown(context.WithoutCancel(ctx)) }) // requests have timeouts
	logger.Info("serving", "addr", listener.Addr().String(), "api", client.String())
	for organization, agent := range agents {
		fmt.Fprintf(os.Stderr, `Try: curl -d '{"variables":{"name":"Ada"}}' %s/organizations/%s/agents/%s/runs`+"\n", listener.Addr(), organization, agent)
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving: %w", err)
	}
	return <-stopped
}

// newHandler serves every organization with one client: they share connections.
func newHandler(client *promptorchestra.Client, logger *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, timeout time.Duration, answer func(*promptorchestra.Client, *http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), timeout) // a caller who leaves ends no run
			defer cancel()
			started := time.Now()
			r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
			result, err := answer(client.InOrganization(r.PathValue("organization")), r.WithContext(ctx))
			log := logger.With("route", pattern, "organization", r.PathValue("organization"), "duration", time.Since(started))
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
	handle("POST /organizations/{organization}/agents/{agent}/runs", runTimeout, func(c *promptorchestra.Client, r *http.Request) (any, error) {
		var body struct{ Variables map[string]any }
		if err := decodeBody(r.Body, &body); err != nil {
			return nil, err
		}
		return c.Agents.Run(r.Context(), r.PathValue("agent"), promptorchestra.AgentRunParams{Variables: body.Variables})
	})
	handle("GET /organizations/{organization}/agent-runs/{run}", 15*time.Second, func(c *promptorchestra.Client, r *http.Request) (any, error) {
		return c.AgentRuns.Get(r.Context(), r.PathValue("run"))
	})
	return mux
}

// decodeBody accepts one JSON object with the members of v, and nothing after it.
func decodeBody(body io.Reader, v any) error {
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	err := decoder.Decode(v)
	if err == nil {
		if _, err = decoder.Token(); err == io.EOF { //nolint:errorlint // Token returns it bare
			return nil
		}
		err = errors.Join(errors.New("something follows the object"), err)
	}
	return &promptorchestra.ArgumentError{Argument: "body", Reason: "must be one JSON object with the documented members", Err: err}
}

var errUnknownOrganization = errors.New("there is no such organization")

// tokens stands for the place where a service keeps each organization's token. It is asked before each
// attempt: a token that was renewed in the meantime is used by the next one.
type tokens map[string]string

func (t tokens) token(_ context.Context, organizationID string) (string, error) {
	if token, ok := t[organizationID]; ok {
		return token, nil
	}
	return "", errUnknownOrganization
}

// twoOrganizations adds an organization to the emulator and returns one client for both, with an agent
// in each.
func twoOrganizations(ctx context.Context, emulator *orchestratest.Server) (*promptorchestra.Client, map[string]string, error) {
	other := emulator.AddOrganization("Globex")
	known := tokens{emulator.OrganizationID: emulator.AccessToken, other.ID: other.AccessToken}
	client, err := promptorchestra.New(promptorchestra.WithBaseURL(emulator.URL), promptorchestra.WithAccessTokenSource(known.token))
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

// problem is what a caller learns of a failure: RFC 9457, with members of our own.
type problem struct {
	Type           string                        `json:"type"`
	Title          string                        `json:"title"`
	Status         int                           `json:"status"`
	Detail         string                        `json:"detail,omitempty"`
	Instance       string                        `json:"instance,omitempty"`
	RequestID      string                        `json:"requestId,omitempty"` // for support
	Upgrade        string                        `json:"upgrade,omitempty"`
	Mistakes       []promptorchestra.ErrorDetail `json:"mistakes,omitempty"`
	OutcomeUnknown bool                          `json:"outcomeUnknown,omitempty"`
	retryAfter     time.Duration
}

// problemOf decides by what the caller can do about a failure. What is ours to fix, such as a credential,
// is not told.
func problemOf(err error) problem {
	failure, argument := new(promptorchestra.APIError), new(promptorchestra.ArgumentError)
	errors.As(err, &failure) // if it is none, failure stays empty
	p := problem{Status: http.StatusBadGateway, Title: "The platform failed", RequestID: failure.RequestID}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		p.Status, p.Title, p.Detail = http.StatusRequestEntityTooLarge, "The request is too large", fmt.Sprintf("A body may have %d bytes.", tooLarge.Limit)
	case errors.Is(err, errUnknownOrganization):
		p.Status, p.Title = http.StatusNotFound, "There is no such organization"
	case promptorchestra.OutcomeUnknown(err):
		p.OutcomeUnknown, p.Detail = true, "The run may have happened. Look for it before you ask for another one."
	case promptorchestra.IsEntitlement(err):
		p.Status, p.Title, p.Detail = http.StatusPaymentRequired, "The plan does not allow this", failure.Message
		p.Upgrade = "https://app.example.com/billing?organization=" + url.QueryEscape(failure.Organization)
	case promptorchestra.IsRetryable(err):
		p.Status, p.Title, p.retryAfter = http.StatusServiceUnavailable, "The platform is busy", cmp.Or(failure.RetryAfter, 5*time.Second)
	case slices.Contains([]int{400, 404, 409, 422}, failure.StatusCode) && failure.Kind != promptorchestra.KindUnknown && failure.Kind != promptorchestra.KindMissingOrganization:
		p.Status, p.Title, p.Detail, p.Mistakes = failure.StatusCode, http.StatusText(failure.StatusCode), failure.Message, failure.Details
	case errors.As(err, &argument) && slices.Contains([]string{"organizationId", "agentId", "runId", "body"}, argument.Argument):
		p.Status, p.Title, p.Detail = http.StatusBadRequest, "The request is not valid", argument.Argument+" "+argument.Reason
	}
	if errors.Is(err, context.DeadlineExceeded) {
		p.Status, p.Title = http.StatusGatewayTimeout, "The platform took too long"
	}
	return p
}

func (p problem) write(w http.ResponseWriter, r *http.Request) {
	p.Type, p.Instance = fmt.Sprintf("https://docs.example.com/problems/%d", p.Status), r.URL.EscapedPath()
	w.Header().Set("Content-Type", "application/problem+json")
	if p.retryAfter > 0 {
		w.Header().Set("Retry-After", fmt.Sprintf("%.0f", math.Ceil(p.retryAfter.Seconds())))
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the caller may be gone
}
