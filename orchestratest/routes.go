package orchestratest

import (
	"net/url"
	"slices"
	"strings"
)

// route is one row of the API.
type route struct {
	name   string // as the SDK names it: service and method
	method string
	path   string
	scope  string // what a credential must hold; "" accepts any of the organization
	flags  flags
	handle func(*call) any
}

type flags uint16

const (
	userOnly       flags = 1 << iota // rejects API keys
	classic                          // the older generation, with the older error bodies
	creates                          // responds with 201
	makesImages                      // rejects models that make none
	runsAI                           // needs the AI entitlement
	needsVoice                       // needs the voice entitlement
	pastSeats                        // succeeds when there are more members than seats
	publicContract                   // demands publicContract=1 in the query
)

func (r *route) is(f flags) bool { return r.flags&f != 0 }

// routes is the whole API. A literal segment stands before a parameter in the same place, for the
// first row that matches is taken.
var routes = []route{
	{"Agents.List", "GET", "/api/agents", "agents:read", publicContract, (*call).listAgents},
	{"Agents.Create", "POST", "/api/agents", "agents:write", creates | publicContract, (*call).createAgent},
	{"Agents.Get", "GET", "/api/agents/{agentId}", "agents:read", publicContract, (*call).getAgent},
	{"Agents.Update", "PATCH", "/api/agents/{agentId}", "agents:write", publicContract, (*call).updateAgent},
	{"Agents.CreateVersion", "POST", "/api/agents/{agentId}/versions", "agents:write", creates | publicContract, (*call).createAgentVersion},
	{"Agents.Publish", "POST", "/api/agents/{agentId}/publish", "agents:write", publicContract, (*call).publishAgent},
	{"Agents.SaveWorkflow", "PUT", "/api/agent-versions/{agentVersionId}/workflow", "agents:write", publicContract, (*call).saveWorkflow},
	{"Agents.ValidateWorkflow", "POST", "/api/agent-versions/{agentVersionId}/workflow/validate", "agents:write", publicContract, (*call).validateWorkflow},
	{"Agents.SaveSteps", "POST", "/api/agent-versions/{agentVersionId}/steps", "", classic, (*call).saveSteps},
	{"Agents.Run", "POST", "/api/agents/{agentId}/run", "", userOnly | runsAI | publicContract, (*call).runAgent},
	{"Agents.DiffVersion", "GET", "/api/agents/{agentId}/versions/{versionId}/diff", "agents:read", publicContract, (*call).diffAgentVersion},
	{"Agents.RollbackVersion", "POST", "/api/agents/{agentId}/versions/{versionId}/rollback", "agents:write", creates | publicContract, (*call).rollbackAgentVersion},

	{"AgentRuns.Compare", "GET", "/api/agent-runs/compare", "runs:read", publicContract, (*call).compareAgentRuns},
	{"AgentRuns.Get", "GET", "/api/agent-runs/{runId}", "runs:read", publicContract, (*call).getAgentRun},
	{"AgentRuns.LoadInputs", "POST", "/api/agent-runs/{runId}/load-inputs", "runs:read", publicContract, (*call).loadAgentRunInputs},
	{"AgentRuns.RerunFromStep", "POST", "/api/agent-runs/{runId}/rerun-from-step", "", userOnly | runsAI | publicContract, (*call).rerunAgentFromStep},

	{"Prompts.List", "GET", "/api/prompts", "", 0, (*call).listPrompts},
	{"Prompts.Get", "GET", "/api/prompts/{promptId}", "", 0, (*call).getPrompt},
	{"Prompts.Create", "POST", "/api/prompts", "", creates, (*call).createPrompt},
	{"Prompts.Update", "PATCH", "/api/prompts/{promptId}", "", 0, (*call).updatePrompt},
	{"Prompts.CreateVersion", "POST", "/api/prompts/{promptId}/versions", "", creates, (*call).createPromptVersion},
	{"Prompts.Publish", "POST", "/api/prompts/{promptId}/publish", "", 0, (*call).publishPrompt},
	{"Prompts.Run", "POST", "/api/prompts/{promptId}/run", "", classic | runsAI, (*call).runPrompt},
	{"Prompts.AttachTool", "POST", "/api/prompt-versions/{promptVersionId}/tools", "", classic | creates, (*call).attachTool},

	{"Runs.List", "GET", "/api/runs", "", classic, (*call).listRuns},
	{"Runs.Get", "GET", "/api/runs/{runId}", "", classic, (*call).getRun},

	{"Skills.List", "GET", "/api/skills", "skills:read", 0, (*call).listSkills},
	{"Skills.Get", "GET", "/api/skills/{skillId}", "skills:read", 0, (*call).getSkill},
	{"Skills.Create", "POST", "/api/skills", "skills:write", creates, (*call).createSkill},
	{"Skills.Update", "PATCH", "/api/skills/{skillId}", "skills:write", 0, (*call).updateSkill},
	{"Skills.CreateVersion", "POST", "/api/skills/{skillId}/versions", "skills:write", creates, (*call).createSkillVersion},
	{"Skills.ReplacePrompts", "POST", "/api/skill-versions/{skillVersionId}/prompts", "skills:write", 0, (*call).replaceSkillPrompts},
	{"Skills.ReplaceTools", "POST", "/api/skill-versions/{skillVersionId}/tools", "skills:write", 0, (*call).replaceSkillTools},
	{"Skills.Publish", "POST", "/api/skills/{skillId}/publish", "skills:write", 0, (*call).publishSkill},
	{"Skills.Preview", "POST", "/api/skills/{skillId}/preview", "skills:read", 0, (*call).previewSkill},
	{"Skills.Run", "POST", "/api/skills/{skillId}/run", "runs:write", runsAI, (*call).runSkill},
	{"Skills.GenerateImage", "POST", "/api/skills/{skillId}/generated-images", "runs:write", runsAI | makesImages, (*call).generateImage},
	{"Skills.Diff", "GET", "/api/skills/{skillId}/versions/{versionId}/diff", "skills:read", 0, (*call).diffSkillVersion},

	{"SkillRuns.Get", "GET", "/api/skill-runs/{runId}", "runs:read", publicContract, (*call).getSkillRun},

	{"Tools.List", "GET", "/api/tools", "tools:read", 0, (*call).listTools},
	{"Tools.Get", "GET", "/api/tools/{toolId}", "tools:read", 0, (*call).getTool},
	{"Tools.Create", "POST", "/api/tools", "tools:write", creates, (*call).createTool},
	{"Tools.Update", "PATCH", "/api/tools/{toolId}", "tools:write", 0, (*call).updateTool},
	{"Tools.CreateVersion", "POST", "/api/tools/{toolId}/versions", "tools:write", creates, (*call).createToolVersion},
	{"Tools.Diff", "GET", "/api/tools/{toolId}/versions/{versionId}/diff", "tools:read", 0, (*call).diffToolVersion},

	{"Evaluations.ListCases", "GET", "/api/skills/{skillId}/evaluation-cases", "evaluations:read", 0, (*call).listEvaluationCases},
	{"Evaluations.CreateCase", "POST", "/api/skills/{skillId}/evaluation-cases", "evaluations:write", creates, (*call).createEvaluationCase},
	{"Evaluations.Run", "POST", "/api/skills/{skillId}/evaluations/run", "evaluations:write", runsAI, (*call).runEvaluation},
	{"Evaluations.Get", "GET", "/api/skills/{skillId}/evaluations/{evaluationRunId}", "evaluations:read", 0, (*call).getEvaluationRun},

	{"Models.List", "GET", "/api/models", "models:read", 0, (*call).listModels},

	{"VoiceAgents.CreateVersion", "POST", "/api/realtime-agents/{agentId}/versions", "", classic | creates | needsVoice, (*call).createVoiceVersion},
	{"VoiceAgents.CreateSession", "POST", "/api/realtime-agents/{agentId}/session", "", classic | creates | needsVoice, (*call).createVoiceSession},

	{"RealtimeSessions.List", "GET", "/api/realtime-sessions", "", classic, (*call).listSessions},
	{"RealtimeSessions.Get", "GET", "/api/realtime-sessions/{runId}", "", classic, (*call).getSession},

	{"ServiceKeys.Create", "POST", "/api/service-keys", "", classic | creates | userOnly, (*call).createServiceKey},

	{"Setup.Verify", "POST", "/api/setup/verify", "runs:read", pastSeats, (*call).verifySetup},
}

