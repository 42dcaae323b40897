package promptorchestra_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
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

// The text of a failure is found wherever frameworks and gateways put it.
func TestTextWhereverItStands(t *testing.T) {
	for _, row := range []struct {
		body    string
		status  int // 422 when it is 0
		message string
		code    string
		paths   string // of the details
	}{
		{body: `{"errorMessage":"x"}`, message: "x"},
		{body: `{"error_message":"x"}`, message: "x"},
		{body: `{"Error-Message":"x","error_code":"E1"}`, message: "x", code: "E1"},
		{body: `{"err":{"msg":"x"}}`, status: 500, message: "x"},
		{body: `{"fault":{"faultstring":"x"}}`, status: 500, message: "x"},
		{body: `{"issues":[{"message":"x"}]}`, status: 500, message: "x"},
		{body: `{"issues":[{"code":"invalid_type","path":["steps",2,"promptId"],"message":"Required"}],"name":"ZodError"}`, message: "Required", paths: "steps[2].promptId"},
		{body: `{"error":{"issues":[{"code":"too_small","path":["slug"],"message":"Too short"}],"name":"ZodError"}}`, message: "Too short", paths: "slug"},
		{body: `{"error":"[\n  {\n    \"code\": \"invalid_type\",\n    \"path\": [\"slug\"],\n    \"message\": \"Required\"\n  }\n]"}`, message: "Required", paths: "slug"},
		{body: `{"error":{"formErrors":[],"fieldErrors":{"slug":["Required"],"name":["Too long"]}}}`, message: "Required; Too long", paths: "slug name"},
		{body: `{"slug":["x"]}`, message: "x", paths: "slug"},
		{body: `{"slug":["x"],"name":["y","z"]}`, status: 400, message: "x; y; z", paths: "slug name"},
		{body: `{"slug":["x"],"name":["y"]}`, status: 500, message: "Internal Server Error"},
		{body: `{"errors":{"slug":"x"}}`, message: "x", paths: "slug"},
		{body: `{"errors":{"slug":["x"],"title":["y"]}}`, message: "x; y", paths: "slug title"},
		{body: `{"errors":{"slug":{"message":"x","kind":"required"}}}`, message: "x", paths: "slug"},
		{body: `{"errors":{"slug":["x"]}}`, status: 500, message: "Internal Server Error", paths: "slug"},
		{body: `{"errors":["x","y"]}`, status: 500, message: "x; y", paths: " "},
		{body: `{"errors":[{"message":"x"},{"message":"y"}]}`, status: 500, message: "x; y", paths: " "},
		{body: `{"errorMessages":["x"],"errors":{}}`, status: 500, message: "x"},
		{body: `{"message":["slug must be set"],"error":"Bad Request","statusCode":400}`, status: 400, message: "slug must be set"},
		{body: `{"detail":[{"loc":["body","slug"],"msg":"field required","type":"missing"}]}`, message: "field required", paths: "body.slug"},
		{body: `{"status":"fail","data":{"title":"x"}}`, message: "x", paths: "title"},
		{body: `{"Status":"FAIL","data":{"title":"x"}}`, message: "x", paths: "title"},
		{body: `{"status":"fail","data":{"slug":"x","name":"y"}}`, message: "x; y", paths: "slug name"},
		{body: `{"status":"error","data":"x"}`, status: 500, message: "x"},
		{body: `{"success":false,"data":[{"code":"c","message":"x"}]}`, status: 403, message: "x"},
		{body: `{"data":{"message":"x"}}`, status: 500, message: "x"},
		{body: `{"data":{"error":{"message":"x","code":"c"}}}`, status: 500, message: "x"},
		{body: `{"data":{"errors":[{"message":"x","path":"slug"}]}}`, status: 500, message: "x", paths: "slug"},
		{body: `[{"message":"x"}]`, status: 500, message: "x"},
		{body: `{"message":"{\"error\":{\"message\":\"x\"}}"}`, status: 500, message: "x"},
		{body: `{"message":"503 {\"error\":{\"message\":\"x\"}} from upstream"}`, status: 500, message: "503 x from upstream"},
		{body: `{"error":true,"message":"x"}`, status: 500, message: "x"},
		{body: `{"error":{"type":"insufficient_quota"}}`, status: 500, message: "insufficient_quota", code: "insufficient_quota"},
		{body: `{"name":"AbortError"}`, status: 500, message: "AbortError"},
		{body: `{"type":"about:blank","status":404}`, status: 404, message: "Not Found"},
		{body: `{"organizationId":["Required"]}`, status: 400, message: "Required", paths: "organizationId"},
	} {
		if row.status == 0 {
			row.status = http.StatusUnprocessableEntity
		}
		e := failWith(t, row.status, nil, row.body)
		assert.Equal(t, row.message, e.Message, row.body)
		if row.code != "" {
			assert.Equal(t, row.code, e.Code, row.body)
		}
		var paths []string
		for _, d := range e.Details {
			paths = append(paths, d.Path)
		}
		if row.paths != "" {
			assert.Equal(t, strings.Fields(row.paths), strings.Fields(strings.Join(paths, " ")), row.body)
		}
		assert.Equal(t, row.body, string(e.RawBody), "nothing is lost")
	}
	assert.Equal(t, promptorchestra.KindMissingOrganization, failWith(t, 400, nil, `{"organizationId":["Required"]}`).Kind)
}

