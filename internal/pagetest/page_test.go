package pagetest

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// browser is the path of a Chromium, "" if none is installed.
func browser() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// shown is an emulator with its page open in a browser.
type shown struct {
	t      *testing.T
	srv    *orchestratest.Server
	client *promptorchestra.Client
	page   context.Context //nolint:containedctx // chromedp keeps the browser in it
}

func open(t *testing.T) *shown {
	t.Helper()
	path := browser()
	if path == "" {
		t.Skip("SKIPPED: no Chromium is installed: the emulator's page is not tested")
	}
	srv := orchestratest.NewServer(orchestratest.WithControl())
	t.Cleanup(srv.Close)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.DisableGPU, chromedp.WindowSize(1160, 1010))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium's sandbox does not run as root
	}
	ctx, end := context.WithTimeout(t.Context(), 3*time.Minute) // a busy machine is slow to start it
	t.Cleanup(end)
	ctx, closeBrowser := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(closeBrowser)
	page, closePage := chromedp.NewContext(ctx)
	t.Cleanup(closePage)
	s := &shown{t, srv, srv.Client(promptorchestra.WithRetry(promptorchestra.RetryPolicy{MaxRetries: -1})), page}
	s.do(chromedp.Navigate(srv.URL), until(`document.querySelector('#state').textContent === 'live'`))
	return s
}

func (s *shown) do(actions ...chromedp.Action[chromedp.Void]) {
	s.t.Helper()
	require.NoError(s.t, chromedp.Do(s.page, actions...))
}

// until waits for an expression to become true. The page's own policy forbids chromedp.Poll, which
// makes code of a text in the page.
func until(expression string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](
		`new Promise(done => { const look = () => (`+expression+`) ? done() : requestAnimationFrame(look); look() })`, chromedp.EvalAwaitPromise)
}

func script(expression string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](expression + `; undefined`)
}

func value[T any](s *shown, expression string) T {
	s.t.Helper()
	found, err := chromedp.Run(s.page, chromedp.Evaluate[T](expression))
	require.NoError(s.t, err)
	return found
}

// text is the text of the elements that a selector finds.
func (s *shown) text(selector string) string {
	s.t.Helper()
	return value[string](s, `[...document.querySelectorAll('`+selector+`')].map(e => e.textContent).join('\n')`)
}

func (s *shown) run(promptID string) error {
	_, err := s.client.Prompts.Run(s.t.Context(), promptID, promptorchestra.PromptRunParams{Variables: map[string]any{"name": "Ada"}})
	return err
}

func TestRequestAppearsWithoutReload(t *testing.T) {
	s := open(t)
	s.do(script(`window.loadedOnce = true`))
	assert.Empty(t, s.text("#requests"))
	require.NoError(t, s.run(s.srv.PublishPrompt("Hello {{name}}")))
	s.do(until(`document.querySelector('#requests .pill')?.textContent === '200' && document.querySelector('#runs .pill')`),
		script(`document.querySelectorAll('details').forEach(d => { d.open = true })`))
	request := s.text("#requests > li")
	assert.Contains(t, request, "Prompts.Run")
	assert.Regexp(t, `\d ms`, request)
	assert.Contains(t, request, `"outputText": "Hello Ada"`)
	run := s.text("#runs > li")
	assert.Contains(t, run, "completed")
	assert.Contains(t, s.text("#runs .steps li"), "Hello Ada")
	assert.True(t, value[bool](s, `window.loadedOnce === true`), "the page was not loaded again")
}

func TestFaultQueuedByAClick(t *testing.T) {
	s := open(t)
	promptID := s.srv.PublishPrompt("Hello")
	s.do(chromedp.SetValue(chromedp.CSS("#fault-op"), "Prompts.Run"), chromedp.SetValue(chromedp.CSS("#fault-name"), "status"),
		script(`document.querySelector('#fault-name').dispatchEvent(new Event('change'))`),
		chromedp.SetValue(chromedp.CSS("#fault-value"), "503"), chromedp.Click(chromedp.CSS("#queue")), until(`document.querySelector('#queued li')`))
	assert.Equal(t, "Prompts.Runstatus 503", s.text("#queued li"))
	assert.Equal(t, map[string]int{"Prompts.Run": 1}, s.srv.PendingFaults())

	var failed *promptorchestra.APIError
	require.ErrorAs(t, s.run(promptID), &failed)
	assert.Equal(t, 503, failed.StatusCode)
	require.NoError(t, s.run(promptID), "one fault is met by one request")
	s.do(until(`!document.querySelector('#queued li') && document.querySelectorAll('#requests > li').length === 2`))
	assert.Equal(t, "200\n503", s.text("#requests .pill"), "the newest is the first")
}

func TestConnectionThatIsClosedIsShown(t *testing.T) {
	s := open(t)
	s.srv.Fail("Prompts.Run", orchestratest.DropAfter())
	require.Error(t, s.run(s.srv.PublishPrompt("Hello")))
	s.do(until(`document.querySelector('#requests .pill')?.textContent === 'no response'`))
}

func TestHTMLStaysText(t *testing.T) {
	s := open(t)
	const html = `<img src=x onerror="window.ran=1"><script>window.ran=1</script><b id=bold>{{name}}</b>`
	s.srv.AddOrganization(html)
	require.NoError(t, s.run(s.srv.PublishPrompt(html)))
	_, err := s.client.Prompts.Create(t.Context(), promptorchestra.PromptCreateParams{Name: html})
	require.NoError(t, err)
	_, err = s.client.Prompts.Get(t.Context(), html)
	require.Error(t, err)
	s.do(until(`document.querySelectorAll('#requests > li').length === 3 && document.querySelector('#runs .steps li')`))
	assert.Contains(t, s.text("#runs .steps pre"), `onerror="window.ran=1"`)
	assert.Contains(t, s.text("#requests pre"), `<script>`)
	assert.Contains(t, s.text("#organizations"), html)
	assert.Equal(t, 0, value[int](s, `document.querySelectorAll('img, b, main script').length`))
	assert.False(t, value[bool](s, `window.ran === 1`))
}

