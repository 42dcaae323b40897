module github.com/prompt-orchestra/promptorchestra-go/internal/compat

go 1.25.0

require (
	github.com/google/go-cmp v0.7.0
	github.com/prompt-orchestra/promptorchestra-go v0.0.0
	go.yaml.in/yaml/v3 v3.0.5
	go.yaml.in/yaml/v4 v4.0.0
	gopkg.in/yaml.v3 v3.0.1
)

require (
	github.com/hashicorp/go-cleanhttp v0.5.2 // indirect
	github.com/hashicorp/go-retryablehttp v0.7.8 // indirect
)

replace github.com/prompt-orchestra/promptorchestra-go => ../..
