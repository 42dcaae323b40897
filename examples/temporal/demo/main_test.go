package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDemonstration(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	assert.Equal(t, 5, strings.Count(out.String(), "executions: 1"), out.String())
	assert.Contains(t, out.String(), "parked, for a person, not_executed: ")
}
