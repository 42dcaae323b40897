package promptorchestra_test

import (
	"context"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

func TestDo(t *testing.T) {
	client := apitest.NewClient(t, http.HandlerFunc(apitest.Echo))
	for name, row := range map[string]struct {
		request promptorchestra.Request
		opts    []promptorchestra.CallOption
		want    apitest.Echoed
	}{
		"GET": {
			promptorchestra.Request{Method: "GET", Path: "/api/new%2Fthing/1", Query: url.Values{"b": {"2", ""}, "a": {"x y"}}},
			nil,
			apitest.Echoed{Method: "GET", URI: "/api/new%2Fthing/1?organizationId=org_1&a=x+y&b=2&b="},
		},
		"POST": {
			promptorchestra.Request{Method: "POST", Path: "/api/x", Body: map[string]any{"a": "<b>"}},
			nil,
			apitest.Echoed{Method: "POST", URI: "/api/x", Body: `{"organizationId":"org_1","a":"<b>"}`, Type: "application/json"},
		},
		"DELETE without a body": {
			promptorchestra.Request{Method: "DELETE", Path: "/api/x"},
			nil,
			apitest.Echoed{Method: "DELETE", URI: "/api/x", Body: `{"organizationId":"org_1"}`, Type: "application/json"},
		},
		"raw JSON": {
			promptorchestra.Request{Method: "PUT", Path: "/api/x", Body: json.RawMessage(` { "a" : 1 } `)},
			nil,
			apitest.Echoed{Method: "PUT", URI: "/api/x", Body: `{"organizationId":"org_1","a":1}`, Type: "application/json"},
		},
		"extras": {
			promptorchestra.Request{Method: "POST", Path: "/api/x", Body: struct{ A int }{1}},
			[]promptorchestra.CallOption{
				promptorchestra.WithExtraBody(map[string]any{"z": []byte(`[1]`), "b": 2}), promptorchestra.WithExtraQuery("q", "&"),
			},
			apitest.Echoed{Method: "POST", URI: "/api/x?q=%26", Body: `{"organizationId":"org_1","A":1,"b":2,"z":[1]}`, Type: "application/json"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got apitest.Echoed
			require.NoError(t, client.Do(t.Context(), row.request, &got, row.opts...))
			assert.Equal(t, row.want, got)
			require.NoError(t, client.Do(t.Context(), row.request, nil, row.opts...))
		})
	}
}

// Nothing of a bad call is sent, and the error names the argument.
func TestBadArguments(t *testing.T) {
	var seen apitest.Recorder
	client := apitest.NewClient(t, &seen)
	ctx := t.Context()
	do := func(r promptorchestra.Request, out any, opts ...promptorchestra.CallOption) error {
		return client.Do(ctx, r, out, opts...)
	}
	get := func(opts ...promptorchestra.CallOption) error {
		_, err := client.Agents.Get(ctx, "agt_1", opts...)
		return err
	}
	create := func(opts ...promptorchestra.CallOption) error {
		_, err := client.Agents.Create(ctx, promptorchestra.AgentCreateParams{Name: "x"}, opts...)
		return err
	}
	run := func(variables any) error {
		_, err := client.Prompts.Run(ctx, "prm_1", promptorchestra.PromptRunParams{Variables: variables})
		return err
	}
	path := func(p string) error { return do(promptorchestra.Request{Method: "GET", Path: p}, nil) }
	var nilPointer *apitest.Echoed
	//nolint:staticcheck // a nil context is one of the rows
	for name, row := range map[string]struct {
		err      error
		argument string
	}{
		"no id":                {apitest.ErrorOf(client.Agents.Get(ctx, "")), "agentId"},
		"a dot":                {apitest.ErrorOf(client.Agents.Get(ctx, ".")), "agentId"},
		"two dots":             {apitest.ErrorOf(client.Agents.DiffVersion(ctx, "agt_1", "..", "agv_1")), "versionId"},
		"a control character":  {apitest.ErrorOf(client.Agents.Get(ctx, "a\r\nb")), "agentId"},
		"no required query":    {apitest.ErrorOf(client.AgentRuns.Compare(ctx, "arun_1", "")), "rightRunId"},
		"no required member":   {apitest.ErrorOf(client.Agents.Create(ctx, promptorchestra.AgentCreateParams{})), "name"},
		"nil context":          {apitest.ErrorOf(client.Agents.Get(nil, "agt_1")), "ctx"},
		"nil option":           {get(nil), "CallOption"},
		"into nil":             {get(promptorchestra.WithInto(nil)), "WithInto"},
		"into no pointer":      {get(promptorchestra.WithInto(apitest.Echoed{})), "WithInto"},
		"into a nil pointer":   {get(promptorchestra.WithInto(nilPointer)), "WithInto"},
		"nil response":         {get(promptorchestra.WithResponse(nil)), "WithResponse"},
		"no timeout":           {get(promptorchestra.WithTimeout(0)), "WithTimeout"},
		"own header":           {get(promptorchestra.WithHeader("authorization", "x")), "WithHeader"},
		"header injection":     {get(promptorchestra.WithHeader("X-A", "a\r\nX-B: b")), "WithHeader"},
		"extra body of a GET":  {get(promptorchestra.WithExtraBody(map[string]any{"a": 1})), "WithExtraBody"},
		"extra query twice":    {get(promptorchestra.WithExtraQuery("publicContract", "0")), "WithExtraQuery"},
		"extra organization":   {get(promptorchestra.WithExtraQuery("organizationId", "org_2")), "WithExtraQuery"},
		"organization in POST": {create(promptorchestra.WithExtraQuery("organizationId", "org_2")), "WithExtraQuery"},
		"extra query no key":   {get(promptorchestra.WithExtraQuery("", "x")), "WithExtraQuery"},
		"extra member twice":   {create(promptorchestra.WithExtraBody(map[string]any{"name": "y"})), "WithExtraBody"},
		"extra member unset":   {create(promptorchestra.WithExtraBody(map[string]any{"description": "y"})), "WithExtraBody"},
		"extra member casing":  {create(promptorchestra.WithExtraBody(map[string]any{"Name": "y"})), "WithExtraBody"},
		"extra tenant":         {create(promptorchestra.WithExtraBody(map[string]any{"organizationId": "org_2"})), "WithExtraBody"},
		"extra channel":        {create(promptorchestra.WithExtraBody(map[string]any{"c": make(chan int)})), "body"},
		"idempotency key":      {create(promptorchestra.WithHeader("idempotency-key", "x")), "WithHeader"},
		"x idempotency key":    {create(promptorchestra.WithHeader("X-Idempotency-Key", "x")), "WithHeader"},
		"variables channel":    {run(map[string]any{"c": make(chan int)}), "body"},
		"variables NaN":        {run(map[string]any{"n": math.NaN()}), "body"},
		"variables text":       {run("text"), "variables"},
		"variables list":       {run([]string{"a"}), "variables"},
		"variables raw list":   {run(promptorchestra.RawJSON(`[1]`)), "variables"},
		"variables broken":     {run(promptorchestra.RawJSON(`{"a":`)), "body"},
		"Do absolute":          {path("https://evil.example/api/x"), "Path"},
		"Do no prefix":         {path("/other"), "Path"},
		"Do dots":              {path("/api/../x"), "Path"},
		"Do escaped dots":      {path("/api/%2e%2E/x"), "Path"},
		"Do empty segment":     {path("/api//x"), "Path"},
		"Do query":             {path("/api/x?a=1"), "Path"},
		"Do fragment":          {path("/api/x#a"), "Path"},
		"Do not escaped":       {path("/api/a b"), "Path"},
		"Do line break":        {path("/api/a\r\nb"), "Path"},
		"Do bad escape":        {path("/api/%zz"), "Path"},
		"Do backslash":         {path(`/api/..\x`), "Path"},
		"Do no method":         {do(promptorchestra.Request{Path: "/api/x"}, nil), "Method"},
		"Do odd method":        {do(promptorchestra.Request{Method: "get", Path: "/api/x"}, nil), "Method"},
		"Do body of a GET":     {do(promptorchestra.Request{Method: "GET", Path: "/api/x", Body: 1}, nil), "Body"},
		"Do no object":         {do(promptorchestra.Request{Method: "POST", Path: "/api/x", Body: 1}, nil), "body"},
		"Do tenant":            {do(promptorchestra.Request{Method: "POST", Path: "/api/x", Body: map[string]any{"organizationId": "org_2"}}, nil), "organizationId"},
		"Do tenant in query":   {do(promptorchestra.Request{Method: "POST", Path: "/api/x", Query: url.Values{"organizationId": {"org_2"}}}, nil), "organizationId"},
		"Do out no pointer":    {do(promptorchestra.Request{Method: "GET", Path: "/api/x"}, apitest.Echoed{}), "out"},
		"Do out nil pointer":   {do(promptorchestra.Request{Method: "GET", Path: "/api/x"}, nilPointer), "out"},
		"Do idempotency key":   {do(promptorchestra.Request{Method: "POST", Path: "/api/x"}, nil, promptorchestra.WithHeader("Idempotency-Key", "x")), "WithHeader"},
		"zero client":          {(&promptorchestra.Client{}).Do(ctx, promptorchestra.Request{Method: "GET", Path: "/api/x"}, nil), "client"},
	} {
		t.Run(name, func(t *testing.T) {
			var e *promptorchestra.ArgumentError
			require.ErrorAs(t, row.err, &e)
			assert.Equal(t, row.argument, e.Argument)
			assert.NotEmpty(t, e.Reason)
			assert.False(t, promptorchestra.IsRetryable(row.err))
			assert.False(t, promptorchestra.OutcomeUnknown(row.err))
		})
	}
	assert.Empty(t, seen.All(), "nothing was sent")
}

func TestIdempotencyKeyIsAllowedWhereRepeatingIsSafe(t *testing.T) {
	var seen apitest.Recorder
	_, err := apitest.NewClient(t, &seen).Agents.Get(t.Context(), "agt_1", promptorchestra.WithHeader("Idempotency-Key", "x"))
	require.NoError(t, err)
	assert.Equal(t, "x", seen.Last().Header.Get("Idempotency-Key"))
}

func TestWithResponse(t *testing.T) {
	var got promptorchestra.Response
	client := apitest.NewClient(t, http.HandlerFunc(apitest.Echo))
	_, err := client.Agents.Get(t.Context(), "agt_1", promptorchestra.WithResponse(&got))
	require.NoError(t, err)
	assert.Equal(t, 200, got.StatusCode)
	assert.Equal(t, "req_echo", got.RequestID)
	assert.Equal(t, 1, got.Attempts)
	assert.Equal(t, "req_echo", got.Header.Get("X-Request-Id"))
	assert.Contains(t, string(got.Body), `"method":"GET"`)

	failing := apitest.NewClient(t, apitest.Respond(http.StatusServiceUnavailable, `{"error":"x"}`))
	_, err = failing.Agents.Get(t.Context(), "agt_1", promptorchestra.WithResponse(&got))
	require.Error(t, err)
	assert.Equal(t, 503, got.StatusCode)
	assert.Equal(t, 4, got.Attempts)
	assert.JSONEq(t, `{"error":"x"}`, string(got.Body))
}

func TestRetryOptionsOfACall(t *testing.T) {
	attempts := func(call func(*promptorchestra.Client, ...promptorchestra.CallOption) error, opts ...promptorchestra.CallOption) int {
		var got promptorchestra.Response
		client := apitest.NewClient(t, apitest.Respond(http.StatusServiceUnavailable, ""))
		require.Error(t, call(client, append(opts, promptorchestra.WithResponse(&got))...))
		return got.Attempts
	}
	get := func(c *promptorchestra.Client, opts ...promptorchestra.CallOption) error {
		return apitest.ErrorOf(c.Agents.Get(t.Context(), "agt_1", opts...))
	}
	create := func(c *promptorchestra.Client, opts ...promptorchestra.CallOption) error {
		return apitest.ErrorOf(c.Agents.Create(t.Context(), promptorchestra.AgentCreateParams{Name: "x"}, opts...))
	}
	assert.Equal(t, 4, attempts(get))
	assert.Equal(t, 1, attempts(get, promptorchestra.WithoutRetry()))
	assert.Equal(t, 1, attempts(create))
	assert.Equal(t, 4, attempts(create, promptorchestra.WithRetryable()))
}

func TestTimeout(t *testing.T) {
	release := make(chan struct{})
	client := apitest.NewClient(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer close(release)
	_, err := client.Agents.Get(t.Context(), "agt_1", promptorchestra.WithTimeout(20*time.Millisecond), promptorchestra.WithoutRetry())
	var e *promptorchestra.TransportError
	require.ErrorAs(t, err, &e)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Contains(t, err.Error(), "the attempt took longer than 20ms")
	assert.False(t, e.OutcomeUnknown, "a read has no effect")

	_, err = client.Agents.Create(t.Context(), promptorchestra.AgentCreateParams{Name: "x"}, promptorchestra.WithTimeout(250*time.Millisecond))
	require.ErrorAs(t, err, &e)
	assert.True(t, e.OutcomeUnknown)
	assert.Equal(t, 1, e.Attempts)

	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Millisecond)
	defer cancel()
	started := time.Now()
	_, err = client.Agents.Get(ctx, "agt_1", promptorchestra.WithTimeout(time.Nanosecond))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.GreaterOrEqual(t, time.Since(started), 30*time.Millisecond, "the context's own deadline is the one that counts")
}

// The shorter of the two timeouts counts; where the context has a deadline, the http.Client's alone.
func TestTimeoutBesideThatOfTheHTTPClient(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or the server would not notice that the client left
		<-r.Context().Done()
	}))
	t.Cleanup(srv.Close)
	long, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, row := range []struct {
		client, timeout time.Duration
		ctx             context.Context //nolint:containedctx // a row of a table
		want            string
	}{
		{time.Minute, 250 * time.Millisecond, t.Context(), "the attempt took longer than 250ms"},
		{250 * time.Millisecond, time.Minute, t.Context(), "the attempt took longer than 250ms"},
		{250 * time.Millisecond, 10 * time.Millisecond, long, "the attempt took longer than 250ms"},
	} {
		client := apitest.NewClientAt(t, srv.URL, promptorchestra.WithHTTPClient(&http.Client{Timeout: row.client}), promptorchestra.WithTimeout(row.timeout))
		err := apitest.Run(row.ctx, client)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, row.want)
		assert.True(t, promptorchestra.OutcomeUnknown(err))
	}
}

