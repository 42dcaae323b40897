package promptorchestra_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest/apidocs"
)

var callOfARun = promptorchestra.CallInfo{
	Op: "Prompts.Run", Method: "POST", Path: "/api/prompts/{promptId}/run", Organization: "org_1",
	Resource: map[string]string{"promptId": "prm_1"}, Attempts: 2,
}

// throughJSON encodes an error and reads it back as the same type.
func throughJSON(t *testing.T, err error) error {
	t.Helper()
	text, marshalErr := json.Marshal(err)
	require.NoError(t, marshalErr)
	back := reflect.New(reflect.TypeOf(err).Elem())
	require.NoError(t, json.Unmarshal(text, back.Interface()), "%s", text)
	return back.Interface().(error)
}

func TestErrorsAreEncodedUnderTheirGoNames(t *testing.T) {
	for want, err := range map[string]error{
		`{"Op":"Prompts.Run","Method":"POST","Path":"/api/prompts/{promptId}/run","Organization":"org_1","Resource":{"promptId":"prm_1"},"Attempts":2,"Idempotent":false,
		"Type":"TransportError","Version":1,"Kind":"transport","Retryable":false,"OutcomeUnknown":true,"Err":"read: connection reset"}`: &promptorchestra.TransportError{CallInfo: callOfARun, OutcomeUnknown: true, Err: errors.New("read: connection reset")},
		`{"Op":"Prompts.Run","Method":"POST","Path":"/api/prompts/{promptId}/run","Organization":"org_1","Resource":{"promptId":"prm_1"},"Attempts":2,"Idempotent":false,
		"Type":"DecodeError","Version":1,"Kind":"decode","Retryable":false,"OutcomeUnknown":true,"StatusCode":200,"RequestID":"req_1","Body":"e30=","Err":"cut"}`: &promptorchestra.DecodeError{CallInfo: callOfARun, StatusCode: 200, RequestID: "req_1", Body: []byte("{}"), Err: errors.New("cut")},
		`{"Op":"","Method":"","Path":"","Organization":"","Resource":null,"Attempts":0,"Idempotent":false,
		"Type":"ArgumentError","Version":1,"Kind":"argument","Retryable":false,"OutcomeUnknown":false,"Argument":"agentId","Reason":"must not be empty","Err":""}`: &promptorchestra.ArgumentError{Argument: "agentId", Reason: "must not be empty"},
		`{"Op":"Prompts.Run","Method":"POST","Path":"/api/prompts/{promptId}/run","Organization":"org_1","Resource":{"promptId":"prm_1"},"Attempts":2,"Idempotent":false,
		"Type":"APIError","Version":1,"Retryable":false,"OutcomeUnknown":false,"StatusCode":422,"Kind":"validation","Code":"C","Message":"m","Summary":"s","Details":[{"code":"c","message":"m","path":"p"}],"Diagnostic":{"code":"C","title":"t","category":"","why":""},
		"Shape":"diagnostic","RequestID":"req_1","RetryAfter":1000000000,"RawBody":"e30=","Err":"unexpected EOF"}`: &promptorchestra.APIError{
			CallInfo: callOfARun, StatusCode: 422, Kind: promptorchestra.KindValidation, Code: "C", Message: "m", Summary: "s",
			Details: []promptorchestra.ErrorDetail{{Code: "c", Message: "m", Path: "p"}}, Diagnostic: &promptorchestra.Diagnostic{Code: "C", Title: "t"},
			Shape: promptorchestra.ShapeDiagnostic, RequestID: "req_1", RetryAfter: time.Second, RawBody: []byte("{}"), Err: io.ErrUnexpectedEOF,
		},
	} {
		text, marshalErr := json.Marshal(err)
		require.NoError(t, marshalErr)
		assert.JSONEq(t, want, string(text))
	}
}

