package orchestratest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// PublishPrompt makes a prompt with a published version in the server's own organization, and
// returns its id. No request is sent.
func (s *Server) PublishPrompt(content string) (promptID string) {
	return s.authorOr("PublishPrompt", publishedPrompt("", content))
}

// PublishSkill makes a skill with a published version in the server's own organization, and returns
// its id. The version has one prompt, which is made and published as well. No request is sent.
func (s *Server) PublishSkill(promptContent string) (skillID string) {
	return s.authorOr("PublishSkill", publishedSkill("", promptContent))
}

// PublishAgent makes an agent with a published version in the server's own organization, and
// returns its id. No request is sent. A workflow that cannot be published, for instance with a
// prompt that does not exist, is reported by Err, and the id is "".
func (s *Server) PublishAgent(workflow promptorchestra.Workflow) (agentID string) {
	return s.authorOr("PublishAgent", publishedAgent("", workflow))
}

// publishedPrompt makes a published prompt and returns its id.
func publishedPrompt(name, content string) func(*author) string {
	return func(a *author) string {
		prompt := a.do("Prompts.Create", "", map[string]any{"name": cmp.Or(name, "Prompt")})
		version := a.do("Prompts.CreateVersion", prompt, map[string]any{"content": content})
		a.do("Prompts.Publish", prompt, map[string]any{"versionId": version})
		return prompt
	}
}

func publishedSkill(name, promptContent string) func(*author) string {
	name = cmp.Or(name, "Skill")
	return func(a *author) string {
		attached := map[string]any{"promptId": publishedPrompt("", promptContent)(a)}
		skill := a.do("Skills.Create", "", map[string]any{"name": name, "skillKey": a.org.free("skillKey", name)})
		version := a.do("Skills.CreateVersion", skill, nil)
		a.do("Skills.ReplacePrompts", version, map[string]any{"prompts": []any{attached}})
		a.do("Skills.Publish", skill, map[string]any{"versionId": version})
		return skill
	}
}

func publishedAgent(name string, workflow any) func(*author) string {
	return func(a *author) string {
		agent := a.do("Agents.Create", "", map[string]any{"name": cmp.Or(name, "Agent")})
		version := a.do("Agents.CreateVersion", agent, nil)
		a.do("Agents.SaveWorkflow", version, workflow)
		a.do("Agents.Publish", agent, map[string]any{"versionId": version})
		return agent
	}
}

// author makes records as requests do, without requests.
type author struct {
	srv    *Server
	org    *organization
	failed error // the first failure; nothing is done after it
}

// authorOr lets a method of the server make records in its own organization.
func (s *Server) authorOr(method string, work func(*author) (id string)) (id string) {
	id, err := s.author(s.OrganizationID, work)
	s.must(method, err)
	return id
}

func (s *Server) author(organizationID string, work func(*author) (id string)) (id string, err error) {
	s.state.Lock()
	defer s.state.Unlock()
	org, err := s.organization(organizationID)
	if err != nil {
		return "", err
	}
	a := &author{srv: s, org: org}
	if id = work(a); a.failed != nil {
		return "", a.failed
	}
	return id, nil
}

// do runs a route and returns the id of what it made. The path has one id at most.
func (a *author) do(op, id string, body any) (made string) {
	if a.failed != nil {
		return ""
	}
	c := &call{srv: a.srv, org: a.org, params: map[string]string{}, query: url.Values{}}
	c.route = &routes[slices.IndexFunc(routes, func(r route) bool { return r.name == op })]
	for segment := range strings.SplitSeq(c.route.path, "/") { // what is no parameter is not asked for
		c.params[strings.Trim(segment, "{}")] = id
	}
	encoded, err := encode(body)
	if err == nil {
		c.input = newInput(nil)
		err = json.Unmarshal(encoded, &c.input.members)
	}
	if c.fail(err); !c.ok() {
		a.failed = c.failed
		return ""
	}
	result := c.route.handle(c)
	if !c.ok() {
		a.failed = describe(c.failed)
		return ""
	}
	var record struct{ ID string }
	if encoded, err = encode(result); err == nil {
		err = json.Unmarshal(encoded, &record)
	}
	a.failed = err
	return record.ID
}

// describe adds the first detail of a failure to its text.
func describe(err error) error {
	if f, ok := err.(*failure); ok && len(f.says.Details) > 0 { //nolint:errorlint // as the handlers return it
		return fmt.Errorf("%w: %s", err, f.says.Details[0].Message)
	}
	return err
}
