package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prompt-orchestra/promptorchestra-go/jobs"
)

// Progress says how far a batch is: on a terminal in one line that changes, else in a plain line
// now and then.
type Progress struct {
	out      io.Writer
	terminal bool
	total    int
	now      func() time.Time

	mu       sync.Mutex
	began    time.Time
	before   int            // had ended when this start began
	done     int            // since then, like what follows
	parked   map[string]int // by kind
	failures map[string]int // calls that failed, by kind; a row may have several
	note     string
}

func newProgress(out io.Writer, results *Results, total int) *Progress {
	p := &Progress{
		out: out, terminal: isTerminal(out), total: total, now: time.Now, before: len(results.ended),
		parked: map[string]int{}, failures: map[string]int{},
	}
	p.began = p.now()
	return p
}

// isTerminal reports whether a person sees the output at once.
func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

// show prints until stop is called.
func (p *Progress) show() (stop func()) {
	every := 10 * time.Second
	if p.terminal {
		every = 200 * time.Millisecond
	}
	ended := make(chan struct{})
	var showing sync.WaitGroup
	showing.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				p.print()
			case <-ended:
				return
			}
		}
	})
	return func() {
		close(ended)
		showing.Wait()
		p.print()
		if p.terminal {
			fmt.Fprintln(p.out)
		}
	}
}

func (p *Progress) print() {
	if p.terminal {
		fmt.Fprintf(p.out, "\r%s\x1b[K", p.line()) // the rest of the line is erased
	} else {
		fmt.Fprintln(p.out, p.line())
	}
}

// line is a bar, how many rows have ended, how many a second, calls that failed by kind, time left.
func (p *Progress) line() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.done + sum(p.parked)
	ended := p.before + now
	var b strings.Builder
	if p.terminal && p.total > 0 {
		const width = 20
		full := min(width*ended/p.total, width)
		fmt.Fprintf(&b, "[%s%s] ", strings.Repeat("#", full), strings.Repeat(".", width-full))
	}
	fmt.Fprintf(&b, "%d of %d", ended, p.total)
	if passed := p.now().Sub(p.began); now > 0 && passed > 0 {
		fmt.Fprintf(&b, ", %.1f/s", float64(now)/passed.Seconds())
		if ended < p.total {
			left := time.Duration(float64(passed) / float64(now) * float64(p.total-ended))
			fmt.Fprintf(&b, ", %v left", left.Round(time.Second))
		}
	}
	if len(p.failures) > 0 {
		b.WriteString("; failed calls: " + counts(p.failures))
	}
	if p.note != "" && ended < p.total {
		b.WriteString("; " + p.note)
	}
	return b.String()
}

// called counts what came of a call.
func (p *Progress) called(d jobs.Decision) {
	if d.Action == jobs.Done {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures[kindOf(d)]++
}

func (p *Progress) ended(o Outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o.Parked == "" {
		p.done++
	} else {
		p.parked[o.Kind]++
	}
}

func (p *Progress) settling(rows int, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.note = fmt.Sprintf("%d to look up at %s", rows, until.Format(time.TimeOnly))
}

// summarize says how all rows of a batch ended, of all starts.
func summarize(out io.Writer, results *Results, total, left int) {
	done, parked := 0, map[string]int{}
	for _, o := range results.ended {
		if o.Parked == "" {
			done++
		} else {
			parked[o.Kind]++
		}
	}
	fmt.Fprintf(out, "%d rows: %d done, %d for a person, %d left\n", total, done, sum(parked), left)
	for _, kind := range slices.Sorted(maps.Keys(parked)) {
		fmt.Fprintf(out, "  %-16s %d\n", kind, parked[kind])
	}
	if left > 0 {
		fmt.Fprintln(out, "Start it again for the rest.")
	}
}

func sum(m map[string]int) (n int) {
	for _, v := range m {
		n += v
	}
	return n
}

func counts(m map[string]int) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		all = append(all, fmt.Sprintf("%s %d", name, m[name]))
	}
	return strings.Join(all, ", ")
}
