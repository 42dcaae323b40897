package promptorchestra

import (
	"context"
	"fmt"
	"iter"
)

// SkillsService authors skills and runs them. Use it as Client.Skills. [SkillRunsService] has the
// runs.
type SkillsService struct{ c *Client }

// AttachmentMode says which version of a prompt a skill uses. The API may send values that have no
// constant here.
type AttachmentMode string

// The documented modes.
const (
	AttachmentModeFloatingLatestPublished AttachmentMode = "floating_latest_published"
	AttachmentModePinnedVersion           AttachmentMode = "pinned_version"
)

// OutputContractState says whether a skill version declares its output. The API may send values
// that have no constant here.
type OutputContractState string

// The documented states.
const (
	OutputContractStateDeclared   OutputContractState = "declared"
	OutputContractStateUndeclared OutputContractState = "undeclared"
)

// PromptAttachment puts a prompt into a skill version. A pinned prompt needs a VersionNumber, and a
// floating one must not have it: otherwise the call returns an [*ArgumentError]. Extra holds what
// the fields do not, and is sent back, as in a [Workflow].
type PromptAttachment struct {
	PromptID       string             `json:"promptId,omitzero"`
	AttachmentMode AttachmentMode     `json:"attachmentMode,omitzero"`
	VersionNumber  int                `json:"versionNumber,omitzero"`
	PositionIndex  int                `json:"positionIndex"` // from 0
	Extra          map[string]RawJSON `json:"-" keep:""`
}

// ToolAttachment puts a tool into a skill version. Its names are inferred. Extra holds what the
// fields do not, and is sent back, as in a [Workflow].
type ToolAttachment struct {
	ToolID        string             `json:"toolId,omitzero"`
	PositionIndex int                `json:"positionIndex"` // from 0
	Extra         map[string]RawJSON `json:"-" keep:""`
}

// SkillRecord is a skill as List, Create and Update return it.
type SkillRecord struct {
	ID          string `json:"id"`
	SkillKey    string `json:"skillKey"`
	Name        string `json:"name"`
	Description string `json:"description"`
	// PublishedVersion is what the server says of the published version. Its type is not
	// documented.
	PublishedVersion RawJSON   `json:"publishedVersion,omitzero"`
	CreatedAt        Timestamp `json:"createdAt"` // inferred
	UpdatedAt        Timestamp `json:"updatedAt"` // inferred
}

// SkillListItem is another name for [SkillRecord].
type SkillListItem = SkillRecord

// SkillDetail is a skill with its versions.
type SkillDetail struct {
	SkillRecord
	Versions []SkillVersion `json:"versions"` // inferred
}

// SkillVersion is one version of a skill. A published version is immutable. Fields of an
// undocumented type are RawJSON.
type SkillVersion struct {
	ID            string `json:"id"`
	SkillID       string `json:"skillId"` // inferred
	VersionNumber int    `json:"versionNumber"`
	// IsPublished is inferred. It stays true of older versions that were published.
	IsPublished         bool                         `json:"isPublished"`
	Status              VersionStatus                `json:"status"`
	InputSchema         RawJSON                      `json:"inputSchema,omitzero"`
	VariablesSchema     RawJSON                      `json:"variablesSchema,omitzero"`
	OutputSchema        RawJSON                      `json:"outputSchema,omitzero"`
	OutputContractState OutputContractState          `json:"outputContractState"`
	PromptComposition   []SkillPromptCompositionItem `json:"promptComposition"`
	Tools               []ToolAttachment             `json:"tools"` // element type inferred
	Preview             RawJSON                      `json:"preview,omitzero"`
	Validation          RawJSON                      `json:"validation,omitzero"`
	ExecutionReadiness  *ExecutionReadiness          `json:"executionReadiness"` // may be nil
	CreatedAt           Timestamp                    `json:"createdAt"`          // inferred
	// PublishedAt is inferred, and zero for a version that was never published.
	PublishedAt Timestamp `json:"publishedAt"`
}

// SkillPromptCompositionItem is one prompt of a skill version. The items are in the order of
// composition.
type SkillPromptCompositionItem struct {
	PromptAttachment
	PromptVersionID string        `json:"promptVersionId"` // inferred
	Section         PromptSection `json:"section"`         // inferred
}

// ExecutionReadiness says whether a skill version can run now, and what is missing when it cannot.
type ExecutionReadiness struct {
	Runnable             bool     `json:"runnable"`
	BlockingIssues       RawJSON  `json:"blockingIssues,omitzero"`
	RequiredProviderKeys []string `json:"requiredProviderKeys"` // element type inferred
}

