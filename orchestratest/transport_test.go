package orchestratest_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	sdk "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// A retry that waits for a minute takes no time in a bubble.
func TestRetryOfAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := orchestratest.NewUnlistened()
		defer srv.Close()
		skillID := srv.PublishSkill("About {{question}}")
		srv.Fail("Skills.Run", orchestratest.RateLimited(time.Minute))

		began := time.Now()
		result, err := srv.KeyClient().Skills.Run(t.Context(), skillID, sdk.SkillRunParams{Variables: map[string]any{"question": "parcels"}})
		require.NoError(t, err)
		assert.Equal(t, "About parcels", result.OutputText)
		assert.GreaterOrEqual(t, time.Since(began), time.Minute)
		assert.Len(t, srv.Requests("Skills.Run"), 2)
	})
}

// Polls wait in the bubble's time too.
func TestWaitInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := orchestratest.NewUnlistened()
		defer srv.Close()
		client := srv.Client()
		agentID := srv.PublishAgent(returning)
		srv.HoldRuns(5)
		began := time.Now()
		started, err := client.Agents.Run(t.Context(), agentID, sdk.AgentRunParams{})
		require.NoError(t, err)
		ended, err := client.AgentRuns.Wait(t.Context(), started.RunID)
		require.NoError(t, err)
		assert.Equal(t, sdk.RunStatus("completed"), ended.Run.Status)
		assert.Len(t, srv.Requests("AgentRuns.Get"), 6)
		assert.Greater(t, time.Since(began), time.Second)
	})
}

var returning = sdk.Workflow{EntryStepKey: "end", Steps: []sdk.WorkflowStep{{StepKey: "end", StepType: sdk.StepTypeReturn}}}

// What net/http's own client sees is the same over a socket and without.
func TestTransportActsLikeASocket(t *testing.T) {
	get := func(t *testing.T, srv *orchestratest.Server, transport http.RoundTripper) (status int, header http.Header, body string, err error) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/api/prompts?organizationId="+srv.OrganizationID, nil)
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+srv.APIKey)
		response, err := transport.RoundTrip(request)
		if err != nil {
			return 0, nil, "", err
		}
		defer func() { _ = response.Body.Close() }()
		assert.Equal(t, request, response.Request)
		content, err := io.ReadAll(response.Body)
		return response.StatusCode, response.Header, string(content), err
	}
	for name, fault := range map[string]orchestratest.Fault{
		"none":             {},
		"a status":         orchestratest.Status(503, `{"error":"down"}`),
		"nothing":          orchestratest.Status(500, ""),
		"no content":       orchestratest.Status(204, "ignored"),
		"not modified":     orchestratest.Status(304, ""),
		"a page":           orchestratest.HTML(502),
		"a header":         orchestratest.Status(302, "").WithHeader("Location", "/other"),
		"drop before":      orchestratest.DropBefore(),
		"drop after":       orchestratest.DropAfter(),
		"cut at the start": orchestratest.CutBody(0),
		"cut":              orchestratest.CutBody(5),
		"cut at the end":   orchestratest.CutBody(1 << 20),
		"slow":             orchestratest.SlowBody(10 * time.Millisecond),
		"delayed":          orchestratest.Delay(time.Millisecond),
		"delayed and cut":  orchestratest.CutBody(3).WithDelay(time.Millisecond),
		"rate limited":     orchestratest.RateLimited(time.Second),
		"no seats":         orchestratest.NoSeats(),
		"no feature":       orchestratest.NoFeature("voice"),
	} {
		t.Run(name, func(t *testing.T) {
			at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			clock := orchestratest.WithClock(func() time.Time { return at })
			socket, without := orchestratest.NewServer(clock), orchestratest.NewUnlistened(clock)
			defer socket.Close()
			defer without.Close()
			for _, srv := range []*orchestratest.Server{socket, without} {
				srv.PublishPrompt("Hello")
				srv.Fail("Prompts.List", fault)
			}
			wantStatus, wantHeader, wantBody, wantErr := get(t, socket, &http.Transport{DisableKeepAlives: true, DisableCompression: true})
			status, header, body, err := get(t, without, without.Transport())
			wantHeader.Del("Connection") // is the socket's
			assert.Equal(t, wantStatus, status)
			assert.Equal(t, wantHeader, header)
			assert.Equal(t, wantBody, body)
			assert.Equal(t, wantErr == nil, err == nil, "%v, %v", wantErr, err)
		})
	}
}

func TestTransportLeadsToItsServerAlone(t *testing.T) {
	first, second := orchestratest.NewUnlistened(), orchestratest.NewUnlistened()
	defer second.Close()
	assert.NotEqual(t, first.URL, second.URL)
	ask := func(ctx context.Context, url string) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("{}"))
		require.NoError(t, err)
		response, err := first.Transport().RoundTrip(request)
		if err == nil {
			_ = response.Body.Close()
		}
		return err
	}
	require.NoError(t, ask(t.Context(), first.URL+"/api/agents"))
	require.ErrorContains(t, ask(t.Context(), second.URL+"/api/agents"), "this transport leads to "+first.URL+" alone")
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, ask(canceled, first.URL+"/api/agents"), context.Canceled)
	first.Close()
	require.ErrorContains(t, ask(t.Context(), first.URL+"/api/agents"), "the server is closed")
	assert.Len(t, first.Requests("*"), 1, "the others never arrived")
	require.NoError(t, first.Err())
}

// Closing a server ends what waits in it, and a caller that gives up is told so.
func TestTransportEndsWithItsServerOrItsCaller(t *testing.T) {
	for name, fault := range map[string]orchestratest.Fault{"a delay": orchestratest.Delay(time.Hour), "a slow body": orchestratest.SlowBody(time.Hour)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := orchestratest.NewUnlistened()
				client := srv.Client(sdk.WithTimeout(24*time.Hour), sdk.WithRetry(sdk.RetryPolicy{MaxRetries: -1}))
				srv.Fail("*", fault, fault)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				_, err := client.Agents.List(ctx)
				require.ErrorIs(t, err, context.DeadlineExceeded)

				failed := make(chan error, 1)
				go func() {
					_, err := client.Agents.List(t.Context())
					failed <- err
				}()
				synctest.Wait()
				srv.Close()
				require.Error(t, <-failed)
			})
		})
	}
}

// Starting, one response and closing take less than a millisecond.
func BenchmarkServer(b *testing.B) {
	for b.Loop() {
		srv := orchestratest.NewServer()
		_, err := srv.Client().Prompts.List(b.Context())
		srv.Close()
		if err != nil {
			b.Fatal(err)
		}
	}
}
