package orchestratest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// job is something for a model to do. The model of this server echoes: its output is the rendered
// prompt, so that a test can say beforehand what comes out.
type job struct {
	model     model
	templates []string        // joined by an empty line
	tools     []*tool         // called in order before the model
	schema    json.RawMessage // what the output must look like, nil when not declared
	variables map[string]any
	failure   string // why the provider fails, or ""
}

// outcome is the result of a job.
type outcome struct {
	prompt    string
	missing   []string // variables that no value was given for
	text      string
	output    any // the text, or the object that it is or that the schema asks for
	steps     []runStep
	usage     usage
	latencyMs int
	failure   string // why it failed, "" when it did not
}

// usage is what an execution cost, counted from its texts.
type usage struct {
	InputTokens   int     `json:"inputTokens"`
	OutputTokens  int     `json:"outputTokens"`
	TotalTokens   int     `json:"totalTokens"`
	EstimatedCost float64 `json:"estimatedCost"`
}

// runStep is one thing that happened in an execution. Two of its names are spelt as the older
// generation spells them.
type runStep struct {
	ID            string  `json:"id"`
	StepType      string  `json:"step_type"` // tool_call or final_response
	ToolName      string  `json:"tool_name,omitempty"`
	PositionIndex int     `json:"positionIndex"`
	Status        string  `json:"status"`
	Input         any     `json:"input"`
	Output        any     `json:"output"`
	Error         *string `json:"error"`
	CreatedAt     string  `json:"createdAt"`
}

func (s outcome) status() string {
	if s.failure != "" {
		return statusFailed
	}
	return statusCompleted
}

// perform does a job. Tools go first and their results can be used in the prompt, as
// {{tools.weather}}; a tool that fails fails the job.
func (c *call) perform(j job) outcome {
	var done outcome
	results := map[string]any{}
	variables := maps.Clone(j.variables)
	if len(j.tools) > 0 {
		variables["tools"] = results
	}
	for _, t := range j.tools {
		result, failure := c.callTool(t, j.variables)
		done.addStep(c, runStep{StepType: "tool_call", ToolName: t.ToolKey, Input: j.variables, Output: result}, failure)
		if failure != "" {
			done.failure = fmt.Sprintf("Tool %s failed: %s", t.ToolKey, failure)
			return done
		}
		results[t.ToolKey] = result
	}
	done.prompt, done.missing = render(j.templates, variables)
	done.usage.InputTokens = tokens(done.prompt)
	done.failure = j.failure
	if len(done.prompt) > maxRendered {
		done.failure = "The prompt is too long"
	}
	if done.failure == "" {
		done.output = respond(done.prompt, j.schema, j.variables)
		done.text = textOf(done.output)
		done.usage.OutputTokens = tokens(done.text)
	}
	done.addStep(c, runStep{StepType: "final_response", Input: done.prompt, Output: done.output}, done.failure)
	done.usage.TotalTokens = done.usage.InputTokens + done.usage.OutputTokens
	done.usage.EstimatedCost = j.model.price(done.usage)
	done.latencyMs = latency(done.usage)
	return done
}

func (s *outcome) addStep(c *call, step runStep, failure string) {
	step.ID = c.srv.ids.next("stp_")
	step.PositionIndex = len(s.steps)
	step.CreatedAt = c.srv.now()
	step.Status = statusCompleted
	if failure != "" {
		step.Status, step.Error = statusFailed, &failure
	}
	s.steps = append(s.steps, step)
}

// maxRendered is about as much as a model takes in. A step that uses its own output twice, in a
// circle, would otherwise fill the memory.
const maxRendered = 4 << 20

// maxName is the longest name in a placeholder, in bytes. A path into nested objects is looked up
// member by member, which would take the square of the length of a path without an end.
const maxName = 256

var placeholder = regexp.MustCompile(`\{\{[^{}]+\}\}`)

