package promptorchestra_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest/apidocs"
)

// openTypes returns the structs that some method returns and some method takes.
func openTypes() []reflect.Type {
	read, written := map[reflect.Type]bool{}, map[reflect.Type]bool{}
	for _, m := range apidocs.Methods(reflect.TypeFor[promptorchestra.Client]()) {
		for i := range m.Type.NumOut() {
			reach(m.Type.Out(i), true, read)
		}
		for i := 2; i < m.Type.NumIn()-1; i++ { // after the receiver and ctx, before the options
			reach(m.Type.In(i), false, written)
		}
	}
	maps.DeleteFunc(read, func(t reflect.Type, _ bool) bool { return !written[t] })
	return slices.SortedFunc(maps.Keys(read), func(a, b reflect.Type) int { return strings.Compare(a.Name(), b.Name()) })
}

// reach adds a type, if it is a struct, what its fields hold and, if asked, what its methods return.
func reach(t reflect.Type, methods bool, to map[reflect.Type]bool) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		reach(t.Elem(), methods, to)
	case reflect.Struct:
		if to[t] || t.PkgPath() != reflect.TypeFor[promptorchestra.Client]().PkgPath() || strings.HasPrefix(t.Name(), "Opt[") {
			return
		}
		to[t] = true
		for i := range t.NumField() {
			reach(t.Field(i).Type, methods, to)
		}
		for i := 0; methods && i < reflect.PointerTo(t).NumMethod(); i++ {
			if m := reflect.PointerTo(t).Method(i); m.Type.NumIn() == 1 { // such as Workflow of an agent
				reach(m.Type.Out(0), methods, to)
			}
		}
	default:
	}
}

func TestWhatIsReadAndWrittenHasExtra(t *testing.T) {
	var names []string
	for _, typ := range openTypes() {
		names = append(names, typ.Name())
		extra, has := typ.FieldByName("Extra")
		assert.True(t, has && extra.Type == reflect.TypeFor[map[string]promptorchestra.RawJSON](), typ)
		assert.Equal(t, `json:"-" keep:""`, string(extra.Tag), typ)
	}
	assert.Equal(t, []string{"PromptAttachment", "ToolAttachment", "ToolCapability", "Workflow", "WorkflowStep", "WorkflowTransition"}, names)
}

// saved returns what is sent after an agent with these members was read and its graph was changed.
func saved(t *testing.T, members string, change func(*promptorchestra.Workflow)) string {
	t.Helper()
	server := &keeper{body: []byte(`{"id":"agt_1","versionId":"ver_1",` + members + `}`)}
	client := apitest.NewClient(t, server)
	agent, err := client.Agents.Get(t.Context(), "agt_1")
	require.NoError(t, err)
	w := agent.Workflow()
	if change != nil {
		change(&w)
	}
	_, err = client.Agents.SaveWorkflow(t.Context(), agent.VersionID, w)
	require.NoError(t, err)
	return strings.TrimPrefix(string(server.body), `{"organizationId":"org_1",`)
}

func TestWhatAFieldCannotHoldIsSentAsItCame(t *testing.T) {
	for members, want := range map[string]string{
		`"steps":[{"stepKey":"a","positionIndex":1.5}]`:                                `"steps":[{"stepKey":"a","positionIndex":1.5}],"transitions":[]}`,
		`"steps":[{"stepKey":"a","positionIndex":"x"}]`:                                `"steps":[{"stepKey":"a","positionIndex":"x"}],"transitions":[]}`,
		`"steps":[{"stepKey":"a","promptId":{"id":"prm_1"}}]`:                          `"steps":[{"stepKey":"a","positionIndex":0,"promptId":{"id":"prm_1"}}],"transitions":[]}`,
		`"steps":[{"stepKey":"a","name":{"en":"x"}}]`:                                  `"steps":[{"stepKey":"a","positionIndex":0,"name":{"en":"x"}}],"transitions":[]}`,
		`"steps":[{"step_key":["a","b"]}]`:                                             `"steps":[{"positionIndex":0,"step_key":["a","b"]}],"transitions":[]}`,
		`"steps":{"a":{"stepKey":"a"}},"transitions":[{"source":"a","target":"b"}]`:    `"transitions":[{"source":"a","target":"b"}],"steps":{"a":{"stepKey":"a"}}}`,
		`"steps":[{"stepKey":"a"},"b",null]`:                                           `"transitions":[],"steps":[{"stepKey":"a"},"b",null]}`,
		`"steps":[null]`:                                                               `"transitions":[],"steps":[null]}`,
		`"steps":"a, b"`:                                                               `"transitions":[],"steps":"a, b"}`,
		`"entryStepKey":{"key":"a"},"transitions":{"a":["b"]}`:                         `"steps":[],"entryStepKey":{"key":"a"},"transitions":{"a":["b"]}}`,
		`"steps":{},"transitions":""`:                                                  `"steps":[],"transitions":[]}`,
		`"steps":null,"entryStepKey":""`:                                               `"steps":[],"transitions":[]}`,
		`"steps":[{"stepKey":"a","name":"","promptId":null,"skillId":"","note":null}]`: `"steps":[{"stepKey":"a","positionIndex":0,"note":null}],"transitions":[]}`,
		`"steps":[{}],"transitions":[{"fromStepKey":"a","transitionType":["x"]}]`:      `"steps":[{"positionIndex":0}],"transitions":[{"fromStepKey":"a","transitionType":["x"]}]}`,
	} {
		assert.Equal(t, want, saved(t, members, nil), members)
	}
}

