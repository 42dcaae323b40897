package promptorchestra

import (
	"context"
	"iter"
)

// PromptsService authors prompts and runs them. Use it as Client.Prompts.
type PromptsService struct{ c *Client }

// PromptSection is the place a prompt takes in a composed one; expect values not listed here.
type PromptSection string

// The documented sections.
const (
	PromptSectionFoundation       PromptSection = "foundation"
	PromptSectionTaskContext      PromptSection = "task_context"
	PromptSectionTaskInstructions PromptSection = "task_instructions"
	PromptSectionExamples         PromptSection = "examples"
	PromptSectionOutputFormat     PromptSection = "output_format"
)

// VersionStatus is the state of a version; expect values not listed here.
type VersionStatus string

// The documented states. A published version is immutable.
const (
	VersionStatusDraft     VersionStatus = "draft"
	VersionStatusPublished VersionStatus = "published"
)

// PromptRecord is a prompt as Create and Update answer it.
type PromptRecord struct {
	ID                     string        `json:"id"`
	PromptKey              string        `json:"promptKey"`
	Name                   string        `json:"name"`
	Slug                   string        `json:"slug"`
	Description            string        `json:"description"`
	DefaultSection         PromptSection `json:"defaultSection"`
	DefaultModel           string        `json:"defaultModel"`
	PublishedVersionID     string        `json:"publishedVersionId"`     // inferred; "" before the first publication
	PublishedVersionNumber int           `json:"publishedVersionNumber"` // inferred
	CreatedAt              Timestamp     `json:"createdAt"`              // inferred
	UpdatedAt              Timestamp     `json:"updatedAt"`              // inferred
}

// PromptListItem is a prompt as List answers it, with the same members.
type PromptListItem = PromptRecord

// PromptDetail is a prompt with its versions and the skills that use it.
type PromptDetail struct {
	PromptRecord
	Versions     []PromptVersion    `json:"versions"`     // inferred
	UsedBySkills []PromptUsageSkill `json:"usedBySkills"` // inferred
}

// PromptUsageSkill is a skill that uses a prompt. All its names are inferred.
type PromptUsageSkill struct {
	SkillID        string         `json:"skillId"`
	SkillKey       string         `json:"skillKey"`
	Name           string         `json:"name"`
	SkillVersionID string         `json:"skillVersionId"`
	VersionNumber  int            `json:"versionNumber"` // of the prompt, where it is pinned
	AttachmentMode AttachmentMode `json:"attachmentMode"`
}

// PromptVersion is one immutable version of a prompt. Newer versions have Content, classic ones SystemPrompt and
// DeveloperPrompt.
type PromptVersion struct {
	ID              string        `json:"id"`
	PromptID        string        `json:"promptId"`
	VersionNumber   int           `json:"versionNumber"`
	Status          VersionStatus `json:"status"`      // inferred
	IsPublished     bool          `json:"isPublished"` // inferred
	Content         string        `json:"content"`
	SystemPrompt    string        `json:"systemPrompt"`
	DeveloperPrompt string        `json:"developerPrompt"`
	VariablesSchema RawJSON       `json:"variablesSchema"`
	ResponseFormat  RawJSON       `json:"responseFormat"`
	Temperature     float64       `json:"temperature"` // 0 also when the answer has none
	MaxTokens       int           `json:"maxTokens"`   // inferred
	CreatedAt       Timestamp     `json:"createdAt"`   // inferred
	PublishedAt     Timestamp     `json:"publishedAt"` // inferred; zero before its publication
}

// PromptPublishResponse says what was published. All its names are inferred.
type PromptPublishResponse struct {
	PromptID      string        `json:"promptId"`
	VersionID     string        `json:"versionId"`
	VersionNumber int           `json:"versionNumber"`
	Status        VersionStatus `json:"status"`
	PublishedAt   Timestamp     `json:"publishedAt"`
}

