package jsonscan_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

func TestWalk(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":{"b":1,"c":[2,{"d":"x"}]},"e":null}`: `/a/b=1 /a/c=2 /a/c/d="x" /e=null`,
		`[1,[true]]`:                 `=1 =true`,
		`{"a\u0062" : 1}`:            `/ab=1`,
		`{"a":{},"b":2}`:             `/b=2`,
		`{"a":"cut`:                  `/a="cut...`,
		`{"a":12`:                    `/a=12...`,
		`{"a":12}`:                   `/a=12`,
		`"whole"`:                    `="whole"`,
		`"a":1}],"b":{"c":2}`:        `/a=1 /b/c=2`,
		`{"a":}{"b":1`:               `/b=1...`,
		`{"a" 1}`:                    `="a" =1`,
		`["malformed":1]`:            `/malformed=1`,
		`}}]`:                        ``,
		strings.Repeat(`[`, 1000):    ``,
		strings.Repeat(`[`, 1001):    `too deep`,
		`{"a":[{"b":1},2],"c":"\""}`: `/a/b=1 /a=2 /c="\""`,
	} {
		var got []string
		done := jsonscan.Walk([]byte(text), func(object string, name []byte) string {
			return object + "/" + string(name)
		}, func(at string, raw []byte, whole bool) {
			if !whole {
				raw = append(raw[:len(raw):len(raw)], "..."...)
			}
			got = append(got, at+"="+string(raw))
		})
		if !done {
			got = append(got, "too deep")
		}
		assert.Equal(t, want, strings.Join(got, " "), text)
	}
}
