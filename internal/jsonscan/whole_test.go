package jsonscan_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

func TestJudge(t *testing.T) {
	for member, want := range map[string]string{
		`"next":"x"`: `the member "next"`, `"nextResetAt":"x"`: "", `"hasMore":false`: "", `"more":true`: `the member "more"`,
		`"a":{"b":{"c":{"next":1}}}`: `the member "next"`, `"a":{"b":{"c":{"d":{"next":1}}}}`: "", `"total":"3"`: `the member "total"`, `"total":2`: "",
		`"next":{"a":{"b":null}}`: "", `"more":{"x":[1]}`: "", `"more":"a:1"`: "", `"nextPage":"false"`: "",
	} {
		var judge jsonscan.Judge
		for name, value := range jsonscan.Members([]byte("{" + member + "}")) {
			judge.Member(name, value)
			assert.False(t, judge.Skips(name))
		}
		assert.Equal(t, want, judge.Says(nil, 2), member)
	}
}

func TestStrictJudge(t *testing.T) {
	for member, want := range map[string]string{
		`"a":null,"b":"","c":0,"d":false,"e":[],"f":{},"success":true,"count":2,"total_count":"2","org":"o"`: "",
		`"a":1`: `the member "a"`, `"success":1`: `the member "success"`, `"org":"p"`: `the member "org"`, `"count":3`: `the member "count"`,
		`"last":false`: `the member "last"`, `"incompleteResults":false`: "", `"known":7,"KNOWN":8`: "",
	} {
		judge := jsonscan.Judge{Strict: true, Known: map[string]string{"org": "o"}, Ignore: []string{"known"}}
		for name, value := range jsonscan.Members([]byte("{" + member + "}")) {
			judge.Member(name, value)
		}
		assert.Equal(t, want, judge.Says(nil, 2), member)
	}
	judge := jsonscan.Judge{Strict: true}
	assert.Empty(t, judge.Says(map[string][]string{"X-Total-Count": {"2"}, "Server": {"next"}, "Link": {`</1>; rel=first`}}, 2))
	assert.Equal(t, "the header X-Total-Count", judge.Says(map[string][]string{"X-Total-Count": {"2", "3"}}, 2))
}
