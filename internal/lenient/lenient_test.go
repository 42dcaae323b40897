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
func decodeRecord(t *testing.T, text string) (record, []string) {
	t.Helper()
	var r record
	var misfits []string
	require.NoError(t, Unmarshal([]byte(text), &r, func(e *json.UnmarshalTypeError) { misfits = append(misfits, e.Field+" "+e.Value) }))
	return r, misfits
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
		if err != nil || json.Unmarshal(data, &strict) != nil || spelled.of(reflect.TypeFor[record](), newSpellings).mayMislead(data) || unusual(data) {
			return
		}
		var slow record
		if err := decode(data, &slow, nil); err != nil || !reflect.DeepEqual(slow, strict) {
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
