package lenient

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

type raw []byte

func (r *raw) UnmarshalJSON(data []byte) error { *r = append((*r)[:0], data...); return nil }

type part struct {
	StepKey string `json:"stepKey"`
	Index   int    `json:"positionIndex"`
}

type record struct {
	ID        string            `json:"id"`
	PromptID  string            `json:"promptId"`
	Count     int               `json:"count"`
	Small     int8              `json:"small"`
	Size      uint              `json:"size"`
	Cost      float64           `json:"estimatedCost"`
	Done      bool              `json:"isDone"`
	Output    raw               `json:"output"`
	Part      *part             `json:"part"`
	Parts     []part            `json:"parts"`
	Tags      []string          `json:"domainTags"`
	ByName    map[string]part   `json:"byName"`
	Labels    map[string]string `json:"labels"`
	Any       any               `json:"any"`
	CreatedAt time.Time         `json:"createdAt"`
	Exact     json.Number       `json:"exactNumber"`
	Quoted    int               `json:"quoted,string"`
	Hidden    string            `json:"-"`
	Bytes     []byte            `json:"bytes"`
}

// open keeps what it does not know, and what its fields cannot hold.
type open struct {
	part

	Name  string         `json:"name"`
	Tags  []string       `json:"tags"`
	Parts []open         `json:"parts"`
	Rest  map[string]raw `json:"-" keep:""`
}

func (o *open) UnmarshalJSON(data []byte) error { return Object(data, o) }

// listing keeps two members.
type listing struct {
	part

	Name string         `json:"name"`
	Rest map[string]raw `json:"-" keep:"layout,stepKey"`
}

func (l *listing) UnmarshalJSON(data []byte) error { return Object(data, l) }

// outer embeds a type with a method, and has a field of its own.
type outer struct {
	*Inner
	Own string `json:"ownField"`
}

type Inner struct {
	ID   string
	seen int
}

func (i *Inner) UnmarshalJSON(data []byte) error {
	i.seen = len(data)
	var v struct{ ID string }
	err := json.Unmarshal(data, &v)
	i.ID = v.ID
	return err
}

func decodeRecord(t *testing.T, text string) (record, []string) {
	t.Helper()
	var r record
	var misfits []string
	require.NoError(t, Unmarshal([]byte(text), &r, func(e *json.UnmarshalTypeError) { misfits = append(misfits, e.Field+" "+e.Value) }))
	return r, misfits
}

func TestScalars(t *testing.T) {
	for text, want := range map[string]record{
		`{"id":4711}`:                      {ID: "4711"},
		`{"id":1.50}`:                      {ID: "1.50"},
		`{"id":true}`:                      {ID: "true"},
		`{"count":"1520"}`:                 {Count: 1520},
		`{"count":" 1520 "}`:               {Count: 1520},
		`{"count":3.0}`:                    {Count: 3},
		`{"count":1.52e3}`:                 {Count: 1520},
		`{"count":"-1.52E+3"}`:             {Count: -1520},
		`{"small":127.0}`:                  {Small: 127},
		`{"size":"7"}`:                     {Size: 7},
		`{"size":7.0}`:                     {Size: 7},
		`{"estimatedCost":"0.0123"}`:       {Cost: 0.0123},
		`{"estimatedCost":"1e-7"}`:         {Cost: 1e-7},
		`{"isDone":"true"}`:                {Done: true},
		`{"isDone":"TRUE"}`:                {Done: true},
		`{"isDone":1}`:                     {Done: true},
		`{"isDone":"0"}`:                   {},
		`{"part":"","id":"a"}`:             {ID: "a"},
		`{"part":[],"id":"a"}`:             {ID: "a"},
		`{"part":false,"id":"a"}`:          {ID: "a"},
		`{"part":0,"id":"a"}`:              {ID: "a"},
		`{"parts":"","id":"a"}`:            {ID: "a"},
		`{"parts":{},"id":"a"}`:            {ID: "a"},
		`{"labels":[],"id":"a"}`:           {ID: "a"},
		`{"id":{},"count":[]}`:             {},
		`{"id":[],"count":""}`:             {},
		`{"estimatedCost":"","count":" "}`: {},
		`{"count":false}`:                  {},
		`{"count":null,"id":1}`:            {ID: "1"},
		`{"parts":[{"stepKey":1},null,"",{"positionIndex":"2"}]}`: {Parts: []part{{StepKey: "1"}, {}, {}, {Index: 2}}},
		`{"domainTags":["a",1,null,true]}`:                        {Tags: []string{"a", "1", "", "true"}},
		`{"byName":{"x":{"stepKey":7}}}`:                          {ByName: map[string]part{"x": {StepKey: "7"}}},
		`{"labels":{"x":7}}`:                                      {Labels: map[string]string{"x": "7"}},
		`{"output":"7","count":"7"}`:                              {Output: raw(`"7"`), Count: 7},
		`{"any":"7","count":"7"}`:                                 {Any: "7", Count: 7},
		`{"exactNumber":"7","count":"7"}`:                         {Exact: "7", Count: 7},
		`{"quoted":"7","count":"7"}`:                              {Quoted: 7, Count: 7},
		`{"bytes":"YQ==","count":"7"}`:                            {Bytes: []byte("a"), Count: 7},
		`{"createdAt":"2026-01-02T00:00:00Z","count":"7"}`:        {CreatedAt: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), Count: 7},
		`{"id":"\u00e4\n","count":"7"}`:                           {ID: "ä\n", Count: 7},
		"{\"id\":\"\xff\",\"count\":\"7\"}":                       {ID: "\ufffd", Count: 7},
		`{"-":"x","Hidden":"x","count":"7"}`:                      {Count: 7},
	} {
		got, misfits := decodeRecord(t, text)
		assert.Equal(t, want, got, text)
		assert.Empty(t, misfits, text)
	}
}

