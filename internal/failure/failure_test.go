package failure_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest/apidocs"
	"github.com/prompt-orchestra/promptorchestra-go/internal/failure"
	"github.com/prompt-orchestra/promptorchestra-go/internal/redact"
)

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
		{body: `{"slug":["x"],"name":["y"]}`, status: 500, message: ""},
		{body: `{"errors":{"slug":"x"}}`, message: "x", paths: "slug"},
		{body: `{"errors":{"slug":["x"],"title":["y"]}}`, message: "x; y", paths: "slug title"},
		{body: `{"errors":{"slug":{"message":"x","kind":"required"}}}`, message: "x", paths: "slug"},
		{body: `{"errors":{"slug":["x"]}}`, status: 500, message: "", paths: "slug"},
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
		{body: `{"type":"about:blank","status":404}`, status: 404, message: ""},
		{body: `{"organizationId":["Required"]}`, status: 400, message: "Required", paths: "organizationId"},
		{body: `{"details":[{"path":"a"}],"errors":[{"path":"b"}]}`, paths: "a"},
		{body: `{"message":"x","slug":["y"]}`, message: "x", paths: " "},
		{body: `{"title":"x","slug":["y"]}`, message: "x", paths: " "},
		{body: `{"data":{"slug":"x"},"name":["y"]}`, message: "y", paths: "name"},
		{body: `{"slug":["x"]}`, status: 500, paths: " "},
		{body: `{"status":"success","data":"the user's own"}`, status: 500},
		{body: `{"details":{"message":"x"}}`, status: 500, message: "x", paths: " "},
		{body: `{"details":{"path":"a"}}`, status: 500, paths: "a"},
		{body: `{"details":{"message":["x"]}}`, status: 500, message: "x", paths: " "},
		{body: `{"details":[{"path":["a",3]},{"path":"b"},{"path":3}]}`, paths: "a[3] b [3]"},
		{body: `{"code":{"x":1},"error":{"type":"E1","message":"x"}}`, message: "x", code: "E1"},
	} {
		if row.status == 0 {
			row.status = http.StatusUnprocessableEntity
		}
		f := failure.Read(row.status, []byte(row.body), nil)
		assert.Equal(t, row.message, f.Message, row.body)
		if row.code != "" {
			assert.Equal(t, row.code, f.Code, row.body)
		}
		var paths []string
		for _, d := range f.Details {
			paths = append(paths, d.Path)
		}
		if row.paths != "" {
			assert.Equal(t, strings.Fields(row.paths), strings.Fields(strings.Join(paths, " ")), row.body)
		}
		assert.Equal(t, row.body, string(f.Body), "nothing is lost")
	}
}

// Of two members for one thing one wins: a text before a number, then the better name, then the
// first.
func TestOneMemberOfSeveralWins(t *testing.T) {
	for _, row := range []struct{ body, code, message string }{
		{`{"code":401,"error_code":"bad_jwt","msg":"invalid JWT"}`, "bad_jwt", "invalid JWT"},
		{`{"error_code":"bad_jwt","code":401,"msg":"invalid JWT"}`, "bad_jwt", "invalid JWT"},
		{`{"errorCode":"E2","code":"E1","msg":"y","message":"x"}`, "E1", "x"},
		{`{"code":400,"error":{"code":"E1","message":"x"}}`, "E1", "x"},
		{`{"code":400,"error":{"type":"E1","message":"x"}}`, "E1", "x"},
		{`{"code":0,"errorCode":7,"message":"x"}`, "7", "x"},
		{`{"message":"","msg":"x"}`, "", "x"},
		{`{"message":"x","Message":"y"}`, "", "x"},
		{`{"message":17,"MESSAGE":"y"}`, "", "y"},
		{`{"error":true,"err":"x"}`, "", "x"},
		{`{"error":null,"err":"x"}`, "", "x"},
	} {
		f := failure.Read(400, []byte(row.body), nil)
		assert.Equal(t, row.code, f.Code, row.body)
		assert.Equal(t, row.message, f.Message, row.body)
	}
}

// RFC 6749, 5.2: what an authorization server, or a gateway that asks one, responds.
func TestErrorOfOAuth(t *testing.T) {
	f := failure.Read(400, []byte(`{"error":"invalid_grant","error_description":"The refresh token has expired"}`), nil)
	assert.Equal(t, "The refresh token has expired", f.Message)
	assert.Equal(t, "invalid_grant", f.Summary)
}

// The summary is what the error says beside a message that says something else.
func TestSummary(t *testing.T) {
	for body, want := range map[string]string{
		`{"error":"x","message":"y"}`: "x", `{"error":"x","message":"x"}`: "", `{"error":"x"}`: "", `{"message":"x"}`: "",
	} {
		assert.Equal(t, want, failure.Read(400, []byte(body), nil).Summary, body)
	}
}

