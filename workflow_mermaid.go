package promptorchestra

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/prompt-orchestra/promptorchestra-go/internal/lenient"
)

// Mermaid returns the graph as a Mermaid flowchart, which GitHub, GitLab and many editors show as a
// picture. The steps and transitions that the mistakes name are red and show the codes of the
// mistakes. Mistakes come from [Workflow.Validate], from the Details of a rejected Publish's
// [*APIError], or from [AgentsService.ValidateWorkflow] through [WorkflowValidationIssue.Detail].
//
// A mistake is placed by its Path, else by the keys in its Raw entry, else where Validate finds the
// same mistake. One without a place gets a red box of its own. No character of a key, a name or a
// code can break the chart. Long texts are cut. Unless it is configured otherwise, Mermaid draws
// charts of at most 50,000 characters, which is some 400 steps, and 500 transitions.
func (w Workflow) Mermaid(mistakes ...ErrorDetail) string {
	c := chart{
		workflow: w, nodes: make(map[string]string, len(w.Steps)), ends: make(map[place]bool, 3*len(w.Transitions)),
		codes: map[place]*codes{}, own: sync.OnceValue(w.ownPaths),
	}
	for i, step := range w.Steps {
		if _, taken := c.nodes[step.StepKey]; !taken && step.StepKey != "" {
			c.nodes[step.StepKey] = nodeID(i)
			c.ends[place{kind: placeKey, from: step.StepKey}] = true
		}
	}
	for _, t := range w.Transitions {
		for _, p := range endsOf(t) {
			c.ends[p] = true
		}
	}
	for _, m := range mistakes {
		c.mark(m)
	}
	c.draw()
	return c.out.String()
}

// A place is what a mistake can be about. By a key or by ends it may be several steps or
// transitions.
type place struct {
	kind     placeKind
	index    int // of the step or transition
	from, to string
}

type placeKind uint8

const (
	placeNowhere placeKind = iota
	placeEntry
	placeStep
	placeTransition
	placeKey  // all steps with the key from
	placeEnds // all transitions from one key to the other; "" is any
)

// endsOf returns the places by which a transition is named.
func endsOf(t WorkflowTransition) [3]place {
	return [3]place{
		{kind: placeEnds, from: t.FromStepKey, to: t.ToStepKey},
		{kind: placeEnds, from: t.FromStepKey},
		{kind: placeEnds, to: t.ToStepKey},
	}
}

// ownPaths returns the paths of what Validate finds, by code and message.
func (w Workflow) ownPaths() map[[2]string][]string {
	paths := map[[2]string][]string{}
	for _, m := range w.Validate() {
		paths[[2]string{m.Code, m.Message}] = append(paths[[2]string{m.Code, m.Message}], m.Path)
	}
	return paths
}

// chart is a flowchart being drawn.
type chart struct {
	workflow Workflow
	nodes    map[string]string             // by step key: that of its first step, or of a missing step
	ends     map[place]bool                // the keys and ends that the graph has
	codes    map[place]*codes              // the mistakes at each place
	own      func() map[[2]string][]string // see ownPaths

	out      strings.Builder
	edges    int
	redNodes []string
	redEdges []string
	missing  []string
}

// codes are the mistakes at a place, each once.
type codes struct {
	first []string
	seen  map[string]bool
}

func nodeID(step int) string { return "n" + strconv.Itoa(step) }

// mark notes a mistake at each place that it names.
func (c *chart) mark(m ErrorDetail) {
	text := cmp.Or(m.Code, m.Message, "mistake")
	for _, p := range c.places(m) {
		at := c.codes[p]
		if at == nil {
			at = &codes{seen: map[string]bool{}}
			c.codes[p] = at
		}
		if !at.seen[text] && len(at.seen) < maxChartCodes {
			at.first = append(at.first, text)
		}
		at.seen[text] = true
	}
}

// places returns where a mistake is. What it returned for the same code and message by Validate, it
// does not return again.
func (c *chart) places(m ErrorDetail) []place {
	if p, found := c.byPath(m.Path); found {
		return []place{p}
	}
	if p, found := c.byRaw(m.Raw); found {
		return []place{p}
	}
	own := [2]string{m.Code, m.Message}
	paths, found := c.own()[own]
	if !found {
		return []place{{}}
	}
	c.own()[own] = nil
	var places []place
	for _, path := range paths {
		p, _ := c.byPath(path)
		places = append(places, p)
	}
	return places
}