func TestWhatDoesNotFit(t *testing.T) {
	for text, want := range map[string]string{
		`{"count":12.5}`:                        "count number",
		`{"count":"12 apples"}`:                 "count string",
		`{"count":1e400}`:                       "count number",
		`{"count":"9223372036854775808"}`:       "count string",
		`{"count":true}`:                        "count bool",
		`{"small":128}`:                         "small number",
		`{"size":-1}`:                           "size number",
		`{"estimatedCost":"NaN"}`:               "estimatedCost string",
		`{"estimatedCost":"0x1p3"}`:             "estimatedCost string",
		`{"estimatedCost":"1_000"}`:             "estimatedCost string",
		`{"isDone":"yes"}`:                      "isDone string",
		`{"isDone":2}`:                          "isDone number",
		`{"id":{"a":1}}`:                        "id object",
		`{"id":["a"]}`:                          "id array",
		`{"part":"x"}`:                          "part string",
		`{"part":{"stepKey":[1]}}`:              "part.stepKey array",
		`{"parts":{"a":1}}`:                     "parts object",
		`{"parts":[{"stepKey":[1]}]}`:           "parts.stepKey array",
		`{"byName":{"secret":{"stepKey":[]}}}`:  "",
		`{"byName":{"secret":{"stepKey":[1]}}}`: "byName.*.stepKey array",
		`{"bytes":7}`:                           "bytes number",
	} {
		got, misfits := decodeRecord(t, strings.TrimSuffix(text, "}")+`,"promptId":"p"}`)
		assert.Equal(t, "p", got.PromptID, text)
		assert.Equal(t, want, strings.Join(misfits, ", "), text)
	}
	_, misfits := decodeRecord(t, `{"parts":[{"stepKey":[1]},{"stepKey":{"a":1}}],"count":{"a":1}}`)
	assert.Equal(t, []string{"parts.stepKey array", "count object"}, misfits, "once a name")
}