func TestAFieldThatWasSetWinsOverExtra(t *testing.T) {
	assert.Equal(t, `"steps":[{"stepKey":"a","name":"A","promptId":"prm_2","positionIndex":2}],"transitions":[]}`,
		saved(t, `"steps":[{"stepKey":"a","positionIndex":1.5,"prompt_id":{"id":"prm_1"},"name":["x"]}]`, func(w *promptorchestra.Workflow) {
			w.Steps[0].Name, w.Steps[0].PromptID, w.Steps[0].PositionIndex = "A", "prm_2", 2
		}))
	assert.Equal(t, `"steps":[],"transitions":[]}`,
		saved(t, `"steps":{"a":{}}`, func(w *promptorchestra.Workflow) { w.Steps = []promptorchestra.WorkflowStep{} }))
	assert.Equal(t, `"steps":[{"stepKey":"b","positionIndex":0}],"transitions":[]}`,
		saved(t, `"steps":{"a":{}}`, func(w *promptorchestra.Workflow) { w.Steps = []promptorchestra.WorkflowStep{{StepKey: "b"}} }))
}

// A graph that is an object of its own comes back whole. Beside the agent's members, what may be the
// agent's is left out.
func TestWorkflowOfAnAgent(t *testing.T) {
	const own = `{"entryStepKey":"a","steps":[{"stepKey":"a"}],"layout":{"zoom":2.0},"tags":[]}`
	const want = `"entryStepKey":"a","steps":[{"stepKey":"a","positionIndex":0}],"transitions":[],"layout":{"zoom":2.0},"tags":[]}`
	for members, want := range map[string]string{
		`"workflow":` + own: want,
		`"graph":` + own:    want,
		`"graph":{"id":"g"},"workflow":` + own + `,"layout":1`:               want,
		`"workflow":` + own + `,"entryStepKey":"b","steps":[],"owner":"x"`:   want,
		`"workflow":` + own + `,"entryStepKey":"b","steps":[{"name":"b"}]`:   want,
		`"workflow":{"steps":{"a":{}},"x":1},"entryStepKey":"a"`:             `"entryStepKey":"a","transitions":[],"steps":{"a":{}},"x":1}`,
		`"entryStepKey":"a","steps":[{"stepKey":"a"}],"layout":{"zoom":2}`:   `"entryStepKey":"a","steps":[{"stepKey":"a","positionIndex":0}],"transitions":[]}`,
		`"workflow":"wf_1","entryStepKey":"a","steps":[{"stepKey":"a"}]`:     `"entryStepKey":"a","steps":[{"stepKey":"a","positionIndex":0}],"transitions":[]}`,
		`"workflow":{"id":"wf_1"},"entryStepKey":"a","steps":[{"name":"a"}]`: `"entryStepKey":"a","steps":[{"name":"a","positionIndex":0}],"transitions":[]}`,
	} {
		assert.Equal(t, want, saved(t, members, nil), members)
	}
}

func TestWorkflowWithAMemberThatIsKnownToBeTheGraphs(t *testing.T) {
	server := &keeper{body: []byte(`{"id":"agt_1","entryStepKey":"a","steps":[{"stepKey":"a"}],"layout":{"zoom":2},"owner":"x"}`)}
	client := apitest.NewClient(t, server)
	var known struct{ Layout promptorchestra.RawJSON }
	agent, err := client.Agents.Get(t.Context(), "agt_1", promptorchestra.WithInto(&known))
	require.NoError(t, err)
	workflow := agent.Workflow()
	workflow.Extra = map[string]promptorchestra.RawJSON{"layout": known.Layout}
	_, err = client.Agents.SaveWorkflow(t.Context(), "ver_1", workflow)
	require.NoError(t, err)
	assert.Equal(t, `{"organizationId":"org_1","entryStepKey":"a","steps":[{"stepKey":"a","positionIndex":0}],"transitions":[],"layout":{"zoom":2}}`, string(server.body))
}

