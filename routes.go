package promptorchestra

import "strings"

// A route is one documented endpoint. This table is the only place that knows an endpoint's method,
// path, credential, scope, stability and retry class.
type route struct {
	op     string // "Agents.Get": the service and its method
	method string
	path   string   // the template, "/api/agents/{agentId}"
	fixed  []string // the template's text around its parameters
	params []string // the parameters' names, in path order
	scope  string   // the scope that an API key needs; "" when none is documented
	traits traits
}

type traits uint16

const (
	stable traits = 1 << iota // the product's public surface
	beta
	classic        // documented by the older generation of the API only
	userOnly       // needs an access token; an API key is not accepted
	publicContract // carries publicContract=1
	notIdempotent  // not idempotent: retried only if it was not sent, or was rate limited
	execution      // runs a model, which may take minutes and costs money
	hasID          // its record has an id: a response without one is not the record
	isRun          // its record is a run: so is a response only with the run's id or a result
	holdsRun       // its record has an object run with an id
	composite      // no endpoint, but a method that makes several calls: see newComposite
)

var routes []*route

func newRoute(op, method, path, scope string, t traits) *route {
	r := &route{op: op, method: method, path: path, scope: scope, traits: t}
	for i, part := range strings.Split(strings.ReplaceAll(path, "}", "{"), "{") {
		if i%2 == 0 {
			r.fixed = append(r.fixed, part)
		} else {
			r.params = append(r.params, part)
		}
	}
	routes = append(routes, r)
	return r
}