// Only a page is read as one.
func TestTextsAreNoPages(t *testing.T) {
	for body, want := range map[string]string{`<p>5 &lt; 6</p>`: "5 < 6", `5 &lt; 6 <b>or</b> not`: "5 &lt; 6 <b>or</b> not"} {
		assert.Equal(t, want, failure.Read(502, []byte(body), nil).Message)
	}
}

func TestShapes(t *testing.T) {
	for body, want := range map[string]failure.Shape{
		``: failure.Empty, " \r\n\ufeff": failure.NoJSON, "\ufeff": failure.Empty, `busy`: failure.NoJSON, `<p>busy`: failure.NoJSON, `[error] busy`: failure.NoJSON,
		`null`: failure.OtherJSON, `[]`: failure.OtherJSON, `{}`: failure.OtherJSON, `{"message":"x"}`: failure.OtherJSON, `{"error":null}`: failure.OtherJSON,
		`{"error":"x"}`: failure.Error, `{"error":{}}`: failure.Error, `{"error":"x","message":null,"details":null}`: failure.Error,
		`{"error":"x","message":"y"}`: failure.ErrorMessage, `{"error":"x","details":[]}`: failure.ErrorDetails, `{"error":"x","message":"y","details":"z"}`: failure.ErrorDetails,
		`{"why":"x"}`: failure.Diagnosed, `{"title":"t","category":"c","error":"x"}`: failure.Diagnosed, `{"title":"t"}`: failure.OtherJSON, `{"why":""}`: failure.OtherJSON,
		`{"category":"c","error":"x"}`: failure.Error,
		`{`:                            failure.OtherJSON, `{"a`: failure.OtherJSON, `{ "error":1`: failure.Error, `{upstream} said no`: failure.NoJSON, `[1,2]`: failure.OtherJSON, `[1,`: failure.NoJSON,
	} {
		assert.Equal(t, want, failure.Read(500, []byte(body), nil).Shape, body)
	}
}

// A failure's body may hold the user's prompt: the message is a text of it, and no JSON.
func TestNoMessageShowsTheUsersPrompt(t *testing.T) {
	for _, row := range []struct {
		status  int
		body    string
		message string
	}{
		{500, `{"error":{"name":"AI_APICallError","requestBodyValues":{"prompt":"the user's text"}}}`, "AI_APICallError"},
		{500, `{"error":{"requestBodyValues":{"prompt":"the user's text"}}}`, ""},
		{500, `{"error":{"type":"server_error","input":["the user's text"]}}`, "server_error"},
		{500, `{"requestBodyValues":{"prompt":"the user's text"}}`, ""},
		{422, `{"requestBodyValues":{"prompt":"the user's text"}}`, ""},
		{500, `{"message":{"role":"user","content":"the user's text"}}`, ""},
		{500, `{"error":"failed","details":{"prompt":"the user's text"}}`, "failed"},
		{500, `{"error":"failed","details":{"input":{"prompt":"the user's text"}}}`, "failed"},
		{500, `{"error":"failed","details":[{"input":{"prompt":"the user's text"}}]}`, "failed"},
		{500, `{"errors":{"prompt":"the user's text"}}`, ""},
		{500, `{"prompt":["the user's text"]}`, ""},
		{500, `{"error":"failed","data":{"title":"the user's text"}}`, "failed"},
		{500, `{"data":{"title":"the user's text"}}`, ""},
		{500, `{"error":"{\"prompt\":\"the user's text\"}"}`, ""},
		{500, `{"message":"400 {\"prompt\":\"the user's text\"}"}`, "400"},
		{500, `{"message":"400 {\"messages\":[{\"content\":\"the user's te`, "400"},
		{500, `{"message":"Failed: [ {\"prompt\":\"the user's text\"} ]"}`, "Failed:"},
		{502, `upstream said: {"prompt": "the user's text"}`, "upstream said:"},
		{502, `<html><body><pre>{"prompt":"the user's text"}</pre></body></html>`, ""},
		{500, `{"code":{"prompt":"the user's text"}}`, ""},
		{500, `[{"prompt":"the user's text"}]`, ""},
		{500, `{"error":{"cut":"the user's te`, ""},
	} {
		f := failure.Read(row.status, []byte(row.body), nil)
		assert.Equal(t, row.message, f.Message, row.body)
		assert.NotContains(t, fmt.Sprintf("%s %s", f.Code, f.Summary), "user's", row.body)
	}
}

