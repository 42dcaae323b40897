package promptorchestraotel

import (
	"strings"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// The names that OpenTelemetry defines come from its own packages:
//
//   - http.*, url.*, server.*, network.* and error.type from semconv/v1.43.0, all stable except
//     url.template, and the instrument for HTTP requests from its httpconv. The scope has this
//     version's schema URL;
//   - gen_ai.* from semconv/v1.41.0 and its genaiconv, the last version with a Go package. They are in
//     development.
//
// Version 1.42.0 of the conventions moved gen_ai.* to the repository semantic-conventions-genai,
// which has released v0.1.0, also in development, without a Go package or a schema URL: genai.go has
// the names that differ there. The names below are this module's: no convention has them.
const (
	operationKey    = attribute.Key("promptorchestra.operation")              // "Agents.Run"
	outcomeKey      = attribute.Key("promptorchestra.outcome")                // one of the outcomes below
	attemptsKey     = attribute.Key("promptorchestra.attempts")               // number of requests sent
	requestIDKey    = attribute.Key("promptorchestra.request.id")             // X-Request-Id of the last response
	errorCodeKey    = attribute.Key("promptorchestra.error.code")             // "AGENT_GRAPH_INVALID"
	organizationKey = attribute.Key("promptorchestra.organization.id")        // spans only
	runIDKey        = attribute.Key("promptorchestra.run.id")                 // spans only
	runStatusKey    = attribute.Key("promptorchestra.run.status")             // "completed", "failed", "running"
	runCostKey      = attribute.Key("promptorchestra.run.cost")               // USD, estimated; spans only
	budgetKey       = attribute.Key("promptorchestra.retry_budget.exhausted") // only if it is true; spans only
)

const schemaURL = semconv.SchemaURL

// The values of promptorchestra.outcome.
const (
	outcomeSuccess  = "success"
	outcomeFailure  = "failure"
	outcomeUnknown  = "unknown"  // it failed, and may have had its effect
	outcomeCanceled = "canceled" // by its caller
)

// runFailed is the error.type of a composite that returned a failed run and no error.
const runFailed promptorchestra.Kind = "run_failed"

// This module's own instruments.
const (
	durationName  = "promptorchestra.client.operation.duration"
	attemptsName  = "promptorchestra.client.operation.attempts"
	compositeName = "promptorchestra.client.composite.duration"
	budgetName    = "promptorchestra.client.retry_budget.exhausted"
)

// providerName is what gen_ai.provider.name is until a response names the provider of the model.
const providerName = "prompt_orchestra"

// operationCreateSession is a gen_ai.operation.name that no convention has.
const operationCreateSession = "create_session"

// resourceKey returns the attribute for one of the call's ids, such as
// promptorchestra.resource.agent_id for "agentId". Only spans have it.
func resourceKey(name string) attribute.Key {
	key := make([]byte, 0, 48)
	key = append(key, "promptorchestra.resource."...)
	for _, c := range []byte(name) {
		if c >= 'A' && c <= 'Z' {
			key = append(key, '_')
			c += 'a' - 'A'
		}
		key = append(key, c)
	}
	return attribute.Key(key)
}

const (
	nameLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
	otherValue  = "other"
)

// plain returns the value that a metric's attribute has for a name from outside: the name if it looks
// like a status, a provider or a model, such as "openai/gpt-4.1-mini:free" or "gemini-2@001", and
// otherwise "other", so that no text and no address becomes a time series.
func plain(name string) string {
	const most = 64
	base, version, _ := strings.Cut(name, "@")
	switch {
	case len(name) > most, strings.Contains(name, "//"), strings.HasPrefix(name, "@"):
		return otherValue
	case strings.Trim(base, nameLetters+":/+") != "", strings.Trim(version, "0123456789") != "":
		return otherValue
	}
	return name
}
