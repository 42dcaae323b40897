package lenient

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

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
		assert.Equal(t, record{}, record{Count: got.Count, Small: got.Small, Size: got.Size, Cost: got.Cost, Done: got.Done}, text)
	}
	_, misfits := decodeRecord(t, `{"parts":[{"stepKey":[1]},{"stepKey":{"a":1}}],"count":{"a":1}}`)
	assert.Equal(t, []string{"parts.stepKey array", "count object"}, misfits, "once a name")
}