// A failure's body may hold the user's prompt: the error and the logs show texts of it, and no
// JSON.
func TestNoErrorShowsTheUsersPrompt(t *testing.T) {
	const prompt = "the user's text"
	for _, row := range []struct {
		status  int
		body    string
		message string
	}{
		{500, `{"error":{"name":"AI_APICallError","requestBodyValues":{"prompt":"the user's text"}}}`, "AI_APICallError"},
		{500, `{"error":{"requestBodyValues":{"prompt":"the user's text"}}}`, "Internal Server Error"},
		{500, `{"error":{"type":"server_error","input":["the user's text"]}}`, "server_error"},
		{500, `{"requestBodyValues":{"prompt":"the user's text"}}`, "Internal Server Error"},
		{422, `{"requestBodyValues":{"prompt":"the user's text"}}`, "Unprocessable Entity"},
		{500, `{"message":{"role":"user","content":"the user's text"}}`, "Internal Server Error"},
		{500, `{"error":"failed","details":{"prompt":"the user's text"}}`, "failed"},
		{500, `{"error":"failed","details":{"input":{"prompt":"the user's text"}}}`, "failed"},
		{500, `{"error":"failed","details":[{"input":{"prompt":"the user's text"}}]}`, "failed"},
		{500, `{"errors":{"prompt":"the user's text"}}`, "Internal Server Error"},
		{500, `{"prompt":["the user's text"]}`, "Internal Server Error"},
		{500, `{"error":"failed","data":{"title":"the user's text"}}`, "failed"},
		{500, `{"data":{"title":"the user's text"}}`, "Internal Server Error"},
		{500, `{"error":"{\"prompt\":\"the user's text\"}"}`, "Internal Server Error"},
		{500, `{"message":"400 {\"prompt\":\"the user's text\"}"}`, "400"},
		{500, `{"message":"400 {\"messages\":[{\"content\":\"the user's te`, "400"},
		{500, `{"message":"Failed: [ {\"prompt\":\"the user's text\"} ]"}`, "Failed:"},
		{502, `upstream said: {"prompt": "the user's text"}`, "upstream said:"},
		{502, `<html><body><pre>{"prompt":"the user's text"}</pre></body></html>`, "Bad Gateway"},
		{500, `{"code":{"prompt":"the user's text"}}`, "Internal Server Error"},
		{500, `[{"prompt":"the user's text"}]`, "Internal Server Error"},
		{500, `{"error":{"cut":"the user's te`, "Internal Server Error"},
	} {
		e := failWith(t, row.status, nil, row.body)
		assert.Equal(t, row.message, e.Message, row.body)
		var logged bytes.Buffer
		slog.New(slog.NewTextHandler(&logged, nil)).Error("failed", "err", e)
		for _, text := range []string{e.Error(), e.Message, fmt.Sprintf("%v %s %+v", e, e, error(e)), logged.String()} {
			assert.NotContains(t, text, prompt[:10], row.body)
		}
		assert.Equal(t, row.body, string(e.RawBody))
	}
}