// findRoute returns the route of a request and its path parameters. When only the method does not
// fit, the route is nil and allowed names the methods that do.
func findRoute(method, escapedPath string) (found *route, params map[string]string, allowed []string) {
	segments := strings.Split(escapedPath, "/")
	for i := range routes {
		params, ok := match(strings.Split(routes[i].path, "/"), segments)
		switch {
		case !ok:
		case routes[i].method == method:
			return &routes[i], params, nil
		default:
			allowed = append(allowed, routes[i].method)
		}
	}
	return nil, nil, allowed
}

// match compares a path segment by segment before it is unescaped, so that an id with an escaped
// slash stays one segment.
func match(pattern, path []string) (params map[string]string, ok bool) {
	if len(pattern) != len(path) {
		return nil, false
	}
	params = map[string]string{}
	for i, want := range pattern {
		value, err := url.PathUnescape(path[i])
		switch {
		case want == path[i]:
		case !strings.HasPrefix(want, "{") || err != nil || value == "":
			return nil, false
		default:
			params[strings.Trim(want, "{}")] = value
		}
	}
	return params, true
}

// isRoute reports whether a test may name op.
func isRoute(op string) bool {
	return op == anyRoute || slices.ContainsFunc(routes, func(r route) bool { return r.name == op })
}

// anyRoute stands for all routes in Fail and Requests.
const anyRoute = "*"
