package promptorchestra

import (
	"context"
	"iter"
)

// PromptsService authors prompts and runs them. Use it as Client.Prompts. [RunsService] has the
// runs.
type PromptsService struct{ c *Client }

// PromptSection is the section that a prompt fills in a composed prompt. The API may send values
// that have no constant here.
type PromptSection string

// The documented sections.
const (
	PromptSectionFoundation       PromptSection = "foundation"
	PromptSectionTaskContext      PromptSection = "task_context"
	PromptSectionTaskInstructions PromptSection = "task_instructions"
	PromptSectionExamples         PromptSection = "examples"
	PromptSectionOutputFormat     PromptSection = "output_format"
)

// VersionStatus is the state of a version. The API may send values that have no constant here.
type VersionStatus string

// The documented states. A published version is immutable.
const (
	VersionStatusDraft     VersionStatus = "draft"
	VersionStatusPublished VersionStatus = "published"
)

// PromptRecord is a prompt as List, Create and Update return it.
type PromptRecord struct {
	ID                     string        `json:"id"`
	PromptKey              string        `json:"promptKey"`
	Name                   string        `json:"name"`
	Slug                   string        `json:"slug"`
	Description            string        `json:"description"`
	DefaultSection         PromptSection `json:"defaultSection"`
	DefaultModel           string        `json:"defaultModel"`
	PublishedVersionID     string        `json:"publishedVersionId"`     // inferred; "" before the first
	PublishedVersionNumber int           `json:"publishedVersionNumber"` // inferred; 0 before the first
	CreatedAt              Timestamp     `json:"createdAt"`              // inferred
	UpdatedAt              Timestamp     `json:"updatedAt"`              // inferred
}

// PromptListItem is another name for [PromptRecord].
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
	VersionNumber  int            `json:"versionNumber"` // of the prompt, when it is pinned
	AttachmentMode AttachmentMode `json:"attachmentMode"`
}

// PromptVersion is one immutable version of a prompt. Newer versions have Content, classic ones
// SystemPrompt and DeveloperPrompt.
type PromptVersion struct {
	ID              string        `json:"id"`
	PromptID        string        `json:"promptId"`
	VersionNumber   int           `json:"versionNumber"`
	Status          VersionStatus `json:"status"`      // inferred
	IsPublished     bool          `json:"isPublished"` // inferred; true for older ones too
	Content         string        `json:"content"`
	SystemPrompt    string        `json:"systemPrompt"`
	DeveloperPrompt string        `json:"developerPrompt"`
	VariablesSchema RawJSON       `json:"variablesSchema,omitzero"`
	ResponseFormat  RawJSON       `json:"responseFormat,omitzero"`
	Temperature     float64       `json:"temperature"` // 0 as well when the response has none
	MaxTokens       int           `json:"maxTokens"`   // inferred; 0 when the response has none
	CreatedAt       Timestamp     `json:"createdAt"`   // inferred
	PublishedAt     Timestamp     `json:"publishedAt"` // inferred; zero if never published
}

// PromptPublishResponse says what was published. All its names are inferred.
type PromptPublishResponse struct {
	PromptID      string        `json:"promptId"`
	VersionID     string        `json:"versionId"`
	VersionNumber int           `json:"versionNumber"`
	Status        VersionStatus `json:"status"`
	PublishedAt   Timestamp     `json:"publishedAt"`
}

// PromptRunResponse is the result of a run of a prompt. RunID is documented, the other names are
// inferred. [RunsService.Get] returns the recorded run.
type PromptRunResponse struct {
	RunID           string    `json:"runId"`
	Status          RunStatus `json:"status"`
	PromptID        string    `json:"promptId"`
	PromptVersionID string    `json:"promptVersionId"`
	Output          RawJSON   `json:"output,omitzero"`
	OutputText      string    `json:"outputText"`
	Provider        string    `json:"provider"`
	Model           string    `json:"model"`
	InputTokens     int       `json:"inputTokens"`
	OutputTokens    int       `json:"outputTokens"`
	EstimatedCost   float64   `json:"estimatedCost"` // USD (unit inferred)
	LatencyMS       float64   `json:"latencyMs"`     // milliseconds
	// Diagnostic says why the run failed or fell short. It is nil when the response has none.
	Diagnostic       *Diagnostic `json:"diagnostic"`
	MissingVariables RawJSON     `json:"missingVariables,omitzero"` // those that got no value, or nil
}