// What a job queue stores of an error says the same after it was read back.
func TestErrorsSurviveJSON(t *testing.T) {
	idempotent := promptorchestra.CallInfo{Op: "Agents.Get", Idempotent: true}
	for name, err := range map[string]error{
		"an API error":               failWith(t, 422, map[string]string{"X-Request-Id": "req_1"}, string(apidocs.File(t, "errors/page-error-details.json"))),
		"a diagnostic":               failWith(t, 403, nil, string(apidocs.File(t, "errors/diagnostic.json"))),
		"text":                       failWith(t, 502, nil, "bad \x00\xff gateway"),
		"a 503":                      failWith(t, 503, nil, ``),
		"a rate limit":               failWith(t, 429, map[string]string{"Retry-After": "7"}, `{"error":"busy"}`),
		"one that names a run":       failWith(t, 429, nil, `{"error":"busy","runId":"run_1"}`),
		"one that does so far down":  failWith(t, 429, nil, `{"error":"`+strings.Repeat("busy ", 20<<10)+`","runId":"run_1"}`),
		"one that is final far down": failWith(t, 429, nil, `{"error":"`+strings.Repeat("busy ", 20<<10)+`","retryable":false}`),
		"a cut one":                  &promptorchestra.APIError{StatusCode: 429, Err: io.ErrUnexpectedEOF},
		"a cancelled one":            &promptorchestra.APIError{CallInfo: idempotent, StatusCode: 503, Err: fmt.Errorf("reading: %w", context.Canceled)},
		"a lost response":            &promptorchestra.TransportError{CallInfo: callOfARun, OutcomeUnknown: true, Err: io.EOF},
		"a failed dial":              &promptorchestra.TransportError{CallInfo: callOfARun, Err: errors.New("dial: connection refused")},
		"a cancelled call":           &promptorchestra.TransportError{CallInfo: idempotent, Err: fmt.Errorf("sending: %w", context.Canceled)},
		"without a cause":            &promptorchestra.TransportError{CallInfo: callOfARun},
		"a cut success":              &promptorchestra.DecodeError{CallInfo: callOfARun, StatusCode: 200, Body: []byte(`{"runId":"run_1`), Err: io.ErrUnexpectedEOF},
		"an argument":                &promptorchestra.ArgumentError{CallInfo: callOfARun, Argument: "variables", Reason: "do not encode", Err: errors.New("unsupported type")},
		"zero":                       &promptorchestra.APIError{},
	} {
		t.Run(name, func(t *testing.T) {
			back := throughJSON(t, err)
			assert.Equal(t, err.Error(), back.Error())
			assert.Equal(t, promptorchestra.OutcomeUnknown(err), promptorchestra.OutcomeUnknown(back))
			assert.Equal(t, promptorchestra.IsRetryable(err), promptorchestra.IsRetryable(back))
			twice := throughJSON(t, back)
			assert.Equal(t, back, twice)
		})
	}
}

func TestErrorsOfCallsSurviveJSON(t *testing.T) {
	ended, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	sealed := promptorchestra.WithAccessTokenSource(func(context.Context, string) (string, error) { return "", errors.New("the vault is sealed") })
	busy := promptorchestra.WithRetry(promptorchestra.RetryPolicy{Budget: -1})
	for name, err := range map[string]error{
		"a context that had ended": apitest.Get(ended, apitest.NewClient(t, apitest.Respond(200, "{}"))),
		"a token source":           apitest.Get(t.Context(), apitest.NewClient(t, apitest.Respond(200, "{}"), sealed)),
		"no budget":                apitest.Get(t.Context(), apitest.NewClient(t, apitest.Respond(503, ""), busy)),
		"a dropped read":           apitest.Get(t.Context(), apitest.NewClient(t, http.HandlerFunc(apitest.Drop), apitest.OwnPool(t))),
		"a dropped execution":      apitest.Run(t.Context(), apitest.NewClient(t, http.HandlerFunc(apitest.Drop), apitest.OwnPool(t))),
		"a cut read":               apitest.Get(t.Context(), apitest.NewClient(t, http.HandlerFunc(cutAgent), apitest.OwnPool(t), promptorchestra.WithRetry(promptorchestra.RetryPolicy{MaxRetries: -1}))),
		"a run far down":           apitest.Run(t.Context(), apitest.NewClient(t, apitest.Respond(500, `{"error":"`+strings.Repeat("busy ", 20<<10)+`","runId":"run_1"}`))),
		"an empty success":         apitest.Run(t.Context(), apitest.NewClient(t, apitest.Respond(200, ""))),
	} {
		require.Error(t, err, name)
		back := throughJSON(t, err)
		sameError(t, name, err, back)
		sameError(t, name, err, throughJSON(t, back))

		outer := fmt.Errorf("job 7: %w", err)
		text, marshalErr := promptorchestra.MarshalError(outer)
		require.NoError(t, marshalErr, name)
		read, unmarshalErr := promptorchestra.UnmarshalError(text)
		require.NoError(t, unmarshalErr, name)
		sameError(t, name, outer, read)
	}
}

