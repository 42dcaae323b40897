package failure_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/prompt-orchestra/promptorchestra-go/internal/failure"
)

func TestDetailsOfAnyForm(t *testing.T) {
	for _, row := range []struct {
		status  int
		details string
		want    string // code|message|path of each
	}{
		{422, `[{"code":"c","message":"m","path":"p"},"text",17,{"type":"t","loc":["a",0,"b"]}]`, "c|m|p |text| |17| t||a[0].b"},
		{422, `{"code":"c","message":"m"}`, "c|m|"},
		{422, `{"slug":["taken","short"],"name":["x"]}`, "|taken; short|slug |x|name"},
		{422, `{"message":["x"],"slug":["y"]}`, "|x|message |y|slug"},
		{422, `{"slug":"taken"}`, "|taken|slug"},
		{500, `{"slug":"private"}`, "||slug"},
		{422, `"[{\"message\":\"m\"}]"`, "|m|"},
		{422, `{"code":7,"type":"t"}`, "t||"},
		{422, `[]`, ""},
		{422, `null`, ""},
	} {
		var got []string
		for _, d := range failure.Read(row.status, []byte(`{"error":"x","details":`+row.details+`}`), nil).Details {
			got = append(got, d.Code+"|"+d.Message+"|"+d.Path)
		}
		assert.Equal(t, row.want, strings.Join(got, " "), row.details)
	}
}

func TestDetailsAreBounded(t *testing.T) {
	var fields strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&fields, `,"f%d":"x"`, i)
	}
	for _, details := range []string{"{" + fields.String()[1:] + "}", "[1" + strings.Repeat(",1", 2000) + "]"} {
		assert.Len(t, failure.Read(422, []byte(`{"error":"x","details":`+details+`}`), nil).Details, failure.MaxDetails)
	}
}