func TestTokensAreRedactedWhereverTheyStand(t *testing.T) {
	const token = "token-0123456789"
	for _, body := range []string{
		`{"error":"$","message":"a $","code":"$","details":[{"code":"$","message":"$","path":"$"},{"path":["$"]}]}`,
		`{"title":"$","why":"$","category":"$","where":"$","affectedFields":["$"],"details":{"a":"$"}}`,
		`{"$":["x"]}`, `upstream: {"a":"$"} $`, `<p>$</p>`, `"$"`, `["$"]`, `{"message":"{\"error\":\"$\"}"}`,
	} {
		for _, escaped := range []string{token, strings.ReplaceAll(token, "-", `\u002d`), strings.ReplaceAll(token, "-", "&#45;"), strings.ReplaceAll(token, "-", "%2D")} {
			f := failure.Read(422, []byte(strings.ReplaceAll(body, "$", escaped)), redact.Tokens{"Bearer " + token})
			d, _ := json.Marshal(f)
			for _, shown := range []string{token, escaped} {
				assert.NotContains(t, fmt.Sprintf("%+v %s %s", f, f.Body, d), shown, body)
			}
		}
	}
}

// A token that is escaped deeper than the body is searched shows as a detail is decoded.
func TestTokenInJSONWithinJSON(t *testing.T) {
	const token = "token-0123456789"
	body := `{"detail":"Token ` + strings.ReplaceAll(token, "-", `\u002d`) + `"}`
	for _, format := range []string{`{"detail":"400 %s"}`, `{"errors":"400 %s"}`, `{"title":"%s"}`, `{"type":"%s"}`, `{"errors":"%s"}`} {
		quoted, _ := json.Marshal(body)
		body = fmt.Sprintf(format, quoted[1:len(quoted)-1])
	}
	for _, status := range []int{422, 500} {
		f := failure.Read(status, []byte(body), redact.Tokens{"Bearer " + token})
		assert.NotContains(t, fmt.Sprintf("%+v", f), token)
	}
}

// FuzzErrorDecoder: any body is read within its bounds, twice the same, and without its tokens.
func FuzzErrorDecoder(f *testing.F) {
	apidocs.AddFiles(f, "errors/*", func(data []byte) { f.Add(422, data) })
	for _, seed := range []string{
		"", "null", `"x"`, `[1,"a",{"message":{"error":["b"]}}]`, `{"error":{"code":1,"details":{"a":["b"]}},"details":null}`,
		`{"error":"a","ERROR":"b","error":3}`, `{"error":"cut\u00`, "<html>&amp;&#0;", "\ufeff{\"error\":\"bom\"}", "\xff", `{"why":1,"retryable":"no"}`,
		`{"details":[[[[[[[[[["deep"]]]]]]]]]]}`, `{"run":{"id":"run_1"},"runId":7}`, `{"errors":[{"loc":["steps",0],"msg":"m","type":"t"}]}`,
	} {
		f.Add(500, []byte(seed))
	}
	for _, seed := range []string{
		`{"slug":["x"],"name":[{"message":"y"}]}`, `{"errors":{"title":["x"]},"issues":[{"path":["a",1],"message":"{\"b\":[]}"}]}`, `{"status":"fail","data":{"title":"x"}}`,
		`{"error":"[{\"message\":\"a\"},{"}`, `{"message":"400 {\"error\":{\"prompt\":\"tok\/en\u002d0123456789\"}} {\"a\":1"}`, `{"code":[1],"affected_fields":{"a":"b"},"title":"t","category":"c","where":null}`,
		"<!-- > --><style>a > b</style><p title='>'>x &amp;amp; y</p><![CDATA[<b>]]><svg", `upstream: {"a":"tok&#101;n-0123456789"}`, `"token-0123456789 token-01234`,
		`{"runs":{"items":[{"id":"run_1"}]},"x":"{\"runIds\":[7]}","sessions":[{"id":"s"}],"sourceRun":{"id":"r"}}`, `{"runId":"run_1`,
	} {
		f.Add(422, []byte(seed))
	}
	f.Add(429, []byte(`{"source_run_id":"r0","x":{"draftRun":{"meta":{},"ID":"r1"}},"y":[{"retryable" : false}],"Retryable":true}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		const token = "token-0123456789"
		given := bytes.Clone(body)
		read := failure.Read(status, body, nil)
		if !bytes.Equal(given, body) || !assert.ObjectsAreEqual(read, failure.Read(status, body, nil)) {
			t.Fatal("reading changes the body, or is not the same twice")
		}
		if !bytes.Equal(body, read.Body) || len(read.Details) > failure.MaxDetails || (read.Shape == failure.Diagnosed) != (read.Diagnostic != nil) {
			t.Fatalf("%+v", read)
		}
		for _, d := range read.Details {
			if len(d.Raw) > 0 && !json.Valid(d.Raw) { // of a cut entry there is none
				t.Fatalf("detail %q is no JSON", d.Raw)
			}
		}
		if runs := failure.FindRuns(body, nil); runs.ID != "" && !runs.Named {
			t.Fatalf("run %q of a body that names none", runs.ID)
		}
		_ = failure.ForbidsRetry(body)
		read = failure.Read(status, body, redact.Tokens{"Bearer " + token})
		if shown := fmt.Sprintf("%+v %+v %s", read, read.Diagnostic, read.Body); strings.Contains(shown, token) {
			t.Fatalf("%q shows the token", shown)
		}
	})
}
