package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheTraceOfARetriedRun(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	at := 0
	for _, want := range []string{
		"chat, client,", "gen_ai.provider.name=openai", "gen_ai.response.model=", "gen_ai.usage.input_tokens=",
		"promptorchestra.attempts=3", "promptorchestra.run.status=completed",
		"    POST /api/prompts/{promptId}/run, client,", `Error "dial tcp 127.0.0.1:1: connect`, "error.type=transport",
		"    POST /api/prompts/{promptId}/run, client,", "error.type=rate_limited", "http.request.resend_count=1",
		"    POST /api/prompts/{promptId}/run, client,", "http.request.resend_count=2", "http.response.status_code=200",
		"promptorchestra.client.operation.duration (s)",
	} {
		next := strings.Index(out.String()[at:], want)
		require.GreaterOrEqual(t, next, 0, "%s in\n%s", want, out.String())
		at += next
	}
	for _, metric := range []string{
		"promptorchestra.client.operation.attempts ({attempt})", "http.client.request.duration (s)",
		"gen_ai.client.operation.duration (s)", "gen_ai.client.token.usage ({token})",
	} {
		assert.Contains(t, out.String(), metric)
	}
	assert.NotContains(t, out.String(), "Ann")
}