func TestSpellings(t *testing.T) {
	for text, want := range map[string]record{
		`{"prompt_id":"a"}`:                             {PromptID: "a"},
		`{"Prompt_Id":"a","prompt_id":""}`:              {PromptID: "a"},
		`{"prompt_id" : "a"}`:                           {PromptID: "a"},
		`{"_id":"a","promptId":"b"}`:                    {ID: "a", PromptID: "b"},
		`{"_id":"a","id":"b"}`:                          {ID: "b"},
		`{"part":{"step_key":"a","position_index":1}}`:  {Part: &part{"a", 1}},
		`{"parts":[{"step_key":"a"}]}`:                  {Parts: []part{{StepKey: "a"}}},
		`{"by_name":{"x_y":{"step_key":"a"}}}`:          {ByName: map[string]part{"x_y": {StepKey: "a"}}},
		`{"promptId":"a","prompt_id":"b"}`:              {PromptID: "a"},
		`{"prompt_id":"b","promptId":"a"}`:              {PromptID: "a"},
		`{"promptId":"","prompt_id":"b"}`:               {PromptID: "b"},
		`{"prompt_id":"b","promptId":null}`:             {PromptID: "b"},
		`{"prompt_id":"b","PROMPTID":"c","promptId":0}`: {PromptID: "c"},
		`{"domain_tags":[],"domainTags":["a"]}`:         {Tags: []string{"a"}},
		`{"domain_tags":["b"],"domainTags":[ ]}`:        {Tags: []string{"b"}},
		`{"PROMPTID":"b","promptId":"a","count":"1"}`:   {PromptID: "a", Count: 1},
		`{"promptId":"a","PROMPTID":"b","count":"1"}`:   {PromptID: "a", Count: 1},
		`{"output":{"prompt_id":"a"}}`:                  {Output: raw(`{"prompt_id":"a"}`)},
		`{"output": {"prompt_id" : "<\u00e4>"} }`:       {Output: raw(`{"prompt_id" : "<\u00e4>"}`)},
		`{"labels":{"prompt_id":"a","promptId":"b"}}`:   {Labels: map[string]string{"prompt_id": "a", "promptId": "b"}},
		`{"any":{"prompt_id":"a"}}`:                     {Any: map[string]any{"prompt_id": "a"}},
		`{"prompt\u005fid":"a","created_at":null}`:      {PromptID: "a"},
	} {
		got, misfits := decodeRecord(t, text)
		assert.Equal(t, want, got, text)
		assert.Empty(t, misfits, text)
	}
}

func TestOpenTypes(t *testing.T) {
	var o open
	text := `{"name":7, "step_key":"a","label":"x","condition": {"a" : "<b>"},"n\u0061me2":null}`
	want := open{part: part{StepKey: "a"}, Name: "7", Rest: map[string]raw{"label": raw(`"x"`), "condition": raw(`{"a" : "<b>"}`), "name2": raw("null")}}
	require.NoError(t, Unmarshal([]byte(text), &o, nil))
	assert.Equal(t, want, o)
	require.NoError(t, json.Unmarshal([]byte(text), &o))
	assert.Equal(t, want.Rest["label"], o.Rest["label"])
	require.NoError(t, json.Unmarshal([]byte(`{"name":"b"}`), &o))
	assert.Nil(t, o.Rest, "of another object")
	var mismatch *json.UnmarshalTypeError
	require.ErrorAs(t, json.Unmarshal([]byte(`["a"]`), &o), &mismatch)
	for _, bad := range []string{"", "{", `{"name":`, "nul"} {
		require.Error(t, o.UnmarshalJSON([]byte(bad)))
	}
}