// render puts variables into templates: {{name}}, or {{steps.draft}} for a member of an object. A
// name is any text without braces; spaces around it do not count.
// What has no value stays as it is and is named in missing.
func render(templates []string, variables map[string]any) (text string, missing []string) {
	size := 0
	named := map[string]bool{}
	text = placeholder.ReplaceAllStringFunc(strings.Join(templates, "\n\n"), func(match string) string {
		name := strings.TrimSpace(match[2 : len(match)-2])
		if name == "" {
			return match
		}
		if value, ok := valueOf(variables, name); ok {
			if size > maxRendered {
				return "" // it is too long already
			}
			value := textOf(value)
			size += len(value)
			return value
		}
		if !named[name] {
			named[name], missing = true, append(missing, name)
		}
		return match
	})
	return text, missing
}

// valueOf finds a variable by its name, or member by member.
func valueOf(variables map[string]any, name string) (any, bool) {
	if len(name) > maxName {
		return nil, false
	}
	if value, ok := variables[name]; ok {
		return value, true
	}
	first, rest, dotted := strings.Cut(name, ".")
	inner, isObject := variables[first].(map[string]any)
	if !dotted || !isObject {
		return nil, false
	}
	return valueOf(inner, rest)
}

// textOf writes a value into a prompt: a string as it is, anything else as JSON.
func textOf(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	encoded, err := encode(value)
	if err != nil {
		return ""
	}
	return string(encoded)
}

// respond is the model. The output for a prompt that is a JSON object is that object, one with a
// schema with an object of its properties: the variable of that name, else the prompt for texts and
// the zero value for the rest.
func respond(prompt string, schema json.RawMessage, variables map[string]any) any {
	if object, ok := decode([]byte(prompt)).(map[string]any); ok {
		return object
	}
	declared, _ := decode(schema).(map[string]any)
	properties, ok := declared["properties"].(map[string]any)
	if !ok {
		return prompt
	}
	output := map[string]any{}
	for name, property := range properties {
		output[name] = prompt
		details, _ := property.(map[string]any)
		zero := map[any]any{"number": 0, "integer": 0, "boolean": false, "array": []any{}, "object": map[string]any{}}
		if value, ok := zero[fmt.Sprint(details["type"])]; ok {
			output[name] = value
		}
		if value, ok := variables[name]; ok {
			output[name] = value
		}
	}
	return output
}

// missingRequired names the required members of a schema that an output lacks.
func missingRequired(schema json.RawMessage, output any) []string {
	missing := []string{}
	declared, _ := decode(schema).(map[string]any)
	required, _ := declared["required"].([]any)
	object, _ := output.(map[string]any)
	for _, name := range required {
		if _, ok := object[fmt.Sprint(name)]; !ok {
			missing = append(missing, fmt.Sprint(name))
		}
	}
	return missing
}

// tokens counts four characters as one token.
func tokens(text string) int { return (len([]rune(text)) + 3) / 4 }

func (m model) price(u usage) float64 {
	return dollars((float64(u.InputTokens)*m.inputPrice + float64(u.OutputTokens)*m.outputPrice) / 1e6)
}

// dollars rounds an amount, so that sums can be compared in tests.
func dollars(amount float64) float64 { return math.Round(amount*1e9) / 1e9 }

// latency is made up. It depends on nothing but the work, so that runs can be compared.
func latency(u usage) int { return 100 + 2*u.InputTokens + 10*u.OutputTokens }

// failing is how the executions that use a prompt, tool or skill fail.
type failing struct {
	ID      string `json:"id"`
	Message string `json:"message"`
	Status  int    `json:"status"`
}