// A tool's capability is read, changed and written with what the SDK does not know of it.
func TestCapabilityIsKept(t *testing.T) {
	var sent []byte
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			sent, _ = io.ReadAll(r.Body)
		}
		_, _ = io.WriteString(w, `{"id":"tol_1","capability":{"category":"data","risk_level":"safe","approvalRequired":true,"domainTags":[{"id":1},"x"],"accessMode":{},"intendedUse":""}}`)
	}))
	tool, err := client.Tools.Get(t.Context(), "tol_1")
	require.NoError(t, err)
	capability := *tool.Capability
	capability.RiskLevel = promptorchestra.ToolRiskLevelCaution
	_, err = client.Tools.CreateVersion(t.Context(), "tol_1", promptorchestra.ToolVersionCreateParams{Capability: capability})
	require.NoError(t, err)
	assert.Equal(t, `{"organizationId":"org_1","capability":{"category":"data","riskLevel":"caution","approvalRequired":true,"domainTags":[{"id":1},"x"]}}`, string(sent))
	_, err = client.Tools.CreateVersion(t.Context(), "tol_1", promptorchestra.ToolVersionCreateParams{Capability: promptorchestra.ToolCapability{DomainTags: []string{}}})
	require.NoError(t, err)
	assert.Equal(t, `{"organizationId":"org_1","capability":{}}`, string(sent))
}

func TestAttachmentsAreSentAsTheyCame(t *testing.T) {
	server := &keeper{body: []byte(`{"id":"skl_1","versions":[{"id":"skv_1","promptComposition":[{"promptId":{"id":"p"},"attachmentMode":"pinned_version","version_number":"latest"}],` +
		`"tools":[{"tool_id":{"id":"t"},"positionIndex":0.5}]}]}`)}
	client := apitest.NewClient(t, server)
	skill, err := client.Skills.Get(t.Context(), "skl_1")
	require.NoError(t, err)
	version := skill.Versions[0]
	_, err = client.Skills.ReplacePrompts(t.Context(), "skv_1", []promptorchestra.PromptAttachment{version.PromptComposition[0].PromptAttachment})
	require.NoError(t, err)
	assert.Equal(t, `{"organizationId":"org_1","prompts":[{"attachmentMode":"pinned_version","positionIndex":0,"promptId":{"id":"p"},"version_number":"latest"}]}`, string(server.body))
	_, err = client.Skills.ReplaceTools(t.Context(), "skv_1", version.Tools)
	require.NoError(t, err)
	assert.Equal(t, `{"organizationId":"org_1","tools":[{"positionIndex":0.5,"tool_id":{"id":"t"}}]}`, string(server.body))
}

// FuzzOpenTypes: what is read and written again is the same JSON value, but for empty members that
// go, scalars in the form of their field, and the position and lists that are always sent. So it is
// after a field was set, but for that field.
func FuzzOpenTypes(f *testing.F) {
	apidocs.AddFiles(f, "records/*.json", func(data []byte) { f.Add(data) })
	for _, seed := range []string{
		`{"steps":[{"stepKey":7,"name":{"a":[1,"<b>"]},"":null,"positionIndex":1.5}],"transitions":[{"label":1.50,"to_step_key":true}],"entry_step_key":"","layout":[]}`,
		`{"steps":{"a":1},"transitions":[null],"positionIndex":"3.0","versionNumber":-0,"toolId":[],"domainTags":["a",1,false]}`,
		`{"domainTags":["a",{}],"category":{},"name":null,"version_number":"x","promptId":1e400,"positionIndex":1e400}`,
		`{"steps":[{},[]],"entryStepKey":["a"],"Steps2":{"n":1e999999999},"\u0061":"\ud83d\ude00"}`,
	} {
		f.Add([]byte(seed))
	}
	types := openTypes()
	f.Fuzz(func(t *testing.T, data []byte) {
		if !json.Valid(data) || bytes.TrimSpace(data)[0] != '{' || hasTwins(data) {
			t.Skip()
		}
		for _, typ := range types {
			v := reflect.New(typ)
			require.NoError(t, json.Unmarshal(data, v.Interface()), typ)
			want := expected(treeOf(t, data), typ).(map[string]any)
			requireSameJSON(t, want, v)

			v.Elem().Field(0).SetString("changed") // of each type, the first field is a text
			first := typ.Field(0)
			maps.DeleteFunc(want, func(other string, _ any) bool { return fieldNamed(typ, other) == 0 })
			want[memberName(first)] = "changed"
			requireSameJSON(t, want, v)
		}
	})
}

