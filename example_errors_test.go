package promptorchestra_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// newAgent creates an agent that answers with a greeting, and returns its id and
// its draft version's.
func newAgent(ctx context.Context, client *promptorchestra.Client) (agentID, versionID string, err error) {
	prompt, err := client.Prompts.Create(ctx, promptorchestra.PromptCreateParams{Name: "Greeting"})
	if err != nil {
		return "", "", err
	}
	wording, err := client.Prompts.CreateVersion(ctx, prompt.ID, promptorchestra.PromptVersionCreateParams{Content: "Hello {{name}}"})
	if err != nil {
		return "", "", err
	}
	agent, err := client.Agents.Create(ctx, promptorchestra.AgentCreateParams{Name: "Greeter"})
	if err != nil {
		return "", "", err
	}
	version, err := client.Agents.CreateVersion(ctx, agent.ID)
	if err != nil {
		return "", "", err
	}
	_, err = client.Agents.SaveWorkflow(ctx, version.ID, promptorchestra.Workflow{
		EntryStepKey: "greet",
		Steps: []promptorchestra.WorkflowStep{
			{StepKey: "greet", StepType: promptorchestra.StepTypePrompt, PromptID: prompt.ID, PromptVersionID: wording.ID},
		},
	})
	return agent.ID, version.ID, err
}

// An agent is published, run and waited for. How newAgent authors it is shown
// with package orchestratest.
func ExampleAgentsService_Run() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	client := srv.Client()
	ctx := context.Background()
	agentID, versionID, err := newAgent(ctx, client)
	if err != nil {
		fmt.Println(err)
		return
	}

	_, err = client.Agents.Publish(ctx, agentID, promptorchestra.AgentPublishParams{VersionID: versionID})
	if err != nil {
		fmt.Println(err)
		return
	}
	started, err := client.Agents.Run(ctx, agentID, promptorchestra.AgentRunParams{Variables: map[string]any{"name": "Ada"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	run, err := client.AgentRuns.Wait(ctx, started.RunID)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Run.Output)
	// Output: "Hello Ada"
}

// Wait polls until the run is over, or the context is.
func ExampleAgentRunsService_Wait() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	client := srv.Client()
	ctx := context.Background()
	agentID, versionID, err := newAgent(ctx, client)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := client.Agents.Publish(ctx, agentID, promptorchestra.AgentPublishParams{VersionID: versionID}); err != nil {
		fmt.Println(err)
		return
	}
	srv.HoldRuns(1000) // a run that takes its time

	started, err := client.Agents.Run(ctx, agentID, promptorchestra.AgentRunParams{})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	_, err = client.AgentRuns.Wait(ctx, started.RunID)
	fmt.Println(started.Status, errors.Is(err, context.DeadlineExceeded))
	// Output: running true
}

// What the server said of a failure: its kind, and each detail.
func ExampleAPIError() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	client := srv.Client()
	ctx := context.Background()
	agent, err := client.Agents.Create(ctx, promptorchestra.AgentCreateParams{Name: "Greeter"})
	if err != nil {
		fmt.Println(err)
		return
	}
	version, err := client.Agents.CreateVersion(ctx, agent.ID)
	if err != nil {
		fmt.Println(err)
		return
	}

	_, err = client.Agents.Publish(ctx, agent.ID, promptorchestra.AgentPublishParams{VersionID: version.ID})
	var failure *promptorchestra.APIError
	if errors.As(err, &failure) && failure.Kind == promptorchestra.KindInvalidGraph {
		fmt.Println(failure.Op, failure.StatusCode, failure.Code)
		for _, mistake := range failure.Details {
			fmt.Println(mistake.Code, "-", mistake.Message)
		}
	}
	// Output:
	// Agents.Publish 422 AGENT_GRAPH_INVALID
	// missing_entry_step - Entry step is required
}

// A 402 is a plan that lacks something: after the upgrade the same call succeeds.
func ExampleIsEntitlement() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	client := srv.Client()
	ctx := context.Background()

	srv.Restrict(orchestratest.Seats(3))
	_, err := client.Prompts.List(ctx)
	if promptorchestra.IsEntitlement(err) {
		fmt.Println("upgrade needed")
		srv.Lift() // here: send the customer to the upgrade page
		_, err = client.Prompts.List(ctx)
	}
	fmt.Println(err)
	// Output:
	// upgrade needed
	// <nil>
}

// The connection drops after the prompt was created. The call is not sent again;
// what it left behind can be found.
func ExampleOutcomeUnknown() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	client := srv.Client()
	ctx := context.Background()

	srv.Fail("Prompts.Create", orchestratest.DropAfter())
	_, err := client.Prompts.Create(ctx, promptorchestra.PromptCreateParams{Name: "Greeting", PromptKey: "greeting"})
	if promptorchestra.OutcomeUnknown(err) {
		for prompt, err := range client.Prompts.All(ctx) {
			if err == nil && prompt.PromptKey == "greeting" {
				fmt.Println("it was created:", prompt.Name)
			}
		}
	}
	// Output: it was created: Greeting
}

// The client has tried again by itself. What is left is for later, or for nobody.
func ExampleIsRetryable() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	client := srv.Client()
	ctx := context.Background()

	srv.Fail("Agents.List", orchestratest.Status(http.StatusServiceUnavailable, ""))
	_, err := client.Agents.List(ctx, promptorchestra.WithoutRetry())
	fmt.Println(promptorchestra.IsRetryable(err))

	_, err = client.Agents.Get(ctx, "agent_unknown")
	fmt.Println(promptorchestra.IsRetryable(err))
	// Output:
	// true
	// false
}