// SkillVersionMutationReceipt confirms a change of a draft version. All its names are inferred.
type SkillVersionMutationReceipt struct {
	SkillVersionID string        `json:"skillVersionId"`
	VersionNumber  int           `json:"versionNumber"`
	Status         VersionStatus `json:"status"`
	UpdatedAt      Timestamp     `json:"updatedAt"`
}

// SkillPublishResponse says what was published. All its names are inferred.
type SkillPublishResponse struct {
	SkillID       string        `json:"skillId"`
	VersionID     string        `json:"versionId"`
	VersionNumber int           `json:"versionNumber"`
	Status        VersionStatus `json:"status"`
	PublishedAt   Timestamp     `json:"publishedAt"`
}

// SkillPreviewResponse is the prompt that a run would send.
type SkillPreviewResponse struct {
	RenderedPrompt   string  `json:"renderedPrompt"` // type inferred
	CompositionTrace RawJSON `json:"compositionTrace,omitzero"`
	MissingVariables RawJSON `json:"missingVariables,omitzero"` // name inferred
}

// SkillVersionDiff holds the differences between two versions of a skill. All its names are
// inferred.
type SkillVersionDiff struct {
	SkillID          string  `json:"skillId"`
	VersionID        string  `json:"versionId"`
	AgainstVersionID string  `json:"againstVersionId"`
	Changes          RawJSON `json:"changes,omitzero"`
}

// SkillCreateParams describes a new skill. SkillKey and Name are required.
type SkillCreateParams struct {
	SkillKey    string `json:"skillKey"`
	Name        string `json:"name"`
	Description string `json:"description,omitzero"`
}

func (p SkillCreateParams) validate() error { return required("skillKey", p.SkillKey, "name", p.Name) }

// SkillUpdateParams changes a skill. A field that is not set is kept; [Null] clears one.
type SkillUpdateParams struct {
	Name        Opt[string] `json:"name,omitzero"`
	Description Opt[string] `json:"description,omitzero"`
}

// SkillVersionCreateParams describes a new version. The schemas are maps, structs or raw JSON; nil
// leaves them out.
type SkillVersionCreateParams struct {
	InputSchema     any `json:"inputSchema,omitzero"`
	VariablesSchema any `json:"variablesSchema,omitzero"`
	OutputSchema    any `json:"outputSchema,omitzero"`
}

// SkillPublishParams chooses the version to publish. When VersionID is empty, the server chooses.
type SkillPublishParams struct {
	VersionID string `json:"versionId,omitzero"`
}

// SkillPreviewParams renders a version. When SkillVersionID is empty, that is the published version
// (inferred). Variables is a map, a struct or raw JSON that encodes to an object; nil is sent as
// {}.
type SkillPreviewParams struct {
	SkillVersionID string `json:"skillVersionId,omitzero"`
	Variables      any    `json:"variables"`
}

type promptAttachments struct {
	Prompts []PromptAttachment `json:"prompts"`
}

func (p promptAttachments) validate() error {
	for i, a := range p.Prompts {
		argument := fmt.Sprintf("prompts[%d].versionNumber", i)
		switch {
		case a.PromptID == "" && !has(a.Extra, a, "promptId"):
			return required(fmt.Sprintf("prompts[%d].promptId", i), a.PromptID)
		case a.AttachmentMode == AttachmentModePinnedVersion && a.VersionNumber == 0 && !has(a.Extra, a, "versionNumber"):
			return &ArgumentError{Argument: argument, Reason: "a pinned prompt needs a version number"}
		case a.AttachmentMode == AttachmentModeFloatingLatestPublished && a.VersionNumber != 0:
			return &ArgumentError{Argument: argument, Reason: "a floating prompt uses the latest published version, so it takes no version number"}
		}
	}
	return nil
}

type toolAttachments struct {
	Tools []ToolAttachment `json:"tools"`
}

func (p toolAttachments) validate() error {
	for i, a := range p.Tools {
		if a.ToolID == "" && !has(a.Extra, a, "toolId") {
			return required(fmt.Sprintf("tools[%d].toolId", i), a.ToolID)
		}
	}
	return nil
}

// List returns all skills of the organization, or an empty slice when there are none.
//
//	GET /api/skills
//
// Beta. Access token, or API key with scope skills:read.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call.
func (s *SkillsService) List(ctx context.Context, opts ...CallOption) ([]SkillListItem, error) {
	return list[SkillListItem](ctx, (*service)(s), call{route: routeSkillsList}, opts)
}

