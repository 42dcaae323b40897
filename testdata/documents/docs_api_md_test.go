package block

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func TestHowTos(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	require.NoError(t, runPrompt(t.Context(), srv.Client()))
	require.NoError(t, runAgent(t.Context(), srv.Client(), srv.PublishPrompt("Greet {{name}}.")))
	assert.Len(t, srv.Requests("Agents.Run"), 1)
}
