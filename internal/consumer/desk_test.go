package consumer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// must is for what has to work: it fails the test, and returns the result.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newDesk(t *testing.T, opts ...promptorchestra.Option) (*orchestratest.Server, *promptorchestra.Client, *Desk) {
	t.Helper()
	srv := orchestratest.NewServer()
	t.Cleanup(srv.Close)
	client := srv.Client(opts...)
	agentID := must[string](t)(Publish(t.Context(), client))
	return srv, client, &Desk{Runner: client.Agents, AgentID: agentID}
}

func TestDeskDecidesAndTellsFailuresApart(t *testing.T) {
	srv, client, desk := newDesk(t, promptorchestra.WithRetry(promptorchestra.RetryPolicy{
		MinWait: time.Millisecond, MaxWait: 2 * time.Millisecond, MaxRetryAfter: time.Second,
	}))
	ctx := t.Context()
	runID := must[string](t)(desk.Decide(ctx, "broken cup"))
	run := must[*promptorchestra.AgentRunDetail](t)(client.AgentRuns.Wait(ctx, runID))
	if run.Run.ID != runID || run.Run.Status.Pending() {
		t.Errorf("the run is %+v", run.Run)
	}
	for name, tt := range map[string]struct {
		fault orchestratest.Fault
		want  error
		sent  int
	}{
		"no seats":           {orchestratest.NoSeats(), ErrUpgrade, 1},
		"no answer":          {orchestratest.DropAfter(), ErrParked, 1},
		"half an answer":     {orchestratest.CutBody(5), ErrParked, 1},
		"a server's failure": {orchestratest.Status(500, `{"error":"boom"}`), ErrParked, 1},
		"a long rate limit":  {orchestratest.RateLimited(time.Hour), ErrLater, 1},
		"a short rate limit": {orchestratest.RateLimited(0), nil, 2},
		"gone":               {orchestratest.Status(404, `{"error":"no such agent"}`), ErrBroken, 1},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(srv.Requests("Agents.Run"))
			srv.Fail("Agents.Run", tt.fault)
			_, err := desk.Decide(ctx, "broken cup")
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if sent := len(srv.Requests("Agents.Run")) - before; sent != tt.sent {
				t.Errorf("sent %d times, want %d", sent, tt.sent)
			}
		})
	}
}

// fakeRunner fails as a test wants it to: every field of an error can be set.
type fakeRunner struct{ err error }

func (f fakeRunner) Run(context.Context, string, promptorchestra.AgentRunParams, ...promptorchestra.CallOption) (*promptorchestra.AgentRunResponse, error) {
	return nil, f.err
}

