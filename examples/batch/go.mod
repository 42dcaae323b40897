module github.com/prompt-orchestra/promptorchestra-go/examples/batch

go 1.26.0

replace github.com/prompt-orchestra/promptorchestra-go => ../..

require (
	github.com/prompt-orchestra/promptorchestra-go v0.0.0
	github.com/stretchr/testify v1.12.1
	golang.org/x/time v0.16.0
)

require (
	github.com/hashicorp/go-cleanhttp v0.5.2 // indirect
	github.com/hashicorp/go-retryablehttp v0.7.8 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)
