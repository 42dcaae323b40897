package promptorchestraotel

import (
	"cmp"
	"encoding/json"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	genai "go.opentelemetry.io/otel/semconv/v1.41.0"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// appendStart adds what is known before the response.
func (o *modelOperation) appendStart(attrs []attribute.KeyValue, info *promptorchestra.CallInfo) []attribute.KeyValue {
	attrs = append(attrs, genai.GenAIOperationNameKey.String(o.name), genai.GenAIProviderNameKey.String(providerName))
	attrs = appendText(attrs, genai.GenAIRequestModelKey, info.Model)
	attrs = appendText(attrs, genai.GenAIAgentIDKey, info.Resource["agentId"])
	return appendText(attrs, genai.GenAIOutputTypeKey, o.output)
}

// run is what a response says about a run. A field is empty if the response does not have it.
type run struct {
	id           string
	status       promptorchestra.RunStatus
	provider     string
	requested    string // the requested model, from the request or else the response
	model        string // the model that responded
	agentID      string
	agentVersion string
	conversation string
	inputTokens  int
	outputTokens int
	cost         float64
	text         string
	output       promptorchestra.RawJSON
}

// runOf returns what the response of a call says about a run.
func runOf(result *promptorchestra.CallResult) run {
	switch r := result.Result.(type) {
	case *promptorchestra.PromptRunResponse:
		return run{
			id: r.RunID, status: r.Status, provider: r.Provider, model: r.Model,
			inputTokens: r.InputTokens, outputTokens: r.OutputTokens, cost: r.EstimatedCost,
			text: r.OutputText, output: r.Output,
		}
	case *promptorchestra.SkillRunResponse:
		used := usageOf(r.Usage)
		return run{
			id: r.RunID, status: r.Status, provider: r.Provider, requested: r.ModelKey, model: r.Model,
			inputTokens: used.inputTokens, outputTokens: used.outputTokens, cost: used.cost,
			text: r.OutputText, output: r.Output,
		}
	case *promptorchestra.GeneratedImageRunResponse:
		found := run{id: r.RunID, status: r.Status, requested: r.ModelKey}
		if used := r.Usage; used != nil {
			found.inputTokens, found.outputTokens, found.cost = used.InputTokens, used.OutputTokens, used.EstimatedCost
		}
		return found
	case *promptorchestra.AgentRunResponse:
		return run{
			id: r.RunID, status: r.Status, agentID: r.AgentID,
			agentVersion: versionOf(r.AgentVersionNumber, r.AgentVersionID), output: r.Output,
		}
	case *promptorchestra.AgentRerunResponse:
		return run{id: r.RunID, status: r.Status, output: r.Output}
	case *promptorchestra.VoiceAgentSession:
		return run{id: r.RunID, provider: r.Provider, requested: r.Model, conversation: cmp.Or(r.ExternalSessionID, r.RunID)}
	case *promptorchestra.SkillEvaluationRun:
		return run{id: r.ID, status: r.Status}
	case *promptorchestra.AgentRunDetail: // of a read, such as the one that sees that the run has ended
		return run{id: r.Run.ID, status: r.Run.Status}
	case *promptorchestra.RunDetail:
		return run{id: r.ID, status: r.Status}
	case *promptorchestra.SkillRunDetail:
		return run{id: r.RunID, status: r.Status}
	}
	id, _ := promptorchestra.RunID(result.Err)
	return run{id: id}
}

// versionOf prefers the number of a version, which people know, to its id.
func versionOf(number int, id string) string {
	if number > 0 {
		return strconv.Itoa(number)
	}
	return id
}

// usageOf reads the usage of a skill's run. Its members are not documented: it accepts the spellings of
// other records and of the providers.
func usageOf(raw promptorchestra.RawJSON) run {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return run{}
	}
	number := func(names ...string) float64 {
		for _, name := range names {
			var n float64
			if value, ok := members[name]; ok && json.Unmarshal(value, &n) == nil {
				return n
			}
		}
		return 0
	}
	return run{
		inputTokens:  int(number("inputTokens", "input_tokens", "promptTokens", "prompt_tokens")),
		outputTokens: int(number("outputTokens", "output_tokens", "completionTokens", "completion_tokens")),
		cost:         number("estimatedCost", "estimated_cost"),
	}
}

