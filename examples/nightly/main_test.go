package main

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/prompt-orchestra/promptorchestra-go/jobs"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// Each customer is greeted once a night, though the API fails and the program is started twice.
func TestNightly(t *testing.T) {
	t.Parallel()
	emulator := orchestratest.NewServer()
	defer emulator.Close()
	prompt := &jobs.Prompt{Client: emulator.Client(), ID: emulator.PublishPrompt("Greet {{name}}."), Attempt: time.Second, Settle: 3 * time.Second}
	path, customers := filepath.Join(t.TempDir(), "nightly.db"), []string{"Ada", "Grace", "Barbara", "Frances", "Radia"}
	emulator.Fail("Prompts.Run", orchestratest.DropAfter(), orchestratest.DropBefore(), orchestratest.RateLimited(time.Second), orchestratest.Status(422, `{"error":"invalid"}`))
	executions := func() (n int) {
		for _, err := range emulator.Client().Runs.All(t.Context()) {
			require.NoError(t, err)
			n++
		}
		return n
	}
	require.NoError(t, run(t.Context(), prompt, path, "Monday", customers))
	assert.Equal(t, 4, executions(), "and one is for a person")
	require.NoError(t, run(t.Context(), prompt, path, "Tuesday", customers))
	assert.Equal(t, 9, executions())
	require.NoError(t, run(t.Context(), prompt, path, "Tuesday", customers))
	assert.Equal(t, 9, executions())

	db, err := sql.Open("sqlite", "file:"+path)
	require.NoError(t, err)
	defer db.Close()
	var greetings int
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM greetings WHERE greeting LIKE '%Greet %'").Scan(&greetings))
	assert.Equal(t, 9, greetings)
}