// cutAgent sends half of an agent.
func cutAgent(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	_, _ = w.Write([]byte(`{"id":"agt_1"`))
}

// sameError: everything this package says of an error is the same after it was read back.
func sameError(t *testing.T, name string, err, back error) {
	t.Helper()
	assert.Equal(t, err.Error(), back.Error(), name)
	assert.Equal(t, promptorchestra.OutcomeUnknown(err), promptorchestra.OutcomeUnknown(back), name)
	assert.Equal(t, promptorchestra.IsRetryable(err), promptorchestra.IsRetryable(back), name)
	assert.Equal(t, promptorchestra.KindOf(err), promptorchestra.KindOf(back), name)
	id, ok := promptorchestra.RunID(err)
	backID, backOK := promptorchestra.RunID(back)
	assert.Equal(t, id, backID, name)
	assert.Equal(t, ok, backOK, name)
	wait, ok := promptorchestra.RetryAfter(err)
	backWait, backOK := promptorchestra.RetryAfter(back)
	assert.Equal(t, wait, backWait, name)
	assert.Equal(t, ok, backOK, name)
}

func TestUnmarshalErrorFindsTheType(t *testing.T) {
	for name, err := range map[string]error{
		"APIError": &promptorchestra.APIError{StatusCode: 402}, "TransportError": &promptorchestra.TransportError{OutcomeUnknown: true},
		"DecodeError": &promptorchestra.DecodeError{StatusCode: 200}, "ArgumentError": &promptorchestra.ArgumentError{Argument: "agentId"},
	} {
		text, marshalErr := promptorchestra.MarshalError(errors.Join(errors.New("first"), err))
		require.NoError(t, marshalErr)
		back, unmarshalErr := promptorchestra.UnmarshalError(text)
		require.NoError(t, unmarshalErr)
		found := reflect.New(reflect.TypeOf(err))
		require.ErrorAs(t, back, found.Interface(), name)
		assert.Equal(t, "first\n"+err.Error(), back.Error())

		for _, other := range []error{new(promptorchestra.APIError), new(promptorchestra.TransportError), new(promptorchestra.DecodeError), new(promptorchestra.ArgumentError)} {
			if reflect.TypeOf(other) != reflect.TypeOf(err) {
				require.ErrorContains(t, json.Unmarshal(text, other), "it is a \""+name+"\"")
			}
		}
		newer := strings.Replace(string(text), `"Version":1`, `"Version":2,"New":[1]`, 1)
		_, unmarshalErr = promptorchestra.UnmarshalError([]byte(newer))
		assert.NoError(t, unmarshalErr, "a higher version is read")
	}
	for _, text := range []string{``, `null`, `[]`, `{}`, `{"Type":"Panic"}`, `{"Type":"APIError","Attempts":"two"}`, `{"Op":"Agents.Get"}`} {
		err, unmarshalErr := promptorchestra.UnmarshalError([]byte(text))
		require.Error(t, unmarshalErr, text)
		assert.NoError(t, err, text)
	}
	for _, err := range []error{nil, errors.New("x"), (*promptorchestra.APIError)(nil)} {
		_, marshalErr := promptorchestra.MarshalError(err)
		assert.Error(t, marshalErr)
	}
}

