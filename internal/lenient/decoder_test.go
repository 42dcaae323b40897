package lenient

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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

// A text in the place of a list of texts is a list of one, or of its words if the field says so.
func TestTextInThePlaceOfAList(t *testing.T) {
	type kind string
	var v struct {
		Tags  []string   `json:"tags"`
		Kinds []kind     `json:"kinds"`
		Words []string   `json:"words" split:"spaces"`
		Lists [][]string `json:"lists"`
		Bytes []byte     `json:"bytes"`
		Count []int      `json:"count"`
	}
	var misfits []string
	text := `{"tags":" a b ","kinds":"x","words":"a\tb  c","lists":["a"],"bytes":"YQ==","count":"1","n":1}`
	require.NoError(t, Unmarshal([]byte(text), &v, func(e *json.UnmarshalTypeError) { misfits = append(misfits, e.Field) }))
	assert.Equal(t, []string{"a b"}, v.Tags)
	assert.Equal(t, []kind{"x"}, v.Kinds)
	assert.Equal(t, []string{"a", "b", "c"}, v.Words)
	assert.Equal(t, []byte("a"), v.Bytes)
	assert.Equal(t, []string{"lists", "count"}, misfits, "only a list of texts takes a text")
	require.NoError(t, Unmarshal([]byte(`{"tags":" ","words":"","kinds":7}`), &v, nil))
	assert.Nil(t, v.Tags)
	assert.Nil(t, v.Words)
	assert.Nil(t, v.Kinds)
}
