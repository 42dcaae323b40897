package promptorchestra

import (
	"context"
	"iter"
	"strings"
)

// ModelsService lists the models that an organization may use. Use it as Client.Models.
type ModelsService struct{ c *Client }

// ImageGenerationMode says how a model makes images. The API may send values that have no constant
// here.
type ImageGenerationMode string

// The documented modes.
const (
	ImageGenerationModeNone       ImageGenerationMode = "none"
	ImageGenerationModeDirect     ImageGenerationMode = "direct_image_model"
	ImageGenerationModeHostedTool ImageGenerationMode = "hosted_image_generation_tool"
)

// ModelListItem is one model.
type ModelListItem struct {
	ModelKey                string              `json:"modelKey"` // overrides the model of a skill run
	Name                    string              `json:"name"`     // inferred
	Provider                string              `json:"provider"` // inferred
	SupportsImageGeneration bool                `json:"supportsImageGeneration"`
	SupportsImageInput      bool                `json:"supportsImageInput"`
	ImageGenerationMode     ImageGenerationMode `json:"imageGenerationMode"`
	InputModalities         []string            `json:"inputModalities"`
	OutputModalities        []string            `json:"outputModalities"`
	Capabilities            RawJSON             `json:"capabilities,omitzero"`
	Available               bool                `json:"available"` // inferred
	// ImageGenerationReadiness is inferred, and nil when the response has none.
	ImageGenerationReadiness *ModelImageGenerationReadiness `json:"imageGenerationReadiness"`
}

// ModelImageGenerationReadiness says whether a model can make images now, and what is missing when
// it cannot. Its names are inferred.
type ModelImageGenerationReadiness struct {
	Ready          bool    `json:"ready"`
	BlockingIssues RawJSON `json:"blockingIssues,omitzero"`
}

// ModelListParams filters the list. The zero value lists all available models.
type ModelListParams struct {
	IncludeUnavailable bool     // list models without a provider key or plan too (inferred)
	Modalities         []string // such as text and image; sent separated by commas
}

func (p ModelListParams) query() []param {
	include := ""
	if p.IncludeUnavailable {
		include = "true"
	}
	return []param{
		{name: "includeUnavailable", value: include, optional: true},
		{name: "modalities", value: strings.Join(p.Modalities, ","), optional: true},
	}
}

// List returns the models that match p, or an empty slice when there are none.
//
//	GET /api/models
//
// Beta. Access token, or API key with scope models:read.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call.
func (s *ModelsService) List(ctx context.Context, p ModelListParams, opts ...CallOption) ([]ModelListItem, error) {
	return list[ModelListItem](ctx, (*service)(s), call{route: routeModelsList, query: p.query()}, opts)
}

// All streams the list of [ModelsService.List]: it yields one model at a time while the response
// arrives, in constant memory. After an error it yields nothing more. Each range over the result
// makes a new call.
//
//	GET /api/models
//
// Beta. Access token, or API key with scope models:read.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505, until the response
// begins.
// Errors: those of every call.
func (s *ModelsService) All(ctx context.Context, p ModelListParams, opts ...CallOption) iter.Seq2[ModelListItem, error] {
	return stream[ModelListItem](ctx, (*service)(s), call{route: routeModelsList, query: p.query()}, opts)
}