// An error in JSON has at most 256 KiB, and still says what to do.
func TestErrorsInJSONAreBounded(t *testing.T) {
	huge := strings.Repeat("<\x00\xff", 100<<10)
	details := make([]promptorchestra.ErrorDetail, 1000)
	for i := range details {
		details[i].Message = huge[:1000]
	}
	for _, err := range []error{
		&promptorchestra.DecodeError{CallInfo: callOfARun, StatusCode: 200, Body: []byte(huge + `"runId":"run_1"`), Err: errors.New(huge)},
		&promptorchestra.TransportError{CallInfo: callOfARun, OutcomeUnknown: true, Err: errors.New(huge)},
		&promptorchestra.ArgumentError{CallInfo: callOfARun, Argument: "x", Err: errors.New(huge)},
		&promptorchestra.APIError{CallInfo: callOfARun, StatusCode: 500, Message: huge, Code: huge, Summary: huge, Details: details, Diagnostic: &promptorchestra.Diagnostic{Why: huge}, RawBody: []byte(huge), RetryAfter: time.Second},
	} {
		text, marshalErr := promptorchestra.MarshalError(fmt.Errorf("%s: %w", huge, err))
		require.NoError(t, marshalErr)
		assert.LessOrEqual(t, len(text), 256<<10)
		back, unmarshalErr := promptorchestra.UnmarshalError(text)
		require.NoError(t, unmarshalErr)
		assert.Equal(t, promptorchestra.OutcomeUnknown(err), promptorchestra.OutcomeUnknown(back))
		assert.Equal(t, promptorchestra.IsRetryable(err), promptorchestra.IsRetryable(back))
		assert.Equal(t, promptorchestra.KindOf(err), promptorchestra.KindOf(back))
		id, _ := promptorchestra.RunID(err)
		backID, _ := promptorchestra.RunID(back)
		assert.Equal(t, id, backID)
	}
	noKind, unmarshalErr := promptorchestra.UnmarshalError([]byte(`{"Type":"DecodeError","Err":"x"}`))
	require.NoError(t, unmarshalErr)
	assert.Equal(t, promptorchestra.KindUnknown, promptorchestra.KindOf(noKind))
	small := &promptorchestra.APIError{StatusCode: 422, RawBody: make([]byte, 64<<10), Details: details[:10], Diagnostic: &promptorchestra.Diagnostic{Why: "w"}}
	var back *promptorchestra.APIError
	require.ErrorAs(t, throughJSON(t, small), &back)
	assert.Len(t, back.RawBody, 64<<10, "nothing is cut without need")
	small.Message = huge[:200<<10]
	require.ErrorAs(t, throughJSON(t, small), &back)
	assert.Empty(t, back.RawBody, "the body is cut first")
}

func TestErrorsThatAreNotJSON(t *testing.T) {
	for _, text := range []string{`[]`, `"x"`, `{"Attempts":"two"}`, `{`} {
		for _, err := range []error{new(promptorchestra.APIError), new(promptorchestra.TransportError), new(promptorchestra.DecodeError), new(promptorchestra.ArgumentError)} {
			assert.Error(t, json.Unmarshal([]byte(text), err), text)
		}
	}
	var holder struct{ Failure *promptorchestra.APIError }
	text, err := json.Marshal(holder)
	require.NoError(t, err)
	assert.JSONEq(t, `{"Failure":null}`, string(text))
	require.NoError(t, json.Unmarshal(text, &holder))
	assert.Nil(t, holder.Failure)
}

// A diagnostic within a record is read as one of a failure is.
func TestDiagnosticOfARecord(t *testing.T) {
	for text, want := range map[string]promptorchestra.Diagnostic{
		`{"code":"X","title":"t","category":"c","why":"w"}`: {Code: "X", Title: "t", Category: "c", Why: "w"},
		`"the provider is down"`:                            {Why: "the provider is down"},
		`{"code":17,"why":["a","b"]}`:                       {Code: "17", Why: "a; b"},
		`{"Code":"X","affected_fields":["slug"],"docs_hint":"d","retryable":"false"}`: {
			Code: "X", AffectedFields: []string{"slug"}, DocsHint: promptorchestra.RawJSON(`"d"`), Retryable: promptorchestra.Set(false),
		},
		`{"message":"tool failed"}`:              {Why: "tool failed"},
		`{"error":{"message":"tool failed"}}`:    {Why: "tool failed"},
		`{"title":"t","message":"m"}`:            {Title: "t"},
		`[{"code":"X","why":"w"}]`:               {Code: "X", Why: "w"},
		`["a","b"]`:                              {Why: "a; b"},
		`"{\"code\":\"X\",\"why\":\"w\"}"`:       {Code: "X", Why: "w"},
		`{"where":null,"retryable":null}`:        {Where: promptorchestra.RawJSON(`null`), Retryable: promptorchestra.Null[bool]()},
		`{"why":{"text":"private"},"title":[1]}`: {Title: "1"},
		`{"affectedFields":[]}`:                  {AffectedFields: []string{}},
		`{}`:                                     {},
		`17`:                                     {Why: "17"},
		`false`:                                  {},
		`""`:                                     {},
		`[]`:                                     {},
	} {
		var record struct{ Diagnostic *promptorchestra.Diagnostic }
		require.NoError(t, json.Unmarshal([]byte(`{"diagnostic":`+text+`}`), &record), text)
		assert.Equal(t, &want, record.Diagnostic, text)
		encoded, err := json.Marshal(record)
		require.NoError(t, err)
		back := record
		back.Diagnostic = nil
		require.NoError(t, json.Unmarshal(encoded, &back))
		assert.Equal(t, record.Diagnostic, back.Diagnostic, "read back from %s", encoded)
	}
	var record struct{ Diagnostic *promptorchestra.Diagnostic }
	require.NoError(t, json.Unmarshal([]byte(`{"diagnostic":null}`), &record))
	assert.Nil(t, record.Diagnostic)
}