// All streams the list of [SkillsService.List]: it yields one skill at a time while the response
// arrives, in constant memory. After an error it yields nothing more. Each range over the result
// makes a new call.
//
//	GET /api/skills
//
// Beta. Access token, or API key with scope skills:read.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505, until the response
// begins.
// Errors: those of every call.
func (s *SkillsService) All(ctx context.Context, opts ...CallOption) iter.Seq2[SkillListItem, error] {
	return stream[SkillListItem](ctx, (*service)(s), call{route: routeSkillsList}, opts)
}

// Get returns the skill with its versions.
//
//	GET /api/skills/{skillId}
//
// Beta. Access token, or API key with scope skills:read.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; [KindNotFound] for an unknown id.
func (s *SkillsService) Get(ctx context.Context, skillID string, opts ...CallOption) (*SkillDetail, error) {
	return do[SkillDetail](ctx, (*service)(s), call{route: routeSkillsGet, ids: [2]string{skillID}}, opts)
}

// Create creates a skill and returns it. It has no version yet.
//
//	POST /api/skills
//
// Beta. Access token, or API key with scope skills:write.
// Not idempotent: retried only if it was not sent, or was rate limited (429).
// Errors: those of every call; [KindInvalidRequest]; [KindConflict] for a key that is in use.
func (s *SkillsService) Create(ctx context.Context, p SkillCreateParams, opts ...CallOption) (*SkillRecord, error) {
	return do[SkillRecord](ctx, (*service)(s), call{route: routeSkillsCreate, body: p}, opts)
}

// Update changes the fields that p sets and returns the skill.
//
//	PATCH /api/skills/{skillId}
//
// Beta. Access token, or API key with scope skills:write.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; [KindNotFound] for an unknown id; [KindInvalidRequest].
func (s *SkillsService) Update(ctx context.Context, skillID string, p SkillUpdateParams, opts ...CallOption) (*SkillRecord, error) {
	return do[SkillRecord](ctx, (*service)(s), call{route: routeSkillsUpdate, ids: [2]string{skillID}, body: p}, opts)
}

// CreateVersion adds a draft version to the skill and returns it. [SkillsService.ReplacePrompts]
// and [SkillsService.ReplaceTools] fill it.
//
//	POST /api/skills/{skillId}/versions
//
// Beta. Access token, or API key with scope skills:write.
// Not idempotent: retried only if it was not sent, or was rate limited (429).
// Errors: those of every call; [KindNotFound] for an unknown id; [KindInvalidRequest].
func (s *SkillsService) CreateVersion(ctx context.Context, skillID string, p SkillVersionCreateParams, opts ...CallOption) (*SkillVersion, error) {
	p.InputSchema, p.VariablesSchema, p.OutputSchema = rawValue(p.InputSchema), rawValue(p.VariablesSchema), rawValue(p.OutputSchema)
	return do[SkillVersion](ctx, (*service)(s), call{route: routeSkillsCreateVersion, ids: [2]string{skillID}, body: p}, opts)
}

// ReplacePrompts replaces all prompts of a draft version, in the order given, and returns a
// receipt. An empty slice removes all prompts.
//
//	POST /api/skill-versions/{skillVersionId}/prompts
//
// Beta. Access token, or API key with scope skills:write.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; [KindNotFound] for an unknown version or prompt;
// [KindInvalidRequest]; [KindConflict] for a published version.
func (s *SkillsService) ReplacePrompts(ctx context.Context, skillVersionID string, prompts []PromptAttachment, opts ...CallOption) (*SkillVersionMutationReceipt, error) {
	return do[SkillVersionMutationReceipt](ctx, (*service)(s), call{
		route: routeSkillsReplacePrompts, ids: [2]string{skillVersionID},
		body: promptAttachments{Prompts: notNil(prompts)},
	}, opts)
}

// ReplaceTools replaces all tools of a draft version, in the order given, and returns a receipt. An
// empty slice removes all tools.
//
//	POST /api/skill-versions/{skillVersionId}/tools
//
// Beta. Access token, or API key with scope skills:write.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; [KindNotFound] for an unknown version or tool; [KindInvalidRequest];
// [KindConflict] for a published version.
func (s *SkillsService) ReplaceTools(ctx context.Context, skillVersionID string, tools []ToolAttachment, opts ...CallOption) (*SkillVersionMutationReceipt, error) {
	return do[SkillVersionMutationReceipt](ctx, (*service)(s), call{
		route: routeSkillsReplaceTools, ids: [2]string{skillVersionID},
		body: toolAttachments{Tools: notNil(tools)},
	}, opts)
}

