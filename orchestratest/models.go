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
// for images. The fourth column is how a model makes images, or what keeps it from that.
var models = []model{
	newModel("gpt-4.1-mini", "GPT-4.1 mini", "openai", "model_has_no_image_output", "text", "text", "tools,structured_output", 0.40, 1.60),
	newModel("gpt-4.1", "GPT-4.1", "openai", "hosted_image_generation_tool", "text,image", "text,image", "tools,structured_output,image_generation", 2, 8),
	newModel(imageModel, "GPT Image 1", "openai", "direct_image_model", "text,image", "image", "image_generation", 5, 40),
	newModel("claude-sonnet-4", "Claude Sonnet 4", "anthropic", noProviderKey, "text,image", "text", "tools", 3, 15),
	newModel(realtimeModel, "GPT Realtime", "openai", "model_has_no_image_output", "text,audio", "text,audio", "tools,realtime", 4, 16),
}

// noProviderKey is what keeps a model from anything.
const noProviderKey = "provider_key_missing"

func newModel(key, name, provider, images, inputs, outputs, capabilities string, inputPrice, outputPrice float64) model {
	m := model{
		ModelKey: key, Name: name, Provider: provider, Available: images != noProviderKey,
		InputModalities: strings.Split(inputs, ","), OutputModalities: strings.Split(outputs, ","), Capabilities: strings.Split(capabilities, ","),
		ImageGenerationMode: "none", ImageGeneration: imageReadiness{BlockingIssues: []string{images}},
		inputPrice: inputPrice, outputPrice: outputPrice,
	}
	m.SupportsImageInput = slices.Contains(m.InputModalities, "image")
	if slices.Contains(m.Capabilities, "image_generation") {
		m.SupportsImageGeneration, m.ImageGenerationMode, m.ImageGeneration = true, images, imageReadiness{Ready: true, BlockingIssues: []string{}}
	}
	return m
}

const (
	imageModel    = "gpt-image-1"
	realtimeModel = "gpt-realtime"
)

// listModels returns an object, the only list of the API that does.
func (c *call) listModels() any {
	everything := c.query.Get("includeUnavailable") == "true"
	wanted := strings.FieldsFunc(c.query.Get("modalities"), func(r rune) bool { return r == ',' })
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
