package promptorchestra

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// faulty is a graph with a mistake in its entry, in a step and in a transition.
func faulty() Workflow {
	return Workflow{
		Steps: []WorkflowStep{
			{StepKey: "urgent", Name: "Urgent?", StepType: StepTypeCondition},
			{StepKey: "answer", Name: "Answer", StepType: StepTypePrompt, PromptID: "prm_1"},
			{StepKey: "send", StepType: StepTypeTool},
			{StepKey: "done", Name: "done", StepType: StepTypeReturn},
			{StepKey: "again", StepType: "loop_step"},
		},
		Transitions: []WorkflowTransition{
			{FromStepKey: "urgent", ToStepKey: "escalate", TransitionType: TransitionTypeConditionTrue},
			{FromStepKey: "answer", ToStepKey: "done", TransitionType: TransitionTypeNext},
			{FromStepKey: "answer", ToStepKey: "send"},
		},
	}
}

func TestMermaid(t *testing.T) {
	sound := faulty()
	sound.EntryStepKey = "urgent"
	assert.Equal(t, `flowchart TD
    start(("start"))
    n0{"urgent<br/>Urgent?"}
    n1["answer"]
    n2[["send"]]
    n3(["done"])
    n4["again<br/>loop_step"]
    start --> n0
    m0["escalate<br/>missing"]
    n0 -->|"condition_true"| m0
    n1 -->|"next"| n3
    n1 --> n2
    classDef missing fill:#fff,stroke:#999,color:#666,stroke-dasharray:4
    class m0 missing
`, sound.Mermaid())
	assert.Equal(t, `flowchart TD
    start(("start<br/>missing_entry_step"))
    n0{"urgent<br/>Urgent?<br/>missing_condition_branch"}
    n1["answer"]
    n2[["send<br/>missing_tool"]]
    n3(["done"])
    n4["again<br/>loop_step"]
    m0["escalate<br/>missing"]
    n0 -->|"condition_true<br/>unknown_transition_target"| m0
    n1 -->|"next"| n3
    n1 --> n2
    classDef missing fill:#fff,stroke:#999,color:#666,stroke-dasharray:4
    class m0 missing
    classDef mistake fill:#fee,stroke:#c00,color:#900,stroke-width:2px
    class start,n0,n2 mistake
    linkStyle 0 stroke:#c00,color:#900,stroke-width:2px
`, faulty().Mermaid(faulty().Validate()...))
	assert.Equal(t, "flowchart TD\n    start((\"start\"))\n", Workflow{}.Mermaid())
}

func TestMermaidPlacesMistakes(t *testing.T) {
	const nowhere = "other"
	for name, c := range map[string]struct {
		mistake ErrorDetail
		want    []string // nodes, and edges by their transition
	}{
		"a path":                         {ErrorDetail{Path: "steps[2].toolId"}, []string{"n2"}},
		"a path below the graph":         {ErrorDetail{Path: "workflow.steps[2]"}, []string{"n2"}},
		"a JSON pointer":                 {ErrorDetail{Path: "/steps/2/toolId"}, []string{"n2"}},
		"a path with dots":               {ErrorDetail{Path: "steps.2.toolId"}, []string{"n2"}},
		"a path with a key":              {ErrorDetail{Path: `steps["send"].toolId`}, []string{"n2"}},
		"a path of a transition":         {ErrorDetail{Path: "transitions[1].toStepKey"}, []string{"transition 1"}},
		"a path of the entry":            {ErrorDetail{Path: "entryStepKey"}, []string{"start"}},
		"a path of the entry in snake":   {ErrorDetail{Path: "entry_step_key"}, []string{"start"}},
		"a key as the path":              {ErrorDetail{Path: "send"}, []string{"n2"}},
		"a key begins the path":          {ErrorDetail{Path: "send.toolId"}, []string{"n2"}},
		"a path out of range":            {ErrorDetail{Path: "steps[99].toolId"}, []string{nowhere}},
		"a negative index":               {ErrorDetail{Path: "steps[-1].toolId"}, []string{nowhere}},
		"a path that is no place":        {ErrorDetail{Path: "missteps[1]"}, []string{nowhere}},
		"a step key beside":              {ErrorDetail{Raw: RawJSON(`{"stepKey":"send"}`)}, []string{"n2"}},
		"a step key beside in snake":     {ErrorDetail{Raw: RawJSON(`{"step_key":"send","line":3}`)}, []string{"n2"}},
		"the ends of a transition":       {ErrorDetail{Raw: RawJSON(`{"fromStepKey":"answer","toStepKey":"done"}`)}, []string{"transition 1"}},
		"one end of a transition":        {ErrorDetail{Raw: RawJSON(`{"toStepKey":"escalate"}`)}, []string{"transition 0"}},
		"a path before a step key":       {ErrorDetail{Path: "steps[0]", Raw: RawJSON(`{"stepKey":"send"}`)}, []string{"n0"}},
		"a step in a sentence":           {ErrorDetail{Message: `The step "send" has no tool`}, []string{nowhere}},
		"the words of Validate":          {ErrorDetail{Code: "missing_entry_step", Message: "Entry step is required"}, []string{"start"}},
		"the words of Validate, a place": {ErrorDetail{Code: "missing_tool", Message: `Tool step "send" names no tool`}, []string{"n2"}},
		"no place":                       {ErrorDetail{Message: "Nobody knows this"}, []string{nowhere}},
		"nothing":                        {ErrorDetail{}, []string{nowhere}},
		"no JSON beside":                 {ErrorDetail{Raw: RawJSON(`{"stepKey":`)}, []string{nowhere}},
	} {
		t.Run(name, func(t *testing.T) {
			chart := faulty().Mermaid(c.mistake)
			assert.Equal(t, c.want, redOf(chart), chart)
		})
	}
}

