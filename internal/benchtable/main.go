// Benchtable reads what scripts/bench.sh measured on one Go release after the other, and prints
// the tables of docs/performance.md: the median of each figure over all runs.
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

// rows are the calls of the table, each with its benchmark and its goals: allocations, bytes, time.
var rows = []struct {
	text, benchmark string
	goals           [3]float64
}{
	{"GET, in process", "InProcess/Get", [3]float64{1, 1.05, 1.1}},
	{"GET, default timeout", "InProcess/GetDefaultTimeout", [3]float64{1.2, 1.2, 1.2}},
	{"POST, in process", "InProcess/Post", [3]float64{1, 1.1, 1.1}},
	{"list of 1,000, in process", "InProcess/List1000", [3]float64{1, 0.6, 0.9}},
	{"402, in process", "InProcess/Error402", [3]float64{1.1, 1.1, 1.2}},
	{"GET, through a socket", "Loopback/Get", [3]float64{1, 1.05, 1.05}},
	{"POST, through a socket", "Loopback/Post", [3]float64{1.15, 1.1, 1.05}},
	{"402, through a socket", "Loopback/Error402", [3]float64{1, 1.1, 1.1}},
	{"GET, your transport", "LoopbackWrapped/Get", [3]float64{1, 1.05, 1.05}},
	{"POST, your transport", "LoopbackWrapped/Post", [3]float64{1.15, 1.1, 1.05}},
	{"402, your transport", "LoopbackWrapped/Error402", [3]float64{1, 1.1, 1.1}},
}

var ratios = [3]string{"allocs-ratio", "bytes-ratio", "time-ratio"}

// release has the figures that were measured with a Go release, by benchmark and unit.
type release struct {
	name    string
	figures map[string]map[string][]float64
}

func main() {
	releases, err := read(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchtable:", err)
		os.Exit(1)
	}
	write(os.Stdout, releases)
}

var (
	version   = regexp.MustCompile(`^go version go(\S+)`)
	benchmark = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)
)

func read(in io.Reader) (releases []release, err error) {
	scanner := bufio.NewScanner(in)
	for scanner.Scan() {
		line := scanner.Text()
		if match := version.FindStringSubmatch(line); match != nil {
			releases = append(releases, release{match[1], map[string]map[string][]float64{}})
		}
		match := benchmark.FindStringSubmatch(line)
		if match == nil {
			continue
		}
		if len(releases) == 0 {
			return nil, fmt.Errorf("%q comes before the version of Go", line)
		}
		of := releases[len(releases)-1].figures
		if of[match[1]] == nil {
			of[match[1]] = map[string][]float64{}
		}
		fields := strings.Fields(match[2])
		for i := 0; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("reading %q: %w", line, err)
			}
			of[match[1]][fields[i+1]] = append(of[match[1]][fields[i+1]], value)
		}
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("reading the benchmarks: %w", err)
	}
	return releases, nil
}

// write prints the table of ratios, and the figures that are none.
func write(out io.Writer, releases []release) {
	fmt.Fprint(out, "| allocations/bytes/time |")
	for _, r := range releases {
		fmt.Fprintf(out, " Go %s |", r.name)
	}
	fmt.Fprintf(out, " goal |\n|---|%s---|\n", strings.Repeat("---|", len(releases)))
	for _, row := range rows {
		fmt.Fprintf(out, "| %s |", row.text)
		for _, r := range releases {
			fmt.Fprintf(out, " %s |", r.cell(row.benchmark, row.goals))
		}
		fmt.Fprintf(out, " %.2f/%.2f/%.2f |\n", row.goals[0], row.goals[1], row.goals[2])
	}
	fmt.Fprintln(out)
	for _, r := range releases {
		fmt.Fprintf(out, "Go %s: 64 callers open %.0f connections (%.0f by hand), 512 callers %.0f (%.0f); streaming 100,000 elements peaks at %.2f MiB.\n",
			r.name, r.median("Parallel/64", "connections"), r.median("Parallel/64", "raw-connections"),
			r.median("Parallel/512", "connections"), r.median("Parallel/512", "raw-connections"), r.median("Stream100000", "peak-heap-MiB"))
	}
}

// cell has a call's three ratios. Those that miss their goal are bold.
func (r release) cell(benchmark string, goals [3]float64) string {
	var texts [3]string
	for i, unit := range ratios {
		median := r.median(benchmark, unit)
		texts[i] = strconv.FormatFloat(median, 'f', 2, 64)
		if shown, _ := strconv.ParseFloat(texts[i], 64); shown > goals[i] {
			texts[i] = "**" + texts[i] + "**"
		}
	}
	return strings.Join(texts[:], "/")
}

// median returns the median of a figure, 0 if it was not measured.
func (r release) median(benchmark, unit string) float64 {
	values := r.figures[benchmark][unit]
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}
