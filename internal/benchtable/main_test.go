package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const measured = `go version go1.26.8 linux/amd64
goos: linux
BenchmarkInProcess/Get-2   100   50 ns/op   0.7 allocs-ratio   0.8 bytes-ratio   1.106 time-ratio
BenchmarkInProcess/Get-2   100   10 ns/op   0.7 allocs-ratio   0.8 bytes-ratio   1.3 time-ratio
BenchmarkInProcess/Get-2   100   30 ns/op   0.7 allocs-ratio   0.8 bytes-ratio   0.9 time-ratio
BenchmarkParallel/64-2     100   30 ns/op   65 connections   80 raw-connections
PASS
go version go1.27.4 linux/amd64
BenchmarkInProcess/Get-2   100   30 ns/op   1.1 allocs-ratio   1.05 bytes-ratio   1 time-ratio
BenchmarkStream100000-2    100   30 ns/op   5.17 peak-heap-MiB
`

func TestTable(t *testing.T) {
	releases, err := read(strings.NewReader(measured))
	require.NoError(t, err)
	var out strings.Builder
	write(&out, releases)
	for _, line := range []string{
		"| allocations/bytes/time | Go 1.26.8 | Go 1.27.4 | goal |",
		"| GET, in process | 0.70/0.80/**1.11** | **1.10**/1.05/1.00 | 1.00/1.05/1.10 |", // medians
		"Go 1.26.8: 64 callers open 65 connections (80 by hand)",
		"peaks at 5.17 MiB",
	} {
		assert.Contains(t, out.String(), line)
	}
}

func TestOutputThatCannotBeRead(t *testing.T) {
	for name, text := range map[string]string{
		"a figure that is no number": "go version go1.26.8\nBenchmarkA 1 x ns/op",
		"no version":                 "BenchmarkA 1 1 ns/op",
	} {
		_, err := read(strings.NewReader(text))
		assert.Error(t, err, name)
	}
}

// The document has each row, with its goals.
func TestTheDocumentHasTheTable(t *testing.T) {
	text, err := os.ReadFile("../../docs/performance.md")
	require.NoError(t, err)
	var documented []string
	for line := range strings.Lines(string(text)) {
		documented = append(documented, ends(line))
	}
	releases, err := read(strings.NewReader(measured))
	require.NoError(t, err)
	var out strings.Builder
	write(&out, releases)
	table, _, _ := strings.Cut(out.String(), "\n\n")
	for line := range strings.Lines(table) {
		assert.Contains(t, documented, ends(line))
	}
}

// ends returns the first and the last cell of a table's line.
func ends(line string) string {
	cells := strings.Split(strings.TrimSpace(line), "|")
	return strings.Join(append(cells[:min(2, len(cells))], cells[max(0, len(cells)-2):]...), "|")
}
