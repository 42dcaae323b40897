// Benchtable reads the output of go test -bench and prints a table with the median of each figure
// over all runs.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var columns = []string{
	"sdk-allocs", "raw-allocs", "allocs-ratio", "sdk-bytes", "bytes-ratio", "ns/op", "time-ratio", "peak-heap-MiB", "connections", "raw-connections",
}

func main() {
	if err := table(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "benchtable:", err)
		os.Exit(1)
	}
}

func table(in io.Reader, out io.Writer) error {
	var names []string
	figures := map[string]map[string][]float64{}
	line := regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)
	scanner := bufio.NewScanner(in)
	for scanner.Scan() {
		match := line.FindStringSubmatch(scanner.Text())
		if match == nil {
			continue
		}
		name := match[1]
		if figures[name] == nil {
			names = append(names, name)
			figures[name] = map[string][]float64{}
		}
		fields := strings.Fields(match[2])
		for i := 0; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return fmt.Errorf("reading %q: %w", scanner.Text(), err)
			}
			figures[name][fields[i+1]] = append(figures[name][fields[i+1]], value)
		}
	}
	if err := scanner.Err(); err != nil {
		return fmt.Errorf("reading the benchmarks: %w", err)
	}
	fmt.Fprintf(out, "| | %s | runs |\n|---|%s---:|\n", strings.Join(columns, " | "), strings.Repeat("---:|", len(columns)))
	for _, name := range names {
		fmt.Fprintf(out, "| %s |", name)
		runs := 0
		for _, column := range columns {
			values := figures[name][column]
			runs = max(runs, len(values))
			fmt.Fprintf(out, " %s |", format(column, values))
		}
		fmt.Fprintf(out, " %d |\n", runs)
	}
	return nil
}

func format(column string, values []float64) string {
	if len(values) == 0 {
		return ""
	}
	slices.Sort(values)
	median := (values[(len(values)-1)/2] + values[len(values)/2]) / 2
	if strings.HasSuffix(column, "-ratio") || strings.HasSuffix(column, "MiB") {
		return strconv.FormatFloat(median, 'f', 2, 64)
	}
	return strconv.FormatFloat(median, 'f', 0, 64)
}