func requireSameJSON(t *testing.T, want any, v reflect.Value) {
	t.Helper()
	encoded, err := json.Marshal(v.Interface())
	require.NoError(t, err)
	text, err := json.Marshal(want)
	require.NoError(t, err)
	require.True(t, promptorchestra.RawJSON(text).Equal(encoded), "%v: %s instead of %s", v.Type(), encoded, text)
}

func memberName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// fieldNamed returns the field of a member, in any spelling, or -1.
func fieldNamed(typ reflect.Type, member string) int {
	return slices.IndexFunc(reflect.VisibleFields(typ), func(f reflect.StructField) bool {
		return f.Name != "Extra" && plain(memberName(f)) == plain(member)
	})
}

func plain(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < utf8.RuneSelf && !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '@' && r != '$':
			return -1
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return r
	}, name)
}

// hasTwins reports whether an object has two members of one name, in any spelling.
func hasTwins(data []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var value func() bool
	value = func() bool {
		token, err := dec.Token()
		if err != nil {
			return true
		}
		twins, names := false, map[string]bool{}
		for open := token; dec.More() && (open == json.Delim('{') || open == json.Delim('[')); {
			if open == json.Delim('{') {
				name, _ := dec.Token()
				key := plain(name.(string))
				twins = twins || names[key]
				names[key] = true
			}
			twins = value() || twins
		}
		if _, opened := token.(json.Delim); opened {
			_, _ = dec.Token()
		}
		return twins
	}
	return value()
}

func treeOf(t *testing.T, data []byte) (tree any) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	require.NoError(t, dec.Decode(&tree), "%s", data)
	return tree
}

// expected is a tree that was read as a type and written again, by the rule.
func expected(tree any, typ reflect.Type) any {
	want := map[string]any{}
	for _, f := range reflect.VisibleFields(typ) {
		switch tag := f.Tag.Get("json"); {
		case tag == "-" || strings.Contains(tag, ","):
		case f.Type.Kind() == reflect.Slice: // always sent
			want[tag] = []any{}
		default:
			want[tag] = 0
		}
	}
	for given, value := range tree.(map[string]any) {
		i := fieldNamed(typ, given)
		if i < 0 {
			want[given] = value
			continue
		}
		name := memberName(typ.Field(i))
		switch held, fits := hold(value, typ.Field(i).Type); {
		case !fits:
			delete(want, name)
			want[given] = value
		case held != nil:
			want[name] = held
		}
	}
	return want
}

// hold returns a value as a field has it, nil for an empty one, and whether the field can hold it.
func hold(value any, typ reflect.Type) (held any, fits bool) {
	switch typ.Kind() {
	case reflect.String:
		return holdText(value)
	case reflect.Slice:
		list, is := value.([]any)
		if !is || len(list) == 0 {
			return nil, isEmptyTree(value)
		}
		all := make([]any, len(list))
		for i, element := range list {
			if all[i], fits = holdElement(element, typ.Elem()); !fits {
				return nil, false
			}
		}
		return all, true
	default:
		return holdInteger(value)
	}
}

func holdElement(element any, typ reflect.Type) (held any, fits bool) {
	if typ.Kind() != reflect.String {
		if _, is := element.(map[string]any); !is {
			return nil, false
		}
		return expected(element, typ), true
	}
	if element == "" {
		return "", true
	}
	held, fits = holdText(element)
	return held, fits && held != nil
}

func holdText(value any) (held any, fits bool) {
	switch value := value.(type) {
	case string:
		if value == "" {
			return nil, true
		}
		return value, true
	case json.Number:
		return string(value), true
	case bool:
		return strconv.FormatBool(value), true
	default:
		return nil, isEmptyTree(value)
	}
}

func holdInteger(value any) (held any, fits bool) {
	if isEmptyTree(value) {
		return nil, true
	}
	var text string
	switch value := value.(type) {
	case string:
		text = strings.TrimSpace(value)
	case json.Number:
		text = string(value)
	}
	if text == "" {
		_, isText := value.(string)
		return nil, isText
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if f, floatErr := strconv.ParseFloat(text, 64); err != nil {
		if floatErr != nil || f != math.Trunc(f) || math.Abs(f) > 1<<62 || strings.Trim(text, "0123456789+-.eE") != "" {
			return nil, false
		}
		n = int64(f)
	}
	if n == 0 {
		return nil, true
	}
	return n, true
}

func isEmptyTree(value any) bool {
	switch value := value.(type) {
	case map[string]any:
		return len(value) == 0
	case []any:
		return len(value) == 0
	case json.Number:
		f, err := value.Float64()
		return err == nil && f == 0
	default:
		return value == nil || value == false || value == ""
	}
}