func TestMermaidOfAnIssueOfTheServer(t *testing.T) {
	issue := WorkflowValidationIssue{Code: "missing_tool", Message: "No tool", StepKey: "send", Severity: "error"}
	assert.Equal(t, []string{"n2"}, redOf(faulty().Mermaid(issue.Detail())))
	assert.JSONEq(t, `{"code":"missing_tool","message":"No tool","path":"","stepKey":"send","severity":"error"}`, issue.Detail().Raw.String())
	issue.Path = "steps[1].promptId"
	assert.Equal(t, []string{"n1"}, redOf(faulty().Mermaid(issue.Detail())))
}

// redOf lists what a chart without an entry edge has in red.
func redOf(chart string) (red []string) {
	for line := range strings.Lines(chart) {
		if nodes, found := strings.CutPrefix(line, "    class "); found && strings.HasSuffix(nodes, " mistake\n") {
			red = append(red, strings.Split(strings.TrimSuffix(nodes, " mistake\n"), ",")...)
		}
		if edges, found := strings.CutPrefix(line, "    linkStyle "); found {
			edges, _, _ = strings.Cut(edges, " ")
			for edge := range strings.SplitSeq(edges, ",") {
				red = append(red, "transition "+edge)
			}
		}
	}
	return red
}

func TestMermaidListsMistakesOnceAndNotWithoutEnd(t *testing.T) {
	var mistakes []ErrorDetail
	for i := range 1000 {
		mistakes = append(mistakes, ErrorDetail{Code: fmt.Sprintf("code_%d", i), Path: "steps[0]"}, ErrorDetail{Code: "twice"})
	}
	chart := faulty().Mermaid(mistakes...)
	assert.Contains(t, chart, `code_7<br/>and 992 more"}`)
	assert.NotContains(t, chart, "code_8")
	assert.Contains(t, chart, `other["twice"]`)
	assert.Less(t, len(chart), 2000)
}

func TestMermaidOfSharedAndMissingKeys(t *testing.T) {
	w := Workflow{
		EntryStepKey: "nowhere",
		Steps:        []WorkflowStep{{StepKey: "a"}, {StepKey: "a"}, {}},
		Transitions:  []WorkflowTransition{{FromStepKey: "a", ToStepKey: "nowhere"}, {}},
	}
	chart := w.Mermaid(ErrorDetail{Code: "twice", Path: "a"})
	requireChart(t, chart)
	assert.Equal(t, []string{"n0", "n1"}, redOf(chart))
	assert.Contains(t, chart, "start --> m0\n")
	assert.Contains(t, chart, "n0 --> m0\n")
	assert.Contains(t, chart, "m1 --> m1\n", "a key that is empty names no step")
}

func transition(from, to, kind string) WorkflowTransition {
	return WorkflowTransition{FromStepKey: from, ToStepKey: to, TransitionType: TransitionType(kind)}
}

