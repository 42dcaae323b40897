package promptorchestra_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptrace"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

type (
	faults      = []orchestratest.Fault
	failingCall = func(ctx context.Context, srv *orchestratest.Server, client *promptorchestra.Client, promptID string) error
)

// kinds has an error of each kind, in the order of docs/errors.md.
var kinds = []struct {
	kind promptorchestra.Kind
	fail faults      // of Prompts.Run
	call failingCall // runPrompt, if it is nil
}{
	{kind: promptorchestra.KindMissingOrganization, fail: faults{orchestratest.Status(400, `{"error":"organizationId is required"}`)}},
	{kind: promptorchestra.KindAuthentication, call: func(ctx context.Context, srv *orchestratest.Server, client *promptorchestra.Client, promptID string) error {
		srv.Expire(srv.AccessToken)
		return runPrompt(ctx, client, promptID)
	}},
	{kind: promptorchestra.KindPermission, fail: faults{orchestratest.Status(403, `{"error":"This route takes an access token","code":"AUTH_MODE_INVALID"}`)}},
	{kind: promptorchestra.KindEntitlement, fail: faults{orchestratest.NoFeature("ai")}},
	{kind: promptorchestra.KindNotFound, call: func(ctx context.Context, _ *orchestratest.Server, client *promptorchestra.Client, _ string) error {
		return runPrompt(ctx, client, "prm_x")
	}},
	{kind: promptorchestra.KindInvalidGraph, call: func(ctx context.Context, srv *orchestratest.Server, client *promptorchestra.Client, _ string) error {
		srv.Fail("Agents.Publish", orchestratest.Status(422, `{"error":"Graph validation failed","code":"AGENT_GRAPH_INVALID","details":[{"code":"missing_entry_step","message":"Entry step is required"}]}`))
		_, err := client.Agents.Publish(ctx, "agt_1", promptorchestra.AgentPublishParams{VersionID: "agv_1"})
		return err
	}},
	{kind: promptorchestra.KindInvalidRequest, fail: faults{orchestratest.Status(400, `{"error":"variables must be an object"}`)}},
	{kind: promptorchestra.KindConflict, fail: faults{orchestratest.Status(409, `{"error":"The prompt is archived"}`)}},
	{kind: promptorchestra.KindValidation, fail: faults{orchestratest.Status(422, `{"error":"name is required"}`)}},
	{kind: promptorchestra.KindRateLimited, fail: faults{orchestratest.RateLimited(30 * time.Second)}},
	{kind: promptorchestra.KindServer, fail: faults{orchestratest.Status(502, `{"error":"The provider failed","runId":"run_1"}`)}},
	{kind: promptorchestra.KindUnknown, fail: faults{orchestratest.HTML(404)}},
	{kind: promptorchestra.KindCanceled, fail: faults{orchestratest.Delay(time.Hour)}, call: func(ctx context.Context, _ *orchestratest.Server, client *promptorchestra.Client, promptID string) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		return runPrompt(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { cancel() }}), client, promptID)
	}},
	{kind: promptorchestra.KindTimeout, fail: faults{orchestratest.Delay(time.Hour)}, call: func(ctx context.Context, _ *orchestratest.Server, client *promptorchestra.Client, promptID string) error {
		return runPrompt(ctx, client, promptID, promptorchestra.WithTimeout(time.Second))
	}},
	{kind: promptorchestra.KindTransport, fail: faults{orchestratest.DropAfter()}},
	{kind: promptorchestra.KindDecode, fail: faults{orchestratest.CutBody(15)}},
	{kind: promptorchestra.KindArgument, call: func(ctx context.Context, _ *orchestratest.Server, client *promptorchestra.Client, _ string) error {
		return runPrompt(ctx, client, "")
	}},
}

func runPrompt(ctx context.Context, client *promptorchestra.Client, promptID string, opts ...promptorchestra.CallOption) error {
	_, err := client.Prompts.Run(ctx, promptID, promptorchestra.PromptRunParams{}, opts...)
	return err
}

// What docs/errors.md prints of each kind is what the SDK prints, logs, encodes and advises. With
// UPDATE_DOCUMENTS=1 the test writes it there.
func TestKindsOfTheDocument(t *testing.T) {
	const name = "docs/errors.md"
	var printed strings.Builder
	all := map[string]bool{}
	for _, row := range kinds {
		fmt.Fprintf(&printed, "%s\n%s", row.kind, rowOfKind(t, row.kind, row.fail, row.call))
		all[string(row.kind)] = true
	}
	source, err := os.ReadFile("errors.go")
	require.NoError(t, err)
	for _, kind := range regexp.MustCompile(`(?m)^\tKind\w+ +Kind += "(\w+)"`).FindAllStringSubmatch(string(source), -1) {
		assert.True(t, all[kind[1]], "the kind %s has no row", kind[1])
	}
	document, err := os.ReadFile(name)
	require.NoError(t, err)
	shown := blocks(string(document), "log")
	require.Len(t, shown, 1)
	if os.Getenv("UPDATE_DOCUMENTS") != "" {
		require.NoError(t, os.WriteFile(name, []byte(strings.Replace(string(document), "```log\n"+shown[0], "```log\n"+printed.String(), 1)), 0o600))
		return
	}
	assert.Equal(t, printed.String(), shown[0], "UPDATE_DOCUMENTS=1 go test -run TestKindsOfTheDocument . writes it")
}

// rowOfKind returns the text, the log line, the JSON and the advice of an error, each shortened to
// what decides.
func rowOfKind(t *testing.T, kind promptorchestra.Kind, fail faults, call failingCall) string {
	t.Helper()
	srv := orchestratest.NewServer()
	defer srv.Close()
	promptID := srv.PublishPrompt("Greet.")
	var log strings.Builder
	shown := map[string]bool{slog.LevelKey: true, "status": true, "kind": true}
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if !shown[a.Key] {
			return slog.Attr{}
		}
		return a
	}}))
	client := srv.Client(promptorchestra.WithLogger(logger), promptorchestra.WithRetry(promptorchestra.RetryPolicy{MaxRetries: -1}))
	if call == nil {
		call = func(ctx context.Context, _ *orchestratest.Server, client *promptorchestra.Client, promptID string) error {
			return runPrompt(ctx, client, promptID)
		}
	}
	srv.Fail("Prompts.Run", fail...)
	err := call(t.Context(), srv, client, promptID)
	require.Equal(t, kind, promptorchestra.KindOf(err), "%v", err)
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	encoded, failed := promptorchestra.MarshalError(err)
	require.NoError(t, failed)
	var members struct {
		Type           string
		Kind           string
		StatusCode     int    `json:",omitzero"`
		Retryable      bool   `json:",omitzero"`
		OutcomeUnknown bool   `json:",omitzero"`
		RunID          string `json:",omitzero"`
	}
	require.NoError(t, json.Unmarshal(encoded, &members))
	short, failed := json.Marshal(members)
	require.NoError(t, failed)
	text := regexp.MustCompile(`^promptorchestra: [\w.]+: | \[request_id=\w+\]`).ReplaceAllString(err.Error(), "")
	advice, warned := strings.CutSuffix(client.Diagnose(t.Context(), err).Advice, " The call may have taken effect: do not retry it until you know that it did not.")
	assert.Equal(t, members.OutcomeUnknown, warned, "%s", kind)
	return fmt.Sprintf("  %s\n  %s\n  %s\n  %s\n", text, lines[len(lines)-1], short, advice)
}
