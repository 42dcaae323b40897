package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// ask sends a question and returns the response's status and body.
func ask(t *testing.T, h http.Handler, organizationID, body string) (*httptest.ResponseRecorder, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/tenants/"+organizationID+"/answers", strings.NewReader(body)))
	return w, w.Body.String()
}

const question = `{"question":"Where is it?"}`

// newService serves a tenant with a key and one with a token.
func newService(t *testing.T, log *bytes.Buffer) (srv *orchestratest.Server, h http.Handler, withKey, withToken string) {
	t.Helper()
	srv = orchestratest.NewServer()
	t.Cleanup(srv.Close)
	other := srv.AddOrganization("Globex")
	ts := tenants{
		srv.OrganizationID: {APIKey: srv.APIKey, SkillID: srv.PublishSkill("About {{question}}")},
		other.ID:           {AccessToken: other.AccessToken, SkillID: "skl_none"},
	}
	client, err := promptorchestra.New(ts.credentials(), audit(slog.New(slog.NewTextHandler(log, nil))), promptorchestra.WithBaseURL(srv.URL))
	if err != nil {
		t.Fatal(err)
	}
	return srv, handler(ts, func(id string) skills { return client.InOrganization(id).Skills }), srv.OrganizationID, other.ID
}

func TestTenants(t *testing.T) {
	var log bytes.Buffer
	srv, h, withKey, withToken := newService(t, &log)
	w, body := ask(t, h, withKey, question)
	var answer struct{ Run, Answer string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || w.Code != 200 || answer.Run == "" || answer.Answer != "About Where is it?" {
		t.Errorf("got %d %s", w.Code, body)
	}
	if w, body := ask(t, h, withToken, question); w.Code != 502 { // its skill does not exist
		t.Errorf("got %d %s", w.Code, body)
	}
	for i, kind := range []string{"api_key", "access_token"} {
		if got := srv.Requests("Skills.Run")[i].Header.Get("X-Prompt-Orchestra-Auth-Source"); got != kind {
			t.Errorf("request %d used the %s", i, got)
		}
	}
	if w, _ := ask(t, h, "org_none", question); w.Code != 404 {
		t.Errorf("got %d for an unknown tenant", w.Code)
	}
	if w, _ := ask(t, h, withKey, "question"); w.Code != 400 {
		t.Errorf("got %d for a body that is not JSON", w.Code)
	}
	for _, want := range []string{"op=Skills.Run", "tenant=" + withKey, "attempts=1", "kind=not_found", "request_id=req_"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%s is missing in\n%s", want, &log)
		}
	}
	if strings.Contains(log.String(), srv.APIKey) || strings.Contains(log.String(), "Where") {
		t.Errorf("the audit says too much:\n%s", &log)
	}
}

func TestFailures(t *testing.T) {
	srv, h, tenant, _ := newService(t, &bytes.Buffer{})
	for name, tt := range map[string]struct {
		fault  orchestratest.Fault
		status int
		says   string
	}{
		"no seats":             {orchestratest.NoSeats(), 402, "Upgrade"},
		"a rate limit":         {orchestratest.RateLimited(time.Hour), 503, "Too many"},
		"the response is lost": {orchestratest.DropAfter(), 502, "may have"},
		"a run that failed":    {orchestratest.Status(500, `{"error":"failed","runId":"run_7"}`), 502, "run_7"},
		"an expired key":       {orchestratest.Status(401, `{"code":"AUTH_INVALID_TOKEN","error":"expired"}`), 502, "The platform failed"},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(srv.Requests("Skills.Run"))
			srv.Fail("Skills.Run", tt.fault)
			w, body := ask(t, h, tenant, question)
			if w.Code != tt.status || !strings.Contains(body, tt.says) {
				t.Errorf("got %d %s", w.Code, body)
			}
			if tt.status == 503 && w.Header().Get("Retry-After") != "3600" {
				t.Errorf("Retry-After is %q", w.Header().Get("Retry-After"))
			}
			if sent := len(srv.Requests("Skills.Run")) - before; sent != 1 {
				t.Errorf("sent %d times", sent)
			}
		})
	}
	if pending := srv.PendingFaults(); len(pending) > 0 {
		t.Errorf("faults that no call met: %v", pending)
	}
}

// A caller who leaves ends no run.
func TestTheRunGoesOnWithoutItsCaller(t *testing.T) {
	srv, h, tenant, _ := newService(t, &bytes.Buffer{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, "/tenants/"+tenant+"/answers", strings.NewReader(question)))
	if w.Code != 200 || len(srv.Requests("Skills.Run")) != 1 {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// fake fails as a test wants it to, without a server.
type fake struct{ err error }

func (f fake) Run(context.Context, string, promptorchestra.SkillRunParams, ...promptorchestra.CallOption) (*promptorchestra.SkillRunResponse, error) {
	return nil, f.err
}

func TestWithAFake(t *testing.T) {
	for status, err := range map[int]error{
		402: orchestratest.Error("Skills.Run", 402, `{"error":"no seats"}`),
		503: &promptorchestra.APIError{StatusCode: 429, Kind: promptorchestra.KindRateLimited, RetryAfter: time.Minute},
		504: &promptorchestra.TransportError{Err: context.DeadlineExceeded},
		502: &promptorchestra.TransportError{OutcomeUnknown: true, Err: fmt.Errorf("reset")},
	} {
		h := handler(tenants{"org_1": {}}, func(string) skills { return fake{err} })
		if w, body := ask(t, h, "org_1", question); w.Code != status {
			t.Errorf("got %d %s, want %d", w.Code, body, status)
		}
	}
}
