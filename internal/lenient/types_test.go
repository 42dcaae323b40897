package lenient

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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

// Of several fields with one name the same one decodes as with encoding/json.
func TestFieldsOfOneName(t *testing.T) {
	type Inner struct {
		A string `json:"name"`
		B string
		C string
	}
	type Other struct {
		B string
		C string `json:"C"`
		D string
	}
	type Tagged struct {
		Name  string
		Inner `json:"inner"`
	}
	type hidden struct{ E string }
	for _, v := range []any{
		new(struct{ Inner }), new(struct {
			Inner
			Other
		}), new(struct {
			Inner
			Other
			B string
		}), new(struct {
			*Inner
			Name string `json:"name"`
		}), new(Tagged), new(struct{ hidden }), new(struct {
			Other
			Deep struct{ Other }
		}),
	} {
		text := []byte(`{"name":"1","A":"2","B":"3","C":"4","D":"5","E":"6","inner":{"B":"8"},"Deep":{"D":"9"}}`)
		strict := reflect.New(reflect.TypeOf(v).Elem())
		require.NoError(t, json.Unmarshal(text, strict.Interface()))
		require.NoError(t, decode(text, v, nil))
		assert.Equal(t, strict.Interface(), v)
	}
}