// PromptRunResponse is the result of a run of a prompt. RunID is documented, the rest is inferred; the recorded run
// is at [RunsService.Get].
type PromptRunResponse struct {
	RunID           string    `json:"runId"`
	Status          RunStatus `json:"status"`
	PromptID        string    `json:"promptId"`
	PromptVersionID string    `json:"promptVersionId"`
	Output          RawJSON   `json:"output"`
	OutputText      string    `json:"outputText"`
	Provider        string    `json:"provider"`
	Model           string    `json:"model"`
	InputTokens     int       `json:"inputTokens"`
	OutputTokens    int       `json:"outputTokens"`
	EstimatedCost   float64   `json:"estimatedCost"` // USD (unit inferred)
	LatencyMS       float64   `json:"latencyMs"`     // milliseconds
}

// PromptToolAttachment says which tool a prompt version may call now. All its names are inferred.
type PromptToolAttachment struct {
	ID              string    `json:"id"`
	PromptVersionID string    `json:"promptVersionId"`
	ToolID          string    `json:"toolId"`
	CreatedAt       Timestamp `json:"createdAt"`
}

// PromptCreateParams describes a new prompt. Name is required; the server makes a key when PromptKey is empty.
type PromptCreateParams struct {
	PromptKey      string        `json:"promptKey,omitzero"`
	Name           string        `json:"name"`
	Description    string        `json:"description,omitzero"`
	DefaultSection PromptSection `json:"defaultSection,omitzero"`
	DefaultModel   string        `json:"defaultModel,omitzero"`
}

func (p PromptCreateParams) validate() error { return required("name", p.Name) }

// PromptUpdateParams changes a prompt: what is not set is kept, [Null] clears.
type PromptUpdateParams struct {
	Name           Opt[string]        `json:"name,omitzero"`
	Description    Opt[string]        `json:"description,omitzero"`
	DefaultSection Opt[PromptSection] `json:"defaultSection,omitzero"`
	DefaultModel   Opt[string]        `json:"defaultModel,omitzero"`
}

// PromptVersionCreateParams describes a new version: Content for the newer kind, SystemPrompt and DeveloperPrompt
// for the classic one. VariablesSchema and ResponseFormat are maps, structs or raw JSON; nil leaves them out.
type PromptVersionCreateParams struct {
	Content         string       `json:"content,omitzero"`
	SystemPrompt    string       `json:"systemPrompt,omitzero"`
	DeveloperPrompt string       `json:"developerPrompt,omitzero"`
	VariablesSchema any          `json:"variablesSchema,omitzero"`
	ResponseFormat  any          `json:"responseFormat,omitzero"`
	Temperature     Opt[float64] `json:"temperature,omitzero"` // 0 means something: Set(0.0) sends it
}

// PromptPublishParams names the version to publish. VersionID is required.
type PromptPublishParams struct {
	VersionID string `json:"versionId"`
}

func (p PromptPublishParams) validate() error { return required("versionId", p.VersionID) }

// PromptRunParams starts a run. Variables is a map, a struct or raw JSON that encodes to an object; none are sent as {}.
type PromptRunParams struct {
	Variables any `json:"variables"`
}

type attachToolParams struct {
	ToolID string `json:"toolId"`
}

func (p attachToolParams) validate() error { return required("toolId", p.ToolID) }

// List returns all prompts of the organization; none is an empty list.
//
// Beta. Either credential. Repeated safely. Errors: those of every call.
func (s *PromptsService) List(ctx context.Context, opts ...CallOption) ([]PromptListItem, error) {
	return list[PromptListItem](ctx, s.c, call{route: routePromptsList}, opts)
}

// All is [PromptsService.List] as a stream: one prompt at a time, in constant memory. An error is the last pair; each
// range over the result makes a call of its own.
//
// Beta. Either credential. Repeated safely until the answer begins. Errors: those of every call.
func (s *PromptsService) All(ctx context.Context, opts ...CallOption) iter.Seq2[PromptListItem, error] {
	return stream[PromptListItem](ctx, s.c, call{route: routePromptsList}, opts)
}

