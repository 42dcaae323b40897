package promptorchestra_test

import (
	"bytes"
	"encoding/json"
	"errors"
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

func TestErrorDescribesItsCall(t *testing.T) {
	e := failWith(t, 422, map[string]string{"X-Request-Id": "req_1"}, string(apidocs.File(t, "errors/page-error-details.json")))
	assert.Equal(t, "Agents.Publish", e.Op)
	assert.Equal(t, http.MethodPost, e.Method)
	assert.Equal(t, "/api/agents/{agentId}/publish", e.Path)
	assert.Equal(t, apitest.Organization, e.Organization)
	assert.Equal(t, map[string]string{"agentId": "agt_1", "versionId": "agv_1"}, e.Resource)
	assert.Equal(t, 1, e.Attempts)
	assert.False(t, e.Idempotent)
	assert.Equal(t, "promptorchestra: Agents.Publish: 422 Unprocessable Entity (AGENT_GRAPH_INVALID): "+
		"Graph validation failed: missing_entry_step: Entry step is required [request_id=req_1]", e.Error())
}

func TestErrorIsOneCleanLine(t *testing.T) {
	for name, body := range map[string]string{
		"forged log line": `{"error":"a\nlevel=ERROR msg=\"b\"\u2028c\u001b[31m","code":"x\r\ny","details":[{"code":"\n","message":"\t\u0000"}]}`,
		"huge message":    `{"error":"` + strings.Repeat("ä", 200<<10) + `"}`,
		"many details":    `{"error":"x","details":[` + strings.Repeat(`{"code":"c","message":"`+strings.Repeat("m", 500)+`"},`, 999) + `{"code":"last"}]}`,
		"huge HTML":       "<html>" + strings.Repeat("<p>x</p>\n", 100_000),
	} {
		t.Run(name, func(t *testing.T) {
			e := failWith(t, 422, map[string]string{"X-Request-Id": strings.Repeat("r", 5000)}, body)
			for _, text := range []string{e.Error(), fmt.Sprint(e.LogValue())} {
				assert.Less(t, len(text), 1500)
				assert.NotRegexp(t, `[\x00-\x1f\x7f\x{2028}]`, text)
			}
			assert.LessOrEqual(t, len(e.Error()), 1100)
			assert.LessOrEqual(t, len(e.RawBody), 64<<10)
		})
	}
}

func TestErrorLogValue(t *testing.T) {
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Error("failed", "err",
		failWith(t, 402, map[string]string{"X-Request-Id": "req_1"}, `{"error":"failed","message":"No seats"}`))
	var record struct {
		Err map[string]any `json:"err"`
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &record))
	assert.Equal(t, map[string]any{
		"op": "Agents.Publish", "method": "POST", "path": "/api/agents/{agentId}/publish", "organization": apitest.Organization,
		"type": "APIError", "ids": "agentId=agt_1 versionId=agv_1", "outcome_unknown": false, "retryable": false,
		"attempts": 1.0, "status": 402.0, "kind": "entitlement", "message": "No seats", "details": 0.0, "request_id": "req_1",
	}, record.Err)
}

// Whatever type an execution's failure has, its text and its log record say that the outcome is
// unknown and which run there is, wrapped or not.
func TestUnknownOutcomeIsSaid(t *testing.T) {
	call := promptorchestra.CallInfo{Op: "Prompts.Run", Resource: map[string]string{"promptId": "prm_1"}}
	for name, err := range map[string]error{
		"APIError":       &promptorchestra.APIError{CallInfo: call, StatusCode: 500, RequestID: "req_1", RawBody: []byte(`{"runId":"run_1"}`)},
		"DecodeError":    &promptorchestra.DecodeError{CallInfo: call, StatusCode: 200, RequestID: "req_1", Body: []byte(`{"runId":"run_1","output":`)},
		"TransportError": &promptorchestra.TransportError{CallInfo: call, OutcomeUnknown: true, Err: &promptorchestra.APIError{StatusCode: 500, RequestID: "req_1", RawBody: []byte(`{"runId":"run_1"}`)}},
	} {
		outer := fmt.Errorf("job 7: %w", err)
		assert.Contains(t, outer.Error(), "outcome unknown")
		assert.Contains(t, outer.Error(), "run_id=run_1")
		assert.Contains(t, outer.Error(), "[request_id=req_1]")
		id, ok := promptorchestra.RequestID(outer)
		assert.True(t, ok)
		assert.Equal(t, "req_1", id)
		for _, attr := range []slog.Attr{slog.Any("error", err), promptorchestra.LogAttr(err), promptorchestra.LogAttr(outer)} {
			var out strings.Builder
			slog.New(slog.NewTextHandler(&out, nil)).Error("failed", attr)
			for _, want := range []string{"error.type=" + name, "error.op=Prompts.Run", "error.ids=\"promptId=prm_1\"", "error.kind=", "error.outcome_unknown=true", "error.retryable=false", "error.run_id=run_1"} {
				assert.Contains(t, out.String(), want)
			}
		}
	}
}