// PromptToolAttachment says that a prompt version may call a tool. All its names are inferred.
type PromptToolAttachment struct {
	ID              string    `json:"id"`
	PromptVersionID string    `json:"promptVersionId"`
	ToolID          string    `json:"toolId"`
	CreatedAt       Timestamp `json:"createdAt"`
}

// PromptCreateParams describes a new prompt. Name is required. When PromptKey is empty, the server
// makes a key.
type PromptCreateParams struct {
	PromptKey      string        `json:"promptKey,omitzero"`
	Name           string        `json:"name"`
	Description    string        `json:"description,omitzero"`
	DefaultSection PromptSection `json:"defaultSection,omitzero"`
	DefaultModel   string        `json:"defaultModel,omitzero"`
}

func (p PromptCreateParams) validate() error { return required("name", p.Name) }

// PromptUpdateParams changes a prompt. A field that is not set is kept; [Null] clears one.
type PromptUpdateParams struct {
	Name           Opt[string]        `json:"name,omitzero"`
	Description    Opt[string]        `json:"description,omitzero"`
	DefaultSection Opt[PromptSection] `json:"defaultSection,omitzero"`
	DefaultModel   Opt[string]        `json:"defaultModel,omitzero"`
}

// PromptVersionCreateParams describes a new version. Set Content for the newer kind, or
// SystemPrompt and DeveloperPrompt for the classic kind. VariablesSchema and ResponseFormat are
// maps, structs or raw JSON; nil leaves them out.
type PromptVersionCreateParams struct {
	Content         string       `json:"content,omitzero"`
	SystemPrompt    string       `json:"systemPrompt,omitzero"`
	DeveloperPrompt string       `json:"developerPrompt,omitzero"`
	VariablesSchema any          `json:"variablesSchema,omitzero"`
	ResponseFormat  any          `json:"responseFormat,omitzero"`
	Temperature     Opt[float64] `json:"temperature,omitzero"` // Set(0.0) sends 0; absent by default
}

// PromptPublishParams chooses the version to publish. VersionID is required.
type PromptPublishParams struct {
	VersionID string `json:"versionId"`
}

func (p PromptPublishParams) validate() error { return required("versionId", p.VersionID) }

// PromptRunParams starts a run. Variables is a map, a struct or raw JSON that encodes to an object;
// nil is sent as {}.
type PromptRunParams struct {
	Variables any `json:"variables"`
}

type attachToolParams struct {
	ToolID string `json:"toolId"`
}

func (p attachToolParams) validate() error { return required("toolId", p.ToolID) }

// List returns all prompts of the organization, or an empty slice when there are none.
//
//	GET /api/prompts
//
// Beta. Access token or API key.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call.
func (s *PromptsService) List(ctx context.Context, opts ...CallOption) ([]PromptListItem, error) {
	return list[PromptListItem](ctx, (*service)(s), call{route: routePromptsList}, opts)
}

// All streams the list of [PromptsService.List]: it yields one prompt at a time while the response
// arrives, in constant memory. After an error it yields nothing more. Each range over the result
// makes a new call.
//
//	GET /api/prompts
//
// Beta. Access token or API key.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505, until the response
// begins.
// Errors: those of every call.
func (s *PromptsService) All(ctx context.Context, opts ...CallOption) iter.Seq2[PromptListItem, error] {
	return stream[PromptListItem](ctx, (*service)(s), call{route: routePromptsList}, opts)
}

// Get returns the prompt with its versions and the skills that use it.
//
//	GET /api/prompts/{promptId}
//
// Beta. Access token or API key.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; [KindNotFound] for an unknown id.
func (s *PromptsService) Get(ctx context.Context, promptID string, opts ...CallOption) (*PromptDetail, error) {
	return do[PromptDetail](ctx, (*service)(s), call{route: routePromptsGet, ids: [2]string{promptID}}, opts)
}