// appendTo adds the attributes that any run has.
func (r *run) appendTo(attrs []attribute.KeyValue) []attribute.KeyValue {
	attrs = appendText(attrs, runIDKey, r.id)
	attrs = appendText(attrs, runStatusKey, string(r.status))
	if r.cost > 0 {
		attrs = append(attrs, runCostKey.Float64(r.cost))
	}
	return attrs
}

// appendModel adds the attributes of the conventions for generative AI.
func (r *run) appendModel(attrs []attribute.KeyValue) []attribute.KeyValue {
	attrs = append(attrs, genai.GenAIProviderNameKey.String(r.providerName()))
	attrs = appendText(attrs, genai.GenAIRequestModelKey, r.requested)
	attrs = appendText(attrs, genai.GenAIResponseModelKey, r.model)
	attrs = appendText(attrs, genai.GenAIAgentIDKey, r.agentID)
	attrs = appendText(attrs, genai.GenAIAgentVersionKey, r.agentVersion)
	attrs = appendText(attrs, genai.GenAIConversationIDKey, r.conversation)
	if r.inputTokens > 0 {
		attrs = append(attrs, genai.GenAIUsageInputTokens(r.inputTokens))
	}
	if r.outputTokens > 0 {
		attrs = append(attrs, genai.GenAIUsageOutputTokens(r.outputTokens))
	}
	return attrs
}

// providerName returns the provider in the conventions' spelling, if they have one. Which names the API
// uses is not documented.
func (r *run) providerName() string {
	name := strings.ToLower(r.provider)
	switch name {
	case "":
		return providerName
	case "google", "gemini":
		return genai.GenAIProviderNameGCPGemini.Value.AsString()
	case "vertex", "vertexai", "vertex_ai":
		return genai.GenAIProviderNameGCPVertexAI.Value.AsString()
	case "azure", "azure_openai", "azure-openai":
		return genai.GenAIProviderNameAzureAIOpenAI.Value.AsString()
	case "bedrock", "amazon_bedrock", "aws_bedrock":
		return genai.GenAIProviderNameAWSBedrock.Value.AsString()
	case "mistral":
		return genai.GenAIProviderNameMistralAI.Value.AsString()
	case "xai":
		return genai.GenAIProviderNameXAI.Value.AsString()
	default:
		return name
	}
}

// A message of gen_ai.input.messages and gen_ai.output.messages. It has no finish_reason: no response
// says why its run ended.
type message struct {
	Role  string        `json:"role"`
	Parts []messagePart `json:"parts"`
}

type messagePart struct {
	Type    string `json:"type"`
	Content string `json:"content"`
}

// appendContent adds the caller's own data.
func (r *run) appendContent(attrs []attribute.KeyValue, variables string) []attribute.KeyValue {
	if variables != "" {
		attrs = append(attrs, messages(genai.GenAIInputMessagesKey, message{Role: "user", Parts: []messagePart{{"text", variables}}}))
	}
	text := r.text
	if text == "" && len(r.output) > 0 && json.Unmarshal(r.output, &text) != nil {
		text = string(r.output)
	}
	if text != "" {
		attrs = append(attrs, messages(genai.GenAIOutputMessagesKey, message{Role: "assistant", Parts: []messagePart{{"text", text}}}))
	}
	return attrs
}

func messages(key attribute.Key, m message) attribute.KeyValue {
	text, err := json.Marshal([]message{m})
	if err != nil { // of text alone it cannot fail
		return key.String("")
	}
	return key.String(string(text))
}