type recursive map[string]recursive

// A guess at an unknown endpoint's answer that is wrong must not look like no results.
func TestDoIntoAnotherTypeThanTheAnswer(t *testing.T) {
	client := apitest.NewClient(t, apitest.Respond(200, `{"id":"a","n":"x","list":[{"n":1},{"n":"x"}]}`))
	var list []string
	var text string
	var number *int
	for _, out := range []any{&list, &text, &number} {
		err := client.Do(t.Context(), promptorchestra.Request{Method: "GET", Path: "/api/x"}, out)
		var e *promptorchestra.DecodeError
		require.ErrorAs(t, err, &e)
		assert.ErrorContains(t, err, "JSON object")
		assert.Contains(t, string(e.Body), `"id":"a"`)
	}
	var thing struct {
		ID   string
		N    int
		List []struct{ N int }
	}
	require.NoError(t, client.Do(t.Context(), promptorchestra.Request{Method: "GET", Path: "/api/x"}, &thing), "one member is no reason")
	var tree recursive
	require.NoError(t, client.Do(t.Context(), promptorchestra.Request{Method: "GET", Path: "/api/x"}, &tree), "nor one of the same type")
	assert.Equal(t, "a", thing.ID)
	assert.Len(t, thing.List, 2)
}

// What a value held before does not stay.
func TestValuesDecodedAnew(t *testing.T) {
	key := promptorchestra.NewSecret("old")
	require.NoError(t, json.Unmarshal([]byte(`""`), &key))
	assert.True(t, key.IsZero())
	o := promptorchestra.Set(7)
	require.NoError(t, json.Unmarshal([]byte(`"x"`), &o))
	assert.True(t, o.IsZero())
	o = promptorchestra.Set(7)
	require.NoError(t, json.Unmarshal([]byte(`null`), &o))
	v, _ := o.Get()
	assert.Zero(t, v)
	var ts promptorchestra.Timestamp
	require.NoError(t, json.Unmarshal([]byte(`-1767323045000`), &ts))
	assert.Equal(t, 1913, ts.Year())
	require.NoError(t, json.Unmarshal([]byte(`"2026-01-02T03:04:05+02:00"`), &ts))
	assert.Equal(t, time.UTC, ts.Location())
}

type marshaler []int

func (marshaler) MarshalJSON() ([]byte, error) { return []byte(`{"a":1}`), nil }

func TestVariablesThatMarshalThemselves(t *testing.T) {
	_, err := apitest.NewClient(t, apitest.Respond(200, `{"runId":"r"}`)).Prompts.Run(t.Context(), "prm_1", promptorchestra.PromptRunParams{Variables: marshaler{1}})
	require.NoError(t, err)
}
