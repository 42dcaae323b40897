package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRunPrintsWhatAShellCanExport(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	stdout, printed := io.Pipe()
	var log lockedBuffer
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"-addr", "127.0.0.1:0"}, printed, &log)
		_ = printed.Close()
	}()

	settings := map[string]string{}
	lines := bufio.NewScanner(stdout)
	for len(settings) < 4 && lines.Scan() {
		name, value, found := strings.Cut(lines.Text(), "=")
		require.True(t, found, lines.Text())
		settings[name] = value
	}
	require.True(t, strings.HasPrefix(settings["PROMPT_ORCHESTRA_ACCESS_TOKEN"], "eyJ"))
	require.True(t, strings.HasPrefix(settings["PROMPT_ORCHESTRA_API_KEY"], "sk_"))

	address := settings["PROMPT_ORCHESTRA_BASE_URL"] + "/api/agents?organizationId=" + settings["PROMPT_ORCHESTRA_ORGANIZATION_ID"]
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+settings["PROMPT_ORCHESTRA_API_KEY"])
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusOK, response.StatusCode)

	stop()
	require.NoError(t, <-ended)
	logged := log.String()
	assert.Equal(t, 1, strings.Count(logged, "\n"), "one line for one request: %s", logged)
	assert.Contains(t, logged, "path=/api/agents op=Agents.List status=200")
	assert.NotContains(t, logged, settings["PROMPT_ORCHESTRA_API_KEY"])
	assert.NotContains(t, logged, "organizationId")
}

func TestRunRefuses(t *testing.T) {
	for name, args := range map[string][]string{
		"every interface":     {"-addr", ":0"},
		"an unspecified host": {"-addr", "0.0.0.0:0"},
		"a public address":    {"-addr", "203.0.113.1:80"},
		"a name":              {"-addr", "example.com:80"},
		"no port":             {"-addr", "127.0.0.1"},
		"an unknown flag":     {"-port", "80"},
		"a stray argument":    {"start"},
		"a port out of range": {"-addr", "127.0.0.1:99999"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Error(t, run(t.Context(), args, io.Discard, io.Discard))
		})
	}
}

func TestRunListensElsewhereWhenTold(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.NoError(t, run(ctx, []string{"-addr", "0.0.0.0:0", "-allow-remote"}, io.Discard, io.Discard))
}

// lockedBuffer is a buffer that the server writes while the test runs.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
