package promptorchestra_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// The examples run against a test server. In production the client comes from
// New or NewFromEnv, and the rest is the same.

// A prompt is authored, published and run.
func Example() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	client := srv.Client()
	ctx := context.Background()

	prompt, err := client.Prompts.Create(ctx, promptorchestra.PromptCreateParams{Name: "Greeting"})
	if err != nil {
		fmt.Println(err)
		return
	}
	version, err := client.Prompts.CreateVersion(ctx, prompt.ID, promptorchestra.PromptVersionCreateParams{
		Content: "Greet {{name}} in one sentence.",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	publish := promptorchestra.PromptPublishParams{VersionID: version.ID}
	_, err = client.Prompts.Publish(ctx, prompt.ID, publish)
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := client.Prompts.Run(ctx, prompt.ID, promptorchestra.PromptRunParams{
		Variables: map[string]any{"name": "Ada"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.OutputText)
	// Output: Greet Ada in one sentence.
}

func ExampleNew() {
	client, err := promptorchestra.New(
		promptorchestra.WithAPIKey("sk_example_0123456789"),
		promptorchestra.WithOrganization("org_1"),
		promptorchestra.WithUserAgent("billing/2.1"),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(client)
	// Output: promptorchestra.Client{https://api.promptorchestra.com org_1}
}

// All mistakes are reported at once.
func ExampleNew_mistakes() {
	_, err := promptorchestra.New(
		promptorchestra.WithBaseURL("http://api.example.com"),
		promptorchestra.WithAccessToken(""),
		promptorchestra.WithTimeout(-time.Second),
	)
	fmt.Println(err)
	// Output:
	// promptorchestra: WithAccessToken: the token is empty
	// promptorchestra: WithTimeout: must be positive
	// promptorchestra: WithBaseURL: is plain http to api.example.com, which would send the token unencrypted: use https, or allow it with WithInsecureHTTP
}

func ExampleNewFromEnv() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	for name, value := range map[string]string{ // usually set outside the program
		"PROMPT_ORCHESTRA_BASE_URL":        srv.URL,
		"PROMPT_ORCHESTRA_ORGANIZATION_ID": srv.OrganizationID,
		"PROMPT_ORCHESTRA_API_KEY":         srv.APIKey,
	} {
		_ = os.Setenv(name, value)
		defer os.Unsetenv(name) //nolint:errcheck,revive // there is nothing to be done about it; three names
	}

	client, err := promptorchestra.NewFromEnv()
	if err != nil {
		fmt.Println(err)
		return
	}
	setup, err := client.Setup.Verify(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(setup.OK, setup.AuthSource)
	// Output: true api_key
}

// One client serves many organizations, each with a key of its own.
func ExampleClient_InOrganization() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	acme, globex := srv.AddOrganization("Acme"), srv.AddOrganization("Globex")
	keys := map[string]string{acme.ID: acme.APIKey, globex.ID: globex.APIKey}

	client, err := promptorchestra.New(
		promptorchestra.WithBaseURL(srv.URL),
		promptorchestra.WithAPIKeySource(func(_ context.Context, organizationID string) (string, error) {
			return keys[organizationID], nil
		}),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	_, err = client.InOrganization(acme.ID).Prompts.Create(ctx, promptorchestra.PromptCreateParams{Name: "Greeting"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, organization := range []orchestratest.Organization{acme, globex} {
		prompts, err := client.InOrganization(organization.ID).Prompts.List(ctx)
		fmt.Println(len(prompts), err)
	}
	// Output:
	// 1 <nil>
	// 0 <nil>
}

// A list of any size, one element at a time.
func ExamplePromptsService_All() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	client := srv.Client()
	ctx := context.Background()
	for _, name := range []string{"Greeting", "Farewell"} {
		if _, err := client.Prompts.Create(ctx, promptorchestra.PromptCreateParams{Name: name}); err != nil {
			fmt.Println(err)
			return
		}
	}

	for prompt, err := range client.Prompts.All(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(prompt.Name)
	}
	// Output:
	// Greeting
	// Farewell
}

// Set replaces a value; what is not set is kept.
func ExampleSet() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	client := srv.Client()
	ctx := context.Background()
	agent, err := client.Agents.Create(ctx, promptorchestra.AgentCreateParams{Name: "Greeter", Description: "Says hello"})
	if err != nil {
		fmt.Println(err)
		return
	}

	changed, err := client.Agents.Update(ctx, agent.ID, promptorchestra.AgentUpdateParams{
		Name: promptorchestra.Set("Welcomer"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%q %q\n", changed.Name, changed.Description)
	// Output: "Welcomer" "Says hello"
}

// Null clears a value.
func ExampleNull() {
	params := promptorchestra.PromptUpdateParams{Description: promptorchestra.Null[string]()}
	body, err := json.Marshal(params)
	fmt.Println(string(body), err)
	// Output: {"description":null} <nil>
}

// A secret shows itself to nothing but Reveal.
func ExampleSecret() {
	key := promptorchestra.NewSecret("sk_example_0123456789")
	fmt.Println(key)
	fmt.Println(len(key.Reveal()), "characters")
	// Output:
	// [redacted]
	// 21 characters
}

// The output of a run is the caller's own data.
func ExampleRawJSON_Decode() {
	output := promptorchestra.RawJSON(`{"sentiment":"positive","score":0.9}`)
	var review struct {
		Sentiment string
		Score     float64
	}
	if err := output.Decode(&review); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(review.Sentiment, review.Score)
	// Output: positive 0.9
}

// The graph's mistakes are found without a round trip, and together.
func ExampleWorkflow_Validate() {
	workflow := promptorchestra.Workflow{
		EntryStepKey: "greet",
		Steps: []promptorchestra.WorkflowStep{
			{StepKey: "greet", StepType: promptorchestra.StepTypePrompt},
			{StepKey: "end", StepType: promptorchestra.StepTypeReturn},
		},
	}
	for _, mistake := range workflow.Validate() {
		fmt.Println(mistake.Path, mistake.Code)
	}
	// Output:
	// steps[0].promptId missing_prompt
	// steps[1].stepKey unreachable_step
}

// Each attempt is named by its operation, as a span or a metric would be.
func ExampleWithTransport() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	client := srv.Client(
		promptorchestra.WithTransport(tracer{http.DefaultTransport}),
		promptorchestra.WithRetry(promptorchestra.RetryPolicy{MinWait: time.Millisecond, MaxWait: time.Millisecond}),
	)

	srv.Fail("Agents.List", orchestratest.Status(http.StatusServiceUnavailable, ""))
	agents, err := client.Agents.List(context.Background())
	fmt.Println(len(agents), err)
	// Output:
	// Agents.List /api/agents attempt 1: 503
	// Agents.List /api/agents attempt 2: 200
	// 0 <nil>
}

type tracer struct{ next http.RoundTripper }

func (t tracer) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(req)
	if call, ok := promptorchestra.Operation(req.Context()); ok && err == nil {
		fmt.Printf("%s %s attempt %d: %d\n", call.Op, call.Path, call.Attempts, resp.StatusCode)
	}
	return resp, err
}

// Names and numbers are logged, never a body, a query or a token.
func ExampleWithLogger() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	changing := map[string]bool{slog.TimeKey: true, "duration": true, "request_id": true}
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if changing[a.Key] {
				return slog.Attr{} // so that this example has one output
			}
			return a
		},
	}))

	client := srv.Client(promptorchestra.WithLogger(logger))
	_, _ = client.Agents.Get(context.Background(), "agent_unknown")
	// Output:
	// level=DEBUG msg="promptorchestra: attempt" op=Agents.Get method=GET path=/api/agents/{agentId} status=404 kind=not_found attempt=1
	// level=WARN msg="promptorchestra: call failed" op=Agents.Get method=GET path=/api/agents/{agentId} status=404 kind=not_found attempts=1
}