// Create creates a prompt and returns it. It has no version yet.
//
//	POST /api/prompts
//
// Beta. Access token or API key.
// Not idempotent: retried only if it was not sent, or was rate limited (429).
// Errors: those of every call; [KindInvalidRequest]; [KindConflict] for a key that is in use.
func (s *PromptsService) Create(ctx context.Context, p PromptCreateParams, opts ...CallOption) (*PromptRecord, error) {
	return do[PromptRecord](ctx, (*service)(s), call{route: routePromptsCreate, body: p}, opts)
}

// Update changes the fields that p sets and returns the prompt.
//
//	PATCH /api/prompts/{promptId}
//
// Beta. Access token or API key.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; [KindNotFound] for an unknown id; [KindInvalidRequest].
func (s *PromptsService) Update(ctx context.Context, promptID string, p PromptUpdateParams, opts ...CallOption) (*PromptRecord, error) {
	return do[PromptRecord](ctx, (*service)(s), call{route: routePromptsUpdate, ids: [2]string{promptID}, body: p}, opts)
}

// CreateVersion adds an immutable version to the prompt and returns it. [PromptsService.Publish]
// makes it the one that runs.
//
//	POST /api/prompts/{promptId}/versions
//
// Beta. Access token or API key.
// Not idempotent: retried only if it was not sent, or was rate limited (429).
// Errors: those of every call; [KindNotFound] for an unknown id; [KindInvalidRequest].
func (s *PromptsService) CreateVersion(ctx context.Context, promptID string, p PromptVersionCreateParams, opts ...CallOption) (*PromptVersion, error) {
	p.VariablesSchema, p.ResponseFormat = rawValue(p.VariablesSchema), rawValue(p.ResponseFormat)
	return do[PromptVersion](ctx, (*service)(s), call{route: routePromptsCreateVersion, ids: [2]string{promptID}, body: p}, opts)
}

// Publish makes a version the one that runs, and returns what was published.
//
//	POST /api/prompts/{promptId}/publish
//
// Beta. Access token or API key.
// Not idempotent: retried only if it was not sent, or was rate limited (429).
// Errors: those of every call; [KindNotFound] for an unknown prompt or version; [KindConflict] for
// a version that is already published.
func (s *PromptsService) Publish(ctx context.Context, promptID string, p PromptPublishParams, opts ...CallOption) (*PromptPublishResponse, error) {
	return do[PromptPublishResponse](ctx, (*service)(s), call{route: routePromptsPublish, ids: [2]string{promptID}, body: p}, opts)
}

// Run runs the prompt's published version and returns its output. Each run is billed. If
// [OutcomeUnknown] reports true for the error, the run may have happened: look for it with
// [RunsService.Find] before you start another. [RunID] returns its id if the response named it.
//
// A run that failed can be returned without an error, and is billed as well. The run is done only
// if Status.Succeeded reports true or, if the response has no Status, if it has an output and
// neither a Diagnostic nor MissingVariables. A pending run can be read later with
// [RunsService.Get]. Leave anything else to a person, and never start it again automatically.
//
//	POST /api/prompts/{promptId}/run
//
// Classic. Access token or API key.
// Not idempotent: retried only if it was not sent, or was rate limited (429).
// Errors: those of every call; [KindNotFound] for an unknown id; [KindInvalidRequest];
// [KindConflict] when no version is published; [KindEntitlement] for a plan without AI features;
// [KindServer] when the provider fails.
func (s *PromptsService) Run(ctx context.Context, promptID string, p PromptRunParams, opts ...CallOption) (*PromptRunResponse, error) {
	p.Variables = object("variables", p.Variables)
	return do[PromptRunResponse](ctx, (*service)(s), call{route: routePromptsRun, ids: [2]string{promptID}, body: p}, opts)
}

// AttachTool lets a prompt version call a tool and returns the attachment.
//
//	POST /api/prompt-versions/{promptVersionId}/tools
//
// Classic. Access token or API key.
// Not idempotent: retried only if it was not sent, or was rate limited (429).
// Errors: those of every call; [KindNotFound] for an unknown version or tool; [KindConflict] for a
// published version or a tool that is already attached.
func (s *PromptsService) AttachTool(ctx context.Context, promptVersionID, toolID string, opts ...CallOption) (*PromptToolAttachment, error) {
	return do[PromptToolAttachment](ctx, (*service)(s), call{
		route: routePromptsAttachTool, ids: [2]string{promptVersionID},
		body: attachToolParams{ToolID: toolID},
	}, opts)
}
