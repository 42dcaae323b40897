package promptorchestra

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

// Mermaid returns the graph as a Mermaid flowchart, which GitHub, GitLab and many editors show as a
// picture. The steps and transitions that the mistakes name are red and show the codes of the
// mistakes. Mistakes come from [Workflow.Validate], from [APIError.Details] of a rejected Publish,
// or from [AgentsService.ValidateWorkflow] through [WorkflowValidationIssue.Detail].
//
// A mistake is placed by its Path, else by the step key in its Raw entry, else by the step that its
// Message names. A mistake without a place gets a red box of its own. No character of a key, a name
// or a code can break the chart. Long texts are cut. Mermaid draws at most 500 transitions, unless
// it is configured otherwise.
func (w Workflow) Mermaid(mistakes ...ErrorDetail) string {
	c := chart{workflow: w, nodes: make(map[string]string, len(w.Steps)), codes: map[place][]string{}, own: sync.OnceValue(w.Validate)}
	for i, step := range w.Steps {
		if _, taken := c.nodes[step.StepKey]; !taken && step.StepKey != "" {
			c.nodes[step.StepKey] = nodeID(i)
		}
	}
	for _, m := range mistakes {
		c.mark(m)
	}
	c.draw()
	return c.out.String()
}

// A place is what a mistake can be about.
type place struct {
	kind  placeKind
	index int // of the step or transition
}

type placeKind uint8

const (
	placeNowhere placeKind = iota
	placeEntry
	placeStep
	placeTransition
)

// chart is a flowchart being drawn.
type chart struct {
	workflow Workflow
	nodes    map[string]string    // by step key: that of its first step, or of a missing step
	codes    map[place][]string   // the mistakes at each place
	own      func() []ErrorDetail // what Validate finds

	out      strings.Builder
	edges    int
	redNodes []string
	redEdges []string
	missing  []string
}

func nodeID(step int) string { return "n" + strconv.Itoa(step) }

// mark notes a mistake at each place that it names.
func (c *chart) mark(m ErrorDetail) {
	text := cmp.Or(m.Code, m.Message, "mistake")
	for _, p := range c.places(m) {
		if !slices.Contains(c.codes[p], text) {
			c.codes[p] = append(c.codes[p], text)
		}
	}
}

// places returns where a mistake is; never nothing.
func (c *chart) places(m ErrorDetail) []place {
	for _, find := range []func(ErrorDetail) []place{c.byPath, c.byRaw, c.byOwn, c.byMessage} {
		if found := find(m); len(found) > 0 {
			return found
		}
	}
	return []place{{kind: placeNowhere}}
}

// An element of the graph in a path of any style: steps[2].promptId, transitions.1, /steps/2/name.
var elementInPath = regexp.MustCompile(`(?i)(?:^|[^a-z])(steps|transitions)(?:\[|\.|/)["']?([^\]./"']+)`)

func (c *chart) byPath(m ErrorDetail) []place {
	if found := elementInPath.FindStringSubmatch(m.Path); found != nil {
		kind, count := placeStep, len(c.workflow.Steps)
		if strings.EqualFold(found[1], "transitions") {
			kind, count = placeTransition, len(c.workflow.Transitions)
		}
		if i, err := strconv.Atoi(found[2]); err == nil && i >= 0 && i < count {
			return []place{{kind, i}}
		}
		return c.stepsOf(found[2])
	}
	switch string(jsonscan.Fold(nil, m.Path)) {
	case "":
		return nil
	case "entrystepkey", "workflowentrystepkey":
		return []place{{kind: placeEntry}}
	}
	if found := c.stepsOf(m.Path); found != nil {
		return found
	}
	key, _, _ := strings.Cut(m.Path, ".")
	return c.stepsOf(key)
}

// byRaw reads the keys that an entry has beside its path.
func (c *chart) byRaw(m ErrorDetail) []place {
	var members map[string]any
	if json.Unmarshal(m.Raw, &members) != nil {
		return nil
	}
	keys := make(map[string]string, len(members))
	for name, value := range members {
		if key, isText := value.(string); isText {
			keys[strings.ToLower(strings.ReplaceAll(name, "_", ""))] = key
		}
	}
	from, to := keys["fromstepkey"], keys["tostepkey"]
	if from != "" || to != "" {
		if found := c.transitions(func(t WorkflowTransition) bool {
			return (from == "" || t.FromStepKey == from) && (to == "" || t.ToStepKey == to)
		}); found != nil {
			return found
		}
	}
	return c.stepsOf(keys["stepkey"])
}

// byOwn finds the place of a mistake that Validate reports in the same words. The server's own
// details have no path.
func (c *chart) byOwn(m ErrorDetail) []place {
	var found []place
	for _, own := range c.own() {
		if own.Code == m.Code && own.Message == m.Message {
			found = append(found, c.byPath(own)...)
		}
	}
	return found
}

// A key in a sentence: in quotes of any kind, or the word after "step".
var keyInText = regexp.MustCompile("\"([^\"]+)\"|\\B'([^']+)'|`([^`]+)`|“([^”]+)”|(?i:\\bstep )([^\\s\"'`“,;:]+)")

