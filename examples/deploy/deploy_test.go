package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/examples/internal/exampletest"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const agentFileText = `name: %s
workflow:
  entryStepKey: greet
  steps:
    - {stepKey: greet, name: %s, stepType: prompt_step, promptId: "prompt:greet"}
    - {stepKey: done, stepType: return_step, positionIndex: 1}
  transitions:
    - {fromStepKey: greet, toStepKey: done, transitionType: next}
`

// folder writes definitions of two prompts and two agents, all of which differ by the release.
func folder(t *testing.T, release string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"prompts/greet.yaml":  "promptKey: greet\nname: Greet\ncontent: Greet {{name}}, " + release + "\n",
		"prompts/answer.yaml": "promptKey: answer\nname: Answer\ncontent: Answer {{name}}, " + release + "\n",
		"agents/one.yaml":     fmt.Sprintf(agentFileText, "One", release),
		"agents/two.yaml":     fmt.Sprintf(agentFileText, "Two", release),
	} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return dir
}

// running returns the release of what runs by default, by its name; "" for what is not published.
func running(t *testing.T, client *promptorchestra.Client) map[string]string {
	t.Helper()
	releases := map[string]string{}
	prompts, err := client.Prompts.List(t.Context())
	require.NoError(t, err)
	for _, p := range prompts {
		detail, err := client.Prompts.Get(t.Context(), p.ID)
		require.NoError(t, err)
		version, _ := detail.LiveVersion()
		_, release, _ := strings.Cut(version.Content, ", ")
		releases[fmt.Sprintf("prompt %q", p.PromptKey)] = release
	}
	agents, err := client.Agents.List(t.Context())
	require.NoError(t, err)
	for _, a := range agents {
		agent, err := client.Agents.Get(t.Context(), a.ID)
		require.NoError(t, err)
		name := fmt.Sprintf("agent %q", a.Name)
		releases[name] = ""
		if _, published := agent.LiveVersion(); published {
			releases[name] = agent.Steps[0].Name
		}
	}
	return releases
}

func newClient(srv *orchestratest.Server) *promptorchestra.Client {
	return srv.Client(promptorchestra.WithRetry(promptorchestra.RetryPolicy{MinWait: time.Millisecond, MaxWait: time.Millisecond}))
}

func TestDeploy(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	client := newClient(srv)
	first, second := folder(t, "v1"), folder(t, "v2")

	var out strings.Builder
	require.NoError(t, deploy(t.Context(), &out, client, first, false))
	assert.Equal(t, "prompt \"answer\": new\nprompt \"greet\": new\nagent \"One\": new\nagent \"Two\": new\nNothing was changed: -apply does it.\n", out.String())
	assert.Empty(t, running(t, client), "nothing is changed without -apply")

	require.NoError(t, deploy(t.Context(), &out, client, first, true))
	all := func(release string) map[string]string {
		return map[string]string{`prompt "answer"`: release, `prompt "greet"`: release, `agent "One"`: release, `agent "Two"`: release}
	}
	assert.Equal(t, all("v1"), running(t, client))

	out.Reset()
	before := len(srv.Requests("*"))
	require.NoError(t, deploy(t.Context(), &out, client, first, true))
	assert.Equal(t, "Nothing changes.\n", out.String())
	for _, r := range srv.Requests("*")[before:] {
		assert.Equal(t, "GET", r.Method, r.Op)
	}

	out.Reset()
	require.NoError(t, deploy(t.Context(), &out, client, second, true))
	assert.Contains(t, out.String(), `prompt "greet": content: "Greet {{name}}, v1" -> "Greet {{name}}, v2"`)
	assert.Contains(t, out.String(), `agent "One": step "greet": name: "v1" -> "v2"`)
	assert.Equal(t, all("v2"), running(t, client))
}

// Whatever fails at whichever step: all is as the files say, or what runs is as before, or the error
// names what is not.
func TestAFaultAtEachStep(t *testing.T) {
	first, second := folder(t, "v1"), folder(t, "v2")
	faults := map[string]orchestratest.Fault{
		"500": orchestratest.Status(500, `{"error":"failed"}`), "403": orchestratest.Status(403, `{"error":"no"}`),
		"page": orchestratest.HTML(502), "lost": orchestratest.DropAfter(), "dropped": orchestratest.DropBefore(), "cut": orchestratest.CutBody(5),
	}
	pass := orchestratest.Delay(0)
	for _, op := range []string{
		"Prompts.List", "Prompts.Get", "Prompts.CreateVersion", "Prompts.Publish",
		"Agents.List", "Agents.Get", "Agents.CreateVersion", "Agents.ValidateWorkflow", "Agents.SaveWorkflow", "Agents.Publish",
	} {
		for name, fault := range faults {
			for nth := range 2 {
				if nth > 0 && strings.HasSuffix(op, ".List") {
					continue // is called once
				}
				for _, alsoRestoring := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s/%s/%d/%v", op, name, nth, alsoRestoring), func(t *testing.T) {
						srv := orchestratest.NewServer()
						defer srv.Close()
						client := newClient(srv)
						var out strings.Builder
						require.NoError(t, deploy(t.Context(), &out, client, first, true))
						for range nth {
							srv.Fail(op, pass)
						}
						srv.Fail(op, fault)
						if alsoRestoring {
							srv.Fail("Agents.RollbackVersion", orchestratest.Status(500, `{"error":"failed"}`))
							if op != "Prompts.Publish" {
								srv.Fail("Prompts.Publish", pass, pass, orchestratest.Status(500, `{"error":"failed"}`))
							}
						}
						err := deploy(t.Context(), &out, client, second, true)
						now := running(t, newClient(srv))
						for what, release := range now {
							switch {
							case err == nil:
								assert.Equal(t, "v2", release, "%s\n%s", what, out.String())
							case release != "v1":
								assert.Contains(t, err.Error(), what+" does not run as before", out.String())
								assert.Contains(t, out.String(), what+": NOT as before")
							default:
								assert.NotContains(t, err.Error(), what+" does not run as before", out.String())
							}
						}
					})
				}
			}
		}
	}
}

// A lost response to Publish is looked up before anything is decided.
func TestAPublishWhoseResponseIsLost(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	client := newClient(srv)
	srv.Fail("Prompts.Publish", orchestratest.DropAfter())
	srv.Fail("Agents.Publish", orchestratest.DropAfter())
	require.NoError(t, deploy(t.Context(), &strings.Builder{}, client, folder(t, "v1"), true))
	assert.Len(t, srv.Requests("Prompts.Publish"), 2, "each once")
	assert.Len(t, srv.Requests("Agents.Publish"), 2)
}

// A first publication remains, and is listed with the drafts.
func TestAFirstDeploymentThatFails(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	srv.Fail("Agents.Publish", orchestratest.Status(500, `{"error":"failed"}`))
	var out strings.Builder
	err := deploy(t.Context(), &out, newClient(srv), folder(t, "v1"), true)
	assert.ErrorContains(t, err, `agent "One"`)
	for _, what := range []string{`remains: prompt "answer", which is new`, `remains: agent "One", which is new`, `of agent "One", a draft`} {
		assert.Contains(t, out.String(), what)
	}
}

// An interrupt does not keep anything from being restored.
func TestAnInterrupt(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	client := newClient(srv)
	require.NoError(t, deploy(t.Context(), &strings.Builder{}, client, folder(t, "v1"), true))
	ctx, interrupt := context.WithCancel(t.Context())
	interrupting := srv.Client(promptorchestra.WithObserver(func(ctx context.Context, call promptorchestra.CallInfo) (context.Context, func(promptorchestra.CallResult)) {
		if call.Op == "Agents.SaveWorkflow" {
			interrupt()
		}
		return ctx, nil
	}))
	err := deploy(ctx, &strings.Builder{}, interrupting, folder(t, "v2"), true)
	assert.ErrorIs(t, err, context.Canceled)
	for what, release := range running(t, client) {
		assert.Equal(t, "v1", release, what)
	}
}

func TestDefinitionsThatCannotBe(t *testing.T) {
	for name, row := range map[string]struct{ file, text, want string }{
		"a misspelt member":         {"prompts/greet.yaml", "promptKey: greet\ncontents: x\n", "contents"},
		"a prompt without a key":    {"prompts/greet.yaml", "name: x\n", "its key or name is missing"},
		"two of one key":            {"prompts/greet2.yaml", "promptKey: greet\ncontent: x\n", "greet"},
		"a graph with a mistake":    {"agents/one.yaml", "name: One\nworkflow: {entryStepKey: gone, steps: [{stepKey: a, stepType: return_step}], transitions: []}\n", "gone"},
		"a prompt that is not here": {"agents/one.yaml", fmt.Sprintf(strings.ReplaceAll(agentFileText, "prompt:greet", "prompt:gone"), "One", "x"), `the prompt "gone", which does not exist`},
	} {
		t.Run(name, func(t *testing.T) {
			srv := orchestratest.NewServer()
			defer srv.Close()
			dir := folder(t, "v1")
			require.NoError(t, os.WriteFile(filepath.Join(dir, row.file), []byte(row.text), 0o644))
			assert.ErrorContains(t, deploy(t.Context(), &strings.Builder{}, srv.Client(), dir, true), row.want)
			for _, r := range srv.Requests("*") {
				assert.Equal(t, "GET", r.Method, r.Op)
			}
		})
	}
	assert.ErrorContains(t, deploy(t.Context(), &strings.Builder{}, nil, t.TempDir(), false), "neither prompts")
}

// With -live it deploys to the API that the environment names.
func TestAgainstAnAPI(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	exampletest.Live(t, map[string]string{"BASE_URL": srv.URL, "ORGANIZATION_ID": srv.OrganizationID, "API_KEY": srv.APIKey})
	*dir, *apply = folder(t, "v1"), true
	t.Cleanup(func() { *dir, *apply = "definitions", false })
	require.NoError(t, run(t.Context(), &strings.Builder{}))
	assert.Equal(t, "v1", running(t, newClient(srv))[`agent "One"`])
}