// Where a run is recorded as failed, its diagnostic is there whatever its form is.
func TestDiagnosticOfARecordedRun(t *testing.T) {
	for body, why := range map[string]string{
		`{"run":{"id":"arun_1","status":"failed"},"diagnostic":"down"}`:         "down",
		`{"run":{"id":"arun_1","status":"failed"},"diagnostic":{"why":["a"]}}`:  "a",
		`{"run":{"id":"arun_1","status":"failed"},"diagnostic":[{"why":"b"}]}`:  "b",
		`{"run":{"id":"arun_1","status":"failed"},"diagnostic":{"Why":"c"}}`:    "c",
		`{"run":{"id":"arun_1","status":"failed"},"diagnostic":{"reason":"d"}}`: "d",
	} {
		run, err := apitest.NewClient(t, apitest.Respond(200, body)).AgentRuns.Get(t.Context(), "arun_1")
		require.NoError(t, err)
		require.NotNil(t, run.Diagnostic, body)
		assert.Equal(t, why, run.Diagnostic.Why, body)
	}
}

// JSON that was written before errors had a Type.
func TestErrorsOfEarlierVersionsAreRead(t *testing.T) {
	var api promptorchestra.APIError
	require.NoError(t, json.Unmarshal([]byte(`{"Op":"Agents.Get","Repeatable":true,"StatusCode":503,"Kind":"server","Err":""}`), &api))
	assert.True(t, api.Idempotent)
	assert.True(t, promptorchestra.IsRetryable(&api))
	assert.Equal(t, promptorchestra.KindServer, api.Kind)
	require.NoError(t, json.Unmarshal([]byte(`{"Op":"Agents.Get","Repeatable":true,"StatusCode":503,"Final":true}`), &api))
	assert.False(t, promptorchestra.IsRetryable(&api))
	require.NoError(t, json.Unmarshal([]byte(`{"Op":"Prompts.Run","StatusCode":429,"MayHaveRun":true}`), &api))
	assert.True(t, promptorchestra.OutcomeUnknown(&api))
	assert.False(t, promptorchestra.IsRetryable(throughJSON(t, &api)))

	var lost promptorchestra.TransportError
	require.NoError(t, json.Unmarshal([]byte(`{"Op":"Prompts.Run","Repeatable":false,"OutcomeUnknown":true,"Err":"EOF"}`), &lost))
	assert.True(t, lost.OutcomeUnknown)
	assert.Equal(t, promptorchestra.KindTransport, promptorchestra.KindOf(&lost))
	require.NoError(t, json.Unmarshal([]byte(`{"Repeatable":true,"Err":"dial: refused"}`), &lost))
	assert.True(t, lost.Idempotent && promptorchestra.IsRetryable(&lost))
	require.NoError(t, json.Unmarshal([]byte(`{"Repeatable":true,"Err":"bad certificate","Final":true}`), &lost))
	assert.False(t, promptorchestra.IsRetryable(&lost))

	var cut promptorchestra.DecodeError
	require.NoError(t, json.Unmarshal([]byte(`{"Op":"Prompts.Run","StatusCode":200,"Body":"eyJydW5JZCI6InJ1bl8xIg==","Err":"cut"}`), &cut))
	id, _ := promptorchestra.RunID(&cut)
	assert.Equal(t, "run_1", id)
	assert.True(t, promptorchestra.OutcomeUnknown(&cut))
	var argument promptorchestra.ArgumentError
	require.NoError(t, json.Unmarshal([]byte(`{"Argument":"agentId","Repeatable":true,"Err":"x"}`), &argument))
	assert.True(t, argument.Idempotent)
}
