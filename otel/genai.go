package promptorchestraotel

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	genai "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/semconv/v1.41.0/genaiconv"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// GenAIConventions is a version of OpenTelemetry's conventions for generative AI. All of them are in
// development.
type GenAIConventions string

const (
	// GenAIConventions141 is version 1.41.0 of the semantic conventions, the last one that has a Go
	// package, and the default.
	GenAIConventions141 GenAIConventions = "1.41.0"

	// GenAIConventions010 is v0.1.0 of the repository semantic-conventions-genai, to which these
	// conventions moved. The SDK's spans are the same. The duration of a call is
	// gen_ai.client.inference.duration if it runs a model, gen_ai.client.invoke_agent.duration (an
	// inferred name) if it runs an agent, and gen_ai.client.operation.duration otherwise. Tokens are the
	// counters gen_ai.client.inference.usage.input_tokens and output_tokens.
	GenAIConventions010 GenAIConventions = "0.1.0"
)

// The names that differ in v0.1.0.
const (
	inferenceName    = "gen_ai.client.inference.duration"
	inputTokensName  = "gen_ai.client.inference.usage.input_tokens"  //nolint:gosec // no credential
	outputTokensName = "gen_ai.client.inference.usage.output_tokens" //nolint:gosec // no credential

	// Inferred: the maintainers announced this name for agents that a client calls.
	invokeAgentName = "gen_ai.client.invoke_agent.duration"

	modalityKey     = attribute.Key("gen_ai.token.modality")
	modalityUnknown = "unknown" // the API does not name it
)

// modelOperation says what the conventions for generative AI call an operation that runs a model.
type modelOperation struct {
	name   string // gen_ai.operation.name, which begins the span's name, too
	output string // gen_ai.output.type, "" if the call does not choose it
	sort   modelSort
}

// modelSort says which duration a call has in v0.1.0.
type modelSort int

const (
	otherSort modelSort = iota
	inference           // the only one with counters of tokens
	agent
)

var (
	chat   = &modelOperation{name: genai.GenAIOperationNameChat.Value.AsString(), sort: inference}
	invoke = &modelOperation{name: genai.GenAIOperationNameInvokeAgent.Value.AsString(), sort: agent}
)

// modelOperations are the operations that run a model.
var modelOperations = map[string]*modelOperation{
	"Prompts.Run": chat,
	"Skills.Run":  chat,
	"Skills.GenerateImage": {
		name: genai.GenAIOperationNameGenerateContent.Value.AsString(), output: genai.GenAIOutputTypeImage.Value.AsString(),
		sort: inference,
	},
	"Agents.Run":                invoke,
	"AgentRuns.RerunFromStep":   invoke,
	"Evaluations.Run":           {name: genai.GenAIOperationNameInvokeWorkflow.Value.AsString()},
	"VoiceAgents.CreateSession": {name: operationCreateSession},
}

// spanName returns the name of a call's span, with the requested model if its name is plain.
func (o *modelOperation) spanName(model string) string {
	if model == "" || plain(model) != model {
		return o.name
	}
	return o.name + " " + model
}

// modelInstruments measure calls that run a model, as one version of the conventions says.
type modelInstruments struct {
	duration      [agent + 1]metric.Float64Histogram // by their sort
	usage         metric.Int64Histogram              // 1.41.0
	input, output metric.Int64Counter                // 0.1.0
}

func newModelInstruments(meter metric.Meter, version GenAIConventions) (i modelInstruments) {
	seconds := metric.WithUnit("s")
	bounds := metric.WithExplicitBucketBoundaries(.01, .02, .04, .08, .16, .32, .64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
	duration := made(genaiconv.NewClientOperationDuration(meter, bounds)).Inst()
	for sort := range i.duration {
		i.duration[sort] = duration
	}
	if version != GenAIConventions010 {
		i.usage = made(genaiconv.NewClientTokenUsage(meter,
			metric.WithExplicitBucketBoundaries(1, 1<<2, 1<<4, 1<<6, 1<<8, 1<<10, 1<<12, 1<<14, 1<<16, 1<<18, 1<<20, 1<<22, 1<<24, 1<<26))).Inst()
		return i
	}
	tokens := metric.WithUnit("{token}")
	i.duration[inference] = made(meter.Float64Histogram(inferenceName, seconds, bounds, metric.WithDescription("Duration of calls that run a model.")))
	i.duration[agent] = made(meter.Float64Histogram(invokeAgentName, seconds, bounds, metric.WithDescription("Duration of calls that invoke an agent.")))
	i.input = made(meter.Int64Counter(inputTokensName, tokens, metric.WithDescription("Input tokens used.")))
	i.output = made(meter.Int64Counter(outputTokensName, tokens, metric.WithDescription("Output tokens used.")))
	return i
}

// recordModel measures a call that runs a model.
func (c *call) recordModel(run *run, kind promptorchestra.Kind, seconds float64) {
	m := &c.metrics.model
	common := series{
		model: c.model.name, provider: plain(run.providerName()),
		requested: plain(run.requested), responded: plain(run.model), server: c.server.endpoint,
	}
	duration := common
	duration.kind = string(kind)
	if !c.inComposite { // its measurement has the final status, and a failed run counts once
		duration.status = metricStatus(run.status)
	}
	m.duration[c.model.sort].Record(c, seconds, c.measured(&duration).record...)
	switch {
	case m.usage != nil:
		for _, used := range []struct {
			kind   attribute.KeyValue
			tokens int
		}{{genai.GenAITokenTypeInput, run.inputTokens}, {genai.GenAITokenTypeOutput, run.outputTokens}} {
			if used.tokens > 0 { // 0 may mean that the response does not say
				common.tokens = used.kind.Value.AsString()
				m.usage.Record(c, int64(used.tokens), c.measured(&common).record...)
			}
		}
	case c.model.sort == inference: // failed ones too, with 0, as the convention says
		common.modality = modalityUnknown
		added := c.measured(&common).add
		m.input.Add(c, int64(max(run.inputTokens, 0)), added...)
		m.output.Add(c, int64(max(run.outputTokens, 0)), added...)
	}
}