// An element of the graph in a path of any style: steps[2].promptId, transitions.1, /steps/2/name.
var elementInPath = regexp.MustCompile(`(?i)(?:^|[^a-z])(steps|transitions)(?:\[|\.|/)["']?([^\]./"']+)`)

func (c *chart) byPath(path string) (place, bool) {
	if found := elementInPath.FindStringSubmatch(path); found != nil {
		kind, count := placeStep, len(c.workflow.Steps)
		if strings.EqualFold(found[1], "transitions") {
			kind, count = placeTransition, len(c.workflow.Transitions)
		}
		if i, err := strconv.Atoi(found[2]); err == nil && i >= 0 && i < count {
			return place{kind: kind, index: i}, true
		}
		return c.named(place{kind: placeKey, from: found[2]})
	}
	entry := strings.TrimPrefix(strings.ReplaceAll(path, "/", "."), ".")
	if strings.EqualFold(strings.ReplaceAll(strings.TrimPrefix(entry, "workflow."), "_", ""), "entryStepKey") {
		return place{kind: placeEntry}, true
	}
	if p, found := c.named(place{kind: placeKey, from: path}); found {
		return p, true
	}
	key, _, _ := strings.Cut(path, ".")
	return c.named(place{kind: placeKey, from: key})
}

// byRaw reads the keys that an entry has beside its path.
func (c *chart) byRaw(entry RawJSON) (place, bool) {
	var keys struct{ StepKey, FromStepKey, ToStepKey string }
	if lenient.Unmarshal(entry, &keys, nil) != nil {
		return place{}, false
	}
	if p, found := c.named(place{kind: placeEnds, from: keys.FromStepKey, to: keys.ToStepKey}); found {
		return p, true
	}
	return c.named(place{kind: placeKey, from: keys.StepKey})
}

// named returns a place by keys if the graph has such.
func (c *chart) named(p place) (place, bool) { return p, p.from+p.to != "" && c.ends[p] }

func (c *chart) draw() {
	c.out.WriteString("flowchart TD\n")
	entry := place{kind: placeEntry}
	c.redden(&c.redNodes, "start", entry)
	c.node("start", `((`, `))`, c.label([]place{entry}, "start"))
	for i, step := range c.workflow.Steps {
		c.step(i, step)
	}
	if key := c.workflow.EntryStepKey; key != "" {
		c.edge("start", c.nodeOf(key), "")
	}
	for i, t := range c.workflow.Transitions {
		from, to := c.nodeOf(t.FromStepKey), c.nodeOf(t.ToStepKey)
		ends := endsOf(t)
		at := append(ends[:], place{kind: placeTransition, index: i})
		c.redden(&c.redEdges, strconv.Itoa(c.edges), at...)
		c.edge(from, to, c.label(at, string(t.TransitionType)))
	}
	if nowhere := (place{}); c.codes[nowhere] != nil {
		c.node("other", `[`, `]`, c.label([]place{nowhere}))
		c.redden(&c.redNodes, "other", nowhere)
	}
	c.styles()
}

func (c *chart) styles() {
	if c.missing != nil {
		c.line("classDef missing fill:#fff,stroke:#999,color:#666,stroke-dasharray:4")
		c.line("class %s missing", strings.Join(c.missing, ","))
	}
	if c.redNodes != nil {
		c.line("classDef mistake fill:#fee,stroke:#c00,color:#900,stroke-width:2px")
		c.line("class %s mistake", strings.Join(c.redNodes, ","))
	}
	if c.redEdges != nil {
		c.line("linkStyle %s stroke:#c00,color:#900,stroke-width:2px", strings.Join(c.redEdges, ","))
	}
}

var stepShapes = map[StepType][2]string{
	StepTypePrompt: {"[", "]"}, StepTypeTool: {"[[", "]]"}, StepTypeReturn: {"([", "])"}, StepTypeCondition: {"{", "}"},
}

