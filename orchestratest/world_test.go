package orchestratest_test

import (
	"context"
	"os"
	"testing"
	"time"

	sdk "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// world is a server with at least one record of each kind in it, made through the SDK, and the
// SDK's client of it.
type world struct {
	*sdk.Client

	srv *orchestratest.Server
	ids map[string]string
}

var ada, grace = map[string]any{"name": "Ada"}, map[string]any{"name": "Grace"}

func newWorld(t testing.TB) *world {
	t.Helper()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	srv := orchestratest.NewServer(orchestratest.WithClock(func() time.Time { return at }))
	t.Cleanup(srv.Close)
	w := &world{srv.Client(sdk.WithRetry(sdk.RetryPolicy{MaxRetries: -1})), srv, map[string]string{"organization": srv.OrganizationID}}
	w.authorPrompt(t.Context())
	w.authorTool(t.Context())
	w.authorSkill(t.Context())
	w.authorAgent(t.Context())
	return w
}

// id is the id of a record by the name that authoring gave it.
func (w *world) id(name string) string {
	if w.ids[name] == "" {
		panic("the world has no " + name)
	}
	return w.ids[name]
}

// fill replaces each $name in a text by its id.
func (w *world) fill(text string) string { return os.Expand(text, w.id) }

// made is for calls that must succeed.
func made[T any](record *T, err error) *T {
	if err != nil {
		panic(err)
	}
	return record
}

// authorPrompt makes $prompt, of which $promptV1 is published and $promptV2 a draft. It ran once:
// $run.
func (w *world) authorPrompt(ctx context.Context) {
	prompt := made(w.Prompts.Create(ctx, sdk.PromptCreateParams{PromptKey: "greeting", Name: "Greeting", Description: "Greets"})).ID
	v1 := made(w.Prompts.CreateVersion(ctx, prompt, sdk.PromptVersionCreateParams{Content: "Hello {{name}}"})).ID
	v2 := made(w.Prompts.CreateVersion(ctx, prompt, sdk.PromptVersionCreateParams{Content: "Good evening, {{name}}"})).ID
	made(w.Prompts.Publish(ctx, prompt, sdk.PromptPublishParams{VersionID: v1}))
	w.ids["prompt"], w.ids["promptV1"], w.ids["promptV2"] = prompt, v1, v2
	w.ids["run"] = made(w.Prompts.Run(ctx, prompt, sdk.PromptRunParams{Variables: ada})).RunID
}

// authorTool makes $tool in versions $toolV1 and $toolV2.
func (w *world) authorTool(ctx context.Context) {
	tool := made(w.Tools.Create(ctx, sdk.ToolCreateParams{
		ToolKey: "weather", Name: "Weather", Type: sdk.ToolTypeManualStub, Config: map[string]any{"result": "rain"},
	}))
	v2 := made(w.Tools.CreateVersion(ctx, tool.ID, sdk.ToolVersionCreateParams{Config: map[string]any{"result": "sun"}}))
	w.ids["tool"], w.ids["toolV1"], w.ids["toolV2"] = tool.ID, tool.VersionID, v2.ID
}

// authorSkill makes $skill, of which $skillV1 is published and $skillV2 a draft. It ran once,
// $skillRun, and was evaluated by $case once, $evaluation.
func (w *world) authorSkill(ctx context.Context) {
	skill := made(w.Skills.Create(ctx, sdk.SkillCreateParams{SkillKey: "greet", Name: "Greet"})).ID
	v1 := made(w.Skills.CreateVersion(ctx, skill, sdk.SkillVersionCreateParams{})).ID
	floating := sdk.PromptAttachment{PromptID: w.id("prompt"), AttachmentMode: sdk.AttachmentModeFloatingLatestPublished}
	made(w.Skills.ReplacePrompts(ctx, v1, []sdk.PromptAttachment{floating}))
	made(w.Skills.Publish(ctx, skill, sdk.SkillPublishParams{VersionID: v1}))
	v2 := made(w.Skills.CreateVersion(ctx, skill, sdk.SkillVersionCreateParams{})).ID
	pinned := sdk.PromptAttachment{PromptID: w.id("prompt"), AttachmentMode: sdk.AttachmentModePinnedVersion, VersionNumber: 2}
	made(w.Skills.ReplacePrompts(ctx, v2, []sdk.PromptAttachment{pinned}))
	w.ids["skill"], w.ids["skillV1"], w.ids["skillV2"] = skill, v1, v2
	w.ids["skillRun"] = made(w.Skills.Run(ctx, skill, sdk.SkillRunParams{Variables: ada})).RunID
	w.ids["case"] = made(w.Evaluations.CreateCase(ctx, skill, sdk.EvaluationCaseCreateParams{Label: "Ada", Input: ada, Expected: "Hello Ada"})).ID
	w.ids["evaluation"] = made(w.Evaluations.Run(ctx, skill, sdk.EvaluationRunParams{DraftVersionID: v2})).ID
}

// authorAgent makes $agent, of which $agentV1 was published, $agentV2 is, and $agentV3 is a draft.
// It ran twice, $agentRun1 and $agentRun2, and speaks as $voice, in one session: $session.
func (w *world) authorAgent(ctx context.Context) {
	agent := made(w.Agents.Create(ctx, sdk.AgentCreateParams{Name: "Greeter", Description: "Greets"})).ID
	for _, name := range []string{"agentV1", "agentV2", "agentV3"} {
		version := made(w.Agents.CreateVersion(ctx, agent)).ID
		made(w.Agents.SaveWorkflow(ctx, version, w.greeting(name)))
		if name != "agentV3" {
			made(w.Agents.Publish(ctx, agent, sdk.AgentPublishParams{VersionID: version}))
		}
		w.ids[name] = version
	}
	w.ids["agent"] = agent
	w.ids["agentRun1"] = made(w.Agents.Run(ctx, agent, sdk.AgentRunParams{Variables: ada})).RunID
	w.ids["agentRun2"] = made(w.Agents.Run(ctx, agent, sdk.AgentRunParams{Variables: grace})).RunID
	for _, run := range []string{"agentRun1", "agentRun2"} {
		made(w.AgentRuns.Get(ctx, w.id(run))) // it is completed from then on
	}
	w.ids["voice"] = made(w.VoiceAgents.CreateVersion(ctx, agent, sdk.VoiceAgentVersionCreateParams{PromptVersionID: w.id("promptV1")})).ID
	w.ids["session"] = made(w.VoiceAgents.CreateSession(ctx, agent)).RunID
}

// greeting is a workflow of two steps, the first by any name.
func (w *world) greeting(name string) sdk.Workflow {
	return sdk.Workflow{
		EntryStepKey: "greet",
		Steps: []sdk.WorkflowStep{
			{StepKey: "greet", Name: name, StepType: sdk.StepTypePrompt, PromptID: w.id("prompt")},
			{StepKey: "done", Name: "Done", StepType: sdk.StepTypeReturn, PositionIndex: 1},
		},
		Transitions: []sdk.WorkflowTransition{{FromStepKey: "greet", ToStepKey: "done", TransitionType: sdk.TransitionTypeNext}},
	}
}