var (
	// Agents
	routeAgentsList             = newRoute("Agents.List", "GET", "/api/agents", "agents:read", beta|publicContract)
	routeAgentsCreate           = newRoute("Agents.Create", "POST", "/api/agents", "agents:write", beta|publicContract|notIdempotent|hasID)
	routeAgentsGet              = newRoute("Agents.Get", "GET", "/api/agents/{agentId}", "agents:read", stable|publicContract|hasID)
	routeAgentsUpdate           = newRoute("Agents.Update", "PATCH", "/api/agents/{agentId}", "agents:write", beta|publicContract)
	routeAgentsCreateVersion    = newRoute("Agents.CreateVersion", "POST", "/api/agents/{agentId}/versions", "agents:write", beta|publicContract|notIdempotent)
	routeAgentsPublish          = newRoute("Agents.Publish", "POST", "/api/agents/{agentId}/publish", "agents:write", beta|publicContract|notIdempotent)
	routeAgentsSaveWorkflow     = newRoute("Agents.SaveWorkflow", "PUT", "/api/agent-versions/{agentVersionId}/workflow", "agents:write", beta|publicContract)
	routeAgentsValidateWorkflow = newRoute("Agents.ValidateWorkflow", "POST", "/api/agent-versions/{agentVersionId}/workflow/validate", "agents:write", beta|publicContract)
	routeAgentsSaveSteps        = newRoute("Agents.SaveSteps", "POST", "/api/agent-versions/{agentVersionId}/steps", "", classic|notIdempotent)
	routeAgentsRun              = newRoute("Agents.Run", "POST", "/api/agents/{agentId}/run", "", stable|userOnly|publicContract|notIdempotent|execution|isRun)
	routeAgentsDiffVersion      = newRoute("Agents.DiffVersion", "GET", "/api/agents/{agentId}/versions/{versionId}/diff", "agents:read", beta|publicContract)
	routeAgentsRollbackVersion  = newRoute("Agents.RollbackVersion", "POST", "/api/agents/{agentId}/versions/{versionId}/rollback", "agents:write", beta|publicContract|notIdempotent)

	// AgentRuns
	routeAgentRunsGet           = newRoute("AgentRuns.Get", "GET", "/api/agent-runs/{runId}", "runs:read", stable|publicContract|holdsRun)
	routeAgentRunsCompare       = newRoute("AgentRuns.Compare", "GET", "/api/agent-runs/compare", "runs:read", beta|publicContract)
	routeAgentRunsLoadInputs    = newRoute("AgentRuns.LoadInputs", "POST", "/api/agent-runs/{runId}/load-inputs", "runs:read", stable|publicContract)
	routeAgentRunsRerunFromStep = newRoute("AgentRuns.RerunFromStep", "POST", "/api/agent-runs/{runId}/rerun-from-step", "", stable|userOnly|publicContract|notIdempotent|execution|isRun)

	// Prompts
	routePromptsList          = newRoute("Prompts.List", "GET", "/api/prompts", "", beta)
	routePromptsGet           = newRoute("Prompts.Get", "GET", "/api/prompts/{promptId}", "", beta|hasID)
	routePromptsCreate        = newRoute("Prompts.Create", "POST", "/api/prompts", "", beta|notIdempotent|hasID)
	routePromptsUpdate        = newRoute("Prompts.Update", "PATCH", "/api/prompts/{promptId}", "", beta)
	routePromptsCreateVersion = newRoute("Prompts.CreateVersion", "POST", "/api/prompts/{promptId}/versions", "", beta|notIdempotent)
	routePromptsPublish       = newRoute("Prompts.Publish", "POST", "/api/prompts/{promptId}/publish", "", beta|notIdempotent)
	routePromptsRun           = newRoute("Prompts.Run", "POST", "/api/prompts/{promptId}/run", "", classic|notIdempotent|execution|isRun)
	routePromptsAttachTool    = newRoute("Prompts.AttachTool", "POST", "/api/prompt-versions/{promptVersionId}/tools", "", classic|notIdempotent)

	// Runs
	routeRunsList = newRoute("Runs.List", "GET", "/api/runs", "", classic)
	routeRunsGet  = newRoute("Runs.Get", "GET", "/api/runs/{runId}", "", classic)

	// Skills
	routeSkillsList           = newRoute("Skills.List", "GET", "/api/skills", "skills:read", beta)
	routeSkillsGet            = newRoute("Skills.Get", "GET", "/api/skills/{skillId}", "skills:read", beta|hasID)
	routeSkillsCreate         = newRoute("Skills.Create", "POST", "/api/skills", "skills:write", beta|notIdempotent|hasID)
	routeSkillsUpdate         = newRoute("Skills.Update", "PATCH", "/api/skills/{skillId}", "skills:write", beta)
	routeSkillsCreateVersion  = newRoute("Skills.CreateVersion", "POST", "/api/skills/{skillId}/versions", "skills:write", beta|notIdempotent)
	routeSkillsReplacePrompts = newRoute("Skills.ReplacePrompts", "POST", "/api/skill-versions/{skillVersionId}/prompts", "skills:write", beta)
	routeSkillsReplaceTools   = newRoute("Skills.ReplaceTools", "POST", "/api/skill-versions/{skillVersionId}/tools", "skills:write", beta)
	routeSkillsPublish        = newRoute("Skills.Publish", "POST", "/api/skills/{skillId}/publish", "skills:write", beta|notIdempotent)
	routeSkillsPreview        = newRoute("Skills.Preview", "POST", "/api/skills/{skillId}/preview", "skills:read", beta)
	routeSkillsRun            = newRoute("Skills.Run", "POST", "/api/skills/{skillId}/run", "runs:write", beta|notIdempotent|execution|isRun)
	routeSkillsGenerateImage  = newRoute("Skills.GenerateImage", "POST", "/api/skills/{skillId}/generated-images", "runs:write", beta|notIdempotent|execution)
	routeSkillsDiff           = newRoute("Skills.Diff", "GET", "/api/skills/{skillId}/versions/{versionId}/diff", "skills:read", beta)

	// SkillRuns
	routeSkillRunsGet = newRoute("SkillRuns.Get", "GET", "/api/skill-runs/{runId}", "runs:read", beta|publicContract)

	// Tools
	routeToolsList          = newRoute("Tools.List", "GET", "/api/tools", "tools:read", beta)
	routeToolsGet           = newRoute("Tools.Get", "GET", "/api/tools/{toolId}", "tools:read", beta)
	routeToolsCreate        = newRoute("Tools.Create", "POST", "/api/tools", "tools:write", beta|notIdempotent)
	routeToolsUpdate        = newRoute("Tools.Update", "PATCH", "/api/tools/{toolId}", "tools:write", beta)
	routeToolsCreateVersion = newRoute("Tools.CreateVersion", "POST", "/api/tools/{toolId}/versions", "tools:write", beta|notIdempotent)
	routeToolsDiff          = newRoute("Tools.Diff", "GET", "/api/tools/{toolId}/versions/{versionId}/diff", "tools:read", beta)

	// Evaluations
	routeEvaluationsListCases  = newRoute("Evaluations.ListCases", "GET", "/api/skills/{skillId}/evaluation-cases", "evaluations:read", beta)
	routeEvaluationsCreateCase = newRoute("Evaluations.CreateCase", "POST", "/api/skills/{skillId}/evaluation-cases", "evaluations:write", beta|notIdempotent)
	routeEvaluationsRun        = newRoute("Evaluations.Run", "POST", "/api/skills/{skillId}/evaluations/run", "evaluations:write", beta|notIdempotent|execution)
	routeEvaluationsGet        = newRoute("Evaluations.Get", "GET", "/api/skills/{skillId}/evaluations/{evaluationRunId}", "evaluations:read", beta)

	// Setup
	routeSetupVerify = newRoute("Setup.Verify", "POST", "/api/setup/verify", "runs:read", stable)

	// Models
	routeModelsList = newRoute("Models.List", "GET", "/api/models", "models:read", beta)

	// VoiceAgents
	routeVoiceAgentsCreateVersion = newRoute("VoiceAgents.CreateVersion", "POST", "/api/realtime-agents/{agentId}/versions", "", classic|notIdempotent)
	routeVoiceAgentsCreateSession = newRoute("VoiceAgents.CreateSession", "POST", "/api/realtime-agents/{agentId}/session", "", classic|notIdempotent)

	// RealtimeSessions
	routeRealtimeSessionsList = newRoute("RealtimeSessions.List", "GET", "/api/realtime-sessions", "", classic)
	routeRealtimeSessionsGet  = newRoute("RealtimeSessions.Get", "GET", "/api/realtime-sessions/{runId}", "", classic)

	// ServiceKeys
	routeServiceKeysCreate = newRoute("ServiceKeys.Create", "POST", "/api/service-keys", "", classic|userOnly|notIdempotent)
)