func TestLogShowsCodesAndPathsOfDetails(t *testing.T) {
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Error("failed", "err", failWith(t, 422, nil,
		`{"error":"x","details":[{"code":"unknown_step","path":"entryStepKey"},{"code":"missing_prompt","path":["steps",2,"promptId"]},{"code":"missing_prompt","path":"steps[3].promptId"}]}`))
	assert.Contains(t, logged.String(), `err.details=3`)
	assert.Contains(t, logged.String(), `err.detail_codes="unknown_step, missing_prompt"`)
	assert.Contains(t, logged.String(), `err.detail_paths="entryStepKey, steps[2].promptId, steps[3].promptId"`)
}

// A text that the message was made of is not printed twice.
func TestErrorShowsEachTextOnce(t *testing.T) {
	for body, want := range map[string]string{
		`{"slug":["x"]}`: "promptorchestra: Agents.Publish: 422 Unprocessable Entity: x",
		`{"issues":[{"code":"c","message":"x"},{"message":"y"}]}`:   "promptorchestra: Agents.Publish: 422 Unprocessable Entity: x; y: c",
		`{"error":"no","details":[{"message":"x"},{"code":"c"}]}`:   "promptorchestra: Agents.Publish: 422 Unprocessable Entity: no: x; c",
		`{"error":{"type":"quota"}}`:                                "promptorchestra: Agents.Publish: 422 Unprocessable Entity (quota)",
		`{"error":"no","details":[{"input":{"prompt":"private"}}]}`: "promptorchestra: Agents.Publish: 422 Unprocessable Entity: no",
	} {
		assert.Equal(t, want, failWith(t, 422, nil, body).Error(), body)
	}
}

// Of a page the error shows what a reader would see of it.
func TestSentenceOfAPage(t *testing.T) {
	for name, row := range map[string]struct{ page, message string }{
		"style and comments": {
			`<!DOCTYPE html><!-- a > b --><html><head><meta charset="utf-8"><title>Error 502</title><style>
			* > a { color: red } /* "x > y" */</style><script>if (1 > 0 && a < b) { alert("<p>no</p>") }</script></head>
			<body><!--[if lt IE 9]> <p>old</p> <![endif]--><h1>Bad gateway</h1><p>The server is busy.</p></body></html>`,
			"Error 502 Bad gateway The server is busy.",
		},
		"a comment first":        {`<!-- > --><p>busy</p>`, "busy"},
		"upper case":             {`<HTML><STYLE>a > b</STYLE><P>busy</P>`, "busy"},
		"attributes with >":      {`<p title="a > b" data-x='>'>busy</p>`, "busy"},
		"an apostrophe":          {`<p>it's busy</p><p>don't</p>`, "it's busy don't"},
		"a picture":              {`<svg><title>logo</title></svg><h1>busy</h1>`, "busy"},
		"a style of 100 KiB":     {`<style>` + strings.Repeat("a > b {}\n", 12<<10) + `</style><p>busy</p>`, "busy"},
		"an unclosed style":      {`<h1>busy</h1><style>a > b`, "busy"},
		"nothing but a style":    {`<style>a > b</style>`, "Bad Gateway"},
		"an unclosed comment":    {`<h1>busy</h1><!-- a > b`, "busy"},
		"an unclosed quote":      {`<p title="a>busy</p>`, "busy"},
		"XML":                    {`<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message><![CDATA[Access <denied>]]></Message></Error>`, "AccessDenied Access"},
		"an element named alike": {`<styled>busy</styled>`, "busy"},
		"a mere <":               {`<p>1 < 2</p>`, "1 < 2"},
	} {
		assert.Equal(t, row.message, failWith(t, 502, nil, row.page).Message, name)
	}
}

func TestDiagnosticOfTheErrorDecoder(t *testing.T) {
	d := failWith(t, 400, nil, `{"code":17,"title":"t","why":["a","b"],"affected_fields":"slug","docs_hint":{"a":1},"retryable":"false"}`).Diagnostic
	assert.Equal(t, &promptorchestra.Diagnostic{
		Code: "17", Title: "t", Why: "a; b", AffectedFields: []string{"slug"}, DocsHint: promptorchestra.RawJSON(`{"a":1}`), Retryable: promptorchestra.Set(false),
	}, d)
}
