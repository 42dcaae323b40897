package recipes

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func TestErrorsCompare(t *testing.T) {
	examples := func(text string) []any {
		return []any{
			orchestratest.Error("Agents.Publish", 422, `{"error":"`+text+`","code":"AGENT_GRAPH_INVALID","details":[{"code":"x","message":"y"}]}`),
			&promptorchestra.TransportError{OutcomeUnknown: true, Err: errors.New(text)},
			&promptorchestra.DecodeError{StatusCode: 200, Body: []byte(text)},
			&promptorchestra.ArgumentError{Argument: "agentId", Reason: text},
			fmt.Errorf("outer: %w", orchestratest.Error("Skills.Run", 500, `{"error":"`+text+`"}`)),
			struct{ Err error }{&promptorchestra.DecodeError{Body: []byte(text)}},
			promptorchestra.CallResult{Err: &promptorchestra.ArgumentError{Reason: text}},
		}
	}
	for i, one := range examples("a") {
		if diff := cmp.Diff(one, examples("a")[i], sameErrors); diff != "" {
			t.Errorf("%T: %s", one, diff)
		}
		if cmp.Equal(one, examples("b")[i], sameErrors) {
			t.Errorf("%T: no difference", one)
		}
	}
}