func TestLogAttrOfOtherErrors(t *testing.T) {
	var out strings.Builder
	logger := slog.New(slog.NewTextHandler(&out, nil))
	logger.Error("failed", promptorchestra.LogAttr(errors.New("a\nb")))
	assert.Contains(t, out.String(), `error.type=*errors.errorString error.error="a b"`)
	assert.True(t, promptorchestra.LogAttr(nil).Equal(slog.Attr{}))
	assert.NotPanics(t, func() { logger.Error("failed", promptorchestra.LogAttr((*promptorchestra.APIError)(nil))) })
	for _, err := range []error{nil, errors.New("x"), (*promptorchestra.APIError)(nil), &promptorchestra.TransportError{}} {
		_, ok := promptorchestra.RequestID(err)
		assert.False(t, ok)
	}
}

// What a user's own test may build.
func TestErrorsCanBeBuilt(t *testing.T) {
	for name, row := range map[string]struct {
		err       error
		text      string
		retryable bool
		unknown   bool
	}{
		"zero APIError":        {&promptorchestra.APIError{}, "promptorchestra: 0", false, false},
		"402":                  {&promptorchestra.APIError{StatusCode: 402}, "promptorchestra: 402 Payment Required", false, false},
		"503 of a read":        {&promptorchestra.APIError{StatusCode: 503, CallInfo: promptorchestra.CallInfo{Idempotent: true}}, "promptorchestra: 503 Service Unavailable", true, false},
		"503 of an execution":  {&promptorchestra.APIError{StatusCode: 503}, "promptorchestra: 503 Service Unavailable [outcome unknown]", false, true},
		"429 of an execution":  {&promptorchestra.APIError{StatusCode: 429}, "promptorchestra: 429 Too Many Requests", true, false},
		"429 that names a run": {&promptorchestra.APIError{StatusCode: 429, RawBody: []byte(`{"runId":"run_1"}`)}, "promptorchestra: 429 Too Many Requests [outcome unknown, run_id=run_1]", false, true},
		"429 that is final": {
			&promptorchestra.APIError{StatusCode: 429, CallInfo: promptorchestra.CallInfo{Idempotent: true}, Diagnostic: &promptorchestra.Diagnostic{Retryable: promptorchestra.Set(false)}},
			"promptorchestra: 429 Too Many Requests", false, false,
		},
		"nothing sent":          {&promptorchestra.TransportError{Err: errors.New("refused")}, "promptorchestra: no response: refused", true, false},
		"dropped execution":     {&promptorchestra.TransportError{CallInfo: promptorchestra.CallInfo{Op: "Agents.Run"}, OutcomeUnknown: true, Err: errors.New("reset")}, "promptorchestra: Agents.Run: no response, outcome unknown: reset", false, true},
		"unreadable execution":  {&promptorchestra.DecodeError{StatusCode: 200, Err: errors.New("cut")}, "promptorchestra: the response with status 200 cannot be used: cut [outcome unknown]", false, true},
		"zero TransportError":   {&promptorchestra.TransportError{}, "promptorchestra: no response", true, false},
		"zero DecodeError":      {&promptorchestra.DecodeError{CallInfo: promptorchestra.CallInfo{Idempotent: true}}, "promptorchestra: the response with status 0 cannot be used", false, false},
		"ArgumentError":         {&promptorchestra.ArgumentError{CallInfo: promptorchestra.CallInfo{Op: "Agents.Get"}, Argument: "agentId", Reason: "must not be empty"}, "promptorchestra: Agents.Get: agentId: must not be empty", false, false},
		"joined, one unknown":   {errors.Join(&promptorchestra.APIError{StatusCode: 503, CallInfo: promptorchestra.CallInfo{Idempotent: true}}, &promptorchestra.TransportError{OutcomeUnknown: true}), "", false, true},
		"wrapped":               {fmt.Errorf("x: %w", &promptorchestra.APIError{StatusCode: 503, CallInfo: promptorchestra.CallInfo{Idempotent: true}}), "", true, false},
		"somebody else's error": {errors.New("x"), "", false, false},
		"nil":                   {nil, "", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			if row.text != "" {
				assert.Equal(t, row.text, row.err.Error())
			}
			assert.Equal(t, row.retryable, promptorchestra.IsRetryable(row.err))
			assert.Equal(t, row.unknown, promptorchestra.OutcomeUnknown(row.err))
		})
	}
}

func TestNilErrorsDoNotPanic(t *testing.T) {
	for _, err := range []error{(*promptorchestra.APIError)(nil), (*promptorchestra.TransportError)(nil), (*promptorchestra.DecodeError)(nil), (*promptorchestra.ArgumentError)(nil)} {
		assert.NotPanics(t, func() {
			_ = err.Error()
			_ = errors.Unwrap(err)
			_ = err.(slog.LogValuer).LogValue()
			_ = promptorchestra.IsRetryable(err)
			_ = promptorchestra.OutcomeUnknown(err)
			_, _ = promptorchestra.RetryAfter(err)
			_ = promptorchestra.IsEntitlement(err)
			_ = errors.Is(err, promptorchestra.ErrMissingOrganization)
		})
	}
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
