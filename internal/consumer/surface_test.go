package consumer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
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

// start returns a server, a client of it, and the agent of a desk that decides claims.
func start(t *testing.T) (srv *orchestratest.Server, client *promptorchestra.Client, agentID string) {
	t.Helper()
	srv = orchestratest.NewServer()
	t.Cleanup(srv.Close)
	agentID = srv.PublishAgent(promptorchestra.Workflow{
		EntryStepKey: "decide",
		Steps: []promptorchestra.WorkflowStep{
			{StepKey: "decide", Name: "Decide", StepType: promptorchestra.StepTypePrompt, PromptID: srv.PublishPrompt("Decide {{claim}}.")},
			{StepKey: "done", Name: "Done", StepType: promptorchestra.StepTypeReturn, PositionIndex: 1},
		},
		Transitions: []promptorchestra.WorkflowTransition{
			{FromStepKey: "decide", ToStepKey: "done", TransitionType: promptorchestra.TransitionTypeNext},
		},
	})
	return srv, srv.Client(), agentID
}

func TestEveryServiceOnce(t *testing.T) {
	srv, client, agentID := start(t)
	ctx := t.Context()

	if verified := must[*promptorchestra.SetupVerifyResponse](t)(client.Setup.Verify(ctx)); !verified.OK {
		t.Errorf("the setup is %+v", verified)
	}
	models := must[[]promptorchestra.ModelListItem](t)(client.Models.List(ctx, promptorchestra.ModelListParams{IncludeUnavailable: true}))
	imageModel := models[slices.IndexFunc(models, func(m promptorchestra.ModelListItem) bool { return m.SupportsImageGeneration })]

	prompts := must[[]promptorchestra.PromptListItem](t)(client.Prompts.List(ctx))
	detail := must[*promptorchestra.PromptDetail](t)(client.Prompts.Get(ctx, prompts[0].ID))
	result := must[*promptorchestra.PromptRunResponse](t)(client.Prompts.Run(ctx, prompts[0].ID, promptorchestra.PromptRunParams{
		Variables: struct {
			Claim string `json:"claim"`
		}{"cup"},
	}))
	var text string
	if err := result.Output.Decode(&text); err != nil || !strings.Contains(text, "cup") {
		t.Errorf("got %s, %v", result.Output, err)
	}
	must[*promptorchestra.RunDetail](t)(client.Runs.Get(ctx, result.RunID))

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

	voice := must[*promptorchestra.VoiceAgentVersion](t)(client.VoiceAgents.CreateVersion(ctx, agentID, promptorchestra.VoiceAgentVersionCreateParams{
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

	left := must[*promptorchestra.AgentRunResponse](t)(client.Agents.Run(ctx, agentID, promptorchestra.AgentRunParams{Variables: map[string]any{"claim": "cup"}}))
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
	_, client, _ := start(t)
	var agents []string
	for agent, err := range client.Agents.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		agents = append(agents, agent.ID)
	}
	if len(agents) != 1 {
		t.Errorf("streamed %v", agents)
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
	if !strings.Contains(log.String(), "retrying") {
		t.Errorf("logged %s", &log)
	}

	srv.Fail("Agents.Create", orchestratest.Status(http.StatusServiceUnavailable, ""))
	_, err = client.Agents.Create(t.Context(), promptorchestra.AgentCreateParams{Name: "A"},
		promptorchestra.WithIdempotent(), promptorchestra.WithExtraBody(map[string]any{"slug": "a"}))
	if err != nil {
		t.Error(err)
	}
	srv.Fail("Agents.List", orchestratest.Status(http.StatusServiceUnavailable, ""))
	if _, err = client.Agents.List(t.Context(), promptorchestra.WithoutRetry()); !promptorchestra.IsServer(err) {
		t.Errorf("got %v", err)
	}

	var agents []struct{ ID, Name string }
	request := promptorchestra.Request{Method: http.MethodGet, Path: "/api/agents", Query: url.Values{"status": {"active"}, "publicContract": {"1"}}}
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
	srv, client, _ := start(t)
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

// What a user writes stays short.
func TestProgramsAreShort(t *testing.T) {
	for _, name := range []string{"service", "worker", "release"} {
		text, err := os.ReadFile(name + "/main.go")
		if lines := bytes.Count(text, []byte("\n")); err != nil || lines >= 120 {
			t.Errorf("%s has %d lines: %v", name, lines, err)
		}
	}
}
