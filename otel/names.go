package promptorchestraotel

import "go.opentelemetry.io/otel/attribute"

// The names that OpenTelemetry defines come from its own packages:
//
//   - http.*, url.*, server.*, network.* and error.type from semconv/v1.43.0, whose HTTP part is
//     stable but for url.template, and the instrument of HTTP requests from its httpconv;
//   - gen_ai.* from semconv/v1.41.0 and its genaiconv. They are still in development. Version 1.42.0 of
//     the conventions moved them to a repository of their own, which has released nothing yet, so that
//     1.41.0 is the last version that a Go package has.
//
// The names below are this module's own: no convention has them.
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
	budgetKey       = attribute.Key("promptorchestra.retry_budget.exhausted") // only where it is true; spans only
)

// The values of promptorchestra.outcome.
const (
	outcomeSuccess  = "success"
	outcomeFailure  = "failure"
	outcomeUnknown  = "unknown"  // it failed, and may have had its effect all the same
	outcomeCanceled = "canceled" // by its caller
)

// This module's own instruments.
const (
	durationName = "promptorchestra.client.operation.duration"
	attemptsName = "promptorchestra.client.operation.attempts"
	budgetName   = "promptorchestra.client.retry_budget.exhausted"
)

// providerName is what gen_ai.provider.name is until a response names the provider of the model.
const providerName = "prompt_orchestra"

// What gen_ai.operation.name is where the conventions have no fitting value.
const operationCreateSession = "create_session"

// resourceKey returns the attribute of an id of the call: promptorchestra.resource.agent_id of
// "agentId". Only spans have it.
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
