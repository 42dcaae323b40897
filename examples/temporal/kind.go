package main

import (
	"errors"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// kindOf stands in for promptorchestra.KindOf until that has landed.
func kindOf(err error) promptorchestra.Kind {
	var failure *promptorchestra.APIError
	var transport *promptorchestra.TransportError
	var argument *promptorchestra.ArgumentError
	switch {
	case errors.As(err, &failure):
		return failure.Kind
	case errors.As(err, &transport):
		return "transport"
	case errors.As(err, &argument):
		return "argument"
	}
	return promptorchestra.KindUnknown
}
