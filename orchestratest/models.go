package orchestratest

import (
	"slices"
	"strings"
)

// model is a model that the platform can run.
type model struct {
	ModelKey                string         `json:"modelKey"`
	Name                    string         `json:"name"`
	Provider                string         `json:"provider"`
	Available               bool           `json:"available"`
	SupportsImageGeneration bool           `json:"supportsImageGeneration"`
	SupportsImageInput      bool           `json:"supportsImageInput"`
	ImageGenerationMode     string         `json:"imageGenerationMode"`
	ImageGeneration         imageReadiness `json:"imageGenerationReadiness"`
	InputModalities         []string       `json:"inputModalities"`
	OutputModalities        []string       `json:"outputModalities"`
	Capabilities            []string       `json:"capabilities"`

	inputPrice, outputPrice float64 // US dollars for a million tokens
}

// imageReadiness says whether a model can make images now, and what stands in the way.
type imageReadiness struct {
	Ready          bool     `json:"ready"`
	BlockingIssues []string `json:"blockingIssues"`
}

// models is what every organization may choose from. The first is the default, imageModel the one
// for images.
var models = []model{
	{
		ModelKey: "gpt-4.1-mini", Name: "GPT-4.1 mini", Provider: "openai", Available: true,
		ImageGenerationMode: "none", ImageGeneration: imageReadiness{BlockingIssues: []string{"model_has_no_image_output"}},
		InputModalities: []string{"text"}, OutputModalities: []string{"text"}, Capabilities: []string{"tools", "structured_output"},
		inputPrice: 0.40, outputPrice: 1.60,
	},
	{
		ModelKey: "gpt-4.1", Name: "GPT-4.1", Provider: "openai", Available: true,
		SupportsImageInput: true, SupportsImageGeneration: true, ImageGenerationMode: "hosted_image_generation_tool",
		ImageGeneration: imageReadiness{Ready: true, BlockingIssues: []string{}},
		InputModalities: []string{"text", "image"}, OutputModalities: []string{"text", "image"}, Capabilities: []string{"tools", "structured_output", "image_generation"},
		inputPrice: 2, outputPrice: 8,
	},
	{
		ModelKey: imageModel, Name: "GPT Image 1", Provider: "openai", Available: true,
		SupportsImageInput: true, SupportsImageGeneration: true, ImageGenerationMode: "direct_image_model",
		ImageGeneration: imageReadiness{Ready: true, BlockingIssues: []string{}},
		InputModalities: []string{"text", "image"}, OutputModalities: []string{"image"}, Capabilities: []string{"image_generation"},
		inputPrice: 5, outputPrice: 40,
	},
	{
		ModelKey: "claude-sonnet-4", Name: "Claude Sonnet 4", Provider: "anthropic", Available: false,
		SupportsImageInput: true, ImageGenerationMode: "none", ImageGeneration: imageReadiness{BlockingIssues: []string{"provider_key_missing"}},
		InputModalities: []string{"text", "image"}, OutputModalities: []string{"text"}, Capabilities: []string{"tools"},
		inputPrice: 3, outputPrice: 15,
	},
	{
		ModelKey: realtimeModel, Name: "GPT Realtime", Provider: "openai", Available: true,
		ImageGenerationMode: "none", ImageGeneration: imageReadiness{BlockingIssues: []string{"model_has_no_image_output"}},
		InputModalities: []string{"text", "audio"}, OutputModalities: []string{"text", "audio"}, Capabilities: []string{"tools", "realtime"},
		inputPrice: 4, outputPrice: 16,
	},
}

const (
	imageModel    = "gpt-image-1"
	realtimeModel = "gpt-realtime"
)

// listModels returns an object, the only list of the API that does.
func (c *call) listModels() any {
	everything := c.query.Get("includeUnavailable") == "true"
	var wanted []string
	if modalities := c.query.Get("modalities"); modalities != "" {
		wanted = strings.Split(modalities, ",")
	}
	listed := []model{}
	for _, m := range models {
		if (m.Available || everything) && m.speaks(wanted) {
			listed = append(listed, m)
		}
	}
	return map[string]any{"models": listed}
}

// speaks reports whether a model takes or gives each of the modalities.
func (m model) speaks(modalities []string) bool {
	for _, modality := range modalities {
		if !slices.Contains(m.InputModalities, modality) && !slices.Contains(m.OutputModalities, modality) {
			return false
		}
	}
	return true
}

// findModel returns a model by its key: a 400 when there is none or it cannot be used, for it is
// named in a body.
func findModel(key string) (model, error) {
	i := slices.IndexFunc(models, func(m model) bool { return m.ModelKey == key })
	switch {
	case i < 0:
		return model{}, badRequest("modelKey "+key+" is not a model of this organization", "modelKey")
	case !models[i].Available:
		return model{}, badRequest("modelKey "+key+" is not available: its provider has no key here", "modelKey")
	}
	return models[i], nil
}

// promptModel is the model of a prompt. Any name is accepted there; those that are not listed cost
// what the default costs.
func promptModel(name *string) model {
	m := models[0]
	if name == nil || *name == "" {
		return m
	}
	if known, err := findModel(*name); err == nil {
		return known
	}
	m.ModelKey = *name
	return m
}