// What a field of an open type cannot hold is kept as it came. It is reported, and is no error.
func TestOpenTypesKeepWhatDoesNotFit(t *testing.T) {
	for text, want := range map[string]open{
		`{"positionIndex":1.5,"name":"a"}`:                    {Name: "a", Rest: map[string]raw{"positionIndex": raw("1.5")}},
		`{"position_index": {"a": 1} }`:                       {Rest: map[string]raw{"position_index": raw(`{"a": 1}`)}},
		`{"positionIndex":3.0,"name":null}`:                   {part: part{Index: 3}},
		`{"positionIndex":"","name":{}}`:                      {},
		`{"position_index":1.5,"positionIndex":2}`:            {part: part{Index: 2}},
		`{"position_index":1.5,"positionIndex":2.5}`:          {Rest: map[string]raw{"positionIndex": raw("2.5")}},
		`{"positionIndex":1,"positionIndex":1.5}`:             {Rest: map[string]raw{"positionIndex": raw("1.5")}},
		`{"tags":["a",7]}`:                                    {Tags: []string{"a", "7"}},
		`{"tags":["a",null]}`:                                 {Rest: map[string]raw{"tags": raw(`["a",null]`)}},
		`{"tags":["a",[]]}`:                                   {Rest: map[string]raw{"tags": raw(`["a",[]]`)}},
		`{"tags":{"a":1}}`:                                    {Rest: map[string]raw{"tags": raw(`{"a":1}`)}},
		`{"tags":{}}`:                                         {},
		`{"parts":[{"name":[1]},{"tags":"x"}]}`:               {Parts: []open{{Rest: map[string]raw{"name": raw("[1]")}}, {Rest: map[string]raw{"tags": raw(`"x"`)}}}},
		`{"parts":[{"name":"a"},null],"stepKey":"b"}`:         {part: part{StepKey: "b"}, Rest: map[string]raw{"parts": raw(`[{"name":"a"},null]`)}},
		`{"parts":[{"name":[1]},[]],"positionIndex":{"a":1}}`: {Rest: map[string]raw{"parts": raw(`[{"name":[1]},[]]`), "positionIndex": raw(`{"a":1}`)}},
	} {
		var o, again open
		require.NoError(t, Unmarshal([]byte(text), &o, nil))
		assert.Equal(t, want, o, text)
		require.NoError(t, json.Unmarshal([]byte(text), &again))
		assert.Equal(t, want, again, text)
	}
	var l listing
	require.NoError(t, json.Unmarshal([]byte(`{"layout":{"a":1},"grid":2,"step_key":["a"],"name":["b"],"positionIndex":7}`), &l))
	assert.Equal(t, listing{part: part{Index: 7}, Rest: map[string]raw{"layout": raw(`{"a":1}`), "step_key": raw(`["a"]`)}}, l)
	var holder struct {
		Open  *open `json:"open"`
		Count int   `json:"count"`
	}
	var misfits []string
	require.NoError(t, Unmarshal([]byte(`{"open":{"name":[1]},"count":[1]}`), &holder, func(e *json.UnmarshalTypeError) { misfits = append(misfits, e.Field) }))
	assert.Equal(t, []string{"open.name", "count"}, misfits)
	assert.Contains(t, holder.Open.Rest, "name")
	require.NoError(t, Unmarshal([]byte(`{"open":""}`), &holder, nil))
	assert.Nil(t, holder.Open)
}

func TestEmbeddedMethods(t *testing.T) {
	var v struct{ List []outer }
	require.NoError(t, Unmarshal([]byte(`{"list":[{"id":"a","own_field":"b"},{"ID":"c"},7]}`), &v, nil))
	require.Len(t, v.List, 3)
	assert.Equal(t, "a", v.List[0].ID)
	assert.Equal(t, "b", v.List[0].Own)
	assert.Equal(t, "c", v.List[1].ID)
	assert.Positive(t, v.List[0].seen)
}

type failing struct{}

func (*failing) UnmarshalJSON([]byte) error { return errFailing }

var errFailing = errors.New("failing")

func TestErrors(t *testing.T) {
	for _, text := range []string{"", " ", "{", `{"id":}`, `{"prompt_id":}`, "[1", "nul", `{"prompt_id":"a"} x`, strings.Repeat("[", 20000)} {
		var r record
		require.Error(t, Unmarshal([]byte(text), &r, nil), text)
		var list []record
		require.Error(t, Unmarshal([]byte(text), &list, nil), text)
	}
	var v struct {
		A failing
		B int `json:"bC"`
	}
	require.ErrorIs(t, Unmarshal([]byte(`{"A":1,"bC":2}`), &v, nil), errFailing)
	require.ErrorIs(t, Unmarshal([]byte(`{"A":1,"b_c":2}`), &v, nil), errFailing)
	assert.Equal(t, 2, v.B)
}

func TestMembers(t *testing.T) {
	members, ok := MembersOf(new(*record))
	require.True(t, ok)
	assert.True(t, members.Has([]byte("promptId")))
	assert.True(t, members.Has([]byte("prompt_id")))
	assert.False(t, members.Has([]byte("Hidden")))
	listed, _ := MembersOf(new(listing))
	assert.True(t, listed.Has([]byte("layout")) && listed.Has([]byte("name")))
	assert.False(t, listed.Has([]byte("lay")) || listed.Has(nil))
	assert.False(t, members.Has([]byte(strings.Repeat("x", 1000))))
	for _, v := range []any{new(int), new([]record), new(map[string]int), new(raw), new(time.Time), nil} {
		_, ok = MembersOf(v)
		assert.False(t, ok, "%T", v)
	}
}