// Publish freezes a version, makes it the one that runs by default, and returns what was published.
//
//	POST /api/skills/{skillId}/publish
//
// Beta. Access token, or API key with scope skills:write.
// Not idempotent: retried only if it was not sent, or was rate limited (429).
// Errors: those of every call; [KindNotFound] for an unknown id; [KindConflict] for a version that
// is already published.
func (s *SkillsService) Publish(ctx context.Context, skillID string, p SkillPublishParams, opts ...CallOption) (*SkillPublishResponse, error) {
	return do[SkillPublishResponse](ctx, (*service)(s), call{route: routeSkillsPublish, ids: [2]string{skillID}, body: p}, opts)
}

// Preview returns the prompt that a run would send. It calls no model and changes nothing, so it
// costs nothing.
//
//	POST /api/skills/{skillId}/preview
//
// Beta. Access token, or API key with scope skills:read.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; [KindNotFound] for an unknown id; [KindInvalidRequest].
func (s *SkillsService) Preview(ctx context.Context, skillID string, p SkillPreviewParams, opts ...CallOption) (*SkillPreviewResponse, error) {
	p.Variables = object("variables", p.Variables)
	return do[SkillPreviewResponse](ctx, (*service)(s), call{route: routeSkillsPreview, ids: [2]string{skillID}, body: p}, opts)
}

// Run runs the skill and returns its output. Each run is billed. If [OutcomeUnknown] reports true
// for the error, the run may have happened: check before you start another. [RunID] returns its id
// if the response named it. A server that wants an access token here rejects an API key with
// [KindPermission] and the code AUTH_MODE_INVALID.
//
// A run that failed can be returned without an error, and is billed as well. The run is done only
// if Status.Succeeded reports true or, if the response has no Status, if it has an output and
// neither a Diagnostic nor MissingVariables. Wait for a pending run with [SkillRunsService.Wait].
// Leave anything else to a person, and never start it again automatically.
//
//	POST /api/skills/{skillId}/run
//
// Beta. Access token, or API key with scope runs:write.
// Not idempotent: retried only if it was not sent, or was rate limited (429).
// Errors: those of every call; [KindNotFound] for an unknown id; [KindInvalidRequest];
// [KindConflict] when no version is published; [KindEntitlement] for a plan without AI features;
// [KindServer] when the provider fails.
func (s *SkillsService) Run(ctx context.Context, skillID string, p SkillRunParams, opts ...CallOption) (*SkillRunResponse, error) {
	p.Variables = object("variables", p.Variables)
	return do[SkillRunResponse](ctx, (*service)(s), call{route: routeSkillsRun, ids: [2]string{skillID}, body: p}, opts)
}

// GenerateImage runs the skill on an image model and returns where the images are stored. Each run
// is billed. If the model makes no image, the error is nil and the result's Failure says why. If
// [OutcomeUnknown] reports true for the error, the run may have happened: check before you start
// another. [RunID] returns its id if the response named it.
//
//	POST /api/skills/{skillId}/generated-images
//
// Beta. Access token, or API key with scope runs:write.
// Not idempotent: retried only if it was not sent, or was rate limited (429).
// Errors: those of every call; [KindNotFound] for an unknown id; [KindInvalidRequest] for a model
// that makes no images; [KindConflict] when no version is published; [KindEntitlement] for a plan
// without AI features.
func (s *SkillsService) GenerateImage(ctx context.Context, skillID string, p ImageParams, opts ...CallOption) (*GeneratedImageRunResponse, error) {
	p.Variables = object("variables", p.Variables)
	return do[GeneratedImageRunResponse](ctx, (*service)(s), call{route: routeSkillsGenerateImage, ids: [2]string{skillID}, body: p}, opts)
}

// Diff returns the differences between versionID and againstVersionID. When againstVersionID is "",
// the server chooses the version to compare with.
//
//	GET /api/skills/{skillId}/versions/{versionId}/diff
//
// Beta. Access token, or API key with scope skills:read.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; [KindNotFound] for an unknown id.
func (s *SkillsService) Diff(ctx context.Context, skillID, versionID, againstVersionID string, opts ...CallOption) (*SkillVersionDiff, error) {
	return do[SkillVersionDiff](ctx, (*service)(s), call{
		route: routeSkillsDiff, ids: [2]string{skillID, versionID},
		query: []param{{name: "againstVersionId", value: againstVersionID, optional: true}},
	}, opts)
}