func (c *chart) step(i int, step WorkflowStep) {
	texts := []string{cmp.Or(step.StepKey, "no key")}
	shape, known := stepShapes[step.StepType]
	if !known {
		shape = stepShapes[StepTypePrompt]
		texts = append(texts, string(step.StepType))
	}
	if !strings.EqualFold(step.Name, step.StepKey) {
		texts = slices.Insert(texts, 1, step.Name)
	}
	at := []place{{kind: placeStep, index: i}, {kind: placeKey, from: step.StepKey}}
	c.node(nodeID(i), shape[0], shape[1], c.label(at, texts...))
	c.redden(&c.redNodes, nodeID(i), at...)
}

// nodeOf returns the node of a key, and draws one for a step that does not exist.
func (c *chart) nodeOf(key string) string {
	id, known := c.nodes[key]
	if !known {
		id = "m" + strconv.Itoa(len(c.missing))
		c.nodes[key] = id
		c.missing = append(c.missing, id)
		c.node(id, "[", "]", mermaidText(cmp.Or(key, "no key"))+"<br/>missing")
	}
	return id
}

func (c *chart) line(format string, args ...any) { fmt.Fprintf(&c.out, "    "+format+"\n", args...) }

func (c *chart) node(id, open, end, label string) { c.line(`%s%s"%s"%s`, id, open, label, end) }

func (c *chart) edge(from, to, label string) {
	c.edges++
	if label != "" {
		label = `|"` + label + `"|`
	}
	c.line("%s -->%s %s", from, label, to)
}

func (c *chart) redden(list *[]string, id string, at ...place) {
	if slices.ContainsFunc(at, func(p place) bool { return c.codes[p] != nil }) {
		*list = append(*list, id)
	}
}

const (
	maxChartText  = 60 // characters of a label's line
	maxChartCodes = 8  // mistakes listed at one place
)

// label returns the texts that are not empty, then the mistakes at the places, a line each.
func (c *chart) label(at []place, texts ...string) string {
	more := 0
	for _, p := range at {
		if codes := c.codes[p]; codes != nil {
			more += len(codes.seen) - len(codes.first)
			texts = append(texts, codes.first...)
		}
	}
	if more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	var lines []string
	for _, text := range texts {
		if text = mermaidText(text); text != "" && !slices.Contains(lines, text) {
			lines = append(lines, text)
		}
	}
	return strings.Join(lines, "<br/>")
}

// noSpace is the entity code of a space without width. It keeps "- x" from being a list, "$$x$$" a
// formula, "fa:fa-car" a picture and an address a link: Mermaid looks for these after it has
// decoded the entity codes.
const noSpace = "#8203;"

// mermaidText writes a text for the inside of a quoted label. ASCII characters that could mean
// something to Mermaid, Markdown or HTML become entity codes, such as "#34;" for a quote, and so do
// those that Mermaid itself writes such codes with. Characters that cannot be seen, such as a line
// feed or a change of the writing direction, become U+FFFD, but for the joiners that some scripts
// and emoji need.
func mermaidText(text string) string {
	var b strings.Builder
	all := []rune(text)
	shown := all[:min(len(all), maxChartText)]
	if len(shown) > 0 && !unicode.IsLetter(shown[0]) {
		b.WriteString(noSpace)
	}
	for i, r := range shown {
		switch next := string(shown[i+1 : min(i+2, len(shown))]); {
		case r == ':' && next != " ":
			b.WriteString("#58;" + noSpace)
		case r == '$' && next == "$":
			b.WriteString("$" + noSpace)
		default:
			writeMermaidRune(&b, r)
		}
	}
	if len(shown) < len(all) {
		b.WriteString("…")
	}
	return b.String()
}

func writeMermaidRune(b *strings.Builder, r rune) {
	const joiner, nonJoiner = '\u200d', '\u200c'
	switch {
	case r == joiner, r == nonJoiner:
		b.WriteRune(r)
	case !unicode.IsGraphic(r):
		b.WriteRune(unicode.ReplacementChar)
	case strings.ContainsRune("\"#&;<>\\`*~%|{}[]@=^°¶", r):
		fmt.Fprintf(b, "#%d;", r)
	default:
		b.WriteRune(r)
	}
}
