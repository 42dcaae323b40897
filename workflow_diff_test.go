package promptorchestra_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

const deployed = `{"entryStepKey":"a","steps":[` +
	`{"stepKey":"a","name":"A","stepType":"prompt_step","promptId":"prm_1","positionIndex":0,"condition":{"op":"<","right":1}},` +
	`{"stepKey":"b","positionIndex":1},{"stepKey":"c","positionIndex":2}],` +
	`"transitions":[{"fromStepKey":"a","toStepKey":"b","transitionType":"next","label":"x"},{"fromStepKey":"b","toStepKey":"c"}],"layout":{"zoom":2}}`

func workflowOf(t *testing.T, text string) (w promptorchestra.Workflow) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), &w))
	return w
}

func TestWorkflowDiff(t *testing.T) {
	for name, c := range map[string]struct {
		old, other string // in deployed
		want       []string
	}{
		"nothing":                  {"", "", nil},
		"another form":             {`"layout":{"zoom":2}`, `"layout": { "zoom" : 2.0e0 }`, nil},
		"the entry":                {`"entryStepKey":"a"`, `"entryStepKey":"b"`, []string{`entryStepKey: "a" -> "b"`}},
		"no entry":                 {`"entryStepKey":"a",`, ``, []string{`entryStepKey: "a" -> none`}},
		"a prompt":                 {`"prm_1"`, `"prm_2"`, []string{`step "a": promptId: "prm_1" -> "prm_2"`}},
		"a version":                {`"positionIndex":1}`, `"positionIndex":1,"promptVersionId":"v"}`, []string{`step "b": promptVersionId: none -> "v"`}},
		"what no field is for":     {`"right":1`, `"right":2`, []string{`step "a": condition: {"op":"<","right":1} -> {"op":"<","right":2}`}},
		"what a field cannot hold": {`"positionIndex":1}`, `"positionIndex":1.5}`, []string{`step "b": positionIndex: 1 -> 1.5`}},
		"a step more":              {`"positionIndex":2}]`, `"positionIndex":2},{"stepKey":"d"}]`, []string{`step "d": added`}},
		"a step less":              {`{"stepKey":"b","positionIndex":1},`, ``, []string{`step "b": removed`}},
		"another order": {`{"stepKey":"b","positionIndex":1},{"stepKey":"c","positionIndex":2}`, `{"stepKey":"c","positionIndex":2},{"stepKey":"b","positionIndex":1}`, []string{
			`steps: in another order, from step "c" on`,
		}},
		"a key twice":       {`{"stepKey":"c",`, `{"stepKey":"b",`, []string{`step "c": removed`, `step "b" no. 2: added`}},
		"a transition more": {`"label":"x"}`, `"label":"x"},{"fromStepKey":"a","toStepKey":"c","transitionType":"failure"}`, []string{`transition "a" -> "c" (failure): added`}},
		"a transition less": {`,{"fromStepKey":"b","toStepKey":"c"}`, ``, []string{`transition "b" -> "c": removed`}},
		"a label":           {`"label":"x"`, `"label":"y"`, []string{`transition "a" -> "b" (next): label: "x" -> "y"`}},
		"the layout":        {`"layout":{"zoom":2}`, `"layout":[]`, []string{`layout: {"zoom":2} -> []`}},
		"steps as an object": {deployed[strings.Index(deployed, `"steps"`):strings.Index(deployed, `,"transitions"`)], `"steps":{"a":1}`, []string{
			`steps: [] -> {"a":1}`, `step "a": removed`, `step "b": removed`, `step "c": removed`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w, other := workflowOf(t, deployed), workflowOf(t, strings.Replace(deployed, c.old, c.other, 1))
			assert.Equal(t, c.want, w.Diff(other))
			assert.Equal(t, c.want == nil, w.Equal(other))
			assert.Equal(t, c.want == nil, other.Diff(w) == nil)
		})
	}
}

// What differs is shown, however far it is from the beginning, and a line stays a line.
func TestWorkflowDiffIsForALine(t *testing.T) {
	long := strings.Repeat("ä ", 5000)
	a := promptorchestra.Workflow{Steps: []promptorchestra.WorkflowStep{{StepKey: long, Name: long + "old\n\u202e end" + long}}}
	b := promptorchestra.Workflow{Steps: []promptorchestra.WorkflowStep{{StepKey: long, Name: long + "new" + long, PromptID: "x"}}, Extra: map[string]promptorchestra.RawJSON{long: []byte("1")}}
	lines := a.Diff(b)
	require.Len(t, lines, 3)
	assert.Contains(t, lines[1], "old")
	assert.Contains(t, lines[1], "new")
	for _, line := range lines {
		assert.LessOrEqual(t, utf8.RuneCountInString(line), 300)
		assert.False(t, strings.ContainsFunc(line, unicode.IsControl), "%q", line)
		assert.True(t, utf8.ValidString(line), "%q", line)
	}
}

func TestWorkflowEqual(t *testing.T) {
	w := workflowOf(t, deployed)
	assert.True(t, w.Equal(workflowOf(t, deployed)))
	assert.True(t, promptorchestra.Workflow{}.Equal(promptorchestra.Workflow{Steps: []promptorchestra.WorkflowStep{}, Extra: map[string]promptorchestra.RawJSON{"absent": nil}}))
	w.Steps = slices.Clone(w.Steps)
	w.Steps[0], w.Steps[1] = w.Steps[1], w.Steps[0]
	assert.False(t, w.Equal(workflowOf(t, deployed)))
	broken := promptorchestra.Workflow{Extra: map[string]promptorchestra.RawJSON{"x": promptorchestra.RawJSON("{")}}
	again := broken
	assert.True(t, broken.Equal(again))
	assert.False(t, broken.Equal(promptorchestra.Workflow{}))
	assert.Len(t, broken.Diff(promptorchestra.Workflow{}), 3)
}

// FuzzWorkflowDiff: there are differences if and only if the workflows are not equal.
func FuzzWorkflowDiff(f *testing.F) {
	f.Add([]byte(deployed), []byte(strings.ReplaceAll(deployed, `"b"`, `"c"`)))
	f.Add([]byte(`{"steps":[{"stepKey":"a"},{"stepKey":"a","x":1}]}`), []byte(`{"steps":[{"stepKey":"a","x":1},{"stepKey":"a"}],"transitions":[{},{}]}`))
	f.Add([]byte(`{"steps":{"a":1},"entryStepKey":[1]}`), []byte(`{"steps":[],"entryStepKey":"b"}`))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		var a, b promptorchestra.Workflow
		if json.Unmarshal(one, &a) != nil || json.Unmarshal(two, &b) != nil {
			t.Skip()
		}
		for _, other := range []promptorchestra.Workflow{a, b} {
			assert.Equal(t, a.Equal(other), len(a.Diff(other)) == 0, "%v", a.Diff(other))
			assert.Equal(t, a.Equal(other), other.Equal(a))
		}
	})
}
