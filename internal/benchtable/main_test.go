package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTableShowsMedians(t *testing.T) {
	var out strings.Builder
	require.NoError(t, table(strings.NewReader(`goos: linux
BenchmarkA/Get-2   100   50 ns/op   0.5 time-ratio
BenchmarkA/Get-2   100   10 ns/op   0.9 time-ratio
BenchmarkA/Get-2   100   30 ns/op   0.7 time-ratio
PASS
`), &out))
	assert.Contains(t, out.String(), "| A/Get |  |  |  |  |  | 30 | 0.70 |")
	assert.Contains(t, out.String(), "| 3 |")
	require.Error(t, table(strings.NewReader("BenchmarkA 1 x ns/op"), &out))
}
