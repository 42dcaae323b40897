module github.com/prompt-orchestra/promptorchestra-go/examples/deploy

go 1.25.0

require (
	github.com/prompt-orchestra/promptorchestra-go v0.0.0
	github.com/stretchr/testify v1.12.1
	go.uber.org/goleak v1.3.0
	go.yaml.in/yaml/v3 v3.0.5
)

require (
	github.com/hashicorp/go-cleanhttp v0.5.2 // indirect
	github.com/hashicorp/go-retryablehttp v0.7.8 // indirect
)

replace github.com/prompt-orchestra/promptorchestra-go => ../..
