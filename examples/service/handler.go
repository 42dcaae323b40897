package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

const runTimeout = 5 * time.Minute

var errUnknownOrganization = errors.New("there is no such organization")

// tenants stands for the place where a service keeps the credentials of each organization. Its
// methods are called before each attempt, so a credential that was renewed in the meantime is used
// by the next one. "" is none: the other kind is then used, where the route takes it.
type tenants map[string]struct{ accessToken, apiKey string }

func (t tenants) accessToken(_ context.Context, organizationID string) (string, error) {
	tenant, ok := t[organizationID]
	if !ok {
		return "", errUnknownOrganization
	}
	return tenant.accessToken, nil
}

func (t tenants) apiKey(_ context.Context, organizationID string) (string, error) {
	return t[organizationID].apiKey, nil
}

// newHandler serves every organization with one client: they share connections.
func newHandler(client *promptorchestra.Client, logger *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, timeout time.Duration, call func(*promptorchestra.Client, *http.Request) (status int, result any, err error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			// A run is paid for, so it goes on when the caller leaves.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), timeout)
			defer cancel()
			started := time.Now()
			r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
			status, result, err := call(client.InOrganization(r.PathValue("organization")), r.WithContext(ctx))
			log := logger.With("route", pattern, "organization", r.PathValue("organization"), "duration", time.Since(started))
			if err != nil {
				p := problemOf(err)
				log.Warn("failed", "status", p.Status, "error", err)
				p.write(w, r)
				return
			}
			log.Info("responded", "status", status)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(result) // the caller may be gone
		})
	}
	handle("POST /organizations/{organization}/agents/{agent}/runs", runTimeout, func(c *promptorchestra.Client, r *http.Request) (int, any, error) {
		var body struct{ Variables map[string]any }
		if err := decodeBody(r.Body, &body); err != nil {
			return 0, nil, err
		}
		run, err := c.Agents.Run(r.Context(), r.PathValue("agent"), promptorchestra.AgentRunParams{Variables: body.Variables})
		if err != nil {
			return 0, nil, err
		}
		return statusOf(run), run, failureOf(run)
	})
	handle("GET /organizations/{organization}/agent-runs/{run}", 15*time.Second, func(c *promptorchestra.Client, r *http.Request) (int, any, error) {
		run, err := c.AgentRuns.Get(r.Context(), r.PathValue("run"))
		return http.StatusOK, run, err
	})
	return mux
}

// A failedRun is the error for a run that was started and failed: it is paid for, and not for a
// caller to start again.
type failedRun struct{ id, why string }

func (e *failedRun) Error() string { return "run " + e.id + " failed: " + e.why }

// failureOf returns an error for a run that the platform says has failed: it says so with status
// 200.
func failureOf(run *promptorchestra.AgentRunResponse) error {
	why := ""
	if d := run.Diagnostic; d != nil {
		why = cmp.Or(d.Why, d.Title, d.Code)
	}
	if run.Status.Failed() || run.Status == "" && run.Diagnostic != nil {
		return &failedRun{run.RunID, why}
	}
	return nil
}

// statusOf is 200 only for a run that shows that it has succeeded. The caller has to look at any
// other again.
func statusOf(run *promptorchestra.AgentRunResponse) int {
	if run.Status.Succeeded() || run.Status == "" && len(run.Output) > len(`""`) && run.Output.String() != "null" {
		return http.StatusOK
	}
	return http.StatusAccepted
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
