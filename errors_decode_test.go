package promptorchestra_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest/apidocs"
)

func TestDiagnosticIsKeptWhole(t *testing.T) {
	d := failWith(t, 403, nil, string(apidocs.File(t, "errors/diagnostic.json"))).Diagnostic
	require.NotNil(t, d)
	assert.Equal(t, "Scope missing", d.Title)
	assert.Equal(t, "authorization", d.Category)
	assert.Equal(t, "The API key lacks the scope skills:write.", d.Why)
	assert.JSONEq(t, `{"route":"POST /api/skills","credential":"api_key"}`, d.Where.String())
	assert.Equal(t, []string{"authorization"}, d.AffectedFields)
	assert.JSONEq(t, `"Create a key with the authoring_ci preset."`, d.Recovery.String())
	assert.Equal(t, promptorchestra.Set(false), d.Retryable)
	assert.JSONEq(t, `"api-keys#scopes"`, d.DocsHint.String())
	assert.JSONEq(t, `[{"code":"missing_scope","message":"skills:write"}]`, d.Details.String())
}

func TestErrorsAreBounded(t *testing.T) {
	err := apitest.Run(t.Context(), apitest.NewClient(t, apitest.Respond(429, `{"error":"busy","runId":"`+strings.Repeat("r", 300)+`"}`)))
	assert.True(t, promptorchestra.IsRetryable(err))
	e := failWith(t, 502, nil, strings.Repeat("x ", 10_000))
	assert.LessOrEqual(t, len(e.Message), 304)
	var fields strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&fields, `,"f%d":"x"`, i)
	}
	assert.Len(t, failWith(t, 422, nil, `{"error":"x","details":{`+fields.String()[1:]+`}}`).Details, 1000)
}
