package promptorchestra

import "context"

// SkillRunsService reads the recorded runs of skills. Use it as Client.SkillRuns.
type SkillRunsService struct{ c *Client }

// SkillRunResponse is the result of a run of a skill. Fields of an undocumented type are RawJSON.
type SkillRunResponse struct {
	RunID      string      `json:"runId"`
	Status     RunStatus   `json:"status"` // inferred
	Output     RawJSON     `json:"output,omitzero"`
	OutputText string      `json:"outputText"`
	Validation RawJSON     `json:"validation,omitzero"`
	Diagnostic *Diagnostic `json:"diagnostic"` // why the run failed or fell short, else nil
	Usage      RawJSON     `json:"usage,omitzero"`
	LatencyMS  float64     `json:"latencyMs"` // milliseconds
	ModelKey   string      `json:"modelKey"`  // inferred
	Provider   string      `json:"provider"`  // inferred
	Model      string      `json:"model"`     // inferred
	// MissingVariables holds the variables that got no value, else it is nil. Its name is inferred.
	MissingVariables RawJSON `json:"missingVariables,omitzero"`
}

// SkillRunParams starts a run. When SkillVersionID is empty, the published version runs. ModelKey
// overrides the model; [ModelsService.List] returns the keys. Variables is a map, a struct or raw
// JSON that encodes to an object; nil is sent as {}.
type SkillRunParams struct {
	SkillVersionID string `json:"skillVersionId,omitzero"`
	ModelKey       string `json:"modelKey,omitzero"`
	Variables      any    `json:"variables"`
}

// SkillRunDetail is a recorded run of a skill. The names of the fields that it adds to
// [SkillRunResponse] are inferred.
type SkillRunDetail struct {
	SkillRunResponse
	SkillID            string    `json:"skillId"`
	SkillVersionID     string    `json:"skillVersionId"`
	SkillVersionNumber int       `json:"skillVersionNumber"`
	Variables          RawJSON   `json:"variables,omitzero"`
	CreatedAt          Timestamp `json:"createdAt"`
	CompletedAt        Timestamp `json:"completedAt"` // zero while the run is pending
}

// ImageParams starts the generation of images. When SkillVersionID is empty, the published version
// runs. ModelKey overrides the model; a model that fits has SupportsImageGeneration in
// [ModelsService.List]. Variables is a map, a struct or raw JSON that encodes to an object; nil is
// sent as {}.
type ImageParams struct {
	SkillVersionID string `json:"skillVersionId,omitzero"`
	ModelKey       string `json:"modelKey,omitzero"`
	Variables      any    `json:"variables"`
}

// GeneratedImageRunResponse is the result of generating images. RunID and the names of the storage
// references are documented, the other names are inferred.
type GeneratedImageRunResponse struct {
	RunID      string                   `json:"runId"`
	Status     RunStatus                `json:"status"`
	Images     []GeneratedImageArtifact `json:"images"`
	Usage      *GeneratedImageUsage     `json:"usage"`      // nil when the response has none
	Failure    *GeneratedImageFailure   `json:"failure"`    // nil when the images were made
	Diagnostic *Diagnostic              `json:"diagnostic"` // nil when the response has none
	ModelKey   string                   `json:"modelKey"`
	LatencyMS  float64                  `json:"latencyMs"` // milliseconds
	// MissingVariables holds the variables that got no value, else it is nil.
	MissingVariables RawJSON `json:"missingVariables,omitzero"`
}

// GeneratedImageArtifact is one image. All its names are inferred.
type GeneratedImageArtifact struct {
	StorageReference GeneratedImageStorageReference `json:"storageReference"`
	MimeType         string                         `json:"mimeType"`
	Width            int                            `json:"width"`  // pixels
	Height           int                            `json:"height"` // pixels
}

// GeneratedImageStorageReference says where an image is stored. Bucket and ObjectKey are durable:
// store those. A signed URL expires.
type GeneratedImageStorageReference struct {
	Kind      string  `json:"kind"`
	Bucket    string  `json:"bucket"`
	ObjectKey string  `json:"objectKey"`
	SignedURL RawJSON `json:"signedUrl,omitzero"` // inferred, or nil
}

// GeneratedImageUsage is what the images cost. All its names are inferred.
type GeneratedImageUsage struct {
	InputTokens   int     `json:"inputTokens"`
	OutputTokens  int     `json:"outputTokens"`
	ImageCount    int     `json:"imageCount"`
	EstimatedCost float64 `json:"estimatedCost"` // USD (unit inferred)
}

// GeneratedImageFailure says why no image was made. All its names are inferred.
type GeneratedImageFailure struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	Retryable bool   `json:"retryable"`
}

// Get returns the recorded run. A run that failed is returned with a Diagnostic, not as an error.
//
//	GET /api/skill-runs/{runId}
//
// Beta. Access token, or API key with scope runs:read.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; [KindNotFound] for an unknown id.
func (s *SkillRunsService) Get(ctx context.Context, runID string, opts ...CallOption) (*SkillRunDetail, error) {
	return do[SkillRunDetail](ctx, (*service)(s), call{route: routeSkillRunsGet, ids: [2]string{runID}}, opts)
}

// Wait polls the run with [SkillRunsService.Get] until it has ended, and returns it. The rules of
// [AgentRunsService.Wait] apply: a run that failed is returned without an error. OutputText counts
// as an output.
//
//	GET /api/skill-runs/{runId}
//
// Beta. Access token, or API key with scope runs:read.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; [KindNotFound] for an unknown id; [*DecodeError] if the response is
// another run, has neither a status nor a sign that the run has ended, or keeps an unknown status
// for ten minutes.
func (s *SkillRunsService) Wait(ctx context.Context, runID string, opts ...CallOption) (*SkillRunDetail, error) {
	in := call{route: routeSkillRunsWait, ids: [2]string{runID}}
	return observe(ctx, (*service)(s), in, opts, func(ctx context.Context, r *request) (*SkillRunDetail, error) {
		return waitFor(ctx, r, call{route: routeSkillRunsPoll, ids: in.ids}, opts, (*SkillRunDetail).state)
	})
}

var routeSkillRunsWait = newComposite("SkillRuns.Wait", routeSkillRunsGet)

// routeSkillRunsPoll is SkillRuns.Get of what must be a run.
var routeSkillRunsPoll = func() *route {
	r := *routeSkillRunsGet
	r.traits |= isRun
	return &r
}()

func (d *SkillRunDetail) state() runState {
	return newRunState(d.RunID, d.Status, isOutput(d.Output) || d.OutputText != "", d.CompletedAt)
}
