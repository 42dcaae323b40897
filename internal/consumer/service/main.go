// Service runs a skill for the questions of many tenants, each with a skill and credentials of its
// own. Some tenants have given it a user's token, others an API key.
//
//	service <tenants.json
//	curl -d '{"question":"Where is my order?"}' 127.0.0.1:8091/tenants/org_1/answers
package main

import (
	"context"
	"encoding/json"
	"log"
	"log/slog"
	"math"
	"net/http"
	"os"
	"strconv"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// A tenant is an organization. One of the credentials may be empty.
type tenant struct{ AccessToken, APIKey, SkillID string }

type tenants map[string]tenant

// credentials gives each call the token or the key of its tenant: "" is none.
func (ts tenants) credentials() promptorchestra.Option {
	return promptorchestra.Options(
		promptorchestra.WithAccessTokenSource(func(_ context.Context, id string) (string, error) { return ts[id].AccessToken, nil }),
		promptorchestra.WithAPIKeySource(func(_ context.Context, id string) (string, error) { return ts[id].APIKey, nil }),
	)
}

// audit logs who called what, and what came of it.
func audit(logger *slog.Logger) promptorchestra.Option {
	return promptorchestra.WithObserver(func(ctx context.Context, call promptorchestra.CallInfo) (context.Context, func(promptorchestra.CallResult)) {
		return ctx, func(result promptorchestra.CallResult) {
			logger.InfoContext(ctx, "call", "op", call.Op, "tenant", call.Organization, "attempts", result.Attempts,
				"duration", result.Duration, "kind", promptorchestra.KindOf(result.Err), "request_id", result.RequestID)
		}
	})
}

// skills is what the service needs of the SDK: a test can fake it.
type skills interface {
	Run(ctx context.Context, skillID string, p promptorchestra.SkillRunParams, opts ...promptorchestra.CallOption) (*promptorchestra.SkillRunResponse, error)
}

func handler(ts tenants, skillsOf func(organizationID string) skills) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /tenants/{tenant}/answers", func(w http.ResponseWriter, r *http.Request) {
		organizationID := r.PathValue("tenant")
		tenant, ok := ts[organizationID]
		if !ok {
			http.Error(w, "There is no such tenant.", http.StatusNotFound)
			return
		}
		var body struct {
			Question string `json:"question"`
		}
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&body); err != nil {
			http.Error(w, "The body is not JSON.", http.StatusBadRequest)
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 2*time.Minute) // it is paid for, whoever leaves
		defer cancel()
		result, err := skillsOf(organizationID).Run(ctx, tenant.SkillID, promptorchestra.SkillRunParams{Variables: body})
		if err != nil {
			reject(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"run": result.RunID, "answer": result.OutputText})
	})
	return mux
}

// reject says what the caller can do. Whether the outcome is unknown is asked first.
func reject(w http.ResponseWriter, err error) {
	if promptorchestra.OutcomeUnknown(err) {
		runID, _ := promptorchestra.RunID(err)
		http.Error(w, "The skill may have run. Look before you ask again. Run: "+runID, http.StatusBadGateway)
		return
	}
	status, text := http.StatusBadGateway, "The platform failed."
	switch promptorchestra.KindOf(err) {
	case promptorchestra.KindEntitlement:
		status, text = http.StatusPaymentRequired, "Upgrade the plan."
	case promptorchestra.KindRateLimited:
		wait, _ := promptorchestra.RetryAfter(err)
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		status, text = http.StatusServiceUnavailable, "Too many questions."
	case promptorchestra.KindTimeout:
		status, text = http.StatusGatewayTimeout, "The platform took too long."
	}
	http.Error(w, text, status)
}

func main() {
	ts := tenants{}
	if err := json.NewDecoder(os.Stdin).Decode(&ts); err != nil {
		log.Fatal(err)
	}
	client, err := promptorchestra.New(ts.credentials(), audit(slog.Default()), promptorchestra.WithUserAgent("answers/1.0"))
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{
		Addr: "127.0.0.1:8091", ReadHeaderTimeout: 5 * time.Second,
		Handler: handler(ts, func(id string) skills { return client.InOrganization(id).Skills }),
	}
	log.Fatal(server.ListenAndServe())
}