// hostile is what could break a chart, or be more than a text in it.
var hostile = []string{
	`"]; click n0 href "javascript:alert(1)"`, "end", "<img src=x onerror=alert(1)>", "</div><script>alert(1)</script>", "#quot;",
	"#35;#34;", "&lt;b&gt;&amp;", "1. first", "- item", "# heading", "**b** __u__ _i_", "`code`", "\"`markdown`\"", "$$x^2$$", "fa:fa-car",
	`%%{init: {"theme":"dark"}}%%`, "---\ntitle: x\n---", "a\nb\r\nc", "style n0 fill:#f00;", "classDef x fill:#f00;", "subgraph x",
	"n0 --> n1", "|x|", "{x}", "[[x]]", "((x))", "\u202eabc", "\x00\x1b[31m", "\xff\xfe", "ﬂ°°34¶ß", "日本語 😀", `\"`, "[x](javascript:alert(1))",
	"@{ shape: rounded }", ":::mistake", "<br/>", strings.Repeat("0", 10_000),
}

func TestMermaidIsNotBrokenByAnyText(t *testing.T) {
	var w Workflow
	var mistakes []ErrorDetail
	for i, text := range hostile {
		w.Steps = append(w.Steps, WorkflowStep{StepKey: text, Name: "name " + text, StepType: StepType(text)})
		w.Transitions = append(w.Transitions, transition(text, hostile[(i+1)%len(hostile)], text), transition(text, text+"?", ""))
		mistakes = append(mistakes, ErrorDetail{Code: text, Path: fmt.Sprintf("transitions[%d]", i)}, ErrorDetail{Code: text, Path: text}, ErrorDetail{Message: text})
	}
	for _, w.EntryStepKey = range hostile {
		requireChart(t, w.Mermaid(mistakes...))
	}
}

const (
	chartLabel = `"(?:[ !$'()+,\-./:?_0-9a-zA-Z]|[^\x00-\xa0°¶]|#\d+;|<br/>)*"`
	chartNode  = `(?:start|other|n\d+|m\d+)`
)

var (
	nodeLine  = regexp.MustCompile(`^(` + chartNode + `)(?:\(\(` + chartLabel + `\)\)|\[` + chartLabel + `\]|\[\[` + chartLabel + `\]\]|\(\[` + chartLabel + `\]\)|\{` + chartLabel + `\})$`)
	edgeLine  = regexp.MustCompile(`^(` + chartNode + `) -->(?:\|` + chartLabel + `\|)? (` + chartNode + `)$`)
	classLine = regexp.MustCompile(`^class (` + chartNode + `(?:,` + chartNode + `)*) (?:missing|mistake)$`)
	linkLine  = regexp.MustCompile(`^linkStyle (\d+(?:,\d+)*) stroke:#c00,color:#900,stroke-width:2px$`)
)

// requireChart fails unless every line of a chart is one that Mermaid writes, and names only what the chart has.
func requireChart(t testing.TB, chart string) {
	t.Helper()
	body, found := strings.CutPrefix(chart, "flowchart TD\n")
	require.True(t, found && strings.HasSuffix(body, "\n"), "%q", chart)
	var nodes, used []string
	var edges int
	for line := range strings.SplitSeq(strings.TrimSuffix(body, "\n"), "\n") {
		line, indented := strings.CutPrefix(line, "    ")
		require.True(t, indented, "%q", line)
		switch {
		case nodeLine.MatchString(line):
			id := nodeLine.FindStringSubmatch(line)[1]
			require.NotContains(t, nodes, id)
			nodes = append(nodes, id)
		case edgeLine.MatchString(line):
			used = append(used, edgeLine.FindStringSubmatch(line)[1:]...)
			edges++
		case classLine.MatchString(line):
			used = append(used, strings.Split(classLine.FindStringSubmatch(line)[1], ",")...)
		case linkLine.MatchString(line):
			for edge := range strings.SplitSeq(linkLine.FindStringSubmatch(line)[1], ",") {
				n, err := strconv.Atoi(edge)
				require.NoError(t, err)
				require.Less(t, n, edges)
			}
		default:
			require.True(t, strings.HasPrefix(line, "classDef "), "%q", line)
		}
	}
	for _, id := range used {
		require.True(t, slices.Contains(nodes, id), "%s is not declared in %s", id, chart)
	}
}