func TestDeskAgainstAFake(t *testing.T) {
	for want, err := range map[error]error{
		ErrUpgrade: &promptorchestra.APIError{StatusCode: 402, Kind: promptorchestra.KindEntitlement},
		ErrLater:   &promptorchestra.APIError{StatusCode: 429, Kind: promptorchestra.KindRateLimited, RetryAfter: time.Minute},
		ErrBroken:  &promptorchestra.APIError{StatusCode: 422, Kind: promptorchestra.KindInvalidGraph},
		ErrParked:  &promptorchestra.TransportError{OutcomeUnknown: true, Err: errors.New("reset")},
	} {
		if _, got := (&Desk{Runner: fakeRunner{err}}).Decide(t.Context(), "cup"); !errors.Is(got, want) || !errors.Is(got, err) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

func TestEveryServiceOnce(t *testing.T) {
	srv, client, desk := newDesk(t)
	ctx := t.Context()

	if verified := must[*promptorchestra.SetupVerifyResponse](t)(client.Setup.Verify(ctx)); !verified.OK {
		t.Errorf("the setup is %+v", verified)
	}
	models := must[[]promptorchestra.ModelListItem](t)(client.Models.List(ctx, promptorchestra.ModelListParams{IncludeUnavailable: true}))
	imageModel := models[slices.IndexFunc(models, func(m promptorchestra.ModelListItem) bool { return m.SupportsImageGeneration })]

	prompts := must[[]promptorchestra.PromptListItem](t)(client.Prompts.List(ctx))
	detail := must[*promptorchestra.PromptDetail](t)(client.Prompts.Get(ctx, prompts[0].ID))
	answered := must[*promptorchestra.PromptRunResponse](t)(client.Prompts.Run(ctx, prompts[0].ID, promptorchestra.PromptRunParams{
		Variables: struct {
			Claim string `json:"claim"`
		}{"cup"},
	}))
	var text string
	if err := answered.Output.Decode(&text); err != nil || !strings.Contains(text, "cup") {
		t.Errorf("answered %s, %v", answered.Output, err)
	}
	must[*promptorchestra.RunDetail](t)(client.Runs.Get(ctx, answered.RunID))

	tool := must[*promptorchestra.ToolRecord](t)(client.Tools.Create(ctx, promptorchestra.ToolCreateParams{
		ToolKey: "order", Name: "Order", Type: promptorchestra.ToolTypeManualStub,
		Config: promptorchestra.RawJSON(`{"result":{"status":"shipped"}}`),
	}))
	skill := must[*promptorchestra.SkillRecord](t)(client.Skills.Create(ctx, promptorchestra.SkillCreateParams{SkillKey: "claims", Name: "Claims"}))
	version := must[*promptorchestra.SkillVersion](t)(client.Skills.CreateVersion(ctx, skill.ID, promptorchestra.SkillVersionCreateParams{}))
	must[*promptorchestra.SkillVersionMutationReceipt](t)(client.Skills.ReplacePrompts(ctx, version.ID, []promptorchestra.PromptAttachment{
		{PromptID: prompts[0].ID, AttachmentMode: promptorchestra.AttachmentModeFloatingLatestPublished},
	}))
	must[*promptorchestra.SkillVersionMutationReceipt](t)(client.Skills.ReplaceTools(ctx, version.ID, []promptorchestra.ToolAttachment{{ToolID: tool.ID}}))
	must[*promptorchestra.SkillPublishResponse](t)(client.Skills.Publish(ctx, skill.ID, promptorchestra.SkillPublishParams{VersionID: version.ID}))
	skillRun := must[*promptorchestra.SkillRunResponse](t)(client.Skills.Run(ctx, skill.ID, promptorchestra.SkillRunParams{Variables: map[string]string{"claim": "cup"}}))
	must[*promptorchestra.SkillRunDetail](t)(client.SkillRuns.Get(ctx, skillRun.RunID))
	must[*promptorchestra.GeneratedImageRunResponse](t)(client.Skills.GenerateImage(ctx, skill.ID, promptorchestra.ImageParams{
		ModelKey: imageModel.ModelKey, Variables: map[string]string{"claim": "cup"},
	}))
	must[*promptorchestra.SkillEvaluationCase](t)(client.Evaluations.CreateCase(ctx, skill.ID, promptorchestra.EvaluationCaseCreateParams{
		Label: "cup", Input: map[string]any{"claim": "cup"},
	}))

	voice := must[*promptorchestra.VoiceAgentVersion](t)(client.VoiceAgents.CreateVersion(ctx, desk.AgentID, promptorchestra.VoiceAgentVersionCreateParams{
		PromptVersionID: detail.Versions[0].ID, Voice: "verse",
	}))
	session := must[*promptorchestra.VoiceAgentSession](t)(client.VoiceAgents.CreateSession(ctx, voice.AgentID))
	if session.ClientSecret.Reveal() == "" || strings.Contains(fmt.Sprintf("%+v", session), session.ClientSecret.Reveal()) {
		t.Error("the secret must be there, and not be printed")
	}
	must[*promptorchestra.RealtimeSessionDetail](t)(client.RealtimeSessions.Get(ctx, session.RunID))
	must[*promptorchestra.ServiceKey](t)(client.ServiceKeys.Create(ctx, promptorchestra.ServiceKeyCreateParams{
		Name: "ci", Preset: promptorchestra.ServiceKeyPresetRuntimeDefault,
	}))

	left := must[*promptorchestra.AgentRunResponse](t)(client.Agents.Run(ctx, desk.AgentID, promptorchestra.AgentRunParams{Variables: map[string]any{"claim": "cup"}}))
	right := must[*promptorchestra.AgentRerunResponse](t)(client.AgentRuns.RerunFromStep(ctx, left.RunID, "decide"))
	must[*promptorchestra.AgentRunComparison](t)(client.AgentRuns.Compare(ctx, left.RunID, right.RunID))

	seen := map[string]bool{}
	for _, r := range srv.Requests("*") {
		service, _, _ := strings.Cut(r.Op, ".")
		seen[service] = true
	}
	if len(seen) != 13 {
		t.Errorf("only %v were called", seen)
	}
}

func TestStreaming(t *testing.T) {
	_, client, _ := newDesk(t)
	var names []string
	for prompt, err := range client.Prompts.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, prompt.Name)
	}
	if !slices.Equal(names, []string{"Refund"}) {
		t.Errorf("streamed %v", names)
	}
	for _, err := range client.InOrganization("").Agents.All(t.Context()) {
		if !errors.Is(err, promptorchestra.ErrMissingOrganization) {
			t.Errorf("got %v", err)
		}
	}
}