func (c *chart) byMessage(m ErrorDetail) []place {
	var steps []place
	named := map[string]bool{}
	for _, groups := range keyInText.FindAllStringSubmatch(m.Message, 10) {
		key := cmp.Or(groups[1:]...)
		named[key] = true
		steps = append(steps, c.stepsOf(key)...)
	}
	ofTransition := strings.Contains(strings.ToLower(m.Message), "transition")
	if found := c.transitions(func(t WorkflowTransition) bool {
		from, to := named[t.FromStepKey], named[t.ToStepKey]
		return ofTransition && from && to || from && c.nodes[t.FromStepKey] == "" || to && c.nodes[t.ToStepKey] == ""
	}); found != nil {
		return found
	}
	return steps
}

func (c *chart) stepsOf(key string) []place {
	var found []place
	if key != "" {
		for i, step := range c.workflow.Steps {
			if step.StepKey == key {
				found = append(found, place{placeStep, i})
			}
		}
	}
	return found
}

func (c *chart) transitions(match func(WorkflowTransition) bool) []place {
	var found []place
	for i, t := range c.workflow.Transitions {
		if match(t) {
			found = append(found, place{placeTransition, i})
		}
	}
	return found
}

func (c *chart) draw() {
	c.out.WriteString("flowchart TD\n")
	entry := place{kind: placeEntry}
	c.node("start", `((`, `))`, c.label(entry, "start"))
	c.redden(&c.redNodes, "start", entry)
	for i, step := range c.workflow.Steps {
		c.step(i, step)
	}
	if key := c.workflow.EntryStepKey; key != "" {
		c.edge("start", c.nodeOf(key), "")
	}
	for i, t := range c.workflow.Transitions {
		from, to := c.nodeOf(t.FromStepKey), c.nodeOf(t.ToStepKey)
		at := place{placeTransition, i}
		c.redden(&c.redEdges, strconv.Itoa(c.edges), at)
		c.edge(from, to, c.label(at, string(t.TransitionType)))
	}
	if nowhere := (place{}); c.codes[nowhere] != nil {
		c.node("other", `[`, `]`, c.label(nowhere))
		c.redden(&c.redNodes, "other", nowhere)
	}
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

func (c *chart) step(i int, step WorkflowStep) {
	open, end := "[", "]"
	texts := []string{cmp.Or(step.StepKey, "no key")}
	switch step.StepType {
	case StepTypePrompt:
	case StepTypeTool:
		open, end = "[[", "]]"
	case StepTypeReturn:
		open, end = "([", "])"
	case StepTypeCondition:
		open, end = "{", "}"
	default:
		texts = append(texts, string(step.StepType))
	}
	if !strings.EqualFold(step.Name, step.StepKey) {
		texts = slices.Insert(texts, 1, step.Name)
	}
	at := place{placeStep, i}
	c.node(nodeID(i), open, end, c.label(at, texts...))
	c.redden(&c.redNodes, nodeID(i), at)
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

func (c *chart) redden(list *[]string, id string, at place) {
	if c.codes[at] != nil {
		*list = append(*list, id)
	}
}

const (
	maxChartText  = 60 // characters of a label's line
	maxChartCodes = 8  // mistakes listed at one place
)

// label returns the texts that are not empty, then the mistakes at the place, a line each.
func (c *chart) label(at place, texts ...string) string {
	codes := c.codes[at]
	if more := len(codes) - maxChartCodes; more > 0 {
		codes = append(slices.Clone(codes[:maxChartCodes]), fmt.Sprintf("and %d more", more))
	}
	var lines []string
	for _, text := range slices.Concat(texts, codes) {
		if text != "" {
			lines = append(lines, mermaidText(text))
		}
	}
	return strings.Join(lines, "<br/>")
}

// noSpace is the entity code of a space without width. It keeps "- x" from being a list, "$$x$$" a
// formula and "fa:fa-car" a picture: Mermaid looks for these after it has decoded the entity codes.
const noSpace = "#8203;"

// mermaidText writes a text for the inside of a quoted label. Everything that could mean something
// to Mermaid, Markdown or HTML becomes an entity code, such as "#34;" for a quote. Characters that
// cannot be seen, such as a line feed or a change of the writing direction, become U+FFFD.
func mermaidText(text string) string {
	var b strings.Builder
	if first, _ := utf8.DecodeRuneInString(text); !unicode.IsLetter(first) {
		b.WriteString(noSpace)
	}
	count := 0
	for _, r := range text {
		if count++; count > maxChartText {
			b.WriteString("…")
			break
		}
		switch {
		case r == ' ', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			b.WriteRune(r)
		case unicode.IsGraphic(r):
			fmt.Fprintf(&b, "#%d;", r)
			if r == '$' || r == ':' {
				b.WriteString(noSpace)
			}
		default:
			b.WriteRune(unicode.ReplacementChar)
		}
	}
	return b.String()
}