func TestPlanAndReset(t *testing.T) {
	s := open(t)
	promptID := s.srv.PublishPrompt("Hello")
	s.do(chromedp.SetValue(chromedp.CSS("#seats"), "3"), chromedp.Click(chromedp.CSS("#restrict")), until(`document.querySelector('#plan-now').textContent.startsWith('3 seats')`))
	assert.True(t, promptorchestra.IsEntitlement(s.run(promptID)))
	s.do(chromedp.Click(chromedp.CSS("#lift")), until(`document.querySelector('#plan-now').textContent.startsWith('5 seats')`))
	require.NoError(t, s.run(promptID))
	s.do(until(`document.querySelector('#runs > li')`), chromedp.Click(chromedp.CSS("#reset")), until(`!document.querySelector('#requests > li') && !document.querySelector('#runs > li')`))
	assert.True(t, promptorchestra.IsNotFound(s.run(promptID)), "the prompt is gone")
}

// All of it can be reached by Tab, rows open by the keyboard, and polling takes no focus away.
func TestKeyboard(t *testing.T) {
	s := open(t)
	promptID := s.srv.PublishPrompt("Hello")
	require.NoError(t, s.run(promptID))
	s.do(until(`document.querySelector('#requests summary')`), chromedp.Focus(chromedp.CSS("#requests summary")), chromedp.KeyEvent(kb.Enter))
	require.NoError(t, s.run(promptID))
	s.do(until(`document.querySelectorAll('#requests > li').length === 2`))
	assert.True(t, value[bool](s, `(d => d.open && d.contains(document.activeElement))(document.querySelectorAll('#requests details')[1])`), "the row is open and has the focus")
	s.do(chromedp.Focus(chromedp.CSS("#fault-name")), chromedp.KeyEvent(kb.Tab))
	assert.Equal(t, "queue", value[string](s, `document.activeElement.id`), "dropAfter asks for nothing")
	s.do(chromedp.KeyEvent(kb.Enter), until(`document.querySelector('#queued li')`))
	assert.Equal(t, map[string]int{"*": 1}, s.srv.PendingFaults())
}

// TestScreenshots writes pictures of the page, of which docs/emulator.png is one, if
// PAGE_SCREENSHOTS names a folder.
func TestScreenshots(t *testing.T) {
	folder := os.Getenv("PAGE_SCREENSHOTS")
	if folder == "" {
		t.Skip("PAGE_SCREENSHOTS names no folder")
	}
	s := open(t)
	example(t, s)
	for _, scheme := range []string{"light", "dark"} {
		feature := emulation.MediaFeature{Name: "prefers-color-scheme", Value: scheme}
		s.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
			_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{&feature}})
			return err
		}))
		picture, err := chromedp.Run(s.page, chromedp.CaptureScreenshot())
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(folder+"/emulator-"+scheme+".png", picture, 0o600))
	}
}

// example makes something of each kind to see.
func example(t *testing.T, s *shown) {
	t.Helper()
	ctx, srv, c := t.Context(), s.srv, s.client
	srv.AddOrganization("Beta")
	promptID := srv.PublishPrompt("Write a short greeting for {{name}}, who ordered {{order}}.")
	skillID := srv.PublishSkill("Summarise {{text}} in one line.")
	agentID := srv.PublishAgent(promptorchestra.Workflow{
		EntryStepKey: "draft",
		Steps: []promptorchestra.WorkflowStep{
			{StepKey: "draft", Name: "Draft", StepType: promptorchestra.StepTypePrompt, PromptID: promptID},
			{StepKey: "done", Name: "Done", StepType: promptorchestra.StepTypeReturn, PositionIndex: 1},
		},
		Transitions: []promptorchestra.WorkflowTransition{{FromStepKey: "draft", ToStepKey: "done", TransitionType: promptorchestra.TransitionTypeNext}},
	})
	ada, letter := map[string]any{"name": "Ada", "order": "two lamps"}, map[string]any{"text": "a long letter"}
	_, _ = c.Prompts.List(ctx)
	_, _ = c.Skills.Run(ctx, skillID, promptorchestra.SkillRunParams{Variables: letter})
	srv.Fail("Agents.Run", orchestratest.RateLimited(time.Second))
	_, _ = c.Agents.Run(ctx, agentID, promptorchestra.AgentRunParams{Variables: ada})
	started, err := c.Agents.Run(ctx, agentID, promptorchestra.AgentRunParams{Variables: ada})
	require.NoError(t, err)
	_, _ = c.AgentRuns.Get(ctx, started.RunID)
	srv.FailExecution(skillID, "The provider is overloaded")
	_, _ = c.Skills.Run(ctx, skillID, promptorchestra.SkillRunParams{Variables: letter})
	srv.Fail("Prompts.Run", orchestratest.DropAfter(), orchestratest.Status(503, "down"), orchestratest.Delay(2*time.Second))
	_, _ = c.Prompts.Run(ctx, promptID, promptorchestra.PromptRunParams{Variables: ada})
	srv.FailExecution(skillID, "")
	_, _ = c.Skills.Preview(ctx, skillID, promptorchestra.SkillPreviewParams{Variables: letter})
	s.do(until(`document.querySelectorAll('#requests > li').length === 8 && document.querySelectorAll('#queued li').length === 2`),
		script(`document.querySelectorAll("#requests details")[1].open = true`), until(`document.getAnimations().length === 0`))
}