// FuzzUnmarshal: the decoder of its own reads what encoding/json reads as encoding/json does, and
// takes nothing that is not JSON.
func FuzzUnmarshal(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"id":"a","count":1,"part":{"stepKey":"b"},"parts":[{},null],"output":[1, 2],"any":{"x":[1]}}`, `{"prompt_id":"a"}`, `{"id":1,"count":"2"}`,
		`{"byName":{"a":{}},"labels":{"":"x"},"domainTags":[]}`, `{"createdAt":"2026-01-02T00:00:00Z","exactNumber":1.5,"quoted":"7","bytes":"YQ=="}`,
		`[]`, `7`, `null`, `"x"`, `{"id":"\ud800"}`, `{"id":"a","id":null}`, `{"ID":"a"}`, `{"part":null,"parts":null}`, `{"count":1e2}`, " {\n} ",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var lenient, strict record
		misfits := 0
		err := Unmarshal(data, &lenient, func(*json.UnmarshalTypeError) { misfits++ })
		if (err == nil) != json.Valid(data) {
			var parse *time.ParseError
			if !errors.As(err, &parse) && !strings.Contains(err.Error(), "Time.UnmarshalJSON") && !strings.Contains(err.Error(), "quoted") &&
				!strings.Contains(err.Error(), "number literal") && !strings.Contains(err.Error(), "base64") && !strings.Contains(err.Error(), ",string") {
				t.Fatalf("%v", err)
			}
			return
		}
		if err != nil || json.Unmarshal(data, &strict) != nil || rootOf(reflect.TypeFor[record]()).otherSpelling(data) || unusual(data) {
			return
		}
		var slow record
		d := decoder{data: data}
		if err := d.decode(reflect.ValueOf(&slow).Elem()); err != nil || !reflect.DeepEqual(slow, strict) {
			t.Fatalf("%v: %+v instead of %+v", err, slow, strict)
		}
		if misfits > 0 {
			t.Fatal("misfits of what fits")
		}
	})
}

// unusual reports whether the two decoders may differ by design: names that come twice or in other
// spellings, and values that cancel each other.
func unusual(data []byte) bool {
	var tree any
	if json.Unmarshal(data, &tree) != nil {
		return true
	}
	compact, err := json.Marshal(tree)
	if err != nil {
		return true
	}
	if strings.Count(string(data), `":`)+strings.Count(string(data), `" `) > strings.Count(string(compact), `":`) {
		return true // a name came twice
	}
	odd := false
	var visit func(v any)
	visit = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			seen := map[string]bool{}
			for name, inner := range v {
				key := string(jsonscan.Fold(nil, name))
				odd = odd || seen[key] || key != strings.ToLower(name)
				for _, c := range name {
					odd = odd || c > 127
				}
				seen[key] = true
				visit(inner)
			}
		case []any:
			for _, inner := range v {
				visit(inner)
			}
		case float64:
			odd = odd || math.IsInf(v, 0)
		}
	}
	visit(tree)
	return odd
}

// BenchmarkUnmarshal shows what looking for other spellings costs, and what reading them does.
func BenchmarkUnmarshal(b *testing.B) {
	element := `{"id":"run_2xb5q8c7m1n4v6z9k3j0h8g5","promptId":"prm_7h3k9d2f5s8a1q4w6e0r2t5y","count":1520,"estimatedCost":0.0123,"isDone":true,` +
		`"part":{"stepKey":"draft_reply","positionIndex":1},"domainTags":["support_desk"],"createdAt":"2026-09-14T08:21:07.113Z"}`
	list := "[" + strings.Repeat(element+",", 999) + element + "]"
	for name, text := range map[string]string{
		"encoding/json": list, "as expected": list,
		"snake_case":  strings.NewReplacer("promptId", "prompt_id", "stepKey", "step_key").Replace(list),
		"other types": strings.ReplaceAll(list, "1520", `"1520"`),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				out := make([]record, 0, 1000)
				decode := func() error { return Unmarshal([]byte(text), &out, nil) }
				if name == "encoding/json" {
					decode = func() error { return json.Unmarshal([]byte(text), &out) }
				}
				if err := decode(); err != nil || len(out) != 1000 || out[999].PromptID == "" {
					b.Fatal(err, len(out))
				}
			}
		})
	}
}
