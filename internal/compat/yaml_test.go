package compat

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	yamlin3 "go.yaml.in/yaml/v3"
	yaml4 "go.yaml.in/yaml/v4"
	yaml3 "gopkg.in/yaml.v3"

	"github.com/prompt-orchestra/promptorchestra-go"
)

// A format is a YAML module.
type format struct {
	marshal   func(any) ([]byte, error)
	unmarshal func([]byte, any) error
	strict    func([]byte, any) error
}

var formats = map[string]format{
	"gopkg.in/yaml.v3": {yaml3.Marshal, yaml3.Unmarshal, func(text []byte, v any) error {
		dec := yaml3.NewDecoder(bytes.NewReader(text))
		dec.KnownFields(true)
		return dec.Decode(v)
	}},
	"go.yaml.in/yaml/v3": {yamlin3.Marshal, yamlin3.Unmarshal, func(text []byte, v any) error {
		dec := yamlin3.NewDecoder(bytes.NewReader(text))
		dec.KnownFields(true)
		return dec.Decode(v)
	}},
	"go.yaml.in/yaml/v4": {yaml4.Marshal, yaml4.Unmarshal, func(text []byte, v any) error {
		dec := yaml4.NewDecoder(bytes.NewReader(text))
		dec.KnownFields(true)
		return dec.Decode(v)
	}},
}

func eachFormat(t *testing.T, test func(t *testing.T, f format)) {
	t.Helper()
	for name, f := range formats {
		t.Run(name, func(t *testing.T) { test(t, f) })
	}
}

const graphInYAML = `
entryStepKey: draft
defaults: &defaults {stepType: prompt_step, promptId: prm_1}
steps:
  - <<: *defaults
    stepKey: draft
    name: "yes"
    positionIndex: 0
    condition: {all: [{left: "{{score}}", op: <, right: 0.50}], since: 2026-01-02, big: 12345678901234567890123, hex: 0x1F, on: null}
  - step_key: 2026-01-02
    positionIndex: 1.5
    promptId: {id: prm_2}
transitions:
  - {fromStepKey: draft, toStepKey: 2026-01-02, transitionType: next, label: low}
layout: {zoom: 2}
`

const graphInJSON = `{"entryStepKey":"draft","steps":[
	{"stepKey":"draft","name":"yes","stepType":"prompt_step","promptId":"prm_1","positionIndex":0,
	 "condition":{"all":[{"left":"{{score}}","op":"<","right":0.50}],"since":"2026-01-02","big":12345678901234567890123,"hex":31,"on":null}},
	{"stepKey":"2026-01-02","positionIndex":1.5,"promptId":{"id":"prm_2"}}],
	"transitions":[{"fromStepKey":"draft","toStepKey":"2026-01-02","transitionType":"next","label":"low"}],
	"layout":{"zoom":2},"defaults":{"stepType":"prompt_step","promptId":"prm_1"}}`

func TestWorkflowFromYAML(t *testing.T) {
	var want promptorchestra.Workflow
	if err := json.Unmarshal([]byte(graphInJSON), &want); err != nil {
		t.Fatal(err)
	}
	eachFormat(t, func(t *testing.T, f format) {
		var w, strict promptorchestra.Workflow
		if err := f.unmarshal([]byte(graphInYAML), &w); err != nil || !w.Equal(want) {
			t.Errorf("%v: %q", err, want.Diff(w))
		}
		if err := f.strict([]byte(graphInYAML), &strict); err != nil || !strict.Equal(want) {
			t.Errorf("strict: %v: %q", err, want.Diff(strict))
		}
		var file struct {
			Steps []promptorchestra.WorkflowStep `yaml:"steps"`
			Edge  *promptorchestra.WorkflowTransition
			Raw   promptorchestra.RawJSON
		}
		if err := f.unmarshal([]byte("steps: [{stepKey: a, x: 1}]\nedge: {fromStepKey: a, x: {y: [1]}}\nraw: [a, 1.50, {b: ~}]"), &file); err != nil {
			t.Fatal(err)
		}
		if file.Steps[0].StepKey != "a" || string(file.Steps[0].Extra["x"]) != "1" || string(file.Edge.Extra["x"]) != `{"y":[1]}` || string(file.Raw) != `["a",1.50,{"b":null}]` {
			t.Errorf("got %+v, %+v", file, file.Edge)
		}
	})
}

func TestKeysThatAreNotTexts(t *testing.T) {
	eachFormat(t, func(t *testing.T, f format) {
		for _, text := range []string{"1: a", "true: a", "steps: [{stepKey: a, condition: {x: {1.5: b}}}]", "null: a", "{a: 1}: b", "layout: [{2026-01-02: x}]"} {
			var w promptorchestra.Workflow
			if err := f.unmarshal([]byte(text), &w); err == nil {
				t.Errorf("%s: no error, %+v", text, w)
			}
		}
		for _, text := range []string{"[1]", "text", "layout: .nan", "steps: [a"} {
			var w promptorchestra.Workflow
			if err := f.unmarshal([]byte(text), &w); err == nil {
				t.Errorf("%s: no error, %+v", text, w)
			}
		}
	})
}

// What a workflow is written as in YAML is read as the same workflow.
func TestWorkflowThroughYAML(t *testing.T) {
	// Texts in a list that begin with a line feed are left out: yaml.v3 cannot read what it writes.
	values := []string{
		graphInJSON, "{}", `{"steps":{"a":{"b":[]}},"transitions":[null]}`, `{"layout":{"on":"off","y":"~","null":"null","":"","1":"1","1.5":"0x1F","a b":"2026-01-02"}}`,
		`{"text":"a\nb\n  c\n\n","tabs":"\ta\t","odd":"\u0000\u2028\ufeff\ud83d\ude00","long":"` + strings.Repeat("word ", 100) + `","` + strings.Repeat("k", 2000) + `":1}`,
		`{"n":[0,-0,1e3,1.5e-7,1e300,18446744073709551615,-9223372036854775808,0.1]}`,
		`{"lines":["a\nb"," a","a: b","- a","# a","{a","[a","*a","&a","!a","|","%a","@a","` + "`" + `a","'a","\"a","a #b","a:"]}`,
	}
	eachFormat(t, func(t *testing.T, f format) {
		for _, value := range values {
			var w, back promptorchestra.Workflow
			if err := json.Unmarshal([]byte(value), &w); err != nil {
				t.Fatal(err)
			}
			if value == graphInJSON {
				w.Steps[0].Extra["condition"] = promptorchestra.RawJSON(`{"a":0.50}`)
			}
			text, err := f.marshal(w)
			if err != nil {
				t.Fatalf("%s: %v", value, err)
			}
			if err := f.strict(text, &back); err != nil || !back.Equal(w) {
				t.Errorf("%s\n%s%v %q", value, text, err, w.Diff(back))
			}
		}
		for _, rounded := range []string{`{"n":12345678901234567890123}`, `{"n":[0.1234567890123456789]}`, `{"n":{"a":1e400}}`} {
			if text, err := f.marshal(promptorchestra.RawJSON(rounded)); err == nil || !strings.Contains(err.Error(), "round") {
				t.Errorf("%s: %v, %s", rounded, err, text)
			}
		}
		if text, err := f.marshal(promptorchestra.RawJSON(`{"a":{"<<":{"b":1}}}`)); err == nil {
			t.Errorf("%s", text)
		}
		if text, err := f.marshal(struct{ A promptorchestra.RawJSON }{}); err != nil || string(text) != "a: null\n" {
			t.Errorf("%q, %v", text, err)
		}
	})
}