func FuzzWorkflowMermaid(f *testing.F) {
	for i, text := range hostile {
		f.Add(text, hostile[(i+1)%len(hostile)], hostile[(i+2)%len(hostile)], "steps[0].x", `{"stepKey":"a"}`)
	}
	f.Add("a", "b", `Transition from "a" to "b"`, "transitions[1]", `{"fromStepKey":"a"}`)
	f.Fuzz(func(t *testing.T, a, b, text, path, raw string) {
		w := Workflow{
			EntryStepKey: b,
			Steps:        []WorkflowStep{{StepKey: a, Name: text, StepType: StepTypeCondition}, {StepKey: b, StepType: StepType(text)}},
			Transitions:  []WorkflowTransition{transition(a, b, text), transition(b, text, ""), transition(path, a, "next")},
		}
		requireChart(t, w.Mermaid(
			ErrorDetail{Code: text, Message: text, Path: path, Raw: RawJSON(raw)},
			ErrorDetail{Message: a + text + b, Raw: RawJSON(raw)}, ErrorDetail{Code: path},
		))
	})
}

// An ordinary graph is below the renderer's limit of 50,000 characters.
func TestMermaidOfALargeGraph(t *testing.T) {
	w := Workflow{EntryStepKey: "step-1"}
	for i := range 400 {
		key := fmt.Sprintf("step-%d", i+1)
		w.Steps = append(w.Steps, WorkflowStep{StepKey: key, Name: fmt.Sprintf("Step %d: check the claim (again)", i+1), StepType: StepTypePrompt, PromptID: "prm_1"})
		w.Transitions = append(w.Transitions, transition(key, fmt.Sprintf("step-%d", min(i+2, 400)), "success"))
	}
	chart := w.Mermaid()
	requireChart(t, chart)
	assert.Less(t, len(chart), 50_000)
}

// Joiners are kept, and so is all else that cannot mean anything to Mermaid.
func TestMermaidKeepsWhatIsHarmless(t *testing.T) {
	for text, want := range map[string]string{
		"नमस्\u200dते":                       "नमस्\u200dते",
		"می\u200cخواهم":                      "می\u200cخواهم",
		"Check (it), then - perhaps - 50.5!": "Check (it), then - perhaps - 50.5!",
		"it's a/b: why?":                     "it's a/b: why?",
		"👩\u200d🚒 x":                         noSpace + "👩\u200d🚒 x",
		"see https://a.example":              "see https#58;" + noSpace + "//a.example",
		"style a:#fff;":                      "style a#58;" + noSpace + "#35;fff#59;",
		"classDef:":                          "classDef#58;" + noSpace,
		"a $$x$$":                            "a $" + noSpace + "$x$" + noSpace + "$",
		"fa:fa-car":                          "fa#58;" + noSpace + "fa-car",
		"a\nb\u202e":                         "a\ufffdb\ufffd",
		"ﬂ°°34¶ß":                            "ﬂ#176;#176;34#182;ß",
	} {
		assert.Equal(t, want, mermaidText(text), "%q", text)
	}
}

// 16 times the steps and mistakes take no more than some 16 times the work, whatever their keys are.
func TestMermaidIsLinear(t *testing.T) {
	draw := func(n int) (allocations float64, length int) {
		w := Workflow{EntryStepKey: "a"}
		var mistakes []ErrorDetail
		for i := range n {
			w.Steps = append(w.Steps, WorkflowStep{StepKey: "a"})
			w.Transitions = append(w.Transitions, transition("a", "a", "next"))
			for _, m := range []ErrorDetail{{Path: "a"}, {Raw: RawJSON(`{"stepKey":"a"}`)}, {Raw: RawJSON(`{"fromStepKey":"a"}`)}, {Code: "duplicate_step_key", Message: `Step key "a" is used twice`}} {
				m.Code = cmp.Or(m.Code, fmt.Sprintf("code_%d", i))
				mistakes = append(mistakes, m)
			}
		}
		allocations = testing.AllocsPerRun(1, func() { length = len(w.Mermaid(mistakes...)) })
		return allocations, length
	}
	few, short := draw(500)
	many, long := draw(8000)
	assert.Less(t, many, 20*few)
	assert.Less(t, long, 20*short)
}