func TestOptions(t *testing.T) {
	srv := orchestratest.NewServer()
	t.Cleanup(srv.Close)
	token := func(context.Context, string) (string, error) { return srv.AccessToken, nil }
	key := func(context.Context, string) (string, error) { return srv.APIKey, nil }
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	t.Cleanup(transport.CloseIdleConnections)
	var log bytes.Buffer
	client, err := promptorchestra.New(
		promptorchestra.WithBaseURL(srv.URL), promptorchestra.WithOrganization(srv.OrganizationID),
		promptorchestra.WithAccessTokenSource(token), promptorchestra.WithAPIKeySource(key),
		promptorchestra.WithHTTPClient(&http.Client{}), promptorchestra.WithTransport(transport),
		promptorchestra.WithRetry(promptorchestra.RetryPolicy{MaxRetries: 1, MinWait: time.Millisecond}),
		promptorchestra.WithTimeout(time.Minute), promptorchestra.WithMaxResponseBytes(1<<20),
		promptorchestra.WithUserAgent("consumer/1.0"), promptorchestra.WithHeader("X-Team", "refunds"),
		promptorchestra.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))),
	)
	if err != nil {
		t.Fatal(err)
	}
	var (
		response promptorchestra.Response
		more     []struct{ Name string }
	)
	srv.Fail("Agents.List", orchestratest.Status(http.StatusServiceUnavailable, ""))
	_, err = client.Agents.List(t.Context(),
		promptorchestra.WithResponse(&response), promptorchestra.WithInto(&more), promptorchestra.WithExtraQuery("status", "active"),
		promptorchestra.WithHeader("X-Trace", "1"), promptorchestra.WithTimeout(time.Second))
	if err != nil || response.StatusCode != 200 || response.Attempts != 2 || response.RequestID == "" {
		t.Errorf("got %+v, %v", response, err)
	}
	last := srv.Requests("Agents.List")[1]
	if last.Query.Get("status") != "active" || last.Header.Get("X-Team") != "refunds" || last.Header.Get("X-Trace") != "1" ||
		!strings.HasPrefix(last.Header.Get("User-Agent"), "consumer/1.0 ") {
		t.Errorf("sent %+v", last)
	}
	if !strings.Contains(log.String(), "level=WARN") {
		t.Errorf("logged %s", &log)
	}

	srv.Fail("Agents.Create", orchestratest.Status(http.StatusServiceUnavailable, ""))
	_, err = client.Agents.Create(t.Context(), promptorchestra.AgentCreateParams{Name: "A"},
		promptorchestra.WithRetryable(), promptorchestra.WithExtraBody(map[string]any{"slug": "a"}))
	if err != nil {
		t.Error(err)
	}
	srv.Fail("Agents.List", orchestratest.Status(http.StatusServiceUnavailable, ""))
	if _, err = client.Agents.List(t.Context(), promptorchestra.WithoutRetry()); !promptorchestra.IsServer(err) {
		t.Errorf("got %v", err)
	}

	var agents []struct{ ID, Name string }
	request := promptorchestra.Request{Method: http.MethodGet, Path: "/api/agents", Query: url.Values{"status": {"active"}}}
	if err := client.Do(t.Context(), request, &agents); err != nil || len(agents) != 1 {
		t.Errorf("got %v, %v", agents, err)
	}

	_, err = promptorchestra.New(promptorchestra.WithBaseURL("http://example.com"), promptorchestra.WithAccessToken(""))
	if err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("both mistakes are to be named: %v", err)
	}
	t.Setenv("PROMPT_ORCHESTRA_ORGANIZATION_ID", "org_env")
	if fromEnv, err := promptorchestra.NewFromEnv(); err != nil || fromEnv.Organization() != "org_env" {
		t.Errorf("got %v, %v", fromEnv, err)
	}
}

func TestErrors(t *testing.T) {
	srv, client, _ := newDesk(t)
	ctx := t.Context()

	_, err := client.Agents.Get(ctx, "..")
	var refused *promptorchestra.ArgumentError
	if !errors.As(err, &refused) || refused.Argument != "agentId" {
		t.Errorf("got %v", err)
	}
	_, err = client.Agents.Get(ctx, "agt_none")
	var failure *promptorchestra.APIError
	if !errors.As(fmt.Errorf("wrapped: %w", err), &failure) || failure.Kind != promptorchestra.KindNotFound ||
		failure.Resource["agentId"] != "agt_none" || failure.RequestID == "" {
		t.Errorf("got %v", err)
	}
	srv.Restrict(orchestratest.Seats(3))
	if _, err = client.Prompts.List(ctx); !promptorchestra.IsEntitlement(err) {
		t.Errorf("got %v", err)
	}
	srv.Lift()

	agent := must[*promptorchestra.AgentListItem](t)(client.Agents.Create(ctx, promptorchestra.AgentCreateParams{Name: "Empty"}))
	version := must[*promptorchestra.AgentVersionRef](t)(client.Agents.CreateVersion(ctx, agent.ID))
	_, err = client.Agents.Publish(ctx, agent.ID, promptorchestra.AgentPublishParams{VersionID: version.ID})
	if !errors.As(err, &failure) || failure.Kind != promptorchestra.KindInvalidGraph || failure.Details[0].Code != "missing_entry_step" {
		t.Errorf("got %v", err)
	}

	srv.Fail("Agents.Get", orchestratest.Status(200, "<html>"))
	_, err = client.Agents.Get(ctx, agent.ID)
	var unusable *promptorchestra.DecodeError
	if !errors.As(err, &unusable) || string(unusable.Body) != "<html>" {
		t.Errorf("got %v", err)
	}

	_, err = client.Agents.Update(ctx, agent.ID, promptorchestra.AgentUpdateParams{
		Name: promptorchestra.Set("Full"), Description: promptorchestra.Null[string](),
	})
	if err != nil {
		t.Error(err)
	}

	canceled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = client.Agents.List(canceled)
	var broken *promptorchestra.TransportError
	if !errors.As(err, &broken) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