// The server asks for more patience than the client has: the failure comes at
// once, and says how long.
func ExampleRetryAfter() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	client := srv.Client()

	srv.Fail("Agents.List", orchestratest.RateLimited(5*time.Minute))
	_, err := client.Agents.List(context.Background())
	if wait, asked := promptorchestra.RetryAfter(err); asked {
		fmt.Println("again after", wait)
	}
	// Output: again after 5m0s
}

// Without an organization a call fails before it is sent.
func ExampleClient_InOrganization_missing() {
	client, err := promptorchestra.New(promptorchestra.WithAPIKey("sk_example_0123456789"))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.Runs.List(context.Background())
	fmt.Println(errors.Is(err, promptorchestra.ErrMissingOrganization))
	// Output: true
}

// A call that the SDK rejects before sending names the argument.
func ExampleArgumentError() {
	srv := orchestratest.NewServer()
	defer srv.Close()

	_, err := srv.Client().Agents.Get(context.Background(), "")
	var refused *promptorchestra.ArgumentError
	if errors.As(err, &refused) {
		fmt.Println(refused.Argument, refused.Reason)
	}
	// Output: agentId must not be empty
}

// A proxy answered 200 with a page of its own.
func ExampleDecodeError() {
	srv := orchestratest.NewServer()
	defer srv.Close()

	srv.Fail("Setup.Verify", orchestratest.HTML(http.StatusOK))
	_, err := srv.Client().Setup.Verify(context.Background())
	var odd *promptorchestra.DecodeError
	if errors.As(err, &odd) {
		fmt.Println(odd.StatusCode, odd.Err)
	}
	// Output: 200 the response is an HTML page, not JSON: it came from a proxy, or the base URL is wrong
}

// Two failures, and then an answer.
func ExampleWithRetry() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	client := srv.Client(promptorchestra.WithRetry(promptorchestra.RetryPolicy{
		MaxRetries: 2, MinWait: time.Millisecond, MaxWait: 5 * time.Millisecond,
	}))

	bad := orchestratest.Status(http.StatusBadGateway, "")
	srv.Fail("Models.List", bad, bad)
	_, err := client.Models.List(context.Background(), promptorchestra.ModelListParams{})
	fmt.Println(len(srv.Requests("Models.List")), err)
	// Output: 3 <nil>
}

// The timeout is for each attempt; this call has but one.
func ExampleWithTimeout() {
	srv := orchestratest.NewServer()
	defer srv.Close()

	srv.Fail("Runs.List", orchestratest.Delay(time.Minute))
	_, err := srv.Client().Runs.List(context.Background(),
		promptorchestra.WithTimeout(20*time.Millisecond), promptorchestra.WithoutRetry())
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output: true
}

// Undocumented members, from the same response.
func ExampleWithInto() {
	srv := orchestratest.NewServer()
	defer srv.Close()

	srv.Fail("Agents.Get", orchestratest.Status(http.StatusOK, `{"id":"agent_1","name":"Greeter","owner":{"team":"growth"}}`))
	var more struct {
		Owner struct{ Team string }
	}
	agent, err := srv.Client().Agents.Get(context.Background(), "agent_1", promptorchestra.WithInto(&more))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(agent.Name, more.Owner.Team)
	// Output: Greeter growth
}

// A member that the params lack.
func ExampleWithExtraBody() {
	srv := orchestratest.NewServer()
	defer srv.Close()

	_, err := srv.Client().Agents.Create(context.Background(), promptorchestra.AgentCreateParams{Name: "Greeter"},
		promptorchestra.WithExtraBody(map[string]any{"owner": "growth"}))
	if err != nil {
		fmt.Println(err)
		return
	}
	var sent struct{ Name, Owner string }
	err = json.Unmarshal(srv.Requests("Agents.Create")[0].Body, &sent)
	fmt.Println(sent.Name, sent.Owner, err)
	// Output: Greeter growth <nil>
}

// An endpoint without a method is called by its path. (This one has a method.)
func ExampleClient_Do() {
	srv := orchestratest.NewServer()
	defer srv.Close()

	var verdict struct{ OK bool }
	err := srv.Client().Do(context.Background(), promptorchestra.Request{
		Method: http.MethodPost,
		Path:   "/api/setup/verify",
	}, &verdict)
	fmt.Println(verdict.OK, err)
	// Output: true <nil>
}

// The answer itself: status, headers, and the body as it was sent.
func ExampleWithResponse() {
	srv := orchestratest.NewServer()
	defer srv.Close()

	var response promptorchestra.Response
	prompts, err := srv.Client().Prompts.List(context.Background(), promptorchestra.WithResponse(&response))
	fmt.Println(len(prompts), err)
	fmt.Println(response.StatusCode, response.Attempts, string(response.Body))
	// Output:
	// 0 <nil>
	// 200 1 []
}

// A test's fake fails as the server would.
func Example_testing() {
	publish := func() error { // what the code under test calls
		conflict := &promptorchestra.APIError{StatusCode: 409, Kind: promptorchestra.KindConflict}
		return fmt.Errorf("publishing: %w", conflict)
	}
	fmt.Println(promptorchestra.IsConflict(publish()))
	// Output: true
}
