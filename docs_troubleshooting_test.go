package promptorchestra_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
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

// symptoms are the sections of docs/troubleshooting.md that show a diagnosis, by the beginning of
// their headings.
var symptoms = map[string]func(ctx context.Context, srv *orchestratest.Server) (*promptorchestra.Client, error){
	"There are too many connections": func(ctx context.Context, srv *orchestratest.Server) (*promptorchestra.Client, error) {
		client := srv.Client(promptorchestra.WithRetry(promptorchestra.RetryPolicy{MaxRetries: -1}),
			promptorchestra.WithTransport(&http.Transport{DialContext: noPorts}))
		_, err := client.Agents.List(ctx)
		return client, err
	},
}

// The causes and advice of docs/troubleshooting.md are what comes out, but for the port. With
// UPDATE_DOCUMENTS=1 the test writes them there.
func TestTroubleshootingShowsRealOutput(t *testing.T) {
	const name = "docs/troubleshooting.md"
	document, err := os.ReadFile(name)
	require.NoError(t, err)
	sections := regexp.MustCompile(`(?m)^## `).Split(string(document), -1)
	shown := map[string]bool{}
	port := regexp.MustCompile(`127\.0\.0\.1:\d+`)
	for i, section := range sections {
		for heading, provoke := range symptoms {
			if !strings.HasPrefix(section, heading) {
				continue
			}
			shown[heading] = true
			srv := orchestratest.NewServer(orchestratest.WithClock(func() time.Time {
				return time.Date(2026, time.November, 26, 9, 0, 0, 0, time.UTC)
			}))
			client, err := provoke(t.Context(), srv)
			require.Error(t, err, heading)
			d := client.Diagnose(t.Context(), err)
			d.Findings = nil // docs/errors.md shows a whole report
			want := d.String()
			srv.Close()
			want = port.ReplaceAllString(strings.TrimSpace(want), "127.0.0.1:8080")
			text := blocks(section, "text")
			require.Len(t, text, 1, heading)
			if os.Getenv("UPDATE_DOCUMENTS") != "" {
				sections[i] = strings.Replace(section, "```text\n"+text[0], "```text\n"+want+"\n", 1)
				continue
			}
			assert.Equal(t, want, strings.TrimSpace(text[0]), "UPDATE_DOCUMENTS=1 go test -run TestTroubleshooting . writes it")
		}
	}
	assert.Len(t, shown, len(symptoms), "sections with a diagnosis")
	if os.Getenv("UPDATE_DOCUMENTS") != "" {
		require.NoError(t, os.WriteFile(name, []byte(strings.Join(sections, "## ")), 0o600))
	}
}

// noPorts fails as a dial does when the machine has no port left.
func noPorts(_ context.Context, network, address string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Net: network, Err: fmt.Errorf("connect: cannot assign requested address: %s", address)}
}
