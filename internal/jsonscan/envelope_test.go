package jsonscan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

// withID is a record that its id proves, and its state where nothing else does.
type withID struct{}

func (withID) Has(name []byte) bool {
	return slices.Contains(strings.Fields("id state more code message details status success error"), string(name))
}

func (withID) Proof(name, value []byte) jsonscan.Proof {
	switch {
	case string(name) == "id" && !jsonscan.IsEmpty(value):
		return jsonscan.Full
	case string(name) == "state":
		return jsonscan.Weak
	default:
		return jsonscan.NoProof
	}
}

func TestRecord(t *testing.T) {
	const failed, none = "failed", "none"
	for object, want := range map[string]string{
		`{"id":1,"a":{"id":2}}`:               `{"id":1,"a":{"id":2}}`,
		`{"a":{"id":2},"more":[1],"id":null}`: `{"id":2,"more":[1]}`,
		`{"a":{"id":2,"more":3},"more":[1]}`:  `{"id":2,"more":3}`,
		`{"state":"ok","a":{"id":2}}`:         `{"id":2,"state":"ok"}`,

		`{"code":1,"message":"m","details":[1],"status":"ok","success":true,"error":"","id":"","more":[1],"a":{"id":2}}`: `{"id":2,"more":[1]}`,

		`{"a":{"id":2},"b":{"id":3}}`:        none,
		`{"more":{"id":2}}`:                  none,
		`{"a":{"b":{"id":2}}}`:               none,
		`{"a":{"state":1}}`:                  `{"state":1}`,
		`{"id":"","a":{"state":1}}`:          `{"state":1}`,
		`{"state":1,"a":{"state":2}}`:        `{"state":2}`,
		`{"error":"x","state":1}`:            failed,
		`{"Error":"x","a":{"id":2}}`:         failed,
		`{"errors":["x"],"a":{"id":2}}`:      `{"id":2}`,
		`{"errors":["x"]}`:                   failed,
		`{"success":"false"}`:                failed,
		`{"code":1,"why":"x"}`:               failed,
		`{"code":1,"error":"","title":null}`: none,
		`{"title":"x","a":{"id":2}}`:         `{"id":2}`,
		`{"a":{"id":2},"b":{"x":1,"id":3}}`:  none,
		`{"a":{"id":2`:                       "",
	} {
		record, found, isFailure := jsonscan.Record(withID{}, []byte(object))
		got := string(record)
		switch {
		case isFailure:
			got = failed
		case !found:
			got = none
		}
		if want != "" {
			assert.Equal(t, want, got, object)
		}
	}
	assert.True(t, jsonscan.IsReport([]byte("Warnings")))
	assert.False(t, jsonscan.IsReport([]byte("runs")))
}