// FailExecution makes every execution that uses the prompt, tool or skill fail with message, as if
// its provider had failed: the run is recorded as failed and the call fails with 500. With
// http.StatusOK as the status the call responds with 200 and a run whose status is "failed", as the
// API may do too; of an agent the run is "running" there, and failed when it is fetched. A run that
// HoldRuns holds shows its failure when it is fetched, whatever the status. An empty message lets
// executions succeed from then on. An id that the server does not know, or another status, is
// reported by Err.
func (s *Server) FailExecution(id, message string, status ...int) {
	f := failing{id, message, http.StatusInternalServerError}
	if len(status) > 0 {
		f.Status = status[0]
	}
	s.must("FailExecution", s.failExecution(f))
}

func (s *Server) failExecution(f failing) error {
	if f.Status != http.StatusOK && f.Status != http.StatusInternalServerError {
		return fmt.Errorf("status %d is neither 200 nor 500", f.Status)
	}
	s.state.Lock()
	defer s.state.Unlock()
	for _, org := range s.orgs {
		if org.prompts.byID[f.ID] != nil || org.tools.byID[f.ID] != nil || org.skills.byID[f.ID] != nil {
			s.failing[f.ID] = f
			return nil
		}
	}
	return fmt.Errorf("there is no prompt, tool or skill %q", f.ID)
}

// failureOf is the message that a test has set for the first of some ids.
func (c *call) failureOf(ids ...string) string {
	for _, id := range ids {
		if f := c.srv.failing[id]; f.Message != "" {
			c.failsInside = f.Status == http.StatusOK
			return f.Message
		}
	}
	return ""
}

// runFailed fails the call because its execution did, unless the response is to tell that itself.
func (c *call) runFailed(why, runID string) {
	if why != "" && !c.failsInside {
		c.fail(executionFailed(why, runID))
	}
}

// What HoldRuns takes: the calls that start runs which can be fetched. Reruns are agent runs.
var holdable = []string{"Agents.Run", "Prompts.Run", "Skills.Run"}

// HoldRuns makes each run that starts from now on stay "running" for its first polls fetches, as a
// run that takes its time would; with 0 it is completed at once, in the response that starts it.
// Unless calls are named ("Prompts.Run", "Skills.Run", "Agents.Run") it holds agent runs, reruns
// included. Until then agent runs are running in the response that starts them and completed at the
// first AgentRuns.Get; the others are completed at once. Only Runs.Get, SkillRuns.Get and
// AgentRuns.Get count as fetches. Starting a held run succeeds even when the run will turn out to
// have failed. Another name is reported by Err.
func (s *Server) HoldRuns(polls int, ops ...string) {
	s.must("HoldRuns", s.holdRuns(max(polls, 0), ops))
}

func (s *Server) holdRuns(polls int, ops []string) error {
	if len(ops) == 0 {
		ops = holdable[:1]
	}
	for _, op := range ops {
		if !slices.Contains(holdable, op) {
			return fmt.Errorf("op must be one of %s: not %q", strings.Join(holdable, ", "), op)
		}
	}
	s.state.Lock()
	defer s.state.Unlock()
	for _, op := range ops {
		s.held[op] = polls
	}
	return nil
}

// holdFor is how many fetches it takes until a new run is over.
func (s *Server) holdFor(op string) int {
	polls, set := s.held[op]
	switch {
	case set && polls > 0:
		return polls + 1
	case !set && op == "Agents.Run":
		return 1
	}
	return 0
}

// execution is the record of a run of any kind: as it looks while it is held, and when it is over.
type execution[R any] struct {
	running, over R
	held          int // how many fetches it takes until it is over
}

// shown is the run as it looks from outside.
func (e *execution[R]) shown() *R {
	if e.held > 0 {
		return &e.running
	}
	return &e.over
}

// fetch counts a fetch.
func (e *execution[R]) fetch() *R {
	e.held = max(e.held-1, 0)
	return e.shown()
}

// whyFailed is the diagnostic of a run, nil when it did not fail.
func whyFailed(why, runID, where string) *diagnostic {
	if why == "" {
		return nil
	}
	failed := executionFailed(why, runID).diagnostic(where)
	return &failed
}