// Get returns the prompt with its versions and the skills that use it.
//
// Beta. Either credential. Repeated safely. Errors: those of every call; [KindNotFound] for an unknown id.
func (s *PromptsService) Get(ctx context.Context, promptID string, opts ...CallOption) (*PromptDetail, error) {
	return do[PromptDetail](ctx, s.c, call{route: routePromptsGet, ids: [2]string{promptID}}, opts)
}

// Create returns the new prompt, which has no version yet.
//
// Beta. Either credential. Never repeated. Errors: those of every call; [KindInvalidRequest]; [KindConflict] for a
// key in use.
func (s *PromptsService) Create(ctx context.Context, p PromptCreateParams, opts ...CallOption) (*PromptRecord, error) {
	return do[PromptRecord](ctx, s.c, call{route: routePromptsCreate, body: p}, opts)
}

// Update changes what p sets and returns the prompt.
//
// Beta. Either credential. Repeated safely. Errors: those of every call; [KindNotFound] for an unknown id;
// [KindInvalidRequest].
func (s *PromptsService) Update(ctx context.Context, promptID string, p PromptUpdateParams, opts ...CallOption) (*PromptRecord, error) {
	return do[PromptRecord](ctx, s.c, call{route: routePromptsUpdate, ids: [2]string{promptID}, body: p}, opts)
}

// CreateVersion adds an immutable version to the prompt and returns it; it runs once it is published.
//
// Beta. Either credential. Never repeated. Errors: those of every call; [KindNotFound] for an unknown id;
// [KindInvalidRequest].
func (s *PromptsService) CreateVersion(ctx context.Context, promptID string, p PromptVersionCreateParams, opts ...CallOption) (*PromptVersion, error) {
	p.VariablesSchema, p.ResponseFormat = rawValue(p.VariablesSchema), rawValue(p.ResponseFormat)
	return do[PromptVersion](ctx, s.c, call{route: routePromptsCreateVersion, ids: [2]string{promptID}, body: p}, opts)
}

// Publish makes a version the one that runs.
//
// Beta. Either credential. Never repeated. Errors: those of every call; [KindNotFound] for an unknown prompt or
// version; [KindConflict] for a version that is published already.
func (s *PromptsService) Publish(ctx context.Context, promptID string, p PromptPublishParams, opts ...CallOption) (*PromptPublishResponse, error) {
	return do[PromptPublishResponse](ctx, s.c, call{route: routePromptsPublish, ids: [2]string{promptID}, body: p}, opts)
}

// Run executes the published version and returns its output; each one is billed. When [OutcomeUnknown] is true of the
// error it may have run, so look at [RunsService.List] before starting another.
//
// Classic. Either credential. Never repeated. Errors: those of every call; [KindNotFound] for an unknown id;
// [KindInvalidRequest]; [KindConflict] when nothing is published; [KindEntitlement] for a plan without AI features;
// [KindServer] when the provider fails.
func (s *PromptsService) Run(ctx context.Context, promptID string, p PromptRunParams, opts ...CallOption) (*PromptRunResponse, error) {
	p.Variables = object("variables", p.Variables)
	return do[PromptRunResponse](ctx, s.c, call{route: routePromptsRun, ids: [2]string{promptID}, body: p}, opts)
}

// AttachTool lets a prompt version call a tool and returns the attachment.
//
// Classic. Either credential. Never repeated. Errors: those of every call; [KindNotFound] for an unknown version or
// tool; [KindConflict] for a published version or a tool that is attached already.
func (s *PromptsService) AttachTool(ctx context.Context, promptVersionID, toolID string, opts ...CallOption) (*PromptToolAttachment, error) {
	return do[PromptToolAttachment](ctx, s.c, call{
		route: routePromptsAttachTool, ids: [2]string{promptVersionID},
		body: attachToolParams{ToolID: toolID},
	}, opts)
}
