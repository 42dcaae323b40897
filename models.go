package promptorchestra

import (
	"context"
	"iter"
	"strings"
)

// ModelsService lists the models an organization may use. Use it as Client.Models.
type ModelsService struct{ c *Client }

// ImageGenerationMode says how a model makes images; expect values not listed here.
type ImageGenerationMode string

// The documented modes.
const (
	ImageGenerationModeNone       ImageGenerationMode = "none"
	ImageGenerationModeDirect     ImageGenerationMode = "direct_image_model"
	ImageGenerationModeHostedTool ImageGenerationMode = "hosted_image_generation_tool"
)

// ModelListItem is a model.
type ModelListItem struct {
	ModelKey                 string                         `json:"modelKey"` // what a run of a skill takes to override the model
	Name                     string                         `json:"name"`     // inferred
	Provider                 string                         `json:"provider"` // inferred
	SupportsImageGeneration  bool                           `json:"supportsImageGeneration"`
	SupportsImageInput       bool                           `json:"supportsImageInput"`
	ImageGenerationMode      ImageGenerationMode            `json:"imageGenerationMode"`
	InputModalities          []string                       `json:"inputModalities"`
	OutputModalities         []string                       `json:"outputModalities"`
	Capabilities             RawJSON                        `json:"capabilities"`
	Available                bool                           `json:"available"`                // inferred
	ImageGenerationReadiness *ModelImageGenerationReadiness `json:"imageGenerationReadiness"` // inferred; nil when the answer has none
}

// ModelImageGenerationReadiness says whether a model can make images now, and what it lacks. Its names are inferred.
type ModelImageGenerationReadiness struct {
	Ready          bool    `json:"ready"`
	BlockingIssues RawJSON `json:"blockingIssues"`
}

// ModelListParams narrows the list. The zero value asks for all available models.
type ModelListParams struct {
	IncludeUnavailable bool     // also models the organization has no provider key or plan for (meaning inferred)
	Modalities         []string // such as text and image
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

// List returns the models that p asks for; none is an empty list.
//
// Beta. Either credential, scope models:read. Repeated safely. Errors: those of every call.
func (s *ModelsService) List(ctx context.Context, p ModelListParams, opts ...CallOption) ([]ModelListItem, error) {
	return list[ModelListItem](ctx, s.c, call{route: routeModelsList, query: p.query()}, opts)
}

// All is [ModelsService.List] as a stream: one model at a time, in constant memory. An error is the last pair; each
// range over the result makes a call of its own.
//
// Beta. Either credential, scope models:read. Repeated safely until the answer begins. Errors: those of every call.
func (s *ModelsService) All(ctx context.Context, p ModelListParams, opts ...CallOption) iter.Seq2[ModelListItem, error] {
	return stream[ModelListItem](ctx, s.c, call{route: routeModelsList, query: p.query()}, opts)
}
